//! Sessions at a connection point: the control streams.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use gomera_model::lane::{
    ConnectionPointFrame, Delivery, DeliveryItem, ExitPointFrame, LaneFrame, SubscriptionRequest,
};
use gomera_model::limits::{CURSORS_MAX, OPERATIONS_IN_FLIGHT_MAX, SUBSCRIPTIONS_PER_SESSION_MAX};
use gomera_model::silbo::{Connect, Deliver, Refusal, RefusalCode, ServerFrame};
use gomera_model::{Cursor, Epoch, Generation, Incarnation, OperationNumber, SessionId};

use super::connection::{Connection, Control, ControlStage, Cursors, Way};
use super::{ConnectionId, ConnectionPoint, FreshSession, Stream, reason_of};
use crate::effect::{Effect, Effects};
use crate::routing;

impl ConnectionPoint {
    /// A client asks for a session, new or to be resumed.
    pub(super) fn begin_session(
        &mut self,
        connection: ConnectionId,
        connect: Connect,
        fresh: FreshSession,
        effects: &mut Effects,
    ) {
        let state = self.connections.entry(connection).or_default();
        if state.control.is_some() {
            return self.refuse(
                connection,
                "a session is connected once a connection",
                effects,
            );
        }
        if connect.cursors.len() > CURSORS_MAX {
            return self.refuse(
                connection,
                "more cursors than access points ever were",
                effects,
            );
        }
        let (session, token) = connect.resume.unwrap_or((fresh.session, fresh.token));
        let key = (session, connect.generation);
        if self.sessions.contains(&key) {
            return self.refuse(
                connection,
                "a client raises its generation at each connection",
                effects,
            );
        }
        self.sessions.insert(key, connection);
        let topology = self.epochs.newest();
        let mut processed = Cursors::default();
        for cursor in connect.cursors {
            processed.raise(cursor);
        }
        let control = Control {
            session,
            token,
            generation: connect.generation,
            policy: connect.policy,
            resumes: connect.resume.is_some(),
            exit_point: topology.primary(session),
            epoch: topology.epoch,
            knows: topology.epoch,
            way: Way::To(routing::of_session(topology, session)),
            stage: ControlStage::Attaching,
            processed,
            sent: Cursors::default(),
            unanswered: BTreeMap::new(),
            held: Vec::new(),
            says_bye: false,
        };
        control.attach(None, effects);
        state.control = Some(control);
    }

    /// A subscription operation.
    pub(super) fn request(
        &mut self,
        connection: ConnectionId,
        request: SubscriptionRequest,
        effects: &mut Effects,
    ) {
        let Some(control) = control_of(&mut self.connections, connection) else {
            return self.refuse(connection, "a session is connected first", effects);
        };
        if control.stage == ControlStage::Attaching {
            return self.refuse(connection, "`Connected` is awaited first", effects);
        }
        if control.unanswered.len() + control.held.len() >= OPERATIONS_IN_FLIGHT_MAX {
            let refusal = limit_reached(format!(
                "more than {OPERATIONS_IN_FLIGHT_MAX} subscription operations wait for their answer"
            ));
            return self.close(connection, Stream::Control, refusal, effects);
        }
        if request.number.0 >= SUBSCRIPTIONS_PER_SESSION_MAX {
            let frame = ServerFrame::Answered {
                operation: request.operation,
                refused: Some(limit_reached(format!(
                    "a subscription's number lies below {SUBSCRIPTIONS_PER_SESSION_MAX}"
                ))),
            };
            return to_control(connection, frame, effects);
        }
        control.request(request, effects);
    }

    /// How far a client is.
    pub(super) fn acknowledge(
        &mut self,
        connection: ConnectionId,
        cursors: Vec<Cursor>,
        effects: &mut Effects,
    ) {
        let control = control_of(&mut self.connections, connection);
        let Some(control) = control.filter(|_| cursors.len() <= CURSORS_MAX) else {
            return self.refuse(connection, "cursors belong to a connected session", effects);
        };
        for cursor in &cursors {
            control.processed.raise(*cursor);
        }
        let frame = ExitPointFrame::Acknowledge {
            session: control.session,
            generation: control.generation,
            cursors,
        };
        effects.send(control.exit_point, LaneFrame::ExitPoint(frame));
    }

    /// A client ends its session.
    pub(super) fn bye(&mut self, connection: ConnectionId, effects: &mut Effects) {
        let Some(control) = control_of(&mut self.connections, connection) else {
            return self.refuse(connection, "a session is connected first", effects);
        };
        control.says_bye = true;
        control.bye(effects);
    }

    /// An exit point or an access point says something of a session.
    pub(super) fn of_session(
        &mut self,
        from: Incarnation,
        frame: ConnectionPointFrame,
        effects: &mut Effects,
    ) {
        match frame {
            ConnectionPointFrame::Attached {
                session,
                generation,
                resumed,
                epoch,
            } => self.attached((session, generation), (from, epoch), resumed, effects),
            ConnectionPointFrame::Detached {
                session,
                generation,
                code,
            } => self.detached(from, (session, generation), code, effects),
            ConnectionPointFrame::Answered {
                session,
                generation,
                operation,
                refused,
            } => self.answered(from, (session, generation), (operation, refused), effects),
            ConnectionPointFrame::PublisherOpened { .. }
            | ConnectionPointFrame::Share(_)
            | ConnectionPointFrame::Published { .. }
            | ConnectionPointFrame::PublicationRefused { .. }
            | ConnectionPointFrame::PublisherRefused { .. }
            | ConnectionPointFrame::Deliveries(_) => {
                unreachable!("the caller sorts frames by what they are about")
            }
        }
    }

