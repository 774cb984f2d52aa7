//! What an operator wants done.

use alloc::vec::{Drain, Vec};

use gomera_model::control::Report;
use gomera_model::lane::LaneFrame;
use gomera_model::silbo::{Refusal, ServerFrame};
use gomera_model::{Incarnation, Time};

/// One thing to be done. The driver does them in order and decides nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Append the frame to the lane to this instance. The driver opens the lane if there is none yet.
    Send {
        /// The receiver.
        to: Incarnation,
        /// What.
        frame: LaneFrame,
    },
    /// Tell the coordinator.
    Report(Report),
    /// Call `wake` at this time or a little later. The earliest wish counts; a wake fulfils all.
    WakeAt(Time),
    /// Send a frame to a client. Connection points only, like all that follow.
    ToClient {
        /// The client's connection.
        connection: ConnectionId,
        /// Over which of its streams.
        stream: Stream,
        /// What.
        frame: ServerFrame,
    },
    /// Stop reading the publish stream of this connection.
    PausePublisher(ConnectionId),
    /// Read the publish stream of this connection again.
    ResumePublisher(ConnectionId),
    /// Send what is queued, then close the connection with this as its reason. No `closed` is expected in answer.
    Close {
        /// The client's connection.
        connection: ConnectionId,
        /// Why.
        refusal: Refusal,
    },
}

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

/// A buffer of effects that the caller owns and uses again.
#[derive(Debug, Default)]
pub struct Effects(Vec<Effect>);

impl Effects {
    /// An empty buffer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an effect.
    pub fn push(&mut self, effect: Effect) {
        self.0.push(effect);
    }

    /// Appends a frame to a lane.
    pub fn send(&mut self, to: Incarnation, frame: LaneFrame) {
        self.push(Effect::Send { to, frame });
    }

    /// Takes all effects out, in order.
    pub fn drain(&mut self) -> Drain<'_, Effect> {
        self.0.drain(..)
    }

    /// The effects, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Effect] {
        &self.0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
