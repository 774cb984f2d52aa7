//! An operation: one struct per phase, each step takes the phase and returns the next.
//!
//! ```text
//! matchers, live:      Preparing ─► Copying ──────► Closing ───────┐
//!                                                                  ├─► Committing ─► Draining ─► Ended (done)
//! matchers, buffered:  Preparing ─► ClosingFirst ─► CopyingClosed ─┤       ▲             │
//!                                                                  │       └── the next ─┘
//! other layers:        Preparing ──────────────────────────────────┘           step
//!
//! any of the phases before Committing ─► Ended (aborted)
//! ```
//!
//! Each arrow is a conditional write of the operation's document, Committing → Draining one of both documents. A phase
//! tells its instances what to do only when the write that leads to it is known to have succeeded.

mod closing;
mod closing_first;
mod committing;
mod copying;
mod copying_closed;
mod draining;
mod phase;
mod preparing;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use gomera_model::control::{Control, Plan};
use gomera_model::{Incarnation, Instance, Layer, OperationId, Time, Topology};
use serde::{Deserialize, Serialize};

use crate::document::Version;
use crate::record::{AbortReason, OperationRecord, Outcome, PhaseName};
use crate::reports::Reports;

pub(crate) use closing::Closing;
pub(crate) use closing_first::ClosingFirst;
pub(crate) use committing::Committing;
pub(crate) use copying::Copying;
pub(crate) use copying_closed::CopyingClosed;
pub(crate) use draining::{Drained, Draining};
pub(crate) use phase::{Phase, Step};
pub(crate) use preparing::{Confirmed, Preparing};

/// What all phases of an operation carry, as it stands in the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Operation {
    /// What is told about it.
    pub(crate) record: OperationRecord,
    /// What it is going to do.
    #[serde(with = "shared")]
    pub(crate) plan: Arc<Plan>,
    /// The version of the topology that the plan was made for.
    pub(crate) planned_at: Version,
    /// Who has to be started for it.
    pub(crate) joining: Vec<Instance>,
    /// Who can be stopped after it.
    pub(crate) leaving: Vec<Instance>,
    /// How many of the plan's topologies are in force.
    #[serde(default)]
    pub(crate) committed: usize,
    /// When the operation began, by this leader's clock.
    #[serde(skip)]
    clock: Clock,
}

/// A plan with what belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    /// The plan.
    pub(crate) plan: Plan,
    /// The version of the topology that it was made for.
    pub(crate) planned_at: Version,
    /// Who has to be started for it.
    pub(crate) joining: Vec<Instance>,
    /// Who can be stopped after it.
    pub(crate) leaving: Vec<Instance>,
}

/// What a phase tells, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Orders {
    /// What.
    pub(crate) control: Control,
    /// To whom.
    pub(crate) to: BTreeSet<Incarnation>,
}

/// An operation that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended(Box<Operation>);

impl Operation {
    /// A new one; `now` is its beginning.
    pub(crate) fn new(now: Time, record: OperationRecord, made: Made) -> Box<Self> {
        let clock = Clock {
            read_at: now,
            elapsed_ns: 0,
        };
        Box::new(Self {
            record,
            plan: Arc::new(made.plan),
            planned_at: made.planned_at,
            joining: made.joining,
            leaving: made.leaving,
            committed: 0,
            clock,
        })
    }

    /// As read from the document at this time: the clock goes on from the last time that is written.
    pub(crate) fn resumed(mut self: Box<Self>, now: Time) -> Box<Self> {
        self.clock = Clock {
            read_at: now,
            elapsed_ns: self.record.duration_ns(),
        };
        self
    }

    /// Its id.
    pub(crate) fn id(&self) -> OperationId {
        self.record.id
    }

    /// All who learn the plan before the commit: who has to be ready for it, and where matchers change also who takes
    /// part in the change.
    fn participants(&self) -> BTreeSet<Incarnation> {
        let joining = self.joining.iter().map(|instance| instance.incarnation);
        if self.copies() {
            &self.access_points() | &self.of_both(Layer::Matchers)
        } else {
            joining.collect()
        }
    }

    /// Whether matchers hand slots over before the commit. What the dead owned nobody can hand over, exit points are
    /// filled behind the commit, and others own no slots.
    fn copies(&self) -> bool {
        self.plan.layer == Layer::Matchers && self.plan.lost.is_empty()
    }

