//! Connection point: where clients' connections end. It speaks `silbo/1` with them, knows where each session's exit
//! point and access point are, and keeps nothing that outlives a connection.
//!
//! ```text
//!  control stream:  nothing ──Connect──► Attaching ──Attached──► Attached ──Detached / Bye / closed──► gone
//!                                                                   ▲ └─Topology: another exit point──► Moving
//!                                                                   └─────────────Attached─────────────────┘
//!  publish stream:  nothing ──OpenPublisher──► Opening ──PublisherOpened──► Open ──Refused / closed──► gone
//! ```
//!
//! A publisher that belongs to another access point moves there within its connection: see `rerouting`.

mod connection;
mod holdings;
mod moving;
mod operation;
mod publishing;
mod rerouting;
mod session;
mod stats;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use gomera_model::control::Control;
use gomera_model::lane::{AccessPointFrame, ConnectionPointFrame, LaneFrame};
use gomera_model::silbo::{ClientFrame, Connect, Refusal, RefusalCode, ServerFrame};
use gomera_model::{
    Epoch, Generation, Incarnation, LookupMap, PublisherId, SessionId, SessionToken, Time,
};

pub use crate::effect::{ConnectionId, Stream};
use crate::effect::{Effect, Effects};
use crate::epochs::Epochs;
use connection::Connection;
use operation::Phase;

pub use stats::ConnectionPointStats;

/// Random identity for a new session; the driver draws it, unguessable.
#[derive(Clone, Copy, Debug)]
pub struct FreshSession {
    /// Its id.
    pub session: SessionId,
    /// What will prove it.
    pub token: SessionToken,
}

/// A connection point.
#[derive(Clone, Debug)]
pub struct ConnectionPoint {
    incarnation: Incarnation,
    epochs: Epochs,
    phase: Phase,
    /// Access points that are leaving and have not been told yet that nothing more comes from here.
    farewells: Vec<Incarnation>,
    /// Whether some publisher may have been the last that was bound to one of them.
    has_unbound: bool,
    connections: BTreeMap<ConnectionId, Connection>,
    /// The connection of each attachment of a session, wanted or there.
    sessions: LookupMap<(SessionId, Generation), ConnectionId>,
    /// The connection of each publisher.
    publishers: LookupMap<(PublisherId, Generation), ConnectionId>,
    /// Connections with publications gathered in this turn, in the order of the first.
    gathered: Vec<ConnectionId>,
    stats: ConnectionPointStats,
}

impl ConnectionPoint {
    /// One that knows nothing yet; its first input is the topology. `seed` keys its hash tables.
    #[must_use]
    pub fn new(incarnation: Incarnation, seed: u64) -> Self {
        Self {
            incarnation,
            epochs: Epochs::default(),
            phase: Phase::Serving,
            farewells: Vec::new(),
            has_unbound: false,
            connections: BTreeMap::new(),
            sessions: LookupMap::new(seed),
            publishers: LookupMap::new(seed.rotate_left(32)),
            gathered: Vec::new(),
            stats: ConnectionPointStats::default(),
        }
    }

    /// A client's first frame on its control stream.
    pub fn connect(
        &mut self,
        _: Time,
        connection: ConnectionId,
        connect: Connect,
        fresh: FreshSession,
        effects: &mut Effects,
    ) {
        if !self.turns_away(connection, Stream::Control, effects) {
            self.begin_session(connection, connect, fresh, effects);
        }
    }

    /// Any other frame of a client.
    pub fn frame(
        &mut self,
        _: Time,
        connection: ConnectionId,
        frame: ClientFrame,
        effects: &mut Effects,
    ) {
        match frame {
            ClientFrame::Connect(_) => {
                self.refuse(
                    connection,
                    "a session is connected once a connection",
                    effects,
                );
            }
            ClientFrame::Request(request) => self.request(connection, request, effects),
            ClientFrame::Acknowledge(cursors) => self.acknowledge(connection, cursors, effects),
            ClientFrame::Ping(number) => effects.push(Effect::ToClient {
                connection,
                stream: Stream::Control,
                frame: ServerFrame::Pong(number),
            }),
            ClientFrame::Bye => self.bye(connection, effects),
            ClientFrame::OpenPublisher {
                publisher,
                generation,
                acknowledgement,
                welcomed_by,
            } => {
                if !self.turns_away(connection, Stream::Publish, effects) {
                    let key = (publisher, generation);
                    let wish = (acknowledgement, welcomed_by);
                    self.open_publisher(connection, key, wish, effects);
                }
            }
            ClientFrame::Publish(publication) => self.publish(connection, publication, effects),
            ClientFrame::Unacceptable { seq, refusal } => {
                self.unacceptable(connection, seq, refusal, effects);
            }
        }
    }

    /// A client's connection is gone.
    pub fn closed(&mut self, _: Time, connection: ConnectionId, effects: &mut Effects) {
        self.flush(effects);
        if let Some(gone) = self.connections.remove(&connection) {
            self.end_session_of(&gone, effects);
            self.end_publisher_of(&gone, effects);
        }
    }

