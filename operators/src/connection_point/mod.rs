//! Connection point: where clients' connections end.

use gomera_model::control::Control;
use gomera_model::lane::ConnectionPointFrame;
use gomera_model::silbo::{ClientFrame, Connect};
use gomera_model::{Incarnation, SessionId, SessionToken, Time};

use crate::effect::Effects;

/// A client's connection, numbered by the driver; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// The two streams of a client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// Session, subscriptions, deliveries.
    Control,
    /// Publications.
    Publish,
}

/// Random identity for a new session; the driver draws it, unguessable.
#[derive(Clone, Copy, Debug)]
pub struct FreshSession {
    /// Its id.
    pub session: SessionId,
    /// What will prove it.
    pub token: SessionToken,
}

/// A connection point.
#[derive(Debug)]
pub struct ConnectionPoint {
    stats: ConnectionPointStats,
}

/// What a connection point counts.
#[derive(Clone, Debug, Default)]
pub struct ConnectionPointStats {}

impl ConnectionPoint {
    /// One that knows nothing yet; its first input is the topology. `seed` keys its hash tables.
    #[must_use]
    pub fn new(incarnation: Incarnation, seed: u64) -> Self {
        let _ = (incarnation, seed);
        Self {
            stats: ConnectionPointStats::default(),
        }
    }

    /// A client's first frame on its control stream.
    pub fn connect(
        &mut self,
        now: Time,
        connection: ConnectionId,
        connect: Connect,
        fresh: FreshSession,
        effects: &mut Effects,
    ) {
        let _ = (now, connection, connect, fresh, effects);
    }

    /// Any other frame of a client.
    pub fn frame(
        &mut self,
        now: Time,
        connection: ConnectionId,
        frame: ClientFrame,
        effects: &mut Effects,
    ) {
        let _ = (now, connection, frame, effects);
    }

    /// A client's connection is gone.
    pub fn closed(&mut self, now: Time, connection: ConnectionId, effects: &mut Effects) {
        let _ = (now, connection, effects);
    }

    /// This connection point has to go: every client is asked to connect elsewhere.
    pub fn go_away(&mut self, now: Time, effects: &mut Effects) {
        let _ = (now, effects);
    }

    /// A frame has come in the lane from an instance.
    pub fn receive(
        &mut self,
        now: Time,
        from: Incarnation,
        frame: ConnectionPointFrame,
        effects: &mut Effects,
    ) {
        let _ = (now, from, frame, effects);
    }
    /// The coordinator says something.
    pub fn control(&mut self, now: Time, control: Control, effects: &mut Effects) {
        let _ = (now, control, effects);
    }
    /// No further input is waiting.
    pub fn turn_ended(&mut self, now: Time, effects: &mut Effects) {
        let _ = (now, effects);
    }
    /// A time that it asked for has come.
    pub fn wake(&mut self, now: Time, effects: &mut Effects) {
        let _ = (now, effects);
    }

    /// What it counted.
    pub fn stats(&self) -> &ConnectionPointStats {
        &self.stats
    }
    /// How many connections are open.
    pub fn connections(&self) -> usize {
        0
    }
}
