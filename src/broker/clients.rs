//! The clients of one connection point, in the hands of its thread: what comes from their connections goes into the
//! machine, what the machine says goes out, once a stream a turn.

use std::collections::BTreeMap;
use std::sync::Arc;

use gomera_model::silbo::codec::FrameWriter;
use gomera_model::silbo::{ClientFrame, Refusal, RefusalCode, ServerFrame};
use gomera_model::{SessionId, SessionToken, Time};
use gomera_operators::{ConnectionId, ConnectionPoint, Effect, Effects, FreshSession, Stream};

use super::input::ClientInput;
use super::link::{Gate, Link, Outgoing};
use super::measured::ClientsStats;
use super::random::random_bytes;

/// The clients.
pub(super) struct Clients {
    connections: BTreeMap<ConnectionId, Client>,
    /// Streams for which something was encoded in this turn.
    touched: Vec<(ConnectionId, Stream)>,
    stats: ClientsStats,
}

struct Client {
    link: Arc<Link>,
    control: Option<Side>,
    publish: Option<Side>,
}

/// One stream of a client.
struct Side {
    gate: Arc<Gate>,
    outgoing: Arc<Outgoing>,
    /// Encoded in this turn.
    pending: FrameWriter,
}

impl Client {
    fn side(&mut self, stream: Stream) -> &mut Option<Side> {
        match stream {
            Stream::Control => &mut self.control,
            Stream::Publish => &mut self.publish,
        }
    }
}

impl Clients {
    pub(super) fn new() -> Self {
        Self {
            connections: BTreeMap::new(),
            touched: Vec::new(),
            stats: ClientsStats::default(),
        }
    }

    pub(super) fn stats(&self) -> ClientsStats {
        let mut stats = self.stats.clone();
        stats.connections = self.connections.len().try_into().unwrap_or(u64::MAX);
        stats
    }

    /// Gives what happened on a connection to the machine; how many frames it was.
    pub(super) fn feed(
        &mut self,
        now: Time,
        connection: ConnectionId,
        input: ClientInput,
        (point, effects): (&mut ConnectionPoint, &mut Effects),
    ) -> usize {
        match input {
            ClientInput::Accepted(link) => {
                self.accept(connection, link);
                0
            }
            ClientInput::Opened {
                stream,
                gate,
                outgoing,
            } => {
                let side = Side {
                    gate,
                    outgoing,
                    pending: FrameWriter::new(),
                };
                if !self.open(connection, stream, side) {
                    let refusal = twice(stream);
                    self.fault(now, connection, (Some(stream), refusal), (point, effects));
                }
                0
            }
            ClientInput::Frames { stream, frames } => {
                self.frames(now, connection, (stream, frames), (point, effects))
            }
            ClientInput::Faulty { stream, refusal } => {
                self.fault(now, connection, (stream, refusal), (point, effects));
                0
            }
            ClientInput::Closed => {
                if self.connections.remove(&connection).is_some() {
                    point.closed(now, connection, effects);
                }
                0
            }
        }
    }

    /// Encodes a frame; it goes out with the turn.
    pub(super) fn send(&mut self, connection: ConnectionId, stream: Stream, frame: &ServerFrame) {
        if let Some(code) = refusal_in(frame) {
            *self.stats.refused.entry(code).or_default() += 1;
        }
        let client = self.connections.get_mut(&connection);
        let Some(side) = client.and_then(|client| client.side(stream).as_mut()) else {
            return;
        };
        if side.pending.is_empty() {
            self.touched.push((connection, stream));
        }
        side.pending.push(frame);
        self.stats.frames_out += 1;
    }

    /// Lets what was encoded in this turn go out.
    pub(super) fn flush(&mut self) {
        for (connection, stream) in self.touched.drain(..) {
            let client = self.connections.get_mut(&connection);
            let Some(side) = client.and_then(|client| client.side(stream).as_mut()) else {
                continue;
            };
            if !side.pending.is_empty() {
                self.stats.flushes += 1;
                self.stats.bytes_out += u64::try_from(side.pending.bytes()).unwrap_or(u64::MAX);
                side.outgoing.push(&mut side.pending);
            }
        }
    }

    pub(super) fn pause(&mut self, connection: ConnectionId) {
        self.publish_gate(connection, Gate::pause);
    }

    pub(super) fn resume(&mut self, connection: ConnectionId) {
        self.publish_gate(connection, Gate::resume);
    }

