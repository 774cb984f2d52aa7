//! CloudEvents SQL: every operation casts its operands to what it wants, or fails.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;

use gomera_model::rfc3339;

use super::characters::{left, offset, right};
use super::{Answer, Datum, Reason, Scope, Values};
use crate::limits::JOINED_BYTES_MAX;
use crate::tree::{Arithmetic, CloudFunction, Comparison, Operand};

/// A value of one of the three types of the language.
#[derive(Clone, Debug, PartialEq)]
enum Primitive<'a> {
    Bool(bool),
    Int(i32),
    Text(Cow<'a, str>),
}

/// `left comparison right`: for equality the left one is cast to the type of the right one, else both to numbers.
pub(super) fn compare(left: &Datum<'_>, comparison: Comparison, right: &Datum<'_>) -> Answer {
    if !matches!(comparison, Comparison::Equal | Comparison::NotEqual) {
        return Ok(comparison.holds(int(left)?.cmp(&int(right)?)));
    }
    let equal = cast_equal(left, right)?;
    Ok(equal == (comparison == Comparison::Equal))
}

/// Whether a value equals a member, cast to the type of the value.
pub(super) fn is_member(value: &Datum<'_>, member: &Datum<'_>) -> Answer {
    cast_equal(member, value)
}

/// The truth value that a value is cast to.
pub(super) fn truth(value: &Datum<'_>) -> Answer {
    match primitive(value)? {
        Primitive::Bool(value) => Ok(value),
        Primitive::Int(value) => Ok(value != 0),
        Primitive::Text(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Primitive::Text(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        Primitive::Text(_) => Err(Reason::Unlike),
    }
}

/// The text that a value is cast to.
pub(super) fn text<'a>(value: &'a Datum<'_>) -> Result<Cow<'a, str>, Reason> {
    Ok(match primitive(value)? {
        Primitive::Bool(true) => Cow::Borrowed("true"),
        Primitive::Bool(false) => Cow::Borrowed("false"),
        Primitive::Int(value) => Cow::Owned(format!("{value}")),
        Primitive::Text(text) => text,
    })
}

/// The value of an operation.
pub(super) fn call<'a, V: Values>(
    scope: &'a Scope<'_, V>,
    function: CloudFunction,
    arguments: &'a [Operand],
) -> Result<Datum<'a>, Reason> {
    let argument = |index: usize| match arguments.get(index) {
        Some(operand) => scope.operand(operand),
        None => Err(Reason::Missing),
    };
    match function {
        CloudFunction::Whole(operator) => {
            let (left, right) = (argument(0)?, argument(1)?);
            whole(operator, int(&left)?, int(&right)?)
        }
        CloudFunction::Negate => number(int(&argument(0)?)?.checked_neg()),
        CloudFunction::Abs => number(int(&argument(0)?)?.checked_abs()),
        CloudFunction::Int => int(&argument(0)?).map(|value| Datum::Int(value.into())),
        CloudFunction::Bool => truth(&argument(0)?).map(Datum::Bool),
        CloudFunction::IsInt => Ok(Datum::Bool(int(&argument(0)?).is_ok())),
        CloudFunction::IsBool => Ok(Datum::Bool(truth(&argument(0)?).is_ok())),
        CloudFunction::Concat => concatenate(scope, "", arguments),
        CloudFunction::ConcatWith => {
            let separator = argument(0)?;
            concatenate(scope, &text(&separator)?, arguments.get(1..).unwrap_or(&[]))
        }
        CloudFunction::Length
        | CloudFunction::Lower
        | CloudFunction::Upper
        | CloudFunction::Trim
        | CloudFunction::Left
        | CloudFunction::Right
        | CloudFunction::Substring
        | CloudFunction::String => {
            let first = argument(0)?;
            let rest = |index| int(&argument(index)?);
            on_text(function, &text(&first)?, arguments.len(), rest)
        }
    }
}

