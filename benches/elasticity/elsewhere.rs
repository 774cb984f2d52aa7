//! Ships elsewhere: readings of the same make, none of which a real ship's reading has anything in common with.

use gomera_loadgen::readings::Reading;
use gomera_model::{AttributesBuilder, ContentError, Value, ValueRef};

/// The same ships under other names, numbers and kinds, on the other side of the world, faster than any.
pub(crate) fn readings(real: &[Reading]) -> Result<Vec<Reading>, ContentError> {
    real.iter().map(moved).collect()
}

fn moved(reading: &Reading) -> Result<Reading, ContentError> {
    let mut attributes = AttributesBuilder::new();
    for (name, value) in reading.attributes.iter() {
        match (name, value) {
            ("lat", ValueRef::Float(lat)) => {
                attributes.push(name, &Value::Float((lat - 100.0).max(-89.0)))
            }
            ("lon", ValueRef::Float(lon)) => {
                attributes.push(name, &Value::Float((lon + 100.0).min(179.0)))
            }
            ("sog", ValueRef::Float(knots)) if knots < 100.0 => {
                attributes.push(name, &Value::Float(60.0 + 0.4 * knots));
            }
            ("type", ValueRef::Int(kind)) => attributes.push(name, &Value::Int(kind + 1000)),
            ("name" | "callsign", ValueRef::String(text)) => {
                attributes.push(
                    name,
                    &Value::from(text.chars().map(next).collect::<String>()),
                );
            }
            (_, other) => attributes.push_ref(name, other),
        }
    }
    Ok(Reading {
        ship: reading.ship + SHIPS_MAX,
        attributes: attributes.build()?,
    })
}

/// The letter after this one, so that words stay words of the same length.
fn next(letter: char) -> char {
    match letter {
        'A'..='Y' => char::from_u32(u32::from(letter) + 1).unwrap_or(letter),
        'Z' => 'A',
        other => other,
    }
}

/// Above the identity of every ship.
const SHIPS_MAX: u32 = 1_000_000_000;
