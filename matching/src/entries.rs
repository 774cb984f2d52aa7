//! Who is there: an entry a subscription under a dense handle, found by id, listed by slot.

use alloc::boxed::Box;
use alloc::vec::Vec;

use gomera_model::{OperationNumber, SLOTS, SessionId, SlotId, SubscriptionId, SubscriptionNumber};

use crate::scan::fetch;
use crate::table::{Segment, low, mix};

/// What a hit needs, and the way to the rest: 32 bytes, two in a cache line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry {
    pub(crate) session: SessionId,
    pub(crate) operation: OperationNumber,
    pub(crate) number: SubscriptionNumber,
    /// Where its record lies; [`NOWHERE`] if there is no subscription under this handle.
    pub(crate) record: u32,
    /// The place of its only posting in a large bucket, or [`NOWHERE`].
    pub(crate) place: u32,
    pub(crate) slot: SlotId,
    /// Whether it has one posting, whose place is kept.
    pub(crate) is_alone: bool,
}

/// Neither a place nor an offset.
pub(crate) const NOWHERE: u32 = u32::MAX;

impl Entry {
    pub(crate) fn id(&self) -> SubscriptionId {
        SubscriptionId {
            session: self.session,
            number: self.number,
        }
    }
}

/// All entries.
#[derive(Clone, Debug)]
pub(crate) struct Entries {
    seed: u64,
    chunks: Vec<Box<[Entry]>>,
    used: u32,
    free: Vec<u32>,
    slots: Vec<Segment<u32>>,
    len: usize,
}

/// Entries of a chunk: 64 KiB.
const CHUNK: usize = 2048;

impl Entries {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            chunks: Vec::new(),
            used: 0,
            free: Vec::new(),
            slots: (0..SLOTS).map(|_| Segment::new()).collect(),
            len: 0,
        }
    }

    /// Puts an entry whose id is not there.
    pub(crate) fn insert(&mut self, entry: Entry) -> u32 {
        let handle = self.free.pop().unwrap_or_else(|| self.next());
        *self.get_mut(handle) = entry;
        let (seed, chunks) = (self.seed, &self.chunks);
        let hash_of = |&handle: &u32| hash(seed, at(chunks, handle).id());
        self.slots[entry.slot.index()].insert(handle, hash_of);
        self.len += 1;
        handle
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, handle: u32) {
        let entry = *self.get(handle);
        let (seed, chunks) = (self.seed, &self.chunks);
        let hash_of = |&handle: &u32| hash(seed, at(chunks, handle).id());
        let segment = &mut self.slots[entry.slot.index()];
        if let Some(place) = segment.find(hash_of(&handle), |other| *other == handle) {
            segment.remove(place, hash_of);
        }
        self.get_mut(handle).record = NOWHERE;
        self.free.push(handle);
        self.len -= 1;
    }

    /// The handle of a subscription.
    pub(crate) fn find(&self, id: SubscriptionId, slot: SlotId) -> Option<u32> {
        let segment = &self.slots[slot.index()];
        let place = segment.find(hash(self.seed, id), |&handle| self.get(handle).id() == id)?;
        Some(*segment.at(place))
    }

    #[inline]
    pub(crate) fn get(&self, handle: u32) -> &Entry {
        at(&self.chunks, handle)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, handle: u32) -> &mut Entry {
        let handle = handle as usize;
        &mut self.chunks[handle / CHUNK][handle % CHUNK]
    }

    /// Asks for an entry ahead.
    #[inline]
    pub(crate) fn fetch(&self, handle: u32) {
        fetch(self.get(handle));
    }

    /// The handles in a slot.
    pub(crate) fn slot(&self, slot: SlotId) -> impl Iterator<Item = u32> {
        self.slots[slot.index()].iter().copied()
    }

    pub(crate) fn slot_len(&self, slot: SlotId) -> usize {
        self.slots[slot.index()].len()
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Above every handle.
    pub(crate) fn bound(&self) -> u32 {
        self.used
    }

    pub(crate) fn bytes(&self) -> usize {
        self.chunks.len() * CHUNK * size_of::<Entry>()
            + self.free.capacity() * size_of::<u32>()
            + self.slots.iter().map(Segment::bytes).sum::<usize>()
            + SLOTS * size_of::<Segment<u32>>()
    }

    fn next(&mut self) -> u32 {
        let handle = self.used;
        if handle as usize == self.chunks.len() * CHUNK {
            self.chunks
                .push(alloc::vec![Entry::default(); CHUNK].into());
        }
        self.used += 1;
        handle
    }
}

#[inline]
fn at(chunks: &[Box<[Entry]>], handle: u32) -> &Entry {
    let handle = handle as usize;
    &chunks[handle / CHUNK][handle % CHUNK]
}

fn hash(seed: u64, id: SubscriptionId) -> u32 {
    low(mix(seed, id.session.0, u64::from(id.number.0)))
}
