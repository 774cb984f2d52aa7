//! What is published and asked for in a run: few attributes with few values, so that filters match often, and often not.

use gomera_model::lane::FilterText;
use gomera_model::{Attributes, AttributesBuilder};

use crate::rng::Rng;

const KINDS: [&str; 3] = ["cargo", "ferry", "tug"];
const PORTS: [&str; 4] = ["hermigua", "playa", "santiago", "valle"];

/// A notification's attributes. Each may be missing.
#[must_use]
pub(crate) fn attributes(rng: &mut Rng) -> Attributes {
    let mut builder = AttributesBuilder::new();
    if !rng.per_mille(100) {
        builder = builder.with("kind", *rng.pick(&KINDS));
    }
    if !rng.per_mille(100) {
        builder = builder.with("speed", number(rng, 9));
    }
    if !rng.per_mille(300) {
        builder = builder.with("port", *rng.pick(&PORTS));
    }
    if rng.per_mille(200) {
        builder = builder.with("alarm", rng.per_mille(500));
    }
    builder
        .build()
        .expect("a handful of short attributes of different names")
}

/// A filter's text, true of about a third of what is published; now and then one that cannot be parsed.
#[must_use]
pub(crate) fn filter(rng: &mut Rng) -> FilterText {
    let text = match rng.below(100) {
        0..2 => "speed >".to_owned(),
        2..12 => "TRUE".to_owned(),
        _ => clause(rng, 2),
    };
    FilterText {
        dialect: "sql".to_owned(),
        text,
    }
}

fn clause(rng: &mut Rng, depth: u32) -> String {
    let inner = |rng: &mut Rng| clause(rng, depth - 1);
    match rng.below(if depth == 0 { 5 } else { 8 }) {
        0 => format!("kind = '{}'", rng.pick(&KINDS)),
        1 => format!("speed > {}", number(rng, 8)),
        2 => {
            let low = number(rng, 7);
            format!("speed BETWEEN {low} AND {}", low + 3)
        }
        3 => format!("port IN ('{}', '{}')", rng.pick(&PORTS), rng.pick(&PORTS)),
        4 => "alarm IS NULL".to_owned(),
        5 => format!("NOT ({})", inner(rng)),
        6 => format!("({}) AND ({})", inner(rng), inner(rng)),
        _ => format!("({}) OR ({})", inner(rng), inner(rng)),
    }
}

fn number(rng: &mut Rng, most: u64) -> i64 {
    i64::try_from(rng.between(0, most)).expect("a single digit")
}
