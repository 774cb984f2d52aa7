//! What the exit points of one session slot say to each other: the primary passes on who its sessions are and how far
//! their clients have processed, and yields what is another one's.
//!
//! ```text
//!             Session, Safe, Ended                     Topology: another primary
//!  primary ═══════════════════════════► others    old ═══════════ Yield ═══════════► new
//! ```

use alloc::sync::Arc;
use alloc::vec::Vec;

use gomera_matching::SlotSet;
use gomera_model::control::Report;
use gomera_model::lane::{BackupFrame, Identity};
use gomera_model::{Epoch, Incarnation, SessionId, SlotId, Time, Topology};

use super::fill::Fill;
use super::roles::{Change, names};
use super::session::Verdict;
use super::{ExitPoint, to_exit_point};
use crate::effect::{Effect, Effects};
use crate::rules::Rule;

impl ExitPoint {
    /// Another exit point says something.
    pub(super) fn exit_point_says(
        &mut self,
        now: Time,
        from: Incarnation,
        frame: BackupFrame,
        effects: &mut Effects,
    ) {
        match frame {
            BackupFrame::Session { session, identity } => {
                self.identified(now, session, identity);
                to_exit_point(from, BackupFrame::Known(session), effects);
            }
            BackupFrame::Known(session) => self.session_known(now, from, session, effects),
            BackupFrame::Safe(progress) => {
                for (session, cursors) in progress {
                    if let Some(session) = self.sessions.get_mut(session) {
                        session.safe(&cursors);
                    }
                }
            }
            BackupFrame::Ended(session) => self.ended_elsewhere(now, session),
            BackupFrame::Fill { epoch, pieces } => self.filled(now, (from, epoch), pieces, effects),
            BackupFrame::FillTaken(epoch) => self.fill_taken(from, epoch),
            BackupFrame::FillEnd(epoch) => {
                let whole = self.roles.fill_ended(from, epoch);
                self.complete_sessions(now, &whole);
                self.report_filled(effects);
            }
            BackupFrame::Yield(epoch) => {
                let gained = self.roles.yielded(from, epoch);
                self.take_charge(now, &gained, effects);
                self.report_filled(effects);
            }
            BackupFrame::Bye {
                session,
                generation,
            } => self.bye_passed_on((session, generation), effects),
            BackupFrame::LastReleased { epoch, marks } => {
                self.last_released(from, epoch, marks);
            }
            BackupFrame::Confirm(operations) => self.confirmed(now, operations, effects),
        }
    }

    /// Takes up the parts that a topology gives, lays down those that it takes away.
    pub(super) fn change_parts(
        &mut self,
        now: Time,
        (present, next): (&Arc<Topology>, &Arc<Topology>),
        effects: &mut Effects,
    ) {
        let Change {
            yielded,
            heirs,
            gained,
            whole,
            to_fill,
            anew,
        } = self.roles.learn(present, next);
        for session in self.ids_in(&anew) {
            self.drop_session(session);
        }
        if !heirs.is_empty() {
            self.leave_clients(now, &yielded);
        }
        let pair = |topology: &Topology, slot| {
            let points = topology.exit_points(slot);
            (points.primary, points.backup)
        };
        let is_changed = |slot| pair(present, slot) != pair(next, slot);
        self.give_up_confirmations(now, is_changed, effects);
        for heir in heirs {
            to_exit_point(heir, BackupFrame::Yield(next.epoch), effects);
        }
        let own = self.own;
        self.fills.retain_mut(|fill| fill.goes_on(own, next));
        let to_fill = to_fill.into_iter();
        self.fills
            .extend(to_fill.map(|(to, slots)| Fill::new(to, next.epoch, slots)));
        if self.rules.broken(Rule::FillAfterJoined) {
            self.begin_fills();
        }
        self.complete_sessions(now, &whole);
        self.take_charge(now, &gained, effects);
    }

    /// Whether the clients of the slot's sessions are this one's to serve now.
    pub(super) fn delivers(&self, slot: SlotId) -> bool {
        !self.epochs.is_empty() && self.roles.delivers(self.epochs.newest(), slot)
    }

    /// Who else delivers the sessions of a slot until it yields, or as long as the newest topology says so.
    pub(super) fn delivered_by(&self, slot: SlotId) -> Option<Incarnation> {
        let newest = self.epochs.iter().last()?;
        self.roles.delivered_by(newest, slot)
    }

    /// Whether it is this one's to put right what came too late, for the present epoch or one whose operations may still
    /// be on their way.
    pub(super) fn corrects(&self, slot: SlotId) -> bool {
        let mut epochs = self.epochs.iter();
        epochs.any(|topology| topology.exit_points(slot).primary == self.own)
    }

    /// Whether a session that is not known here may become known: the newest topology names this exit point for its slot,
    /// or one may that is not known here yet. Not so where it was named and is no more.
    pub(super) fn may_be_named(&self, slot: SlotId) -> bool {
        let is_named = |topology: &Arc<Topology>| names(topology.exit_points(slot), self.own);
        self.epochs.iter().last().is_some_and(is_named) || !self.epochs.iter().any(is_named)
    }

    /// Tells the others of its slot who a session is.
    pub(super) fn tell_identity(&self, session: SessionId, effects: &mut Effects) {
        let identity = self.sessions.get(session).and_then(|s| s.identity());
        if let Some(identity) = identity {
            self.tell_others(
                session,
                &BackupFrame::Session { session, identity },
                effects,
            );
        }
    }

