//! What stands in the documents of hosts and of the leader.

use std::net::SocketAddr;

use gomera_coordinator::HostEntry;
use gomera_model::{HostId, Incarnation, Layer};
use serde::{Deserialize, Serialize};

/// A host, as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostDocument {
    /// Which start of a process of the broker this is; unique in the cluster's life.
    pub id: HostId,
    /// What people call it.
    pub name: String,
    /// Its zone, empty where there are none.
    pub zone: String,
    /// The layers of which it may run instances.
    pub layers: Vec<Layer>,
    /// Whether it may lead.
    pub coordinates: bool,
    /// Where other hosts connect.
    pub operator: SocketAddr,
    /// Where clients connect.
    pub clients: SocketAddr,
    /// Where its admin port is.
    pub admin: Option<SocketAddr>,
    /// What it has.
    pub capacity: Capacity,
    /// What it runs, ordered.
    pub runs: Vec<Incarnation>,
    /// When it started: nanoseconds since 1970 of its wall clock.
    pub started_unix_ns: i64,
}

/// What a host has to run instances on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// Processor cores.
    pub cores: u32,
}

impl HostDocument {
    /// What the coordinator needs of it.
    #[must_use]
    pub fn entry(&self) -> HostEntry {
        HostEntry {
            id: self.id,
            zone: self.zone.clone(),
            layers: self.layers.clone(),
            cores: self.capacity.cores,
            coordinates: self.coordinates,
        }
    }
}

/// When a leader came into office; rises with every one.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Term(pub u64);

/// Who leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leader {
    /// Which host.
    pub host: HostId,
    /// Since when.
    pub term: Term,
}

/// The document of the leader.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LeaderDocument {
    pub(super) host: HostId,
}
