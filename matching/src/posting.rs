//! Postings: what buckets and groups keep, and where it leads.

use alloc::vec::Vec;

use crate::cell::{Cell, Interval};
use crate::facets::FacetId;
use crate::frame::Frame;
use crate::scan::{Columns, Scanner};

/// What is asked of a notification that has the key, and where to go on where it holds. Where the facet has bits, the
/// bounds of the interval are the lower and the upper half of a set of them.
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
#[derive(Clone, Debug, Default)]
pub(crate) struct Targets {
    pub(crate) sure: Vec<u32>,
    pub(crate) unsure: Vec<u32>,
    /// Subscriptions that match without any further test.
    pub(crate) handles: Vec<u32>,
    /// What holds or may; for the difference.
    either: Vec<u32>,
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

impl Posting {
    /// Whether the value lies where it should, or may.
    #[inline]
    pub(crate) fn holds(&self, cell: Cell) -> bool {
        let is_inside = self.interval.holds(cell);
        let has_bit = self.interval.has_bit(cell);
        let asks_bit = self.facet.has_bits();
        (asks_bit & has_bit) | (!asks_bit & is_inside)
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
        self.handles.clear();
    }

    /// Selects from the columns of a group. Where a value has a 32-bit form of its own, every answer is sure. Elsewhere
    /// those are that hold for both of its neighbours; the others that hold are unsure.
    #[inline]
    pub(crate) fn select<const WIDTH: usize>(
        &mut self,
        columns: Columns<'_, WIDTH>,
        cells: [Cell; WIDTH],
        scanner: Scanner,
    ) {
        let strict = cells.map(|cell| Cell {
            low: cell.high,
            high: cell.low,
            ..cell
        });
        let sure = if WIDTH == 1 {
            &mut self.sure
        } else {
            &mut self.handles
        };
        let before = sure.len();
        scanner.select(columns, strict, sure);
        if cells == strict {
            return;
        }
        self.either.clear();
        scanner.select(columns, cells, &mut self.either);
        let mut sure = sure[before..].iter().peekable();
        for &target in &self.either {
            if sure.next_if_eq(&&target).is_none() {
                let direct = if WIDTH == 1 { 0 } else { Target::DIRECT };
                self.unsure.push(target | direct);
            }
        }
    }

    /// Selects from postings that lie side by side.
    #[inline]
    pub(crate) fn select_each(&mut self, postings: &[Posting], frame: &Frame) {
        if !frame.is_exact() {
            return self.select_unsure(postings, frame);
        }
        // Without a branch on what holds, which cannot be foreseen.
        let start = self.sure.len();
        self.sure.resize(start + postings.len(), 0);
        let (out, cells) = (&mut self.sure[start..], frame.cells());
        let mut end = 0;
        for posting in postings {
            out[end] = posting.target.0;
            end += usize::from(posting.holds(cells[posting.facet.index()]));
        }
        self.sure.truncate(start + end);
    }

    fn select_unsure(&mut self, postings: &[Posting], frame: &Frame) {
        for posting in postings {
            let cell = frame.cell(posting.facet);
            if !posting.holds(cell) {
                continue;
            }
            // A value that has a bit is exact.
            if posting.interval.is_unsure(cell) {
                self.unsure.push(posting.target.0);
            } else {
                self.sure.push(posting.target.0);
            }
        }
    }

    /// Selects the targets whose word has a bit.
    pub(crate) fn select_bit(&mut self, words: &[u32], targets: &[u32], bit: u32) {
        let mut end = self.sure.len();
        self.sure.resize(end + targets.len(), 0);
        for (word, target) in words.iter().zip(targets) {
            self.sure[end] = *target;
            end += usize::from(word & bit != 0);
        }
        self.sure.truncate(end);
    }

    pub(crate) fn bytes(&self) -> usize {
        let lists = [&self.sure, &self.unsure, &self.handles, &self.either];
        lists.iter().map(|list| list.capacity()).sum::<usize>() * size_of::<u32>()
    }
}
