//! `/v1/topology`: who is there, who owns how much, and what that survives.

use std::collections::BTreeMap;
use std::future::{self, Ready};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use gomera_coordinator::OperationRecord;
use gomera_model::{Epoch, HostId, Incarnation, Instance, InstanceId, Layer, SLOTS, Topology};
use serde::{Deserialize, Serialize};

use super::Problem;
use crate::broker::{Broker, View, wall_clock};

/// The topology as people and programs see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TopologyReport {
    /// Its number.
    pub epoch: Epoch,
    /// What the present placement survives without losing what was acknowledged: `nothing`, `instance` or `host`.
    pub survives: String,
    /// Why it survives no more.
    #[serde(default)]
    pub survives_why: Vec<String>,
    /// Whether everything is held as often as it shall be: only then may the next death come, and only then an operation
    /// begins.
    #[serde(default)]
    pub whole: bool,
    /// What is missing for that.
    #[serde(default)]
    pub missing: Option<String>,
    /// Subscription slots for which another matcher stands by; absent where none is wanted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub standbys: Option<usize>,
    /// Why not for all of them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub standbys_why: Option<String>,
    /// Whether every instance runs.
    pub ready: bool,
    /// Whether the coordinator's store can be read and written.
    pub available: bool,
    /// Where it keeps its documents.
    pub store: String,
    /// The processes.
    pub hosts: Vec<HostReport>,
    /// The instances of each layer, in the order of a notification's way.
    pub layers: BTreeMap<Layer, Vec<InstanceReport>>,
    /// The operation under way.
    pub operation: Option<OperationRecord>,
}

/// One process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HostReport {
    /// Which.
    pub id: HostId,
    /// Its zone, empty where there are none.
    pub zone: String,
    /// What people call it, empty where there is one only.
    #[serde(default)]
    pub name: String,
    /// Whether it is there; one that is not is named because the topology names it.
    #[serde(default = "yes")]
    pub present: bool,
    /// Whether it leads.
    #[serde(default)]
    pub leads: bool,
    /// Whether it is being emptied, or is empty and about to end.
    #[serde(default)]
    pub draining: bool,
    /// Instances of the topology that are placed there.
    #[serde(default)]
    pub instances: usize,
    /// Processor cores that it has for them.
    #[serde(default)]
    pub cores: u32,
    /// Where clients connect; empty if it is not there.
    pub listening: String,
    /// For how long it has been running, by its own clock.
    pub uptime_seconds: f64,
}

fn yes() -> bool {
    true
}

/// One instance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InstanceReport {
    /// Its place in the layer.
    pub id: InstanceId,
    /// Which start of it.
    pub incarnation: Incarnation,
    /// Where it runs.
    pub host: HostId,
    /// Slots that it owns: of subscriptions at a matcher, of sessions at an exit point.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub slots: Option<usize>,
    /// Slots of others that it stands by for, at a matcher where that is wanted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stands_by_for: Option<usize>,
}

pub(super) fn show(State(broker): State<Broker>) -> Ready<Result<Json<TopologyReport>, Problem>> {
    let view = broker.view();
    let topology = view.topology.as_ref().ok_or_else(|| unknown(&view));
    future::ready(topology.map(|topology| Json(report(&broker, &view, topology))))
}

/// The document as it stands in the store, with the owner of every slot.
pub(super) fn document(
    State(broker): State<Broker>,
) -> Ready<Result<Json<Arc<Topology>>, Problem>> {
    let view = broker.view();
    let topology = view.topology.clone().ok_or_else(|| unknown(&view));
    future::ready(topology.map(Json))
}

fn unknown(view: &View) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no_topology")
        .detail(unknown_because(view))
        .retry_after(gomera_coordinator::limits::RETRY_AFTER)
}

/// Why there is no topology to show, and what to do about it.
fn unknown_because(view: &View) -> String {
    if !view.is_available {
        return "the topology has not been read yet: the store does not answer".to_owned();
    }
    let hosts = view.hosts.len();
    let known = match hosts {
        1 => "1 host is known".to_owned(),
        _ => format!("{hosts} hosts are known"),
    };
    format!(
        "nothing is laid out yet, and {known}: the first layout waits for as many as `--hosts` says, which reach \
         each other and may run every layer; see the log of a host where it takes long"
    )
}

