//! Values while they are computed with.

use alloc::borrow::Cow;

use gomera_model::value::ValueRef;
use gomera_model::{Point, Timestamp};

use super::Reason;
use crate::tree::Literal;

/// A value that is there: never null, never missing.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum<'a> {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number; finite.
    Float(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// A point in time.
    Time(Timestamp),
    /// A position.
    Point(Point),
    /// An array or an object: there, but nothing compares with it.
    Nested,
}

impl<'a> Datum<'a> {
    /// A value of a notification.
    ///
    /// # Errors
    ///
    /// [`Reason::Null`] if it is null.
    pub fn of_value(value: ValueRef<'a>) -> Result<Self, Reason> {
        Ok(match value {
            ValueRef::Null => return Err(Reason::Null),
            ValueRef::Bool(value) => Self::Bool(value),
            ValueRef::Int(value) => Self::Int(value),
            ValueRef::Float(value) => Self::Float(value),
            ValueRef::String(text) => Self::Text(Cow::Borrowed(text)),
            ValueRef::Bytes(bytes) => Self::Bytes(Cow::Borrowed(bytes)),
            ValueRef::Timestamp(time) => Self::Time(time),
            ValueRef::Point(point) => Self::Point(point),
            ValueRef::Array(_) | ValueRef::Object(_) => Self::Nested,
        })
    }

    /// A value of a filter.
    ///
    /// # Errors
    ///
    /// [`Reason::Null`] if it is `NULL`.
    pub fn of_literal(literal: &'a Literal) -> Result<Self, Reason> {
        Ok(match literal {
            Literal::Null => return Err(Reason::Null),
            Literal::Bool(value) => Self::Bool(*value),
            Literal::Int(value) => Self::Int(*value),
            Literal::Float(value) => Self::Float(*value),
            Literal::String(text) => Self::Text(Cow::Borrowed(text)),
            Literal::Bytes(bytes) => Self::Bytes(Cow::Borrowed(bytes)),
            Literal::Timestamp(time) => Self::Time(*time),
            Literal::Point(point) => Self::Point(*point),
        })
    }

    /// The truth value, if it is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            Self::Int(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Bytes(_)
            | Self::Time(_)
            | Self::Point(_)
            | Self::Nested => None,
        }
    }

    /// The value as a float, if it is a number.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        reason = "asked for where a float is wanted"
    )]
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            Self::Bool(_)
            | Self::Text(_)
            | Self::Bytes(_)
            | Self::Time(_)
            | Self::Point(_)
            | Self::Nested => None,
        }
    }
}
