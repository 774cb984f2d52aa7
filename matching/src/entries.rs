//! Who is there: an entry a subscription under a dense handle, found by id, listed by slot.

use alloc::vec::Vec;

use gomera_model::{OperationNumber, SLOTS, SessionId, SlotId, SubscriptionId, SubscriptionNumber};

use crate::scan::fetch;
use crate::table::{Segment, Vacant, low, mix};

/// What a hit needs, and the way to the rest: 32 bytes, two in a cache line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry {
    pub(crate) session: SessionId,
    pub(crate) operation: OperationNumber,
    pub(crate) number: SubscriptionNumber,
    /// Where its record lies; [`NOWHERE`] if there is no subscription under this handle.
    pub(crate) record: u32,
    pub(crate) slot: SlotId,
}

/// Where a subscription is looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    pub(crate) id: SubscriptionId,
    pub(crate) slot: SlotId,
    hash: u64,
}

/// No offset.
pub(crate) const NOWHERE: u32 = u32::MAX;

impl Entry {
    /// One without a record yet.
    pub(crate) fn new(spot: &Spot, operation: OperationNumber) -> Self {
        Self {
            session: spot.id.session,
            operation,
            number: spot.id.number,
            record: NOWHERE,
            slot: spot.slot,
        }
    }

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
    /// Each with room for all of it from the start.
    chunks: Vec<Vec<Entry>>,
    used: u32,
    free: Vec<u32>,
    slots: Vec<Segment<Tagged>>,
    len: usize,
}

/// A handle, and some bits of the hash of its id above it: most of what is not looked for is passed over without a look
/// at its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tagged(u32);

const HANDLE_BITS: u32 = 26;

impl Tagged {
    fn new(handle: u32, hash: u64) -> Self {
        Self(handle | Self::tag(hash))
    }

    fn handle(self) -> u32 {
        self.0 & ((1 << HANDLE_BITS) - 1)
    }

    fn has_tag(self, tag: u32) -> bool {
        (self.0 ^ tag) >> HANDLE_BITS == 0
    }

    fn tag(hash: u64) -> u32 {
        low(hash >> 32) & !((1 << HANDLE_BITS) - 1)
    }
}

impl Vacant for Tagged {
    const VACANT: Self = Self(u32::MAX);

    fn is_vacant(&self) -> bool {
        *self == Self::VACANT
    }
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

    /// Puts an entry whose id is not there, at the spot of its id.
    pub(crate) fn insert(&mut self, entry: Entry, spot: &Spot) -> u32 {
        let handle = self.free.pop().unwrap_or_else(|| self.next());
        *self.get_mut(handle) = entry;
        let (seed, chunks) = (self.seed, &self.chunks);
        let hash_of = |item: &Tagged| low(hash(seed, at(chunks, item.handle()).id()));
        let item = Tagged::new(handle, spot.hash);
        self.slots[spot.slot.index()].insert(item, hash_of);
        self.len += 1;
        handle
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, handle: u32) {
        let entry = *self.get(handle);
        let (seed, chunks) = (self.seed, &self.chunks);
        let hash_of = |item: &Tagged| low(hash(seed, at(chunks, item.handle()).id()));
        let segment = &mut self.slots[entry.slot.index()];
        let hash = low(hash(seed, entry.id()));
        if let Some(place) = segment.find(hash, |other| other.handle() == handle) {
            segment.remove(place, hash_of);
        }
        self.get_mut(handle).record = NOWHERE;
        self.free.push(handle);
        self.len -= 1;
    }

    /// Where a subscription is looked for.
    #[inline]
    pub(crate) fn spot(&self, id: SubscriptionId) -> Spot {
        let (slot, hash) = (id.slot(), hash(self.seed, id));
        Spot { id, slot, hash }
    }

    /// Asks for what a search at a spot begins with.
    #[inline]
    pub(crate) fn fetch_spot(&self, spot: &Spot) {
        if let Some(place) = self.slots[spot.slot.index()].first(low(spot.hash)) {
            fetch(place);
        }
    }

    /// The handle of the subscription at a spot.
    #[inline]
    pub(crate) fn find(&self, spot: &Spot) -> Option<u32> {
        let segment = &self.slots[spot.slot.index()];
        let tag = Tagged::tag(spot.hash);
        let is = |item: &Tagged| item.has_tag(tag) && self.get(item.handle()).id() == spot.id;
        let place = segment.find(low(spot.hash), is)?;
        Some(segment.at(place).handle())
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
        self.slots[slot.index()].iter().map(|item| item.handle())
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
            + SLOTS * size_of::<Segment<Tagged>>()
    }

    fn next(&mut self) -> u32 {
        let handle = self.used;
        if handle as usize == self.chunks.len() * CHUNK {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let chunk = self.chunks.last_mut().expect("it was put right before");
        chunk.push(Entry::default());
        self.used += 1;
        assert!(
            self.used < 1 << HANDLE_BITS,
            "an index holds 2^26 subscriptions"
        );
        handle
    }
}

#[inline]
fn at(chunks: &[Vec<Entry>], handle: u32) -> &Entry {
    let handle = handle as usize;
    &chunks[handle / CHUNK][handle % CHUNK]
}

fn hash(seed: u64, id: SubscriptionId) -> u64 {
    mix(seed, id.session.0, u64::from(id.number.0))
}
