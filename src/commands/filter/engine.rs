//! Who decides whether a filter delivers: the index that the broker uses, or the reference evaluator.

use clap::ValueEnum;
use gomera_filter::{Filter, reference};
use gomera_matching::{Hits, Index, SlotSet};
use gomera_model::{Attributes, OperationNumber, SessionId, SubscriptionId, SubscriptionNumber};

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum EngineName {
    /// The index that the broker uses.
    Index,
    /// The reference evaluator.
    Reference,
}

/// One of them, ready.
#[derive(Debug)]
pub(super) enum Engine {
    /// See [`EngineName::Index`].
    Index(Box<Index>),
    /// See [`EngineName::Reference`].
    Reference,
}

impl Engine {
    /// Begins.
    pub(super) fn new(name: EngineName) -> Self {
        match name {
            EngineName::Index => Self::Index(Box::new(Index::new(0, crate::cpu::level()))),
            EngineName::Reference => Self::Reference,
        }
    }

    /// Whether the filter delivers a notification with these flat attributes.
    pub(super) fn delivers(&mut self, filter: &Filter, flat: &Attributes) -> bool {
        match self {
            Self::Reference => reference::matches(filter, flat),
            Self::Index(index) => {
                let id = SubscriptionId {
                    session: SessionId(1),
                    number: SubscriptionNumber(1),
                };
                let mut hits = Hits::new();
                index.insert(id, OperationNumber(1), filter);
                index.match_batch(&[flat], &SlotSet::full(), &mut hits);
                index.remove(id);
                hits.total() > 0
            }
        }
    }
}
