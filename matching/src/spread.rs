//! Sets of large numbers. A number without a 32-bit form of its own is no key, but an interval that hardly another one
//! falls into: a short list of such numbers, as of devices, is better one row for each than a condition that every
//! notification has to be asked.

use alloc::vec::Vec;

use gomera_filter::limits::ROWS_MAX;
use gomera_filter::normalise::{Row, Test};
use gomera_filter::tree::{Comparison, Literal, Operand, Predicate, Unlike};

use crate::cell::Cell;

/// Whether a predicate has better rows of its own than a test.
pub(crate) fn has_rows(predicate: &Predicate) -> bool {
    let is_box = matches!(predicate, Predicate::InBox(Operand::Position(_), _));
    is_box || large_numbers(predicate).is_some()
}

/// The same rows, with one for each number where a set of them holds large ones; as they were where that is too many.
pub(crate) fn spread(rows: Vec<Row>) -> Vec<Row> {
    let mut spread: Vec<Row> = Vec::with_capacity(rows.len());
    for row in &rows {
        let sets = row.iter().enumerate().filter(|(_, test)| !test.negated);
        let set = sets.map(|(place, test)| (place, large_numbers(&test.predicate)));
        let Some((place, Some((operand, members)))) = set.into_iter().find(|set| set.1.is_some())
        else {
            spread.push(row.clone());
            continue;
        };
        for member in members {
            let mut one = row.clone();
            one[place] = equal(operand, member);
            spread.push(one);
        }
    }
    if spread.len() > ROWS_MAX {
        rows
    } else {
        spread
    }
}

/// An attribute and its numbers, if there are few and a large one is among them.
fn large_numbers(predicate: &Predicate) -> Option<(&Operand, &[Literal])> {
    let Predicate::In {
        operand,
        members,
        unlike: Unlike::Unknown | Unlike::False,
    } = predicate
    else {
        return None;
    };
    operand.attribute()?;
    let mut has_large = false;
    for member in members {
        has_large |= match member {
            Literal::Int(value) => !Cell::of_int(*value).is_exact(),
            Literal::Float(value) => !Cell::of_float(*value).is_exact(),
            Literal::Null
            | Literal::Bool(_)
            | Literal::String(_)
            | Literal::Bytes(_)
            | Literal::Timestamp(_)
            | Literal::Point(_) => return None,
        };
    }
    (has_large && members.len() <= ROWS_MAX).then_some((operand, members))
}

fn equal(operand: &Operand, member: &Literal) -> Test {
    Test {
        predicate: Predicate::Compare {
            left: operand.clone(),
            comparison: Comparison::Equal,
            right: Operand::Literal(member.clone()),
            unlike: Unlike::Unknown,
        },
        negated: false,
    }
}

#[cfg(test)]
mod tests {
    use gomera_filter::{Dialect, Filter, normalise};

    use super::*;

    fn rows(text: &str) -> usize {
        let filter = Filter::parse(Dialect::Sql, text).unwrap();
        spread(normalise::rows(filter.expression()).unwrap()).len()
    }

    #[test]
    fn a_short_list_of_large_numbers_is_a_row_for_each() {
        assert_eq!(rows("device IN (367524241, 368228271, 5)"), 3);
        assert_eq!(rows("device IN (367524241, 368228271) AND speed > 3"), 2);
        assert_eq!(rows("device IN (367524241, 368228271) OR speed > 3"), 3);
        assert_eq!(rows("kind IN (1, 2, 3)"), 1);
        assert_eq!(rows("NOT (device IN (367524241, 368228271))"), 1);
        assert_eq!(
            rows("(device IN (367524241, 9) OR a = 1) AND (b = 1 OR c = 2)"),
            6
        );
    }

    #[test]
    fn a_long_list_stays_one() {
        let numbers: Vec<_> = (0..20)
            .map(|n| alloc::format!("{}", 367_524_241 + n))
            .collect();
        assert_eq!(
            rows(&alloc::format!("device IN ({})", numbers.join(", "))),
            1
        );
    }
}
