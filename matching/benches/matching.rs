//! The matching engine beside a compiled scan, a counting index and `a-tree`, in one run on one thread.
//!
//! `cargo bench -p gomera-matching -- [W1 W2 …] [10000 100000 …]`

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a benchmark prints, stops where it cannot go on, and names what a baseline treats apart"
)]

use std::time::Duration;

use gomera_filter::{Dialect, Filter};
use gomera_matching::{CpuLevel, Hits, Index, SlotSet};
use gomera_model::operation::{CanonicalFilter, StoredSubscription};
use gomera_model::{
    Attributes, AttributesBuilder, OperationNumber, SessionId, SlotId, SubscriptionId,
    SubscriptionNumber,
};

mod baselines;
mod measure;
mod workloads;

use baselines::{ATreeEngine, Counting, Naive};
use workloads::{Kind, Random, Reading, Value, Workload};

#[global_allocator]
static ALLOCATOR: measure::Counting = measure::Counting;

/// CPU time that each engine is measured for.
const LIMIT: Duration = Duration::from_millis(400);
/// Subscriptions up to which `a-tree` is measured: it does not finish with more.
const ATREE_MAX: usize = 10_000;

fn main() {
    let arguments = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench");
    let (sizes, names): (Vec<_>, Vec<_>) =
        arguments.partition(|argument| argument.parse::<usize>().is_ok());
    let sizes = sizes
        .iter()
        .map(|size| size.parse().unwrap())
        .collect::<Vec<usize>>();
    let sizes = if sizes.is_empty() {
        vec![10_000, 100_000]
    } else {
        sizes
    };
    for kind in Kind::ALL {
        if names.is_empty() || names.iter().any(|name| name == kind.name()) {
            for &size in &sizes {
                compare(&kind.generate(size));
            }
        }
    }
}

/// Measures all engines on one workload.
fn compare(workload: &Workload) {
    let size = workload.subscriptions.len();
    let (mut index, filters) = fill(workload);
    let expected = naive_matches(workload);
    let matches = expected.iter().map(Vec::len).sum::<usize>();
    println!(
        "{} {size}: {matches} matches, {:.4} % of all pairs",
        workload.kind.name(),
        share(matches, size * workload.checked.len()),
    );
    let ours = measure_index(&mut index, workload, &expected);
    let compared = |name: &str, time: Duration| {
        let micros = micros(time, workload.checked.len());
        println!(
            "  {name:10} {micros:10.2} us; {:8.1} times ours",
            micros / ours
        );
    };
    compared("naive", measure_naive(workload));
    if let Some(time) = measure_counting(workload, &expected) {
        compared("counting", time);
    }
    if size <= ATREE_MAX {
        compared("a-tree", measure_atree(workload, &expected));
    }
    let canonical = filters.iter().map(Filter::canonical).collect::<Vec<_>>();
    churn(&mut index, &canonical);
    changing(&mut index, &canonical, workload, ours);
    load(&canonical);
    drop_slots(&mut index);
}

fn fill(workload: &Workload) -> (Index, Vec<Filter>) {
    let texts = workload
        .subscriptions
        .iter()
        .map(|node| node.sql(&workload.attributes));
    let filters = texts.map(|text| {
        Filter::parse(Dialect::Sql, &text).unwrap_or_else(|error| panic!("{text}: {error}"))
    });
    let filters = filters.collect::<Vec<_>>();
    let before = measure::bytes();
    let start = measure::cpu();
    let mut index = Index::new(7, level());
    for (number, filter) in filters.iter().enumerate() {
        index.insert(id(number), OperationNumber(1), filter);
    }
    let time = measure::cpu() - start;
    let count = filters.len();
    println!(
        "\n{} {count}: built in {:.2} us each, {} bytes each, {} by its own count",
        workload.kind.name(),
        micros(time, count),
        (measure::bytes() - before) / count,
        index.bytes() / count,
    );
    let parts = index
        .bytes_by_part()
        .map(|(name, bytes)| format!("{name} {}", bytes / count));
    println!("  bytes: {}", parts.join(", "));
    (index, filters)
}

fn naive_matches(workload: &Workload) -> Vec<Vec<u32>> {
    let naive = Naive::new(workload);
    let all = workload.checked.iter().map(|reading| {
        let mut out = Vec::new();
        naive.matches(&naive.lay(reading), &mut out);
        out
    });
    all.collect()
}