    /// This connection point has to go: every client is asked to connect elsewhere.
    pub fn go_away(&mut self, _: Time, effects: &mut Effects) {
        for (&connection, state) in &self.connections {
            for stream in state.streams() {
                effects.push(Effect::ToClient {
                    connection,
                    stream,
                    frame: ServerFrame::Goaway,
                });
            }
        }
    }

    /// A frame has come in the lane from an instance.
    pub fn receive(
        &mut self,
        _: Time,
        from: Incarnation,
        frame: ConnectionPointFrame,
        effects: &mut Effects,
    ) {
        if self.epochs.retires(from) {
            self.stats.too_late += 1;
            return;
        }
        match frame {
            ConnectionPointFrame::PublisherOpened { .. }
            | ConnectionPointFrame::Share(_)
            | ConnectionPointFrame::Published { .. }
            | ConnectionPointFrame::PublicationRefused { .. }
            | ConnectionPointFrame::PublisherRefused { .. } => {
                self.access_point_says(from, frame, effects);
            }
            ConnectionPointFrame::Answered { .. }
            | ConnectionPointFrame::Attached { .. }
            | ConnectionPointFrame::Detached { .. } => self.of_session(from, frame, effects),
            ConnectionPointFrame::Deliveries(deliveries) => {
                for delivery in deliveries {
                    self.deliver(from, delivery, effects);
                }
            }
        }
    }

    /// The coordinator says something.
    pub fn control(&mut self, now: Time, control: Control, effects: &mut Effects) {
        match control {
            Control::Topology(topology) => self.topology(now, &topology, effects),
            Control::Prepare(plan) => self.prepare(&plan, effects),
            Control::Copy(_) | Control::Close(_) | Control::Abort(_) => {}
        }
    }

    /// No further input is waiting: publications go out.
    pub fn turn_ended(&mut self, _: Time, effects: &mut Effects) {
        self.flush(effects);
        self.say_farewells(effects);
        self.leave(effects);
    }

    /// A time that it asked for has come: who had to go by now is closed.
    pub fn wake(&mut self, now: Time, effects: &mut Effects) {
        self.close_stubborn(now, effects);
    }

    /// The newest epoch that it knows; zero before the first topology.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epochs.newest_epoch()
    }

    /// Where it stands, as the drawing in `operation` names it.
    #[must_use]
    pub fn phase(&self) -> &'static str {
        self.phase.name()
    }

    /// What it counted.
    #[must_use]
    pub fn stats(&self) -> ConnectionPointStats {
        ConnectionPointStats {
            connections: self.connections.len() as u64,
            sessions: self.sessions.len() as u64,
            publishers: self.publishers.len() as u64,
            ..self.stats.clone()
        }
    }

    /// A client broke the protocol: its connection goes, nothing else.
    fn refuse(&mut self, connection: ConnectionId, reason: &str, effects: &mut Effects) {
        let refusal = Refusal {
            code: RefusalCode::Malformed,
            reason: reason.into(),
        };
        self.close(connection, Stream::Control, refusal, effects);
    }

    /// Says why, and closes.
    fn close(
        &mut self,
        connection: ConnectionId,
        stream: Stream,
        refusal: Refusal,
        effects: &mut Effects,
    ) {
        self.stats.closed_by_us += 1;
        self.flush(effects);
        if let Some(gone) = self.connections.remove(&connection) {
            self.end_session_of(&gone, effects);
            self.end_publisher_of(&gone, effects);
        }
        effects.push(Effect::ToClient {
            connection,
            stream,
            frame: ServerFrame::Refused(refusal.clone()),
        });
        effects.push(Effect::Close {
            connection,
            refusal,
        });
    }
}

fn to_access_point(to: Incarnation, frame: AccessPointFrame, effects: &mut Effects) {
    effects.send(to, LaneFrame::AccessPoint(frame));
}

fn reason_of(code: RefusalCode) -> String {
    let text = match code {
        RefusalCode::SessionUnknown => {
            "the session is not known here: it ended, or the broker was restarted; connect without resuming"
        }
        RefusalCode::NotAuthorized => "the session's token is wrong",
        RefusalCode::TakenOver => "a newer connection of the same session has come",
        RefusalCode::TooSlow => {
            "the session was too slow and its policy is `disconnect`; read faster, or choose the policy `gap`"
        }
        RefusalCode::Ended => "the session has ended",
        RefusalCode::GoingAway => "the connection point is going; connect again",
        RefusalCode::Malformed
        | RefusalCode::UnknownFrame
        | RefusalCode::FrameTooLarge
        | RefusalCode::Stalled
        | RefusalCode::ContentTooLarge
        | RefusalCode::InvalidContent
        | RefusalCode::InvalidFilter
        | RefusalCode::UnknownDialect
        | RefusalCode::LimitReached
        | RefusalCode::Unsupported => "refused",
        _ => "refused for a reason that this connection point does not know",
    };
    text.into()
}
