//! The published cases of `docs/language-vectors.jsonl`: up to date, and what the evaluator says.

mod agreement;

#[allow(dead_code, unreachable_pub, reason = "it is a program of its own")]
#[path = "../examples/language_vectors.rs"]
mod generator;

use gomera_filter::{Dialect, Filter, Truth, reference};
use gomera_model::attributes::ObjectRef;
use gomera_model::flatten::flatten;
use gomera_model::json::attributes_from_json;
use gomera_model::{Attributes, AttributesBuilder, Body, Content, Value, ValueRef};

const PUBLISHED: &str = include_str!("../../docs/language-vectors.jsonl");

#[test]
fn the_published_cases_are_the_generated_ones() {
    let generated = generator::lines();
    assert!(generated.len() > 1000);
    let published: Vec<&str> = PUBLISHED.lines().collect();
    assert_eq!(published, generated);
}

#[test]
fn the_evaluator_gives_every_published_verdict() {
    for line in PUBLISHED.lines() {
        let case = attributes_from_json(line.as_bytes()).expect(line);
        let text = |name: &str| match case.value(name) {
            Some(ValueRef::String(text)) => text,
            other => panic!("{name} of {line}: {other:?}"),
        };
        let dialect: Dialect = text("dialect").parse().expect(line);
        let said = match Filter::parse(dialect, text("expr")) {
            Err(_) => "parse_error",
            Ok(filter) => {
                let Some(ValueRef::Object(attrs)) = case.value("attrs") else {
                    panic!("attrs of {line}");
                };
                let flat = attributes(attrs);
                agreement::assert_forms_agree(&filter, &flat);
                match reference::evaluate(&filter, &flat) {
                    Truth::True => "true",
                    Truth::False => "false",
                    Truth::Unknown => "unknown",
                }
            }
        };
        assert_eq!(said, text("expect"), "{line}");
    }
}

/// The attributes of a case, in which bytes are written `{"bytes":"hex"}`.
fn attributes(attrs: ObjectRef<'_>) -> Attributes {
    let mut builder = AttributesBuilder::new();
    for (name, value) in attrs.iter() {
        if let ValueRef::Object(object) = value
            && object.value("bytes").is_some()
        {
            builder.push(name, &Value::Bytes(bytes(object)));
        } else {
            builder.push_ref(name, value);
        }
    }
    let attributes = builder.build().expect("a published case");
    let body = Body::None;
    flatten(&Content { attributes, body }).expect("a published case")
}

fn bytes(object: ObjectRef<'_>) -> Vec<u8> {
    let Some(ValueRef::String(digits)) = object.value("bytes") else {
        panic!("bytes are written in hexadecimal");
    };
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("two digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}
