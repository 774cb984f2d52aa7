//! The page is drawn from a made-up run and looked through for what must and must not be in it.

use std::collections::BTreeMap;
use std::time::Duration;

use gomera_coordinator::record::{OperationRecord, Outcome, PhaseName, PhaseRecord, Resize};
use gomera_loadgen::arrivals::Arrivals;
use gomera_loadgen::checker::Verdict;
use gomera_loadgen::measurement::Measurement;
use gomera_loadgen::random::Random;
use gomera_loadgen::readings::Reading;
use gomera_loadgen::schedule::Schedule;
use gomera_model::control::Strategy;
use gomera_model::{Attributes, Layer, OperationId};

use super::super::report::{BUCKET_NS, Load, Operation, Report};
use super::page;

const MS: u64 = 1_000_000;

fn record(id: u64, (from, to): (u32, u32), asked_ms: i64, phases_us: [u64; 5]) -> OperationRecord {
    use PhaseName::{Close, Commit, Copy, Drain, Prepare};
    let mut begin_ns = 0;
    let phases = [Prepare, Copy, Close, Commit, Drain]
        .into_iter()
        .zip(phases_us)
        .map(|(phase, us)| {
            let phase = PhaseRecord {
                phase,
                begin_ns,
                duration_ns: Some(us * 1_000),
            };
            begin_ns += us * 1_000;
            phase
        })
        .collect();
    OperationRecord {
        id: OperationId(id),
        layers: BTreeMap::from([(Layer::Matchers, Resize { from, to })]),
        asked: [(Layer::Matchers, to)].into(),
        follows: None,
        then: BTreeMap::new(),
        then_not: None,
        lost: Vec::new(),
        drains: None,
        strategy: Strategy::Live,
        reason: String::new(),
        idempotency_key: None,
        started_unix_ns: asked_ms * 1_000_000,
        phase: PhaseName::Done,
        phases,
        slots_moved: 2_730,
        subscriptions_moved: 6_641,
        bytes_moved: 812_345,
        expected: None,
        operations_held: 0,
        held_ns_max: 0,
        outcome: Outcome::Done,
    }
}

/// A run of 20 s in which latency is some milliseconds, and more while it scales.
fn report() -> Report {
    let readings: Vec<Reading> = (0..100)
        .map(|ship| Reading {
            ship,
            attributes: Attributes::empty(),
        })
        .collect();
    let schedule = Schedule::new(&readings, 4, 2_000, Duration::from_secs(20));
    let records = [
        record(1, (1, 3), 8_000, [6_400, 52_000, 3_100, 900, 21_000]),
        record(2, (3, 1), 11_000, [1_200, 41_000, 2_800, 700, 9_000]),
    ];
    let mut random = Random::new(5);
    let mut arrivals = Arrivals::new();
    for publisher in 0..4_u16 {
        for index in 0..schedule.publications_of(publisher.into()) {
            let due = schedule.due_ns(publisher.into(), index);
            let scaling =
                (8_000..8_090).contains(&(due / MS)) || (11_000..11_060).contains(&(due / MS));
            for _ in 0..9 {
                let tail = if random.below(400) == 0 { 6 } else { 1 };
                let load = if scaling { 2 } else { 1 };
                let us = (450 + random.below(1_400) as u64) * tail * load;
                let at = due + us * 1_000;
                arrivals.push(at, publisher, index + 1, [1].into_iter());
            }
        }
    }
    let measurement = Measurement::new(&schedule, [&arrivals]);
    let operations = records
        .iter()
        .map(|record| Operation::new(record, 0, &measurement));
    Report {
        load: Load {
            publishers: 4,
            rate_per_second: 2_000,
            seconds: 20,
            subscribers: 50,
            filters: 10_000,
        },
        notifications: schedule.publications(),
        deliveries: measurement.len() as u64,
        duration_ns: measurement.last_arrival_ns().unwrap(),
        latency: measurement.latency(),
        timeline: measurement.timeline(&schedule, 20_000 * MS, BUCKET_NS),
        operations: operations.collect(),
        reconnects: 0,
        verdict: Verdict {
            checked: 71_000_000,
            exhaustive: 6_500,
            notifications: 40_000,
            ..Verdict::default()
        },
    }
}

#[test]
fn the_page_stands_alone() {
    let page = page(&report());
    for outside in [
        "http:", "https:", "src=", "href=", "url(", "@import", "<script",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn every_element_is_closed_and_every_number_is_one() {
    let page = page(&report());
    for element in [
        "svg", "section", "div", "text", "rect", "table", "tr", "td", "h2", "p", "dl",
    ] {
        let opened = page.matches(&format!("<{element} ")).count()
            + page.matches(&format!("<{element}>")).count();
        let closed = page.matches(&format!("</{element}>")).count();
        let empty = if element == "rect" {
            page.matches("<rect class=\"band\"").count()
        } else {
            0
        };
        assert_eq!(opened, closed + empty, "{element}");
    }
    assert!(!page.contains("NaN"));
    assert!(!page.contains("inf\""));
}

#[test]
fn operations_and_their_phases_are_named() {
    let page = page(&report());
    for name in [
        "matchers 1 → 3",
        "matchers 3 → 1",
        "prepare 6.40 ms",
        "copy 52.0 ms",
        "drain 9.00 ms",
    ] {
        assert!(page.contains(name), "{name}");
    }
}

#[test]
fn a_run_without_deliveries_or_operations_is_drawn_too() {
    let mut report = report();
    report.operations.clear();
    report.latency = None;
    report
        .timeline
        .iter_mut()
        .for_each(|bucket| bucket.latency = None);
    assert!(!page(&report).contains("NaN"));
    report.timeline.clear();
    assert!(!page(&report).contains("NaN"));
}

#[test]
fn the_verdict_colours_the_page() {
    let mut report = report();
    assert!(page(&report).contains("verdict good"));
    report.verdict.lost = 3;
    let page = page(&report);
    assert!(page.contains("verdict bad"));
    assert!(page.contains("3 lost"));
}

#[test]
fn the_object_for_programs_has_the_fixed_names() {
    let object = report().to_json(None);
    let names = [
        "/notifications",
        "/deliveries",
        "/throughput_per_second",
        "/latency_ms/p50",
        "/latency_ms/p99",
        "/latency_ms/p999",
        "/latency_ms/max",
        "/gap_ms/quiet",
        "/gap_ms/operation",
        "/reconnects",
        "/operations/0/phases_ms/copy",
        "/operations/1/slots_moved",
        "/operations/1/bytes_moved",
        "/operations/0/layers/matchers/to",
        "/checker/checked",
        "/checker/lost",
        "/checker/doubled",
        "/checker/false",
        "/checker/out_of_order",
    ];
    for name in names {
        assert!(
            object
                .pointer(name)
                .is_some_and(serde_json::Value::is_number),
            "{name}"
        );
    }
}
