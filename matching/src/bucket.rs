//! Buckets: the postings of one key. A small one is a few postings side by side; a large one has columns, one group a
//! facet, scanned many at a time.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::arena::Arena;
use crate::facets::FacetId;
use crate::frame::Frame;
use crate::group::{Group, Intervals, Place, Signature};
use crate::limits::{COLUMN_WORTH, GROUP_MAX, SMALL_BUCKET_MAX};
use crate::loose::Loose;
pub(crate) use crate::posting::{Posting, Target, Targets};
use crate::rows::Rows;
use crate::scan::{Scanner, fetch};

/// Which bucket: so many postings at that offset, or a large one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bucket {
    Small { len: u8, offset: u32 },
    Large(u32),
}

/// The postings of all buckets.
#[derive(Clone, Debug)]
pub(crate) struct Buckets {
    small: Arena<Posting, 1>,
    /// In chunks, so that none is copied when there are more.
    large: Vec<Box<[Large; LARGE_CHUNK]>>,
    /// Those of the chunks that are not used.
    free: Vec<u32>,
    large_bytes: usize,
}

#[derive(Clone, Debug, Default)]
struct Large {
    /// Those whose facets have few postings.
    loose: Loose,
    /// By facets; those of the same facets by the places of their postings.
    groups: Vec<Group>,
    len: usize,
    /// What the groups hold beside themselves.
    group_bytes: usize,
}

/// Large buckets of a chunk.
const LARGE_CHUNK: usize = 64;

impl Buckets {
    pub(crate) fn new() -> Self {
        Self {
            small: Arena::new(),
            large: Vec::new(),
            free: Vec::new(),
            large_bytes: 0,
        }
    }

    /// A bucket of one posting.
    pub(crate) fn create(&mut self, posting: Posting) -> Bucket {
        let offset = self.small.allocate(1);
        self.small.get_mut(offset, 1)[0] = posting;
        Bucket::Small { len: 1, offset }
    }

    /// Puts a posting into a bucket; what the bucket is then.
    pub(crate) fn add(&mut self, bucket: Bucket, posting: Posting, rows: &Rows) -> Bucket {
        match bucket {
            Bucket::Small { len, offset } if self.stays_small(len, offset) => {
                self.add_small(len, offset, posting)
            }
            Bucket::Small { len, offset } => {
                let large = self.enlarge(len, offset, rows);
                self.add_large(large, posting, rows);
                Bucket::Large(large)
            }
            Bucket::Large(large) => {
                self.add_large(large, posting, rows);
                bucket
            }
        }
    }

    /// Takes a posting out; what is left of the bucket.
    pub(crate) fn remove(
        &mut self,
        bucket: Bucket,
        posting: Posting,
        rows: &Rows,
    ) -> Option<Bucket> {
        match bucket {
            Bucket::Small { len, offset } => self.remove_small(len, offset, posting),
            Bucket::Large(large) => self.remove_large(large, posting, rows).then_some(bucket),
        }
    }

    /// How many postings a bucket has.
    pub(crate) fn len(&self, bucket: Bucket) -> usize {
        match bucket {
            Bucket::Small { len, .. } => usize::from(len),
            Bucket::Large(large) => self.large(large).len,
        }
    }

    /// Asks for what [`Self::scan`] will read first.
    #[inline]
    pub(crate) fn fetch(&self, bucket: Bucket) {
        match bucket {
            Bucket::Small { len, offset } => {
                let postings = self.small.get(offset, usize::from(len));
                fetch(&postings[0]);
                fetch(&postings[postings.len() - 1]);
            }
            Bucket::Large(large) => fetch(self.large(large)),
        }
    }

