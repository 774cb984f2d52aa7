//! How far the subscriber is, and hence what it must not show twice.

use alloc::vec::Vec;

use gomera_model::limits::CURSORS_MAX;
use gomera_model::silbo::Deliver;
use gomera_model::{Cursor, Gap, Incarnation, LookupMap, PublisherId, PublisherSeq, Seq};

use crate::limits::PUBLISHERS_REMEMBERED;

/// What of a delivery is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Novelty {
    /// Not beyond the cursor of its access point: the same stamp came before.
    KnownByCursor,
    /// Not beyond its publisher's last: the same publication came before, under another stamp.
    KnownByPublisher,
    /// Beyond both.
    New,
}

/// Cursors per access point, and the last number of each publisher.
#[derive(Debug)]
pub(super) struct Progress {
    /// A handful; the access points that are or were there.
    points: Vec<Point>,
    publishers: Publishers,
    /// Counts up with each use of a point.
    uses: u64,
}

#[derive(Clone, Copy, Debug)]
struct Point {
    access_point: Incarnation,
    seq: Seq,
    /// How far the broker was told.
    told: Seq,
    used: u64,
}

impl Progress {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            points: Vec::new(),
            publishers: Publishers::new(seed, PUBLISHERS_REMEMBERED),
            uses: 0,
        }
    }

    /// A delivery has come: moves on, and tells whether it must be shown.
    pub(super) fn delivered(&mut self, deliver: &Deliver) -> Novelty {
        let is_beyond_publisher = self
            .publishers
            .advance(deliver.publisher, deliver.publisher_seq);
        let is_beyond_cursor = self.advance(deliver.stamp.access_point, deliver.stamp.seq);
        match (is_beyond_cursor, is_beyond_publisher) {
            (false, _) => Novelty::KnownByCursor,
            (true, false) => Novelty::KnownByPublisher,
            (true, true) => Novelty::New,
        }
    }

    /// Something was lost: what of it had not come before, if anything.
    pub(super) fn lost(&mut self, gap: Gap) -> Option<Gap> {
        let before = self.point(gap.access_point).seq;
        if !self.advance(gap.access_point, gap.last) {
            return None;
        }
        let first = gap.first.max(before.next());
        let most = (gap.last.0 - first.0).saturating_add(1);
        Some(Gap {
            first,
            count: gap.count.min(most),
            ..gap
        })
    }

    /// Every cursor, for a resume.
    pub(super) fn cursors(&self) -> Vec<Cursor> {
        self.points.iter().map(Point::cursor).collect()
    }

    /// The session is lost: a new one begins behind all that came in it. A broker that was started anew may count its
    /// access points, and what they stamp, from the beginning again. Publishers go on counting.
    pub(super) fn forget_access_points(&mut self) {
        self.points.clear();
    }

    /// Another connection: what was told over the one before may not have arrived.
    pub(super) fn forget_told(&mut self) {
        for point in &mut self.points {
            point.told = Seq(0);
        }
    }

    /// Whether the broker does not know yet how far this is.
    pub(super) fn is_untold(&self) -> bool {
        self.points.iter().any(|point| point.seq > point.told)
    }

    /// The cursors that the broker does not know yet; it is being told.
    pub(super) fn tell(&mut self) -> Vec<Cursor> {
        let mut cursors = Vec::new();
        for point in &mut self.points {
            if point.seq > point.told {
                point.told = point.seq;
                cursors.push(point.cursor());
            }
        }
        cursors
    }

    /// Whether `seq` is beyond the cursor, which then is there.
    fn advance(&mut self, access_point: Incarnation, seq: Seq) -> bool {
        let point = self.point(access_point);
        let is_beyond = seq > point.seq;
        point.seq = point.seq.max(seq);
        is_beyond
    }

    fn point(&mut self, access_point: Incarnation) -> &mut Point {
        self.uses += 1;
        let is_it = |point: &Point| point.access_point == access_point;
        let index = match self.points.iter().position(is_it) {
            Some(index) => index,
            None => self.make_point(access_point),
        };
        let point = &mut self.points[index];
        point.used = self.uses;
        point
    }

    fn make_point(&mut self, access_point: Incarnation) -> usize {
        if self.points.len() == CURSORS_MAX {
            let points = self.points.iter().enumerate();
            let oldest = points.min_by_key(|(_, point)| point.used);
            let (index, _) = oldest.expect("the limit is above zero");
            self.points.swap_remove(index);
        }
        self.points.push(Point {
            access_point,
            seq: Seq(0),
            told: Seq(0),
            used: 0,
        });
        self.points.len() - 1
    }
}

impl Point {
    fn cursor(&self) -> Cursor {
        Cursor {
            access_point: self.access_point,
            seq: self.seq,
        }
    }
}

/// The last number of each publisher; at least the `capacity` heard of last are remembered, at most twice as many.
#[derive(Debug)]
struct Publishers {
    recent: LookupMap<PublisherId, PublisherSeq>,
    before: LookupMap<PublisherId, PublisherSeq>,
    capacity: usize,
}

impl Publishers {
    fn new(seed: u64, capacity: usize) -> Self {
        Self {
            recent: LookupMap::new(seed),
            before: LookupMap::new(seed),
            capacity,
        }
    }

    /// Whether `seq` is beyond the publisher's last, which it then is.
    fn advance(&mut self, publisher: PublisherId, seq: PublisherSeq) -> bool {
        if let Some(last) = self.recent.get_mut(&publisher) {
            let is_beyond = seq > *last;
            *last = seq.max(*last);
            return is_beyond;
        }
        if self.recent.len() >= self.capacity {
            core::mem::swap(&mut self.recent, &mut self.before);
            self.recent.clear();
        }
        let last = self.before.get(&publisher).copied().unwrap_or_default();
        self.recent.insert(publisher, seq.max(last));
        seq > last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishers_heard_of_last_are_remembered() {
        let mut publishers = Publishers::new(0, 2);
        let mut check = |publisher, seq, expected| {
            let is_beyond = publishers.advance(PublisherId(publisher), PublisherSeq(seq));
            assert_eq!(is_beyond, expected, "{seq} of {publisher}");
        };
        check(1, 5, true);
        check(1, 5, false);
        check(2, 1, true);
        check(3, 1, true);
        check(1, 4, false);
        check(1, 6, true);
        check(4, 1, true);
        check(1, 6, false);
        check(2, 1, true);
    }

    #[test]
    fn the_access_point_used_longest_ago_is_forgotten() {
        let mut progress = Progress::new(0);
        for access_point in 0..=CURSORS_MAX as u64 {
            assert!(progress.advance(Incarnation(access_point), Seq(9)));
            assert!(!progress.advance(Incarnation(1), Seq(if access_point > 0 { 9 } else { 0 })));
        }
        assert_eq!(progress.cursors().len(), CURSORS_MAX);
        assert!(!progress.advance(Incarnation(1), Seq(9)));
        assert!(progress.advance(Incarnation(0), Seq(9)));
    }

    #[test]
    fn of_a_gap_only_what_had_not_come_counts() {
        let mut progress = Progress::new(0);
        let gap = |first, last, count| Gap {
            access_point: Incarnation(1),
            first: Seq(first),
            last: Seq(last),
            count,
        };
        progress.advance(Incarnation(1), Seq(10));
        assert_eq!(progress.lost(gap(3, 10, 5)), None);
        assert_eq!(progress.lost(gap(9, 12, 4)), Some(gap(11, 12, 2)));
        assert_eq!(progress.lost(gap(13, 99, 4)), Some(gap(13, 99, 4)));
        assert_eq!(progress.tell()[0].seq, Seq(99));
    }
}
