//! Comparison of values: exact, and only of like types.

use core::cmp::Ordering;

use super::{Datum, Reason, cloud};
use crate::tree::{Comparison, Unlike};

/// The answer of `left comparison right`.
pub(super) fn compare(
    left: &Datum<'_>,
    comparison: Comparison,
    right: &Datum<'_>,
    unlike: Unlike,
) -> Result<bool, Reason> {
    if unlike == Unlike::Cast {
        return cloud::compare(left, comparison, right);
    }
    let order = match comparison {
        Comparison::Equal | Comparison::NotEqual => equality(left, right, unlike),
        Comparison::Less
        | Comparison::LessOrEqual
        | Comparison::Greater
        | Comparison::GreaterOrEqual => order(left, right, unlike),
    };
    match (order, unlike) {
        (Some(order), _) => Ok(comparison.holds(order)),
        (None, Unlike::False | Unlike::FalseUnordered) => Ok(false),
        (None, Unlike::Unknown | Unlike::Cast | Unlike::Spelled) => Err(Reason::Unlike),
    }
}

/// Whether a value is equal to a member of a set; unlike ones are not.
pub(super) fn is_member(
    value: &Datum<'_>,
    member: &Datum<'_>,
    unlike: Unlike,
) -> Result<bool, Reason> {
    if unlike == Unlike::Cast {
        return cloud::is_member(value, member);
    }
    Ok(equality(value, member, unlike).is_some_and(Ordering::is_eq))
}

/// The order of two values of like types; of truth values and positions only whether they are equal.
#[must_use]
pub fn order_of(left: &Datum<'_>, right: &Datum<'_>) -> Option<Ordering> {
    order(left, right, Unlike::Unknown).or_else(|| equality(left, right, Unlike::Unknown))
}

/// Equal, or something else; nothing for unlike types.
fn equality(left: &Datum<'_>, right: &Datum<'_>, unlike: Unlike) -> Option<Ordering> {
    let equal = match (left, right) {
        (Datum::Bool(left), Datum::Bool(right)) => left == right,
        #[allow(
            clippy::float_cmp,
            reason = "positions are equal where all bits of value are"
        )]
        (Datum::Point(left), Datum::Point(right)) => left == right,
        (Datum::Text(left), Datum::Text(right)) => left == right,
        (Datum::Text(text), Datum::Bool(value)) if unlike == Unlike::Spelled => {
            spelt_bool(text)? == *value
        }
        (Datum::Bytes(left), Datum::Bytes(right)) => left == right,
        _ => return order(left, right, unlike),
    };
    Some(if equal {
        Ordering::Equal
    } else {
        Ordering::Less
    })
}

fn order(left: &Datum<'_>, right: &Datum<'_>, unlike: Unlike) -> Option<Ordering> {
    match (left, right) {
        (Datum::Int(left), Datum::Int(right)) => Some(left.cmp(right)),
        (Datum::Float(left), Datum::Float(right)) => left.partial_cmp(right),
        (Datum::Int(left), Datum::Float(right)) => Some(compare_int_float(*left, *right)),
        (Datum::Float(left), Datum::Int(right)) => Some(compare_int_float(*right, *left).reverse()),
        (Datum::Text(_), Datum::Text(_)) if unlike == Unlike::FalseUnordered => None,
        // UTF-8 has the order of its code points.
        (Datum::Text(left), Datum::Text(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        (Datum::Bytes(left), Datum::Bytes(right)) => Some(left.cmp(right)),
        (Datum::Time(left), Datum::Time(right)) => Some(left.cmp(right)),
        (Datum::Text(text), Datum::Int(_) | Datum::Float(_)) if unlike == Unlike::Spelled => {
            order(&spelt_number(text)?, right, Unlike::Unknown)
        }
        _ => None,
    }
}

fn spelt_bool(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// The number that a text spells, and nothing else.
fn spelt_number(text: &str) -> Option<Datum<'static>> {
    if let Ok(value) = text.parse() {
        return Some(Datum::Int(value));
    }
    let starts = text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first));
    let value: f64 = text.parse().ok().filter(|_| starts)?;
    value.is_finite().then_some(Datum::Float(value))
}

/// The order of a whole number and a float by their exact values; the float is finite.
#[must_use]
pub fn compare_int_float(int: i64, float: f64) -> Ordering {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    if float >= TWO_TO_63 {
        return Ordering::Less;
    }
    if float < -TWO_TO_63 {
        return Ordering::Greater;
    }
    let whole = libm::trunc(float);
    #[allow(
        clippy::cast_possible_truncation,
        reason = "whole, and within the range of i64 as checked above"
    )]
    let truncated = whole as i64;
    int.cmp(&truncated)
        .then_with(|| 0.0.partial_cmp(&(float - whole)).unwrap_or(Ordering::Equal))
}
