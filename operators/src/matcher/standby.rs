//! Slots that two matchers hold: the owner sends each to the matcher that stands by for it, behind live traffic, one frame
//! in flight, and every operation on a slot that was begun follows. What the standby has of a slot is invisible there: it is
//! not its own.
//!
//! ```text
//!                  begins: what was there goes         taken, and a rest
//!  owner   slots not begun ──── Parts ────► standby ──── Taken ────► owner
//!          slots begun     ──── Follow ───► standby
//! ```
//!
//! A standby is a cache. Nobody waits for it, and whoever takes over compares what it has with what exit points have
//! (`restore.rs`); all that it changes is how much has to be sent then.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use gomera_matching::{Index, SlotSet};
use gomera_model::lane::{LaneFrame, MatcherFrame, SlotPart, StandbyFrame};
use gomera_model::operation::SubscriptionOperation;
use gomera_model::{Epoch, Incarnation, SlotId, SubscriptionId, Time, Topology};

use super::Matcher;
use crate::effect::{Effect, Effects};
use crate::limits::{CHUNK_BYTES, STANDBY_PARTS};

/// What is held twice, as far as this matcher has to do with it.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    /// Own slots, by who stands by for them.
    replicas: BTreeMap<Incarnation, Replica>,
    /// Slots that this matcher stands by for.
    slots: SlotSet,
    /// Those of them that their owners have begun to send.
    begun: SlotSet,
    /// What waits for a topology, or until a change that has not ended needs nothing of before, in order.
    early: VecDeque<(Incarnation, StandbyFrame)>,
}

/// What goes to one standby.
#[derive(Clone, Debug)]
struct Replica {
    /// Whether the next parts may go: the last ones are taken.
    is_ready: bool,
    /// Slots not begun, the next at the end.
    slots: Vec<SlotId>,
    /// Slots begun: what happens in them now has to follow.
    begun: SlotSet,
    /// What is left of the slot begun last.
    subscriptions: Vec<SubscriptionId>,
    /// When the next parts may go.
    rests_until: Time,
}

impl Standing {
    /// Whether this matcher stands by for a slot.
    pub(super) fn stands_by_for(&self, slot: SlotId) -> bool {
        self.slots.contains(slot)
    }

    /// Whether this matcher stands by for a slot, and what it has of it is from before its owner began to send it.
    pub(super) fn is_stale(&self, slot: SlotId) -> bool {
        self.slots.contains(slot) && !self.begun.contains(slot)
    }

    /// Frames that wait.
    pub(super) fn early_frames(&self) -> usize {
        self.early.len()
    }

    /// Own slots that are not sent whole to their standbys.
    pub(super) fn slots_to_send(&self) -> usize {
        let replicas = self.replicas.values();
        replicas
            .map(|replica| replica.slots.len() + usize::from(!replica.subscriptions.is_empty()))
            .sum()
    }

    /// Own slots that are sent whole to their standbys.
    pub(super) fn slots_sent(&self) -> usize {
        let replicas = self.replicas.values();
        replicas
            .map(|replica| replica.begun.len() - usize::from(!replica.subscriptions.is_empty()))
            .sum()
    }

    /// Subscriptions held for others.
    pub(super) fn subscriptions(&self, index: &Index) -> usize {
        self.slots.iter().map(|slot| index.slot_len(slot)).sum()
    }

    /// A topology follows another one, if there was one: what belongs to the same two goes on, the rest begins anew.
    /// Answers the slots that this matcher does not stand by for any more.
    fn learn(&mut self, own: Incarnation, before: Option<&Topology>, next: &Topology) -> SlotSet {
        let is_same = |slot: &SlotId| {
            before.is_some_and(|before| {
                before.matcher(*slot) == next.matcher(*slot)
                    && before.standby(*slot) == next.standby(*slot)
            })
        };
        let slots: SlotSet = next.stood_by_for(own).collect();
        self.begun = slots
            .iter()
            .filter(|slot| self.begun.contains(*slot))
            .filter(is_same)
            .collect();
        let gone = self.slots.iter().filter(|slot| !slots.contains(*slot));
        let gone = gone.collect();
        self.slots = slots;
        let mut wanted: BTreeMap<Incarnation, SlotSet> = BTreeMap::new();
        for slot in next.slots_of(own) {
            if let Some(standby) = next.standby(slot) {
                wanted.entry(standby).or_default().insert(slot);
            }
        }
        self.replicas
            .retain(|standby, _| wanted.contains_key(standby));
        for (standby, slots) in wanted {
            let replica = self.replicas.entry(standby).or_insert_with(Replica::new);
            replica.learn(&slots, is_same);
        }
        gone
    }
}

