//! The demonstration: the main job from end to end, alone, checked, and drawn.
//!
//! An embedded broker listens with real QUIC on loopback. Publishers replay real ship reports in an open loop,
//! subscribers hold content filters derived from them, and while all of that runs the matchers scale 1 → 3 → 1.
//! Afterwards the checker gives its verdict, with the reference evaluator and not with the broker's index.

mod directory;
pub mod page;
pub mod report;
mod scaling;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gomera_client::{BuildError, Client};
use gomera_coordinator::OperationRecord;
use gomera_filter::evaluate::Prepared;
use gomera_filter::{Dialect, Filter, FilterError, reference};
use gomera_loadgen::checker::{self, History, Judge, Scope, Subscriber, Verdict};
use gomera_loadgen::filters;
use gomera_loadgen::fleet::{Fleet, FleetError, Outcome};
use gomera_loadgen::live::Live;
use gomera_loadgen::measurement::Measurement;
use gomera_loadgen::readings::{self, Reading, ReadingsError};
use gomera_loadgen::schedule::Schedule;

use crate::broker::{Broker, Config, StartError, wall_clock};
use directory::FreshDirectory;
use report::{BUCKET_NS, Load, Operation, Report};
pub use scaling::ScaleError;

/// What a demonstration does.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is asked of the broker.
    pub load: Load,
    /// Whether every pair of the run is checked, or only every pair around the operations.
    pub check_all: bool,
    /// Decides the filters and the checker's sample.
    pub seed: u64,
}