    /// Lets what is queued for a client go out, then closes its connection.
    pub(super) fn close(&mut self, connection: ConnectionId, refusal: Refusal) {
        let Some(client) = self.connections.remove(&connection) else {
            return;
        };
        for mut side in [client.control, client.publish].into_iter().flatten() {
            if !side.pending.is_empty() {
                side.outgoing.push(&mut side.pending);
            }
        }
        *self.stats.closed.entry(refusal.code).or_default() += 1;
        tracing::debug!(connection = connection.0, code = ?refusal.code, reason = refusal.reason, "closing");
        client.link.close(refusal);
    }

    /// The connection point ends: whoever is still here has to go.
    pub(super) fn close_all(&mut self) {
        while let Some((&connection, _)) = self.connections.first_key_value() {
            let reason = "the connection point has ended";
            self.close(connection, Refusal::new(RefusalCode::GoingAway, reason));
        }
    }

    fn accept(&mut self, connection: ConnectionId, link: Arc<Link>) {
        self.stats.accepted += 1;
        let client = Client {
            link,
            control: None,
            publish: None,
        };
        let before = self.connections.insert(connection, client);
        assert!(before.is_none(), "a connection's number is used once");
    }

    /// Whether this is the first such stream of the connection.
    fn open(&mut self, connection: ConnectionId, stream: Stream, side: Side) -> bool {
        let Some(client) = self.connections.get_mut(&connection) else {
            return true;
        };
        let place = client.side(stream);
        let first = place.is_none();
        if first {
            *place = Some(side);
        }
        first
    }

    fn frames(
        &mut self,
        now: Time,
        connection: ConnectionId,
        (stream, frames): (Stream, Vec<ClientFrame>),
        (point, effects): (&mut ConnectionPoint, &mut Effects),
    ) -> usize {
        let client = self.connections.get_mut(&connection);
        let Some(side) = client.and_then(|client| client.side(stream).as_mut()) else {
            return 0;
        };
        side.gate.taken();
        let count = frames.len();
        self.stats.frames_in += u64::try_from(count).unwrap_or(u64::MAX);
        for frame in frames {
            match frame {
                ClientFrame::Connect(connect) => {
                    point.connect(now, connection, connect, fresh_session(), effects);
                }
                frame @ (ClientFrame::Request(_)
                | ClientFrame::Acknowledge(_)
                | ClientFrame::Ping(_)
                | ClientFrame::Bye
                | ClientFrame::OpenPublisher { .. }
                | ClientFrame::Publish(_)
                | ClientFrame::Unacceptable { .. }) => {
                    point.frame(now, connection, frame, effects);
                }
            }
        }
        count
    }

    /// Tells the client what it did wrong, and closes; behind what earlier frames of the turn led to.
    fn fault(
        &mut self,
        now: Time,
        connection: ConnectionId,
        (stream, refusal): (Option<Stream>, Refusal),
        (point, effects): (&mut ConnectionPoint, &mut Effects),
    ) {
        if !self.connections.contains_key(&connection) {
            return;
        }
        if let Some(stream) = stream {
            let frame = ServerFrame::Refused(refusal.clone());
            effects.push(Effect::ToClient {
                connection,
                stream,
                frame,
            });
        }
        point.closed(now, connection, effects);
        effects.push(Effect::Close {
            connection,
            refusal,
        });
    }

    fn publish_gate(&self, connection: ConnectionId, turn: impl FnOnce(&Gate)) {
        let client = self.connections.get(&connection);
        if let Some(side) = client.and_then(|client| client.publish.as_ref()) {
            turn(&side.gate);
        }
    }
}

fn twice(stream: Stream) -> Refusal {
    let name = match stream {
        Stream::Control => "control",
        Stream::Publish => "publish",
    };
    let reason = format!("a connection has one {name} stream; this is a second one");
    Refusal::new(RefusalCode::Malformed, reason)
}

/// What a frame refuses, if it does.
fn refusal_in(frame: &ServerFrame) -> Option<RefusalCode> {
    match frame {
        ServerFrame::Refused(refusal) | ServerFrame::PublicationRefused { refusal, .. } => {
            Some(refusal.code)
        }
        ServerFrame::Answered { refused, .. } => refused.as_ref().map(|refusal| refusal.code),
        ServerFrame::Connected { .. }
        | ServerFrame::Deliver(_)
        | ServerFrame::Gap(_)
        | ServerFrame::Pong(_)
        | ServerFrame::Goaway
        | ServerFrame::PublisherOpened { .. }
        | ServerFrame::Published { .. } => None,
    }
}

fn fresh_session() -> FreshSession {
    FreshSession {
        session: SessionId(u64::from_le_bytes(random_bytes())),
        token: SessionToken(random_bytes()),
    }
}
