//! Operations are taken by both of a pair before a client can know of them: the backup confirms each to the primary, which
//! until then answers nothing, and sends nothing by which the client could tell that it was taken. So is a new session.
//!
//! ```text
//!                Registration                          Confirm
//!  primary ─────────────────────► waits for the backup ───────► answers, goes on sending
//!                Confirm                               Registration
//!          ─────────────────────► confirmed early ────────────► answers
//! ```
//!
//! The word of the backup is asked for where every topology that a stamp may still name has the same pair: only then it is
//! sure that the backup says it to this primary, and not to the one before.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use gomera_model::lane::{BackupFrame, ConnectionPointFrame};
use gomera_model::operation::SubscriptionOperation;
use gomera_model::{
    Incarnation, OperationNumber, SessionId, SlotId, SubscriptionId, SubscriptionNumber, Time,
};

use super::{ExitPoint, to_exit_point};
use crate::effect::Effects;
use crate::rules::Rule;

/// One operation of a session.
type Taken = (SubscriptionNumber, OperationNumber);

/// Operations of one session that only one of its pair has taken, as far as the primary knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Confirmation {
    /// How many have ever waited.
    count: u64,
    /// Those that the backup has not confirmed, each with its place among all that ever waited.
    waiting: VecDeque<(u64, Taken)>,
    /// Those that the backup has confirmed and that have not come here.
    early: BTreeSet<Taken>,
}

impl Confirmation {
    /// An operation has come here. Answers whether it has to wait for the backup; `asks` says whether one would.
    fn registered(&mut self, taken: Taken, asks: bool) -> bool {
        if self.early.remove(&taken) || !asks {
            return false;
        }
        self.count += 1;
        self.waiting.push_back((self.count, taken));
        true
    }

    /// The backup has taken an operation. Answers whether that was waited for.
    fn confirmed(&mut self, taken: Taken, is_taken_here: bool) -> bool {
        let mut waiting = self.waiting.iter();
        if let Some(index) = waiting.position(|(_, one)| *one == taken) {
            self.waiting.remove(index);
            return true;
        }
        if !is_taken_here {
            self.early.insert(taken);
        }
        false
    }

    /// Whether an operation waits.
    pub(super) fn waits(&self, taken: Taken) -> bool {
        self.waiting.iter().any(|(_, one)| *one == taken)
    }

    /// How many operations have waited until now: what is queued now was matched with them.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// What was queued when fewer operations than this had waited may be sent; everything, if it is `None`.
    pub(super) fn bound(&self) -> Option<u64> {
        self.waiting.front().map(|(place, _)| *place)
    }

    /// Nobody is there to confirm: takes out what waits.
    fn give_up(&mut self) -> Vec<Taken> {
        self.waiting.drain(..).map(|(_, taken)| taken).collect()
    }
}

impl ExitPoint {
    /// A session's operation has come to the list. Answers whether its client may hear of it now.
    pub(super) fn may_answer(
        &mut self,
        operation: &SubscriptionOperation,
        was_taken: bool,
    ) -> bool {
        let id = operation.session();
        let taken = (operation.subscription.number, operation.number);
        let asks = self.asks_backup(id.slot()) && !was_taken;
        let Some(session) = self.sessions.get_mut(id) else {
            return true;
        };
        if session.confirmation.waits(taken) {
            return false;
        }
        let waits = session.confirmation.registered(taken, asks);
        if waits {
            self.unconfirmed.insert(id);
        }
        !waits
    }

    /// As the backup of its slot this exit point has taken an operation: the primary hears it at the end of the turn.
    pub(super) fn note_confirmation(&mut self, operation: &SubscriptionOperation) {
        let points = self.epochs.newest().exit_points(operation.session().slot());
        if points.backup == Some(self.own) {
            let confirmed = self.confirmations.entry(points.primary).or_default();
            confirmed.push((operation.subscription, operation.number));
        }
    }

    /// Tells primaries what this exit point has taken as their backup.
    pub(super) fn send_confirmations(&mut self, effects: &mut Effects) {
        while let Some((primary, confirmed)) = self.confirmations.pop_first() {
            to_exit_point(primary, BackupFrame::Confirm(confirmed), effects);
        }
    }

