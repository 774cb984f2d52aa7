//! What a matcher does in each phase of an operation.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use gomera_matching::SlotSet;
use gomera_model::control::{Plan, Report, Strategy};
use gomera_model::lane::{AccessPointFrame, LaneFrame, MatcherFrame};
use gomera_model::operation::SubscriptionOperation;
use gomera_model::{
    Epoch, Incarnation, Layer, OperationId, SlotId, SubscriptionId, Time, Topology,
};

use super::snapshot::Giving;
use super::{Matcher, Phase};
use crate::effect::{Effect, Effects};
use crate::rules::Rule;

impl Phase {
    /// Its name, as the drawing has it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Settled => "Settled",
            Self::Moving(_) => "Moving",
            Self::Flipping(_) => "Flipping",
            Self::Dropping(_) => "Dropping",
        }
    }
}

/// Before the commit.
#[derive(Clone, Debug)]
pub(super) struct Moving {
    /// What is planned.
    pub(super) plan: Arc<Plan>,
    /// What goes where, one for each new owner.
    pub(super) giving: Vec<Giving>,
    /// Old owners whose END has not come.
    pub(super) ends_missing: BTreeSet<Incarnation>,
    /// Access points whose CLOSE has not come.
    pub(super) closes_missing: BTreeSet<Incarnation>,
}

/// Between the commit and the last FLIP.
#[derive(Clone, Debug)]
pub(super) struct Flipping {
    epoch: Epoch,
    flips_missing: BTreeSet<Incarnation>,
    /// Slots that are new here.
    gained: SlotSet,
    /// Slots that go from here.
    lost: Vec<SlotId>,
    /// Operations on gained slots, in order.
    waiting: Vec<SubscriptionOperation>,
    /// Who waits to hear that they are taken up; nobody with the strategy `live`.
    listeners: Vec<Incarnation>,
}

/// After the last FLIP, or after an abort.
#[derive(Clone, Debug)]
pub(super) struct Dropping {
    /// Reported when nothing is left; `None` after an abort.
    drained: Option<Epoch>,
    slots: Vec<SlotId>,
    /// What is left of the slot that was begun last.
    subscriptions: Vec<SubscriptionId>,
    /// A plan that came meanwhile; it is confirmed when nothing is left.
    next: Option<Arc<Plan>>,
}

impl Matcher {
    /// A topology is in force.
    pub(super) fn topology(&mut self, now: Time, next: &Arc<Topology>, effects: &mut Effects) {
        let is_first = self.epochs.is_empty();
        if !self.epochs.learn(next) {
            return self.report_again(next.epoch, effects);
        }
        let own: SlotSet = next.slots_of(self.incarnation).collect();
        let present = self.own.values().next_back().cloned();
        self.own.insert(next.epoch, own);
        if !is_first {
            let present = present.expect("there was a topology before");
            self.commit(next, &present);
        }
        self.resume_lanes(now, effects);
    }

