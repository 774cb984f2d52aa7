//! What a matcher ships to another one, and takes from it: moving slots in chunks, behind live traffic, one chunk in
//! flight; behind them every operation on a slot that has been begun.

use alloc::vec::Vec;

use gomera_matching::{Index, SlotSet};
use gomera_model::control::{Copied, Move, Report};
use gomera_model::lane::{LaneFrame, MatcherFrame};
use gomera_model::operation::{StoredSubscription, SubscriptionOperation};
use gomera_model::{Incarnation, OperationId, SlotId, SubscriptionId, Time};

use super::Matcher;
use crate::effect::{Effect, Effects};
use crate::limits::CHUNK_BYTES;
use crate::rules::Rule;

/// What goes to one new owner.
#[derive(Clone, Debug)]
pub(super) struct Giving {
    pub(super) to: Incarnation,
    stage: Stage,
    /// Slots not begun, the next at the end.
    slots: Vec<SlotId>,
    /// Slots begun: what happens in them now has to follow.
    begun: SlotSet,
    /// What is left of the slot begun last.
    subscriptions: Vec<SubscriptionId>,
    copied: Copied,
    /// When the next chunk may go.
    rests_until: Time,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nobody has asked for the copy yet.
    Waiting,
    /// The next chunk may go.
    Ready,
    /// A chunk is on its way.
    InFlight,
    /// Every chunk is taken.
    Copied,
    /// END is sent.
    Ended,
}

impl Giving {
    pub(super) fn new(moved: &Move) -> Self {
        let mut slots = moved.slots.clone();
        slots.reverse();
        Self {
            to: moved.to,
            stage: Stage::Waiting,
            slots,
            begun: SlotSet::empty(),
            subscriptions: Vec::new(),
            copied: Copied::default(),
            rests_until: Time::default(),
        }
    }

    /// Whether END is to be sent now; it is, once.
    pub(super) fn ends(&mut self) -> bool {
        let ends = self.stage == Stage::Copied;
        if ends {
            self.stage = Stage::Ended;
        }
        ends
    }

    /// A CLOSE came twice: END, if it was sent, is to be sent again.
    pub(super) fn end_again(&mut self) {
        if self.stage == Stage::Ended {
            self.stage = Stage::Copied;
        }
    }

    /// Takes the next chunk out of the index; an empty one means that there is none.
    fn next_chunk(&mut self, index: &Index, at_most: usize) -> Vec<StoredSubscription> {
        let mut chunk = Vec::new();
        let mut bytes = 0;
        while chunk.len() < at_most && bytes < CHUNK_BYTES {
            let Some(subscription) = self.next_subscription(index) else {
                break;
            };
            if let Some(stored) = index.stored(subscription) {
                bytes += stored.filter.0.len();
                chunk.push(stored);
            }
        }
        self.copied.subscriptions += chunk.len() as u64;
        self.copied.bytes += bytes as u64;
        chunk
    }

    fn next_subscription(&mut self, index: &Index) -> Option<SubscriptionId> {
        while self.subscriptions.is_empty() {
            let slot = self.slots.pop()?;
            self.copied.slots += 1;
            self.begun.insert(slot);
            index.slot(slot, &mut self.subscriptions);
        }
        self.subscriptions.pop()
    }
}

impl Matcher {
    /// Begins to copy, or says again how far it is.
    pub(super) fn copy(&mut self, operation: OperationId, effects: &mut Effects) {
        let Some(moving) = self.moving(operation) else {
            return;
        };
        for giving in &mut moving.giving {
            if giving.stage == Stage::Waiting {
                giving.stage = Stage::Ready;
            }
        }
        self.report_copy(effects);
    }

