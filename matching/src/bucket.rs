//! Buckets: the postings of one key. A small one is a few postings side by side; a large one has columns, one group a
//! facet, scanned many at a time.

use alloc::vec::Vec;

use crate::arena::Arena;
use crate::cell::{Cell, Interval};
use crate::facets::FacetId;
use crate::frame::Frame;
use crate::limits::SMALL_BUCKET_MAX;
use crate::scan::{Columns, Scanner, fetch};

/// What is asked of a notification that has the key, and where to go on where it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Posting {
    pub(crate) facet: FacetId,
    pub(crate) interval: Interval,
    pub(crate) target: Target,
}

/// Where a posting leads: to a row of further tests, or straight to a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target(pub(crate) u32);

/// Targets of one notification: those that hold, and those that may.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    pub(crate) sure: Vec<u32>,
    pub(crate) unsure: Vec<u32>,
}

/// Which bucket: so many postings at that offset, or a large one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bucket {
    Small { len: u8, offset: u32 },
    Large(u32),
}

/// The postings of all buckets.
#[derive(Debug)]
pub(crate) struct Buckets {
    small: Arena<Posting, 1>,
    large: Vec<Large>,
    free: Vec<u32>,
    large_bytes: usize,
}

#[derive(Debug, Default)]
struct Large {
    groups: Vec<Group>,
    len: usize,
}

/// Postings that ask for the same facet.
#[derive(Debug)]
struct Group {
    facet: FacetId,
    from: Vec<u32>,
    to: Vec<u32>,
    targets: Vec<u32>,
}

/// A posting that has come to lie at a place in a large bucket, so that it can be found there again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    pub(crate) target: Target,
    pub(crate) place: u32,
}

impl Target {
    const DIRECT: u32 = 1 << 31;

    pub(crate) fn subscription(handle: u32) -> Self {
        assert!(handle < Self::DIRECT, "a handle has 31 bits");
        Self(handle | Self::DIRECT)
    }

    pub(crate) fn row(offset: u32) -> Self {
        assert!(offset < Self::DIRECT, "the offset of a row has 31 bits");
        Self(offset)
    }

    /// The subscription that it leads straight to.
    #[inline]
    pub(crate) fn handle(self) -> Option<u32> {
        (self.0 & Self::DIRECT != 0).then_some(self.0 & !Self::DIRECT)
    }
}

impl Default for Posting {
    fn default() -> Self {
        Self {
            facet: FacetId::ALWAYS,
            interval: Interval::ALL,
            target: Target(0),
        }
    }
}

impl Targets {
    pub(crate) fn clear(&mut self) {
        self.sure.clear();
        self.unsure.clear();
    }

