//! What an exit point does when somebody else is lost. What it does for sessions whose other exit point is lost stands
//! with the roles.
//!
//! | lost | here |
//! |---|---|
//! | a matcher | partials go; at RESTART(k) of an access point also what windows have from `k` on; the new owner of its slots is sent the subscriptions that it had |
//! | an access point | what is not released of it goes |
//! | a connection point | its clients are away |

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use gomera_model::lane::{LaneFrame, MatcherFrame};
use gomera_model::operation::StoredSubscription;
use gomera_model::{Epoch, Incarnation, Seq, SlotId, Time, Topology};

use super::ExitPoint;
use crate::effect::Effects;
use crate::limits::RESTORE_SUBSCRIPTIONS;

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
        if next.cut > present.epoch {
            for join in self.joins.values_mut() {
                join.cut(next.cut);
            }
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
        {
            self.sessions.take_back(access_point, first);
        }
        self.passed(now, (matcher, access_point), epoch, effects);
        self.release(now, (matcher, access_point), Seq(first.0 - 1), effects);
    }

    /// Sends the new owners of slots whose owner was lost what the sessions that this exit point delivers have there.
    pub(super) fn restore(&mut self, present: &Topology, next: &Topology, effects: &mut Effects) {
        let mut restored: BTreeMap<Incarnation, Vec<StoredSubscription>> = BTreeMap::new();
        for slot in SlotId::all().filter(|slot| next.is_retired(present.matcher(*slot))) {
            restored.entry(next.matcher(slot)).or_default();
        }
        if restored.is_empty() {
            return;
        }
        for id in self.sessions.ids() {
            let Some(session) = self.sessions.get(id) else {
                continue;
            };
            if next.primary(id) != self.own {
                continue;
            }
            for stored in session.stored(id) {
                let slot = stored.id.slot();
                if next.is_retired(present.matcher(slot)) {
                    restored.entry(next.matcher(slot)).or_default().push(stored);
                }
            }
        }
        for (owner, subscriptions) in restored {
            for part in subscriptions.chunks(RESTORE_SUBSCRIPTIONS) {
                let frame = MatcherFrame::Restore {
                    epoch: next.epoch,
                    subscriptions: part.to_vec(),
                };
                effects.send(owner, LaneFrame::Matcher(frame));
            }
            let end = MatcherFrame::RestoreEnd(next.epoch);
            effects.send(owner, LaneFrame::Matcher(end));
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
