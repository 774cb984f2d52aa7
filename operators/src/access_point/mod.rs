//! AccessPoint.

use gomera_model::control::Control;
use gomera_model::lane::AccessPointFrame;
use gomera_model::{Incarnation, Time};

use crate::effect::Effects;

/// One instance.
#[derive(Debug)]
pub struct AccessPoint {
    stats: AccessPointStats,
}

/// What it counts.
#[derive(Clone, Debug, Default)]
pub struct AccessPointStats {}

impl AccessPoint {
    /// One that knows nothing yet; its first input is the topology. `seed` keys its hash tables.
    #[must_use]
    pub fn new(incarnation: Incarnation, seed: u64) -> Self {
        let _ = (incarnation, seed);
        Self {
            stats: AccessPointStats::default(),
        }
    }
    /// A frame has come in the lane from an instance.
    pub fn receive(
        &mut self,
        now: Time,
        from: Incarnation,
        frame: AccessPointFrame,
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
    pub fn stats(&self) -> &AccessPointStats {
        &self.stats
    }
}
