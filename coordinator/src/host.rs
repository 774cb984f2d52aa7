//! Hosts, what they may run, and what is laid out on them at the first start.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use gomera_model::{HostId, Layer};
use serde::{Deserialize, Serialize};

/// A host that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostEntry {
    /// Which.
    pub id: HostId,
    /// Its zone, empty where there are none.
    pub zone: String,
    /// The layers of which it may run instances.
    pub layers: Vec<Layer>,
    /// Processor cores that it has for them: who has more of them gets more instances.
    pub cores: u32,
    /// Whether it may lead.
    pub coordinates: bool,
}

impl HostEntry {
    /// One that may run and do everything, on one core, where there are no zones.
    #[must_use]
    pub fn of_all(id: HostId) -> Self {
        Self {
            id,
            zone: String::new(),
            layers: Layer::ALL.to_vec(),
            cores: 1,
            coordinates: true,
        }
    }
}

/// What is started when the store is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Nothing is written before so many hosts exist, and one for each layer: what is laid out is spread over all that
    /// do.
    pub hosts_min: usize,
    /// How many instances of each layer; at least one of each.
    pub counts: BTreeMap<Layer, u32>,
    /// How many further matchers shall hold each subscription slot: none, or one that stands by.
    pub matcher_replicas: u32,
}

impl Layout {
    /// So many instances of every layer, as soon as a host can run them.
    #[must_use]
    pub fn of_each(count: u32) -> Self {
        let counts = Layer::ALL.map(|layer| (layer, count)).into();
        Self {
            hosts_min: 1,
            counts,
            matcher_replicas: 0,
        }
    }
}

/// What a coordinator is told once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What is started when the store is empty.
    pub layout: Layout,
    /// Subscriptions a second that a matcher copies to each new owner, if that is limited; for expectations only.
    pub copy_rate: Option<u32>,
}

/// What an instance holds; for expectations only, decisions never depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Load {
    /// Subscriptions.
    pub subscriptions: u64,
    /// Their bytes in canonical form.
    pub bytes: u64,
}

/// The layer's name in JSON.
pub(crate) fn layer_name(layer: Layer) -> &'static str {
    match layer {
        Layer::ConnectionPoints => "connection_points",
        Layer::AccessPoints => "access_points",
        Layer::Matchers => "matchers",
        Layer::ExitPoints => "exit_points",
    }
}
