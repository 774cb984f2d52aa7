//! The bytes that stand for the parts of a tree. They never change; new ones are added at the end.

use crate::dialect::Dialect;
use crate::tree::{Arithmetic, CloudFunction, Comparison, Function, Kind, Quantifier, Unlike};

pub(super) const VERSION: u8 = 1;

pub(super) const FALSE: u8 = 0;
pub(super) const UNKNOWN: u8 = 1;
pub(super) const TRUE: u8 = 2;
pub(super) const NOT: u8 = 3;
pub(super) const AND: u8 = 4;
pub(super) const OR: u8 = 5;
pub(super) const AND_THEN: u8 = 6;
pub(super) const OR_ELSE: u8 = 7;

pub(super) const COMPARE: u8 = 16;
pub(super) const BETWEEN: u8 = 17;
pub(super) const IN: u8 = 18;
pub(super) const AMONG: u8 = 19;
pub(super) const LIKE: u8 = 20;
pub(super) const STARTS_WITH: u8 = 21;
pub(super) const ENDS_WITH: u8 = 22;
pub(super) const CONTAINS: u8 = 23;
pub(super) const MATCHES: u8 = 24;
pub(super) const IS_NULL: u8 = 25;
pub(super) const EXISTS: u8 = 26;
pub(super) const IS_KIND: u8 = 27;
pub(super) const HOLDS: u8 = 28;
pub(super) const QUANTIFIED: u8 = 29;
pub(super) const IN_BOX: u8 = 30;
pub(super) const NEAR: u8 = 31;
pub(super) const WITHIN: u8 = 32;
pub(super) const DIFFER: u8 = 33;

pub(super) const NULL: u8 = 0;
pub(super) const BOOL_FALSE: u8 = 1;
pub(super) const BOOL_TRUE: u8 = 2;
pub(super) const INT: u8 = 3;
pub(super) const FLOAT: u8 = 4;
pub(super) const STRING: u8 = 5;
pub(super) const BYTES: u8 = 6;
pub(super) const TIMESTAMP: u8 = 7;
pub(super) const POINT: u8 = 8;
pub(super) const ATTRIBUTE: u8 = 9;
pub(super) const PATH: u8 = 10;
pub(super) const NEGATE: u8 = 11;
pub(super) const ARITHMETIC: u8 = 12;
pub(super) const CALL: u8 = 13;
pub(super) const POSITION: u8 = 14;
pub(super) const CONDITION: u8 = 15;

pub(super) const STEP_INDEX: u8 = 0;
pub(super) const STEP_KEY: u8 = 1;

pub(super) const PART_RUN: u8 = 0;
pub(super) const PART_ONE: u8 = 1;
pub(super) const PART_TEXT: u8 = 2;

pub(super) const DIALECTS: [Dialect; 5] = [
    Dialect::Sql,
    Dialect::Jms,
    Dialect::AmqpSql,
    Dialect::Cesql,
    Dialect::Mqtt,
];

pub(super) const COMPARISONS: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Less,
    Comparison::LessOrEqual,
    Comparison::Greater,
    Comparison::GreaterOrEqual,
];

pub(super) const UNLIKES: [Unlike; 5] = [
    Unlike::Unknown,
    Unlike::False,
    Unlike::FalseUnordered,
    Unlike::Cast,
    Unlike::Spelled,
];

pub(super) const KINDS: [Kind; 4] = [Kind::Number, Kind::String, Kind::Boolean, Kind::Geometry];

pub(super) const QUANTIFIERS: [Quantifier; 2] = [Quantifier::Any, Quantifier::All];

pub(super) const ARITHMETICS: [Arithmetic; 5] = [
    Arithmetic::Add,
    Arithmetic::Subtract,
    Arithmetic::Multiply,
    Arithmetic::Divide,
    Arithmetic::Remainder,
];

pub(super) const FUNCTIONS: [Function; 38] = [
    Function::Abs,
    Function::Ceil,
    Function::Floor,
    Function::Round,
    Function::Length,
    Function::Lower,
    Function::Upper,
    Function::Trim,
    Function::Concat,
    Function::ConcatWith,
    Function::Left,
    Function::Right,
    Function::Substring,
    Function::Distance,
    Function::Coalesce,
    Function::Utc,
    Function::Date,
    Function::Cloud(CloudFunction::Whole(Arithmetic::Add)),
    Function::Cloud(CloudFunction::Whole(Arithmetic::Subtract)),
    Function::Cloud(CloudFunction::Whole(Arithmetic::Multiply)),
    Function::Cloud(CloudFunction::Whole(Arithmetic::Divide)),
    Function::Cloud(CloudFunction::Whole(Arithmetic::Remainder)),
    Function::Cloud(CloudFunction::Negate),
    Function::Cloud(CloudFunction::Abs),
    Function::Cloud(CloudFunction::Length),
    Function::Cloud(CloudFunction::Concat),
    Function::Cloud(CloudFunction::ConcatWith),
    Function::Cloud(CloudFunction::Lower),
    Function::Cloud(CloudFunction::Upper),
    Function::Cloud(CloudFunction::Trim),
    Function::Cloud(CloudFunction::Left),
    Function::Cloud(CloudFunction::Right),
    Function::Cloud(CloudFunction::Substring),
    Function::Cloud(CloudFunction::Int),
    Function::Cloud(CloudFunction::Bool),
    Function::Cloud(CloudFunction::String),
    Function::Cloud(CloudFunction::IsInt),
    Function::Cloud(CloudFunction::IsBool),
];

/// The place of a value in its table.
pub(super) fn number_of<T: PartialEq>(table: &[T], value: &T) -> u8 {
    let place = table.iter().position(|known| known == value);
    place
        .and_then(|place| u8::try_from(place).ok())
        .expect("the tables hold every value of their enums, which a test checks")
}
