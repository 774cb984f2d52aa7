//! Which connection is in use, which one is being opened, and when the next one is tried: the same for publishers and
//! subscribers.
//!
//! ```text
//!           start              welcomed             goaway
//!   Idle ─────────► Opening ────────────► Welcomed ────────► Moving: the current one is used,
//!                   │  ▲  ▲                 │  ▲  ▲            │ │ │  the next one opened or waited for
//!              lost │  │  │the current lost │  │  │ welcomed   │ │ │
//!                   │  │  └─────────────────┼──┼──┼────────────┘ │ │
//!                   ▼  │wake           lost │  │  └──────────────┘ │ taken over from the current
//!                  Waiting ◄────────────────┘  │                   │ by the next
//!                   ▲                 welcomed │                   ▼
//!                   │ lost                     └────────────── TakingOver
//!                   └────────────────────────────────────────────┘
//!
//!   any ── end, or a refusal that no new connection can help ──► Ended
//! ```

use gomera_model::silbo::{Refusal, RefusalCode};
use gomera_model::{Duration, Generation, Time};

use crate::effect::{Effect, Effects};
use crate::limits::{BACKOFF_MAX, BACKOFF_MIN, WELCOME_WITHIN};

/// The connections of one publisher or one subscriber.
#[derive(Debug)]
pub(crate) struct Connection {
    phase: Phase,
    /// The newest that was asked for.
    newest: Generation,
    /// The newest over which the hello was said: from then on the broker may take over from those before it.
    greeted: Generation,
    backoff: Backoff,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Idle,
    Opening(Attempt),
    Waiting(Time),
    Welcomed(Generation),
    Moving {
        current: Generation,
        next: Next,
    },
    /// The broker has taken over from the current connection to this one, whose welcome is on its way.
    TakingOver(Attempt),
    Ended,
}

/// A connection that has not been welcomed yet.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    connection: Generation,
    /// Then it is given up.
    until: Time,
}

/// What comes after the current connection.
#[derive(Clone, Copy, Debug)]
enum Next {
    Opening(Attempt),
    Waiting(Time),
}

/// What the loss of a connection means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Nothing: it was not in use any more, or not yet.
    Unnoticed,
    /// Nothing is connected until the next welcome.
    Disconnected,
    /// It is over.
    Ended(Refusal),
}

