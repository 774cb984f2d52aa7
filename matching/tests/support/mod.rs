//! What the tests share: random filters and notifications, and a model to compare the index with.

pub(crate) mod fuzz;
pub(crate) mod random;

use std::collections::BTreeMap;

use gomera_filter::{Dialect, Filter, reference};
use gomera_matching::{CpuLevel, Hits, Index, SlotSet};
use gomera_model::operation::{CanonicalFilter, StoredSubscription};
use gomera_model::{
    Attributes, OperationNumber, SessionId, SlotId, SubscriptionId, SubscriptionNumber,
};

/// An index, and what it should hold.
pub(crate) struct Pair {
    pub(crate) index: Index,
    pub(crate) model: BTreeMap<SubscriptionId, (OperationNumber, Filter, CanonicalFilter)>,
}

type Match = (SubscriptionId, OperationNumber);

impl Pair {
    pub(crate) fn new(seed: u64, level: CpuLevel) -> Self {
        Self {
            index: Index::new(seed, level),
            model: BTreeMap::new(),
        }
    }

    pub(crate) fn insert(&mut self, id: SubscriptionId, operation: u64, filter: &Filter) {
        let operation = OperationNumber(operation);
        self.index.insert(id, operation, filter);
        let canonical = filter.canonical();
        self.model
            .insert(id, (operation, filter.clone(), canonical));
    }

    /// Inserts bytes as a filter from elsewhere: the index takes what the language takes, and nothing else.
    pub(crate) fn insert_canonical(&mut self, id: SubscriptionId, operation: u64, bytes: &[u8]) {
        let operation = OperationNumber(operation);
        let canonical = CanonicalFilter(bytes.to_vec().into());
        let taken = self.index.insert_canonical(id, operation, &canonical);
        self.model.remove(&id);
        let filter = Filter::from_canonical(&canonical);
        assert_eq!(taken.is_ok(), filter.is_ok(), "{bytes:?}");
        if let Ok(filter) = filter {
            self.model.insert(id, (operation, filter, canonical));
        }
    }

    /// Inserts many at once: each that is not there, or was set by a lower operation, is as if it was inserted alone.
    pub(crate) fn insert_many(&mut self, stored: &[StoredSubscription]) {
        let taken = self.index.insert_many(stored);
        let mut is_whole = true;
        for StoredSubscription {
            id,
            operation,
            filter: canonical,
        } in stored
        {
            let known = self.model.get(id);
            if known.is_some_and(|(known, ..)| known >= operation) {
                continue;
            }
            self.model.remove(id);
            match Filter::from_canonical(canonical) {
                Ok(filter) => {
                    let kept = (*operation, filter, canonical.clone());
                    self.model.insert(*id, kept);
                }
                Err(_) => is_whole = false,
            }
        }
        assert_eq!(taken.is_ok(), is_whole);
    }

    pub(crate) fn remove(&mut self, id: SubscriptionId) {
        let removed = self.model.remove(&id).map(|(operation, ..)| operation);
        assert_eq!(self.index.remove(id), removed);
    }

    /// Matches a batch, and compares every notification of it with the reference evaluator.
    pub(crate) fn check(&mut self, batch: &[Attributes], visible: &SlotSet) {
        let batch = batch.iter().collect::<Vec<_>>();
        let mut hits = Hits::new();
        self.index.match_batch(&batch, visible, &mut hits);
        assert_eq!(hits.len(), batch.len());
        for (at, flat) in batch.iter().enumerate() {
            let (found, expected) = (matched(&hits, at), self.expected(flat, visible));
            if found != expected {
                self.explain(&found, &expected, flat);
            }
        }
    }

    /// Compares all that can be listed.
    pub(crate) fn check_slots(&self) {
        let Self { index, model } = self;
        assert_eq!(index.len(), model.len());
        let mut listed = Vec::new();
        for slot in SlotId::all() {
            let before = listed.len();
            index.slot(slot, &mut listed);
            assert_eq!(listed.len() - before, index.slot_len(slot));
            assert!(listed[before..].iter().all(|id| id.slot() == slot));
        }
        listed.sort();
        assert!(listed.iter().eq(model.keys()));
        for (id, (operation, _, canonical)) in model {
            assert!(index.contains(*id));
            assert_eq!(index.operation(*id), Some(*operation));
            let stored = index.stored(*id).unwrap();
            assert_eq!((stored.id, stored.operation), (*id, *operation));
            assert_eq!(stored.filter, *canonical);
        }
    }

    fn expected(&self, flat: &Attributes, visible: &SlotSet) -> Vec<Match> {
        let asked = self.model.iter();
        let asked = asked.filter(|(id, _)| visible.contains(id.slot()));
        let holds = asked.filter(|(_, (_, filter, _))| reference::evaluate(filter, flat).is_true());
        holds
            .map(|(id, (operation, ..))| (*id, *operation))
            .collect()
    }

    fn explain(&self, found: &[Match], expected: &[Match], flat: &Attributes) {
        for (id, (_, filter, _)) in &self.model {
            let is_found = found.iter().any(|(other, _)| other == id);
            let is_expected = expected.iter().any(|(other, _)| other == id);
            assert_eq!(is_found, is_expected, "{filter:?} on {flat:?}");
        }
        panic!("the same subscriptions, but {found:?} instead of {expected:?}");
    }
}

pub(crate) fn id(number: usize) -> SubscriptionId {
    SubscriptionId {
        session: SessionId(number as u64 % 37),
        number: SubscriptionNumber(u32::try_from(number).unwrap()),
    }
}

pub(crate) fn parse(text: &str) -> Filter {
    Filter::parse(Dialect::Sql, text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

fn matched(hits: &Hits, index: usize) -> Vec<Match> {
    let blocks = hits.sessions(index);
    let ids = blocks.flat_map(|(session, hits)| {
        hits.iter().map(move |hit| {
            let number = hit.number;
            (SubscriptionId { session, number }, hit.operation)
        })
    });
    ids.collect()
}
