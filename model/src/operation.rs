//! Subscription operations: subscribe, replace, unsubscribe.

use bytes::Bytes;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::id::{OperationNumber, SessionId, SubscriptionId, SubscriptionNumber};

/// A filter as it travels between operators and is stored: parsed, checked, in canonical form. The crate `filter`
/// makes and reads it; nobody else looks inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanonicalFilter(pub Bytes);

/// What is asked of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Subscribe, or replace the filter of a subscription that is there.
    Set(CanonicalFilter),
    /// End the subscription.
    Unset,
}

/// One subscription operation on its way to the matcher and the exit points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionOperation {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// Rises within the session; a late lower one loses everywhere.
    pub number: OperationNumber,
    /// Every operation of the session below this has been answered to the client; tombstones below it may go.
    pub unanswered_from: OperationNumber,
    /// What is asked.
    pub change: Change,
}

impl SubscriptionOperation {
    /// Whose it is.
    #[must_use]
    pub fn session(&self) -> SessionId {
        self.subscription.session
    }
}

/// A subscription as a matcher keeps it and as it is copied to another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSubscription {
    /// The subscription.
    pub id: SubscriptionId,
    /// The operation that set the filter.
    pub operation: OperationNumber,
    /// The filter.
    pub filter: CanonicalFilter,
}

/// One subscription in a delivery or a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hit {
    /// Which subscription of the session.
    pub number: SubscriptionNumber,
    /// The operation that set the filter which matched.
    pub operation: OperationNumber,
}

/// What somebody has of a slot, in so few bytes that two who should have the same can compare it: in whatever order it
/// was added, the same subscriptions set by the same operations give the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// How many subscriptions.
    pub count: u32,
    /// The sum of their hashes, modulo 2^64.
    pub sum: u64,
}

impl Digest {
    /// Adds a subscription whose filter was set by this operation. Who sets it says by the number which filter it is.
    pub fn add(&mut self, id: SubscriptionId, operation: OperationNumber) {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&id.session.0.to_le_bytes());
        bytes[8..12].copy_from_slice(&id.number.0.to_le_bytes());
        bytes[12..].copy_from_slice(&operation.0.to_le_bytes());
        self.count = self.count.saturating_add(1);
        self.sum = self.sum.wrapping_add(xxh3_64(&bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(one: &[(u64, u32, u64)], other: &[(u64, u32, u64)], is_same: bool) {
        let digest = |all: &[(u64, u32, u64)]| {
            let mut digest = Digest::default();
            for &(session, number, operation) in all {
                let id = SubscriptionId {
                    session: SessionId(session),
                    number: SubscriptionNumber(number),
                };
                digest.add(id, OperationNumber(operation));
            }
            digest
        };
        assert_eq!(digest(one) == digest(other), is_same, "{one:?} {other:?}");
    }

    #[test]
    fn a_digest_tells_sets_apart_and_not_orders() {
        check(&[], &[], true);
        check(&[(1, 2, 3), (4, 5, 6)], &[(4, 5, 6), (1, 2, 3)], true);
        check(&[(1, 2, 3)], &[], false);
        check(&[(1, 2, 3)], &[(1, 2, 4)], false);
        check(&[(1, 2, 3)], &[(1, 3, 3)], false);
        check(&[(1, 2, 3)], &[(2, 2, 3)], false);
        check(&[(1, 2, 3), (4, 5, 6)], &[(1, 2, 6), (4, 5, 3)], false);
    }

    #[test]
    fn a_digest_is_the_same_in_every_build() {
        let mut digest = Digest::default();
        let id = SubscriptionId {
            session: SessionId(1),
            number: SubscriptionNumber(2),
        };
        digest.add(id, OperationNumber(3));
        assert_eq!((digest.count, digest.sum), (1, SUM));
    }

    const SUM: u64 = 3_311_591_878_006_748_373;
}
