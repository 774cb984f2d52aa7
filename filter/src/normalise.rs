//! Normal forms: `NOT` at the leaves, and an OR of ANDs within a bound.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use crate::limits::{MEMBERS_MAX, ROWS_MAX};
use crate::tree::{Comparison, Expression, Literal, Operand, Predicate, Truth, Unlike};

/// One test of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// The test.
    pub predicate: Predicate,
    /// Whether its opposite is meant. Never for a comparison that is unknown for unlike types, which is turned round.
    pub negated: bool,
}

/// Tests that must all be true. An empty row is always true.
pub type Row = Vec<Test>;

/// The rows of a filter, which is *true* exactly where one of them is; false and unknown are not told apart.
/// No rows: it is never true. `None` where there would be more than [`ROWS_MAX`].
///
/// Equalities and sets of one attribute that are joined by OR become one set. Where only truth counts, a comparison
/// whose unlike types give false is the same as one where they give unknown, so it stands here as the latter.
#[must_use]
pub fn rows(expression: &Expression) -> Option<Vec<Row>> {
    expand(&negation_normal(expression))
}

/// The same expression with `NOT` only directly above predicates: the same verdict, true, false or unknown, everywhere.
#[must_use]
pub fn negation_normal(expression: &Expression) -> Expression {
    pushed(expression, false)
}

fn pushed(expression: &Expression, negated: bool) -> Expression {
    let all = |parts: &[Expression]| parts.iter().map(|part| pushed(part, negated)).collect();
    match (expression, negated) {
        (Expression::Constant(truth), false) => Expression::Constant(*truth),
        (Expression::Constant(truth), true) => Expression::Constant(!*truth),
        (Expression::Predicate(predicate), false) => Expression::Predicate(predicate.clone()),
        (Expression::Predicate(predicate), true) => opposite(predicate),
        (Expression::Not(inner), negated) => pushed(inner, !negated),
        (Expression::And(parts), false) | (Expression::Or(parts), true) => {
            Expression::And(all(parts))
        }
        (Expression::Or(parts), false) | (Expression::And(parts), true) => {
            Expression::Or(all(parts))
        }
        (Expression::AndThen(parts), false) | (Expression::OrElse(parts), true) => {
            Expression::AndThen(all(parts))
        }
        (Expression::OrElse(parts), false) | (Expression::AndThen(parts), true) => {
            Expression::OrElse(all(parts))
        }
    }
}

fn opposite(predicate: &Predicate) -> Expression {
    if let Predicate::Compare {
        left,
        comparison,
        right,
        unlike: unlike @ (Unlike::Unknown | Unlike::Spelled),
    } = predicate
    {
        return Expression::Predicate(Predicate::Compare {
            left: left.clone(),
            comparison: comparison.opposite(),
            right: right.clone(),
            unlike: *unlike,
        });
    }
    Expression::Not(Box::new(Expression::Predicate(predicate.clone())))
}

/// The rows of an expression in negation normal form.
fn expand(expression: &Expression) -> Option<Vec<Row>> {
    match expression {
        Expression::Constant(Truth::True) => Some(vec![Row::new()]),
        Expression::Constant(Truth::False | Truth::Unknown) => Some(Vec::new()),
        Expression::Predicate(predicate) => Some(sides(predicate).unwrap_or_else(|| {
            vec![vec![Test {
                predicate: truthful(predicate),
                negated: false,
            }]]
        })),
        Expression::Not(inner) => {
            let Expression::Predicate(predicate) = &**inner else {
                return expand(&pushed(inner, true));
            };
            Some(vec![vec![Test {
                predicate: predicate.clone(),
                negated: true,
            }]])
        }
        Expression::And(parts) | Expression::AndThen(parts) => parts
            .iter()
            .try_fold(vec![Row::new()], |rows, part| product(rows, expand(part)?)),
        Expression::Or(parts) => {
            let parts = with_sets(parts);
            parts
                .iter()
                .try_fold(Vec::new(), |rows, part| sum(rows, expand(part)?))
        }
        Expression::OrElse(parts) => expand_or_else(parts),
    }
}

