//! Postings of a large bucket whose facets have too few for a column: side by side, in blocks by facet, so that one of
//! them is soon found.

use alloc::vec::Vec;

use crate::facets::FacetId;
use crate::frame::Frame;
use crate::limits::{COLUMN_FROM, LOOSE_BLOCK};
use crate::posting::{Posting, Targets};

/// Blocks of postings: as many as a power of two.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loose {
    blocks: Vec<Vec<Posting>>,
    len: usize,
    bytes: usize,
}

impl Loose {
    pub(crate) fn push(&mut self, posting: Posting) {
        if self.len >= self.blocks.len() * LOOSE_BLOCK {
            self.split();
        }
        self.len += 1;
        let at = self.block(posting.facet);
        let block = &mut self.blocks[at];
        let before = block.capacity();
        if block.len() == before {
            block.reserve_exact((before / 4).max(4));
        }
        block.push(posting);
        self.bytes += (block.capacity() - before) * size_of::<Posting>();
    }

    /// Takes out the postings of a facet, if they are enough for a column.
    pub(crate) fn gather(&mut self, facet: FacetId) -> Option<Vec<Posting>> {
        let at = self.block(facet);
        let block = &mut self.blocks[at];
        let count = block.iter().filter(|posting| posting.facet == facet);
        if count.count() < COLUMN_FROM {
            return None;
        }
        let gathered = block.extract_if(.., |posting| posting.facet == facet);
        let gathered = gathered.collect::<Vec<_>>();
        self.len -= gathered.len();
        Some(gathered)
    }

    /// Takes a posting out; whether it was here.
    pub(crate) fn remove(&mut self, wanted: &Posting) -> bool {
        if self.blocks.is_empty() {
            return false;
        }
        let at = self.block(wanted.facet);
        let block = &mut self.blocks[at];
        let is =
            |posting: &Posting| posting.target == wanted.target && posting.facet == wanted.facet;
        let Some(place) = block.iter().position(is) else {
            return false;
        };
        block.swap_remove(place);
        self.len -= 1;
        let before = block.capacity();
        if block.len() * 2 < before {
            block.shrink_to(block.len() + block.len() / 4);
        }
        self.bytes -= (before - block.capacity()) * size_of::<Posting>();
        true
    }

    /// Collects the targets of the postings that hold.
    pub(crate) fn scan(&self, frame: &Frame, targets: &mut Targets) {
        for block in &self.blocks {
            targets.select_each(block, frame);
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.blocks.capacity() * size_of::<Vec<Posting>>()
    }

    fn block(&self, facet: FacetId) -> usize {
        facet.index() & (self.blocks.len() - 1)
    }

    /// Twice as many blocks.
    fn split(&mut self) {
        let count = (self.blocks.len() * 2).max(1);
        let postings = core::mem::take(&mut self.blocks);
        self.blocks.resize_with(count, Vec::new);
        for posting in postings.into_iter().flatten() {
            let at = self.block(posting.facet);
            self.blocks[at].push(posting);
        }
        let room = self.blocks.iter().map(Vec::capacity).sum::<usize>();
        self.bytes = room * size_of::<Posting>();
    }
}
