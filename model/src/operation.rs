//! Subscription operations: subscribe, replace, unsubscribe.

use bytes::Bytes;

use serde::{Deserialize, Serialize};

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
