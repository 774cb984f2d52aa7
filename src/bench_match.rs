//! `gomera bench match`: the matching engine alone, on subscriptions and notifications from files, by CPU time.
//!
//! ```text
//! read, parse -> build -> churn -> check (checksum) -> measure -> move, load (where asked for)
//! ```

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gomera_filter::{Dialect, Filter, FilterError, reference};
use gomera_matching::{CpuLevel, Hits, Index, SlotSet};
use gomera_model::notification::{Body, Content};
use gomera_model::operation::CanonicalFilter;
use gomera_model::{
    Attributes, AttributesBuilder, ContentError, OperationNumber, SessionId, SlotId,
    SubscriptionId, SubscriptionNumber, ValueRef, flatten, json,
};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// What is measured.
#[derive(Clone, Debug)]
pub struct Options {
    /// File with a subscription a line.
    pub subscriptions: PathBuf,
    /// File with a notification a line.
    pub events: PathBuf,
    /// What matches.
    pub engine: Engine,
    /// So many subscriptions are deleted and inserted again before matching is measured.
    pub churn: usize,
    /// So many a second are while it is measured.
    pub churn_rate: u64,
    /// So many are moved to a second index at the end.
    pub moved: usize,
    /// Whether building an index from canonical forms is measured.
    pub load: bool,
    /// What the processor can do.
    pub level: CpuLevel,
    /// CPU time that passes are repeated for; [`MEASURED`] unless there is a reason.
    pub measured: Duration,
}

/// What matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// The index that the matchers use.
    #[default]
    Index,
    /// Every filter is asked of every notification, by the reference evaluator.
    Scan,
}

/// What was measured. Times are CPU times of the one thread.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// How many there were.
    pub subscriptions: usize,
    /// How many there were.
    pub events: usize,
    /// Pairs of a notification and a subscription that match.
    pub matches: usize,
    /// Which pairs those are, as one number in hexadecimal.
    pub checksum: String,
    /// How often all notifications were matched; the best pass counts.
    pub passes: usize,
    /// Parsing all filters.
    pub parse_seconds: f64,
    /// Inserting them.
    pub build_seconds: f64,
    /// Everything behind the preparation of a notification, up to the hits sorted by session.
    pub match_cpu_ns_per_event: f64,
    /// Reading a notification's attributes into the form that tests are made on.
    pub prepare_cpu_ns_per_event: f64,
    /// One insertion, on average.
    pub insert_cpu_ns: f64,
    /// 99 of 100 are as fast.
    pub insert_p99_cpu_ns: f64,
    /// One removal, on average.
    pub delete_cpu_ns: f64,
    /// 99 of 100 are as fast.
    pub delete_p99_cpu_ns: f64,
    /// All that the index holds, by its own count.
    pub bytes_per_subscription: f64,
    /// Always one.
    pub threads: usize,
    /// With a churn rate: pairs of removal and insertion while matching was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub churned_pairs: Option<u64>,
    /// How many were moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_subscriptions: Option<usize>,
    /// Listing, removing, packing, unpacking and inserting them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub move_cpu_seconds: Option<f64>,
    /// The longest step between two notifications while they were moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_event_wait_ns: Option<f64>,
    /// Unpacked from canonical form and inserted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_subscriptions_per_second: Option<f64>,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// A file cannot be read.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line of the subscriptions is no `{"id": …, "filter": …}`.
    #[error("line {line}: {source}")]
    Subscription {
        /// Which line.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// A filter was refused.
    #[error("line {line}: {source}")]
    Filter {
        /// Which line.
        line: usize,
        /// Why.
        source: FilterError,
    },
    /// A line of the notifications is no `{"attrs": {…}}`, or was refused.
    #[error("line {line}: {source}")]
    Event {
        /// Which line.
        line: usize,
        /// Why.
        source: ContentError,
    },
    /// A line of the notifications has no object `attrs`.
    #[error("line {line}: no object \"attrs\"")]
    NoAttributes {
        /// Which line.
        line: usize,
    },
    /// There is nothing to measure.
    #[error("no subscriptions, or no events")]
    Empty,
}

/// CPU time that passes are repeated for: long enough for the best pass to be an undisturbed one.
pub const MEASURED: Duration = Duration::from_secs(2);
/// Removals and insertions that are measured where no churn is asked for.
const CHURN_DEFAULT: usize = 10_000;
/// Notifications handed over at once, as a matcher gets them.
const BATCH: usize = 32;
/// Subscriptions moved in one step between two notifications.
const MOVED_IN_STEP: usize = 16;
/// The seed of the index: any will do.
const SEED: u64 = 0x6d61_7463_6869_6e67;