impl Replica {
    fn new() -> Self {
        Self {
            is_ready: true,
            slots: Vec::new(),
            begun: SlotSet::empty(),
            subscriptions: Vec::new(),
            rests_until: Time::default(),
        }
    }

    /// These slots are to be sent from now on; `is_same`: to the one that is sent them already.
    fn learn(&mut self, slots: &SlotSet, is_same: impl Fn(&SlotId) -> bool) {
        let begun = slots.iter().filter(|slot| self.begun.contains(*slot));
        self.begun = begun.filter(is_same).collect();
        self.slots = slots
            .iter()
            .filter(|slot| !self.begun.contains(*slot))
            .collect();
        self.slots.reverse();
        self.subscriptions
            .retain(|id| self.begun.contains(id.slot()));
    }

    /// Takes the next parts out of the index, with so many subscriptions at most; none, if everything is sent.
    fn next_parts(&mut self, index: &Index, at_most: usize) -> Vec<SlotPart> {
        let mut parts: Vec<SlotPart> = Vec::new();
        let (mut count, mut bytes) = (0, 0);
        while count < at_most && bytes < CHUNK_BYTES && parts.len() < STANDBY_PARTS {
            let Some(subscription) = self.subscriptions.pop() else {
                let Some(slot) = self.slots.pop() else {
                    break;
                };
                self.begun.insert(slot);
                index.slot(slot, &mut self.subscriptions);
                parts.push(part(slot, true));
                continue;
            };
            let Some(stored) = index.stored(subscription) else {
                continue;
            };
            let slot = subscription.slot();
            if parts.last().is_none_or(|last| last.slot != slot) {
                parts.push(part(slot, false));
            }
            bytes += stored.filter.0.len();
            count += 1;
            if let Some(last) = parts.last_mut() {
                last.subscriptions.push(stored);
            }
        }
        parts
    }
}

impl Matcher {
    /// A topology is in force: who stands by for whom may have changed. What nobody needs here any more goes.
    pub(super) fn change_standbys(&mut self, before: Option<&Topology>, next: &Topology) {
        let gone = self.standing.learn(self.incarnation, before, next);
        self.dropping.spare(&self.standing.slots);
        let own = &self.own[&next.epoch];
        let is_needed = |slot: &SlotId| {
            let mut changes = self.changes.iter();
            own.contains(*slot) || changes.any(|change| change.gives_away(*slot))
        };
        let gone = gone.iter().filter(|slot| !is_needed(slot)).collect();
        self.dropping.add(gone);
        self.standing
            .early
            .retain(|(from, _)| !next.is_retired(*from));
    }

    /// The owner of slots, or who stands by for own ones, says something.
    pub(super) fn standby_says(
        &mut self,
        from: Incarnation,
        frame: StandbyFrame,
        effects: &mut Effects,
    ) {
        let epoch = match &frame {
            StandbyFrame::Parts { epoch, .. } | StandbyFrame::Follow { epoch, .. } => *epoch,
            StandbyFrame::Taken => {
                if let Some(replica) = self.standing.replicas.get_mut(&from) {
                    replica.is_ready = true;
                }
                return;
            }
        };
        if self.is_early(from, epoch) {
            self.standing.early.push_back((from, frame));
        } else {
            self.stand_by(from, frame, effects);
        }
    }