    /// Sends the next chunk to everyone whose last one has been taken.
    pub(super) fn send_chunks(&mut self, now: Time, effects: &mut Effects) {
        let Some(moving) = &mut self.moving else {
            return;
        };
        let operation = moving.plan.operation;
        let pace = self.copy_rate.copying();
        let mut is_done = false;
        for giving in &mut moving.giving {
            if giving.stage != Stage::Ready {
                continue;
            }
            if giving.rests_until > now {
                effects.push(Effect::WakeAt(giving.rests_until));
                continue;
            }
            giving.rests_until = now + pace.rest;
            let subscriptions = giving.next_chunk(&self.index, pace.at_once);
            if subscriptions.is_empty() {
                giving.stage = Stage::Copied;
                is_done = true;
                continue;
            }
            giving.stage = Stage::InFlight;
            self.stats.chunks += 1;
            self.stats.subscriptions_copied += subscriptions.len() as u64;
            let bytes: usize = subscriptions
                .iter()
                .map(|stored| stored.filter.0.len())
                .sum();
            self.stats.bytes_copied += bytes as u64;
            let chunk = MatcherFrame::Chunk {
                operation,
                subscriptions,
            };
            effects.send(giving.to, LaneFrame::Matcher(chunk));
        }
        if is_done {
            self.report_copy(effects);
            self.send_ends(effects);
        }
    }

    /// The new owner has a chunk; the next goes at the end of a turn, behind what waits, after a rest.
    pub(super) fn chunk_taken(
        &mut self,
        from: Incarnation,
        operation: OperationId,
        effects: &mut Effects,
    ) {
        let Some(moving) = self.moving(operation) else {
            return;
        };
        for giving in &mut moving.giving {
            if giving.to == from && giving.stage == Stage::InFlight {
                giving.stage = Stage::Ready;
            }
        }
        self.report_progress(effects);
    }

    /// Installs a chunk, invisible under the present epoch.
    pub(super) fn chunk(
        &mut self,
        from: Incarnation,
        operation: OperationId,
        subscriptions: &[StoredSubscription],
        effects: &mut Effects,
    ) {
        if self.moving(operation).is_none() {
            self.stats.refused_frames += 1;
            return;
        }
        self.install_stored(subscriptions);
        let taken = MatcherFrame::ChunkTaken(operation);
        effects.send(from, LaneFrame::Matcher(taken));
    }

    /// The old owner took an operation on a slot that it has begun to copy.
    pub(super) fn follow(&mut self, operation: OperationId, taken: &SubscriptionOperation) {
        if self.moving(operation).is_some() {
            self.install(taken);
        } else {
            self.stats.refused_frames += 1;
        }
    }

    /// Passes an operation on if its slot has been begun.
    pub(super) fn pass_to_new_owner(
        &mut self,
        taken: &SubscriptionOperation,
        effects: &mut Effects,
    ) {
        if self.rules.broken(Rule::FollowTheCopy) {
            return;
        }
        let Some(moving) = &self.moving else {
            return;
        };
        let slot = taken.subscription.slot();
        for giving in &moving.giving {
            if giving.begun.contains(slot) {
                self.stats.followed += 1;
                let follow = MatcherFrame::Follow {
                    operation: moving.plan.operation,
                    taken: taken.clone().into(),
                };
                effects.send(giving.to, LaneFrame::Matcher(follow));
            }
        }
    }

    /// Tells the coordinator how far the copy is, and that it is complete once it is.
    fn report_copy(&self, effects: &mut Effects) {
        let Some(moving) = &self.moving else {
            return;
        };
        if moving.giving.is_empty() {
            return;
        }
        let is_complete = moving
            .giving
            .iter()
            .all(|giving| matches!(giving.stage, Stage::Copied | Stage::Ended));
        let operation = moving.plan.operation;
        let copied = total(&moving.giving);
        effects.push(Effect::Report(if is_complete {
            Report::Copied { operation, copied }
        } else {
            Report::Copying { operation, copied }
        }));
    }

    /// Tells progress now and then: every 64th chunk.
    fn report_progress(&self, effects: &mut Effects) {
        if self.stats.chunks.is_multiple_of(64) {
            self.report_copy(effects);
        }
    }
}

fn total(giving: &[Giving]) -> Copied {
    giving.iter().fold(Copied::default(), |sum, giving| Copied {
        slots: sum.slots + giving.copied.slots,
        subscriptions: sum.subscriptions + giving.copied.subscriptions,
        bytes: sum.bytes + giving.copied.bytes,
    })
}
