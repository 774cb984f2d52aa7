//! Values that stand in the text of a filter.

use alloc::boxed::Box;

use gomera_model::{Point, Timestamp};
use smol_str::SmolStr;

/// A value written in a filter. Floats are finite, and `-0` is stored as `0`.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `NULL`.
    Null,
    /// `TRUE`, `FALSE`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a point or an exponent.
    Float(f64),
    /// Text.
    String(SmolStr),
    /// Bytes.
    Bytes(Box<[u8]>),
    /// A point in time.
    Timestamp(Timestamp),
    /// A position.
    Point(Point),
}
