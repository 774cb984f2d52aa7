//! `/v1/load`: what every instance does and holds, for those who decide how many there should be.

use axum::Json;
use axum::extract::State;
use gomera_model::silbo::RefusalCode;
use gomera_model::{Incarnation, InstanceId, Layer};
use serde::{Deserialize, Serialize};

use super::topology::slots;
use crate::broker::{Broker, Counts, Measured, Spread};

/// All instances of this host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadReport {
    /// Ordered by incarnation.
    pub instances: Vec<InstanceLoad>,
    /// What happened at limits.
    pub overload: OverloadReport,
}

/// What happened at limits, by the policy that was applied there.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct OverloadReport {
    /// Policy `gap`: deliveries that sessions have lost with a signalled gap.
    pub deliveries_lost: u64,
    /// Policy `gap`: sessions that have lost something and not yet been told.
    pub sessions_behind: u64,
    /// Policy `disconnect`: sessions that were closed.
    pub sessions_disconnected: u64,
    /// Policy `too-slow`: connections closed because more waited for them than a window admits.
    pub connections_too_slow: u64,
    /// Policy `wait`: times that a publisher's stream was not read for a while.
    pub publisher_pauses: u64,
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
    /// Subscriptions that it holds in slots of its own.
    pub subscriptions: u64,
    /// Subscriptions that it holds for another matcher.
    #[serde(default)]
    pub standby_subscriptions: u64,
    /// Own slots that another matcher has been sent whole.
    #[serde(default)]
    pub slots_stood_by: u64,
    /// Bytes of what it holds: index, or lists and queues.
    pub bytes: u64,
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
    Json(LoadReport {
        instances: measured.iter().map(report).collect(),
        overload: overload(&measured),
    })
}

fn overload(measured: &[Measured]) -> OverloadReport {
    let mut sum = OverloadReport::default();
    for instance in measured {
        let too_slow = instance.clients.closed.get(&RefusalCode::TooSlow);
        sum.connections_too_slow += too_slow.copied().unwrap_or(0);
        match &instance.counts {
            Counts::ConnectionPoint(stats) => sum.publisher_pauses += stats.pauses,
            Counts::AccessPoint(_) | Counts::Matcher(_) => {}
            Counts::ExitPoint(stats) => {
                sum.deliveries_lost += stats.deliveries_lost;
                sum.sessions_behind += stats.sessions_behind;
                sum.sessions_disconnected += stats.disconnected_slow;
            }
        }
    }
    sum
}

fn one(measured: &Measured, slots: Option<usize>) -> InstanceLoad {
    let instance = &measured.instance;
    let load = measured.load();
    let notifications = match &measured.counts {
        Counts::ConnectionPoint(stats) => stats.publications,
        Counts::AccessPoint(stats) => stats.stamped,
        Counts::Matcher(stats) => stats.notifications,
        Counts::ExitPoint(stats) => stats.released,
    };
    let (standby_subscriptions, slots_stood_by) = match &measured.counts {
        Counts::Matcher(stats) => (stats.standby_subscriptions, stats.slots_stood_by),
        Counts::ConnectionPoint(_) | Counts::AccessPoint(_) | Counts::ExitPoint(_) => (0, 0),
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
        standby_subscriptions,
        slots_stood_by,
        bytes: load.bytes,
    }
}

fn spread(spread: Spread) -> SpreadReport {
    SpreadReport {
        p50: spread.p50.as_secs_f64(),
        p99: spread.p99.as_secs_f64(),
        max: spread.max.as_secs_f64(),
    }
}
