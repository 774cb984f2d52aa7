//! What an exit point does while the topology changes: it joins each notification under its stamp, and forgets an
//! epoch when no stamp can name it any more.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;

use gomera_model::control::{Plan, Report};
use gomera_model::lane::{AccessPointFrame, ExitPointFrame, LaneFrame};
use gomera_model::operation::SubscriptionOperation;
use gomera_model::{Epoch, Incarnation, Layer, Seq, Time, Topology};

use super::ExitPoint;
use super::join::Join;
use crate::effect::{Effect, Effects};
use crate::routing;
use crate::rules::Rule;

/// Stamps of the epoch before may still be on their way.
#[derive(Clone, Debug)]
pub(super) struct Closing {
    pub(super) epoch: Epoch,
    /// FLIPs that have not come: (matcher, access point).
    pub(super) flips_missing: BTreeSet<(Incarnation, Incarnation)>,
    /// Whether this exit point is listed in this epoch or the one before. Who left earlier is sent no FLIP between them,
    /// and nothing stamped with either belongs to it.
    is_ours: bool,
}

impl ExitPoint {
    /// A topology is in force.
    pub(super) fn topology(&mut self, now: Time, next: &Arc<Topology>, effects: &mut Effects) {
        if self.epochs.newest_epoch() >= next.epoch {
            return self.report_again(next.epoch, effects);
        }
        self.tell_progress(effects);
        let present = self.epochs.iter().last().cloned();
        self.epochs.learn(next);
        self.begin_joins(present.as_ref().unwrap_or(next), next);
        self.part_from_lost(next, effects);
        self.leave_access_points(next, effects);
        match present {
            Some(present) => {
                self.forget_lost(&present, next);
                self.begin_closing(&present, next);
                self.change_parts(now, (&present, next), effects);
                self.remove_again(&present, next, effects);
                self.leave_connection_points(now, next);
            }
            None => self.roles.begin(next),
        }
        self.take_early_marks();
        self.take_early_questions(effects);
        for (matcher, frames) in core::mem::take(&mut self.stalled) {
            for frame in frames {
                self.matcher_says(now, matcher, frame, effects);
            }
        }
        self.serve_waiting(now, effects);
    }

    /// Knows a plan that will list this exit point: there is nothing to prepare.
    pub(super) fn prepare(&self, plan: &Plan, effects: &mut Effects) {
        if plan.next.epoch > self.epochs.newest_epoch() {
            effects.push(Effect::Report(Report::Confirmed(plan.operation)));
        }
    }

    /// A frame of a matcher. Behind a FLIP into an epoch that is not known here yet everything waits.
    pub(super) fn matcher_says(
        &mut self,
        now: Time,
        from: Incarnation,
        frame: ExitPointFrame,
        effects: &mut Effects,
    ) {
        let is_ahead = matches!(
            &frame,
            ExitPointFrame::Flip { epoch, .. } | ExitPointFrame::Restart { epoch, .. }
                if !self.knows(*epoch)
        );
        if is_ahead || self.stalled.contains_key(&from) {
            self.stalled.entry(from).or_default().push(frame);
        } else {
            self.in_order(now, from, frame, effects);
        }
    }

    /// A matcher has passed the FLIP of an access point.
    pub(super) fn flipped(
        &mut self,
        now: Time,
        (matcher, access_point): (Incarnation, Incarnation),
        epoch: Epoch,
        first: Seq,
        effects: &mut Effects,
    ) {
        if let Some(join) = self.joins.get_mut(&access_point) {
            join.flipped(matcher, epoch, first);
        }
        self.passed(now, (matcher, access_point), epoch, effects);
        self.release(now, (matcher, access_point), Seq(first.0 - 1), effects);
    }

    /// What comes in a matcher's lane of an access point is stamped with this epoch or a later one.
    pub(super) fn passed(
        &mut self,
        now: Time,
        (matcher, access_point): (Incarnation, Incarnation),
        epoch: Epoch,
        effects: &mut Effects,
    ) {
        for closing in self.closings.iter_mut().filter(|c| c.epoch <= epoch) {
            closing.flips_missing.remove(&(matcher, access_point));
        }
        for (from, operation) in core::mem::take(&mut self.early) {
            self.registration(now, from, operation, effects);
        }
        if epoch == self.epochs.newest_epoch() {
            let gained = self.roles.passed(matcher);
            self.take_charge(now, &gained, effects);
        }
    }

    /// A matcher took an operation. What a new owner took waits for what the old one took before it.
    pub(super) fn registration(
        &mut self,
        now: Time,
        from: Incarnation,
        operation: SubscriptionOperation,
        effects: &mut Effects,
    ) {
        if self.is_early(from, &operation) {
            self.early.push((from, operation));
        } else {
            self.register(now, operation, effects);
        }
    }