    /// The topology of the last step that is committed, or of the first one.
    pub(crate) fn present(&self) -> &Topology {
        match self.committed {
            0 | 1 => &self.plan.next,
            further => &self.plan.then[further - 2],
        }
    }

    /// The topology of the next step, if there is one.
    pub(crate) fn following(&self) -> Option<&Topology> {
        match self.committed {
            0 => Some(&self.plan.next),
            further => self.plan.then.get(further - 1),
        }
    }

    fn enter(&mut self, phase: PhaseName, now: Time) {
        let at_ns = self.clock.elapsed_ns(now);
        self.record.enter(phase, at_ns);
    }

    fn abort(mut self: Box<Self>, why: AbortReason, now: Time) -> Ended {
        self.enter(PhaseName::Aborted, now);
        self.record.outcome = Outcome::Aborted { why };
        Ended(self)
    }

    fn access_points(&self) -> BTreeSet<Incarnation> {
        self.present().incarnations(Layer::AccessPoints).collect()
    }

    /// Those of a layer in both epochs.
    fn of_both(&self, layer: Layer) -> BTreeSet<Incarnation> {
        let leaving = self.leaving.iter();
        let leaving = leaving.filter(|instance| {
            let is_lost = self.plan.lost.contains(&instance.incarnation);
            instance.layer == layer && !is_lost
        });
        let present = self.present().incarnations(layer);
        present
            .chain(leaving.map(|instance| instance.incarnation))
            .collect()
    }

    fn givers(&self) -> BTreeSet<Incarnation> {
        self.plan.moves.iter().map(|moved| moved.from).collect()
    }

    fn takers(&self) -> BTreeSet<Incarnation> {
        self.plan.moves.iter().map(|moved| moved.to).collect()
    }

    /// Takes what the old owners say into the record. A successor knows less than the document until all have
    /// reported again, so the figures never fall.
    fn note_copied(&mut self, reports: &Reports) {
        let (mut subscriptions, mut bytes) = (0, 0);
        for giver in self.givers() {
            let copied = reports.copying(giver, self.id());
            subscriptions += copied.subscriptions;
            bytes += copied.bytes;
        }
        self.record.subscriptions_moved = subscriptions.max(self.record.subscriptions_moved);
        self.record.bytes_moved = bytes.max(self.record.bytes_moved);
    }
}

impl Ended {
    /// Who is no longer needed: those that left, or those that were started in vain.
    pub(crate) fn superfluous(&self) -> &[Instance] {
        match self.0.record.outcome {
            Outcome::Aborted { .. } => &self.0.joining,
            Outcome::Done | Outcome::Running | Outcome::Interrupted { .. } => &self.0.leaving,
        }
    }

    /// Who was to be stopped by a recovery that was given up, and was not.
    pub(crate) fn unstopped(&self) -> &[Instance] {
        match self.0.record.outcome {
            Outcome::Aborted { .. } if !self.0.record.lost.is_empty() => &self.0.leaving,
            Outcome::Aborted { .. }
            | Outcome::Done
            | Outcome::Running
            | Outcome::Interrupted { .. } => &[],
        }
    }

    /// The same without what was still to come after it, for this reason.
    pub(crate) fn without_rest(mut self, why: String) -> Self {
        self.0.record.then = BTreeMap::new();
        self.0.record.then_not = Some(why);
        self
    }

    /// What is told about it.
    pub(crate) fn record(&self) -> &OperationRecord {
        &self.0.record
    }

    /// An abort has to be told; what is done need not.
    fn orders(&self) -> Option<Orders> {
        match self.0.record.outcome {
            Outcome::Aborted { .. } => {
                let joining = self.0.joining.iter().map(|instance| instance.incarnation);
                Some(Orders {
                    control: Control::Abort(self.0.id()),
                    to: &self.0.participants() - &joining.collect(),
                })
            }
            Outcome::Done | Outcome::Running | Outcome::Interrupted { .. } => None,
        }
    }
}

/// Nanoseconds since an operation's beginning, by the clock of the present leader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Clock {
    read_at: Time,
    elapsed_ns: u64,
}

impl Clock {
    fn elapsed_ns(self, now: Time) -> u64 {
        let since = u64::try_from(now.since(self.read_at).as_nanos()).unwrap_or(u64::MAX);
        self.elapsed_ns.saturating_add(since)
    }
}

/// A shared value stands in a document as itself.
mod shared {
    use alloc::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        value: &Arc<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        T::serialize(value, serializer)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<T>, D::Error> {
        T::deserialize(deserializer).map(Arc::new)
    }
}
