//! What is said about filters: lint and explanations.

mod agreement;

use gomera_filter::evaluate::Prepared;
use gomera_filter::explain::{Clause, explain};
use gomera_filter::lint::{FindingKind, lint};
use gomera_filter::{Dialect, Filter, Truth};

use agreement::{flat, parse};

#[track_caller]
fn found(text: &str, expected: &[(FindingKind, &str)]) {
    let findings = lint(&parse(Dialect::Sql, text));
    let found: Vec<_> = findings
        .iter()
        .map(|finding| (finding.kind, finding.clause.as_str()))
        .collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
#[rustfmt::skip]
fn mistakes_are_found() {
    use FindingKind as Kind;
    found("a = 1 AND b > 2 OR c LIKE 'x%'", &[]);
    found("TRUE", &[(Kind::AlwaysTrue, "TRUE")]);
    found("a = 1 OR TRUE", &[(Kind::AlwaysTrue, "a = 1 OR TRUE")]);
    found("a IS NULL OR a IS NOT NULL", &[(Kind::AlwaysTrue, "a IS NULL OR a IS NOT NULL")]);
    found("FALSE", &[(Kind::NeverTrue, "FALSE")]);
    found("a > 5 AND a < 3", &[(Kind::Contradiction, "a > 5 AND a < 3"), (Kind::NeverTrue, "a > 5 AND a < 3")]);
    found("a > 5 AND a <= 5", &[(Kind::Contradiction, "a > 5 AND a <= 5"), (Kind::NeverTrue, "a > 5 AND a <= 5")]);
    found("a >= 5 AND a <= 5", &[]);
    found("a = 'x' AND a = 'y'", &[(Kind::Contradiction, "a = 'x' AND a = 'y'"), (Kind::NeverTrue, "a = 'x' AND a = 'y'")]);
    found("a = 1 AND (a > 5 AND a < 3 OR b = 1)", &[(Kind::Contradiction, "a > 5 AND a < 3")]);
    found("a > 5 AND a = 'x'", &[(Kind::TypeConflict, "a > 5 AND a = 'x'"), (Kind::NeverTrue, "a > 5 AND a = 'x'")]);
    found("a LIKE 'x%' AND a > 3 OR b", &[(Kind::TypeConflict, "a LIKE 'x%' AND a > 3")]);
    found("'x' > 3 OR b", &[(Kind::TypeConflict, "'x' > 3")]);
    found("a BETWEEN 5 AND 3 ", &[(Kind::NeverTrue, "a BETWEEN 5 AND 3")]);
    found("a IS NULL AND a = 1", &[(Kind::Contradiction, "a IS NULL AND a = 1"), (Kind::NeverTrue, "a IS NULL AND a = 1")]);
    found("d AND NOT d", &[(Kind::NeverTrue, "d AND NOT d")]);
    found("NOT (a = 'x')", &[(Kind::NotWhereMissing, "a <> 'x'")]);
    found("NOT (a = 'x') OR a IS NULL", &[]);
    found("a NOT IN (1, 2) AND EXISTS a", &[]);
    found("b = 1 AND a NOT LIKE 'x%'", &[(Kind::NotWhereMissing, "a NOT LIKE 'x%'")]);
    found("a = 1 OR b = 2 OR a = 1", &[(Kind::Duplicate, "a = 1")]);
    found("a > 5 AND a > 3", &[(Kind::Covered, "a > 3")]);
    found("a > 5 OR a > 3", &[(Kind::Covered, "a > 5")]);
    found("a = 7 AND a IN (7, 8)", &[(Kind::Covered, "a IN (7, 8)")]);
    found("a IN ('x', 'y') OR a = 'x'", &[(Kind::Covered, "a = 'x'")]);
    found("a = 4 AND a BETWEEN 1 AND 5", &[(Kind::Covered, "a BETWEEN 1 AND 5")]);
    found("a = NULL", &[(Kind::NullComparison, "a = NULL"), (Kind::NeverTrue, "a = NULL")]);
    found("a IN (1, NULL)", &[(Kind::NullComparison, "a IN (1, NULL)")]);
    found("a LIKE 'x'", &[(Kind::Pattern, "a LIKE 'x'")]);
    found("a LIKE '%'", &[(Kind::Pattern, "a LIKE '%'")]);
    found("a = 9007199254740993 AND a = 9007199254740992.0", &[
        (Kind::Contradiction, "a = 9007199254740993 AND a = 9007199254740992.0"),
        (Kind::NeverTrue, "a = 9007199254740993 AND a = 9007199254740992.0"),
    ]);
}

#[track_caller]
fn explained(text: &str, event: &str, verdict: Truth, deciding: &[&str]) {
    let filter = parse(Dialect::Sql, text);
    let flat = flat(event);
    let explanation = explain(&filter, &Prepared::new(&flat));
    assert_eq!(explanation.verdict, verdict, "{text}");
    let named: Vec<String> = explanation.deciding().into_iter().map(line).collect();
    assert_eq!(named, deciding, "{text} on {event}");
}

fn line(clause: &Clause) -> String {
    let reason = clause
        .reason
        .map_or(String::new(), |reason| format!(" ({})", reason.name()));
    format!("{}: {:?}{reason}", clause.text, clause.truth)
}

#[test]
#[rustfmt::skip]
fn the_deciding_clause_is_named_with_its_reason() {
    let event = r#"{"a":5,"b":"x","n":null,"z":0}"#;
    explained("a = 5", event, Truth::True, &["a = 5: True"]);
    explained("a = 5 AND b = 'y' AND none = 1", event, Truth::False, &["b = 'y': False"]);
    explained("a = 5 AND none = 1", event, Truth::Unknown, &["none = 1: Unknown (missing)"]);
    explained("a = 5 AND n > 1", event, Truth::Unknown, &["n > 1: Unknown (null)"]);
    explained("b > 1", event, Truth::Unknown, &["b > 1: Unknown (unlike)"]);
    explained("a / z = 1", event, Truth::Unknown, &["a / z = 1: Unknown (arithmetic)"]);
    explained("b = 'y' OR a = 5", event, Truth::True, &["a = 5: True"]);
    explained("b = 'y' OR a = 4", event, Truth::False, &["b = 'y': False", "a = 4: False"]);
    explained("NOT (a = 5 AND b = 'x')", event, Truth::False, &["a = 5: True", "b = 'x': True"]);
    explained("TRUE", event, Truth::True, &["TRUE: True"]);
}

#[test]
fn clauses_show_what_was_seen() {
    let filter = Filter::parse(Dialect::Sql, "NOT (a + none > 1 AND ANY(l, x -> x = a))").unwrap();
    let flat = flat(r#"{"a":5,"l":[1]}"#);
    let explanation = explain(&filter, &Prepared::new(&flat));
    let list = &explanation.root.parts[0];
    assert!(list.is_negated);
    let seen = |clause: &Clause| -> Vec<String> {
        clause
            .seen
            .iter()
            .map(|seen| format!("{}={}", seen.name, seen.value.is_some()))
            .collect()
    };
    assert_eq!(seen(&list.parts[0]), ["none=false", "a=true"]);
    assert_eq!(seen(&list.parts[1]), ["l=true", "a=true"]);
    assert!(list.parts[0].predicate.is_some());
}