impl Connection {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            phase: Phase::Idle,
            newest: Generation(0),
            greeted: Generation(0),
            backoff: Backoff { failures: 0, seed },
        }
    }

    /// Opens the first connection; later calls do nothing.
    pub(crate) fn start<Event>(&mut self, now: Time, effects: &mut Effects<Event>) {
        if matches!(self.phase, Phase::Idle) {
            self.phase = Phase::Opening(self.open(now, effects));
        }
    }

    /// Whether to say hello over a connection that is open now. If nobody wants it any more, it is closed.
    pub(crate) fn opened<Event>(
        &mut self,
        connection: Generation,
        effects: &mut Effects<Event>,
    ) -> bool {
        let wanted = self.is_opening(connection);
        if wanted {
            self.greeted = connection;
        } else if self.current() != Some(connection) {
            close(connection, RefusalCode::Ended, effects);
        }
        wanted
    }

    /// The broker has answered the hello. Whether that was asked for; if so, this connection is the current one now,
    /// and the one before is closed.
    pub(crate) fn welcomed<Event>(
        &mut self,
        connection: Generation,
        effects: &mut Effects<Event>,
    ) -> bool {
        if !self.is_opening(connection) {
            return false;
        }
        if let Some(before) = self.current() {
            close(before, RefusalCode::Ended, effects);
        }
        self.phase = Phase::Welcomed(connection);
        self.backoff.failures = 0;
        true
    }

    /// The connection point at its other end is going.
    pub(crate) fn goaway<Event>(
        &mut self,
        now: Time,
        connection: Generation,
        effects: &mut Effects<Event>,
    ) -> Loss {
        if self.is_opening(connection) {
            close(connection, RefusalCode::GoingAway, effects);
            return self.attempt_failed(now, effects);
        }
        if let Phase::Welcomed(current) = self.phase
            && current == connection
        {
            let next = Next::Opening(self.open(now, effects));
            self.phase = Phase::Moving { current, next };
        }
        Loss::Unnoticed
    }

    /// A connection is gone or was refused.
    pub(crate) fn lost<Event>(
        &mut self,
        now: Time,
        connection: Generation,
        refusal: Option<Refusal>,
        effects: &mut Effects<Event>,
    ) -> Loss {
        let is_opening = self.is_opening(connection);
        let is_current = self.current() == Some(connection);
        if !is_opening && !is_current {
            return Loss::Unnoticed;
        }
        let code = refusal.as_ref().map(|refusal| refusal.code);
        if let Some(refusal) = refusal.filter(|refusal| self.is_final(refusal.code, is_opening)) {
            self.end(RefusalCode::Ended, effects);
            return Loss::Ended(refusal);
        }
        if is_opening {
            return self.attempt_failed(now, effects);
        }
        match (self.phase, code) {
            (
                Phase::Moving {
                    next: Next::Opening(attempt),
                    ..
                },
                Some(RefusalCode::TakenOver),
            ) => {
                self.phase = Phase::TakingOver(attempt);
                return Loss::Unnoticed;
            }
            (Phase::Moving { next, .. }, _) => self.phase = next.alone(),
            (
                Phase::Idle
                | Phase::Opening(_)
                | Phase::Waiting(_)
                | Phase::Welcomed(_)
                | Phase::TakingOver(_)
                | Phase::Ended,
                _,
            ) => self.phase = Phase::Waiting(self.wait(now, effects)),
        }
        Loss::Disconnected
    }

    /// Closes every connection and opens none any more.
    pub(crate) fn end<Event>(&mut self, code: RefusalCode, effects: &mut Effects<Event>) {
        let current = self.current();
        let opening = Some(self.newest).filter(|newest| self.is_opening(*newest));
        for connection in current.into_iter().chain(opening) {
            close(connection, code, effects);
        }
        self.phase = Phase::Ended;
    }

    /// The same, after a word that the broker answers by closing the current connection.
    pub(crate) fn leave<Event>(&mut self, effects: &mut Effects<Event>) {
        if let Some(connection) = self.current() {
            effects.push(Effect::Close {
                connection,
                code: RefusalCode::Ended,
                by_broker: true,
            });
        }
        if self.is_opening(self.newest) {
            close(self.newest, RefusalCode::Ended, effects);
        }
        self.phase = Phase::Ended;
    }

    /// A time has come, perhaps the one to try again.
    pub(crate) fn wake<Event>(&mut self, now: Time, effects: &mut Effects<Event>) -> Loss {
        match self.phase {
            Phase::Waiting(until)
            | Phase::Moving {
                next: Next::Waiting(until),
                ..
            } => {
                if now < until {
                    effects.push(Effect::WakeAt(until));
                } else {
                    self.try_again(now, effects);
                }
                Loss::Unnoticed
            }
            Phase::Opening(attempt)
            | Phase::TakingOver(attempt)
            | Phase::Moving {
                next: Next::Opening(attempt),
                ..
            } => {
                if now < attempt.until {
                    effects.push(Effect::WakeAt(attempt.until));
                    return Loss::Unnoticed;
                }
                close(attempt.connection, RefusalCode::Stalled, effects);
                self.attempt_failed(now, effects)
            }
            Phase::Idle | Phase::Welcomed(_) | Phase::Ended => Loss::Unnoticed,
        }
    }

    /// The connection that is in use.
    pub(crate) fn current(&self) -> Option<Generation> {
        match self.phase {
            Phase::Welcomed(current) | Phase::Moving { current, .. } => Some(current),
            Phase::Idle
            | Phase::Opening(_)
            | Phase::Waiting(_)
            | Phase::TakingOver(_)
            | Phase::Ended => None,
        }
    }

    /// Whether the connection was asked for and has not been welcomed yet.
    pub(crate) fn is_opening(&self, connection: Generation) -> bool {
        match self.phase {
            Phase::Opening(attempt)
            | Phase::TakingOver(attempt)
            | Phase::Moving {
                next: Next::Opening(attempt),
                ..
            } => attempt.connection == connection,
            Phase::Idle
            | Phase::Waiting(_)
            | Phase::Welcomed(_)
            | Phase::Moving { .. }
            | Phase::Ended => false,
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    fn open<Event>(&mut self, now: Time, effects: &mut Effects<Event>) -> Attempt {
        let newest = self.newest.0.checked_add(1);
        self.newest = Generation(newest.expect("four billion connections outlast any client"));
        let until = now + WELCOME_WITHIN;
        effects.push(Effect::Open(self.newest));
        effects.push(Effect::WakeAt(until));
        Attempt {
            connection: self.newest,
            until,
        }
    }

    /// The pause is over.
    fn try_again<Event>(&mut self, now: Time, effects: &mut Effects<Event>) {
        let attempt = self.open(now, effects);
        self.phase = match self.current() {
            Some(current) => Phase::Moving {
                current,
                next: Next::Opening(attempt),
            },
            None => Phase::Opening(attempt),
        };
    }

    /// The connection that was being opened will not be welcomed.
    fn attempt_failed<Event>(&mut self, now: Time, effects: &mut Effects<Event>) -> Loss {
        let until = self.wait(now, effects);
        let was_taking_over = matches!(self.phase, Phase::TakingOver(_));
        self.phase = match self.current() {
            Some(current) => Phase::Moving {
                current,
                next: Next::Waiting(until),
            },
            None => Phase::Waiting(until),
        };
        if was_taking_over {
            Loss::Disconnected
        } else {
            Loss::Unnoticed
        }
    }

    fn wait<Event>(&mut self, now: Time, effects: &mut Effects<Event>) -> Time {
        let until = now + self.backoff.pause();
        effects.push(Effect::WakeAt(until));
        until
    }

    /// Whether another connection would be refused as well. That our own next connection takes over from the current
    /// one is what was wanted; also where that one is lost before the word of it is here.
    fn is_final(&self, code: RefusalCode, is_opening: bool) -> bool {
        match code {
            RefusalCode::TakenOver => {
                let by_ours = self.is_opening(self.newest) || self.current() < Some(self.greeted);
                is_opening || !by_ours
            }
            RefusalCode::Malformed
            | RefusalCode::UnknownFrame
            | RefusalCode::FrameTooLarge
            | RefusalCode::ContentTooLarge
            | RefusalCode::InvalidContent
            | RefusalCode::InvalidFilter
            | RefusalCode::UnknownDialect
            | RefusalCode::NotAuthorized
            | RefusalCode::TooSlow
            | RefusalCode::Unsupported
            | RefusalCode::Ended => true,
            // The last arm is for codes of a later version, which this one cannot judge.
            RefusalCode::Stalled
            | RefusalCode::SessionUnknown
            | RefusalCode::LimitReached
            | RefusalCode::GoingAway
            | _ => false,
        }
    }
}

impl Next {
    /// The phase without a current connection.
    fn alone(self) -> Phase {
        match self {
            Self::Opening(attempt) => Phase::Opening(attempt),
            Self::Waiting(until) => Phase::Waiting(until),
        }
    }
}

pub(crate) fn close<Event>(
    connection: Generation,
    code: RefusalCode,
    effects: &mut Effects<Event>,
) {
    effects.push(Effect::Close {
        connection,
        code,
        by_broker: false,
    });
}

/// Pauses between attempts: doubling, the second half of each at random, so that many clients of one dead host do not
/// come back at once.
#[derive(Debug)]
struct Backoff {
    failures: u32,
    seed: u64,
}

impl Backoff {
    fn pause(&mut self) -> Duration {
        let doubled = BACKOFF_MIN.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        let half = doubled.min(BACKOFF_MAX) / 2;
        half + half.mul_f64(self.fraction())
    }

    /// A number from 0 to 1, by splitmix64.
    fn fraction(&mut self) -> f64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let high = u32::try_from((mixed ^ (mixed >> 31)) >> 32).expect("32 bits are left");
        f64::from(high) / f64::from(u32::MAX)
    }
}
