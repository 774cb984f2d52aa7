//! What the index does with a predicate, for people who want to know what their filter costs.

use gomera_filter::Predicate;

use crate::leaf::Leaf;

/// How much of a predicate the index looks up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// All of it.
    Whole,
    /// A part; the predicate is asked as well, where that part holds.
    Part,
    /// Nothing; it is asked where other predicates of its conjunction hold, or always if there are none.
    Residual,
}

/// How much of a predicate, or of its opposite, the index looks up.
#[must_use]
pub fn coverage(predicate: &Predicate, negated: bool) -> Coverage {
    match Leaf::of(predicate, negated) {
        Some(leaf) if leaf.is_whole => Coverage::Whole,
        Some(_) => Coverage::Part,
        None => Coverage::Residual,
    }
}

#[cfg(test)]
mod tests {
    use gomera_filter::{Dialect, Expression, Filter};

    use super::*;

    fn check(text: &str, expected: Coverage) {
        check_in(Dialect::Sql, text, expected);
    }

    fn check_in(dialect: Dialect, text: &str, expected: Coverage) {
        let filter = Filter::parse(dialect, text).unwrap();
        let Expression::Predicate(predicate) = filter.expression() else {
            panic!("{text} is one predicate");
        };
        assert_eq!(coverage(predicate, false), expected, "{text}");
    }

    #[test]
    fn predicates_by_what_is_looked_up() {
        check("a = 1", Coverage::Whole);
        check("a BETWEEN 1 AND 2", Coverage::Whole);
        check("a IN ('x', 'y')", Coverage::Whole);
        check("a LIKE 'x%y'", Coverage::Part);
        check("a + b > 2", Coverage::Residual);
    }

    #[test]
    fn equalities_with_words_are_looked_up_in_every_dialect() {
        for dialect in [
            Dialect::Cesql,
            Dialect::Mqtt,
            Dialect::Jms,
            Dialect::AmqpSql,
        ] {
            check_in(dialect, "a = 'door'", Coverage::Whole);
        }
        check_in(Dialect::Cesql, "a IN ('door', 'roof')", Coverage::Whole);
        check_in(Dialect::Cesql, "a = '5'", Coverage::Residual);
        check_in(Dialect::Cesql, "a = 'True'", Coverage::Residual);
        check_in(Dialect::Mqtt, "a = 5", Coverage::Residual);
    }
}
