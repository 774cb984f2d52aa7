//! What a connection point does while the topology changes: it looks up where its sessions and publishers belong.

use alloc::sync::Arc;

use gomera_model::Topology;

use super::ConnectionPoint;

impl ConnectionPoint {
    /// A topology is in force. Sessions and publishers that are here stay where they are served.
    pub(super) fn topology(&mut self, next: &Arc<Topology>) {
        if self.epochs.learn(next) {
            self.epochs.forget_before(next.epoch);
        }
    }
}
