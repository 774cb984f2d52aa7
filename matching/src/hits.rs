//! What matched: for each notification of a batch a block of hits a session.

use alloc::vec::Vec;

use gomera_model::SessionId;
use gomera_model::operation::Hit;

/// The hits of a batch, flat; the caller keeps it and hands it in again, so that its memory is reused.
#[derive(Clone, Debug, Default)]
pub struct Hits {
    hits: Vec<Hit>,
    blocks: Vec<Block>,
    /// Behind the last block of each notification.
    ends: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    session: SessionId,
    /// Behind the last hit.
    end: usize,
}

impl Hits {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.hits.clear();
        self.blocks.clear();
        self.ends.clear();
    }

    /// The blocks of a notification, counted from 0 in the order of the batch: one a session, sessions ascending, and
    /// the hits of each ascending by number. A number that is not in the batch has none.
    pub fn sessions(&self, index: usize) -> impl Iterator<Item = (SessionId, &[Hit])> {
        let start = index
            .checked_sub(1)
            .map_or(0, |before| self.ends.get(before).copied().unwrap_or(0));
        let end = self.ends.get(index).copied().unwrap_or(start);
        (start..end).map(|block| {
            let first = block
                .checked_sub(1)
                .map_or(0, |before| self.blocks[before].end);
            let Block { session, end } = self.blocks[block];
            (session, &self.hits[first..end])
        })
    }

    /// How many notifications there are, those without a hit too.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no notification.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many hits there are, of all notifications.
    #[must_use]
    pub fn total(&self) -> usize {
        self.hits.len()
    }

    /// Appends a hit of the notification at hand. They come sorted by session, then by number.
    pub(crate) fn push(&mut self, session: SessionId, hit: Hit) {
        let first = self.ends.last().copied().unwrap_or(0);
        self.hits.push(hit);
        let end = self.hits.len();
        match self.blocks[first..].last_mut() {
            Some(block) if block.session == session => block.end = end,
            Some(_) | None => self.blocks.push(Block { session, end }),
        }
    }

    /// Ends the notification at hand.
    pub(crate) fn end(&mut self) {
        self.ends.push(self.blocks.len());
    }
}

#[cfg(test)]
mod tests {
    use gomera_model::{OperationNumber, SubscriptionNumber};

    use super::*;

    fn hit(number: u32) -> Hit {
        Hit {
            number: SubscriptionNumber(number),
            operation: OperationNumber(1),
        }
    }

    #[test]
    fn hits_are_grouped_by_notification_and_session() {
        let mut hits = Hits::new();
        hits.push(SessionId(1), hit(1));
        hits.push(SessionId(1), hit(2));
        hits.push(SessionId(2), hit(1));
        hits.end();
        hits.end();
        hits.push(SessionId(2), hit(5));
        hits.end();
        let of = |index| hits.sessions(index).collect::<Vec<_>>();
        assert_eq!(
            of(0),
            [
                (SessionId(1), &[hit(1), hit(2)][..]),
                (SessionId(2), &[hit(1)][..])
            ]
        );
        assert_eq!(of(1), []);
        assert_eq!(of(2), [(SessionId(2), &[hit(5)][..])]);
        assert_eq!(of(3), []);
        assert_eq!((hits.len(), hits.total()), (3, 4));
    }
}
