//! What a connection point does while the topology changes: it looks up where its sessions and publishers belong.

use alloc::sync::Arc;

use gomera_model::Topology;

use super::ConnectionPoint;
use crate::effect::Effects;

impl ConnectionPoint {
    /// A topology is in force. Sessions go where they are served now; publishers stay.
    pub(super) fn topology(&mut self, next: &Arc<Topology>, effects: &mut Effects) {
        let present = self.epochs.newest_epoch();
        if self.epochs.learn(next) {
            self.epochs.forget_before(next.epoch);
            self.move_sessions(present, next, effects);
        }
    }
}
