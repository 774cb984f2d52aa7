//! Phase *drain*: what was stamped before the commit is finished under its old owners.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;

use gomera_model::control::Control;
use gomera_model::{Incarnation, Layer, Time};

use super::{Ended, Operation, Orders};
use crate::record::{Outcome, PhaseName};
use crate::reports::Reports;

/// Awaits every access point's flip, every matcher of both epochs, every exit point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draining(pub(super) Box<Operation>);

impl Draining {
    pub(super) fn new(mut operation: Box<Operation>, now: Time) -> Self {
        operation.enter(PhaseName::Drain, now);
        Self(operation)
    }

    /// The end, when nothing of the old epoch is left.
    pub(crate) fn drained(mut self, now: Time, reports: &Reports) -> Result<Ended, Self> {
        if !self.awaited(reports).is_empty() {
            return Err(self);
        }
        self.note(reports);
        self.0.enter(PhaseName::Done, now);
        self.0.record.outcome = Outcome::Done;
        Ok(Ended(self.0))
    }

    /// Takes what the access points held into the record.
    pub(super) fn note(&mut self, reports: &Reports) {
        let epoch = self.0.plan.next.epoch;
        let (mut held, mut held_ns_max) = (0, 0);
        for point in self.0.access_points() {
            let flipped = reports.flipped(point, epoch).unwrap_or_default();
            held += flipped.held;
            held_ns_max = flipped.held_ns_max.max(held_ns_max);
        }
        self.0.record.operations_held = held;
        self.0.record.held_ns_max = held_ns_max;
    }

    pub(super) fn orders(&self) -> Orders {
        let next = &self.0.plan.next;
        let leaving = self.0.leaving.iter();
        let all = next.instances.iter().chain(leaving);
        Orders {
            control: Control::Topology(Arc::new(next.clone())),
            to: all.map(|instance| instance.incarnation).collect(),
        }
    }

    pub(super) fn awaited(&self, reports: &Reports) -> BTreeSet<Incarnation> {
        let next = &self.0.plan.next;
        let unflipped = (self.0.access_points().into_iter())
            .filter(|point| reports.flipped(*point, next.epoch).is_none());
        let undrained = (self.0.matchers().into_iter())
            .filter(|matcher| !reports.drained(*matcher, next.epoch));
        let unjoined = (next.incarnations(Layer::ExitPoints))
            .filter(|point| !reports.joined(*point, next.epoch));
        unflipped.chain(undrained).chain(unjoined).collect()
    }
}
