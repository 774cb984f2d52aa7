//! Why a filter delivered a notification, or did not: the truth of every clause, and which of them decided.

use alloc::string::String;
use alloc::vec::Vec;

use gomera_model::Value;

use crate::dialect::Dialect;
use crate::evaluate::{self, Reason, Values, evaluate_expression};
use crate::filter::Filter;
use crate::print;
use crate::tree::{Expression, Operand, Path, Predicate, Truth};

/// A filter on one notification, clause by clause.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// True delivers.
    pub verdict: Truth,
    /// The whole filter.
    pub root: Clause,
}

/// A part of a filter: one predicate, or several joined.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    /// Canonical text.
    pub text: String,
    /// What it gives for this notification.
    pub truth: Truth,
    /// Why a predicate is unknown.
    pub reason: Option<Reason>,
    /// Whether the verdict rests on it: with another truth here, the others as they are, it could be another.
    pub is_deciding: bool,
    /// Whether an odd number of `NOT` stands above it.
    pub is_negated: bool,
    /// The predicate, where the clause is one: the index knows whether it looks it up or asks it.
    pub predicate: Option<Predicate>,
    /// The attributes that a predicate looks at.
    pub seen: Vec<Seen>,
    /// The parts, where the clause is made of some.
    pub parts: Vec<Clause>,
}

/// An attribute that a predicate looks at.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// Its value; `None` where it is missing.
    pub value: Option<Value>,
}

/// Explains a filter on values that were laid out before.
#[must_use]
pub fn explain<V: Values>(filter: &Filter, values: &V) -> Explanation {
    let explainer = Explainer {
        dialect: filter.dialect(),
        values,
    };
    let root = explainer.clause(filter.expression(), true, false);
    Explanation {
        verdict: root.truth,
        root,
    }
}

impl Explanation {
    /// The predicates on which the verdict rests, in the order of the filter.
    #[must_use]
    pub fn deciding(&self) -> Vec<&Clause> {
        let mut leaves = Vec::new();
        self.root.collect_deciding(&mut leaves);
        leaves
    }
}

impl Clause {
    fn collect_deciding<'a>(&'a self, leaves: &mut Vec<&'a Self>) {
        if !self.is_deciding {
            return;
        }
        if self.parts.is_empty() {
            leaves.push(self);
        }
        for part in &self.parts {
            part.collect_deciding(leaves);
        }
    }
}

struct Explainer<'v, V> {
    dialect: Dialect,
    values: &'v V,
}

impl<V: Values> Explainer<'_, V> {
    fn clause(&self, expression: &Expression, is_deciding: bool, is_negated: bool) -> Clause {
        let truth = evaluate_expression(expression, self.values);
        let mut clause = Clause {
            text: print::print(self.dialect, expression),
            truth,
            reason: None,
            is_deciding,
            is_negated,
            predicate: None,
            seen: Vec::new(),
            parts: Vec::new(),
        };
        match expression {
            Expression::Constant(_) => {}
            Expression::Predicate(predicate) => {
                clause.reason = evaluate::answer(predicate, self.values).err();
                clause.seen = self.seen(predicate);
                clause.predicate = Some(predicate.clone());
            }
            Expression::Not(inner) => {
                let inner = self.clause(inner, is_deciding, !is_negated);
                clause.parts.push(inner);
            }
            Expression::And(parts) | Expression::AndThen(parts) => {
                let all = truth == Truth::True;
                clause.parts = self.parts(parts, all, &clause);
            }
            Expression::Or(parts) | Expression::OrElse(parts) => {
                let all = truth == Truth::False;
                clause.parts = self.parts(parts, all, &clause);
            }
        }
        clause
    }

    /// The parts of a list: all of them decide, or the first that has the truth of the whole.
    fn parts(&self, parts: &[Expression], all: bool, whole: &Clause) -> Vec<Clause> {
        let mut found = false;
        parts
            .iter()
            .map(|part| {
                let same = evaluate_expression(part, self.values) == whole.truth;
                let decides = all || (same && !found);
                found |= same;
                self.clause(part, whole.is_deciding && decides, whole.is_negated)
            })
            .collect()
    }

    fn seen(&self, predicate: &Predicate) -> Vec<Seen> {
        let mut seen: Vec<Seen> = Vec::new();
        each_path(predicate, &mut |path| {
            let known = seen.iter().any(|seen| seen.name == path.name.as_str());
            if path.variable.is_none() && !known {
                let value = self.values.value(&path.name);
                seen.push(Seen {
                    name: path.name.as_str().into(),
                    value: value.map(gomera_model::ValueRef::to_value),
                });
            }
        });
        seen
    }
}

/// Calls `visit` for every path that a predicate looks at.
pub(crate) fn each_path<'p>(predicate: &'p Predicate, visit: &mut impl FnMut(&'p Path)) {
    let mut operands: Vec<&Operand> = Vec::new();
    match predicate {
        Predicate::Compare { left, right, .. } => operands.extend([left, right]),
        Predicate::Between {
            operand, low, high, ..
        } => operands.extend([operand, low, high]),
        Predicate::Among {
            operand, members, ..
        } => {
            operands.push(operand);
            operands.extend(members);
        }
        Predicate::In { operand, .. }
        | Predicate::Text { operand, .. }
        | Predicate::IsNull(operand)
        | Predicate::Holds(operand, _)
        | Predicate::InBox(operand, _)
        | Predicate::Within(operand, _)
        | Predicate::Near {
            position: operand, ..
        } => operands.push(operand),
        Predicate::Exists(path) | Predicate::IsKind(path, _) => visit(path),
        Predicate::Quantified {
            path, condition, ..
        } => {
            visit(path);
            each_predicate(condition, &mut |predicate| each_path_dyn(predicate, visit));
        }
        Predicate::Differ(sides) => {
            for side in sides.iter() {
                each_predicate(side, &mut |predicate| each_path_dyn(predicate, visit));
            }
        }
    }
    while let Some(operand) = operands.pop() {
        match operand {
            Operand::Literal(_) => {}
            Operand::Attribute(path) => visit(path),
            Operand::Negate(inner) => operands.push(inner),
            Operand::Arithmetic(_, inner) | Operand::Position(inner) => {
                operands.extend(inner.iter())
            }
            Operand::Call(_, inner) => operands.extend(inner),
            Operand::Condition(condition) => {
                each_predicate(condition, &mut |predicate| each_path_dyn(predicate, visit));
            }
        }
    }
}

/// The same without a new type for every level of nesting.
fn each_path_dyn<'p>(predicate: &'p Predicate, visit: &mut dyn FnMut(&'p Path)) {
    each_path(predicate, &mut |path| visit(path));
}

/// Calls `visit` for every predicate of a condition, in the order of its text.
pub(crate) fn each_predicate<'e>(expression: &'e Expression, visit: &mut dyn FnMut(&'e Predicate)) {
    match expression {
        Expression::Constant(_) => {}
        Expression::Predicate(predicate) => visit(predicate),
        Expression::Not(inner) => each_predicate(inner, visit),
        Expression::And(parts)
        | Expression::Or(parts)
        | Expression::AndThen(parts)
        | Expression::OrElse(parts) => {
            parts.iter().for_each(|part| each_predicate(part, visit));
        }
    }
}
