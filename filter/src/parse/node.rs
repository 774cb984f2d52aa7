//! What a piece of text means before it is known whether a value or a condition is wanted there.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use gomera_model::LookupSet;

use crate::tree::{
    Arithmetic, CloudFunction, Comparison, Expression, Function, Literal, Operand, Predicate,
    Truth, Unlike,
};

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
    /// Boxed: a node is handed on many times.
    Condition(Box<Expression>),
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

    pub(super) fn condition(expression: Box<Expression>, span: Span, depth: usize) -> Self {
        Self {
            meaning: Meaning::Condition(expression),
            span,
            depth,
            bracketed: false,
        }
    }

    pub(super) fn predicate(predicate: Predicate, span: Span, depth: usize) -> Self {
        Self::condition(Box::new(Expression::Predicate(predicate)), span, depth)
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

/// The opposite. A doubled `NOT` falls away, except above an operand that it casts to a truth value (`cesql`).
pub(crate) fn not(expression: Box<Expression>) -> Box<Expression> {
    match *expression {
        Expression::Not(inner) if !is_cast(&inner) => inner,
        Expression::Constant(truth) => Box::new(Expression::Constant(!truth)),
        Expression::Not(_)
        | Expression::Predicate(_)
        | Expression::And(_)
        | Expression::Or(_)
        | Expression::AndThen(_)
        | Expression::OrElse(_) => Box::new(Expression::Not(expression)),
    }
}

fn is_cast(expression: &Expression) -> bool {
    matches!(
        expression,
        Expression::Predicate(Predicate::Holds(_, Unlike::Cast))
    )
}

/// `left AND right`; `a AND (b AND c)` and `(a AND b) AND c` are the same list.
pub(super) fn and(left: Box<Expression>, right: Box<Expression>) -> Expression {
    Expression::And(list(left, right, |expression| {
        if let Expression::And(parts) = expression {
            return Some(core::mem::take(parts));
        }
        None
    }))
}

/// As [`and`].
pub(super) fn or(left: Box<Expression>, right: Box<Expression>) -> Expression {
    Expression::Or(list(left, right, |expression| {
        if let Expression::Or(parts) = expression {
            return Some(core::mem::take(parts));
        }
        None
    }))
}

/// As [`and`].
pub(super) fn and_then(left: Box<Expression>, right: Box<Expression>) -> Expression {
    Expression::AndThen(list(left, right, |expression| {
        if let Expression::AndThen(parts) = expression {
            return Some(core::mem::take(parts));
        }
        None
    }))
}

/// As [`and`].
pub(super) fn or_else(left: Box<Expression>, right: Box<Expression>) -> Expression {
    Expression::OrElse(list(left, right, |expression| {
        if let Expression::OrElse(parts) = expression {
            return Some(core::mem::take(parts));
        }
        None
    }))
}

/// `left XOR right`.
#[allow(clippy::boxed_local, reason = "of one shape with the functions above")]
pub(super) fn differ(left: Box<Expression>, right: Box<Expression>) -> Expression {
    Expression::Predicate(Predicate::Differ([*left, *right].into()))
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

/// The parts of both sides; `parts` takes them out of a list of the same kind.
fn list(
    mut left: Box<Expression>,
    mut right: Box<Expression>,
    parts: fn(&mut Expression) -> Option<Vec<Expression>>,
) -> Vec<Expression> {
    let mut joined = match parts(&mut left) {
        Some(parts) => parts,
        None => {
            let mut joined = Vec::with_capacity(4);
            joined.push(*left);
            joined
        }
    };
    match parts(&mut right) {
        Some(parts) => joined.extend(parts),
        None => joined.push(*right),
    }
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
    match operand.literal() {
        Some(Literal::Int(value)) if *value != i64::MIN => Operand::Literal(Literal::Int(-value)),
        Some(Literal::Float(value)) => Operand::Literal(Literal::Float(0.0 - value)),
        Some(_) | None => Operand::Negate(Box::new(operand)),
    }
}

/// The opposite whole number of 32 bits (`cesql`).
pub(super) fn negate_whole(operand: Operand) -> Operand {
    match operand.literal() {
        Some(Literal::Int(value)) if *value > i64::from(i32::MIN) => {
            Operand::Literal(Literal::Int(-value))
        }
        Some(_) | None => Operand::Call(Function::Cloud(CloudFunction::Negate), vec![operand]),
    }
}

/// The number itself; nothing for what is none.
pub(super) fn plus(operand: Operand) -> Operand {
    if let Some(Literal::Int(_) | Literal::Float(_)) = operand.literal() {
        return operand;
    }
    let zero = Operand::Literal(Literal::Int(0));
    Operand::Arithmetic(Arithmetic::Add, Box::new([zero, operand]))
}

/// The first of each.
pub(super) fn without_repetitions(literals: Vec<Literal>) -> Vec<Literal> {
    let mut kept: Vec<Literal> = Vec::with_capacity(literals.len());
    if literals.len() <= FEW {
        for literal in literals {
            if !kept.contains(&literal) {
                kept.push(literal);
            }
        }
        return kept;
    }
    let mut seen = LookupSet::new(0);
    for literal in literals {
        if seen.insert(format!("{literal:?}")) {
            kept.push(literal);
        }
    }
    kept
}

/// So many literals are compared each with each faster than hashed.
const FEW: usize = 16;
