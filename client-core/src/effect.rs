//! What a core wants done.

use alloc::vec::{Drain, Vec};

use gomera_model::silbo::{ClientFrame, RefusalCode};
use gomera_model::{Generation, Time};

/// One thing to be done, with the events of a publisher or of a subscriber. The driver does them in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect<Event> {
    /// Open a connection to one of the servers, each in turn; report `opened`, or `closed` if that fails.
    Open(Generation),
    /// Send a frame over a connection that was reported as opened.
    Send {
        /// Over which.
        connection: Generation,
        /// What.
        frame: ClientFrame,
    },
    /// Send what is queued, then close the connection. No `closed` is expected in answer; one does no harm, nor does
    /// closing what is gone.
    Close {
        /// Which.
        connection: Generation,
        /// Why: [`RefusalCode::Ended`] if nothing is wrong.
        code: RefusalCode,
        /// Whether the broker closes it when it has taken what was queued: wait for that, though not for long. Who
        /// closes first may take away from the other what it has not read yet.
        by_broker: bool,
    },
    /// Tell the application.
    Event(Event),
    /// Call `wake` at this time or a little later. The earliest wish counts; a wake fulfils all.
    WakeAt(Time),
}

/// A buffer of effects that the caller owns and uses again.
#[derive(Clone, Debug)]
pub struct Effects<Event>(Vec<Effect<Event>>);

impl<Event> Effects<Event> {
    /// An empty buffer.
    #[must_use]
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// Appends an effect.
    pub fn push(&mut self, effect: Effect<Event>) {
        self.0.push(effect);
    }

    /// Takes all effects out, in order.
    pub fn drain(&mut self) -> Drain<'_, Effect<Event>> {
        self.0.drain(..)
    }

    /// The effects, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Effect<Event>] {
        &self.0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn send(&mut self, connection: Generation, frame: ClientFrame) {
        self.push(Effect::Send { connection, frame });
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.push(Effect::Event(event));
    }
}

impl<Event> Default for Effects<Event> {
    fn default() -> Self {
        Self::new()
    }
}