    /// The epoch whose notifications of this access point must wait: a matcher of the epoch before, perhaps one that
    /// leaves, has not passed its FLIP yet. The lane of that matcher may still bring registrations of what moved.
    pub(super) fn held_back(&self, access_point: Incarnation) -> Option<Epoch> {
        if self.rules.broken(Rule::ReleaseAfterEveryFlip) {
            return None;
        }
        let mut closings = self.closings.iter();
        let waits = |closing: &&Closing| {
            let mut missing = closing.flips_missing.iter();
            missing.any(|(_, of)| *of == access_point)
        };
        closings.find(waits).map(|closing| closing.epoch)
    }

    /// Ends epochs, each once every FLIP into the next one has passed and everything before it is released.
    pub(super) fn finish_closing(&mut self, effects: &mut Effects) {
        while let Some(closing) = self.closings.front() {
            let epoch = closing.epoch;
            let is_joined =
                !closing.is_ours || self.joins.values().all(|join| join.has_reached(epoch));
            if !closing.flips_missing.is_empty() || !is_joined {
                return;
            }
            self.closings.pop_front();
            self.epochs.forget_before(epoch);
            effects.push(Effect::Report(Report::Joined(epoch)));
            if self.closings.is_empty() {
                self.settled(effects);
            }
        }
    }

    /// All stamps on their way name the newest epoch.
    fn settled(&mut self, effects: &mut Effects) {
        let newest = Arc::clone(self.epochs.newest());
        for join in self.joins.values_mut() {
            join.keep_marks(|matcher| newest.instance(matcher).is_some());
        }
        self.forget_slots();
        self.begin_fills();
        self.report_filled(effects);
    }

    /// A new leader tells what an old one told before: it hears what that one heard.
    fn report_again(&self, epoch: Epoch, effects: &mut Effects) {
        if self.closings.is_empty() && self.epochs.newest().epoch == epoch {
            effects.push(Effect::Report(Report::Joined(epoch)));
            self.report_filled(effects);
        }
    }

    /// Whether another matcher owned the slot before, and may still have registrations in its lane.
    fn is_early(&self, from: Incarnation, operation: &SubscriptionOperation) -> bool {
        let slot = operation.subscription.slot();
        let newest = self.epochs.newest().epoch;
        let before = self.epochs.iter().filter(|t| t.epoch < newest);
        let mut owners = before.map(|topology| topology.matcher(slot));
        let is_behind = |old: Incarnation| {
            let mut closings = self.closings.iter();
            closings.any(|closing| closing.flips_missing.iter().any(|(of, _)| *of == old))
        };
        !self.rules.broken(Rule::RegisterInOrder)
            && !self.closings.is_empty()
            && owners.any(|old| old != from && is_behind(old))
    }

    fn knows(&self, epoch: Epoch) -> bool {
        self.epochs.is_empty() || self.epochs.newest().epoch >= epoch
    }

    /// One that was not listed before takes part from the FLIP on: what is stamped before it is nothing to it. One that has
    /// left takes no part in what further access points stamp.
    fn begin_joins(&mut self, present: &Topology, next: &Topology) {
        let was_listed = present.instance(self.own).is_some();
        if !was_listed && next.instance(self.own).is_none() {
            return;
        }
        for access_point in next.incarnations(Layer::AccessPoints) {
            self.joins.entry(access_point).or_insert_with(|| {
                if was_listed {
                    Join::new(next.epoch)
                } else {
                    Join::at_flip()
                }
            });
        }
    }

    /// Forgets access points that have left: they left when everything was released. Those that are leaving hear that
    /// nothing more comes: from here on what this one wants goes to those that stay.
    fn leave_access_points(&mut self, next: &Topology, effects: &mut Effects) {
        self.joins
            .retain(|point, _| next.instance(*point).is_some());
        for leaving in routing::leaving(next) {
            let frame = AccessPointFrame::NothingMore(next.epoch);
            effects.send(leaving, LaneFrame::AccessPoint(frame));
        }
    }

    /// Every matcher of both epochs has to pass every access point's FLIP, but for the lost.
    fn begin_closing(&mut self, present: &Topology, next: &Topology) {
        let access_points = || next.incarnations(Layer::AccessPoints);
        let matchers = present.incarnations(Layer::Matchers);
        let matchers = matchers.chain(next.incarnations(Layer::Matchers));
        let is_ours = [present, next]
            .iter()
            .any(|topology| topology.instance(self.own).is_some());
        let flips_missing = matchers
            .filter(|matcher| is_ours && !next.is_retired(*matcher))
            .flat_map(|matcher| access_points().map(move |point| (matcher, point)))
            .collect();
        self.closings.push_back(Closing {
            epoch: next.epoch,
            flips_missing,
            is_ours,
        });
    }
}
