//! Clients at an exit point: they come, acknowledge, go and end their sessions. Who comes before the session is this exit
//! point's to deliver waits until it is.
//!
//! ```text
//!                epoch not known here, or not yielded yet
//!  Attach ──┬──────────────────────────────────────► waiting ── Topology, Yield ──┐
//!           ├── ours to deliver ──► attached ◄────────────────────────────────────┤
//!           └── another one's ────► ignored  ◄────────────────────────────────────┘
//! ```

use alloc::vec::Vec;

use gomera_model::lane::{AccessPointFrame, Attach, BackupFrame, ConnectionPointFrame, LaneFrame};
use gomera_model::limits::CURSORS_MAX;
use gomera_model::operation::SubscriptionOperation;
use gomera_model::silbo::RefusalCode;
use gomera_model::{Cursor, Epoch, Generation, Incarnation, SessionId, SlotId, Time};

use super::session::Session;
use super::{ExitPoint, to_exit_point};
use crate::effect::Effects;
use crate::routing;

/// One connection of a session.
pub(super) type Connection = (SessionId, Generation);

/// A client that came before its session is this exit point's to deliver.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    connection_point: Incarnation,
    attach: Attach,
    /// It has ended its session meanwhile.
    has_ended: bool,
}

/// Whose a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// This exit point's, and nobody else's.
    Ours,
    /// It will be this one's, or that is not known yet.
    NotYet,
    /// Another one's. Who came here will learn the topology that says so.
    NotOurs,
}

impl ExitPoint {
    /// A client is here.
    pub(super) fn attach(
        &mut self,
        now: Time,
        from: Incarnation,
        attach: Attach,
        effects: &mut Effects,
    ) {
        match self.standing(attach.session.slot(), attach.epoch) {
            Standing::Ours => self.attach_here(now, from, &attach, effects),
            Standing::NotYet => {
                let connection = (attach.session, attach.generation);
                self.waiting
                    .retain(|waiting| !waiting.is_of(from, connection));
                self.waiting.push(Waiting {
                    connection_point: from,
                    attach,
                    has_ended: false,
                });
            }
            Standing::NotOurs => {}
        }
    }

    /// A client's connection is gone. One that waits waits no more, unless it has ended its session.
    pub(super) fn detach(
        &mut self,
        now: Time,
        from: Incarnation,
        (session, generation): Connection,
    ) {
        self.waiting
            .retain(|waiting| waiting.has_ended || !waiting.is_of(from, (session, generation)));
        self.sessions.detach(now, session, generation);
    }

    /// A client has processed more.
    pub(super) fn acknowledge(
        &mut self,
        now: Time,
        from: Incarnation,
        (id, generation): Connection,
        cursors: &[Cursor],
    ) {
        if let Some(waiting) = self.waiting_of(from, (id, generation)) {
            waiting.acknowledge(cursors);
            return;
        }
        if !self.sessions.is_attached(id, generation) {
            return;
        }
        if let Some(session) = self.sessions.get_mut(id) {
            session.acknowledge(cursors);
            self.pump(now, id);
            self.note_progress(id);
        }
    }

    /// A client has ended its session. Where the session is another one's by now, that one hears it.
    pub(super) fn bye(&mut self, from: Incarnation, connection: Connection, effects: &mut Effects) {
        if let Some(waiting) = self.waiting_of(from, connection) {
            waiting.has_ended = true;
            return;
        }
        let (session, generation) = connection;
        match self.standing(session.slot(), self.epochs.newest_epoch()) {
            Standing::Ours => self.end_if_newest(connection, effects),
            Standing::NotYet => self.byes.push(connection),
            Standing::NotOurs => {
                let bye = BackupFrame::Bye {
                    session,
                    generation,
                };
                let primary = self.epochs.newest().primary(session);
                to_exit_point(primary, bye, effects);
            }
        }
    }

    /// Another exit point has heard that a client ended its session. It knew that this one delivers it now; if that is
    /// not known here yet, it soon is.
    pub(super) fn bye_passed_on(&mut self, connection: Connection, effects: &mut Effects) {
        if self.delivers(connection.0.slot()) {
            self.end_if_newest(connection, effects);
        } else {
            self.byes.push(connection);
        }
    }

    /// A topology or a yield has come: who waited is served, or goes on waiting, or waits no more.
    pub(super) fn serve_waiting(&mut self, now: Time, effects: &mut Effects) {
        for waiting in core::mem::take(&mut self.waiting) {
            let connection = (waiting.attach.session, waiting.attach.generation);
            self.attach(now, waiting.connection_point, waiting.attach, effects);
            if waiting.has_ended {
                self.bye(waiting.connection_point, connection, effects);
            }
        }
        for connection in core::mem::take(&mut self.byes) {
            match self.standing(connection.0.slot(), self.epochs.newest_epoch()) {
                Standing::Ours => self.end_if_newest(connection, effects),
                Standing::NotYet => self.byes.push(connection),
                Standing::NotOurs => {}
            }
        }
    }