/// Microseconds a notification, preparation included.
fn measure_index(index: &mut Index, workload: &Workload, expected: &[Vec<u32>]) -> f64 {
    let traffic = encode(workload, &workload.traffic);
    let checked = encode(workload, &workload.checked);
    let (visible, mut hits) = (SlotSet::full(), Hits::new());
    for batch in traffic.chunks(32) {
        hits.clear();
        index.match_batch(&batch.iter().collect::<Vec<_>>(), &visible, &mut hits);
    }
    let batch = checked.iter().collect::<Vec<_>>();
    hits.clear();
    index.match_batch(&batch, &visible, &mut hits);
    for (at, expected) in expected.iter().enumerate() {
        let found = hits
            .sessions(at)
            .flat_map(|(_, hits)| hits.iter().map(|hit| hit.number.0));
        let mut found = found.collect::<Vec<_>>();
        found.sort_unstable();
        assert_eq!(&found, expected, "notification {at}");
    }
    let prepare = measure::median(LIMIT, || batch.iter().for_each(|flat| index.prepare(flat)));
    let mut total = 0;
    let find = measure::median(LIMIT, || {
        total = batch.iter().map(|flat| index.find(flat).len()).sum();
    });
    let whole = measure::median(LIMIT, || {
        for batch in batch.chunks(32) {
            hits.clear();
            index.match_batch(batch, &visible, &mut hits);
        }
    });
    let count = batch.len();
    let matches = expected.iter().map(Vec::len).sum::<usize>();
    println!(
        "  index: prepared {:.2} us; prepared and matched {:.2} us, {:.2} ns a match; sorted by session {:.2} us, {:.2} ns a match; {total} handles",
        micros(prepare, count),
        micros(find, count),
        1000.0 * micros(find, matches.max(1)),
        micros(whole, count),
        1000.0 * micros(whole, matches.max(1)),
    );
    micros(find, count)
}

fn measure_naive(workload: &Workload) -> Duration {
    let naive = Naive::new(workload);
    let laid = workload
        .checked
        .iter()
        .map(|reading| naive.lay(reading))
        .collect::<Vec<_>>();
    let mut out = Vec::new();
    measure::median(LIMIT, || {
        for laid in &laid {
            out.clear();
            naive.matches(laid, &mut out);
        }
    })
}

fn measure_counting(workload: &Workload, expected: &[Vec<u32>]) -> Option<Duration> {
    let mut counting = Counting::new(workload)?;
    let laid = workload
        .checked
        .iter()
        .map(|reading| counting.lay(reading))
        .collect::<Vec<_>>();
    let mut out = Vec::new();
    for (counted, expected) in laid.iter().zip(expected) {
        out.clear();
        counting.matches(counted, &mut out);
        out.sort_unstable();
        assert_eq!(&out, expected);
    }
    Some(measure::median(LIMIT, || {
        for counted in &laid {
            out.clear();
            counting.matches(counted, &mut out);
        }
    }))
}

fn measure_atree(workload: &Workload, expected: &[Vec<u32>]) -> Duration {
    let engine = ATreeEngine::new(workload);
    let laid = workload
        .checked
        .iter()
        .map(|reading| engine.lay(reading))
        .collect::<Vec<_>>();
    let mut out = Vec::new();
    let (mut wrong, mut total) = (0, 0);
    for (event, expected) in laid.iter().zip(expected) {
        out.clear();
        engine.matches(event, &mut out);
        out.sort_unstable();
        total += out.len();
        wrong += usize::from(&out != expected);
    }
    if wrong > 0 {
        println!("  a-tree differs on {wrong} notifications, {total} matches");
    }
    measure::median(LIMIT, || {
        for event in &laid {
            out.clear();
            engine.matches(event, &mut out);
        }
    })
}

/// Matches while a hundred thousand subscriptions a second are deleted and inserted again on the same thread; only
/// matching is timed.
fn changing(index: &mut Index, filters: &[CanonicalFilter], workload: &Workload, quiet: f64) {
    const PAIRS_A_SECOND: f64 = 100_000.0;
    let checked = encode(workload, &workload.checked);
    let mut random = Random::new(2);
    let (mut matching, mut passes, mut pairs) = (Duration::ZERO, 0, 0.0);
    let start = measure::cpu();
    while passes < 2 || measure::cpu() - start < LIMIT {
        let before = measure::cpu();
        for flat in &checked {
            std::hint::black_box(index.find(flat).len());
        }
        matching += measure::cpu() - before;
        while pairs < matching.as_secs_f64() * PAIRS_A_SECOND {
            let number = random.below(filters.len());
            index.remove(id(number));
            change(index, number, 4, &filters[number]);
            pairs += 1.0;
        }
        passes += 1;
    }
    let micros = micros(matching, passes * checked.len());
    println!(
        "  while 100,000 a second change: {micros:.2} us, {:.2} times as long",
        micros / quiet
    );
}

