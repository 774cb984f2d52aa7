//! A session's list of subscriptions: the truth about them.

use alloc::collections::BTreeMap;

use gomera_model::operation::{CanonicalFilter, Change, Hit, SubscriptionOperation};
use gomera_model::{OperationNumber, SubscriptionNumber};

/// Subscriptions of one session, with tombstones of those that ended.
#[derive(Debug, Default)]
pub(super) struct SubscriptionList {
    entries: BTreeMap<SubscriptionNumber, Entry>,
    /// Tombstones by their operation, so that the oldest are found.
    tombstones: BTreeMap<OperationNumber, SubscriptionNumber>,
    /// The highest operation that was taken.
    newest: OperationNumber,
    /// Raised whenever a subscription ends: what was queued before has to be looked at again.
    removals: u64,
}

#[derive(Debug)]
enum Entry {
    /// Subscribed.
    Live {
        /// The operation that began this life.
        since: OperationNumber,
        /// The operation that set the present filter.
        newest: OperationNumber,
        /// The present filter; a further copy beside the matcher's.
        filter: CanonicalFilter,
    },
    /// Unsubscribed by this operation.
    Tombstone(OperationNumber),
}

impl SubscriptionList {
    /// Takes an operation, unless a later one of the same subscription was taken.
    pub(super) fn take(&mut self, operation: &SubscriptionOperation) {
        let number = operation.subscription.number;
        self.newest = self.newest.max(operation.number);
        let (known, since) = match self.entries.get(&number) {
            Some(Entry::Live { since, newest, .. }) => (*newest, Some(*since)),
            Some(Entry::Tombstone(known)) => (*known, None),
            None => (OperationNumber(0), None),
        };
        if operation.number > known {
            self.tombstones.remove(&known);
            let entry = match &operation.change {
                Change::Set(filter) => Entry::Live {
                    since: since.unwrap_or(operation.number),
                    newest: operation.number,
                    filter: filter.clone(),
                },
                Change::Unset => {
                    self.removals += 1;
                    self.tombstones.insert(operation.number, number);
                    Entry::Tombstone(operation.number)
                }
            };
            self.entries.insert(number, entry);
        }
        self.prune(operation.unanswered_from);
    }

    /// Whether a hit is of a subscription that is there, in the life that the hit belongs to.
    pub(super) fn wants(&self, hit: Hit) -> bool {
        match self.entries.get(&hit.number) {
            Some(Entry::Live { since, .. }) => hit.operation >= *since,
            Some(Entry::Tombstone(_)) | None => false,
        }
    }

    /// The subscriptions that are there, with the operation that set the present filter.
    pub(super) fn live(&self) -> impl Iterator<Item = Hit> {
        self.entries
            .iter()
            .filter_map(|(number, entry)| match entry {
                Entry::Live { newest, .. } => Some(Hit {
                    number: *number,
                    operation: *newest,
                }),
                Entry::Tombstone(_) => None,
            })
    }

    /// Bytes of the filters.
    pub(super) fn filter_bytes(&self) -> usize {
        let entries = self.entries.values();
        entries
            .map(|entry| match entry {
                Entry::Live { filter, .. } => filter.0.len(),
                Entry::Tombstone(_) => 0,
            })
            .sum()
    }

    /// The highest operation that was taken.
    pub(super) fn newest(&self) -> OperationNumber {
        self.newest
    }

    /// How many subscriptions have ended so far.
    pub(super) fn removals(&self) -> u64 {
        self.removals
    }

    /// The client has the answers to everything below: nobody repeats it any more.
    fn prune(&mut self, unanswered_from: OperationNumber) {
        while let Some(entry) = self.tombstones.first_entry() {
            if *entry.key() >= unanswered_from {
                return;
            }
            let number = entry.remove();
            self.entries.remove(&number);
        }
    }
}
