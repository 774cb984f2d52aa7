//! A broker with its stored subscriptions, and an operation under load.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gomera::broker::{Broker, Config, Counts, wall_clock};
use gomera::demo::report::Operation;
use gomera_client::{Client, Subscriber};
use gomera_coordinator::{Answer, OperationRecord, Outcome, ScaleRequest};
use gomera_loadgen::filters;
use gomera_loadgen::fleet::{self, Fleet};
use gomera_loadgen::measurement::Measurement;
use gomera_loadgen::readings::{self, Reading};
use gomera_loadgen::schedule::Schedule;
use gomera_model::Layer;
use gomera_model::control::Strategy;
use gomera_operators::matcher::CopyRate;
use tokio::time::sleep;

use crate::elsewhere;
use crate::prober::Prober;
use crate::report::Observed;

/// Whatever goes wrong ends the bench.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Setting {
    pub(crate) subscriptions: usize,
    /// 0 is without limit.
    pub(crate) copy_rate: u32,
    pub(crate) rate: u32,
}

impl Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} subscriptions, copy rate {}",
            self.subscriptions, self.copy_rate
        )
    }
}

/// A broker that holds all subscriptions that never match.
pub(crate) struct Stage {
    setting: Setting,
    broker: Broker,
    client: Client,
    directory: PathBuf,
    readings: Arc<[Reading]>,
    hot: Vec<String>,
    /// They hold what does not match.
    stored: Vec<Subscriber>,
    /// How long operations of each strategy took of late; decides how long the next load runs.
    took: std::sync::Mutex<BTreeMap<&'static str, Duration>>,
}

impl Stage {
    /// Starts a broker and subscribes what never matches.
    pub(crate) async fn set(setting: Setting) -> Result<Self, Failure> {
        let readings: Arc<[Reading]> = readings::bundled()?.into();
        let hot = filters::derive(&readings, HOT.min(setting.subscriptions), SEED);
        let away = elsewhere::readings(&readings)?;
        let cold = filters::derive(&away, setting.subscriptions - hot.len(), SEED);
        let directory = std::env::temp_dir().join(format!("gomera-bench-{}", std::process::id()));
        let mut config = Config::local(&directory);
        config.copy_rate = match setting.copy_rate {
            0 => CopyRate::unlimited(),
            rate => CopyRate::limited(rate),
        };
        let broker = Broker::start(&config)?;
        let client = Client::builder()
            .server(&format!("silbo://{}", broker.listening()))?
            .ca_file(directory.join("ca.pem"))?
            .build()?;
        let began = Instant::now();
        let mut stored = Vec::new();
        for part in cold.chunks(cold.len().div_ceil(STORING).max(1)) {
            stored.push(subscribe(&client, part).await?);
        }
        eprintln!("{setting}: stored in {:.1?}", began.elapsed());
        Ok(Self {
            setting,
            broker,
            client,
            directory,
            readings,
            hot,
            stored,
            took: std::sync::Mutex::default(),
        })
    }

    /// Ends all that was started.
    pub(crate) async fn clear(self) {
        for subscriber in self.stored {
            // The broker ends next, whoever is still there.
            drop(subscriber);
        }
        self.client.close().await;
        self.broker.shutdown().await;
        let _ = std::fs::remove_dir_all(self.directory);
    }

    /// One operation, in the middle of a load of its own.
    pub(crate) async fn operation(
        &self,
        strategy: Strategy,
        matchers: u32,
    ) -> Result<Observed, Failure> {
        let expected = self.expected(strategy);
        let length = WARM_UP + expected + expected + SLACK;
        let (name, setting) = (name(strategy), self.setting);
        eprintln!("{setting}, {name}: to {matchers} matchers, under load for {length:.1?}");
        let schedule = Schedule::new(&self.readings, PUBLISHERS, self.setting.rate, length);
        let fleet = Fleet::connect(&self.client, PUBLISHERS, SUBSCRIBERS, &self.hot, true).await?;
        let prober = Prober::start(&self.client).await?;
        let held_before = self.held().await;
        let start = Instant::now() + HEAD_START;
        let start_unix_ns = wall_clock().0 + i64::try_from(HEAD_START.as_nanos())?;
        let scaling = async {
            tokio::time::sleep_until((start + WARM_UP + expected).into()).await;
            self.scale(strategy, matchers).await
        };
        let running = fleet.run(Arc::clone(&self.readings), &schedule, start);
        let (outcome, record) =
            tokio::try_join!(async { running.await.map_err(Failure::from) }, scaling)?;
        let activations = prober.finish().await;
        let held = self.held().await.since(held_before);
        let took = Duration::from_nanos(record.duration_ns());
        let mut known = self.took.lock().map_err(|_| "a thread panicked")?;
        known.insert(name, took + took / 4);
        drop(known);
        let measurement = measurement(&schedule, &outcome);
        let operation = Operation::new(&record, start_unix_ns, &measurement);
        let mut observed = Observed::new(&record, &operation, &measurement, held);
        observed.activations(&activations, start, &operation.span_ns);
        observed.cut_ns = operation
            .span_ns
            .end
            .saturating_sub(u64::try_from(length.as_nanos())?);
        observed.reconnects = outcome.reconnects;
        Ok(observed)
    }

