//! What a matcher does from a commit on, until nothing of the epoch before is left.
//!
//! Changes of topology wait in a queue: each is finished when every access point that it lists stamps its epoch or a
//! later one. Mostly there is one; where somebody dies during an operation, the next epoch comes before the last one is
//! through.

use alloc::sync::Arc;
use alloc::vec::Vec;

use gomera_matching::SlotSet;
use gomera_model::control::Report;
use gomera_model::lane::{AccessPointFrame, LaneFrame};
use gomera_model::operation::SubscriptionOperation;
use gomera_model::{Epoch, Incarnation, Layer, SlotId, SubscriptionId, Time, Topology};

use super::Matcher;
use super::operation::{Moving, taken_over};
use crate::effect::{Effect, Effects};
use crate::rules::Rule;

/// Between a commit and the last FLIP into its epoch.
#[derive(Clone, Debug)]
pub(super) struct Closing {
    pub(super) epoch: Epoch,
    /// Whether this matcher is listed in this epoch or the one before. Who left earlier is sent no FLIP between them.
    is_ours: bool,
    /// Slots that are new here.
    gained: SlotSet,
    /// Slots that go from here, ascending.
    lost: Vec<SlotId>,
    /// Operations on gained slots, in order.
    waiting: Vec<SubscriptionOperation>,
    /// Who waits to hear that they are taken up; nobody with the strategy `live`.
    listeners: Vec<Incarnation>,
}

/// What has to go, a little at a time.
#[derive(Clone, Debug, Default)]
pub(super) struct Dropping {
    /// The newest epoch that is through, reported when nothing is left.
    drained: Option<Epoch>,
    slots: Vec<SlotId>,
    /// What is left of the slot that was begun last.
    subscriptions: Vec<SubscriptionId>,
}

impl Closing {
    /// Whether a slot goes from here when it ends.
    pub(super) fn gives_away(&self, slot: SlotId) -> bool {
        self.lost.binary_search(&slot).is_ok()
    }
}

impl Dropping {
    /// These slots have to go too.
    pub(super) fn add(&mut self, slots: Vec<SlotId>) {
        self.slots.extend(slots);
    }

    /// Whether something is left, or is to be reported.
    pub(super) fn is_under_way(&self) -> bool {
        self.drained.is_some() || !self.slots.is_empty() || !self.subscriptions.is_empty()
    }

    /// These slots need not go any more.
    pub(super) fn spare(&mut self, slots: &SlotSet) {
        self.slots.retain(|slot| !slots.contains(*slot));
        self.subscriptions.retain(|id| !slots.contains(id.slot()));
    }
}

impl Matcher {
    /// A topology is in force.
    pub(super) fn topology(&mut self, now: Time, next: &Arc<Topology>, effects: &mut Effects) {
        let before = self.epochs.iter().last().cloned();
        if !self.epochs.learn(next) {
            return self.report_again(next.epoch, effects);
        }
        let own: SlotSet = next.slots_of(self.incarnation).collect();
        self.own.insert(next.epoch, own);
        if let Some(before) = &before {
            self.begin_change(before, next);
            for point in before.incarnations(Layer::AccessPoints) {
                if next.instance(point).is_none() {
                    self.lanes.remove(&point);
                }
            }
        }
        self.change_standbys(before.as_deref(), next);
        self.ask_exit_points(effects);
        self.resume_lanes(now, effects);
        self.finish_changes(now, effects);
        self.take_early_parts(effects);
    }

    /// An access point stamps another epoch: what waited for it goes on.
    pub(super) fn flipped(&mut self, now: Time, effects: &mut Effects) {
        if self.rules.broken(Rule::TakeUpAfterEveryFlip)
            && let Some(change) = self.changes.front_mut()
        {
            change.gained = SlotSet::empty();
            for operation in core::mem::take(&mut change.waiting) {
                self.take(operation, effects);
            }
        } else if self.rules.broken(Rule::DropAfterEveryFlip)
            && let Some(change) = self.changes.front_mut()
        {
            for slot in core::mem::take(&mut change.lost) {
                self.drop_slot(slot);
            }
        }
        self.finish_changes(now, effects);
    }

    /// Keeps an operation on a slot that is new here until every access point has flipped; hands any other back.
    pub(super) fn wait_for_flips(
        &mut self,
        operation: SubscriptionOperation,
    ) -> Option<SubscriptionOperation> {
        let slot = operation.subscription.slot();
        let mut newest_first = self.changes.iter_mut().rev();
        let Some(change) = newest_first.find(|change| change.gained.contains(slot)) else {
            return Some(operation);
        };
        self.stats.operations_waited += 1;
        change.waiting.push(operation);
        None
    }

    /// Drops a few subscriptions of what has to go; reports when nothing is left.
    pub(super) fn drop_some(&mut self, now: Time, effects: &mut Effects) {
        if !self.dropping.is_under_way() {
            return self.take_up_next_plan(effects);
        }
        let pace = self.copy_rate.dropping();
        for _ in 0..pace.at_once {
            while self.dropping.subscriptions.is_empty() {
                let Some(slot) = self.dropping.slots.pop() else {
                    return self.dropped(effects);
                };
                self.index.slot(slot, &mut self.dropping.subscriptions);
            }
            if let Some(subscription) = self.dropping.subscriptions.pop() {
                self.index.remove(subscription);
            }
        }
        effects.push(Effect::WakeAt(now + pace.rest));
    }