    /// Collects the targets of the postings that hold.
    #[inline]
    pub(crate) fn scan(
        &self,
        bucket: Bucket,
        frame: &Frame,
        scanner: Scanner,
        targets: &mut Targets,
    ) {
        match bucket {
            Bucket::Small { len, offset } => {
                targets.select_each(self.small.get(offset, usize::from(len)), frame);
            }
            Bucket::Large(large) => {
                let large = self.large(large);
                for group in &large.groups {
                    group.scan(frame, scanner, targets);
                }
                large.loose.scan(frame, targets);
            }
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.small.bytes()
            + self.large_bytes
            + self.large.len() * size_of::<[Large; LARGE_CHUNK]>()
            + self.free.capacity() * size_of::<u32>()
    }

    /// Whether a small bucket takes one more: it does up to its limit, unless columns would be long from the start.
    fn stays_small(&self, len: u8, offset: u32) -> bool {
        let len = usize::from(len);
        if len % COLUMN_WORTH != 0 {
            return len < SMALL_BUCKET_MAX;
        }
        let mut facets = [FacetId::ALWAYS; SMALL_BUCKET_MAX / COLUMN_WORTH];
        let mut known = 0;
        for posting in self.small.get(offset, len) {
            if !facets[..known].contains(&posting.facet) {
                if known == len / COLUMN_WORTH {
                    return len < SMALL_BUCKET_MAX;
                }
                facets[known] = posting.facet;
                known += 1;
            }
        }
        false
    }

    fn add_small(&mut self, len: u8, offset: u32, posting: Posting) -> Bucket {
        let before = usize::from(len);
        let mut offset = offset;
        if capacity(before) < before + 1 {
            let wider = self.small.allocate(capacity(before + 1));
            self.small.copy(offset, wider, before);
            self.small.free(offset, capacity(before));
            offset = wider;
        }
        self.small.get_mut(offset, before + 1)[before] = posting;
        Bucket::Small {
            len: len + 1,
            offset,
        }
    }

    fn remove_small(&mut self, len: u8, offset: u32, wanted: Posting) -> Option<Bucket> {
        let before = usize::from(len);
        let postings = self.small.get_mut(offset, before);
        let at = postings
            .iter()
            .position(|posting| posting.target == wanted.target && posting.facet == wanted.facet)
            .expect("what is recorded of a subscription is in its bucket");
        postings[at] = postings[before - 1];
        let left = before - 1;
        if left == 0 {
            self.small.free(offset, capacity(before));
            return None;
        }
        let offset = self.narrow(offset, before, left);
        let len = len - 1;
        Some(Bucket::Small { len, offset })
    }

    /// Moves what is left to a narrower run, if it fits one.
    fn narrow(&mut self, offset: u32, before: usize, left: usize) -> u32 {
        if capacity(left) == capacity(before) {
            return offset;
        }
        let narrower = self.small.allocate(capacity(left));
        self.small.copy(offset, narrower, left);
        self.small.free(offset, capacity(before));
        narrower
    }

    fn enlarge(&mut self, len: u8, offset: u32, rows: &Rows) -> u32 {
        let large = self.free.pop().unwrap_or_else(|| self.add_chunk());
        for at in 0..usize::from(len) {
            let posting = self.small.get(offset, usize::from(len))[at];
            self.add_large(large, posting, rows);
        }
        self.small.free(offset, capacity(usize::from(len)));
        large
    }

    /// More large buckets; the first of them, the others are free.
    fn add_chunk(&mut self) -> u32 {
        let number = |at| u32::try_from(at).expect("fewer buckets than subscriptions");
        let first = self.large.len() * LARGE_CHUNK;
        self.large
            .push(Box::new(core::array::from_fn(|_| Large::default())));
        self.free
            .extend((first + 1..first + LARGE_CHUNK).rev().map(number));
        number(first)
    }

    #[inline]
    fn large(&self, large: u32) -> &Large {
        &self.large[large as usize / LARGE_CHUNK][large as usize % LARGE_CHUNK]
    }

    fn add_large(&mut self, large: u32, posting: Posting, rows: &Rows) {
        let bucket = &mut self.large[large as usize / LARGE_CHUNK][large as usize % LARGE_CHUNK];
        self.large_bytes -= bucket.bytes();
        bucket.add(posting, rows);
        self.large_bytes += bucket.bytes();
    }

    /// Whether something is left.
    fn remove_large(&mut self, large: u32, posting: Posting, rows: &Rows) -> bool {
        let bucket = &mut self.large[large as usize / LARGE_CHUNK][large as usize % LARGE_CHUNK];
        self.large_bytes -= bucket.bytes();
        bucket.remove(posting, rows);
        self.large_bytes += bucket.bytes();
        if bucket.len > 0 {
            return true;
        }
        self.large_bytes -= bucket.bytes();
        *bucket = Large::default();
        self.free.push(large);
        false
    }
}

impl Large {
    fn add(&mut self, posting: Posting, rows: &Rows) {
        self.len += 1;
        let wide = Intervals::wide(&posting, rows);
        if let Some(intervals) = &wide {
            let handle = rows.handle_of(posting.target);
            if let Some(at) = self.find(intervals.signature(), intervals.place_of(handle)) {
                return self.push(at, intervals, handle);
            }
        }
        let target = posting.target.0;
        let narrow = Intervals::of(&posting);
        let Some(at) = self.find(narrow.signature(), narrow.place_of(target)) else {
            return self.add_loose(posting);
        };
        self.push(at, &narrow, target);
        if let Some(intervals) = wide {
            self.widen(&narrow, target, intervals.signature(), rows);
        }
    }