    pub(crate) fn bytes(&self) -> usize {
        (self.sure.capacity() + self.unsure.capacity()) * size_of::<u32>()
    }
}

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

    /// Puts a posting into a bucket, which may become another. Every posting that has got a new place is reported.
    pub(crate) fn add(
        &mut self,
        bucket: &mut Bucket,
        posting: Posting,
        mut moved: impl FnMut(Moved),
    ) {
        match *bucket {
            Bucket::Small { len, offset } if usize::from(len) < SMALL_BUCKET_MAX => {
                *bucket = self.add_small(len, offset, posting);
            }
            Bucket::Small { len, offset } => {
                let large = self.enlarge(len, offset, &mut moved);
                *bucket = Bucket::Large(large);
                self.add_large(large, posting, moved);
            }
            Bucket::Large(large) => self.add_large(large, posting, moved),
        }
    }

    /// Takes a posting out, which lies at `place` if it is known. The posting, and whether that was the last one: then
    /// the bucket is gone.
    pub(crate) fn remove(
        &mut self,
        bucket: &mut Bucket,
        facet: FacetId,
        target: Target,
        place: Option<u32>,
    ) -> Removed {
        match *bucket {
            Bucket::Small { len, offset } => {
                let (removed, after) = self.remove_small(len, offset, facet, target);
                match after {
                    Some(after) => *bucket = after,
                    None => {
                        return Removed {
                            posting: removed,
                            is_last: true,
                            moved: None,
                        };
                    }
                }
                Removed {
                    posting: removed,
                    is_last: false,
                    moved: None,
                }
            }
            Bucket::Large(large) => self.remove_large(large, facet, target, place),
        }
    }

    /// How many postings a bucket has.
    pub(crate) fn len(&self, bucket: Bucket) -> usize {
        match bucket {
            Bucket::Small { len, .. } => usize::from(len),
            Bucket::Large(large) => self.large[large as usize].len,
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
            Bucket::Large(large) => fetch(&self.large[large as usize]),
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
                for posting in self.small.get(offset, usize::from(len)) {
                    let cell = frame.cell(posting.facet);
                    if posting.interval.holds(cell) {
                        if posting.interval.is_unsure(cell) {
                            targets.unsure.push(posting.target.0);
                        } else {
                            targets.sure.push(posting.target.0);
                        }
                    }
                }
            }
            Bucket::Large(large) => {
                for group in &self.large[large as usize].groups {
                    let cell = frame.cell(group.facet);
                    if cell.is_present() {
                        group.scan(cell, scanner, targets);
                    }
                }
            }
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.small.bytes()
            + self.large_bytes
            + self.large.capacity() * size_of::<Large>()
            + self.free.capacity() * size_of::<u32>()
    }

    fn add_small(&mut self, len: u8, offset: u32, posting: Posting) -> Bucket {
        let before = usize::from(len);
        let mut offset = offset;
        if capacity(before) < before + 1 {
            let wider = self.small.allocate(capacity(before + 1));
            for at in 0..before {
                let kept = self.small.get(offset, before)[at];
                self.small.get_mut(wider, before)[at] = kept;
            }
            self.small.free(offset, capacity(before));
            offset = wider;
        }
        self.small.get_mut(offset, before + 1)[before] = posting;
        Bucket::Small {
            len: len + 1,
            offset,
        }
    }

    fn remove_small(
        &mut self,
        len: u8,
        offset: u32,
        facet: FacetId,
        target: Target,
    ) -> (Posting, Option<Bucket>) {
        let before = usize::from(len);
        let postings = self.small.get_mut(offset, before);
        let at = postings
            .iter()
            .position(|posting| posting.target == target && posting.facet == facet)
            .expect("what is recorded of a subscription is in its bucket");
        let removed = postings[at];
        postings[at] = postings[before - 1];
        let left = before - 1;
        if left == 0 {
            self.small.free(offset, capacity(before));
            return (removed, None);
        }
        let offset = self.narrow(offset, before, left);
        let len = len - 1;
        (removed, Some(Bucket::Small { len, offset }))
    }

    /// Moves what is left to a narrower run, if it fits one.
    fn narrow(&mut self, offset: u32, before: usize, left: usize) -> u32 {
        if capacity(left) == capacity(before) {
            return offset;
        }
        let narrower = self.small.allocate(capacity(left));
        for at in 0..left {
            let kept = self.small.get(offset, left)[at];
            self.small.get_mut(narrower, left)[at] = kept;
        }
        self.small.free(offset, capacity(before));
        narrower
    }

    fn enlarge(&mut self, len: u8, offset: u32, moved: &mut impl FnMut(Moved)) -> u32 {
        let large = self.free.pop().unwrap_or_else(|| {
            self.large.push(Large::default());
            u32::try_from(self.large.len() - 1).expect("fewer buckets than subscriptions")
        });
        for at in 0..usize::from(len) {
            let posting = self.small.get(offset, usize::from(len))[at];
            self.add_large(large, posting, &mut *moved);
        }
        self.small.free(offset, capacity(usize::from(len)));
        large
    }

    fn add_large(&mut self, large: u32, posting: Posting, mut moved: impl FnMut(Moved)) {
        let bucket = &mut self.large[large as usize];
        self.large_bytes -= bucket.groups.capacity() * size_of::<Group>();
        let group = bucket.group_or_new(posting.facet);
        self.large_bytes -= group.bytes();
        let place = group.push(posting);
        self.large_bytes += group.bytes();
        bucket.len += 1;
        self.large_bytes += bucket.groups.capacity() * size_of::<Group>();
        let target = posting.target;
        moved(Moved { target, place });
    }

    fn remove_large(
        &mut self,
        large: u32,
        facet: FacetId,
        target: Target,
        place: Option<u32>,
    ) -> Removed {
        let bucket = &mut self.large[large as usize];
        let at = bucket
            .groups
            .iter()
            .position(|group| group.facet == facet)
            .expect("what is recorded of a subscription is in its bucket");
        let group = &mut bucket.groups[at];
        self.large_bytes -= group.bytes();
        let (posting, moved) = group.take(target, place);
        if group.targets.is_empty() {
            bucket.groups.swap_remove(at);
        } else {
            self.large_bytes += group.bytes();
        }
        bucket.len -= 1;
        let is_last = bucket.len == 0;
        if is_last {
            self.large_bytes -= bucket.groups.capacity() * size_of::<Group>();
            *bucket = Large::default();
            self.free.push(large);
        }
        Removed {
            posting,
            is_last,
            moved,
        }
    }
}

