//! What is told about an operation, while it is under way and afterwards.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use gomera_model::control::Strategy;
use gomera_model::{HostId, Incarnation, Layer, OperationId};
use serde::{Deserialize, Serialize};

/// An operation as people and programs see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationRecord {
    /// Which.
    pub id: OperationId,
    /// How many instances there were and shall be, of the layer that changes.
    pub layers: BTreeMap<Layer, Resize>,
    /// What was asked for altogether: one operation a layer, in a row.
    pub asked: Wishes,
    /// The operation before it in the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<OperationId>,
    /// Layers of the row that are still to come: the next operation begins when this one is done.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub then: BTreeMap<Layer, u32>,
    /// Who was lost and is replaced by it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Incarnation>,
    /// The host that is emptied by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drains: Option<HostId>,
    /// Why what was still to come does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then_not: Option<String>,
    /// How.
    pub strategy: Strategy,
    /// Why, in the words of who asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The key of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// When it was asked for: nanoseconds since 1970 of the asking driver's wall clock.
    pub started_unix_ns: i64,
    /// Where it is.
    pub phase: PhaseName,
    /// The phases so far, in order.
    pub phases: Vec<PhaseRecord>,
    /// Slots that move by the plan.
    pub slots_moved: u64,
    /// Subscriptions copied so far.
    pub subscriptions_moved: u64,
    /// Bytes copied so far, in canonical form.
    pub bytes_moved: u64,
    /// What it was expected to take when it began; absent if the instances had not said what they hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expectation>,
    /// Subscription operations that access points held from close to flip.
    pub operations_held: u64,
    /// The longest time that one of them waited, nanoseconds.
    pub held_ns_max: u64,
    /// How it ended, or that it has not.
    pub outcome: Outcome,
}

impl OperationRecord {
    /// Ends the present phase and begins another.
    pub(crate) fn enter(&mut self, phase: PhaseName, at_ns: u64) {
        if let Some(last) = self.phases.last_mut() {
            last.duration_ns = Some(at_ns.saturating_sub(last.begin_ns));
        }
        self.phase = phase;
        match phase {
            PhaseName::Done | PhaseName::Aborted => {}
            PhaseName::Prepare
            | PhaseName::Copy
            | PhaseName::Close
            | PhaseName::Commit
            | PhaseName::Fill
            | PhaseName::Drain => self.phases.push(PhaseRecord {
                phase,
                begin_ns: at_ns,
                duration_ns: None,
            }),
        }
    }

    /// How long it has taken so far, or took, as far as its phases say.
    #[must_use]
    pub fn duration_ns(&self) -> u64 {
        let last = self.phases.last();
        last.map_or(0, |phase| phase.begin_ns + phase.duration_ns.unwrap_or(0))
    }
}

/// How many instances each layer shall have, and how they share their slots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wishes {
    /// Instances of each named layer.
    pub layers: BTreeMap<Layer, u32>,
    /// One weight an instance, in the order of their ids, for layers that own slots; evenly where none are given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<Layer, Vec<u32>>,
}

impl<const N: usize> From<[(Layer, u32); N]> for Wishes {
    fn from(layers: [(Layer, u32); N]) -> Self {
        Self {
            layers: layers.into(),
            weights: BTreeMap::new(),
        }
    }
}

/// What an operation is expected to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// Subscriptions that would be copied.
    pub subscriptions: u64,
    /// Their bytes: in canonical form where those of the last operation are known, else those of the index.
    pub bytes: u64,
    /// How long it would take, nanoseconds.
    pub duration_ns: u64,
    /// How long of that it would copy, nanoseconds.
    pub copy_ns: u64,
    /// Whether the rate is that of the last operation; else it is a cautious assumption.
    pub measured: bool,
}

/// The change of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resize {
    /// Instances before.
    pub from: u32,
    /// Instances after.
    pub to: u32,
}

/// The steps of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseName {
    /// New instances start; all concerned learn the plan.
    Prepare,
    /// Moving slots are copied.
    Copy,
    /// Access points hold operations on moving slots.
    Close,
    /// The topology is being written.
    Commit,
    /// Exit points that were named for slots are filled by those who hold them.
    Fill,
    /// What was stamped before is finished.
    Drain,
    /// It is over.
    Done,
    /// It was given up before the commit.
    Aborted,
}

/// One phase in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseRecord {
    /// Which.
    pub phase: PhaseName,
    /// When it began, nanoseconds since the operation's start.
    pub begin_ns: u64,
    /// How long it took; absent while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ns: Option<u64>,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Outcome {
    /// It has not ended.
    Running,
    /// As planned.
    Done,
    /// Somebody was lost after the commit: this operation replaces it, and goes on with what was left.
    Interrupted {
        /// Which.
        by: OperationId,
    },
    /// Given up before the commit; nothing has changed.
    Aborted {
        /// Why.
        why: AbortReason,
    },
}

/// Why an operation was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbortReason {
    /// Somebody asked.
    Requested,
    /// An instance that it needs could not start, or ended.
    InstanceFailed(Incarnation),
    /// The topology changed under the plan; the operation that follows takes its place.
    TopologyChanged,
}
