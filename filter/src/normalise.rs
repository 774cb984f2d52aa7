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
        Expression::Predicate(predicate) => Some(vec![vec![Test {
            predicate: truthful(predicate),
            negated: false,
        }]]),
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
