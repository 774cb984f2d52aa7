//! What looks like a mistake in a filter that is valid.

mod constraint;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::dialect::Dialect;
use crate::explain::each_predicate;
use crate::filter::Filter;
use crate::normalise::{self, Row, truthful};
use crate::print::{print, print_predicate};
use crate::tree::{Expression, Literal, Operand, Predicate, TextShape, Truth};

use constraint::{Constraint, Relation};

/// Something that looks like a mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// The clause that is meant, as canonical text.
    pub clause: String,
    /// What to know or do about it.
    pub advice: String,
}

/// What may look like a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// True for every notification.
    AlwaysTrue,
    /// True for none.
    NeverTrue,
    /// Two tests that cannot both be true.
    Contradiction,
    /// Two tests, or two sides of one, of types that do not go together.
    TypeConflict,
    /// A negation that does not match where the attribute is missing.
    NotWhereMissing,
    /// The same test twice.
    Duplicate,
    /// A test that another one makes superfluous.
    Covered,
    /// A comparison with `NULL`, which is never true.
    NullComparison,
    /// A pattern that is just a text, or matches any text.
    Pattern,
}

impl FindingKind {
    /// A name that stays the same, for machines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AlwaysTrue => "always-true",
            Self::NeverTrue => "never-true",
            Self::Contradiction => "contradiction",
            Self::TypeConflict => "type-conflict",
            Self::NotWhereMissing => "not-where-missing",
            Self::Duplicate => "duplicate",
            Self::Covered => "covered",
            Self::NullComparison => "null-comparison",
            Self::Pattern => "pattern",
        }
    }
}

/// The findings of a filter, what concerns all of it last.
#[must_use]
pub fn lint(filter: &Filter) -> Vec<Finding> {
    let mut linter = Linter {
        dialect: filter.dialect(),
        findings: Vec::new(),
    };
    each_predicate(filter.expression(), &mut |predicate| {
        linter.predicate(predicate)
    });
    linter.lists(filter.expression());
    linter.negations(filter.expression());
    linter.whole(filter.expression());
    linter.findings
}

struct Linter {
    dialect: Dialect,
    findings: Vec<Finding>,
}

