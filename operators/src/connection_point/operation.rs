//! What a connection point does while the topology changes: it looks up where its sessions and publishers belong, and
//! goes itself when it has to.
//!
//! ```text
//!           a topology flags it              no client is left, nothing is bound to an access point that leaves
//!  Serving ─────────────────────► Leaving ───────────────────────────────────────────────────────────► Emptied
//!                                    │  every client is asked to connect elsewhere; nobody new is served
//!                                    └─ who is still here when time is over is closed
//! ```

use alloc::sync::Arc;
use alloc::vec::Vec;

use gomera_model::control::{Plan, Report};
use gomera_model::silbo::{Refusal, RefusalCode};
use gomera_model::{Time, Topology};

use super::{ConnectionId, ConnectionPoint, Stream, reason_of};
use crate::effect::{Effect, Effects};
use crate::limits::GOAWAY_WITHIN;
use crate::routing;

/// Where a connection point stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    /// It takes clients.
    Serving,
    /// Its clients have to go, until then at the latest.
    Leaving(Time),
    /// Nobody is here any more.
    Emptied,
}

impl Phase {
    /// Its name, as the drawing has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Serving => "Serving",
            Self::Leaving(_) => "Leaving",
            Self::Emptied => "Emptied",
        }
    }
}

impl ConnectionPoint {
    /// A topology is in force: everything goes where it belongs.
    pub(super) fn topology(&mut self, now: Time, next: &Arc<Topology>, effects: &mut Effects) {
        let present = self.epochs.newest_epoch();
        if !self.epochs.learn(next) {
            if present == next.epoch {
                effects.push(Effect::Report(Report::Settled(present)));
                self.report_emptied(effects);
            }
            return;
        }
        self.epochs.forget_before(next.epoch);
        effects.push(Effect::Report(Report::Settled(next.epoch)));
        self.close_bereaved(next, effects);
        for state in self.connections.values_mut() {
            if let Some(control) = &mut state.control {
                control.knows = next.epoch;
                let to = routing::of_session(next, control.session);
                if next.cut > present || control.is_lost(next) {
                    control.ask_again(to, effects);
                } else {
                    control.turn_to(to, effects);
                }
            }
        }
        self.move_sessions(present, next, effects);
        self.move_publishers(effects);
        self.farewells = routing::leaving(next).collect();
        self.has_unbound = true;
        let own = next.instance(self.incarnation);
        if own.is_some_and(|own| own.leaving) {
            self.begin_leaving(now, effects);
        } else {
            // Whoever had to go may be needed again, where somebody else was lost.
            self.phase = Phase::Serving;
        }
    }

    /// Knows a plan that will list this connection point: there is nothing to prepare.
    pub(super) fn prepare(&self, plan: &Plan, effects: &mut Effects) {
        if plan.next.epoch > self.epochs.newest_epoch() {
            effects.push(Effect::Report(Report::Confirmed(plan.operation)));
        }
    }

    /// Refuses a client that comes while this connection point is leaving; whether it did. Who is here already may go
    /// on as before.
    pub(super) fn turns_away(
        &mut self,
        connection: ConnectionId,
        stream: Stream,
        effects: &mut Effects,
    ) -> bool {
        let turns_away = match self.phase {
            Phase::Serving => false,
            Phase::Leaving(_) | Phase::Emptied => !self.connections.contains_key(&connection),
        };
        if turns_away {
            self.close(connection, stream, going_away(), effects);
        }
        turns_away
    }

    /// The time of those who are still here is over, or not yet.
    pub(super) fn close_stubborn(&mut self, now: Time, effects: &mut Effects) {
        let Phase::Leaving(until) = self.phase else {
            return;
        };
        if now < until {
            return effects.push(Effect::WakeAt(until));
        }
        let stubborn: Vec<_> = self
            .connections
            .iter()
            .map(|(id, state)| (*id, state.streams().next().unwrap_or(Stream::Control)))
            .collect();
        for (connection, stream) in stubborn {
            self.close(connection, stream, going_away(), effects);
        }
    }

    /// Nobody is here any more, if so.
    pub(super) fn leave(&mut self, effects: &mut Effects) {
        match self.phase {
            Phase::Leaving(_) if self.connections.is_empty() && self.farewells.is_empty() => {
                self.phase = Phase::Emptied;
                self.report_emptied(effects);
            }
            Phase::Serving | Phase::Leaving(_) | Phase::Emptied => {}
        }
    }

    fn begin_leaving(&mut self, now: Time, effects: &mut Effects) {
        match self.phase {
            Phase::Serving => {
                let until = now + GOAWAY_WITHIN;
                self.phase = Phase::Leaving(until);
                effects.push(Effect::WakeAt(until));
                self.go_away(now, effects);
            }
            Phase::Leaving(_) => {}
            // Another epoch wants its own word.
            Phase::Emptied => self.phase = Phase::Leaving(now),
        }
    }

    /// Reports that nobody is here, if so; to a new leader once more.
    fn report_emptied(&self, effects: &mut Effects) {
        match self.phase {
            Phase::Emptied => effects.push(Effect::Report(Report::Emptied(self.epoch()))),
            Phase::Serving | Phase::Leaving(_) => {}
        }
    }
}

pub(super) fn going_away() -> Refusal {
    let code = RefusalCode::GoingAway;
    Refusal {
        code,
        reason: reason_of(code),
    }
}
