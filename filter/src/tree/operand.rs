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
    /// `COALESCE(value, ...)`: the first that there is.
    Coalesce,
    /// `UTC()`, milliseconds since 1970 (`amqp-sql`); no value where the evaluator was given no time.
    Utc,
    /// `DATE(text)`: a time of RFC 3339 in milliseconds since 1970 (`amqp-sql`).
    Date,
    /// What CloudEvents SQL has of its own.
    Cloud(CloudFunction),
}

/// The operations of CloudEvents SQL: on whole numbers of 32 bits, on texts and truth values, each cast to what the
/// operation wants. Where it fails there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloudFunction {
    /// `left + right` and the like; division rounds towards zero.
    Whole(Arithmetic),
    /// `-value`
    Negate,
    /// `ABS(number)`
    Abs,
    /// `LENGTH(text)`, characters.
    Length,
    /// `CONCAT(text, ...)`
    Concat,
    /// `CONCAT_WS(separator, text, ...)`
    ConcatWith,
    /// `LOWER(text)`
    Lower,
    /// `UPPER(text)`
    Upper,
    /// `TRIM(text)`
    Trim,
    /// `LEFT(text, count)`
    Left,
    /// `RIGHT(text, count)`
    Right,
    /// `SUBSTRING(text, start [, count])`; a negative start counts from the end.
    Substring,
    /// `INT(value)`
    Int,
    /// `BOOL(value)`
    Bool,
    /// `STRING(value)`
    String,
    /// `IS_INT(value)`: whether the cast succeeds.
    IsInt,
    /// `IS_BOOL(value)`: whether the cast succeeds.
    IsBool,
}

impl Operand {
    /// Whether any attribute has a part in it.
    #[must_use]
    pub fn mentions_attribute(&self) -> bool {
        match self {
            Self::Literal(_) => false,
            Self::Attribute(_) | Self::Condition(_) => true,
            Self::Negate(inner) => inner.mentions_attribute(),
            Self::Arithmetic(_, operands) | Self::Position(operands) => {
                operands.iter().any(Self::mentions_attribute)
            }
            Self::Call(_, arguments) => arguments.iter().any(Self::mentions_attribute),
        }
    }

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
