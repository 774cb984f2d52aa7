//! Values of attributes: owned, and as seen in encoded content.

use alloc::string::String;
use alloc::vec::Vec;

use crate::attributes::{ArrayRef, ObjectRef};
use crate::time::Timestamp;

/// A position, WGS-84 degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Degrees east, -180 to 180.
    pub lon: f64,
    /// Degrees north, -90 to 90.
    pub lat: f64,
}

/// A value that owns its parts. Floats are finite.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Present, without a value.
    Null,
    /// True or false.
    Bool(bool),
    /// 64-bit integer.
    Int(i64),
    /// 64-bit float, finite.
    Float(f64),
    /// Text.
    String(String),
    /// Bytes without meaning to the broker.
    Bytes(Vec<u8>),
    /// A point in time.
    Timestamp(Timestamp),
    /// A position.
    Point(Point),
    /// Values in order.
    Array(Vec<Value>),
    /// Named values; names are unique.
    Object(Vec<(String, Value)>),
}

/// A value inside encoded content, or borrowed from a [`Value`]'s leaf. Floats are finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRef<'a> {
    /// Present, without a value.
    Null,
    /// True or false.
    Bool(bool),
    /// 64-bit integer.
    Int(i64),
    /// 64-bit float, finite.
    Float(f64),
    /// Text.
    String(&'a str),
    /// Bytes without meaning to the broker.
    Bytes(&'a [u8]),
    /// A point in time.
    Timestamp(Timestamp),
    /// A position.
    Point(Point),
    /// Values in order.
    Array(ArrayRef<'a>),
    /// Named values. In flattened attributes the marker of an object whose fields stand beside it, itself empty.
    Object(ObjectRef<'a>),
}

impl ValueRef<'_> {
    /// A copy that owns its parts.
    #[must_use]
    pub fn to_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::Float(value) => Value::Float(value),
            Self::String(value) => Value::String(value.into()),
            Self::Bytes(value) => Value::Bytes(value.into()),
            Self::Timestamp(value) => Value::Timestamp(value),
            Self::Point(value) => Value::Point(value),
            Self::Array(values) => Value::Array(values.iter().map(Self::to_value_of).collect()),
            Self::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(name, value)| (name.into(), value.to_value()))
                    .collect(),
            ),
        }
    }

    fn to_value_of(value: ValueRef<'_>) -> Value {
        value.to_value()
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::String(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

/// A float; not finite ones are refused when the content is built.
impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}
