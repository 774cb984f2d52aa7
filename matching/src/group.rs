//! Groups of a large bucket: columns of bounds, and a target each.
//!
//! A *narrow* group has one column, and leads to rows of further tests. Where most of its rows ask for the same facets
//! and for nothing but intervals, they become a *wide* group, with a column for each facet: what it keeps of them are
//! the handles of the subscriptions, and their rows are not read.

use alloc::vec::Vec;

use crate::cell::{Cell, Interval};
use crate::facets::FacetId;
use crate::frame::Frame;
use crate::limits::{COLUMNS_MAX, WIDEN_AT};
use crate::posting::{Moved, Posting, Target, Targets};
use crate::rows::Rows;
use crate::scan::{Columns, Scanner};

/// Facets, and what is wanted of each: at most [`COLUMNS_MAX`].
#[derive(Clone, Debug)]
pub(crate) struct Intervals {
    facets: [FacetId; COLUMNS_MAX],
    intervals: [Interval; COLUMNS_MAX],
    len: usize,
}

/// Postings that ask for the same facets.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    facets: [FacetId; COLUMNS_MAX],
    columns: Vec<Column>,
    /// Targets; handles in a wide group.
    targets: Vec<u32>,
}

#[derive(Clone, Debug, Default)]
struct Column {
    from: Vec<u32>,
    to: Vec<u32>,
}

/// Rows that are looked at before a group is widened.
const SAMPLE: usize = 32;

impl Intervals {
    /// What a posting itself asks for.
    pub(crate) fn of(posting: &Posting) -> Self {
        let mut intervals = Self {
            facets: [FacetId::ALWAYS; COLUMNS_MAX],
            intervals: [Interval::ALL; COLUMNS_MAX],
            len: 0,
        };
        intervals.push(posting.facet, posting.interval);
        intervals
    }

    /// Adds what the row behind a posting asks for; whether that was all, and nothing but intervals.
    pub(crate) fn extend(&mut self, target: Target, rows: &Rows) -> bool {
        if self.facets[0].has_bits() {
            return false;
        }
        let push = |facet, interval| self.push(facet, interval);
        target.handle().is_some() || rows.intervals(target.0, push)
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn facets(&self) -> &[FacetId] {
        &self.facets[..self.len]
    }

    fn push(&mut self, facet: FacetId, interval: Interval) -> bool {
        if self.len == COLUMNS_MAX {
            return false;
        }
        self.facets[self.len] = facet;
        self.intervals[self.len] = interval;
        self.len += 1;
        true
    }
}

impl Group {
    pub(crate) fn new(facets: &[FacetId]) -> Self {
        let mut all = [FacetId::ALWAYS; COLUMNS_MAX];
        all[..facets.len()].copy_from_slice(facets);
        let columns = facets.iter().map(|_| Column::default());
        Self {
            facets: all,
            columns: columns.collect(),
            targets: Vec::new(),
        }
    }

    /// Appends what is asked and where it leads; the place.
    pub(crate) fn push(&mut self, intervals: &Intervals, target: u32) -> u32 {
        let len = self.targets.len();
        if len == self.targets.capacity() {
            let more = (len / 4).max(4);
            for column in &mut self.columns {
                column.from.reserve_exact(more);
                column.to.reserve_exact(more);
            }
            self.targets.reserve_exact(more);
        }
        for (column, interval) in self.columns.iter_mut().zip(&intervals.intervals) {
            column.from.push(interval.from);
            column.to.push(interval.to);
        }
        self.targets.push(target);
        u32::try_from(len).expect("a bucket has fewer postings than there are targets")
    }

    /// Takes out what lies at a place; what has moved there.
    pub(crate) fn take(&mut self, place: usize) -> Option<Moved> {
        for column in &mut self.columns {
            column.from.swap_remove(place);
            column.to.swap_remove(place);
        }
        self.targets.swap_remove(place);
        self.shrink();
        self.targets.get(place).map(|&target| Moved {
            target: self.target(target),
            place: u32::try_from(place).expect("it was a place before"),
        })
    }

    /// Whether its rows, by a sample, mostly ask for these facets. Asked when it has just grown to certain sizes.
    pub(crate) fn is_worth_widening(&self, intervals: &Intervals, rows: &Rows) -> bool {
        let len = self.targets.len();
        if !WIDEN_AT.contains(&len) {
            return false;
        }
        let sample = self.targets.iter().step_by(len / SAMPLE);
        let alike = sample.filter(|&&target| self.asks_for(target, intervals, rows));
        alike.count() > SAMPLE / 2
    }