    /// Knows a plan and confirms it, once nothing of an earlier one is left.
    pub(super) fn prepare(&mut self, plan: Arc<Plan>, effects: &mut Effects) {
        if plan.next.epoch <= self.epochs.newest().epoch {
            return;
        }
        match &mut self.phase {
            Phase::Dropping(dropping) => {
                dropping.next = Some(plan);
                return;
            }
            Phase::Moving(moving) if moving.plan.operation != plan.operation => {
                let slots = taken_over(&moving.plan, self.incarnation);
                self.phase = Phase::Dropping(Dropping {
                    next: Some(plan),
                    ..Dropping::new(None, slots)
                });
                return;
            }
            Phase::Moving(_) => {}
            Phase::Settled => {
                let moving = Moving::new(&plan, self.incarnation, self.epochs.newest());
                self.phase = Phase::Moving(moving);
            }
            Phase::Flipping(_) => panic!("the coordinator runs one operation at a time"),
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

    /// A new leader tells what an old one told before: it hears what that one heard.
    fn report_again(&self, epoch: Epoch, effects: &mut Effects) {
        if matches!(self.phase, Phase::Settled) && self.epochs.newest().epoch == epoch {
            effects.push(Effect::Report(Report::Drained(epoch)));
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
        let incarnation = self.incarnation;
        if let Phase::Dropping(dropping) = &mut self.phase
            && dropping.next.as_ref().map(|plan| plan.operation) == Some(operation)
        {
            dropping.next = None;
        }
        if let Some(moving) = self.moving(operation) {
            let slots = taken_over(&moving.plan, incarnation);
            self.phase = Phase::Dropping(Dropping::new(None, slots));
            self.drop_some(now, effects);
        }
    }

    /// An access point stamps `epoch` from here on.
    pub(super) fn flipped(
        &mut self,
        now: Time,
        access_point: Incarnation,
        epoch: Epoch,
        effects: &mut Effects,
    ) {
        let Phase::Flipping(flipping) = &mut self.phase else {
            return;
        };
        assert_eq!(flipping.epoch, epoch, "one change of topology at a time");
        flipping.flips_missing.remove(&access_point);
        let drops_early = self.rules.broken(Rule::DropAfterEveryFlip);
        let takes_early = self.rules.broken(Rule::TakeUpAfterEveryFlip);
        if takes_early {
            let early = core::mem::take(&mut flipping.waiting);
            flipping.gained = SlotSet::empty();
            for operation in early {
                self.take(operation, effects);
            }
        } else if drops_early {
            let early = core::mem::take(&mut flipping.lost);
            for slot in early {
                self.drop_slot(slot);
            }
        }
        self.finish_flipping(now, effects);
    }

    /// Keeps an operation on a slot that is new here until every access point has flipped; hands any other back.
    pub(super) fn wait_for_flips(
        &mut self,
        operation: SubscriptionOperation,
    ) -> Option<SubscriptionOperation> {
        match &mut self.phase {
            Phase::Flipping(flipping)
                if flipping.gained.contains(operation.subscription.slot()) =>
            {
                self.stats.operations_waited += 1;
                flipping.waiting.push(operation);
                None
            }
            Phase::Settled | Phase::Moving(_) | Phase::Flipping(_) | Phase::Dropping(_) => {
                Some(operation)
            }
        }
    }

    /// Drops a few subscriptions of what has to go; reports when nothing is left.
    pub(super) fn drop_some(&mut self, now: Time, effects: &mut Effects) {
        let Phase::Dropping(dropping) = &mut self.phase else {
            return;
        };
        let pace = self.copy_rate.dropping();
        for _ in 0..pace.at_once {
            while dropping.subscriptions.is_empty() {
                let Some(slot) = dropping.slots.pop() else {
                    return self.dropped(effects);
                };
                self.index.slot(slot, &mut dropping.subscriptions);
            }
            if let Some(subscription) = dropping.subscriptions.pop() {
                self.index.remove(subscription);
            }
        }
        effects.push(Effect::WakeAt(now + pace.rest));
    }

    /// The operation under way, if it is this one.
    pub(super) fn moving(&mut self, operation: OperationId) -> Option<&mut Moving> {
        match &mut self.phase {
            Phase::Moving(moving) if moving.plan.operation == operation => Some(moving),
            Phase::Settled | Phase::Moving(_) | Phase::Flipping(_) | Phase::Dropping(_) => None,
        }
    }

    /// Only a broken rule lets operations come to a matcher that does not own their slot.
    pub(super) fn may_take_foreign(&self) -> bool {
        self.rules.broken(Rule::HeldGoToNewOwner)
            || self.rules.broken(Rule::HoldWhileClosed)
            || self.rules.broken(Rule::TakeUpAfterEveryFlip)
    }

    /// The next topology is in force. Whatever stood before it, the access points will flip.
    fn commit(&mut self, next: &Topology, present: &SlotSet) {
        let access_points = next.incarnations(Layer::AccessPoints);
        let listeners = match &self.phase {
            Phase::Moving(moving) if moving.is_waited_for(self.incarnation) => {
                access_points.clone().collect()
            }
            Phase::Settled | Phase::Moving(_) => Vec::new(),
            Phase::Flipping(_) | Phase::Dropping(_) => {
                panic!("the coordinator runs one operation at a time")
            }
        };
        let own = &self.own[&next.epoch];
        let gained = own.iter().filter(|slot| !present.contains(*slot)).collect();
        let lost = present.iter().filter(|slot| !own.contains(*slot)).collect();
        self.phase = Phase::Flipping(Flipping {
            epoch: next.epoch,
            flips_missing: access_points.collect(),
            gained,
            lost,
            waiting: Vec::new(),
            listeners,
        });
    }

    /// With the last FLIP nothing is stamped with the epoch before: operations on gained slots are taken up, lost
    /// slots dropped.
    fn finish_flipping(&mut self, now: Time, effects: &mut Effects) {
        let Phase::Flipping(flipping) = &mut self.phase else {
            return;
        };
        if !flipping.flips_missing.is_empty() {
            return;
        }
        let epoch = flipping.epoch;
        let waiting = core::mem::take(&mut flipping.waiting);
        let lost = core::mem::take(&mut flipping.lost);
        let listeners = core::mem::take(&mut flipping.listeners);
        self.epochs.forget_before(epoch);
        self.own.retain(|kept, _| *kept >= epoch);
        let newest = self.epochs.newest();
        self.lanes
            .retain(|point, _| newest.instance(*point).is_some());
        self.phase = Phase::Dropping(Dropping::new(Some(epoch), lost));
        for operation in waiting {
            self.take(operation, effects);
        }
        for access_point in listeners {
            let frame = AccessPointFrame::TakenUp(epoch);
            effects.send(access_point, LaneFrame::AccessPoint(frame));
        }
        self.drop_some(now, effects);
    }

    fn dropped(&mut self, effects: &mut Effects) {
        let Phase::Dropping(dropping) = core::mem::replace(&mut self.phase, Phase::Settled) else {
            unreachable!("called while dropping");
        };
        if let Some(epoch) = dropping.drained {
            effects.push(Effect::Report(Report::Drained(epoch)));
        }
        if let Some(plan) = dropping.next {
            self.prepare(plan, effects);
        }
    }

    fn drop_slot(&mut self, slot: SlotId) {
        let mut subscriptions = Vec::new();
        self.index.slot(slot, &mut subscriptions);
        for subscription in subscriptions {
            self.index.remove(subscription);
        }
    }

    /// Sends END to every new owner that has everything, once every access point has closed.
    pub(super) fn send_ends(&mut self, effects: &mut Effects) {
        let Phase::Moving(moving) = &mut self.phase else {
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

    /// Whether access points keep publications until this matcher has taken up what they held.
    fn is_waited_for(&self, own: Incarnation) -> bool {
        self.plan.strategy == Strategy::Buffered && self.plan.moves_to(own).next().is_some()
    }
}

impl Dropping {
    fn new(drained: Option<Epoch>, slots: Vec<SlotId>) -> Self {
        Self {
            drained,
            slots,
            subscriptions: Vec::new(),
            next: None,
        }
    }
}

fn taken_over(plan: &Plan, own: Incarnation) -> Vec<SlotId> {
    let moves = plan.moves_to(own);
    moves
        .flat_map(|moved| moved.slots.iter().copied())
        .collect()
}
