//! What a test asks of one attribute, so that two of them can be compared.

use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::evaluate::Datum;
use crate::tree::{Comparison, Expression, Literal, Operand, Predicate, TextTest, Unlike};

/// What a test asks of one attribute.
#[derive(Debug)]
pub(super) struct Constraint<'e> {
    name: &'e str,
    demand: Demand<'e>,
}

#[derive(Debug)]
enum Demand<'e> {
    /// A value between two bounds.
    Range(Range<'e>),
    /// One of these values.
    Set(Vec<Datum<'e>>),
    /// A text, of whatever look.
    Text,
    /// No value.
    Null,
}

/// Bounds, each with whether it belongs to the range.
#[derive(Debug, Default)]
struct Range<'e> {
    low: Option<(Datum<'e>, bool)>,
    high: Option<(Datum<'e>, bool)>,
}

/// How what two tests allow lies to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// The first allows only what the second allows too.
    Within,
    /// The second allows only what the first allows too.
    Around,
    /// Nothing satisfies both.
    Apart,
    /// They ask for types that do not go together.
    Unlike,
    /// Neither.
    Other,
}

impl Relation {
    fn turned(self) -> Self {
        match self {
            Self::Within => Self::Around,
            Self::Around => Self::Within,
            Self::Apart | Self::Unlike | Self::Other => self,
        }
    }
}

impl<'e> Constraint<'e> {
    /// What a part of a list asks, if it is one plain test.
    pub(super) fn of_part(part: &'e Expression) -> Option<Self> {
        match part {
            Expression::Predicate(predicate) => Self::of(predicate),
            Expression::Constant(_)
            | Expression::Not(_)
            | Expression::And(_)
            | Expression::Or(_)
            | Expression::AndThen(_)
            | Expression::OrElse(_) => None,
        }
    }

    /// What a predicate asks of an attribute.
    pub(super) fn of(predicate: &'e Predicate) -> Option<Self> {
        let (operand, demand) = match predicate {
            Predicate::Compare {
                left,
                comparison,
                right,
                unlike,
            } if is_plain(*unlike) => {
                let value = datum(right.literal()?)?;
                (left, Demand::of_comparison(*comparison, value)?)
            }
            Predicate::Between {
                operand,
                low,
                high,
                unlike,
            } if is_plain(*unlike) => {
                let bound = |operand: &'e Operand| Some((datum(operand.literal()?)?, true));
                let (low, high) = (Some(bound(low)?), Some(bound(high)?));
                (operand, Demand::Range(Range { low, high }))
            }
            Predicate::In {
                operand,
                members,
                unlike,
            } if is_plain(*unlike) => {
                let members = members.iter().filter_map(datum).collect();
                (operand, Demand::Set(members))
            }
            Predicate::Text {
                operand,
                test,
                unlike,
            } if is_plain(*unlike) => (operand, Demand::of_text(test)),
            Predicate::IsNull(operand) => (operand, Demand::Null),
            Predicate::Compare { .. }
            | Predicate::Between { .. }
            | Predicate::In { .. }
            | Predicate::Among { .. }
            | Predicate::Text { .. }
            | Predicate::Exists(_)
            | Predicate::IsKind(..)
            | Predicate::Holds(..)
            | Predicate::Quantified { .. }
            | Predicate::InBox(..)
            | Predicate::Near { .. }
            | Predicate::Within(..)
            | Predicate::Differ(_) => return None,
        };
        let name = operand.attribute()?;
        Some(Self { name, demand })
    }

    /// How what this one allows lies to what the other allows.
    pub(super) fn relation(&self, other: &Self) -> Relation {
        if self.name != other.name {
            return Relation::Other;
        }
        match (&self.demand, &other.demand) {
            (Demand::Null, Demand::Null) => Relation::Other,
            (Demand::Null, _) | (_, Demand::Null) => Relation::Apart,
            (Demand::Range(one), Demand::Range(other)) => one.relation(other),
            (Demand::Set(set), Demand::Range(range)) => set_and_range(set, range),
            (Demand::Range(range), Demand::Set(set)) => set_and_range(set, range).turned(),
            (Demand::Set(one), Demand::Set(other)) => sets(one, other),
            (Demand::Text, demand) | (demand, Demand::Text) => demand.with_text(),
        }
    }
}

impl<'e> Demand<'e> {
    fn of_comparison(comparison: Comparison, value: Datum<'e>) -> Option<Self> {
        let mut range = Range::default();
        match comparison {
            Comparison::Equal => return Some(Self::Set([value].into())),
            Comparison::NotEqual => return None,
            Comparison::Less => range.high = Some((value, false)),
            Comparison::LessOrEqual => range.high = Some((value, true)),
            Comparison::Greater => range.low = Some((value, false)),
            Comparison::GreaterOrEqual => range.low = Some((value, true)),
        }
        Some(Self::Range(range))
    }

    fn of_text(test: &'e TextTest) -> Self {
        match test.shape() {
            crate::tree::TextShape::Exact(text) => Self::Set([Datum::Text(text.into())].into()),
            crate::tree::TextShape::Prefix(_)
            | crate::tree::TextShape::Suffix(_)
            | crate::tree::TextShape::Contains(_)
            | crate::tree::TextShape::Anything
            | crate::tree::TextShape::Other => Self::Text,
        }
    }

    fn with_text(&self) -> Relation {
        let is_text = |value: &Datum<'_>| matches!(value, Datum::Text(_));
        let fits = match self {
            Self::Range(range) => range.bounds().all(is_text),
            Self::Set(set) => set.iter().any(is_text),
            Self::Text | Self::Null => true,
        };
        if fits {
            Relation::Other
        } else {
            Relation::Unlike
        }
    }
}

impl<'e> Range<'e> {
    fn bounds(&self) -> impl Iterator<Item = &Datum<'e>> {
        [&self.low, &self.high]
            .into_iter()
            .flatten()
            .map(|bound| &bound.0)
    }

    fn is_empty(&self) -> bool {
        match (&self.low, &self.high) {
            (Some((low, with_low)), Some((high, with_high))) => match order(low, high) {
                Some(Ordering::Less) => false,
                Some(Ordering::Equal) => !(*with_low && *with_high),
                Some(Ordering::Greater) | None => true,
            },
            _ => false,
        }
    }

    fn contains(&self, value: &Datum<'_>) -> Option<bool> {
        let side = |bound: &Option<(Datum<'_>, bool)>, outside: Ordering| match bound {
            None => Some(true),
            Some((bound, included)) => {
                let order = order(value, bound)?;
                Some(if order == Ordering::Equal {
                    *included
                } else {
                    order != outside
                })
            }
        };
        Some(side(&self.low, Ordering::Less)? && side(&self.high, Ordering::Greater)?)
    }

    fn relation(&self, other: &Self) -> Relation {
        let unlike = self
            .bounds()
            .any(|one| other.bounds().any(|other| order(one, other).is_none()));
        if unlike {
            return Relation::Unlike;
        }
        let tighter =
            |one: &Option<(Datum<'e>, bool)>, two: &Option<(Datum<'e>, bool)>, side| match (
                one, two,
            ) {
                (_, None) => true,
                (None, Some(_)) => false,
                (Some((one, with_one)), Some((two, with_two))) => match order(one, two) {
                    Some(Ordering::Equal) => *with_two || !with_one,
                    Some(order) => order == side,
                    None => false,
                },
            };
        let within = |one: &Self, two: &Self| {
            tighter(&one.low, &two.low, Ordering::Greater)
                && tighter(&one.high, &two.high, Ordering::Less)
        };
        let meet = |low: &Self, high: &Self| Range {
            low: low.low.clone(),
            high: high.high.clone(),
        };
        if meet(self, other).is_empty() || meet(other, self).is_empty() {
            Relation::Apart
        } else if within(self, other) {
            Relation::Within
        } else if within(other, self) {
            Relation::Around
        } else {
            Relation::Other
        }
    }
}

