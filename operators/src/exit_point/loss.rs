//! What an exit point does when somebody else is lost. What it does for sessions whose other exit point is lost stands
//! with the roles.
//!
//! | lost | here |
//! |---|---|
//! | a matcher | partials go; at RESTART(k) of an access point also what windows have from `k` on; the new owner of its slots asks what it has to have (`restore.rs`) |
//! | an access point | what is not released of it goes; a backup drops what its primary had not released |
//! | a connection point | its clients are away |

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use gomera_model::lane::BackupFrame;
use gomera_model::operation::SubscriptionOperation;
use gomera_model::{Cursor, Epoch, Incarnation, Layer, Seq, Time, Topology};

use super::{ExitPoint, to_exit_point};
use crate::effect::Effects;
use crate::rules::Rule;

impl ExitPoint {
    /// Nobody waits for the lost, and what came of them counts no more.
    pub(super) fn forget_lost(&mut self, present: &Topology, next: &Topology) {
        for closing in &mut self.closings {
            closing.flips_missing.retain(|(matcher, access_point)| {
                !next.is_retired(*matcher) && next.instance(*access_point).is_some()
            });
        }
        self.early.retain(|(from, _)| !next.is_retired(*from));
        self.stalled.retain(|from, _| !next.is_retired(*from));
        if next.cut > present.epoch && !self.rules.broken(Rule::ThrowPartialsAway) {
            for join in self.joins.values_mut() {
                join.cut(next.cut);
            }
            // What comes again comes under a stamp that gives nothing to one that has left.
            if next.instance(self.own).is_none() {
                self.joins.clear();
                for closing in &mut self.closings {
                    closing.flips_missing.clear();
                }
            }
        }
    }

    /// An access point that was lost stamps nothing any more. What this exit point has not released of it is gone; the
    /// others of the slots that it delivers hear how far it was, so that none of them has more.
    pub(super) fn part_from_lost(&mut self, next: &Topology, effects: &mut Effects) {
        let lost = self.joins.iter();
        let lost = lost.filter(|(point, _)| next.is_retired(**point));
        let marks: Vec<Cursor> = lost
            .filter_map(|(&access_point, join)| {
                let seq = join.released()?;
                Some(Cursor { access_point, seq })
            })
            .collect();
        if marks.is_empty() || self.rules.broken(Rule::DropBeyondPrimary) {
            return;
        }
        let slots = next.exit_points_of.iter();
        let delivered = slots.filter(|points| points.primary == self.own);
        let others: BTreeSet<Incarnation> = delivered
            .flat_map(|points| points.all())
            .filter(|point| *point != self.own)
            .collect();
        for other in others {
            let frame = BackupFrame::LastReleased {
                epoch: next.epoch,
                marks: marks.clone(),
            };
            to_exit_point(other, frame, effects);
        }
    }

    /// A primary says how far it had released access points that were lost. What comes before the topology that says so
    /// waits for it: until then more of them may be released here.
    pub(super) fn last_released(&mut self, from: Incarnation, epoch: Epoch, marks: Vec<Cursor>) {
        if epoch > self.epochs.newest_epoch() {
            self.early_marks.push((from, epoch, marks));
            return;
        }
        for id in self.sessions.ids() {
            if self.delivered_by(id.slot()) == Some(from)
                && let Some(session) = self.sessions.get_mut(id)
            {
                session.drop_beyond(&marks);
            }
        }
    }

    /// A topology has come: what was said before it is taken.
    pub(super) fn take_early_marks(&mut self) {
        for (from, epoch, marks) in core::mem::take(&mut self.early_marks) {
            self.last_released(from, epoch, marks);
        }
    }

    /// An access point stamps everything from `first` on again, with a later epoch.
    pub(super) fn restarted(
        &mut self,
        now: Time,
        (matcher, access_point): (Incarnation, Incarnation),
        (epoch, first): (Epoch, Seq),
        effects: &mut Effects,
    ) {
        if let Some(join) = self.joins.get_mut(&access_point)
            && join.restarted(matcher, epoch, first)
            && !self.rules.broken(Rule::TakeBackAtRestart)
        {
            self.sessions.take_back(access_point, first);
        }
        self.passed(now, (matcher, access_point), epoch, effects);
        self.release(now, (matcher, access_point), Seq(first.0 - 1), effects);
    }

    /// What this exit point takes away itself may have been lost with an access point, or with a matcher: once more.
    pub(super) fn remove_again(
        &mut self,
        present: &Topology,
        next: &Topology,
        effects: &mut Effects,
    ) {
        let mut before = present.instances.iter();
        let is_carrier = |layer| layer == Layer::AccessPoints || layer == Layer::Matchers;
        let is_lost = before.any(|one| is_carrier(one.layer) && next.is_retired(one.incarnation));
        if is_lost && !self.rules.broken(Rule::RemoveAgain) {
            for operation in core::mem::take(&mut self.removing).into_values() {
                self.unsubscribe([operation].into(), effects);
            }
        }
    }

    /// A matcher has taken an operation: who wanted that subscription away need not ask again.
    pub(super) fn has_removed(&mut self, taken: &SubscriptionOperation) {
        let wanted = self.removing.get(&taken.subscription);
        if wanted.is_some_and(|wanted| wanted.number <= taken.number) {
            self.removing.remove(&taken.subscription);
        }
    }

    /// Clients behind a connection point that is not there any more are away.
    pub(super) fn leave_connection_points(&mut self, now: Time, next: &Topology) {
        for id in self.sessions.ids() {
            if let Some(session) = self.sessions.get_mut(id)
                && let Some((point, generation)) = session.attachment()
                && next.instance(point).is_none()
            {
                session.detach(now, generation);
            }
        }
    }
}
