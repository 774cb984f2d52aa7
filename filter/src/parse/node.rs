//! What a piece of text means before it is known whether a value or a condition is wanted there.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use crate::tree::{Arithmetic, Comparison, Expression, Literal, Operand, Predicate, Truth, Unlike};

use super::refusal::Span;

/// A value or a condition, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub meaning: Meaning,
    pub span: Span,
    /// Levels of the tree below and with it.
    pub depth: usize,
    /// Whether it stands in brackets.
    pub bracketed: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Meaning {
    Condition(Expression),
    Operand(Operand),
}

impl Node {
    pub(super) fn operand(operand: Operand, span: Span, depth: usize) -> Self {
        Self {
            meaning: Meaning::Operand(operand),
            span,
            depth,
            bracketed: false,
        }
    }

    pub(super) fn condition(expression: Expression, span: Span, depth: usize) -> Self {
        Self {
            meaning: Meaning::Condition(expression),
            span,
            depth,
            bracketed: false,
        }
    }

    pub(super) fn predicate(predicate: Predicate, span: Span, depth: usize) -> Self {
        Self::condition(Expression::Predicate(predicate), span, depth)
    }
}

/// The literal that a bool or null is as a condition.
pub(super) fn constant(literal: &Literal) -> Option<Truth> {
    match literal {
        Literal::Null => Some(Truth::Unknown),
        Literal::Bool(value) => Some((*value).into()),
        Literal::Int(_)
        | Literal::Float(_)
        | Literal::String(_)
        | Literal::Bytes(_)
        | Literal::Timestamp(_)
        | Literal::Point(_) => None,
    }
}

/// The opposite, without doubled `NOT`.
pub(super) fn not(expression: Expression) -> Expression {
    match expression {
        Expression::Not(inner) => *inner,
        Expression::Constant(truth) => Expression::Constant(!truth),
        Expression::Predicate(_)
        | Expression::And(_)
        | Expression::Or(_)
        | Expression::AndThen(_)
        | Expression::OrElse(_) => Expression::Not(Box::new(expression)),
    }
}

/// `left AND right`; `a AND (b AND c)` and `(a AND b) AND c` are the same list.
pub(super) fn and(left: Expression, right: Expression) -> Expression {
    Expression::And(list(left, right, |expression| match expression {
        Expression::And(parts) => Ok(parts),
        other => Err(other),
    }))
}

/// As [`and`].
pub(super) fn or(left: Expression, right: Expression) -> Expression {
    Expression::Or(list(left, right, |expression| match expression {
        Expression::Or(parts) => Ok(parts),
        other => Err(other),
    }))
}

/// As [`and`].
pub(super) fn and_then(left: Expression, right: Expression) -> Expression {
    Expression::AndThen(list(left, right, |expression| match expression {
        Expression::AndThen(parts) => Ok(parts),
        other => Err(other),
    }))
}

/// As [`and`].
pub(super) fn or_else(left: Expression, right: Expression) -> Expression {
    Expression::OrElse(list(left, right, |expression| match expression {
        Expression::OrElse(parts) => Ok(parts),
        other => Err(other),
    }))
}

/// `left XOR right`.
pub(super) fn differ(left: Expression, right: Expression) -> Expression {
    Expression::Predicate(Predicate::Differ([left, right].into()))
}

/// How many parts a list has; none if it is no list.
pub(super) fn parts(expression: &Expression) -> usize {
    match expression {
        Expression::And(parts)
        | Expression::Or(parts)
        | Expression::AndThen(parts)
        | Expression::OrElse(parts) => parts.len(),
        Expression::Constant(_) | Expression::Predicate(_) | Expression::Not(_) => 0,
    }
}

fn list(
    left: Expression,
    right: Expression,
    parts: fn(Expression) -> Result<Vec<Expression>, Expression>,
) -> Vec<Expression> {
    let mut joined = parts(left).unwrap_or_else(|one| vec![one]);
    joined.extend(parts(right).unwrap_or_else(|one| vec![one]));
    joined
}

/// A comparison, with the literal on the right.
pub(super) fn compare(
    left: Operand,
    comparison: Comparison,
    right: Operand,
    unlike: Unlike,
) -> Predicate {
    let turn = left.literal().is_some() && right.literal().is_none() && unlike != Unlike::Cast;
    let (left, comparison, right) = if turn {
        (right, comparison.flipped(), left)
    } else {
        (left, comparison, right)
    };
    Predicate::Compare {
        left,
        comparison,
        right,
        unlike,
    }
}

/// The opposite number; that of a literal is a literal.
pub(super) fn negate(operand: Operand) -> Operand {
    match operand {
        Operand::Literal(Literal::Int(value)) if value != i64::MIN => {
            Operand::Literal(Literal::Int(-value))
        }
        Operand::Literal(Literal::Float(value)) => Operand::Literal(Literal::Float(0.0 - value)),
        other => Operand::Negate(Box::new(other)),
    }
}

/// The number itself; nothing for what is none.
pub(super) fn plus(operand: Operand) -> Operand {
    match operand {
        Operand::Literal(Literal::Int(_) | Literal::Float(_)) => operand,
        other => {
            let zero = Operand::Literal(Literal::Int(0));
            Operand::Arithmetic(Arithmetic::Add, Box::new([zero, other]))
        }
    }
}

/// The first of each.
pub(super) fn without_repetitions(literals: Vec<Literal>) -> Vec<Literal> {
    let mut kept: Vec<Literal> = Vec::with_capacity(literals.len());
    let mut seen = gomera_model::LookupSet::new(0);
    for literal in literals {
        if seen.insert(format!("{literal:?}")) {
            kept.push(literal);
        }
    }
    kept
}
