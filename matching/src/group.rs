//! Groups of a large bucket: columns of bounds, and a target each.
//!
//! A *narrow* group has one column, and leads to rows of further tests. Where most of its rows ask for the same facets
//! and for nothing but intervals, they become a *wide* group, with a column for each facet: what it keeps of them are
//! the handles of the subscriptions, and their rows are not read.
//!
//! A group ends at [`GROUP_MAX`] postings; the next one of the same facets has the greater [`Place`]s. So whatever is done
//! to one posting, finding it included, costs no more than looking at so many targets side by side, and a notification
//! passes over the groups whose first bounds leave its value out.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::cell::{Cell, Interval};
use crate::facets::FacetId;
use crate::frame::Frame;
use crate::limits::{COLUMNS_MAX, GROUP_MAX, WIDEN_AT};
use crate::posting::{Posting, Target, Targets};
use crate::rows::Rows;
use crate::scan::{Columns, Scanner};

/// Facets that postings ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Signature {
    facets: [FacetId; COLUMNS_MAX],
    len: u32,
}

/// Facets, and what is wanted of each: at most [`COLUMNS_MAX`].
#[derive(Clone, Debug)]
pub(crate) struct Intervals {
    signature: Signature,
    intervals: [Interval; COLUMNS_MAX],
}

/// Where a posting belongs among those that ask for the same facets. Those without a lower bound come first, those without
/// an upper one last; between them, and within each, the lower bound decides, then the upper one, then the target. So the
/// bounds of a group lie close to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    interval: Interval,
    target: u32,
}

/// Postings that ask for the same facets.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    signature: Signature,
    /// None comes before.
    low: Place,
    /// No first interval reaches beyond.
    hull: Interval,
    len: u32,
    /// Postings that it has memory for.
    room: u32,
    /// For each facet the lower bounds, then the upper ones; behind them the targets, which are handles in a wide group.
    /// Each has the same room.
    words: Box<[u32]>,
}

/// Rows that are looked at before a group is widened.
const SAMPLE: usize = 32;

impl Signature {
    /// One facet.
    pub(crate) fn narrow(facet: FacetId) -> Self {
        let mut facets = [FacetId::ALWAYS; COLUMNS_MAX];
        facets[0] = facet;
        Self { facets, len: 1 }
    }

    fn columns(&self) -> usize {
        self.len as usize
    }
}

impl Place {
    /// The first of all.
    pub(crate) const FIRST: Self = Self {
        interval: Interval {
            to: 0,
            ..Interval::ALL
        },
        target: 0,
    };

    pub(crate) fn new(interval: Interval, target: u32) -> Self {
        Self { interval, target }
    }

    pub(crate) fn target(&self) -> u32 {
        self.target
    }

