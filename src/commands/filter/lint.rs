//! What looks like a mistake in a filter that is valid.

use gomera_filter::normalise;
use gomera_filter::tree::{Literal, TextShape};
use gomera_filter::{Expression, Operand, Predicate};

use super::each_predicate;

/// Advice, in the order of the filter.
pub(super) fn of(expression: &Expression) -> Vec<String> {
    let mut advice = Vec::new();
    each_predicate(expression, &mut |predicate| look_at(predicate, &mut advice));
    if let Some(rows) = normalise::rows(expression) {
        if rows.is_empty() {
            advice.push("the filter is never true".into());
        } else if rows.iter().any(Vec::is_empty) {
            advice.push("the filter is true for every notification".into());
        }
    }
    advice
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "advice for some predicates; a new one has none until someone thinks of it"
)]
fn look_at(predicate: &Predicate, advice: &mut Vec<String>) {
    let is_null = |operand: &Operand| operand.literal() == Some(&Literal::Null);
    match predicate {
        Predicate::Compare { left, right, .. } if is_null(left) || is_null(right) => {
            advice
                .push("a comparison with NULL is never true: write IS NULL or IS NOT NULL".into());
        }
        Predicate::In { members, .. } if members.contains(&Literal::Null) => {
            advice.push("a NULL in a list never matches, and makes NOT IN never true".into());
        }
        Predicate::Text { test, .. } if matches!(test.shape(), TextShape::Exact(_)) => {
            advice.push("a pattern without % or _ matches that text only: write =".into());
        }
        Predicate::Text { test, .. } if test.shape() == TextShape::Anything => {
            advice.push("the pattern matches any text".into());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use gomera_filter::{Dialect, Filter};

    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let filter = Filter::parse(Dialect::Sql, text).unwrap();
        let advice = of(filter.expression());
        let begins = advice.len() == expected.len()
            && advice
                .iter()
                .zip(expected)
                .all(|(said, begin)| said.starts_with(begin));
        assert!(begins, "{text}: {advice:?}");
    }

    #[test]
    fn mistakes_are_named() {
        check("a = 1", &[]);
        check("a = NULL OR b = 1", &["a comparison with NULL"]);
        check("a IN (1, NULL)", &["a NULL in a list"]);
        check("a LIKE 'x'", &["a pattern without"]);
        check("NOT (a LIKE '%')", &["the pattern matches any text"]);
        check("FALSE", &["the filter is never true"]);
        check("TRUE", &["the filter is true for every"]);
    }
}
