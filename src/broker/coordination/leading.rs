//! The coordinator while this host leads, and those who wait for its answers.

use std::collections::BTreeMap;

use gomera_coordinator::limits::RETRY_AFTER;
use gomera_coordinator::{Answer, Coordinator, Effects, RequestId, Settings};
use gomera_model::{HostId, Time};
use tokio::sync::oneshot;

use super::super::host_frame::Question;
use crate::zookeeper::Term;

/// The coordinator and what belongs to its driver.
pub(super) struct Leading {
    pub(super) coordinator: Coordinator,
    pub(super) effects: Effects,
    /// The earliest time at which it wants to be woken.
    pub(super) wake_at: Option<Time>,
    /// By which others tell this leader from those before it.
    pub(super) term: Term,
    /// Given when the view shows what they speak of.
    pub(super) answers: Vec<(Asker, Answer)>,
    askers: BTreeMap<RequestId, Asker>,
    last_request: u64,
}

/// Who waits for an answer.
#[derive(Debug)]
pub(super) enum Asker {
    /// Somebody at this host's admin port.
    Here(oneshot::Sender<Answer>),
    /// Another host, under the number that it gave.
    There(HostId, u64),
}

impl Leading {
    pub(super) fn new(settings: Settings, term: Term) -> Self {
        Self {
            coordinator: Coordinator::new(settings),
            effects: Effects::new(),
            wake_at: None,
            term,
            answers: Vec::new(),
            askers: BTreeMap::new(),
            last_request: 0,
        }
    }

    pub(super) fn wake(&mut self, now: Time) {
        if self.wake_at.is_some_and(|time| time <= now) {
            self.wake_at = None;
            self.coordinator.wake(now, &mut self.effects);
        }
    }

    pub(super) fn wake_at(&mut self, time: Time) {
        self.wake_at = Some(self.wake_at.map_or(time, |earlier| earlier.min(time)));
    }

    pub(super) fn ask(&mut self, now: Time, question: Question, asker: Asker) {
        self.last_request += 1;
        let request = RequestId(self.last_request);
        self.askers.insert(request, asker);
        match question {
            Question::Scale(scale) => {
                self.coordinator
                    .scale(now, request, scale, &mut self.effects);
            }
            Question::Abort(operation) => {
                self.coordinator
                    .abort(now, request, operation, &mut self.effects);
            }
            Question::Drain(host) => {
                self.coordinator
                    .drain(now, request, host, &mut self.effects);
            }
        }
    }

    pub(super) fn answered(&mut self, request: RequestId, answer: Answer) {
        if let Some(asker) = self.askers.remove(&request) {
            self.answers.push((asker, answer));
        }
    }

    /// It leads no longer: whoever waits is told to come again.
    pub(super) fn resign(self) -> Vec<(Asker, Answer)> {
        let waiting = self.askers.into_values();
        let unanswered = waiting.map(|asker| (asker, unavailable()));
        self.answers.into_iter().chain(unanswered).collect()
    }
}

/// To whoever asks while there is no leader, or none that can write.
pub(super) fn unavailable() -> Answer {
    Answer::Unavailable {
        retry_after: RETRY_AFTER,
    }
}
