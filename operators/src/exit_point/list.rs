//! A session's list of subscriptions: the truth about them.

use alloc::collections::BTreeMap;

use gomera_model::lane::{FillPiece, LiveSubscription};
use gomera_model::operation::{
    CanonicalFilter, Change, Hit, StoredSubscription, SubscriptionOperation,
};
use gomera_model::{OperationNumber, SessionId, SubscriptionId, SubscriptionNumber};

use crate::limits::TOMBSTONES_MIN;

/// Subscriptions of one session, with tombstones of those that ended.
#[derive(Clone, Debug, Default)]
pub(super) struct SubscriptionList {
    entries: BTreeMap<SubscriptionNumber, Entry>,
    /// Tombstones by their operation, so that the oldest are found.
    tombstones: BTreeMap<OperationNumber, SubscriptionNumber>,
    /// The highest operation that was taken.
    newest: OperationNumber,
    /// Raised whenever a subscription ends: what was queued before has to be looked at again.
    removals: u64,
    /// Bytes of the filters.
    filter_bytes: usize,
}

#[derive(Clone, Debug)]
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
            self.filter_bytes += entry.filter_bytes();
            if let Some(before) = self.entries.insert(number, entry) {
                self.filter_bytes -= before.filter_bytes();
            }
        }
        self.prune(operation.unanswered_from);
    }

    /// A late operation sets what a later one has ended. Its matcher, which keeps no tombstones, has installed it: this
    /// takes it back there.
    pub(super) fn correction(&self, late: &SubscriptionOperation) -> Option<SubscriptionOperation> {
        match (self.entries.get(&late.subscription.number), &late.change) {
            (Some(Entry::Tombstone(ended)), Change::Set(_)) if *ended > late.number => {
                Some(SubscriptionOperation {
                    number: *ended,
                    change: Change::Unset,
                    ..late.clone()
                })
            }
            (Some(Entry::Tombstone(_) | Entry::Live { .. }) | None, _) => None,
        }
    }

    /// Takes over an entry of another exit point's list, as [`pieces`](Self::pieces) gave it.
    pub(super) fn restore(
        &mut self,
        number: SubscriptionNumber,
        newest: OperationNumber,
        live: Option<LiveSubscription>,
    ) {
        let entry = match live {
            Some(live) => Entry::Live {
                since: live.since,
                newest,
                filter: live.filter,
            },
            None => {
                self.tombstones.insert(newest, number);
                Entry::Tombstone(newest)
            }
        };
        self.newest = self.newest.max(newest);
        self.filter_bytes += entry.filter_bytes();
        if let Some(before) = self.entries.insert(number, entry) {
            self.filter_bytes -= before.filter_bytes();
        }
    }

    /// The highest operation that another exit point had taken.
    pub(super) fn restore_newest(&mut self, newest: OperationNumber) {
        self.newest = self.newest.max(newest);
    }

    /// Every entry, for another exit point.
    pub(super) fn pieces(&self) -> impl Iterator<Item = FillPiece> {
        self.entries.iter().map(|(&number, entry)| match entry {
            Entry::Live {
                since,
                newest,
                filter,
            } => FillPiece::Subscription {
                number,
                newest: *newest,
                live: Some(LiveSubscription {
                    since: *since,
                    filter: filter.clone(),
                }),
            },
            Entry::Tombstone(newest) => FillPiece::Subscription {
                number,
                newest: *newest,
                live: None,
            },
        })
    }

    /// Whether this operation of a subscription, or a later one, was taken.
    pub(super) fn has_taken(&self, operation: OperationNumber, number: SubscriptionNumber) -> bool {
        match self.entries.get(&number) {
            Some(Entry::Live { newest, .. } | Entry::Tombstone(newest)) => *newest >= operation,
            None => false,
        }
    }

    /// Whether this very operation was the last of its subscription that was taken. Of one before it that is not known: it
    /// may have been refused.
    pub(super) fn is_newest(&self, operation: OperationNumber, number: SubscriptionNumber) -> bool {
        match self.entries.get(&number) {
            Some(Entry::Live { newest, .. } | Entry::Tombstone(newest)) => *newest == operation,
            None => false,
        }
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

    /// The subscriptions that are there, as their matchers hold them.
    pub(super) fn stored(&self, session: SessionId) -> impl Iterator<Item = StoredSubscription> {
        self.entries
            .iter()
            .filter_map(move |(&number, entry)| match entry {
                Entry::Live { newest, filter, .. } => Some(StoredSubscription {
                    id: SubscriptionId { session, number },
                    operation: *newest,
                    filter: filter.clone(),
                }),
                Entry::Tombstone(_) => None,
            })
    }

    /// Whether nothing is known of any subscription, also of none that ended.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The subscriptions that ended, with the operations that ended them, as far as they are remembered.
    pub(super) fn ended(&self) -> impl Iterator<Item = Hit> {
        let tombstones = self.tombstones.iter();
        tombstones.map(|(&operation, &number)| Hit { number, operation })
    }

    /// Bytes of the filters.
    pub(super) fn filter_bytes(&self) -> usize {
        self.filter_bytes
    }

    /// The highest operation that was taken.
    pub(super) fn newest(&self) -> OperationNumber {
        self.newest
    }

    /// How many subscriptions have ended so far.
    pub(super) fn removals(&self) -> u64 {
        self.removals
    }

    /// The client has the answers to everything below and repeats it no more. What a connection point has repeated may be
    /// on its way still, no more than may be in flight at once: so many tombstones stay.
    fn prune(&mut self, unanswered_from: OperationNumber) {
        let mut surplus = self.tombstones.len().saturating_sub(TOMBSTONES_MIN);
        while surplus > 0
            && let Some(entry) = self.tombstones.first_entry()
        {
            if *entry.key() >= unanswered_from {
                return;
            }
            surplus -= 1;
            let number = entry.remove();
            self.entries.remove(&number);
        }
    }
}

