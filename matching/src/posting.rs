//! Postings: what buckets and groups keep, and where it leads.

use alloc::vec::Vec;

use crate::cell::{Cell, Interval};
use crate::facets::FacetId;
use crate::scan::{Columns, Scanner};

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
#[derive(Clone, Debug, Default)]
pub(crate) struct Targets {
    pub(crate) sure: Vec<u32>,
    pub(crate) unsure: Vec<u32>,
    /// Subscriptions that match without any further test.
    pub(crate) handles: Vec<u32>,
    /// What holds or may; for the difference.
    either: Vec<u32>,
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

    pub(crate) fn bytes(&self) -> usize {
        let lists = [&self.sure, &self.unsure, &self.handles, &self.either];
        lists.iter().map(|list| list.capacity()).sum::<usize>() * size_of::<u32>()
    }
}
