//! The functions of the language.

use alloc::borrow::Cow;
use alloc::string::String;

use gomera_model::{Timestamp, rfc3339};

use super::characters::{left, offset, right};
use super::geometry;
use super::{Datum, Reason, Scope, Values, cloud};
use crate::limits::JOINED_BYTES_MAX;
use crate::tree::{Function, Operand};

/// The value of `function(arguments)`.
pub(super) fn call<'a, V: Values>(
    scope: &'a Scope<'_, V>,
    function: Function,
    arguments: &'a [Operand],
) -> Result<Datum<'a>, Reason> {
    if function == Function::Distance {
        return distance(scope, arguments);
    }
    if let Function::Cloud(function) = function {
        return cloud::call(scope, function, arguments);
    }
    let argument = |index: usize| match arguments.get(index) {
        Some(operand) => scope.operand(operand),
        None => Err(Reason::Missing),
    };
    let number = |index: usize| whole(&argument(index)?);
    match function {
        Function::Abs => absolute(&argument(0)?),
        Function::Ceil => rounded(argument(0)?, libm::ceil),
        Function::Floor => rounded(argument(0)?, libm::floor),
        Function::Round => rounded(argument(0)?, libm::round),
        Function::Length => {
            let count = text(argument(0)?)?.chars().count();
            i64::try_from(count)
                .map(Datum::Int)
                .map_err(|_| Reason::Arithmetic)
        }
        Function::Lower => Ok(owned(text(argument(0)?)?.to_lowercase())),
        Function::Upper => Ok(owned(text(argument(0)?)?.to_uppercase())),
        Function::Trim => Ok(owned(text(argument(0)?)?.trim().into())),
        Function::Concat => concatenate(scope, "", arguments),
        Function::ConcatWith => {
            let separator = text(argument(0)?)?;
            concatenate(scope, &separator, arguments.get(1..).unwrap_or(&[]))
        }
        Function::Left => Ok(owned(left(&text(argument(0)?)?, number(1)?)?.into())),
        Function::Right => Ok(owned(right(&text(argument(0)?)?, number(1)?)?.into())),
        Function::Substring => {
            let count = match arguments.len() {
                2 => None,
                _ => Some(number(2)?),
            };
            Ok(owned(
                substring(&text(argument(0)?)?, number(1)?, count)?.into(),
            ))
        }
        Function::Coalesce => arguments
            .iter()
            .find_map(|operand| scope.operand(operand).ok())
            .ok_or(Reason::Missing),
        Function::Utc => milliseconds(scope.utc()),
        Function::Date => milliseconds(rfc3339::parse(&text(argument(0)?)?)),
        Function::Distance | Function::Cloud(_) => Err(Reason::Unlike),
    }
}

fn distance<'a, V: Values>(
    scope: &'a Scope<'_, V>,
    arguments: &'a [Operand],
) -> Result<Datum<'a>, Reason> {
    let [from, to] = arguments else {
        return Err(Reason::Missing);
    };
    let metres = geometry::distance(scope.position(from)?, scope.position(to)?);
    Ok(Datum::Float(metres))
}

fn concatenate<'a, V: Values>(
    scope: &'a Scope<'_, V>,
    separator: &str,
    arguments: &'a [Operand],
) -> Result<Datum<'a>, Reason> {
    let mut joined = String::new();
    for (index, argument) in arguments.iter().enumerate() {
        if index > 0 {
            joined.push_str(separator);
        }
        joined.push_str(&text(scope.operand(argument)?)?);
        if joined.len() > JOINED_BYTES_MAX {
            return Err(Reason::Arithmetic);
        }
    }
    Ok(owned(joined))
}

fn absolute(value: &Datum<'_>) -> Result<Datum<'static>, Reason> {
    match value {
        Datum::Int(value) => value
            .checked_abs()
            .map(Datum::Int)
            .ok_or(Reason::Arithmetic),
        Datum::Float(value) => Ok(Datum::Float(value.abs())),
        Datum::Bool(_)
        | Datum::Text(_)
        | Datum::Bytes(_)
        | Datum::Time(_)
        | Datum::Point(_)
        | Datum::Nested => Err(Reason::Unlike),
    }
}

fn rounded(value: Datum<'_>, round: fn(f64) -> f64) -> Result<Datum<'_>, Reason> {
    match value {
        Datum::Int(_) => Ok(value),
        Datum::Float(float) => Ok(Datum::Float(round(float))),
        Datum::Bool(_)
        | Datum::Text(_)
        | Datum::Bytes(_)
        | Datum::Time(_)
        | Datum::Point(_)
        | Datum::Nested => Err(Reason::Unlike),
    }
}

/// `count` characters from the character `start` on, which counts from 1.
fn substring(text: &str, start: i64, count: Option<i64>) -> Result<&str, Reason> {
    let skipped = usize::try_from(start - 1).map_err(|_| Reason::Arithmetic)?;
    let rest = &text[offset(text, skipped)..];
    match count {
        Some(count) => left(rest, count),
        None => Ok(rest),
    }
}

fn text(value: Datum<'_>) -> Result<Cow<'_, str>, Reason> {
    match value {
        Datum::Text(text) => Ok(text),
        Datum::Bool(_)
        | Datum::Int(_)
        | Datum::Float(_)
        | Datum::Bytes(_)
        | Datum::Time(_)
        | Datum::Point(_)
        | Datum::Nested => Err(Reason::Unlike),
    }
}

fn whole(value: &Datum<'_>) -> Result<i64, Reason> {
    match value {
        Datum::Int(value) => Ok(*value),
        Datum::Bool(_)
        | Datum::Float(_)
        | Datum::Text(_)
        | Datum::Bytes(_)
        | Datum::Time(_)
        | Datum::Point(_)
        | Datum::Nested => Err(Reason::Unlike),
    }
}

fn milliseconds(time: Option<Timestamp>) -> Result<Datum<'static>, Reason> {
    let time = time.ok_or(Reason::Arithmetic)?;
    Ok(Datum::Int(time.0.div_euclid(1_000_000)))
}

fn owned(text: String) -> Datum<'static> {
    Datum::Text(Cow::Owned(text))
}