impl Entry {
    fn filter_bytes(&self) -> usize {
        match self {
            Self::Live { filter, .. } => filter.0.len(),
            Self::Tombstone(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use gomera_model::{SessionId, SubscriptionId};

    use super::*;

    /// Takes `(operation, number, is set)` one after the other, with this lowest unanswered operation.
    fn list(operations: &[(u64, u32, bool)], unanswered_from: u64) -> SubscriptionList {
        let mut list = SubscriptionList::default();
        for &(operation, number, is_set) in operations {
            list.take(&SubscriptionOperation {
                subscription: SubscriptionId {
                    session: SessionId(1),
                    number: SubscriptionNumber(number),
                },
                number: OperationNumber(operation),
                unanswered_from: OperationNumber(unanswered_from),
                change: if is_set {
                    Change::Set(CanonicalFilter(Bytes::from_static(b"filter")))
                } else {
                    Change::Unset
                },
            });
        }
        list
    }

    fn hit(operation: u64, number: u32) -> Hit {
        Hit {
            number: SubscriptionNumber(number),
            operation: OperationNumber(operation),
        }
    }

    #[test]
    fn a_late_lower_number_loses() {
        let list = list(&[(3, 7, true), (2, 7, false), (1, 7, true)], 0);
        assert_eq!(list.live().collect::<alloc::vec::Vec<_>>(), [hit(3, 7)]);
        assert_eq!(list.newest(), OperationNumber(3));
    }

    #[test]
    fn a_late_subscribe_is_taken_back_where_it_was_installed() {
        let late = |operation, is_set| SubscriptionOperation {
            subscription: SubscriptionId {
                session: SessionId(1),
                number: SubscriptionNumber(7),
            },
            number: OperationNumber(operation),
            unanswered_from: OperationNumber(0),
            change: if is_set {
                Change::Set(CanonicalFilter(Bytes::from_static(b"filter")))
            } else {
                Change::Unset
            },
        };
        let ended = list(&[(1, 7, true), (3, 7, false)], 0);
        assert_eq!(ended.correction(&late(2, true)), Some(late(3, false)));
        assert_eq!(ended.correction(&late(2, false)), None);
        assert_eq!(ended.correction(&late(4, true)), None);
        let live = list(&[(3, 7, true)], 0);
        assert_eq!(live.correction(&late(2, true)), None);
    }

    #[test]
    fn a_tombstone_keeps_a_late_subscribe_away() {
        let list = list(&[(2, 7, false), (1, 7, true)], 0);
        assert!(!list.wants(hit(1, 7)));
        assert_eq!(list.live().count(), 0);
    }

    #[test]
    fn a_hit_of_an_earlier_life_is_not_wanted() {
        let list = list(
            &[(1, 7, true), (2, 7, false), (3, 7, true), (4, 7, true)],
            0,
        );
        assert!(!list.wants(hit(1, 7)));
        assert!(list.wants(hit(3, 7)), "replaced, but of this life");
        assert!(list.wants(hit(4, 7)));
        assert!(!list.wants(hit(4, 8)), "never subscribed");
    }

    #[test]
    fn tombstones_go_when_the_client_has_all_answers_below() {
        let count = TOMBSTONES_MIN as u64 + 9;
        let ends: alloc::vec::Vec<_> = (1..=count)
            .map(|operation| (operation, u32::try_from(operation).unwrap(), false))
            .collect();
        let kept = list(&ends, 0);
        assert_eq!(kept.tombstones.len() as u64, count);
        let pruned = list(&ends, count + 1);
        assert_eq!(pruned.tombstones.len(), TOMBSTONES_MIN);
        assert_eq!(pruned.entries.len(), TOMBSTONES_MIN);
        assert_eq!(pruned.removals(), count);
    }

    #[test]
    fn bytes_of_filters_are_those_that_are_there() {
        let list = list(
            &[(1, 7, true), (2, 8, true), (3, 7, true), (4, 8, false)],
            0,
        );
        assert_eq!(list.filter_bytes(), b"filter".len());
    }
}
