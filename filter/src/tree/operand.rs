//! What a predicate compares: attributes, literals, and what is computed of them.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Expression, Literal, Path};

/// Something that has a value, or none.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A value from the text.
    Literal(Literal),
    /// A value of the notification.
    Attribute(Path),
    /// The opposite number.
    Negate(Box<Operand>),
    /// Two numbers, one result.
    Arithmetic(Arithmetic, Box<[Operand; 2]>),
    /// A function of a fixed list.
    Call(Function, Vec<Operand>),
    /// `POINT(lon lat)` of two numbers, not both literals.
    Position(Box<[Operand; 2]>),
    /// A condition as a value: a bool, or none where it is unknown.
    Condition(Box<Expression>),
}

/// An operation on two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

/// A function of the language. Without a note: no value where an argument has none or is of another type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// `ABS(number)`
    Abs,
    /// `CEIL(number)`
    Ceil,
    /// `FLOOR(number)`
    Floor,
    /// `ROUND(number)`, halves away from zero.
    Round,
    /// `LENGTH(text)`, characters.
    Length,
    /// `LOWER(text)`
    Lower,
    /// `UPPER(text)`
    Upper,
    /// `TRIM(text)`
    Trim,
    /// `CONCAT(text, ...)`
    Concat,
    /// `CONCAT_WS(separator, text, ...)`
    ConcatWith,
    /// `LEFT(text, count)`
    Left,
    /// `RIGHT(text, count)`
    Right,
    /// `SUBSTRING(text, start [, count])`, characters from 1.
    Substring,
    /// `DISTANCE(position, position)`, metres.
    Distance,
}

impl Operand {
    /// The attribute's name, if it is nothing but an attribute.
    #[must_use]
    pub fn attribute(&self) -> Option<&str> {
        match self {
            Self::Attribute(path) => path.plain(),
            Self::Literal(_)
            | Self::Negate(_)
            | Self::Arithmetic(..)
            | Self::Call(..)
            | Self::Position(_)
            | Self::Condition(_) => None,
        }
    }

    /// The literal, if it is one.
    #[must_use]
    pub fn literal(&self) -> Option<&Literal> {
        match self {
            Self::Literal(literal) => Some(literal),
            Self::Attribute(_)
            | Self::Negate(_)
            | Self::Arithmetic(..)
            | Self::Call(..)
            | Self::Position(_)
            | Self::Condition(_) => None,
        }
    }
}