/// Measures.
///
/// # Errors
///
/// Whatever [`BenchError`] names.
pub fn run(options: &Options) -> Result<Report, BenchError> {
    let start = cpu();
    let subscriptions = read_subscriptions(&options.subscriptions)?;
    let parse_seconds = (cpu() - start).as_secs_f64();
    let events = read_events(&options.events)?;
    if subscriptions.is_empty() || events.is_empty() {
        return Err(BenchError::Empty);
    }
    let mut report = Report {
        subscriptions: subscriptions.len(),
        events: events.len(),
        parse_seconds,
        threads: 1,
        ..Report::default()
    };
    match options.engine {
        Engine::Index => run_index(options, &subscriptions, &events, &mut report),
        Engine::Scan => run_scan(options, &subscriptions, &events, &mut report),
    }
    Ok(report)
}

/// A subscription of the file.
struct Subscription {
    id: SubscriptionId,
    filter: Filter,
}

fn run_index(options: &Options, all: &[Subscription], events: &[Attributes], report: &mut Report) {
    let mut index = Index::new(SEED, options.level);
    let start = cpu();
    for subscription in all {
        index.insert(subscription.id, OperationNumber(1), &subscription.filter);
    }
    report.build_seconds = (cpu() - start).as_secs_f64();
    let mut churn = Churn::new(all);
    churn.measure(&mut index, options.churn, report);
    check(&mut index, events, report);
    measure(&mut index, &mut churn, options, events, report);
    #[expect(clippy::cast_precision_loss, reason = "a figure to be read")]
    let (bytes, count) = (index.bytes() as f64, index.len() as f64);
    report.bytes_per_subscription = bytes / count;
    if options.moved > 0 {
        move_slots(&mut index, options, events, report);
    }
    if options.load {
        load(all, options.level, report);
    }
}

/// Matches every notification once, and adds up what matches.
fn check(index: &mut Index, events: &[Attributes], report: &mut Report) {
    let (visible, mut hits) = (SlotSet::full(), Hits::new());
    let mut checksum = Checksum::default();
    for (number, flat) in (0..).zip(events) {
        hits.clear();
        index.match_batch(&[flat], &visible, &mut hits);
        for (session, hits) in hits.sessions(0) {
            for _ in hits {
                checksum.add(number, session.0);
            }
        }
    }
    report.matches = checksum.matches;
    report.checksum = checksum.text();
}

/// The best pass of matching, and the best of preparing alone.
fn measure(
    index: &mut Index,
    churn: &mut Churn<'_>,
    options: &Options,
    events: &[Attributes],
    report: &mut Report,
) {
    let batches = events.chunks(BATCH).map(|batch| batch.iter().collect());
    let batches = batches.collect::<Vec<Vec<&Attributes>>>();
    let (visible, mut hits) = (SlotSet::full(), Hits::new());
    let (mut best, mut best_prepare) = (Duration::MAX, Duration::MAX);
    let start = cpu();
    let mut pairs = 0;
    while report.passes == 0 || cpu() - start < options.measured {
        let mut pass = Duration::ZERO;
        for batch in &batches {
            hits.clear();
            let before = cpu();
            index.match_batch(batch, &visible, &mut hits);
            pass += cpu() - before;
            let due = u128::from(options.churn_rate) * (cpu() - start).as_nanos() / 1_000_000_000;
            while u128::from(pairs) < due {
                churn.pair(index);
                pairs += 1;
            }
        }
        best = best.min(pass);
        report.passes += 1;
        let before = cpu();
        events.iter().for_each(|flat| index.prepare(flat));
        best_prepare = best_prepare.min(cpu() - before);
    }
    report.prepare_cpu_ns_per_event = nanoseconds(best_prepare, events.len());
    report.match_cpu_ns_per_event = nanoseconds(best.saturating_sub(best_prepare), events.len());
    report.churned_pairs = (options.churn_rate > 0).then_some(pairs);
}

/// Removes and inserts at random; what is there stays the same.
struct Churn<'a> {
    all: &'a [Subscription],
    random: u64,
    operation: u64,
}

impl<'a> Churn<'a> {
    fn new(all: &'a [Subscription]) -> Self {
        Self {
            all,
            random: 1,
            operation: 1,
        }
    }

    fn pair(&mut self, index: &mut Index) {
        let subscription = self.draw();
        index.remove(subscription.id);
        self.insert(index, subscription);
    }

