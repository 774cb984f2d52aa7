//! What the coordinator wants done.

use alloc::string::String;
use alloc::vec::{Drain, Vec};

use gomera_model::control::Control;
use gomera_model::{Incarnation, Instance, Time};

use crate::document::{Path, Put, WriteId};
use crate::request::{Answer, RequestId};

/// One thing to be done. The driver does them in order and decides nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Read the document and give it as `document`; again whenever it may have changed. A repeated wish means: read
    /// again now.
    Observe(Path),
    /// Write all of it or nothing, and give the outcome as `written`.
    Write {
        /// Names the outcome.
        id: WriteId,
        /// The documents of one transaction.
        puts: Vec<Put>,
    },
    /// Start an instance at its host; `started_instance` or `failed` answers. Where it already runs, `started_instance`
    /// answers at once. Where it ran and ended, `failed` does: an incarnation never starts twice.
    Start(Instance),
    /// Stop an instance, if it runs: it is out of the topology and empty. No answer is awaited.
    Stop(Instance),
    /// Stop an instance of which nothing is known but that it has reported, wherever it does so, if it runs. No answer is
    /// awaited.
    StopStranger(Incarnation),
    /// Hand this to an instance.
    Tell {
        /// The instance.
        to: Incarnation,
        /// What.
        control: Control,
    },
    /// Answer a request.
    Answer {
        /// Which.
        request: RequestId,
        /// How.
        answer: Answer,
    },
    /// Call `wake` at this time or a little later. The earliest wish counts; a wake fulfils all.
    WakeAt(Time),
    /// A document cannot be read: say so where people look. The coordinator waits for one that can.
    Unreadable {
        /// Which.
        path: Path,
        /// What is wrong with it.
        reason: String,
    },
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

    /// Appends a word to an instance.
    pub fn tell(&mut self, to: Incarnation, control: Control) {
        self.push(Effect::Tell { to, control });
    }

    /// Appends an answer.
    pub fn answer(&mut self, request: RequestId, answer: Answer) {
        self.push(Effect::Answer { request, answer });
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
