//! `/v1/load`: what every instance does and holds, for those who decide how many there should be.

use axum::Json;
use axum::extract::State;
use gomera_model::{Incarnation, InstanceId, Layer};
use serde::{Deserialize, Serialize};

use super::topology::slots;
use crate::broker::{Broker, Counts, Measured, Spread};

/// All instances of this host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadReport {
    /// Ordered by incarnation.
    pub instances: Vec<InstanceLoad>,
}

/// One instance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InstanceLoad {
    /// What it does.
    pub layer: Layer,
    /// Its place in the layer.
    pub id: InstanceId,
    /// Which start of it.
    pub incarnation: Incarnation,
    /// Processor time since its start; absent where the system does not tell.
    pub cpu_seconds: Option<f64>,
    /// Turns since its start.
    pub turns: u64,
    /// Frames fed to it since its start.
    pub frames: u64,
    /// Notifications that it took (connection and access points), matched, or released.
    pub notifications: u64,
    /// How long its latest turns took.
    pub turn_seconds: SpreadReport,
    /// How long the first input of each of them had waited.
    pub wait_seconds: SpreadReport,
    /// Batches that wait now.
    pub queue_length: usize,
    /// For how long the first of them has.
    pub queue_age_seconds: f64,
    /// Slots that it owns.
    pub slots: Option<usize>,
    /// Subscriptions that it holds.
    pub subscriptions: u64,
    /// Bytes of what it holds: index, or lists and queues.
    pub bytes: u64,
    /// Sessions that have lost something at their limits and not yet been told; exit points only.
    pub sessions_behind: u64,
}

/// Some quantiles.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct SpreadReport {
    /// The middle.
    pub p50: f64,
    /// 99 of 100 lie below.
    pub p99: f64,
    /// The greatest.
    pub max: f64,
}

pub(super) async fn show(State(broker): State<Broker>) -> Json<LoadReport> {
    let measured = broker.measure().await;
    let topology = broker.topology();
    let report = |measured: &Measured| {
        let owned = topology
            .as_ref()
            .and_then(|known| slots(known, &measured.instance));
        one(measured, owned)
    };
    let instances = measured.iter().map(report).collect();
    Json(LoadReport { instances })
}

fn one(measured: &Measured, slots: Option<usize>) -> InstanceLoad {
    let instance = &measured.instance;
    let load = measured.load();
    let (notifications, sessions_behind) = match &measured.counts {
        Counts::ConnectionPoint(stats) => (stats.publications, 0),
        Counts::AccessPoint(stats) => (stats.stamped, 0),
        Counts::Matcher(stats) => (stats.notifications, 0),
        Counts::ExitPoint(stats) => (stats.released, stats.sessions_behind),
    };
    InstanceLoad {
        layer: instance.layer,
        id: instance.id,
        incarnation: instance.incarnation,
        cpu_seconds: measured.cpu.map(|cpu| cpu.as_secs_f64()),
        turns: measured.turns,
        frames: measured.frames,
        notifications,
        turn_seconds: spread(measured.turn),
        wait_seconds: spread(measured.wait),
        queue_length: measured.waiting,
        queue_age_seconds: measured.waiting_age.as_secs_f64(),
        slots,
        subscriptions: load.subscriptions,
        bytes: load.bytes,
        sessions_behind,
    }
}

fn spread(spread: Spread) -> SpreadReport {
    SpreadReport {
        p50: spread.p50.as_secs_f64(),
        p99: spread.p99.as_secs_f64(),
        max: spread.max.as_secs_f64(),
    }
}