    fn measure(&mut self, index: &mut Index, asked: usize, report: &mut Report) {
        let count = if asked > 0 {
            asked
        } else {
            CHURN_DEFAULT.min(self.all.len())
        };
        let clock = clock_cost();
        let (mut deletes, mut inserts) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let subscription = self.draw();
            let start = cpu();
            index.remove(subscription.id);
            let between = cpu();
            self.insert(index, subscription);
            inserts.push((cpu() - between).saturating_sub(clock));
            deletes.push((between - start).saturating_sub(clock));
        }
        (report.insert_cpu_ns, report.insert_p99_cpu_ns) = mean_and_p99(&mut inserts);
        (report.delete_cpu_ns, report.delete_p99_cpu_ns) = mean_and_p99(&mut deletes);
    }

    fn insert(&mut self, index: &mut Index, subscription: &Subscription) {
        self.operation += 1;
        let operation = OperationNumber(self.operation);
        index.insert(subscription.id, operation, &subscription.filter);
    }

    fn draw(&mut self) -> &'a Subscription {
        self.random = self.random.wrapping_add(1);
        let drawn = splitmix64(self.random) % self.all.len() as u64;
        &self.all[usize::try_from(drawn).expect("below a length")]
    }
}

/// Moves whole slots to a second index, some subscriptions at a time, with a notification between the steps.
fn move_slots(index: &mut Index, options: &Options, events: &[Attributes], report: &mut Report) {
    let mut other = Index::new(SEED + 1, options.level);
    let (mut ids, mut moved) = (Vec::new(), 0);
    let (mut total, mut longest) = (Duration::ZERO, Duration::ZERO);
    let (visible, mut hits) = (SlotSet::full(), Hits::new());
    let mut flats = events.iter().cycle();
    for slot in SlotId::all() {
        let start = cpu();
        ids.clear();
        index.slot(slot, &mut ids);
        ids.truncate(options.moved - moved);
        moved += ids.len();
        let mut time = cpu() - start;
        for step in ids.chunks(MOVED_IN_STEP) {
            let start = cpu();
            for id in step {
                if let Some(stored) = index.stored(*id) {
                    index.remove(*id);
                    insert_canonical(&mut other, *id, &stored.filter);
                }
            }
            time += cpu() - start;
            total += time;
            longest = longest.max(time);
            time = Duration::ZERO;
            hits.clear();
            index.match_batch(flats.next().as_slice(), &visible, &mut hits);
        }
    }
    report.moved_subscriptions = Some(moved);
    report.move_cpu_seconds = Some(total.as_secs_f64());
    report.longest_event_wait_ns = Some(nanoseconds(longest, 1));
}

fn load(all: &[Subscription], level: CpuLevel, report: &mut Report) {
    let canonical = all
        .iter()
        .map(|subscription| subscription.filter.canonical());
    let canonical = canonical.collect::<Vec<_>>();
    let mut index = Index::new(SEED + 2, level);
    let start = cpu();
    for (subscription, filter) in all.iter().zip(&canonical) {
        insert_canonical(&mut index, subscription.id, filter);
    }
    let seconds = (cpu() - start).as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a figure to be read")]
    let rate = all.len() as f64 / seconds;
    report.load_subscriptions_per_second = Some(rate);
}

fn insert_canonical(index: &mut Index, id: SubscriptionId, canonical: &CanonicalFilter) {
    index
        .insert_canonical(id, OperationNumber(1), canonical)
        .expect("this process made it");
}

fn run_scan(options: &Options, all: &[Subscription], events: &[Attributes], report: &mut Report) {
    let mut best = Duration::MAX;
    let start = cpu();
    while report.passes == 0 || cpu() - start < options.measured {
        let mut checksum = Checksum::default();
        let before = cpu();
        for (number, flat) in (0..).zip(events) {
            for subscription in all {
                if reference::evaluate(&subscription.filter, flat).is_true() {
                    checksum.add(number, subscription.id.session.0);
                }
            }
        }
        best = best.min(cpu() - before);
        report.passes += 1;
        report.matches = checksum.matches;
        report.checksum = checksum.text();
    }
    report.match_cpu_ns_per_event = nanoseconds(best, events.len());
}

/// The sum over all pairs that match, as `docs/matching.md` defines it.
#[derive(Default)]
struct Checksum {
    matches: usize,
    sum: u64,
}

impl Checksum {
    fn add(&mut self, event: u64, id: u64) {
        self.matches += 1;
        let mixed = splitmix64(event.wrapping_mul(GOLDEN) ^ id);
        self.sum = self.sum.wrapping_add(mixed);
    }

    fn text(&self) -> String {
        format!("{:016x}", self.sum)
    }
}

