//! Matcher.

use gomera_model::control::Control;
use gomera_model::lane::MatcherFrame;
use gomera_model::{Incarnation, Time};

use crate::effect::Effects;

/// One instance.
#[derive(Debug)]
pub struct Matcher {
    stats: MatcherStats,
}

/// What it counts.
#[derive(Clone, Debug, Default)]
pub struct MatcherStats {}

impl Matcher {
    /// One that knows nothing yet; its first input is the topology. `seed` keys its hash tables.
    #[must_use]
    pub fn new(incarnation: Incarnation, seed: u64) -> Self {
        let _ = (incarnation, seed);
        Self {
            stats: MatcherStats::default(),
        }
    }
    /// A frame has come in the lane from an instance.
    pub fn receive(
        &mut self,
        now: Time,
        from: Incarnation,
        frame: MatcherFrame,
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
    #[must_use]
    pub fn stats(&self) -> &MatcherStats {
        &self.stats
    }
}