/// Whether a predicate can never be true by itself.
pub(super) fn is_never(predicate: &Predicate) -> bool {
    let Some(constraint) = Constraint::of(predicate) else {
        let Predicate::Compare { left, right, .. } = predicate else {
            return false;
        };
        let is_null = |operand: &Operand| operand.literal() == Some(&Literal::Null);
        return is_null(left) || is_null(right);
    };
    match constraint.demand {
        Demand::Range(range) => range.is_empty(),
        Demand::Set(set) => set.is_empty(),
        Demand::Text | Demand::Null => false,
    }
}

/// The attribute that a test denies something of, being unknown where it is missing.
pub(super) fn denied(predicate: &Predicate, negative: bool) -> Option<&str> {
    match predicate {
        Predicate::Compare {
            left,
            comparison: Comparison::NotEqual,
            right: Operand::Literal(_),
            ..
        } if !negative => left.attribute(),
        Predicate::In { operand, .. } | Predicate::Text { operand, .. } if negative => {
            operand.attribute()
        }
        Predicate::Compare { left, .. } | Predicate::Between { operand: left, .. } if negative => {
            left.attribute()
        }
        Predicate::Compare { .. }
        | Predicate::Between { .. }
        | Predicate::In { .. }
        | Predicate::Among { .. }
        | Predicate::Text { .. }
        | Predicate::IsNull(_)
        | Predicate::Exists(_)
        | Predicate::IsKind(..)
        | Predicate::Holds(..)
        | Predicate::Quantified { .. }
        | Predicate::InBox(..)
        | Predicate::Near { .. }
        | Predicate::Within(..)
        | Predicate::Differ(_) => None,
    }
}

