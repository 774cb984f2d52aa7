//! What the language costs, one thread: texts parsed and packed, packed filters read, predicates evaluated.
//!
//! `cargo bench -p gomera-filter [-- PART OF A NAME]`. Each figure is the best of several rounds.

#![allow(
    clippy::print_stdout,
    reason = "the figures are the purpose of this program"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use gomera_filter::evaluate::Prepared;
use gomera_filter::reference::{evaluate, evaluate_prepared};
use gomera_filter::{Dialect, Filter};
use gomera_model::json::attributes_from_json;

/// Typical filters, 60 to 120 characters.
const TEXTS: &[&str] = &[
    "type = 'temperature' AND site = 'madrid-017' AND value > 31.5 AND battery <= 20",
    "site = 'valencia-003' AND path LIKE 'building/4/floor/%' AND value BETWEEN 12 AND 18.5",
    "type IN ('humidity', 'pressure', 'co2', 'noise') AND region IN ('north', 'east') AND value >= 900",
    "vendor = 'acme' AND status IN ('degraded', 'failed') AND uptime_seconds < 3600 AND NOT muted",
    "(type = 'door' OR type = 'window') AND state = 'open' AND building = 'B12' AND hour >= 22",
    "device = 'a4:cf:12:9b:00:41' AND temperature >= 85.5 AND temperature < 120 AND firmware <> '1.0.3'",
    "BBOX(position, -3.9, 40.3, -3.5, 40.6) AND speed > 120 AND kind = 'car' AND driver IS NOT NULL",
    "STARTS_WITH(topic, 'plant/7/') AND NOT (status = 'ok') AND (load_1m > 0.9 OR queue_length > 1000)",
];

const EVENT: &str = r#"{"type":"temperature","site":"madrid-017","value":32.5,"battery":15,"region":"north",
    "path":"building/4/floor/2","vendor":"acme","status":"degraded","uptime_seconds":1200,"muted":false,
    "temperature":90,"firmware":"1.0.4","device":"a4:cf:12:9b:00:41","topic":"plant/7/x","load_1m":0.5}"#;

fn main() {
    let budget = if std::env::args().any(|argument| argument == "--test") {
        Duration::from_millis(1)
    } else {
        Duration::from_millis(300)
    };
    let filters: Vec<Filter> = TEXTS
        .iter()
        .map(|text| Filter::parse(Dialect::Sql, text).expect("a filter of this file"))
        .collect();
    let canonical: Vec<_> = filters.iter().map(Filter::canonical).collect();
    let event = attributes_from_json(EVENT.as_bytes()).expect("the event of this file");
    let prepared = Prepared::new(&event);

    report(
        "parse and canonicalise, filters",
        budget,
        TEXTS.len(),
        || {
            for text in TEXTS {
                let filter = Filter::parse(Dialect::Sql, black_box(text));
                black_box(filter.map(|filter| filter.canonical()).is_ok());
            }
        },
    );
    report("read canonical bytes, filters", budget, TEXTS.len(), || {
        for canonical in &canonical {
            black_box(Filter::from_canonical(black_box(canonical)).is_ok());
        }
    });
    report("canonical text, filters", budget, TEXTS.len(), || {
        for filter in &filters {
            black_box(filter.text());
        }
    });
    report(
        "evaluate on prepared attributes, filters",
        budget,
        TEXTS.len(),
        || {
            for filter in &filters {
                black_box(evaluate_prepared(black_box(filter), &prepared));
            }
        },
    );
    report(
        "evaluate on encoded attributes, filters",
        budget,
        TEXTS.len(),
        || {
            for filter in &filters {
                black_box(evaluate(black_box(filter), &event));
            }
        },
    );
    eight_predicates(budget, &prepared);
    report("prepare attributes, events", budget, 1, || {
        black_box(Prepared::new(black_box(&event)));
    });
}

fn eight_predicates(budget: Duration, prepared: &Prepared<'_>) {
    let all_true = "type = 'temperature' AND site = 'madrid-017' AND value > 31.5 AND battery <= 20 AND NOT muted \
        AND path LIKE 'building/4/%' AND status IN ('degraded', 'failed') AND uptime_seconds < 3600";
    let all_true = Filter::parse(Dialect::Sql, all_true).expect("a filter of this file");
    assert!(evaluate_prepared(&all_true, prepared).is_true());
    report(
        "evaluate eight true predicates, predicates",
        budget,
        8,
        || {
            black_box(evaluate_prepared(black_box(&all_true), prepared));
        },
    );
}

/// The best rate of several rounds within the budget.
fn report(name: &str, budget: Duration, units: usize, mut work: impl FnMut()) {
    let wanted = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with("--"));
    if wanted.is_some_and(|wanted| !name.contains(&wanted)) {
        return;
    }
    let mut best = 0.0_f64;
    let start = Instant::now();
    while best == 0.0 || start.elapsed() < budget {
        // Short, so that some rounds are not interrupted on a busy machine.
        const ROUNDS: u32 = 12;
        let round = Instant::now();
        for _ in 0..ROUNDS {
            work();
        }
        #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = (units as f64) * f64::from(ROUNDS) / round.elapsed().as_secs_f64();
        best = best.max(rate);
    }
    println!("{name:<45} {:>10.2} M/s", best / 1e6);
}
