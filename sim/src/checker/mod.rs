//! One checker per promise of the contract. They judge a [`History`], what clients saw, and at the end a [`Census`],
//! what the instances hold; they share no code with the broker but the reference evaluator of filters.
//!
//! | promise | file |
//! |---|---|
//! | C1 complete, one position per publisher from which all is delivered | `complete.rs` |
//! | C2 exact: no false one, no doubled one, nothing after an unsubscribe was answered | `exact.rs` |
//! | C3 ordered | `ordered.rs` |
//! | acknowledgements: each publication, with the right count | `acknowledged.rs` |
//! | decided once: one topology an epoch, one plan an operation | `agreed.rs` |
//! | C7 bounded: no queue beyond its limit | `bounded.rs` |
//! | nothing stuck | `finished.rs` |
//! | state conserved by operations, all instances in one epoch | `conserved.rs` |

mod acknowledged;
mod agreed;
pub mod bounded;
mod complete;
mod conserved;
mod exact;
mod finished;
pub mod history;
mod ordered;

use core::fmt;

use gomera_model::{PublisherId, PublisherSeq};

pub use agreed::Decisions;
pub use bounded::Bounds;
pub use conserved::{Census, HeldSubscription};
pub use finished::Leftovers;
pub use history::{History, Moment, Subscriber};

/// What can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// A notification that a session should have received did not come.
    Lost,
    /// It came twice.
    Doubled,
    /// It came although no filter in force matches, or with the wrong subscriptions.
    False,
    /// It came after a later one of the same publisher.
    OutOfOrder,
    /// A publication was acknowledged with a wrong count, or before it could be.
    Miscounted,
    /// Something did not end after the load had stopped.
    Stuck,
    /// The instances do not hold what the clients were told.
    Unconserved,
    /// A publication was acknowledged and is not in two processes yet.
    Unsafe,
    /// More was held of something than its limit allows.
    Unbounded,
    /// Without a quorum of the store something stood still.
    Frozen,
    /// Something was decided twice, or told before it was decided.
    Disagreed,
    /// An operator stopped at one of its own assertions, or a client was refused without reason.
    Failed,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lost => "lost",
            Self::Doubled => "doubled",
            Self::False => "false",
            Self::OutOfOrder => "out of order",
            Self::Miscounted => "miscounted",
            Self::Stuck => "stuck",
            Self::Unconserved => "state not conserved",
            Self::Unsafe => "unsafe",
            Self::Unbounded => "unbounded",
            Self::Frozen => "stood still",
            Self::Disagreed => "disagreed",
            Self::Failed => "failed",
        })
    }
}

/// One broken promise.
#[derive(Clone, Debug)]
pub struct Breach {
    /// Which.
    pub promise: Promise,
    /// What happened, in words.
    pub story: String,
    /// The notification that it is about.
    pub notification: Option<(PublisherId, PublisherSeq)>,
    /// The session that it is about.
    pub subscriber: Option<Subscriber>,
}

impl Breach {
    /// A breach that is about nothing but itself.
    #[must_use]
    pub fn general(promise: Promise, story: String) -> Self {
        Self {
            promise,
            story,
            notification: None,
            subscriber: None,
        }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.promise, self.story)
    }
}

/// All that is wrong with what clients saw.
#[must_use]
pub fn judge(history: &History) -> Vec<Breach> {
    let mut breaches = Vec::new();
    exact::check(history, &mut breaches);
    ordered::check(history, &mut breaches);
    complete::check(history, &mut breaches);
    acknowledged::check(history, &mut breaches);
    breaches
}

/// All that is wrong with what was decided, and with how much was held.
#[must_use]
pub fn judge_cluster(decisions: &Decisions, bounds: &Bounds) -> Vec<Breach> {
    let mut breaches = decisions.breaches().to_vec();
    breaches.extend_from_slice(bounds.breaches());
    breaches
}

/// All that is wrong with what is left when everything should have ended.
#[must_use]
pub fn judge_end(history: &History, leftovers: &Leftovers, census: &Census) -> Vec<Breach> {
    let mut breaches = Vec::new();
    finished::check(history, leftovers, &mut breaches);
    if breaches.is_empty() {
        conserved::check(history, census, &mut breaches);
    }
    breaches
}

#[cfg(test)]
mod tests;
