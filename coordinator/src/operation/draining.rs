//! Phase *drain*: what was stamped before the commit is finished under its old owners; where exit points are named for
//! slots, *fill*: they are given what belongs there. What is awaited here is all that makes the cluster whole again, so
//! at rest it is.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;

use gomera_model::control::Control;
use gomera_model::{Incarnation, Layer, Time};

use super::{Ended, Operation, Orders};
use crate::record::{Outcome, PhaseName};
use crate::reports::Reports;

/// Awaits every access point's flip and that what it had stamped is released, every matcher and every exit point of both
/// epochs, that every connection point has read the epoch, and whoever is leaving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draining(pub(super) Box<Operation>);

/// Nothing of the old epoch is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    /// That was the last step.
    Ended(Ended),
    /// There is another one to commit.
    Next(Box<Operation>),
}

impl Draining {
    pub(super) fn new(mut operation: Box<Operation>, now: Time) -> Self {
        let mut points = operation.present().exit_points_of.iter();
        let phase = if points.any(|points| points.further.is_some()) {
            PhaseName::Fill
        } else {
            PhaseName::Drain
        };
        operation.enter(phase, now);
        Self(operation)
    }

    /// The operation, to look at.
    pub(crate) fn operation(&self) -> &Operation {
        &self.0
    }

    /// What comes next, when nothing of the old epoch is left.
    pub(crate) fn drained(mut self, now: Time, reports: &Reports) -> Result<Drained, Self> {
        if !self.awaited(reports).is_empty() {
            return Err(self);
        }
        self.note(reports);
        if self.0.following().is_some() {
            return Ok(Drained::Next(self.0));
        }
        self.0.enter(PhaseName::Done, now);
        self.0.record.outcome = Outcome::Done;
        Ok(Drained::Ended(Ended(self.0)))
    }

    /// Takes what the access points held into the record.
    pub(super) fn note(&mut self, reports: &Reports) {
        let epoch = self.0.present().epoch;
        let (mut held, mut held_ns_max) = (0, 0);
        for point in self.0.access_points() {
            let flipped = reports.flipped(point, epoch).unwrap_or_default();
            held += flipped.held;
            held_ns_max = flipped.held_ns_max.max(held_ns_max);
        }
        self.0.record.operations_held = held;
        self.0.record.held_ns_max = held_ns_max;
        self.0.note_copied(reports);
    }

    /// Whoever leaves is told as well: it learns that it is listed no more.
    pub(super) fn orders(&self) -> Orders {
        let present = self.0.present();
        let all = present.instances.iter().chain(&self.0.leaving);
        Orders {
            control: Control::Topology(Arc::new(present.clone())),
            to: all.map(|instance| instance.incarnation).collect(),
        }
    }

    pub(super) fn awaited(&self, reports: &Reports) -> BTreeSet<Incarnation> {
        let present = self.0.present();
        let epoch = present.epoch;
        let unflipped = (present.incarnations(Layer::AccessPoints))
            .filter(|point| reports.flipped(*point, epoch).is_none());
        let undrained = (self.0.of_both(Layer::Matchers).into_iter())
            .filter(|matcher| !reports.drained(*matcher, epoch));
        let unjoined = (self.0.of_both(Layer::ExitPoints).into_iter())
            .filter(|point| !reports.joined(*point, epoch));
        let unfilled = present
            .incarnations(Layer::ExitPoints)
            .filter(|point| !reports.filled(*point, epoch));
        // Whoever is leaving is settled when it is empty.
        let serving = present
            .instances
            .iter()
            .filter(|instance| !instance.leaving);
        let unsettled = serving
            .filter(|instance| match instance.layer {
                Layer::ConnectionPoints | Layer::AccessPoints => true,
                Layer::Matchers | Layer::ExitPoints => false,
            })
            .map(|instance| instance.incarnation)
            .filter(|instance| !reports.settled(*instance, epoch));
        let unempty = (present.instances.iter().filter(|instance| instance.leaving))
            .map(|instance| instance.incarnation)
            .filter(|instance| !reports.emptied(*instance, epoch));
        unflipped
            .chain(undrained)
            .chain(unjoined)
            .chain(unfilled)
            .chain(unsettled)
            .chain(unempty)
            .collect()
    }
}