/// Whether two literals can be compared at all.
pub(super) fn go_together(left: &Literal, right: &Literal) -> bool {
    match (datum(left), datum(right)) {
        (Some(left), Some(right)) => order(&left, &right).is_some(),
        _ => true,
    }
}

fn set_and_range(set: &[Datum<'_>], range: &Range<'_>) -> Relation {
    let inside: Vec<Option<bool>> = set.iter().map(|value| range.contains(value)).collect();
    if inside.iter().all(Option::is_none) {
        Relation::Unlike
    } else if inside.iter().all(|inside| *inside == Some(true)) {
        Relation::Within
    } else if inside.contains(&Some(true)) {
        Relation::Other
    } else {
        Relation::Apart
    }
}

fn sets(one: &[Datum<'_>], other: &[Datum<'_>]) -> Relation {
    let equal = |one: &Datum<'_>, other: &Datum<'_>| order(one, other) == Some(Ordering::Equal);
    let within = |one: &[Datum<'_>], other: &[Datum<'_>]| {
        one.iter()
            .all(|value| other.iter().any(|member| equal(value, member)))
    };
    let alike = |value: &Datum<'_>| other.iter().any(|member| order(value, member).is_some());
    if within(one, other) {
        Relation::Within
    } else if within(other, one) {
        Relation::Around
    } else if one
        .iter()
        .any(|value| other.iter().any(|member| equal(value, member)))
    {
        Relation::Other
    } else if one.iter().any(alike) {
        Relation::Apart
    } else {
        Relation::Unlike
    }
}

fn is_plain(unlike: Unlike) -> bool {
    match unlike {
        Unlike::Unknown | Unlike::False | Unlike::FalseUnordered => true,
        Unlike::Cast | Unlike::Spelled => false,
    }
}

fn datum(literal: &Literal) -> Option<Datum<'_>> {
    Datum::of_literal(literal).ok()
}

fn order(one: &Datum<'_>, other: &Datum<'_>) -> Option<Ordering> {
    crate::evaluate::order(one, other)
}