/// `a OR ELSE b OR ELSE c` is true where `a` is, or `NOT a AND b`, or `NOT a AND NOT b AND c`.
fn expand_or_else(parts: &[Expression]) -> Option<Vec<Row>> {
    let mut rows = Vec::new();
    let mut passed = vec![Row::new()];
    for (index, part) in parts.iter().enumerate() {
        rows = sum(rows, product(passed.clone(), expand(part)?)?)?;
        if index + 1 < parts.len() {
            passed = product(passed, expand(&pushed(part, true))?)?;
        }
    }
    Some(rows)
}

fn sum(mut rows: Vec<Row>, more: Vec<Row>) -> Option<Vec<Row>> {
    for row in more {
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    (rows.len() <= ROWS_MAX).then_some(rows)
}

fn product(left: Vec<Row>, right: Vec<Row>) -> Option<Vec<Row>> {
    if left.len() * right.len() > ROWS_MAX {
        return None;
    }
    let mut rows = Vec::with_capacity(left.len() * right.len());
    for before in &left {
        for after in &right {
            let mut row = before.clone();
            row.extend(after.iter().filter(|test| !before.contains(test)).cloned());
            rows.push(row);
        }
    }
    Some(rows)
}

/// A box around `POINT(lon lat)` as bounds of the two, which an index knows: one row, or two where the box crosses the
/// line at 180 degrees. Beyond the ends of the earth there is no position, and no bound either.
fn sides(predicate: &Predicate) -> Option<Vec<Row>> {
    let Predicate::InBox(Operand::Position(parts), bounds) = predicate else {
        return None;
    };
    let [lon, lat] = &**parts;
    let side = |operand: &Operand, low: f64, high: f64| Test {
        predicate: Predicate::Between {
            operand: operand.clone(),
            low: Operand::Literal(Literal::Float(low)),
            high: Operand::Literal(Literal::Float(high)),
            unlike: Unlike::Unknown,
        },
        negated: false,
    };
    let (west, east) = (bounds.low.lon.max(-180.0), bounds.high.lon.min(180.0));
    let (south, north) = (bounds.low.lat.max(-90.0), bounds.high.lat.min(90.0));
    let row = |west, east| vec![side(lon, west, east), side(lat, south, north)];
    Some(if west <= east {
        vec![row(west, east)]
    } else {
        vec![row(west, 180.0), row(-180.0, east)]
    })
}

/// The predicate in the form in which an index knows it: true exactly where the original is.
pub(crate) fn truthful(predicate: &Predicate) -> Predicate {
    let mut predicate = predicate.clone();
    let number = |operand: &Operand| {
        matches!(
            operand,
            Operand::Literal(Literal::Int(_) | Literal::Float(_))
        )
    };
    let is_equality = |comparison| matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    let (is_plain, unlike) = match &mut predicate {
        Predicate::Compare {
            comparison,
            right,
            unlike,
            ..
        } => (is_equality(*comparison) || number(right), unlike),
        Predicate::Between {
            low, high, unlike, ..
        } => (number(low) && number(high), unlike),
        Predicate::In { .. }
        | Predicate::Among { .. }
        | Predicate::Text { .. }
        | Predicate::Holds(..)
        | Predicate::IsNull(_)
        | Predicate::Exists(_)
        | Predicate::IsKind(..)
        | Predicate::Quantified { .. }
        | Predicate::InBox(..)
        | Predicate::Near { .. }
        | Predicate::Within(..)
        | Predicate::Differ(_) => return predicate,
    };
    if *unlike == Unlike::False || (*unlike == Unlike::FalseUnordered && is_plain) {
        *unlike = Unlike::Unknown;
    }
    predicate
}

/// The alternatives, with equalities and sets of one attribute as one set, at the place of the first.
fn with_sets(parts: &[Expression]) -> Vec<Expression> {
    let mut joined: Vec<Expression> = Vec::with_capacity(parts.len());
    for part in parts {
        let Some((name, literals)) = alternatives(part) else {
            joined.push(part.clone());
            continue;
        };
        let same = joined
            .iter_mut()
            .find(|known| alternatives(known).is_some_and(|(known, _)| known == name));
        match same {
            Some(known) => *known = union(known, literals),
            None => joined.push(part.clone()),
        }
    }
    joined
}

/// The attribute and the values, if the part is an equality or a set whose unlike types are not cast.
fn alternatives(part: &Expression) -> Option<(&Operand, &[Literal])> {
    let Expression::Predicate(predicate) = part else {
        return None;
    };
    let (operand, literals, unlike) = if let Predicate::Compare {
        left,
        comparison: Comparison::Equal,
        right: Operand::Literal(literal),
        unlike,
    } = predicate
    {
        (left, core::slice::from_ref(literal), unlike)
    } else if let Predicate::In {
        operand,
        members,
        unlike,
    } = predicate
    {
        (operand, members.as_slice(), unlike)
    } else {
        return None;
    };
    let plain = matches!(
        unlike,
        Unlike::Unknown | Unlike::False | Unlike::FalseUnordered
    );
    (plain && operand.attribute().is_some()).then_some((operand, literals))
}

fn union(known: &Expression, more: &[Literal]) -> Expression {
    let Some((operand, literals)) = alternatives(known) else {
        return known.clone();
    };
    let mut members = literals.to_vec();
    for literal in more {
        if !members.contains(literal) {
            members.push(literal.clone());
        }
    }
    debug_assert!(members.len() <= MEMBERS_MAX * crate::limits::PREDICATES_MAX);
    Expression::Predicate(Predicate::In {
        operand: operand.clone(),
        members,
        unlike: Unlike::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use gomera_model::{Attributes, AttributesBuilder};

    use super::*;
    use crate::{Dialect, Filter, reference};

    fn at(lon: f64, lat: f64) -> Attributes {
        let attributes = AttributesBuilder::new().with("lon", lon).with("lat", lat);
        attributes.build().unwrap()
    }

    fn number(operand: &Operand) -> f64 {
        let Operand::Literal(Literal::Float(number)) = operand else {
            panic!("{operand:?} is no float");
        };
        *number
    }

    /// Whether a test of a row is true, by its bounds alone.
    fn holds(test: &Test, position: [f64; 2]) -> bool {
        let Predicate::Between {
            operand, low, high, ..
        } = &test.predicate
        else {
            panic!("{test:?} has no bounds");
        };
        let value = position[usize::from(operand.attribute() == Some("lat"))];
        (number(low)..=number(high)).contains(&value)
    }

    #[test]
    fn a_box_around_two_attributes_becomes_bounds_of_each() {
        for (corners, expected) in [
            ("-10.5, 20, 30, 40.25", 1),
            ("170, -20, -170, 20", 2),
            ("-180, -90, 180, 90", 1),
        ] {
            let text = alloc::format!("BBOX(POINT(lon lat), {corners})");
            let filter = Filter::parse(Dialect::Sql, &text).unwrap();
            let rows = rows(filter.expression()).unwrap();
            assert_eq!(rows.len(), expected, "{corners}");
            let lons = [
                -180.0, -175.0, -170.0, -10.6, -10.5, 0.0, 30.0, 30.1, 170.0, 180.0,
            ];
            for (lon, lat) in lons
                .iter()
                .flat_map(|lon| [-90.0, 0.0, 20.0, 40.3].map(|lat| (*lon, lat)))
            {
                let verdict = reference::matches(&filter, &at(lon, lat));
                let within = |row: &Row| row.iter().all(|test| holds(test, [lon, lat]));
                assert_eq!(rows.iter().any(within), verdict, "{corners}: {lon} {lat}");
            }
        }
    }
}
