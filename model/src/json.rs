//! Attributes as JSON text, both ways.
//!
//! | value | as JSON |
//! |---|---|
//! | int, float | a number; a float keeps its point or exponent |
//! | bytes | `{"bytes":"0aff"}`, only written |
//! | timestamp | `"2026-11-21T18:00:00Z"`, only written |
//! | point | `{"lon":-3.7,"lat":40.4}`, only written |

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::attributes::{Attributes, AttributesBuilder, ContentError};
use crate::limits::{CONTENT_BYTES_MAX, FLAT_ATTRIBUTES_MAX};
use crate::rfc3339;
use crate::value::{Value, ValueRef};

/// The attributes that a JSON object spells. Whole numbers that fit are ints, other numbers floats; objects stay nested.
///
/// # Errors
///
/// If the text is no JSON object, or cannot be published.
pub fn attributes_from_json(text: &[u8]) -> Result<Attributes, ContentError> {
    parse(text)?.build()
}

/// The fields of a body: as many as a flattened notification may have.
pub(crate) fn attributes_of_body(text: &[u8]) -> Result<Attributes, ContentError> {
    parse(text)?.build_with_limit(FLAT_ATTRIBUTES_MAX)
}

/// The attributes as one JSON object, in their order.
#[must_use]
pub fn attributes_to_json(attributes: &Attributes) -> String {
    let mut out = String::with_capacity(attributes.encoded().len() * 2);
    write_fields(&mut out, attributes.iter());
    out
}

/// Appends a value as JSON.
pub fn write_value(out: &mut String, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => out.push_str("null"),
        ValueRef::Bool(true) => out.push_str("true"),
        ValueRef::Bool(false) => out.push_str("false"),
        ValueRef::Int(value) => write(out, format_args!("{value}")),
        // The shortest digits that name this float, always with a point or an exponent.
        ValueRef::Float(value) => write(out, format_args!("{value:?}")),
        ValueRef::String(text) => write_text(out, text),
        ValueRef::Bytes(bytes) => {
            out.push_str("{\"bytes\":\"");
            for byte in bytes {
                write(out, format_args!("{byte:02x}"));
            }
            out.push_str("\"}");
        }
        ValueRef::Timestamp(time) => write_text(out, &rfc3339::format(time)),
        ValueRef::Point(point) => {
            write(
                out,
                format_args!("{{\"lon\":{:?},\"lat\":{:?}}}", point.lon, point.lat),
            );
        }
        ValueRef::Array(array) => {
            out.push('[');
            for (index, member) in array.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(out, member);
            }
            out.push(']');
        }
        ValueRef::Object(object) => write_fields(out, object.iter()),
    }
}

/// Appends text in double quotes, escaped where JSON needs it.
pub fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{0}'..='\u{1f}' | '\u{7f}' => {
                write(out, format_args!("\\u{:04x}", u32::from(character)));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

fn write_fields<'a>(out: &mut String, fields: impl Iterator<Item = (&'a str, ValueRef<'a>)>) {
    out.push('{');
    for (index, (name, value)) in fields.enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_text(out, name);
        out.push(':');
        write_value(out, value);
    }
    out.push('}');
}

fn write(out: &mut String, arguments: fmt::Arguments<'_>) {
    out.write_fmt(arguments)
        .expect("a String takes whatever is written");
}

fn parse(text: &[u8]) -> Result<AttributesBuilder, ContentError> {
    if text.len() > CONTENT_BYTES_MAX {
        return Err(ContentError::TooLarge { bytes: text.len() });
    }
    let parsed: Parsed =
        serde_json::from_slice(text).map_err(|error| ContentError::InvalidJson {
            offset: offset(text, error.line(), error.column()),
        })?;
    let Value::Object(fields) = parsed.0 else {
        return Err(ContentError::InvalidJson { offset: 0 });
    };
    let mut attributes = AttributesBuilder::new();
    for (name, value) in &fields {
        attributes.push(name, value);
    }
    Ok(attributes)
}