    /// Finishes what every access point has flipped into. With the last FLIP nothing is stamped with the epoch before:
    /// operations on gained slots are taken up, lost slots dropped.
    pub(super) fn finish_changes(&mut self, now: Time, effects: &mut Effects) {
        while let Some(change) = self.changes.front()
            && !self.waits_for_copies(change.epoch)
            && (!change.is_ours || self.is_passed(change.epoch))
        {
            let Some(change) = self.changes.pop_front() else {
                return;
            };
            self.epochs.forget_before(change.epoch);
            self.own.retain(|kept, _| *kept >= change.epoch);
            self.dropping.drained = Some(change.epoch);
            let standing = &self.standing;
            let lost = change.lost.into_iter();
            let lost = lost.filter(|slot| !standing.stands_by_for(*slot));
            self.dropping.add(lost.collect());
            for operation in change.waiting {
                self.take(operation, effects);
            }
            for access_point in change.listeners {
                let frame = AccessPointFrame::TakenUp(change.epoch);
                effects.send(access_point, LaneFrame::AccessPoint(frame));
            }
            self.drop_some(now, effects);
            if self.changes.is_empty() {
                self.take_early_parts(effects);
            }
        }
    }

    /// Whether whatever comes in the lanes is stamped with this epoch or a later one. Who has been retired since, or
    /// has left, is not waited for.
    fn is_passed(&self, epoch: Epoch) -> bool {
        let newest = self.epochs.newest();
        let listed = self.epochs.at(epoch).incarnations(Layer::AccessPoints);
        listed
            .filter(|point| newest.instance(*point).is_some())
            .all(|point| (self.lanes.get(&point)).is_some_and(|lane| lane.epoch >= epoch))
    }

    /// A new leader tells what an old one told before: it hears what that one heard.
    fn report_again(&self, epoch: Epoch, effects: &mut Effects) {
        let is_settled =
            self.moving.is_none() && self.changes.is_empty() && !self.dropping.is_under_way();
        if is_settled && self.epochs.newest().epoch == epoch {
            effects.push(Effect::Report(Report::Drained(epoch)));
        }
    }

    fn begin_change(&mut self, before: &Topology, next: &Topology) {
        let committed = self
            .moving
            .take()
            .and_then(|moving| self.committed(moving, next));
        let plan = committed.as_ref().map(|moving| &*moving.plan);
        let (present, own) = (&self.own[&before.epoch], &self.own[&next.epoch]);
        let gained: SlotSet = own.iter().filter(|slot| !present.contains(*slot)).collect();
        let lost = present.iter().filter(|slot| !own.contains(*slot)).collect();
        let copied = plan.map(|plan| taken_over(plan, self.incarnation));
        let copied: SlotSet = copied.unwrap_or_default().into_iter().collect();
        let uncopied: SlotSet = gained
            .iter()
            .filter(|slot| !copied.contains(*slot))
            .collect();
        let waits = committed.is_some_and(|moving| moving.is_waited_for(self.incarnation));
        let mut change = Closing {
            epoch: next.epoch,
            is_ours: [before, next]
                .iter()
                .any(|topology| topology.instance(self.incarnation).is_some()),
            gained,
            lost,
            waiting: Vec::new(),
            listeners: Vec::new(),
        };
        if waits {
            change.listeners = next.incarnations(Layer::AccessPoints).collect();
        }
        if !uncopied.is_empty() {
            self.keep(&uncopied);
            self.restore(next.epoch, &uncopied);
        }
        self.changes.push_back(change);
    }

    /// The plan, if this topology commits it. What was copied for another one goes.
    fn committed(&mut self, moving: Moving, next: &Topology) -> Option<Moving> {
        if moving.is_committed_by(next) {
            return Some(moving);
        }
        self.drop_taken_over(&moving);
        None
    }

    /// What was copied for a plan goes, but for what this matcher stands by for.
    pub(super) fn drop_taken_over(&mut self, moving: &Moving) {
        let mut slots = taken_over(&moving.plan, self.incarnation);
        slots.retain(|slot| !self.standing.stands_by_for(*slot));
        self.dropping.add(slots);
    }

    /// What is left here of these slots need not go any more.
    fn keep(&mut self, slots: &SlotSet) {
        self.dropping.spare(slots);
        for change in &mut self.changes {
            change.lost.retain(|slot| !slots.contains(*slot));
        }
    }

    fn dropped(&mut self, effects: &mut Effects) {
        if let Some(epoch) = self.dropping.drained.take() {
            effects.push(Effect::Report(Report::Drained(epoch)));
        }
        self.take_up_next_plan(effects);
    }

    fn take_up_next_plan(&mut self, effects: &mut Effects) {
        if self.changes.is_empty()
            && let Some(plan) = self.next_plan.take()
        {
            self.prepare(plan, effects);
        }
    }

    /// Drops a slot at once.
    pub(super) fn drop_slot(&mut self, slot: SlotId) {
        let mut subscriptions = Vec::new();
        self.index.slot(slot, &mut subscriptions);
        for subscription in subscriptions {
            self.index.remove(subscription);
        }
    }
}