    /// The session is no more: its connection is told, its subscriptions go.
    pub(super) fn end_session(&mut self, id: SessionId, code: RefusalCode, effects: &mut Effects) {
        self.unconfirmed.remove(&id);
        let Some(session) = self.sessions.remove(id) else {
            return;
        };
        session.bury(&mut self.stats);
        if code == RefusalCode::TooSlow {
            self.stats.disconnected_slow += 1;
        }
        self.fill_no_more(id);
        self.tell_others(id, &BackupFrame::Ended(id), effects);
        if let Some((connection_point, generation)) = session.attachment() {
            let detached = ConnectionPointFrame::Detached {
                session: id,
                generation,
                code,
            };
            self.send_behind_deliveries(connection_point, detached, effects);
        }
        let removals: Vec<SubscriptionOperation> = session.removals(id).collect();
        if !removals.is_empty() {
            self.unsubscribe(removals, effects);
        }
        let frame = AccessPointFrame::SessionEnded(id);
        let access_point = routing::of_session(self.epochs.newest(), id);
        effects.send(access_point, LaneFrame::AccessPoint(frame));
    }

    fn standing(&self, slot: SlotId, epoch: Epoch) -> Standing {
        if epoch > self.epochs.newest_epoch() || self.epochs.is_empty() {
            Standing::NotYet
        } else if self.delivers(slot) {
            Standing::Ours
        } else if self.epochs.newest().exit_points(slot).primary == self.own {
            Standing::NotYet
        } else {
            Standing::NotOurs
        }
    }

    fn attach_here(
        &mut self,
        now: Time,
        from: Incarnation,
        attach: &Attach,
        effects: &mut Effects,
    ) {
        let (session, generation) = (attach.session, attach.generation);
        let attached = match self.sessions.attach(from, attach) {
            Ok(attached) => attached,
            Err(code) => {
                self.stats.attachments_refused += 1;
                let detached = ConnectionPointFrame::Detached {
                    session,
                    generation,
                    code,
                };
                return self.send_behind_deliveries(from, detached, effects);
            }
        };
        if let Some((connection_point, generation)) = attached.replaced {
            let detached = ConnectionPointFrame::Detached {
                session,
                generation,
                code: RefusalCode::TakenOver,
            };
            self.send_behind_deliveries(connection_point, detached, effects);
        }
        self.tell_identity(session, effects);
        if !attached.resumed && self.asks_backup(session.slot()) {
            self.unannounced.insert(session, attach.epoch);
            return;
        }
        let frame = ConnectionPointFrame::Attached {
            session,
            generation,
            resumed: attached.resumed,
            epoch: attach.epoch,
        };
        self.send_behind_deliveries(from, frame, effects);
        self.answer_taken(attach, effects);
        self.note_progress(session);
        self.pump(now, session);
        self.ask_for_sweep(now, effects);
    }

    /// Answers what the client waits for and was taken while its session belonged to another one.
    fn answer_taken(&mut self, attach: &Attach, effects: &mut Effects) {
        let unanswered = attach.moved.iter().flat_map(|moved| &moved.unanswered);
        for &(operation, number) in unanswered {
            let session = self.sessions.get(attach.session);
            let is_taken = |session: &Session| {
                session.is_newest(operation, number)
                    && !session.confirmation.waits((number, operation))
            };
            if session.is_some_and(is_taken) {
                self.answer(attach.session, operation, effects);
            }
        }
    }

    /// A client may end its session over its newest connection only.
    fn end_if_newest(&mut self, (id, generation): Connection, effects: &mut Effects) {
        let session = self.sessions.get(id);
        if session.is_some_and(|session| session.generation() == generation) {
            self.end_session(id, RefusalCode::Ended, effects);
        }
    }

    fn waiting_of(&mut self, from: Incarnation, connection: Connection) -> Option<&mut Waiting> {
        let mut waiting = self.waiting.iter_mut();
        waiting.find(|waiting| waiting.is_of(from, connection))
    }
}

impl Waiting {
    fn is_of(&self, connection_point: Incarnation, (session, generation): Connection) -> bool {
        self.connection_point == connection_point
            && self.attach.session == session
            && self.attach.generation == generation
    }

    fn acknowledge(&mut self, cursors: &[Cursor]) {
        let known = &mut self.attach.cursors;
        for cursor in cursors {
            let point = |known: &Cursor| known.access_point == cursor.access_point;
            if let Some(index) = known.iter().position(point) {
                known[index].seq = cursor.seq.max(known[index].seq);
            } else if known.len() < CURSORS_MAX {
                known.push(*cursor);
            }
        }
    }
}
