//! The lanes from access points: epoch, position, and what waits for a topology.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use gomera_model::lane::{AccessPointFrame, ExitPointFrame, LaneFrame, MatcherFrame, Open};
use gomera_model::operation::SubscriptionOperation;
use gomera_model::{Epoch, Incarnation, Notification, Seq, Time};

use super::Matcher;
use crate::effect::Effects;

/// One lane from an access point.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    /// What comes is stamped with this.
    pub(super) epoch: Epoch,
    /// The last notification that came, or the one before the first that will.
    last: Seq,
    /// Frames behind a FLIP into an epoch whose topology is not here yet.
    stalled: VecDeque<MatcherFrame>,
}

impl Lane {
    pub(super) fn new(open: Open) -> Self {
        Self {
            epoch: open.epoch,
            last: Seq(open.next.0 - 1),
            stalled: VecDeque::new(),
        }
    }

    /// How many frames wait behind a FLIP.
    pub(super) fn stalled_frames(&self) -> usize {
        self.stalled.len()
    }

    /// Notes that a batch came.
    ///
    /// # Panics
    ///
    /// If it leaves a gap or bears another epoch: lanes are first in, first out, and access points do not skip.
    fn advance(&mut self, batch: &[Arc<Notification>]) {
        for notification in batch {
            assert_eq!(notification.stamp.epoch, self.epoch, "FLIP comes first");
            assert_eq!(notification.stamp.seq, self.last.next(), "seq has no gaps");
            self.last = notification.stamp.seq;
        }
    }
}

impl Matcher {
    /// A frame whose place among the others of its access point matters.
    pub(super) fn in_lane(
        &mut self,
        now: Time,
        from: Incarnation,
        frame: MatcherFrame,
        effects: &mut Effects,
    ) {
        if !self.lanes.contains_key(&from) {
            self.stats.refused_frames += 1;
            return;
        }
        let waits = match &frame {
            MatcherFrame::Flip { epoch, .. } | MatcherFrame::Restart { epoch, .. } => {
                *epoch > self.epochs.newest_epoch() || self.is_restoring(*epoch)
            }
            MatcherFrame::Open(_)
            | MatcherFrame::Notifications(_)
            | MatcherFrame::Operation(_)
            | MatcherFrame::Close(_)
            | MatcherFrame::NothingMore(_)
            | MatcherFrame::Chunk { .. }
            | MatcherFrame::ChunkTaken(_)
            | MatcherFrame::Follow { .. }
            | MatcherFrame::End(_)
            | MatcherFrame::Differing { .. }
            | MatcherFrame::Restore { .. }
            | MatcherFrame::RestoreEnd(_)
            | MatcherFrame::Standby(_) => false,
        };
        let lane = self.lanes.get_mut(&from).expect("just looked at");
        if waits || !lane.stalled.is_empty() {
            lane.stalled.push_back(frame);
            return;
        }
        self.in_order(now, from, frame, effects);
    }

    /// A topology has come: what waited for it goes on.
    pub(super) fn resume_lanes(&mut self, now: Time, effects: &mut Effects) {
        let stalled: Vec<(Incarnation, VecDeque<MatcherFrame>)> = self
            .lanes
            .iter_mut()
            .map(|(from, lane)| (*from, core::mem::take(&mut lane.stalled)))
            .collect();
        for (from, frames) in stalled {
            for frame in frames {
                self.in_lane(now, from, frame, effects);
            }
        }
    }

    fn in_order(
        &mut self,
        now: Time,
        from: Incarnation,
        frame: MatcherFrame,
        effects: &mut Effects,
    ) {
        let lane = self.lanes.get_mut(&from).expect("found by the caller");
        match frame {
            MatcherFrame::Notifications(batch) => {
                lane.advance(&batch);
                self.match_batch(from, &batch, effects);
            }
            MatcherFrame::Operation(operation) => {
                let epoch = lane.epoch;
                self.operation(epoch, *operation, effects);
            }
            MatcherFrame::Close(operation) => self.closed(from, operation, effects),
            MatcherFrame::NothingMore(epoch) => {
                let taken = AccessPointFrame::NothingMore(epoch);
                effects.send(from, LaneFrame::AccessPoint(taken));
            }
            MatcherFrame::Flip { epoch, first } => {
                lane.epoch = epoch;
                lane.last = Seq(first.0 - 1);
                let passed = ExitPointFrame::Flip {
                    access_point: from,
                    epoch,
                    first,
                };
                self.tell_exit_points(&passed, effects);
                self.flipped(now, effects);
            }
            MatcherFrame::Restart { epoch, first } => {
                lane.epoch = epoch;
                lane.last = Seq(first.0 - 1);
                let passed = ExitPointFrame::Restart {
                    access_point: from,
                    epoch,
                    first,
                };
                self.tell_exit_points(&passed, effects);
                self.flipped(now, effects);
            }
            MatcherFrame::Open(_)
            | MatcherFrame::Chunk { .. }
            | MatcherFrame::ChunkTaken(_)
            | MatcherFrame::Follow { .. }
            | MatcherFrame::End(_)
            | MatcherFrame::Differing { .. }
            | MatcherFrame::Restore { .. }
            | MatcherFrame::RestoreEnd(_)
            | MatcherFrame::Standby(_) => {
                unreachable!("these do not wait for a place in a lane")
            }
        }
    }

    /// An operation came from an access point that stamps `epoch`.
    fn operation(&mut self, epoch: Epoch, operation: SubscriptionOperation, effects: &mut Effects) {
        let slot = operation.subscription.slot();
        if !self.own[&epoch].contains(slot) && !self.may_take_foreign() {
            self.stats.refused_frames += 1;
            return;
        }
        if let Some(operation) = self.wait_for_flips(operation) {
            self.take(operation, effects);
        }
    }
}
