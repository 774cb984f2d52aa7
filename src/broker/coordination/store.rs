//! Where the coordinator's documents are.

use gomera_coordinator::EmbeddedStore;

use crate::zookeeper::Keeper;

/// One of the two stores.
#[derive(Debug)]
pub(super) enum Store {
    /// Of one process: it answers at once.
    Embedded(EmbeddedStore),
    /// Of a cluster: its answers come as news.
    ZooKeeper(Keeper),
}