impl Linter {
    fn report(&mut self, kind: FindingKind, clause: String, advice: String) {
        let finding = Finding {
            kind,
            clause,
            advice,
        };
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    /// What is wrong with one test by itself.
    fn predicate(&mut self, predicate: &Predicate) {
        let clause = print_predicate(self.dialect, predicate);
        if let Predicate::Compare { left, right, .. } = predicate {
            let is_null = |operand: &Operand| operand.literal() == Some(&Literal::Null);
            if is_null(left) || is_null(right) {
                let advice = "a comparison with NULL is never true: write IS NULL".into();
                self.report(FindingKind::NullComparison, clause, advice);
            } else if let (Some(left), Some(right)) = (left.literal(), right.literal())
                && !constraint::go_together(left, right)
            {
                let advice = "values of these types are never equal and have no order".into();
                self.report(FindingKind::TypeConflict, clause, advice);
            }
        } else if let Predicate::In { members, .. } = predicate {
            if members.contains(&Literal::Null) {
                let advice = "a NULL in the list never matches, and NOT IN is never true".into();
                self.report(FindingKind::NullComparison, clause, advice);
            }
        } else if let Predicate::Text { test, .. } = predicate {
            let advice = match test.shape() {
                TextShape::Exact(_) => "a pattern without % and _ is an equality: write =",
                TextShape::Anything => "the pattern matches any text: IS NOT NULL may be meant",
                TextShape::Prefix(_)
                | TextShape::Suffix(_)
                | TextShape::Contains(_)
                | TextShape::Other => return,
            };
            self.report(FindingKind::Pattern, clause, advice.into());
        }
    }

    /// Tests beside each other in one list.
    fn lists(&mut self, expression: &Expression) {
        match expression {
            Expression::Constant(_) | Expression::Predicate(_) => {}
            Expression::Not(inner) => self.lists(inner),
            Expression::And(parts) | Expression::AndThen(parts) => self.list(parts, true),
            Expression::Or(parts) | Expression::OrElse(parts) => self.list(parts, false),
        }
    }

    fn list(&mut self, parts: &[Expression], all: bool) {
        let constraints: Vec<_> = parts.iter().map(Constraint::of_part).collect();
        for (index, part) in parts.iter().enumerate() {
            self.lists(part);
            for before in 0..index {
                if parts[before] == *part {
                    let clause = print(self.dialect, part);
                    self.report(
                        FindingKind::Duplicate,
                        clause,
                        "it stands there twice".into(),
                    );
                    continue;
                }
                if let (Some(one), Some(other)) = (&constraints[before], &constraints[index]) {
                    let sides = [(&parts[before], one), (part, other)];
                    self.pair(sides, all);
                }
            }
        }
    }

    fn pair(&mut self, sides: [(&Expression, &Constraint<'_>); 2], all: bool) {
        let [(first, one), (second, other)] = sides;
        let relation = one.relation(other);
        if relation == Relation::Other {
            return;
        }
        let texts = [print(self.dialect, first), print(self.dialect, second)];
        let (narrow, wide) = match relation {
            Relation::Within => (0, 1),
            Relation::Around => (1, 0),
            Relation::Apart if all => {
                let clause = texts.join(" AND ");
                let advice = "both cannot be true at once".into();
                return self.report(FindingKind::Contradiction, clause, advice);
            }
            Relation::Unlike if all => {
                let clause = texts.join(" AND ");
                let advice = "an attribute has one type at a time".into();
                return self.report(FindingKind::TypeConflict, clause, advice);
            }
            Relation::Apart | Relation::Unlike | Relation::Other => return,
        };
        let (idle, busy) = if all { (wide, narrow) } else { (narrow, wide) };
        let advice = format!("{} covers it: it changes nothing", texts[busy]);
        self.report(FindingKind::Covered, texts[idle].clone(), advice);
    }

    /// Negations of tests that are unknown, not false, where the attribute is missing.
    fn negations(&mut self, expression: &Expression) {
        let normal = normalise::negation_normal(expression);
        let mut asked: Vec<&str> = Vec::new();
        each_predicate(&normal, &mut |predicate| {
            if let Predicate::IsNull(operand) = predicate {
                asked.extend(operand.attribute());
            } else if let Predicate::Exists(path) = predicate {
                asked.extend(path.plain());
            }
        });
        self.negations_in(&normal, &mut asked);
    }

    fn negations_in<'e>(&mut self, expression: &'e Expression, asked: &mut Vec<&'e str>) {
        let (negative, predicate) = match expression {
            Expression::Constant(_) => return,
            Expression::And(parts)
            | Expression::Or(parts)
            | Expression::AndThen(parts)
            | Expression::OrElse(parts) => {
                for part in parts {
                    self.negations_in(part, asked);
                }
                return;
            }
            Expression::Predicate(predicate) => (false, predicate),
            Expression::Not(inner) => {
                let Expression::Predicate(predicate) = &**inner else {
                    return;
                };
                (true, predicate)
            }
        };
        let Some(name) = constraint::denied(predicate, negative) else {
            return;
        };
        if asked.contains(&name) {
            return;
        }
        asked.push(name);
        let advice = format!(
            "this does not match where {name} is missing; add OR {name} IS NULL if it should"
        );
        let clause = print(self.dialect, expression);
        self.report(FindingKind::NotWhereMissing, clause, advice);
    }

    /// Verdicts that are always the same.
    fn whole(&mut self, expression: &Expression) {
        let Some(rows) = normalise::rows(expression) else {
            return;
        };
        let clause = print(self.dialect, expression);
        if rows.iter().all(is_contradictory) {
            let advice = "no notification can match".into();
            self.report(FindingKind::NeverTrue, clause, advice);
        } else if rows.iter().any(Vec::is_empty) || is_complete(expression) {
            self.report(
                FindingKind::AlwaysTrue,
                clause,
                "every notification matches".into(),
            );
        }
    }
}

/// Whether the tests of a row exclude each other.
fn is_contradictory(row: &Row) -> bool {
    let positive = row.iter().filter(|test| !test.negated);
    let constraints: Vec<_> = positive
        .filter_map(|test| Constraint::of(&test.predicate))
        .collect();
    let never = |predicate: &Predicate| constraint::is_never(&truthful(predicate));
    let excluded = |one: &Constraint<'_>, other: &Constraint<'_>| {
        matches!(one.relation(other), Relation::Apart | Relation::Unlike)
    };
    row.iter()
        .any(|test| !test.negated && never(&test.predicate))
        || constraints.iter().enumerate().any(|(index, one)| {
            constraints[..index]
                .iter()
                .any(|other| excluded(one, other))
        })
        || row.iter().any(|test| {
            let opposite = |other: &normalise::Test| {
                other.negated != test.negated && other.predicate == test.predicate
            };
            row.iter().any(opposite)
        })
}

/// Whether one of the alternatives is the opposite of another that is never unknown.
fn is_complete(expression: &Expression) -> bool {
    let Expression::Or(parts) = expression else {
        return *expression == Expression::Constant(Truth::True);
    };
    let certain = |predicate: &Predicate| {
        matches!(
            predicate,
            Predicate::IsNull(_) | Predicate::Exists(_) | Predicate::IsKind(..)
        )
    };
    parts.iter().any(|part| {
        let Expression::Not(inner) = part else {
            return false;
        };
        let Expression::Predicate(predicate) = &**inner else {
            return false;
        };
        certain(predicate) && parts.contains(inner)
    })
}