fn report(broker: &Broker, view: &View, topology: &Topology) -> TopologyReport {
    let instances = |layer| {
        topology
            .layer(layer)
            .map(|found| instance(topology, found))
            .collect()
    };
    let store = match broker.is_clustered() {
        true => "zookeeper",
        false => "embedded",
    };
    let survived = view.survived();
    let under_way = view.under_way.and_then(|id| broker.operation(id));
    let standbys = (topology.matcher_replicas > 0).then(|| standbys(topology));
    TopologyReport {
        epoch: topology.epoch,
        survives: survived.survives.name().to_owned(),
        survives_why: survived.why,
        whole: view.is_whole(),
        missing: view.missing.as_ref().map(ToString::to_string),
        standbys,
        standbys_why: standbys.and_then(lack_of_standbys),
        ready: view.is_ready,
        available: view.is_available,
        store: store.to_owned(),
        hosts: hosts(view, topology),
        layers: Layer::ALL.map(|layer| (layer, instances(layer))).into(),
        operation: under_way,
    }
}

/// How many slots have a standby.
fn standbys(topology: &Topology) -> usize {
    topology.standby_of.iter().flatten().count()
}

/// Why not every slot has one.
fn lack_of_standbys(standbys: usize) -> Option<String> {
    let missing = SLOTS - standbys;
    let why = format!(
        "{missing} subscription slots have no standby: matchers on two hosts are needed, and an operation on them"
    );
    (missing > 0).then_some(why)
}

/// Those that there are, and those that should be.
fn hosts(view: &View, topology: &Topology) -> Vec<HostReport> {
    let on = |host| topology.instances.iter().filter(move |i| i.host == host);
    let mut hosts: BTreeMap<HostId, HostReport> = BTreeMap::new();
    for instance in &topology.instances {
        let id = instance.host;
        hosts.entry(id).or_insert_with(|| HostReport {
            id,
            zone: instance.zone.clone(),
            name: String::new(),
            present: false,
            leads: false,
            draining: view.draining.contains(&id),
            instances: on(id).count(),
            cores: 0,
            listening: String::new(),
            uptime_seconds: 0.0,
        });
    }
    for document in &view.hosts {
        let since = wall_clock().0.saturating_sub(document.started_unix_ns);
        let since = Duration::from_nanos(u64::try_from(since).unwrap_or(0));
        let report = HostReport {
            id: document.id,
            zone: document.zone.clone(),
            name: document.name.clone(),
            present: true,
            leads: view.leader == Some(document.id),
            draining: view.draining.contains(&document.id),
            instances: on(document.id).count(),
            cores: document.capacity.cores,
            listening: document.clients.to_string(),
            uptime_seconds: since.as_secs_f64(),
        };
        hosts.insert(document.id, report);
    }
    hosts.into_values().collect()
}

fn instance(topology: &Topology, instance: &Instance) -> InstanceReport {
    InstanceReport {
        id: instance.id,
        incarnation: instance.incarnation,
        host: instance.host,
        slots: slots(topology, instance),
        stands_by_for: (topology.matcher_replicas > 0 && instance.layer == Layer::Matchers)
            .then(|| topology.stood_by_for(instance.incarnation).count()),
    }
}

/// How many slots an instance owns, where its layer has slots.
pub(crate) fn slots(topology: &Topology, instance: &Instance) -> Option<usize> {
    let own = instance.incarnation;
    match instance.layer {
        Layer::ConnectionPoints | Layer::AccessPoints => None,
        Layer::Matchers => Some(topology.slots_of(own).count()),
        Layer::ExitPoints => {
            let sessions = &topology.exit_points_of;
            Some(
                sessions
                    .iter()
                    .filter(|points| points.all().any(|point| point == own))
                    .count(),
            )
        }
    }
}