fn on_text(
    function: CloudFunction,
    text: &str,
    arguments: usize,
    number: impl Fn(usize) -> Result<i32, Reason>,
) -> Result<Datum<'static>, Reason> {
    let changed: String = match function {
        CloudFunction::Length => {
            let count = text.chars().count();
            return i64::try_from(count)
                .map(Datum::Int)
                .map_err(|_| Reason::Arithmetic);
        }
        CloudFunction::Lower => text.to_lowercase(),
        CloudFunction::Upper => text.to_uppercase(),
        CloudFunction::Trim => text.trim().into(),
        CloudFunction::Left => left(text, number(1)?.into())?.into(),
        CloudFunction::Right => right(text, number(1)?.into())?.into(),
        CloudFunction::Substring => {
            let count = match arguments {
                2 => None,
                _ => Some(number(2)?),
            };
            substring(text, number(1)?, count)?.into()
        }
        CloudFunction::String
        | CloudFunction::Whole(_)
        | CloudFunction::Negate
        | CloudFunction::Abs
        | CloudFunction::Concat
        | CloudFunction::ConcatWith
        | CloudFunction::Int
        | CloudFunction::Bool
        | CloudFunction::IsInt
        | CloudFunction::IsBool => text.into(),
    };
    Ok(Datum::Text(Cow::Owned(changed)))
}

/// `count` characters from `start` on, which counts from 1, or from the end where it is negative.
fn substring(text: &str, start: i32, count: Option<i32>) -> Result<&str, Reason> {
    let length = i64::try_from(text.chars().count()).map_err(|_| Reason::Arithmetic)?;
    let start = i64::from(start);
    if start.abs() > length || count.is_some_and(|count| count < 0) {
        return Err(Reason::Arithmetic);
    }
    let skipped = match start {
        0 => return Ok(""),
        1.. => start - 1,
        _ => length + start,
    };
    let skipped = usize::try_from(skipped).map_err(|_| Reason::Arithmetic)?;
    let rest = &text[offset(text, skipped)..];
    match count {
        Some(count) => left(rest, count.into()),
        None => Ok(rest),
    }
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
        joined.push_str(&text(&scope.operand(argument)?)?);
        if joined.len() > JOINED_BYTES_MAX {
            return Err(Reason::Arithmetic);
        }
    }
    Ok(Datum::Text(Cow::Owned(joined)))
}

fn whole(operator: Arithmetic, left: i32, right: i32) -> Result<Datum<'static>, Reason> {
    number(match operator {
        Arithmetic::Add => left.checked_add(right),
        Arithmetic::Subtract => left.checked_sub(right),
        Arithmetic::Multiply => left.checked_mul(right),
        Arithmetic::Divide => left.checked_div(right),
        Arithmetic::Remainder if right == -1 => Some(0),
        Arithmetic::Remainder => left.checked_rem(right),
    })
}

fn number(value: Option<i32>) -> Result<Datum<'static>, Reason> {
    value
        .map(|value| Datum::Int(value.into()))
        .ok_or(Reason::Arithmetic)
}

fn cast_equal(value: &Datum<'_>, like: &Datum<'_>) -> Answer {
    Ok(match primitive(like)? {
        Primitive::Bool(like) => truth(value)? == like,
        Primitive::Int(like) => int(value)? == like,
        Primitive::Text(like) => text(value)? == like,
    })
}

fn int(value: &Datum<'_>) -> Result<i32, Reason> {
    match primitive(value)? {
        Primitive::Bool(value) => Ok(value.into()),
        Primitive::Int(value) => Ok(value),
        Primitive::Text(text) => text.parse().map_err(|_| Reason::Unlike),
    }
}

/// A value as one of the three types: what is none of them is its text.
fn primitive<'a>(value: &'a Datum<'_>) -> Result<Primitive<'a>, Reason> {
    Ok(match value {
        Datum::Bool(value) => Primitive::Bool(*value),
        Datum::Int(value) => match i32::try_from(*value) {
            Ok(value) => Primitive::Int(value),
            Err(_) => Primitive::Text(Cow::Owned(format!("{value}"))),
        },
        Datum::Float(value) => Primitive::Text(Cow::Owned(format!("{value:?}"))),
        Datum::Text(text) => Primitive::Text(Cow::Borrowed(text)),
        Datum::Time(time) => Primitive::Text(Cow::Owned(rfc3339::format(*time))),
        Datum::Bytes(_) | Datum::Point(_) | Datum::Nested => return Err(Reason::Unlike),
    })
}
