//! What a matcher does from a plan to its commit: it learns the plan, gives slots away, takes slots over.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use gomera_model::control::{Plan, Report, Strategy};
use gomera_model::lane::{LaneFrame, MatcherFrame};
use gomera_model::{Incarnation, Layer, OperationId, SlotId, Time, Topology};

use super::Matcher;
use super::snapshot::Giving;
use crate::effect::{Effect, Effects};
use crate::rules::Rule;

/// Before the commit.
#[derive(Clone, Debug)]
pub(super) struct Moving {
    /// What is planned.
    pub(super) plan: Arc<Plan>,
    /// What goes where, one for each new owner.
    pub(super) giving: Vec<Giving>,
    /// Old owners whose END has not come.
    ends_missing: BTreeSet<Incarnation>,
    /// Access points whose CLOSE has not come.
    closes_missing: BTreeSet<Incarnation>,
}

impl Matcher {
    /// Knows a plan and confirms it, once nothing of an earlier one is left.
    pub(super) fn prepare(&mut self, plan: Arc<Plan>, effects: &mut Effects) {
        if plan.next.epoch <= self.epochs.newest().epoch {
            return;
        }
        if let Some(moving) = self
            .moving
            .take_if(|moving| moving.plan.operation != plan.operation)
        {
            self.drop_taken_over(&moving);
        }
        if self.moving.is_none() {
            if self.changes.is_empty() {
                self.drop_stale(&plan);
            }
            if !self.changes.is_empty() || self.dropping.is_under_way() {
                self.next_plan = Some(plan);
                return;
            }
            let moving = Moving::new(&plan, self.incarnation, self.epochs.newest());
            self.moving = Some(moving);
        }
        effects.push(Effect::Report(Report::Confirmed(plan.operation)));
    }

    /// An access point sends no further operation on a moving slot before its FLIP.
    pub(super) fn closed(
        &mut self,
        access_point: Incarnation,
        operation: OperationId,
        effects: &mut Effects,
    ) {
        let ends_early = self.rules.broken(Rule::CloseBeforeEnd);
        if let Some(moving) = self.moving(operation) {
            let is_repeated = !moving.closes_missing.remove(&access_point);
            if ends_early {
                moving.closes_missing.clear();
            }
            if is_repeated {
                moving.giving.iter_mut().for_each(Giving::end_again);
            }
            self.send_ends(effects);
        }
    }

    /// An old owner has sent everything, and will take no further operation. What is said again is reported again.
    pub(super) fn end(&mut self, from: Incarnation, operation: OperationId, effects: &mut Effects) {
        if let Some(moving) = self.moving(operation) {
            moving.ends_missing.remove(&from);
            self.close(operation, effects);
        }
    }

    /// Reports that END has come from every old owner, if it has; also when access points are told to close again.
    pub(super) fn close(&mut self, operation: OperationId, effects: &mut Effects) {
        let own = self.incarnation;
        if let Some(moving) = self.moving(operation)
            && moving.ends_missing.is_empty()
            && moving.plan.moves_to(own).next().is_some()
        {
            effects.push(Effect::Report(Report::Ended(operation)));
        }
    }

    /// Forgets the plan and drops what was copied for it.
    pub(super) fn abort(&mut self, now: Time, operation: OperationId, effects: &mut Effects) {
        self.next_plan.take_if(|plan| plan.operation == operation);
        if self.moving(operation).is_some()
            && let Some(moving) = self.moving.take()
        {
            self.drop_taken_over(&moving);
            self.drop_some(now, effects);
        }
    }

    /// What this matcher has of slots that it stands by for, and is about to own, from before their owners began to send
    /// them, would be taken for part of the copy.
    fn drop_stale(&mut self, plan: &Plan) {
        let mut stale = taken_over(plan, self.incarnation);
        stale.retain(|slot| self.standing.is_stale(*slot) && self.index.slot_len(*slot) > 0);
        self.dropping.add(stale);
    }

    /// The operation under way, if it is this one.
    pub(super) fn moving(&mut self, operation: OperationId) -> Option<&mut Moving> {
        let moving = self.moving.as_mut();
        moving.filter(|moving| moving.plan.operation == operation)
    }

    /// Only a broken rule lets operations come to a matcher that does not own their slot.
    pub(super) fn may_take_foreign(&self) -> bool {
        self.rules.broken(Rule::HeldGoToNewOwner)
            || self.rules.broken(Rule::HoldWhileClosed)
            || self.rules.broken(Rule::TakeUpAfterEveryFlip)
    }

    /// Sends END to every new owner that has everything, once every access point has closed.
    pub(super) fn send_ends(&mut self, effects: &mut Effects) {
        let Some(moving) = &mut self.moving else {
            return;
        };
        if !moving.closes_missing.is_empty() {
            return;
        }
        let operation = moving.plan.operation;
        for giving in &mut moving.giving {
            if giving.ends() {
                effects.send(giving.to, LaneFrame::Matcher(MatcherFrame::End(operation)));
            }
        }
    }
}

impl Moving {
    fn new(plan: &Arc<Plan>, own: Incarnation, present: &Topology) -> Self {
        Self {
            giving: plan.moves_from(own).map(Giving::new).collect(),
            ends_missing: plan.moves_to(own).map(|moved| moved.from).collect(),
            closes_missing: present.incarnations(Layer::AccessPoints).collect(),
            plan: Arc::clone(plan),
        }
    }

    /// Whether this topology is what the plan commits first.
    pub(super) fn is_committed_by(&self, next: &Topology) -> bool {
        self.plan.next == *next
    }

    /// Whether access points keep publications until this matcher has taken up what they held.
    pub(super) fn is_waited_for(&self, own: Incarnation) -> bool {
        self.plan.strategy == Strategy::Buffered && self.plan.moves_to(own).next().is_some()
    }
}

/// The slots that the plan gives to one matcher.
pub(super) fn taken_over(plan: &Plan, own: Incarnation) -> Vec<SlotId> {
    let moves = plan.moves_to(own);
    moves
        .flat_map(|moved| moved.slots.iter().copied())
        .collect()
}