    /// How long the next operation may take: as the last one, or what the rate allows and some more.
    fn expected(&self, strategy: Strategy) -> Duration {
        let known = self.took.lock().ok();
        let known = known.and_then(|known| known.get(name(strategy)).copied());
        known.unwrap_or_else(|| {
            let moved = u32::try_from(self.setting.subscriptions).unwrap_or(u32::MAX) / 3;
            let rate = match self.setting.copy_rate {
                0 => GUESSED_RATE,
                rate => rate,
            };
            // Dropping follows, at four times the pace, of twice as many.
            Duration::from_secs_f64(f64::from(moved) / f64::from(rate) * 1.6) + GUESSED_REST
        })
    }

    async fn scale(&self, strategy: Strategy, matchers: u32) -> Result<OperationRecord, Failure> {
        let request = ScaleRequest {
            wishes: [(Layer::Matchers, matchers)].into(),
            strategy,
            dry_run: false,
            reason: "bench".to_owned(),
            idempotency_key: None,
            asked_at: wall_clock(),
        };
        let Answer::Accepted(accepted) = self.broker.scale(request).await else {
            return Err("the broker does not scale".into());
        };
        let deadline = Instant::now() + OPERATION_WITHIN;
        loop {
            let record = self
                .broker
                .operation(accepted.id)
                .ok_or("it is forgotten")?;
            match record.outcome {
                Outcome::Done => return Ok(record),
                Outcome::Running if Instant::now() < deadline => sleep(LOOK_EVERY).await,
                Outcome::Running => return Err("the operation does not end".into()),
                ended @ (Outcome::Interrupted { .. } | Outcome::Aborted { .. }) => {
                    return Err(format!("given up: {ended:?}").into());
                }
            }
        }
    }

    async fn held(&self) -> Held {
        let mut held = Held::default();
        for measured in self.broker.measure().await {
            if let Counts::AccessPoint(stats) = measured.counts {
                held.notifications += stats.publications_held;
                held.longest_ns = held.longest_ns.max(stats.publications_held_ns_max);
            }
        }
        held
    }
}

/// What access points kept back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Held {
    pub(crate) notifications: u64,
    /// Of the whole life of the broker.
    pub(crate) longest_ns: u64,
}

impl Held {
    fn since(self, before: Self) -> Self {
        Self {
            notifications: self.notifications - before.notifications,
            longest_ns: self.longest_ns,
        }
    }
}

fn measurement(schedule: &Schedule, outcome: &fleet::Outcome) -> Measurement {
    let recorded = outcome.received.iter().map(|received| &received.arrivals);
    Measurement::new(schedule, recorded)
}

async fn subscribe(client: &Client, filters: &[String]) -> Result<Subscriber, Failure> {
    let mut subscriber = client.subscriber().open().await?;
    for some in filters.chunks(SUBSCRIBING_MAX) {
        let asked: Vec<_> = some
            .iter()
            .map(|filter| subscriber.subscribe(filter.as_str()))
            .collect();
        for answer in asked {
            answer.await?;
        }
    }
    Ok(subscriber)
}

/// The strategy's name on the command line.
pub(crate) fn name(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Live => "live",
        Strategy::Buffered => "buffered",
    }
}

/// One run: from 1 matcher to 3, and back.
pub(crate) const OUT_AND_IN: [u32; 2] = [3, 1];
/// Filters that real readings satisfy; all others ask for ships elsewhere.
const HOT: usize = 2_000;
const SEED: u64 = 1;
const PUBLISHERS: usize = 4;
const SUBSCRIBERS: usize = 20;
/// Sessions that hold what does not match.
const STORING: usize = 20;
/// Subscriptions of one client that are under way at once.
const SUBSCRIBING_MAX: usize = 500;
const HEAD_START: Duration = Duration::from_millis(100);
const WARM_UP: Duration = Duration::from_millis(500);
/// Behind the operation, in case that it takes longer than the last one.
const SLACK: Duration = Duration::from_millis(500);
/// Subscriptions a second that a copy without a limit brings to a new owner, before one was measured.
const GUESSED_RATE: u32 = 100_000;
const GUESSED_REST: Duration = Duration::from_millis(300);
const OPERATION_WITHIN: Duration = Duration::from_secs(600);
const LOOK_EVERY: Duration = Duration::from_millis(5);
