//! One check for all tests of the language: a verdict, and that every form of the filter gives it.

#![allow(dead_code, unreachable_pub, reason = "each test crate uses its part")]

use gomera_filter::evaluate::{self, Prepared};
pub mod fuzz;

use gomera_filter::normalise::{negation_normal, rows};
use gomera_filter::reference::{evaluate, evaluate_prepared};
use gomera_filter::{Dialect, Expression, Filter, FilterErrorKind, Predicate, Truth};
use gomera_model::flatten::flatten;
use gomera_model::json::attributes_from_json;
use gomera_model::{Attributes, Body, Content};

/// An event as filters see it.
pub fn flat(event: &str) -> Attributes {
    let attributes = attributes_from_json(event.as_bytes()).expect(event);
    let body = Body::None;
    flatten(&Content { attributes, body }).expect(event)
}

/// Parses what must be accepted.
#[track_caller]
pub fn parse(dialect: Dialect, text: &str) -> Filter {
    Filter::parse(dialect, text).unwrap_or_else(|error| panic!("{dialect}: {text}: {error}"))
}

/// The verdict, and that every other form of the filter has the same.
#[track_caller]
pub fn check(dialect: Dialect, text: &str, event: &str, expected: Truth) {
    let filter = parse(dialect, text);
    let flat = flat(event);
    assert_eq!(
        evaluate(&filter, &flat),
        expected,
        "{dialect}: {text} on {event}"
    );
    assert_forms_agree(&filter, &flat);
}

/// Canonical bytes, canonical text, negation, and the normal forms say what the filter says.
#[track_caller]
pub fn assert_forms_agree(filter: &Filter, flat: &Attributes) {
    let dialect = filter.dialect();
    let text = filter.text();
    let verdict = evaluate(filter, flat);
    assert_eq!(
        evaluate_prepared(filter, &Prepared::new(flat)),
        verdict,
        "prepared: {text}"
    );
    let again = Filter::from_canonical(&filter.canonical()).expect("canonical bytes");
    assert_eq!(&again, filter, "canonical bytes of {text}");
    let reparsed = parse(dialect, &text);
    assert_eq!(&reparsed, filter, "canonical text {text}");
    let casts_within_not = dialect == Dialect::Cesql
        && matches!(
            filter.expression(),
            Expression::Predicate(Predicate::Holds(..))
        );
    if !casts_within_not {
        assert_eq!(evaluate(&filter.negated(), flat), !verdict, "NOT ({text})");
    }
    if let Ok(negated) = Filter::parse(dialect, &format!("NOT ({text})")) {
        assert_eq!(negated, filter.negated(), "NOT ({text})");
    }
    let normal = negation_normal(filter.expression());
    assert_eq!(
        evaluate::evaluate_expression(&normal, flat),
        verdict,
        "normal form of {text}"
    );
    if let Some(rows) = rows(filter.expression()) {
        let holds = rows.iter().any(|row| {
            row.iter().all(|test| {
                let truth = evaluate::evaluate(&test.predicate, flat);
                if test.negated {
                    (!truth).is_true()
                } else {
                    truth.is_true()
                }
            })
        });
        assert_eq!(holds, verdict.is_true(), "rows of {text}");
    }
}

/// What must be refused.
#[track_caller]
pub fn refused(dialect: Dialect, text: &str, kind: FilterErrorKind) {
    match Filter::parse(dialect, text) {
        Ok(filter) => panic!("{dialect}: {text} was read as {filter}"),
        Err(error) => assert_eq!(error.kind, kind, "{dialect}: {text}: {error}"),
    }
}