    /// Appends a frame to the lanes to the others that the newest topology names for a session's slot.
    pub(super) fn tell_others(
        &self,
        session: SessionId,
        frame: &BackupFrame,
        effects: &mut Effects,
    ) {
        let points = self.epochs.newest().exit_points(session.slot());
        for other in points.all().filter(|point| *point != self.own) {
            to_exit_point(other, frame.clone(), effects);
        }
    }

    /// The client of a session has processed more; the others hear of it at the end of the turn.
    pub(super) fn note_progress(&mut self, session: SessionId) {
        let points = self.epochs.newest().exit_points(session.slot());
        if points.backup.is_some() || points.further.is_some() {
            self.progressed.insert(session);
        }
    }

    /// Tells the others how far clients have processed.
    pub(super) fn tell_progress(&mut self, effects: &mut Effects) {
        if self.progressed.is_empty() {
            return;
        }
        let newest = self.epochs.newest();
        let mut by_point = alloc::collections::BTreeMap::<Incarnation, Vec<_>>::new();
        for id in core::mem::take(&mut self.progressed) {
            let Some(session) = self.sessions.get(id) else {
                continue;
            };
            let points = newest.exit_points(id.slot());
            for other in points.all().filter(|point| *point != self.own) {
                let progress = by_point.entry(other).or_default();
                progress.push((id, session.cursors()));
            }
        }
        for (other, progress) in by_point {
            to_exit_point(other, BackupFrame::Safe(progress), effects);
        }
    }

    /// Reports that everything is here, once everything before the epoch is joined too.
    pub(super) fn report_filled(&self, effects: &mut Effects) {
        if self.closings.is_empty() && self.roles.is_settled() && !self.epochs.is_empty() {
            let epoch = self.epochs.newest().epoch;
            effects.push(Effect::Report(Report::Filled(epoch)));
        }
    }

    /// Everything before the newest epoch is joined: sessions of slots that are another one's go, silently.
    pub(super) fn forget_slots(&mut self) {
        self.roles.forget(self.epochs.newest());
        let newest = Arc::clone(self.epochs.newest());
        let own = self.own;
        self.removing
            .retain(|id, _| names(newest.exit_points(id.session.slot()), own));
        let mut ids = self.sessions.ids();
        ids.retain(|id| !names(newest.exit_points(id.slot()), self.own));
        for session in ids {
            self.drop_session(session);
        }
    }

    /// Looks after sessions that another exit point delivers.
    pub(super) fn sweep_copy(&mut self, now: Time, id: SessionId) {
        let verdict = self.sessions.get_mut(id).map(|s| s.sweep_copy(now));
        match verdict {
            Some(Verdict::Expired | Verdict::TooSlow) => self.drop_session(id),
            Some(Verdict::Keep) | None => {}
        }
    }

    /// The sessions in some slots.
    pub(super) fn ids_in(&self, slots: &SlotSet) -> Vec<SessionId> {
        if slots.is_empty() {
            return Vec::new();
        }
        let mut ids = self.sessions.ids();
        ids.retain(|id| slots.contains(id.slot()));
        ids
    }

    fn identified(&mut self, now: Time, id: SessionId, identity: Identity) {
        let is_whole = self.roles.is_whole(id.slot());
        let session = self.sessions.get_or_shell(now, id, is_whole);
        session.identify(identity);
    }

    /// A session has ended at its primary, which takes away what it knew of. What it did not know yet is taken away by
    /// whoever is the primary when it comes there.
    fn ended_elsewhere(&mut self, now: Time, id: SessionId) {
        let session = self.sessions.get_mut(id);
        if session.is_some_and(|session| !session.ended(now)) {
            self.drop_session(id);
        }
    }

    /// The clients of these slots are another one's: they hear nothing of it.
    fn leave_clients(&mut self, now: Time, slots: &SlotSet) {
        for id in self.ids_in(slots) {
            if let Some(session) = self.sessions.get_mut(id) {
                session.leave(now);
            }
        }
    }

    /// Everything of these slots is here.
    fn complete_sessions(&mut self, now: Time, slots: &SlotSet) {
        for id in self.ids_in(slots) {
            if let Some(session) = self.sessions.get_mut(id) {
                session.complete(now, Epoch(0));
            }
        }
    }

    /// Nobody else delivers these slots any more. A session that nobody has named until now has ended: what is left of
    /// it goes. The others wait for their clients from here on.
    pub(super) fn take_charge(&mut self, now: Time, slots: &SlotSet, effects: &mut Effects) {
        if slots.is_empty() {
            return;
        }
        for id in self.ids_in(slots) {
            let Some(session) = self.sessions.get_mut(id) else {
                continue;
            };
            if session.identity().is_none() {
                self.end_orphan(id, effects);
            } else {
                session.leave(now);
            }
        }
        self.ask_for_sweep(now, effects);
        self.serve_waiting(now, effects);
    }

    /// A session is nothing to this exit point any more.
    fn drop_session(&mut self, id: SessionId) {
        self.unconfirmed.remove(&id);
        if let Some(session) = self.sessions.remove(id) {
            session.bury(&mut self.stats);
        }
    }
}
