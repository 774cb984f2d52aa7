//! Numbers: whole ones stay whole and exact, or have no value.

use super::{Datum, Reason};
use crate::tree::Arithmetic;

/// `left operator right`.
pub(super) fn compute(
    operator: Arithmetic,
    left: &Datum<'_>,
    right: &Datum<'_>,
) -> Result<Datum<'static>, Reason> {
    if let (Datum::Int(left), Datum::Int(right)) = (left, right) {
        return whole(operator, *left, *right);
    }
    let (Some(left), Some(right)) = (left.as_float(), right.as_float()) else {
        return Err(Reason::Unlike);
    };
    finite(match operator {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide => left / right,
        Arithmetic::Remainder => libm::fmod(left, right),
    })
}

/// `-value`.
pub(super) fn negate(value: &Datum<'_>) -> Result<Datum<'static>, Reason> {
    compute(Arithmetic::Subtract, &Datum::Int(0), value)
}

fn whole(operator: Arithmetic, left: i64, right: i64) -> Result<Datum<'static>, Reason> {
    let result = match operator {
        Arithmetic::Add => left.checked_add(right),
        Arithmetic::Subtract => left.checked_sub(right),
        Arithmetic::Multiply => left.checked_mul(right),
        Arithmetic::Divide => return divide(left, right),
        Arithmetic::Remainder if right == -1 => Some(0),
        Arithmetic::Remainder => left.checked_rem(right),
    };
    result.map(Datum::Int).ok_or(Reason::Arithmetic)
}

/// Exact where it divides evenly, else a float.
#[allow(
    clippy::cast_precision_loss,
    reason = "a quotient that is not whole is a float"
)]
fn divide(left: i64, right: i64) -> Result<Datum<'static>, Reason> {
    let exact = left.checked_rem(right) == Some(0);
    match left.checked_div(right) {
        Some(quotient) if exact => Ok(Datum::Int(quotient)),
        Some(_) => finite(left as f64 / right as f64),
        None => Err(Reason::Arithmetic),
    }
}

fn finite(value: f64) -> Result<Datum<'static>, Reason> {
    if value.is_finite() {
        Ok(Datum::Float(value))
    } else {
        Err(Reason::Arithmetic)
    }
}