    /// Hands a delivery to its client. One of an exit point that is not the session's any more, or not yet again, comes
    /// once more from the one that is.
    pub(super) fn deliver(&mut self, from: Incarnation, delivery: Delivery, effects: &mut Effects) {
        let key = (delivery.session, delivery.generation);
        let Some((connection, control)) = self.attached_at(from, key) else {
            self.stats.too_late += 1;
            return;
        };
        let frame = match delivery.item {
            DeliveryItem::Notification { notification, hits } => {
                control.sent.raise(Cursor {
                    access_point: notification.stamp.access_point,
                    seq: notification.stamp.seq,
                });
                self.stats.deliveries += 1;
                ServerFrame::Deliver(Deliver {
                    stamp: notification.stamp,
                    publisher: notification.publisher,
                    publisher_seq: notification.publisher_seq,
                    published_at: notification.published_at,
                    hits,
                    content: notification.content.clone(),
                })
            }
            DeliveryItem::Gap(gap) => {
                control.sent.raise(Cursor {
                    access_point: gap.access_point,
                    seq: gap.last,
                });
                self.stats.gaps += 1;
                ServerFrame::Gap(gap)
            }
        };
        to_control(connection, frame, effects);
    }

    /// The session of a connection that is gone waits at its exit point for the next one.
    pub(super) fn end_session_of(&mut self, gone: &Connection, effects: &mut Effects) {
        let Some(control) = &gone.control else {
            return;
        };
        let key = (control.session, control.generation);
        if self.sessions.remove(&key).is_some() {
            let frame = ExitPointFrame::Detach {
                session: control.session,
                generation: control.generation,
            };
            effects.send(control.exit_point, LaneFrame::ExitPoint(frame));
        }
    }

    fn attached(
        &mut self,
        key: (SessionId, Generation),
        (from, epoch): (Incarnation, Epoch),
        resumed: bool,
        effects: &mut Effects,
    ) {
        let found = self.control_at(key);
        let Some((connection, control)) =
            found.filter(|(_, control)| control.exit_point == from && control.epoch == epoch)
        else {
            self.stats.too_late += 1;
            return;
        };
        match control.stage {
            ControlStage::Attaching => {
                let frame = ServerFrame::Connected {
                    session: control.session,
                    token: control.token,
                    resumed,
                };
                to_control(connection, frame, effects);
            }
            // What the exit point before had answered may not have come: who took it answers it again here.
            ControlStage::Moving => control.repeat(effects),
            ControlStage::Attached => {}
        }
        control.stage = ControlStage::Attached;
        for request in core::mem::take(&mut control.held) {
            control.request(request, effects);
        }
    }

    fn detached(
        &mut self,
        from: Incarnation,
        key: (SessionId, Generation),
        code: RefusalCode,
        effects: &mut Effects,
    ) {
        let found = self.control_at(key);
        let Some((connection, _)) = found.filter(|(_, control)| control.exit_point == from) else {
            self.stats.too_late += 1;
            return;
        };
        self.sessions.remove(&key);
        let refusal = Refusal {
            code,
            reason: reason_of(code),
        };
        self.close(connection, Stream::Control, refusal, effects);
    }

    /// An answer is passed on once, whoever gave it. What an exit point says that is not the session's any more is said
    /// again by the one that is.
    fn answered(
        &mut self,
        from: Incarnation,
        key: (SessionId, Generation),
        (operation, refused): (OperationNumber, Option<Refusal>),
        effects: &mut Effects,
    ) {
        let found = match refused {
            Some(_) => self.control_at(key),
            None => self.attached_at(from, key),
        };
        let Some((connection, control)) = found else {
            self.stats.too_late += 1;
            return;
        };
        if control.unanswered.remove(&operation).is_none() {
            self.stats.too_late += 1;
            return;
        }
        let has_turned = control.turn(effects);
        self.has_unbound |= has_turned;
        to_control(
            connection,
            ServerFrame::Answered { operation, refused },
            effects,
        );
    }

    fn control_at(&mut self, key: (SessionId, Generation)) -> Option<(ConnectionId, &mut Control)> {
        let connection = *self.sessions.get(&key)?;
        Some((connection, control_of(&mut self.connections, connection)?))
    }

    /// The connection of a session that is attached at this exit point.
    fn attached_at(
        &mut self,
        exit_point: Incarnation,
        key: (SessionId, Generation),
    ) -> Option<(ConnectionId, &mut Control)> {
        self.control_at(key).filter(|(_, control)| {
            control.exit_point == exit_point && control.stage == ControlStage::Attached
        })
    }
}

fn control_of(
    connections: &mut BTreeMap<ConnectionId, Connection>,
    connection: ConnectionId,
) -> Option<&mut Control> {
    connections.get_mut(&connection)?.control.as_mut()
}

fn limit_reached(reason: String) -> Refusal {
    Refusal {
        code: RefusalCode::LimitReached,
        reason,
    }
}

fn to_control(connection: ConnectionId, frame: ServerFrame, effects: &mut Effects) {
    effects.push(Effect::ToClient {
        connection,
        stream: Stream::Control,
        frame,
    });
}