    fn key(&self) -> (u8, u32, u32, u32) {
        let Self { interval, target } = *self;
        let Interval { from, to } = interval;
        (interval.openness(), from, to, target)
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Intervals {
    /// What a posting itself asks for.
    pub(crate) fn of(posting: &Posting) -> Self {
        let mut intervals = [Interval::ALL; COLUMNS_MAX];
        intervals[0] = posting.interval;
        Self {
            signature: Signature::narrow(posting.facet),
            intervals,
        }
    }

    /// What a posting and the row behind it ask for, if that is nothing but so few intervals of several facets.
    pub(crate) fn wide(posting: &Posting, rows: &Rows) -> Option<Self> {
        if posting.target.handle().is_some() || posting.facet.has_bits() {
            return None;
        }
        let mut all = Self::of(posting);
        let push = |facet, interval| all.push(facet, interval);
        rows.intervals(posting.target.0, push).then_some(all)
    }

    pub(crate) fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Where a target that is asked so belongs.
    pub(crate) fn place_of(&self, target: u32) -> Place {
        Place::new(self.intervals[0], target)
    }

    fn push(&mut self, facet: FacetId, interval: Interval) -> bool {
        let at = self.signature.columns();
        if at == COLUMNS_MAX {
            return false;
        }
        self.signature.facets[at] = facet;
        self.intervals[at] = interval;
        self.signature.len += 1;
        true
    }
}

impl Group {
    pub(crate) fn new(signature: Signature, low: Place) -> Self {
        Self {
            signature,
            low,
            hull: Interval::NONE,
            len: 0,
            room: 0,
            words: Box::default(),
        }
    }

    /// Appends what is asked and where it leads. There must be room.
    pub(crate) fn push(&mut self, intervals: &Intervals, target: u32) {
        let (len, room) = (self.len(), self.room());
        if len == room {
            self.resize((room + (room / 4).max(4)).min(GROUP_MAX));
        }
        let (room, columns) = (self.room(), self.signature.columns());
        let bounds = &intervals.intervals[..columns];
        for (at, interval) in bounds.iter().enumerate() {
            self.words[2 * at * room + len] = interval.from;
            self.words[(2 * at + 1) * room + len] = interval.to;
        }
        self.words[2 * columns * room + len] = target;
        self.hull = self.hull.reaching_over(intervals.intervals[0]);
        self.len += 1;
    }

    /// Takes out what lies at a place.
    pub(crate) fn take(&mut self, place: usize) {
        let (last, room) = (self.len() - 1, self.room());
        for column in self.words.chunks_exact_mut(room) {
            column[place] = column[last];
        }
        self.len -= 1;
        if last * 2 < room {
            self.resize(last + last / 4);
        }
    }

    /// Where a target lies.
    pub(crate) fn find(&self, target: u32) -> Option<usize> {
        const STEP: usize = 32;
        let mut start = 0;
        for some in self.targets().chunks(STEP) {
            // Without leaving early, so that many are compared at a time.
            if some
                .iter()
                .fold(false, |found, other| found | (*other == target))
            {
                let at = some.iter().position(|other| *other == target)?;
                return Some(start + at);
            }
            start += STEP;
        }
        None
    }

    /// Whether its rows, by a sample, mostly ask for these facets. Asked when it has just grown to certain sizes.
    pub(crate) fn is_worth_widening(&self, signature: &Signature, rows: &Rows) -> bool {
        if !WIDEN_AT.contains(&self.len()) {
            return false;
        }
        let places = (0..self.len()).step_by(self.len() / SAMPLE);
        let all = places.filter_map(|place| Intervals::wide(&self.posting(place), rows));
        let alike = all.filter(|all| all.signature == *signature);
        alike.count() > SAMPLE / 2
    }

    /// Moves the postings that ask for these facets to a group of their own.
    pub(crate) fn widen(&mut self, signature: &Signature, rows: &Rows) -> Self {
        let mut wide = Self::new(*signature, Place::FIRST);
        let mut narrow = Self::new(self.signature, self.low);
        for place in 0..self.len() {
            let posting = self.posting(place);
            match Intervals::wide(&posting, rows) {
                Some(all) if all.signature == *signature => {
                    wide.push(&all, rows.handle_of(posting.target));
                }
                Some(_) | None => narrow.push(&Intervals::of(&posting), posting.target.0),
            }
        }
        *self = narrow;
        wide
    }

    /// Makes room for a posting: a group for the upper half, or for this one alone where it comes behind all of them, as
    /// it does where alike subscriptions are numbered in the order in which they come.
    pub(crate) fn split(&mut self, posting: Place) -> Self {
        let mut places: Vec<_> = (0..self.len()).map(|at| self.place_at(at)).collect();
        let highest = places.iter().max().copied().unwrap_or(Place::FIRST);
        if posting > highest {
            return Self::new(self.signature, posting);
        }
        let middle = places.len() / 2;
        let (_, &mut low, _) = places.select_nth_unstable(middle);
        let mut lower = Self::new(self.signature, self.low);
        let mut upper = Self::new(self.signature, low);
        for at in 0..self.len() {
            let half = if self.place_at(at) < low {
                &mut lower
            } else {
                &mut upper
            };
            half.append(self, at);
        }
        *self = lower;
        upper
    }

    /// Takes all postings of the next group in.
    pub(crate) fn absorb(&mut self, next: &Self) {
        for place in 0..next.len() {
            self.append(next, place);
        }
    }

    /// Takes the place of a group before it that is gone.
    pub(crate) fn reach_down_to(&mut self, low: Place) {
        self.low = low;
    }

    pub(crate) fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The first place that belongs here.
    pub(crate) fn low(&self) -> Place {
        self.low
    }

    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// The first facet.
    fn facet(&self) -> FacetId {
        self.signature.facets[0]
    }

    /// Collects the targets of the postings that hold.
    #[inline]
    pub(crate) fn scan(&self, frame: &Frame, scanner: Scanner, targets: &mut Targets) {
        if self.facet().has_bits() {
            return self.scan_bits(frame, targets);
        }
        if !self.hull.holds(frame.cell(self.facet())) {
            return;
        }
        match self.signature.len {
            1 => self.scan_columns::<1>(frame, scanner, targets),
            2 => self.scan_columns::<2>(frame, scanner, targets),
            3 => self.scan_columns::<3>(frame, scanner, targets),
            4 => self.scan_columns::<4>(frame, scanner, targets),
            _ => unreachable!("a group has one to COLUMNS_MAX columns"),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.words)
    }

    fn scan_bits(&self, frame: &Frame, targets: &mut Targets) {
        let halves = Interval::of_bits(frame.cell(self.facet()).bit);
        if halves.from != 0 {
            targets.select_bit(self.column(0), self.targets(), halves.from);
        } else if halves.to != 0 {
            targets.select_bit(self.column(1), self.targets(), halves.to);
        }
    }

    #[inline]
    fn scan_columns<const WIDTH: usize>(
        &self,
        frame: &Frame,
        scanner: Scanner,
        targets: &mut Targets,
    ) {
        let mut cells = [Cell::MISSING; WIDTH];
        for (cell, facet) in cells.iter_mut().zip(self.signature.facets) {
            *cell = frame.cell(facet);
            if !cell.is_present() {
                return;
            }
        }
        let columns = Columns {
            from: core::array::from_fn(|at| self.column(2 * at)),
            to: core::array::from_fn(|at| self.column(2 * at + 1)),
            targets: self.targets(),
        };
        targets.select(columns, cells, scanner);
    }

    /// Bounds, or the targets behind the last of them.
    #[inline]
    fn column(&self, at: usize) -> &[u32] {
        &self.words[at * self.room()..][..self.len()]
    }

    #[inline]
    fn targets(&self) -> &[u32] {
        self.column(2 * self.signature.columns())
    }

    #[inline]
    fn room(&self) -> usize {
        self.room as usize
    }

    fn resize(&mut self, room: usize) {
        let columns = 2 * self.signature.columns() + 1;
        let mut words = Vec::with_capacity(columns * room);
        for at in 0..columns {
            words.extend_from_slice(self.column(at));
            words.resize((at + 1) * room, 0);
        }
        self.words = words.into();
        self.room = u32::try_from(room).expect("GROUP_MAX at most");
    }

    /// Appends a posting of a group of the same facets.
    fn append(&mut self, other: &Self, place: usize) {
        let mut intervals = Intervals {
            signature: self.signature,
            intervals: [Interval::ALL; COLUMNS_MAX],
        };
        let columns = self.signature.columns();
        for (at, interval) in intervals.intervals[..columns].iter_mut().enumerate() {
            interval.from = other.column(2 * at)[place];
            interval.to = other.column(2 * at + 1)[place];
        }
        self.push(&intervals, other.targets()[place]);
    }

    fn place_at(&self, at: usize) -> Place {
        let interval = Interval {
            from: self.column(0)[at],
            to: self.column(1)[at],
        };
        Place::new(interval, self.targets()[at])
    }

    /// A posting of a narrow group.
    fn posting(&self, at: usize) -> Posting {
        let Place { interval, target } = self.place_at(at);
        Posting {
            facet: self.facet(),
            interval,
            target: Target(target),
        }
    }
}
