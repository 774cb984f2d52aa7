//! Signs, words and names of the language.

use crate::tree::{Arithmetic, CloudFunction, Comparison, Function, Kind, Predicate, TextTest};

/// Whether `NOT` stands inside the predicate where it is negated: `a NOT IN (…)`.
pub(super) fn has_negative(predicate: &Predicate) -> bool {
    matches!(
        predicate,
        Predicate::Between { .. }
            | Predicate::In { .. }
            | Predicate::Among { .. }
            | Predicate::IsNull(_)
            | Predicate::IsKind(..)
            | Predicate::Text {
                test: TextTest::Like(_),
                ..
            }
    )
}

pub(super) fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

pub(super) fn arithmetic_sign(operator: Arithmetic) -> char {
    match operator {
        Arithmetic::Add => '+',
        Arithmetic::Subtract => '-',
        Arithmetic::Multiply => '*',
        Arithmetic::Divide => '/',
        Arithmetic::Remainder => '%',
    }
}

pub(super) fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Number => "NUMBER",
        Kind::String => "STRING",
        Kind::Boolean => "BOOLEAN",
        Kind::Geometry => "GEOMETRY",
    }
}

pub(super) fn function_name(function: Function) -> &'static str {
    match function {
        Function::Abs => "ABS",
        Function::Ceil => "CEIL",
        Function::Floor => "FLOOR",
        Function::Round => "ROUND",
        Function::Length => "LENGTH",
        Function::Lower => "LOWER",
        Function::Upper => "UPPER",
        Function::Trim => "TRIM",
        Function::Concat => "CONCAT",
        Function::ConcatWith => "CONCAT_WS",
        Function::Left => "LEFT",
        Function::Right => "RIGHT",
        Function::Substring => "SUBSTRING",
        Function::Distance => "DISTANCE",
        Function::Coalesce => "COALESCE",
        Function::Utc => "UTC",
        Function::Date => "DATE",
        Function::Cloud(function) => cloud_name(function),
    }
}

fn cloud_name(function: CloudFunction) -> &'static str {
    match function {
        CloudFunction::Whole(Arithmetic::Add) => "+",
        CloudFunction::Whole(Arithmetic::Subtract) | CloudFunction::Negate => "-",
        CloudFunction::Whole(Arithmetic::Multiply) => "*",
        CloudFunction::Whole(Arithmetic::Divide) => "/",
        CloudFunction::Whole(Arithmetic::Remainder) => "%",
        CloudFunction::Abs => "ABS",
        CloudFunction::Length => "LENGTH",
        CloudFunction::Concat => "CONCAT",
        CloudFunction::ConcatWith => "CONCAT_WS",
        CloudFunction::Lower => "LOWER",
        CloudFunction::Upper => "UPPER",
        CloudFunction::Trim => "TRIM",
        CloudFunction::Left => "LEFT",
        CloudFunction::Right => "RIGHT",
        CloudFunction::Substring => "SUBSTRING",
        CloudFunction::Int => "INT",
        CloudFunction::Bool => "BOOL",
        CloudFunction::String => "STRING",
        CloudFunction::IsInt => "IS_INT",
        CloudFunction::IsBool => "IS_BOOL",
    }
}
