//! The answer of each kind of predicate.

use alloc::borrow::Cow;

use gomera_model::ValueRef;

use super::cloud;
use super::compare::{compare, is_member};
use super::geometry;
use super::{Answer, Datum, Reason, Scope, Values};
use crate::tree::{
    Comparison, Expression, Kind, Literal, Operand, Path, Predicate, Quantifier, TextTest, Truth,
    Unlike,
};

impl<V: Values> Scope<'_, V> {
    /// The answer of a predicate.
    pub(crate) fn answer(&self, predicate: &Predicate) -> Answer {
        match predicate {
            Predicate::Compare {
                left,
                comparison,
                right,
                unlike,
            } => compare(
                &self.operand(left)?,
                *comparison,
                &self.operand(right)?,
                *unlike,
            ),
            Predicate::Between {
                operand,
                low,
                high,
                unlike,
            } => self.between(operand, [low, high], *unlike),
            Predicate::In {
                operand,
                members,
                unlike,
            } => is_in(&self.operand(operand)?, members, *unlike),
            Predicate::Among {
                operand,
                members,
                unlike,
            } => self.is_among(operand, members, *unlike),
            Predicate::Text {
                operand,
                test,
                unlike,
            } => text(&self.operand(operand)?, test, *unlike),
            Predicate::IsNull(operand) => Ok(self.operand(operand).is_err()),
            Predicate::Exists(path) => Ok(self.find(path).is_some()),
            Predicate::IsKind(path, kind) => {
                Ok(self.find(path).is_some_and(|value| is_kind(value, *kind)))
            }
            Predicate::Holds(operand, Unlike::Cast) => cloud::truth(&self.operand(operand)?),
            Predicate::Holds(operand, _) => self.operand(operand)?.as_bool().ok_or(Reason::Unlike),
            Predicate::Quantified {
                quantifier,
                path,
                condition,
                ..
            } => self.quantified(*quantifier, path, condition),
            Predicate::InBox(position, bounds) => Ok(bounds.contains(self.position(position)?)),
            Predicate::Near {
                position,
                centre,
                metres,
            } => Ok(geometry::distance(self.position(position)?, *centre) <= *metres),
            Predicate::Within(position, polygon) => Ok(polygon.contains(self.position(position)?)),
            Predicate::Differ(sides) => {
                let [left, right] = &**sides;
                match (self.truth(left), self.truth(right)) {
                    (Truth::Unknown, _) | (_, Truth::Unknown) => Err(Reason::Missing),
                    (left, right) => Ok(left != right),
                }
            }
        }
    }

    fn between(&self, operand: &Operand, bounds: [&Operand; 2], unlike: Unlike) -> Answer {
        let value = self.operand(operand)?;
        let side = |bound, comparison| -> Answer {
            compare(&value, comparison, &self.operand(bound)?, unlike)
        };
        let low = side(bounds[0], Comparison::GreaterOrEqual);
        let high = side(bounds[1], Comparison::LessOrEqual);
        let certain = low == Ok(false) || high == Ok(false);
        if certain { Ok(false) } else { low.and(high) }
    }

    fn is_among(&self, operand: &Operand, members: &[Operand], unlike: Unlike) -> Answer {
        let value = self.operand(operand)?;
        let mut doubt = None;
        for member in members {
            match self.operand(member) {
                Ok(member) if is_member(&value, &member, unlike)? => return Ok(true),
                Ok(_) => {}
                Err(reason) if unlike == Unlike::Cast => return Err(reason),
                Err(reason) => doubt = Some(reason),
            }
        }
        doubt.map_or(Ok(false), Err)
    }

    fn quantified(&self, quantifier: Quantifier, path: &Path, condition: &Expression) -> Answer {
        let value = self.find(path).ok_or(Reason::Missing)?;
        let ValueRef::Array(array) = value else {
            let is_null = value == ValueRef::Null;
            return Err(if is_null {
                Reason::Null
            } else {
                Reason::Unlike
            });
        };
        let truths = array
            .iter()
            .map(|member| self.within(member).truth(condition));
        let result = match quantifier {
            Quantifier::Any => truths.fold(Truth::False, Truth::or),
            Quantifier::All => truths.fold(Truth::True, Truth::and),
        };
        match result {
            Truth::True => Ok(true),
            Truth::False => Ok(false),
            Truth::Unknown => Err(Reason::Unlike),
        }
    }
}

fn is_in(value: &Datum<'_>, members: &[Literal], unlike: Unlike) -> Answer {
    let mut null = false;
    for member in members {
        match Datum::of_literal(member) {
            Ok(member) if is_member(value, &member, unlike)? => return Ok(true),
            Ok(_) => {}
            Err(_) => null = true,
        }
    }
    if null { Err(Reason::Null) } else { Ok(false) }
}

fn text(value: &Datum<'_>, test: &TextTest, unlike: Unlike) -> Answer {
    let text = match (value, unlike) {
        (Datum::Text(text), _) => Cow::Borrowed(&**text),
        (value, Unlike::Cast) => cloud::text(value)?,
        _ => return Err(Reason::Unlike),
    };
    Ok(match test {
        TextTest::Like(pattern) => pattern.matches(&text),
        TextTest::StartsWith(prefix) => text.starts_with(prefix.as_str()),
        TextTest::EndsWith(suffix) => text.ends_with(suffix.as_str()),
        TextTest::Contains(part) => text.contains(part.as_str()),
        TextTest::Matches(regex) => regex.is_found_in(&text),
    })
}

fn is_kind(value: ValueRef<'_>, kind: Kind) -> bool {
    match kind {
        Kind::Number => matches!(value, ValueRef::Int(_) | ValueRef::Float(_)),
        Kind::String => matches!(value, ValueRef::String(_)),
        Kind::Boolean => matches!(value, ValueRef::Bool(_)),
        Kind::Geometry => geometry::position(value).is_some(),
    }
}
