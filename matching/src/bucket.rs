//! Buckets: the postings of one key. A small one is a few postings side by side; a large one has columns, one group a
//! facet, scanned many at a time.

use alloc::vec::Vec;

use crate::arena::Arena;
use crate::facets::FacetId;
use crate::frame::Frame;
use crate::group::{Group, Intervals};
use crate::limits::{COLUMN_WORTH, SMALL_BUCKET_MAX};
use crate::loose::Loose;
pub(crate) use crate::posting::{Moved, Posting, Target, Targets, Whereabouts};
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
    large: Vec<Large>,
    free: Vec<u32>,
    large_bytes: usize,
}

#[derive(Clone, Debug, Default)]
struct Large {
    /// Those whose facets have few postings.
    loose: Loose,
    groups: Vec<Group>,
    len: usize,
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
        rows: &Rows,
        mut moved: impl FnMut(Moved),
    ) {
        match *bucket {
            Bucket::Small { len, offset } if self.stays_small(len, offset) => {
                *bucket = self.add_small(len, offset, posting);
            }
            Bucket::Small { len, offset } => {
                let large = self.enlarge(len, offset, rows, &mut moved);
                *bucket = Bucket::Large(large);
                self.add_large(large, posting, rows, &mut moved);
            }
            Bucket::Large(large) => self.add_large(large, posting, rows, &mut moved),
        }
    }

    /// Takes a posting out.
    pub(crate) fn remove(
        &mut self,
        bucket: &mut Bucket,
        posting: Whereabouts,
        rows: &Rows,
    ) -> Removed {
        match *bucket {
            Bucket::Small { len, offset } => {
                let after = self.remove_small(len, offset, posting);
                *bucket = after.unwrap_or(*bucket);
                Removed {
                    is_last: after.is_none(),
                    moved: None,
                }
            }
            Bucket::Large(large) => self.remove_large(large, posting, rows),
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
                targets.select_each(self.small.get(offset, usize::from(len)), frame);
            }
            Bucket::Large(large) => {
                let large = &self.large[large as usize];
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
            + self.large.capacity() * size_of::<Large>()
            + self.free.capacity() * size_of::<u32>()
    }

    /// Whether a small bucket takes one more: it does up to its limit, unless columns would be long from the start.
    fn stays_small(&self, len: u8, offset: u32) -> bool {
        let len = usize::from(len);
        if len % COLUMN_WORTH != 0 {
            return len < SMALL_BUCKET_MAX;
        }
        let mut facets: Vec<FacetId> = Vec::with_capacity(len / COLUMN_WORTH + 1);
        for posting in self.small.get(offset, len) {
            if !facets.contains(&posting.facet) {
                facets.push(posting.facet);
                if facets.len() > len / COLUMN_WORTH {
                    return len < SMALL_BUCKET_MAX;
                }
            }
        }
        false
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

    fn remove_small(&mut self, len: u8, offset: u32, wanted: Whereabouts) -> Option<Bucket> {
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
        for at in 0..left {
            let kept = self.small.get(offset, left)[at];
            self.small.get_mut(narrower, left)[at] = kept;
        }
        self.small.free(offset, capacity(before));
        narrower
    }

    fn enlarge(&mut self, len: u8, offset: u32, rows: &Rows, moved: &mut impl FnMut(Moved)) -> u32 {
        let large = self.free.pop().unwrap_or_else(|| {
            self.large.push(Large::default());
            u32::try_from(self.large.len() - 1).expect("fewer buckets than subscriptions")
        });
        for at in 0..usize::from(len) {
            let posting = self.small.get(offset, usize::from(len))[at];
            self.add_large(large, posting, rows, moved);
        }
        self.small.free(offset, capacity(usize::from(len)));
        large
    }

    fn add_large(
        &mut self,
        large: u32,
        posting: Posting,
        rows: &Rows,
        moved: &mut impl FnMut(Moved),
    ) {
        let bucket = &mut self.large[large as usize];
        self.large_bytes -= bucket.bytes_of(posting.facet);
        bucket.add(posting, rows, moved);
        self.large_bytes += bucket.bytes_of(posting.facet);
    }

    fn remove_large(&mut self, large: u32, posting: Whereabouts, rows: &Rows) -> Removed {
        let bucket = &mut self.large[large as usize];
        self.large_bytes -= bucket.bytes_of(posting.facet);
        let removed = bucket.remove(posting, rows);
        self.large_bytes += bucket.bytes_of(posting.facet);
        if removed.is_last {
            self.large_bytes -= bucket.bytes_of(posting.facet);
            *bucket = Large::default();
            self.free.push(large);
        }
        removed
    }
}

/// What taking a posting out of a bucket has changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Removed {
    /// The bucket is gone.
    pub(crate) is_last: bool,
    /// Another posting has taken the place.
    pub(crate) moved: Option<Moved>,
}

