//! The index, plain: every filter is asked.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use gomera_filter::{Filter, reference};
use gomera_model::operation::{Hit, StoredSubscription};
use gomera_model::{Attributes, OperationNumber, SlotId, SubscriptionId};

use crate::hits::Hits;
use crate::level::CpuLevel;
use crate::slot_set::SlotSet;

/// The subscriptions of one matcher, each tagged with its slot.
#[derive(Debug)]
pub struct Index {
    entries: BTreeMap<SubscriptionId, Entry>,
    slots: BTreeMap<SlotId, BTreeSet<SubscriptionId>>,
}

#[derive(Debug)]
struct Entry {
    operation: OperationNumber,
    slot: SlotId,
    filter: Filter,
}

impl Index {
    /// An empty index. The seed is for its hash tables, whose keys outsiders choose; the level is what the processor
    /// can do. Neither changes an answer.
    #[must_use]
    pub fn new(_seed: u64, _level: CpuLevel) -> Self {
        Self {
            entries: BTreeMap::new(),
            slots: BTreeMap::new(),
        }
    }

    /// Installs a subscription, or replaces it. Filters are accepted when they are registered: this cannot fail.
    pub fn insert(&mut self, id: SubscriptionId, operation: OperationNumber, filter: &Filter) {
        let slot = id.slot();
        let entry = Entry {
            operation,
            slot,
            filter: filter.clone(),
        };
        self.entries.insert(id, entry);
        self.slots.entry(slot).or_default().insert(id);
    }

    /// Removes a subscription; the operation number of what was removed.
    pub fn remove(&mut self, id: SubscriptionId) -> Option<OperationNumber> {
        let entry = self.entries.remove(&id)?;
        if let Some(ids) = self.slots.get_mut(&entry.slot) {
            ids.remove(&id);
        }
        Some(entry.operation)
    }

    /// Matches a batch of flat attributes, in order; only what lies in a visible slot is kept: the slots that this
    /// matcher owns under the stamped epoch of the batch. The hits are appended.
    pub fn match_batch(&mut self, batch: &[&Attributes], visible: &SlotSet, hits: &mut Hits) {
        for flat in batch {
            for (id, entry) in &self.entries {
                if visible.contains(entry.slot)
                    && reference::evaluate(&entry.filter, flat).is_true()
                {
                    hits.push(
                        id.session,
                        Hit {
                            number: id.number,
                            operation: entry.operation,
                        },
                    );
                }
            }
            hits.end();
        }
    }

    /// Whether a subscription is there.
    #[must_use]
    pub fn contains(&self, id: SubscriptionId) -> bool {
        self.entries.contains_key(&id)
    }

    /// The operation that set a subscription's filter.
    #[must_use]
    pub fn operation(&self, id: SubscriptionId) -> Option<OperationNumber> {
        self.entries.get(&id).map(|entry| entry.operation)
    }

    /// A subscription as it is copied to another matcher.
    #[must_use]
    pub fn stored(&self, id: SubscriptionId) -> Option<StoredSubscription> {
        let entry = self.entries.get(&id)?;
        Some(StoredSubscription {
            id,
            operation: entry.operation,
            filter: entry.filter.canonical(),
        })
    }

    /// The ids in a slot, appended to `out`, in an order that depends on what was done to the index and on nothing else.
    pub fn slot(&self, slot: SlotId, out: &mut Vec<SubscriptionId>) {
        out.extend(self.slots.get(&slot).into_iter().flatten());
    }

    /// How many subscriptions a slot has.
    #[must_use]
    pub fn slot_len(&self, slot: SlotId) -> usize {
        self.slots.get(&slot).map_or(0, BTreeSet::len)
    }

    /// How many subscriptions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no subscription.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// About how many bytes it holds, all told.
    #[must_use]
    pub fn bytes(&self) -> usize {
        /// Tree, slot and tree node of a filter of five predicates, by a rough count.
        const ENTRY_BYTES: usize = 600;
        self.entries.len() * ENTRY_BYTES
    }
}