/// Fills other indexes from canonical forms: one by one, and as many at once as a matcher is sent in a chunk.
fn load(canonical: &[CanonicalFilter]) {
    const AT_ONCE: usize = 256;
    let stored = (0..)
        .zip(canonical)
        .map(|(number, filter)| StoredSubscription {
            id: id(number),
            operation: OperationNumber(1),
            filter: filter.clone(),
        });
    let stored = stored.collect::<Vec<_>>();
    let report = |how: &str, time: Duration| {
        let each = micros(time, canonical.len());
        println!(
            "  loaded from canonical form {how}: {each:.2} us each, {:.0} a second",
            1e6 / each
        );
    };
    let mut index = Index::new(8, level());
    let start = measure::cpu();
    for one in &stored {
        index
            .insert_canonical(one.id, one.operation, &one.filter)
            .unwrap();
    }
    report("one by one", measure::cpu() - start);
    drop(index);
    let mut index = Index::new(8, level());
    let start = measure::cpu();
    for some in stored.chunks(AT_ONCE) {
        index.insert_many(some).unwrap();
    }
    report("256 at once", measure::cpu() - start);
}

/// Deletes all that lies in half of the slots, a slot after the other, as a matcher does that has handed them over.
fn drop_slots(index: &mut Index) {
    let mut ids = Vec::new();
    let mut times = Vec::with_capacity(index.len());
    let start = measure::cpu();
    for slot in SlotId::all().step_by(2) {
        ids.clear();
        index.slot(slot, &mut ids);
        for &id in &ids {
            let before = measure::cpu();
            index.remove(id);
            times.push(measure::cpu() - before);
        }
    }
    let mean = micros(measure::cpu() - start, times.len());
    times.sort_unstable();
    println!(
        "  half of the slots dropped: {} deleted, {mean:.2} us each with the clock; 99th of 100 {:.1} us, longest {:.1} us",
        times.len(),
        micros(times[times.len() * 99 / 100], 1),
        micros(times[times.len() - 1], 1),
    );
}

/// Deletes and inserts again, one after the other.
fn churn(index: &mut Index, filters: &[CanonicalFilter]) {
    let mut random = Random::new(1);
    let pairs = 50_000.min(filters.len());
    let start = measure::cpu();
    for _ in 0..pairs {
        let number = random.below(filters.len());
        index.remove(id(number));
        change(index, number, 2, &filters[number]);
    }
    let mean = micros(measure::cpu() - start, pairs);
    let mut times = Vec::with_capacity(2 * pairs);
    for _ in 0..pairs {
        let number = random.below(filters.len());
        let start = measure::cpu();
        index.remove(id(number));
        let between = measure::cpu();
        change(index, number, 3, &filters[number]);
        times.extend([between - start, measure::cpu() - between]);
    }
    times.sort_unstable();
    println!(
        "  delete and insert: {mean:.2} us a pair; one of the two: 99th of 100 {:.1} us, longest {:.1} us",
        micros(times[times.len() * 99 / 100], 1),
        micros(times[times.len() - 1], 1),
    );
}

fn change(index: &mut Index, number: usize, operation: u64, filter: &CanonicalFilter) {
    index
        .insert_canonical(id(number), OperationNumber(operation), filter)
        .unwrap();
}

fn encode(workload: &Workload, readings: &[Reading]) -> Vec<Attributes> {
    let encode = |reading: &Reading| {
        let mut builder = AttributesBuilder::new();
        for (attribute, value) in reading {
            let value = match value {
                Value::Int(value) => (*value).into(),
                Value::Text(text) => text.as_str().into(),
            };
            builder.push(&workload.attributes[*attribute], &value);
        }
        builder.build().unwrap()
    };
    readings.iter().map(encode).collect()
}

fn level() -> CpuLevel {
    if std::is_x86_feature_detected!("avx512f") {
        CpuLevel::Avx512
    } else if std::is_x86_feature_detected!("avx2") {
        CpuLevel::Avx2
    } else {
        CpuLevel::Scalar
    }
}

/// A hundred subscriptions a session.
fn id(number: usize) -> SubscriptionId {
    SubscriptionId {
        session: SessionId(number as u64 / 100),
        number: SubscriptionNumber(u32::try_from(number).unwrap()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure to be read")]
fn micros(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1e6 / count as f64
}

#[expect(clippy::cast_precision_loss, reason = "a figure to be read")]
fn share(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole as f64
}