    fn add_loose(&mut self, posting: Posting) {
        self.loose.push(posting);
        let Some(gathered) = self.loose.gather(posting.facet) else {
            return;
        };
        let mut group = Group::new(Signature::narrow(posting.facet), Place::FIRST);
        for posting in gathered {
            group.push(&Intervals::of(&posting), posting.target.0);
        }
        self.put(group);
    }

    /// Moves what asks for so many facets out of the group that has just grown, if that is most of it.
    fn widen(&mut self, narrow: &Intervals, target: u32, signature: &Signature, rows: &Rows) {
        let place = narrow.place_of(target);
        let at = self.find(narrow.signature(), place).expect(PUT);
        if !self.groups[at].is_worth_widening(signature, rows) {
            return;
        }
        let wide = self.change(at, |group| group.widen(signature, rows));
        self.tidy(at);
        self.put(wide);
    }

    fn remove(&mut self, wanted: Posting, rows: &Rows) {
        self.len -= 1;
        if let Some(wide) = Intervals::wide(&wanted, rows) {
            let place = wide.place_of(rows.handle_of(wanted.target));
            if self.take(wide.signature(), place) {
                return;
            }
        }
        let narrow = Intervals::of(&wanted);
        if self.take(narrow.signature(), narrow.place_of(wanted.target.0)) {
            return;
        }
        let is_loose = self.loose.remove(&wanted);
        assert!(
            is_loose,
            "what is recorded of a subscription is in its bucket"
        );
    }

    /// Takes a posting out of the group where it should lie; whether it was there.
    fn take(&mut self, signature: &Signature, posting: Place) -> bool {
        let Some(at) = self.find(signature, posting) else {
            return false;
        };
        let Some(place) = self.groups[at].find(posting.target()) else {
            return false;
        };
        self.change(at, |group| group.take(place));
        self.tidy(at);
        true
    }

    /// The group of these facets in which a posting lies if it is there.
    fn find(&self, signature: &Signature, posting: Place) -> Option<usize> {
        let comes_before = |group: &Group| (group.signature(), group.low()) <= (signature, posting);
        let at = self.groups.partition_point(comes_before).checked_sub(1)?;
        (self.groups[at].signature() == signature).then_some(at)
    }

    fn push(&mut self, at: usize, intervals: &Intervals, target: u32) {
        let mut at = at;
        if self.groups[at].len() == GROUP_MAX {
            let place = intervals.place_of(target);
            let upper = self.change(at, |group| group.split(place));
            at += usize::from(upper.low() <= place);
            self.put(upper);
        }
        self.change(at, |group| group.push(intervals, target));
    }

    /// Puts a group that is not there.
    fn put(&mut self, group: Group) {
        let key = (group.signature(), group.low());
        let at = self
            .groups
            .partition_point(|other| (other.signature(), other.low()) < key);
        if self.groups.len() == self.groups.capacity() {
            self.groups.reserve_exact(self.groups.len() / 8 + 1);
        }
        self.group_bytes += group.bytes();
        self.groups.insert(at, group);
    }

    /// Drops a group that has become empty, and joins one that has become small with its neighbours.
    fn tidy(&mut self, at: usize) {
        let len = self.groups[at].len();
        if len == 0 {
            let gone = self.groups.remove(at);
            self.group_bytes -= gone.bytes();
            if let Some(next) = self.groups.get_mut(at)
                && next.signature() == gone.signature()
            {
                next.reach_down_to(gone.low());
            }
            return;
        }
        if len > GROUP_MAX / 4 {
            return;
        }
        for lower in [Some(at), at.checked_sub(1)].into_iter().flatten() {
            if let [one, other, ..] = &self.groups[lower..]
                && one.signature() == other.signature()
                && one.len() + other.len() <= GROUP_MAX / 2
            {
                let next = self.groups.remove(lower + 1);
                self.group_bytes -= next.bytes();
                self.change(lower, |group| group.absorb(&next));
            }
        }
    }

    /// Changes a group, and keeps count of its bytes.
    fn change<R>(&mut self, at: usize, change: impl FnOnce(&mut Group) -> R) -> R {
        let group = &mut self.groups[at];
        self.group_bytes -= group.bytes();
        let result = change(group);
        self.group_bytes += group.bytes();
        result
    }

    fn bytes(&self) -> usize {
        self.loose.bytes() + self.groups.capacity() * size_of::<Group>() + self.group_bytes
    }
}

const PUT: &str = "a posting was put there right before";

/// Room that is kept for so many postings of a small bucket.
fn capacity(len: usize) -> usize {
    match len {
        0..=4 => len,
        5..=16 => len.next_multiple_of(4),
        _ => len.next_multiple_of(8),
    }
}
