//! Sessions at a connection point: the control streams.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use gomera_model::lane::{
    AccessPointFrame, Attach, ConnectionPointFrame, Delivery, DeliveryItem, ExitPointFrame,
    LaneFrame, SubscriptionRequest,
};
use gomera_model::limits::{CURSORS_MAX, OPERATIONS_IN_FLIGHT_MAX, SUBSCRIPTIONS_PER_SESSION_MAX};
use gomera_model::silbo::{Connect, Deliver, Refusal, RefusalCode, ServerFrame};
use gomera_model::{Cursor, Generation, SessionId};

use super::connection::{Connection, Control, ControlStage};
use super::{ConnectionId, ConnectionPoint, FreshSession, Stream, reason_of, to_access_point};
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
        let exit_point = topology.primary(session);
        state.control = Some(Control {
            session,
            token,
            generation: connect.generation,
            exit_point,
            access_point: routing::of_session(topology, session),
            stage: ControlStage::Attaching,
        });
        let attach = ExitPointFrame::Attach(Attach {
            session,
            token,
            generation: connect.generation,
            resume: connect.resume.is_some(),
            cursors: connect.cursors,
            policy: connect.policy,
        });
        effects.send(exit_point, LaneFrame::ExitPoint(attach));
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
        let ControlStage::Attached { operations } = &mut control.stage else {
            return self.refuse(connection, "`Connected` is awaited first", effects);
        };
        if *operations >= OPERATIONS_IN_FLIGHT_MAX {
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
        *operations += 1;
        let frame = AccessPointFrame::Request {
            session: control.session,
            generation: control.generation,
            request,
        };
        to_access_point(control.access_point, frame, effects);
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
        let frame = ExitPointFrame::EndSession {
            session: control.session,
            generation: control.generation,
        };
        effects.send(control.exit_point, LaneFrame::ExitPoint(frame));
    }

    /// An exit point or an access point says something of a session.
    pub(super) fn of_session(&mut self, frame: ConnectionPointFrame, effects: &mut Effects) {
        match frame {
            ConnectionPointFrame::Attached {
                session,
                generation,
                resumed,
            } => self.attached((session, generation), resumed, effects),
            ConnectionPointFrame::Detached {
                session,
                generation,
                code,
            } => self.detached((session, generation), code, effects),
            ConnectionPointFrame::Answered {
                session,
                generation,
                operation,
                refused,
            } => {
                let frame = ServerFrame::Answered { operation, refused };
                self.answered((session, generation), frame, effects);
            }
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

    /// Hands a delivery to its client.
    pub(super) fn deliver(&mut self, delivery: Delivery, effects: &mut Effects) {
        let key = (delivery.session, delivery.generation);
        let Some(&connection) = self.sessions.get(&key) else {
            self.stats.too_late += 1;
            return;
        };
        let frame = match delivery.item {
            DeliveryItem::Notification { notification, hits } => {
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

    fn attached(&mut self, key: (SessionId, Generation), resumed: bool, effects: &mut Effects) {
        let connection = self.sessions.get(&key).copied();
        let control = connection.and_then(|id| control_of(&mut self.connections, id));
        let (Some(connection), Some(control)) = (connection, control) else {
            self.stats.too_late += 1;
            return;
        };
        control.stage = ControlStage::Attached { operations: 0 };
        let frame = ServerFrame::Connected {
            session: control.session,
            token: control.token,
            resumed,
        };
        to_control(connection, frame, effects);
    }

    fn detached(&mut self, key: (SessionId, Generation), code: RefusalCode, effects: &mut Effects) {
        let Some(connection) = self.sessions.remove(&key) else {
            self.stats.too_late += 1;
            return;
        };
        let refusal = Refusal {
            code,
            reason: reason_of(code),
        };
        self.close(connection, Stream::Control, refusal, effects);
    }

    fn answered(
        &mut self,
        key: (SessionId, Generation),
        frame: ServerFrame,
        effects: &mut Effects,
    ) {
        let connection = self.sessions.get(&key).copied();
        let control = connection.and_then(|id| control_of(&mut self.connections, id));
        let (Some(connection), Some(control)) = (connection, control) else {
            self.stats.too_late += 1;
            return;
        };
        if let ControlStage::Attached { operations } = &mut control.stage {
            *operations = operations.saturating_sub(1);
        }
        to_control(connection, frame, effects);
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
