//! What a connection point holds.

use super::ConnectionPoint;
use crate::holdings::Holdings;

impl ConnectionPoint {
    /// Adds what it holds now.
    pub fn holdings(&self, holdings: &mut Holdings) {
        holdings.passing("farewells", self.farewells.len());
        holdings.passing("connections with something gathered", self.gathered.len());
        let controls = || self.connections.values().filter_map(|c| c.control.as_ref());
        let unanswered = controls().map(|control| control.unanswered.len()).sum();
        holdings.passing("operations without an answer", unanswered);
        let held = controls().map(|control| control.held.len()).sum();
        holdings.passing("operations held while a session moves", held);
        holdings.staying("epochs kept", self.epochs.iter().count(), 1);
    }
}