/// Why a demonstration did not come to its report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The bundled readings are damaged.
    #[error(transparent)]
    Readings(#[from] ReadingsError),
    /// A filter that was derived from them is none: the derivation is at fault.
    #[error("a filter that was derived from the readings: {0}")]
    Filter(#[from] FilterError),
    /// There is no place for the certificates.
    #[error("cannot make a directory for certificates: {0}")]
    Directory(std::io::Error),
    /// The broker does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The client library cannot be set up.
    #[error(transparent)]
    Client(#[from] BuildError),
    /// The clients cannot do their part.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// The matchers did not scale.
    #[error(transparent)]
    Scale(#[from] ScaleError),
    /// A thread of ours panicked.
    #[error("the checker did not end: {0}")]
    Checker(#[from] tokio::task::JoinError),
}

/// Where a demonstration is.
#[derive(Clone, Debug)]
pub enum Stage {
    /// Reads the readings and derives the filters.
    Preparing,
    /// Clients connect and subscribe.
    Connecting,
    /// Notifications flow; the counters, when the run began, and the broker for its topology.
    Running(Arc<Live>, Instant, Broker),
    /// The checker compares.
    Checking,
}

/// Runs a demonstration; `stage` is told where it is. Within the context of a runtime with all of its drivers.
///
/// # Errors
///
/// See [`DemoError`]. That the checker finds something is no error: it stands in the report.
pub async fn run(settings: &Settings, stage: &(dyn Fn(Stage) + Sync)) -> Result<Report, DemoError> {
    stage(Stage::Preparing);
    let material = Arc::new(Material::prepare(settings)?);
    stage(Stage::Connecting);
    let directory = FreshDirectory::make().map_err(DemoError::Directory)?;
    let broker = Broker::start(&Config::local(directory.path()))?;
    let client = Client::builder()
        .server(&format!("silbo://{}", broker.listening()))?
        .ca_file(directory.path().join("ca.pem"))?
        .build()?;
    let played = play(settings, &material, (&broker, &client), stage).await;
    client.close().await;
    broker.shutdown().await;
    drop(directory);
    let played = played?;
    stage(Stage::Checking);
    let settings = settings.clone();
    let report = tokio::task::spawn_blocking(move || played.report(&settings, &material));
    Ok(report.await?)
}

/// What is there before the run.
struct Material {
    readings: Arc<[Reading]>,
    texts: Vec<String>,
    /// For the checker.
    filters: Vec<Filter>,
    schedule: Schedule,
}

impl Material {
    fn prepare(settings: &Settings) -> Result<Self, DemoError> {
        let load = settings.load;
        let readings: Arc<[Reading]> = readings::bundled()?.into();
        let texts = filters::derive(&readings, load.filters, settings.seed);
        let parsed = texts.iter().map(|text| Filter::parse(Dialect::Sql, text));
        let filters = parsed.collect::<Result<Vec<Filter>, FilterError>>()?;
        let length = Duration::from_secs(load.seconds.into());
        let schedule = Schedule::new(&readings, load.publishers, load.rate_per_second, length);
        Ok(Self {
            readings,
            texts,
            filters,
            schedule,
        })
    }
}

/// Connects, publishes, scales, and waits until all has arrived.
async fn play(
    settings: &Settings,
    material: &Material,
    (broker, client): (&Broker, &Client),
    stage: &(dyn Fn(Stage) + Sync),
) -> Result<Played, DemoError> {
    let load = settings.load;
    let (publishers, subscribers) = (load.publishers, load.subscribers);
    let fleet = Fleet::connect(client, publishers, subscribers, &material.texts, true).await?;
    let start = Instant::now() + HEAD_START;
    let start_unix_ns = wall_clock().0 + i64::try_from(HEAD_START.as_nanos()).unwrap_or(0);
    stage(Stage::Running(fleet.live(), start, broker.clone()));
    let readings = Arc::clone(&material.readings);
    let running = fleet.run(readings, &material.schedule, start);
    let length = Duration::from_secs(load.seconds.into());
    let scaling = scaling::scale_out_and_in(broker, start.into(), length);
    let (outcome, records) =
        tokio::try_join!(async { running.await.map_err(DemoError::from) }, async {
            scaling.await.map_err(DemoError::from)
        },)?;
    Ok(Played {
        outcome,
        records,
        start_unix_ns,
    })
}

/// What is there after the run.
struct Played {
    outcome: Outcome,
    records: Vec<OperationRecord>,
    start_unix_ns: i64,
}

impl Played {
    fn report(&self, settings: &Settings, material: &Material) -> Report {
        let schedule = &material.schedule;
        let recorded = self
            .outcome
            .received
            .iter()
            .map(|received| &received.arrivals);
        let measurement = Measurement::new(schedule, recorded);
        let operations: Vec<Operation> = self
            .records
            .iter()
            .map(|record| Operation::new(record, self.start_unix_ns, &measurement))
            .collect();
        let load = settings.load;
        let end_ns = u64::from(load.seconds) * SECOND_NS;
        let scope = if settings.check_all {
            Scope::All
        } else {
            Scope::Window(window(&operations, load.rate_per_second))
        };
        Report {
            load,
            notifications: self.outcome.published.iter().copied().map(u64::from).sum(),
            deliveries: measurement.len() as u64,
            duration_ns: measurement.last_arrival_ns().unwrap_or(end_ns),
            latency: measurement.latency(),
            timeline: measurement.timeline(schedule, end_ns, BUCKET_NS),
            operations,
            reconnects: self.outcome.reconnects,
            verdict: self.verdict(material, &scope, settings.seed),
        }
    }

    fn verdict(&self, material: &Material, scope: &Scope, seed: u64) -> Verdict {
        let received = &self.outcome.received;
        let subscribers: Vec<Subscriber<'_>> = received
            .iter()
            .map(|received| Subscriber {
                subscriptions: &received.subscriptions,
                arrivals: &received.arrivals,
            })
            .collect();
        let history = History {
            schedule: &material.schedule,
            published: &self.outcome.published,
            subscribers: &subscribers,
        };
        let judge = Judge {
            prepare: &|reading| Prepared::new(&material.readings[reading as usize].attributes),
            satisfies: &|filter, reading| {
                let filter = &material.filters[filter as usize];
                reference::evaluate_prepared(filter, reading).is_true()
            },
        };
        let mut verdict = checker::check(&history, scope, seed, &judge);
        if self.outcome.reconnects == 0 {
            // The library has hidden them, but without a reconnection there is no reason for a repeat.
            verdict.doubled += self.outcome.repeats_dropped;
        }
        verdict
    }
}

/// What is checked exhaustively: all operations with as much before and after them, and so many notifications at least.
fn window(operations: &[Operation], rate_per_second: u32) -> Range<u64> {
    let spans = operations.iter().map(|operation| &operation.span_ns);
    let longest = spans.clone().map(|span| span.end - span.start).max();
    let around = longest.unwrap_or(0);
    let start = spans.clone().map(|span| span.start).min().unwrap_or(0);
    let end = spans.map(|span| span.end).max().unwrap_or(0);
    let (start, end) = (start.saturating_sub(around), end + around);
    let least = EXHAUSTIVE_MIN * SECOND_NS / u64::from(rate_per_second);
    let missing = least.saturating_sub(end - start);
    let earlier = (missing / 2).min(start);
    start - earlier..end + (missing - earlier)
}

/// From when all is subscribed to the first publication.
const HEAD_START: Duration = Duration::from_millis(200);
/// Notifications that are checked exhaustively, at least.
const EXHAUSTIVE_MIN: u64 = 5_000;
const SECOND_NS: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn operation(span_ns: Range<u64>) -> Operation {
        Operation {
            layers: BTreeMap::new(),
            span_ns,
            phases: Vec::new(),
            slots_moved: 0,
            subscriptions_moved: 0,
            bytes_moved: 0,
            gap_quiet_ns: None,
            gap_operation_ns: None,
            deliveries: Vec::new(),
        }
    }

    #[test]
    fn the_window_holds_all_operations_and_enough_notifications() {
        let check = |spans: &[Range<u64>], rate, expected: Range<u64>| {
            let operations: Vec<Operation> = spans.iter().cloned().map(operation).collect();
            assert_eq!(window(&operations, rate), expected);
        };
        let second = SECOND_NS;
        let short = [
            8 * second..8 * second + 1_000,
            11 * second..11 * second + 500,
        ];
        check(&short, 2_000, 8 * second - 1_000..11 * second + 500 + 1_000);
        check(
            &short[..1],
            5_000,
            7 * second + second / 2 + 500..8 * second + second / 2 + 500,
        );
        check(&[], 5_000, 0..second);
    }
}