/// What taking a posting out of a bucket has changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Removed {
    pub(crate) posting: Posting,
    /// The bucket is gone.
    pub(crate) is_last: bool,
    /// Another posting has taken the place.
    pub(crate) moved: Option<Moved>,
}

impl Large {
    fn group_or_new(&mut self, facet: FacetId) -> &mut Group {
        let at = self.groups.iter().position(|group| group.facet == facet);
        let at = at.unwrap_or_else(|| {
            self.groups.reserve_exact(1);
            self.groups.push(Group::new(facet));
            self.groups.len() - 1
        });
        &mut self.groups[at]
    }
}

impl Group {
    fn new(facet: FacetId) -> Self {
        Self {
            facet,
            from: Vec::new(),
            to: Vec::new(),
            targets: Vec::new(),
        }
    }

    fn push(&mut self, posting: Posting) -> u32 {
        let len = self.targets.len();
        if len == self.targets.capacity() {
            let more = (len / 4).max(4);
            self.from.reserve_exact(more);
            self.to.reserve_exact(more);
            self.targets.reserve_exact(more);
        }
        self.from.push(posting.interval.from);
        self.to.push(posting.interval.to);
        self.targets.push(posting.target.0);
        u32::try_from(len).expect("a bucket has fewer postings than there are targets")
    }

    fn take(&mut self, target: Target, place: Option<u32>) -> (Posting, Option<Moved>) {
        let known = place
            .map(|place| place as usize)
            .filter(|&place| self.targets.get(place) == Some(&target.0));
        let at = known
            .or_else(|| self.targets.iter().position(|other| *other == target.0))
            .expect("what is recorded of a subscription is in its bucket");
        let interval = Interval {
            from: self.from.swap_remove(at),
            to: self.to.swap_remove(at),
        };
        self.targets.swap_remove(at);
        self.shrink();
        let moved = self.targets.get(at).map(|&target| Moved {
            target: Target(target),
            place: u32::try_from(at).expect("it was a place before"),
        });
        let facet = self.facet;
        let posting = Posting {
            facet,
            interval,
            target,
        };
        (posting, moved)
    }

    fn shrink(&mut self) {
        let len = self.targets.len();
        if len * 2 < self.targets.capacity() {
            let capacity = len + len / 4;
            self.from.shrink_to(capacity);
            self.to.shrink_to(capacity);
            self.targets.shrink_to(capacity);
        }
    }

    /// Where the value has a 32-bit form of its own, every answer is sure. Elsewhere those are that hold for both
    /// neighbours.
    fn scan(&self, cell: Cell, scanner: Scanner, targets: &mut Targets) {
        let columns = Columns {
            from: &self.from,
            to: &self.to,
            targets: &self.targets,
        };
        let both = Cell {
            low: cell.high,
            high: cell.low,
        };
        scanner.select(columns, both, &mut targets.sure);
        if cell.is_exact() {
            return;
        }
        let bounds = self.from.iter().zip(&self.to).zip(&self.targets);
        for ((&from, &to), &target) in bounds {
            let interval = Interval { from, to };
            if interval.holds(cell) & interval.is_unsure(cell) {
                targets.unsure.push(target);
            }
        }
    }

    fn bytes(&self) -> usize {
        (self.from.capacity() + self.to.capacity() + self.targets.capacity()) * size_of::<u32>()
    }
}

/// Room that is kept for so many postings of a small bucket.
fn capacity(len: usize) -> usize {
    if len <= 4 {
        len
    } else {
        len.next_multiple_of(4)
    }
}
