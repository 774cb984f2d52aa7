//! What is asked of the coordinator, and its answers.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use core::time::Duration;

use gomera_model::control::Strategy;
use gomera_model::time::Timestamp;
use gomera_model::{Epoch, HostId, Layer, OperationId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::host::layer_name;
use crate::record::{Expectation, OperationRecord, Resize, Wishes};
use crate::wholeness::Missing;

/// A request, numbered by the driver, which finds the asker by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Other numbers of instances, or another placement of the same numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleRequest {
    /// What each named layer shall be.
    pub wishes: Wishes,
    /// How.
    pub strategy: Strategy,
    /// Only say what would be done.
    pub dry_run: bool,
    /// Why, for the record.
    pub reason: String,
    /// A repeated key is answered with the first operation asked for under it. Dry runs and refusals leave no key.
    pub idempotency_key: Option<String>,
    /// The wall clock, for the record.
    pub asked_at: Timestamp,
}

/// What a request comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// To `scale`: the operation is written and under way, or was already asked for under this key (202).
    Accepted(Box<OperationRecord>),
    /// To `scale`: everything is as asked for already; no operation is needed (200).
    Unchanged,
    /// To `scale`: what would be done (200).
    Plan(Box<DryRun>),
    /// To `scale` and `drain`: one operation at a time (409).
    Busy(OperationId),
    /// To `scale` and `drain`: this cannot be (422).
    Impossible(Impossible),
    /// To either: the documents cannot be read or written now; what was asked may or may not be done yet (503).
    Unavailable {
        /// When to ask again.
        retry_after: Duration,
    },
    /// To `scale`: not everything is whole, and did not become so in time (503).
    NotWhole {
        /// What is missing.
        why: Missing,
        /// When to ask again.
        retry_after: Duration,
    },
    /// To `drain`: the host is being emptied, or is empty and may go (202).
    Draining {
        /// Which.
        host: HostId,
        /// How many instances the topology still has there.
        instances: u32,
    },
    /// To `drain`: there is no such host (404).
    NoSuchHost(HostId),
    /// To `abort`: it is aborted (204).
    Aborted(OperationId),
    /// To `abort`: it is committed, and goes forward (409).
    TooLate(OperationId),
    /// To `abort`: no such operation is known (404).
    NoSuchOperation(OperationId),
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Impossible {
    /// No layer is named.
    #[error("no layer is named: name one, as in {{\"matchers\": 3}}")]
    Nothing,
    /// No broker works without one of each layer.
    #[error("{} cannot be 0: every layer needs an instance", layer_name(*.0))]
    None(Layer),
    /// More than a limit.
    #[error("{} cannot be {asked}: at most {max}", layer_name(*.layer))]
    TooMany {
        /// Of which layer.
        layer: Layer,
        /// What was asked.
        asked: u32,
        /// The limit.
        max: u32,
    },
    /// Weights for a layer that cannot have them, or not one for each instance.
    #[error(
        "the weights of {} do not fit: give one from 1 to {max} for each of its instances, and the layer among the counts; matchers and exit points have slots to share",
        layer_name(*.layer)
    )]
    Weights {
        /// Of which layer.
        layer: Layer,
        /// The largest weight.
        max: u32,
    },
    /// No host may run the layer.
    #[error("no host may run {}", layer_name(*.0))]
    NoHost(Layer),
    /// Whoever may run the layer is being emptied.
    #[error("only hosts that are being drained may run {}", layer_name(*.0))]
    OnlyDraining(Layer),
    /// A reason or a key that is too long.
    #[error("{what} is longer than {max} bytes")]
    TooLong {
        /// What.
        what: Cow<'static, str>,
        /// The limit.
        max: usize,
    },
    /// The key belongs to another request.
    #[error("the idempotency key was used for another request, operation {0}")]
    KeyUsed(OperationId),
    /// Nobody else could run what it runs.
    #[error("host {host} is the last that may run {}: it cannot be emptied", layer_name(*.layer))]
    LastHost {
        /// Which.
        host: HostId,
        /// Which layer.
        layer: Layer,
    },
    /// Nobody else could lead.
    #[error("host {0} is the last that may lead: it cannot be emptied")]
    LastCoordinator(HostId),
}

/// What an operation would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRun {
    /// How many instances there are and would be, per layer that changes.
    pub layers: BTreeMap<Layer, Resize>,
    /// How.
    pub strategy: Strategy,
    /// The epoch that it would lead to.
    pub epoch: Epoch,
    /// Slots that would move.
    pub slots_moved: u64,
    /// What that is expected to take; absent while the instances have not said what they hold.
    pub expected: Option<Expectation>,
}