    /// Moves the postings that ask for these facets to a group of their own.
    pub(crate) fn widen(
        &mut self,
        intervals: &Intervals,
        rows: &Rows,
        moved: &mut impl FnMut(Moved),
    ) -> Self {
        let mut wide = Self::new(intervals.facets());
        let mut narrow = Self::new(&[self.facet()]);
        for place in 0..self.targets.len() {
            let posting = self.posting(place);
            let mut all = Intervals::of(&posting);
            let is_whole = all.extend(posting.target, rows);
            let (place, target) = if is_whole && all.facets() == intervals.facets() {
                let handle = rows.handle_of(posting.target);
                (wide.push(&all, handle), Target::subscription(handle))
            } else {
                (narrow.push(&all, posting.target.0), posting.target)
            };
            moved(Moved { target, place });
        }
        *self = narrow;
        wide
    }

    /// The first facet.
    pub(crate) fn facet(&self) -> FacetId {
        self.facets[0]
    }

    pub(crate) fn is_wide(&self) -> bool {
        self.columns.len() > 1
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Whether it has a column for each of these facets, and no other.
    pub(crate) fn is_of(&self, intervals: &Intervals) -> bool {
        self.facets[..self.columns.len()] == *intervals.facets()
    }

    /// The place of a target, if it is here; it may be known.
    pub(crate) fn find(&self, facet: FacetId, target: u32, place: Option<u32>) -> Option<usize> {
        if self.facet() != facet {
            return None;
        }
        let known = place
            .map(|place| place as usize)
            .filter(|&place| self.targets.get(place) == Some(&target));
        known.or_else(|| self.targets.iter().position(|other| *other == target))
    }

    /// Collects the targets of the postings that hold.
    pub(crate) fn scan(&self, frame: &Frame, scanner: Scanner, targets: &mut Targets) {
        if self.facet().has_bits() {
            return self.scan_bits(frame, targets);
        }
        match self.columns.as_slice() {
            [one] => self.scan_columns([one], frame, scanner, targets),
            [one, two] => self.scan_columns([one, two], frame, scanner, targets),
            [one, two, three] => self.scan_columns([one, two, three], frame, scanner, targets),
            [one, two, three, four] => {
                self.scan_columns([one, two, three, four], frame, scanner, targets);
            }
            _ => unreachable!("a group has one to COLUMNS_MAX columns"),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        let columns = self.columns.iter();
        let bounds = columns.map(|column| column.from.capacity() + column.to.capacity());
        (self.targets.capacity() + bounds.sum::<usize>()) * size_of::<u32>()
            + self.columns.capacity() * size_of::<Column>()
    }

    fn scan_bits(&self, frame: &Frame, targets: &mut Targets) {
        let halves = Interval::of_bits(frame.cell(self.facet()).bit);
        let column = &self.columns[0];
        if halves.from != 0 {
            targets.select_bit(&column.from, &self.targets, halves.from);
        } else if halves.to != 0 {
            targets.select_bit(&column.to, &self.targets, halves.to);
        }
    }

    #[inline]
    fn scan_columns<const WIDTH: usize>(
        &self,
        columns: [&Column; WIDTH],
        frame: &Frame,
        scanner: Scanner,
        targets: &mut Targets,
    ) {
        let mut cells = [Cell::MISSING; WIDTH];
        for (cell, facet) in cells.iter_mut().zip(self.facets) {
            *cell = frame.cell(facet);
            if !cell.is_present() {
                return;
            }
        }
        let columns = Columns {
            from: columns.map(|column| column.from.as_slice()),
            to: columns.map(|column| column.to.as_slice()),
            targets: &self.targets,
        };
        targets.select(columns, cells, scanner);
    }

    fn posting(&self, place: usize) -> Posting {
        Posting {
            facet: self.facet(),
            interval: Interval {
                from: self.columns[0].from[place],
                to: self.columns[0].to[place],
            },
            target: self.target(self.targets[place]),
        }
    }

    /// What is kept as a target, as one.
    fn target(&self, kept: u32) -> Target {
        if self.is_wide() {
            Target::subscription(kept)
        } else {
            Target(kept)
        }
    }

    fn asks_for(&self, target: u32, intervals: &Intervals, rows: &Rows) -> bool {
        let nothing = Posting {
            facet: self.facet(),
            ..Posting::default()
        };
        let mut all = Intervals::of(&nothing);
        all.extend(Target(target), rows) && all.facets() == intervals.facets()
    }

    fn shrink(&mut self) {
        let len = self.targets.len();
        if len * 2 < self.targets.capacity() {
            let capacity = len + len / 4;
            for column in &mut self.columns {
                column.from.shrink_to(capacity);
                column.to.shrink_to(capacity);
            }
            self.targets.shrink_to(capacity);
        }
    }
}
