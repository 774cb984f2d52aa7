//! What `scripts/instructions` counts under callgrind: ten thousand subscriptions are inserted one by one, 500 notifications
//! read, half of the subscriptions changed, 64 notifications matched, and the subscriptions loaded into another index, 256
//! at once.
//!
//! Each phase is a function of its own, whose name the script knows. The level is the scalar one, which every processor
//! has, and all seeds are fixed.
//!
//! `cargo bench -p gomera-matching --bench instructions -- W1 [10000 [20]]` runs the phases so many times and prints nothing
//! but their times.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    dead_code,
    unused_imports,
    reason = "a benchmark prints and stops where it cannot go on, and shares the workloads with one that needs more of them"
)]

use std::hint::black_box;
use std::time::Instant;

use gomera_filter::{Dialect, Filter};
use gomera_matching::{CpuLevel, Index};
use gomera_model::operation::{CanonicalFilter, StoredSubscription};
use gomera_model::{
    Attributes, AttributesBuilder, OperationNumber, SessionId, SubscriptionId, SubscriptionNumber,
};

mod workloads;

use workloads::{Kind, Random, Reading, Value, Workload};

const SUBSCRIPTIONS: usize = 10_000;

fn main() {
    let arguments = std::env::args().filter(|argument| argument != "--bench");
    let arguments = arguments.skip(1).collect::<Vec<_>>();
    let number = |at: usize| arguments.get(at).map(|text| text.parse::<usize>().unwrap());
    let (count, times) = (number(1).unwrap_or(SUBSCRIPTIONS), number(2).unwrap_or(1));
    for kind in Kind::ALL {
        if arguments.first().is_some_and(|name| name == kind.name()) {
            run(&kind.generate(count), times);
        }
    }
}

fn run(workload: &Workload, times: usize) {
    let texts = workload
        .subscriptions
        .iter()
        .map(|node| node.sql(&workload.attributes));
    let filters = texts.map(|text| Filter::parse(Dialect::Sql, &text).unwrap().canonical());
    let filters = filters.collect::<Vec<_>>();
    let stored = (0..)
        .zip(&filters)
        .map(|(number, filter)| StoredSubscription {
            id: id(number),
            operation: OperationNumber(1),
            filter: filter.clone(),
        });
    let stored = stored.collect::<Vec<_>>();
    let traffic = encode(workload, &workload.traffic[..500]);
    let checked = encode(workload, &workload.checked);
    for _ in 0..times {
        let mut index = Index::new(7, CpuLevel::Scalar);
        let mut other = Index::new(8, CpuLevel::Scalar);
        let start = Instant::now();
        phase_load(&mut index, &filters);
        let loaded = Instant::now();
        phase_learn(&mut index, &traffic);
        let learnt = Instant::now();
        phase_change(&mut index, &filters);
        let changed = Instant::now();
        phase_match(&mut index, &checked);
        let matched = Instant::now();
        let begun = Instant::now();
        phase_bulk(&mut other, &stored);
        let end = Instant::now();
        phase_end(&other);
        println!(
            "load {:?}  change {:?}  match {:?}  bulk {:?}",
            loaded - start,
            changed - learnt,
            matched - changed,
            end - begun
        );
    }
}

#[inline(never)]
fn phase_load(index: &mut Index, filters: &[CanonicalFilter]) {
    for (number, filter) in filters.iter().enumerate() {
        index
            .insert_canonical(id(number), OperationNumber(1), filter)
            .unwrap();
    }
}

#[inline(never)]
fn phase_learn(index: &mut Index, traffic: &[Attributes]) {
    for flat in traffic {
        index.prepare(flat);
    }
}

#[inline(never)]
fn phase_change(index: &mut Index, filters: &[CanonicalFilter]) {
    let mut random = Random::new(1);
    for _ in 0..filters.len() / 2 {
        let number = random.below(filters.len());
        index.remove(id(number));
        index
            .insert_canonical(id(number), OperationNumber(2), &filters[number])
            .unwrap();
    }
}

#[inline(never)]
fn phase_match(index: &mut Index, checked: &[Attributes]) {
    for flat in checked {
        black_box(index.find(flat).len());
    }
}

#[inline(never)]
fn phase_bulk(index: &mut Index, stored: &[StoredSubscription]) {
    for some in stored.chunks(256) {
        index.insert_many(some).unwrap();
    }
}

/// What comes behind the last phase begins here.
#[inline(never)]
fn phase_end(index: &Index) {
    black_box(index.len());
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

/// A hundred subscriptions a session.
fn id(number: usize) -> SubscriptionId {
    SubscriptionId {
        session: SessionId(number as u64 / 100),
        number: SubscriptionNumber(u32::try_from(number).unwrap()),
    }
}