/// The byte that a line and a column, both from 1, mean.
fn offset(text: &[u8], line: usize, column: usize) -> usize {
    let starts = text
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(at, _)| at + 1);
    let start = core::iter::once(0)
        .chain(starts)
        .nth(line.saturating_sub(1));
    (start.unwrap_or(0) + column.saturating_sub(1)).min(text.len())
}

struct Parsed(Value);

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor).map(Self)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    #[allow(
        clippy::cast_precision_loss,
        reason = "what is no int is the nearest float"
    )]
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Float(value as f64), Value::Int))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        if value.is_finite() {
            Ok(Value::Float(value))
        } else {
            Err(E::custom("a number that is not finite"))
        }
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.into()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Parsed(value)) = members.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields: Vec<(String, Value)> = Vec::new();
        while let Some((name, Parsed(value))) = map.next_entry()? {
            if fields.len() == FLAT_ATTRIBUTES_MAX {
                return Err(A::Error::custom("too many fields"));
            }
            fields.push((name, value));
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;
    use crate::value::Point;

    fn read(text: &str) -> Result<Attributes, ContentError> {
        attributes_from_json(text.as_bytes())
    }

    #[test]
    fn numbers_keep_their_value_and_kind() {
        let text = r#"{"a":9007199254740993,"b":1.0,"c":-9223372036854775808,"d":1e21,"e":0.1,"f":9223372036854775808}"#;
        let attributes = read(text).unwrap();
        assert_eq!(
            attributes.value("a"),
            Some(ValueRef::Int(9_007_199_254_740_993))
        );
        assert_eq!(attributes.value("b"), Some(ValueRef::Float(1.0)));
        assert_eq!(attributes.value("c"), Some(ValueRef::Int(i64::MIN)));
        assert_eq!(attributes.value("d"), Some(ValueRef::Float(1e21)));
        assert_eq!(attributes.value("e"), Some(ValueRef::Float(0.1)));
        assert_eq!(
            attributes.value("f"),
            Some(ValueRef::Float(9_223_372_036_854_775_808.0))
        );
        let written = attributes_to_json(&attributes);
        assert_eq!(read(&written).unwrap(), attributes, "{written}");
    }

    #[test]
    fn floats_are_read_to_the_last_bit() {
        let attributes = read(r#"{"a":8.66583e-47,"b":2.2250738585072014e-308}"#).unwrap();
        assert_eq!(attributes.value("a"), Some(ValueRef::Float(8.665_83e-47)));
        assert_eq!(
            attributes.value("b"),
            Some(ValueRef::Float(f64::MIN_POSITIVE))
        );
    }

    #[test]
    fn nested_values_and_text_survive_the_round_trip() {
        let text =
            "{\"a\":{\"b\":[1,null,{\"c\":\"\\\"\\\\\\n\\u0001ü😀\"}]},\"d\":true,\"e\":false}";
        let attributes = read(text).unwrap();
        assert_eq!(attributes_to_json(&attributes), text);
    }

    #[test]
    fn what_json_does_not_know_is_written_readably() {
        let point = Point {
            lon: -3.5,
            lat: 40.0,
        };
        let attributes = AttributesBuilder::new()
            .with("a", Value::Bytes([1, 255].into()))
            .with("b", Value::Timestamp(Timestamp(0)))
            .with("c", Value::Point(point))
            .build()
            .unwrap();
        let expected =
            r#"{"a":{"bytes":"01ff"},"b":"1970-01-01T00:00:00Z","c":{"lon":-3.5,"lat":40.0}}"#;
        assert_eq!(attributes_to_json(&attributes), expected);
    }

    #[test]
    fn bad_json_is_refused_with_its_place() {
        for (text, place) in [("{\"a\":}", 5), ("{\n\"a\":x}", 6), ("[1]", 0), ("1", 0)] {
            assert_eq!(
                read(text),
                Err(ContentError::InvalidJson { offset: place }),
                "{text}"
            );
        }
        assert!(matches!(
            read("{\"a\":1e999}"),
            Err(ContentError::InvalidJson { .. })
        ));
        assert!(matches!(
            read("{\"a\":1,\"a\":2}"),
            Err(ContentError::DuplicateName { .. })
        ));
    }
}