impl Large {
    fn add(&mut self, posting: Posting, rows: &Rows, moved: &mut impl FnMut(Moved)) {
        self.len += 1;
        let mut intervals = Intervals::of(&posting);
        let is_whole = intervals.extend(posting.target, rows);
        let handle = rows.handle_of(posting.target);
        if is_whole
            && intervals.len() > 1
            && let Some(wide) = self.groups.iter_mut().find(|group| group.is_of(&intervals))
        {
            let place = wide.push(&intervals, handle);
            let target = Target::subscription(handle);
            return moved(Moved { target, place });
        }
        if !self.has_narrow(posting.facet) {
            self.loose.push(posting);
            if let Some(gathered) = self.loose.gather(posting.facet) {
                self.groups.reserve_exact(1);
                self.groups.push(Group::new(&[posting.facet]));
                let narrow = self.narrow(posting.facet);
                for posting in gathered {
                    let place = narrow.push(&Intervals::of(&posting), posting.target.0);
                    let target = posting.target;
                    moved(Moved { target, place });
                }
            }
            return;
        }
        let narrow = self.narrow(posting.facet);
        let place = narrow.push(&Intervals::of(&posting), posting.target.0);
        let target = posting.target;
        moved(Moved { target, place });
        if is_whole && intervals.len() > 1 && narrow.is_worth_widening(&intervals, rows) {
            let wide = narrow.widen(&intervals, rows, moved);
            self.groups.retain(|group| !group.is_empty());
            self.groups.push(wide);
        }
    }

    fn remove(&mut self, wanted: Whereabouts, rows: &Rows) -> Removed {
        let handle = rows.handle_of(wanted.target);
        if self.loose.remove(&wanted) {
            self.len -= 1;
            return Removed {
                is_last: self.len == 0,
                moved: None,
            };
        }
        let found = self.groups.iter().enumerate().find_map(|(at, group)| {
            let target = if group.is_wide() {
                handle
            } else {
                wanted.target.0
            };
            let place = group.find(wanted.facet, target, wanted.place)?;
            Some((at, place))
        });
        let (at, place) = found.expect("what is recorded of a subscription is in its bucket");
        let group = &mut self.groups[at];
        let moved = group.take(place);
        if group.is_empty() {
            self.groups.swap_remove(at);
        }
        self.len -= 1;
        Removed {
            is_last: self.len == 0,
            moved,
        }
    }

    fn has_narrow(&self, facet: FacetId) -> bool {
        let mut groups = self.groups.iter();
        groups.any(|group| !group.is_wide() && group.facet() == facet)
    }

    /// The group of one column for a facet, which is there.
    fn narrow(&mut self, facet: FacetId) -> &mut Group {
        let is = |group: &Group| !group.is_wide() && group.facet() == facet;
        let group = self.groups.iter_mut().find(|group| is(group));
        group.expect("it was looked for, or put, right before")
    }

    /// Bytes of the list of groups, and of those that begin with a facet.
    fn bytes_of(&self, facet: FacetId) -> usize {
        let groups = self.groups.iter().filter(|group| group.facet() == facet);
        self.loose.bytes()
            + self.groups.capacity() * size_of::<Group>()
            + groups.map(Group::bytes).sum::<usize>()
    }
}

/// Room that is kept for so many postings of a small bucket.
fn capacity(len: usize) -> usize {
    match len {
        0..=4 => len,
        5..=16 => len.next_multiple_of(4),
        _ => len.next_multiple_of(8),
    }
}
