//! Whether an access point is there: it joins, and it leaves.
//!
//! ```text
//!            a topology lists it            one flags it as leaving
//!  Unlisted ─────────────────────► Listed ──────────────────────────► Leaving
//!   what comes waits                                                     │ fed no more, everything released,
//!                                                                        ▼ nobody waits for a publisher
//!                    Gone ◄───────────────── Emptied ◄──────────────── Ending
//!                       no topology lists it        everybody has taken all of its lane
//! ```

use alloc::vec::Vec;

use gomera_model::control::Report;
use gomera_model::lane::{AccessPointFrame, LaneFrame, MatcherFrame};
use gomera_model::{Epoch, Incarnation, Layer, Time, Topology};

use super::AccessPoint;
use crate::effect::{Effect, Effects};
use crate::routing;
use crate::rules::Rule;

/// Where an access point stands in its life.
#[derive(Clone, Debug)]
pub(super) enum Presence {
    /// It may not stamp yet; what comes waits, in order.
    Unlisted(Vec<(Incarnation, AccessPointFrame)>),
    /// It serves.
    Listed,
    /// It serves what it still has.
    Leaving,
    /// It has nothing left, has passed on what it knew, and ended its lanes; not everybody has taken all of them.
    Ending,
    /// Nothing is left, here and in its lanes.
    Emptied,
    /// The topology lists it no more.
    Gone,
}

impl Presence {
    /// Its name, as the drawing has it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Unlisted(_) => "Unlisted",
            Self::Listed => "Listed",
            Self::Leaving => "Leaving",
            Self::Ending => "Ending",
            Self::Emptied => "Emptied",
            Self::Gone => "Gone",
        }
    }

    /// Keeps a frame that comes too early; hands any other back.
    pub(super) fn stall(
        &mut self,
        from: Incarnation,
        frame: AccessPointFrame,
    ) -> Option<AccessPointFrame> {
        match self {
            Self::Unlisted(stalled) => {
                stalled.push((from, frame));
                None
            }
            Self::Listed | Self::Leaving | Self::Ending | Self::Emptied | Self::Gone => Some(frame),
        }
    }
}

impl AccessPoint {
    /// A topology is in force and stamped, if it lists this access point.
    pub(super) fn take_place(&mut self, now: Time, next: &Topology, effects: &mut Effects) {
        self.publishers.topology(next, effects);
        let place = match next.instance(self.incarnation) {
            None if matches!(self.presence, Presence::Unlisted(_)) => return,
            None => Presence::Gone,
            Some(own) if own.leaving => Presence::Leaving,
            Some(_) => Presence::Listed,
        };
        let before = core::mem::replace(&mut self.presence, place);
        if let Presence::Unlisted(stalled) = before {
            for (from, frame) in stalled {
                self.take(now, from, frame, effects);
            }
        }
        if matches!(self.presence, Presence::Leaving) && self.rules.broken(Rule::EmptyBeforeLeaving)
        {
            self.presence = Presence::Emptied;
            self.report_emptied(effects);
        }
    }

    /// Whether what comes has to wait for a topology that lists this access point.
    pub(super) fn stalls(&self) -> bool {
        !self.rules.broken(Rule::StallUntilListed)
    }

    /// Somebody has nothing more for this access point, perhaps before it knows itself that it has to go.
    pub(super) fn fed_no_more(&mut self, from: Incarnation, epoch: Epoch) {
        let said = self.farewells.entry(from).or_default();
        *said = epoch.max(*said);
    }

    /// Takes the next step towards the end, if nothing is left of what has to come before it.
    pub(super) fn leave(&mut self, effects: &mut Effects) {
        match self.presence {
            Presence::Leaving if self.is_empty() => {
                self.presence = Presence::Ending;
                let topology = self.phase.topology();
                for matcher in topology.incarnations(Layer::Matchers) {
                    let last = MatcherFrame::NothingMore(topology.epoch);
                    effects.send(matcher, LaneFrame::Matcher(last));
                }
                self.publishers.pass_on(topology, effects);
            }
            Presence::Ending if self.is_all_taken() => {
                self.presence = Presence::Emptied;
                self.report_emptied(effects);
            }
            Presence::Unlisted(_)
            | Presence::Listed
            | Presence::Leaving
            | Presence::Ending
            | Presence::Emptied
            | Presence::Gone => {}
        }
    }

    /// Reports that nothing is left, if so; to a new leader once more.
    pub(super) fn report_emptied(&self, effects: &mut Effects) {
        match self.presence {
            Presence::Emptied => effects.push(Effect::Report(Report::Emptied(self.epoch()))),
            Presence::Unlisted(_)
            | Presence::Listed
            | Presence::Leaving
            | Presence::Ending
            | Presence::Gone => {}
        }
    }

    /// Whether nothing comes any more and nothing is left.
    fn is_empty(&self) -> bool {
        let topology = self.phase.topology();
        let feeders = [Layer::ConnectionPoints, Layer::ExitPoints].into_iter();
        let mut feeders = feeders.flat_map(|layer| topology.incarnations(layer));
        feeders.all(|feeder| self.has_said_farewell(feeder))
            && self.retained.len() == 0
            && !self.publishers.is_handing_over()
    }

    /// Whether everything in its lanes has been taken.
    fn is_all_taken(&self) -> bool {
        let topology = self.phase.topology();
        let matchers = topology.incarnations(Layer::Matchers);
        let mut receivers = matchers.chain(routing::staying(topology));
        receivers.all(|receiver| self.has_said_farewell(receiver))
    }

    fn has_said_farewell(&self, instance: Incarnation) -> bool {
        let said = self.farewells.get(&instance);
        said.is_some_and(|said| *said >= self.epoch())
    }
}