    /// A topology has come, or a change has ended: what waited is taken.
    pub(super) fn take_early_parts(&mut self, effects: &mut Effects) {
        for (from, frame) in core::mem::take(&mut self.standing.early) {
            self.standby_says(from, frame, effects);
        }
    }

    /// Sends the next parts to every standby that has taken the last ones. While something changes hands all but what has to
    /// follow rests: a slot that is about to go to its standby is not begun there meanwhile.
    pub(super) fn send_to_standbys(&mut self, now: Time, effects: &mut Effects) {
        let gives = |moving: &super::Moving| !moving.giving.is_empty();
        if self.moving.as_ref().is_some_and(gives)
            || self.restoring.is_some()
            || !self.changes.is_empty()
        {
            return;
        }
        let epoch = self.epochs.newest_epoch();
        let pace = self.copy_rate.copying();
        for (&standby, replica) in &mut self.standing.replicas {
            if !replica.is_ready || (replica.slots.is_empty() && replica.subscriptions.is_empty()) {
                continue;
            }
            if replica.rests_until > now {
                effects.push(Effect::WakeAt(replica.rests_until));
                continue;
            }
            let slots = replica.next_parts(&self.index, pace.at_once);
            if slots.is_empty() {
                continue;
            }
            replica.rests_until = now + pace.rest;
            replica.is_ready = false;
            let parts = StandbyFrame::Parts { epoch, slots };
            effects.send(standby, LaneFrame::Matcher(MatcherFrame::Standby(parts)));
        }
    }

    /// Passes an operation on to who stands by, if its slot has been begun.
    pub(super) fn pass_to_standby(&self, taken: &SubscriptionOperation, effects: &mut Effects) {
        let slot = taken.subscription.slot();
        for (&standby, replica) in &self.standing.replicas {
            if replica.begun.contains(slot) {
                let follow = StandbyFrame::Follow {
                    epoch: self.epochs.newest_epoch(),
                    taken: taken.clone().into(),
                };
                effects.send(standby, LaneFrame::Matcher(MatcherFrame::Standby(follow)));
            }
        }
    }

    /// Whether what an owner says has to wait: for the topology that it knows, or because what is here of the slot may still
    /// have to answer for what is stamped before.
    fn is_early(&self, from: Incarnation, epoch: Epoch) -> bool {
        let mut early = self.standing.early.iter();
        epoch > self.epochs.newest_epoch()
            || !self.changes.is_empty()
            || early.any(|(other, _)| *other == from)
    }

    /// Takes what an owner says of slots that this matcher stands by for. Of others it was sent in an earlier epoch.
    fn stand_by(&mut self, owner: Incarnation, frame: StandbyFrame, effects: &mut Effects) {
        match frame {
            StandbyFrame::Parts { slots, .. } => {
                for part in slots {
                    self.take_part(owner, &part);
                }
                let taken = MatcherFrame::Standby(StandbyFrame::Taken);
                effects.send(owner, LaneFrame::Matcher(taken));
            }
            StandbyFrame::Follow { taken, .. } => {
                let slot = taken.subscription.slot();
                if self.is_sent_by(owner, slot) && self.standing.begun.contains(slot) {
                    self.install(&taken);
                }
            }
            StandbyFrame::Taken => unreachable!("an owner takes nothing from its standby"),
        }
    }

    fn take_part(&mut self, owner: Incarnation, part: &SlotPart) {
        if !self.is_sent_by(owner, part.slot) {
            return;
        }
        if part.begins {
            self.dropping.spare(&[part.slot].into_iter().collect());
            self.drop_slot(part.slot);
            self.standing.begun.insert(part.slot);
        }
        if self.standing.begun.contains(part.slot) {
            self.install_stored(&part.subscriptions);
        }
    }

    /// Whether this matcher stands by for a slot of this one.
    fn is_sent_by(&self, owner: Incarnation, slot: SlotId) -> bool {
        self.standing.slots.contains(slot) && self.epochs.newest().matcher(slot) == owner
    }
}

fn part(slot: SlotId, begins: bool) -> SlotPart {
    SlotPart {
        slot,
        begins,
        subscriptions: Vec::new(),
    }
}