    /// The backup has taken these operations.
    pub(super) fn confirmed(
        &mut self,
        now: Time,
        operations: Vec<(SubscriptionId, OperationNumber)>,
        effects: &mut Effects,
    ) {
        for (subscription, operation) in operations {
            let id = subscription.session;
            let is_whole = self.roles.is_whole(id.slot());
            if self.sessions.get(id).is_none()
                && (self.delivers(id.slot()) || !self.may_be_named(id.slot()))
            {
                continue;
            }
            let session = self.sessions.get_or_shell(now, id, is_whole);
            let is_taken = session.has_taken(operation, subscription.number);
            let taken = (subscription.number, operation);
            if session.confirmation.confirmed(taken, is_taken) {
                self.answer(id, operation, effects);
                self.go_on(now, id);
            }
        }
    }

    /// Another exit point knows of a session. If it is the backup that was waited for, the client hears that it has one.
    pub(super) fn session_known(
        &mut self,
        now: Time,
        from: Incarnation,
        session: SessionId,
        effects: &mut Effects,
    ) {
        let points = self.epochs.newest().exit_points(session.slot());
        if points.backup == Some(from) {
            self.announce(now, session, effects);
        }
    }

    /// Tells a client that its new session is there.
    fn announce(&mut self, now: Time, session: SessionId, effects: &mut Effects) {
        let Some(epoch) = self.unannounced.remove(&session) else {
            return;
        };
        let attachment = self.sessions.get(session).and_then(|s| s.attachment());
        if let Some((connection_point, generation)) = attachment {
            let frame = ConnectionPointFrame::Attached {
                session,
                generation,
                resumed: false,
                epoch,
            };
            self.send_behind_deliveries(connection_point, frame, effects);
        }
        self.pump(now, session);
        self.ask_for_sweep(now, effects);
    }

    /// The pair of these slots is another one: what its backup had not confirmed counts as taken by both.
    pub(super) fn give_up_confirmations(
        &mut self,
        now: Time,
        is_changed: impl Fn(SlotId) -> bool,
        effects: &mut Effects,
    ) {
        let unannounced = self.unannounced.keys().copied();
        let changed: Vec<SessionId> = unannounced.filter(|id| is_changed(id.slot())).collect();
        for id in changed {
            self.announce(now, id, effects);
        }
        let unconfirmed = self.unconfirmed.iter().copied();
        let changed: Vec<SessionId> = unconfirmed.filter(|id| is_changed(id.slot())).collect();
        for id in changed {
            let Some(session) = self.sessions.get_mut(id) else {
                self.unconfirmed.remove(&id);
                continue;
            };
            for (_, operation) in session.confirmation.give_up() {
                self.answer(id, operation, effects);
            }
            self.go_on(now, id);
        }
    }

    /// Answers an operation, if the client is here.
    pub(super) fn answer(
        &mut self,
        id: SessionId,
        operation: OperationNumber,
        effects: &mut Effects,
    ) {
        let attachment = self.sessions.get(id).and_then(|s| s.attachment());
        if let Some((connection_point, generation)) = attachment {
            let answered = ConnectionPointFrame::Answered {
                session: id,
                generation,
                operation,
                refused: None,
            };
            self.send_behind_deliveries(connection_point, answered, effects);
        }
    }

    /// Sends what has waited for a confirmation.
    fn go_on(&mut self, now: Time, id: SessionId) {
        let session = self.sessions.get(id);
        if session.is_none_or(|session| session.confirmation.bound().is_none()) {
            self.unconfirmed.remove(&id);
        }
        self.pump(now, id);
    }

    /// Whether the slot has a backup whose word is waited for.
    pub(super) fn asks_backup(&self, slot: SlotId) -> bool {
        let newest = self.epochs.newest().exit_points(slot);
        let mut kept = self.epochs.iter().map(|kept| kept.exit_points(slot));
        let is_same = |backup: Incarnation| {
            kept.all(|points| points.primary == self.own && points.backup == Some(backup))
        };
        newest.backup.is_some_and(is_same) && !self.rules.broken(Rule::ConfirmBeforeAnswer)
    }
}