fn read_subscriptions(path: &Path) -> Result<Vec<Subscription>, BenchError> {
    #[derive(Deserialize)]
    struct Line {
        id: u64,
        filter: String,
    }
    let mut subscriptions = Vec::new();
    for_each_line(path, |line, text| {
        let parsed: Line = serde_json::from_str(text)
            .map_err(|source| BenchError::Subscription { line, source })?;
        let filter = Filter::parse(Dialect::Sql, &parsed.filter)
            .map_err(|source| BenchError::Filter { line, source })?;
        let id = SubscriptionId {
            session: SessionId(parsed.id),
            number: SubscriptionNumber(0),
        };
        subscriptions.push(Subscription { id, filter });
        Ok(())
    })?;
    Ok(subscriptions)
}

fn read_events(path: &Path) -> Result<Vec<Attributes>, BenchError> {
    let mut events = Vec::new();
    for_each_line(path, |line, text| {
        let refused = |source| BenchError::Event { line, source };
        let whole = json::attributes_from_json(text.as_bytes()).map_err(refused)?;
        let Some(ValueRef::Object(attributes)) = whole.value("attrs") else {
            return Err(BenchError::NoAttributes { line });
        };
        let mut builder = AttributesBuilder::new();
        for (name, value) in attributes.iter() {
            builder.push_ref(name, value);
        }
        let content = Content {
            attributes: builder.build().map_err(refused)?,
            body: Body::None,
        };
        events.push(flatten::flatten(&content).map_err(refused)?);
        Ok(())
    })?;
    Ok(events)
}

/// Hands over every line that is not empty, with its number from 1.
fn for_each_line(
    path: &Path,
    mut take: impl FnMut(usize, &str) -> Result<(), BenchError>,
) -> Result<(), BenchError> {
    let failed = |source| BenchError::File {
        path: path.into(),
        source,
    };
    let reader = BufReader::new(File::open(path).map_err(failed)?);
    for (number, line) in (1..).zip(reader.lines()) {
        let line = line.map_err(failed)?;
        if !line.trim().is_empty() {
            take(number, &line)?;
        }
    }
    Ok(())
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

fn splitmix64(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(GOLDEN);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ mixed >> 31
}

/// CPU time that this thread has used.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds)
}

/// What asking the clock costs, to be taken off what is measured with it.
fn clock_cost() -> Duration {
    const TIMES: u32 = 1000;
    let start = cpu();
    for _ in 0..TIMES {
        std::hint::black_box(cpu());
    }
    (cpu() - start) / TIMES
}

fn mean_and_p99(times: &mut [Duration]) -> (f64, f64) {
    times.sort_unstable();
    let mean = nanoseconds(times.iter().sum(), times.len());
    let p99 = times.get(times.len() * 99 / 100).copied();
    (mean, nanoseconds(p99.unwrap_or_default(), 1))
}

#[expect(clippy::cast_precision_loss, reason = "a figure to be read")]
fn nanoseconds(time: Duration, count: usize) -> f64 {
    time.as_nanos() as f64 / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_that_is_documented() {
        assert_eq!(splitmix64(0), 0xe220_a839_7b1d_cdaf);
        let mut checksum = Checksum::default();
        checksum.add(0, 0);
        assert_eq!(checksum.text(), "e220a8397b1dcdaf");
    }

    #[test]
    fn the_index_and_the_scan_find_the_same() {
        let directory = std::env::temp_dir().join(format!("gomera-bench-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (subscriptions, events) = (directory.join("s"), directory.join("e"));
        let filters = ["a = 1", "b LIKE 'x%'", "p.q > 2.5 AND a < 9", "NOT (a = 1)"];
        let lines = (0_u64..).zip(filters).map(|(id, filter)| {
            let id = u64::MAX - id;
            format!("{{\"id\":{id},\"filter\":\"{filter}\"}}\n")
        });
        std::fs::write(&subscriptions, lines.collect::<String>()).unwrap();
        let lines = "{\"attrs\":{\"a\":1,\"b\":\"xy\",\"p\":{\"q\":3}}}\n{\"attrs\":{\"a\":2}}\n";
        std::fs::write(&events, lines).unwrap();
        let report = |engine| {
            let options = Options {
                subscriptions: subscriptions.clone(),
                events: events.clone(),
                engine,
                churn: 3,
                churn_rate: 100,
                moved: 2,
                load: true,
                level: CpuLevel::Scalar,
                measured: Duration::from_millis(10),
            };
            run(&options).unwrap()
        };
        let (index, scan) = (report(Engine::Index), report(Engine::Scan));
        assert_eq!(index.matches, 4);
        assert_eq!(index.checksum, scan.checksum);
        assert_eq!(index.moved_subscriptions, Some(2));
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
