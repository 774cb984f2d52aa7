//! Tree to bytes.

use alloc::vec::Vec;

use gomera_model::{Point, varint};

use super::tag::{self, number_of};
use crate::dialect::Dialect;
use crate::tree::{Expression, LikePart, Literal, Operand, Path, Predicate, Step, TextTest, Truth};

/// The canonical bytes of a filter.
pub(crate) fn encode(dialect: Dialect, expression: &Expression) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    out.push(tag::VERSION);
    out.push(number_of(&tag::DIALECTS, &dialect));
    put_expression(&mut out, expression);
    out
}

fn put_expression(out: &mut Vec<u8>, expression: &Expression) {
    match expression {
        Expression::Constant(truth) => out.push(match truth {
            Truth::False => tag::FALSE,
            Truth::Unknown => tag::UNKNOWN,
            Truth::True => tag::TRUE,
        }),
        Expression::Predicate(predicate) => put_predicate(out, predicate),
        Expression::Not(inner) => {
            out.push(tag::NOT);
            put_expression(out, inner);
        }
        Expression::And(parts) => put_list(out, tag::AND, parts, put_expression),
        Expression::Or(parts) => put_list(out, tag::OR, parts, put_expression),
        Expression::AndThen(parts) => put_list(out, tag::AND_THEN, parts, put_expression),
        Expression::OrElse(parts) => put_list(out, tag::OR_ELSE, parts, put_expression),
    }
}

fn put_predicate(out: &mut Vec<u8>, predicate: &Predicate) {
    match predicate {
        Predicate::Compare { .. }
        | Predicate::Between { .. }
        | Predicate::In { .. }
        | Predicate::Among { .. } => put_comparison(out, predicate),
        Predicate::Text {
            operand,
            test,
            unlike,
        } => {
            put_text_test(out, test);
            out.push(number_of(&tag::UNLIKES, unlike));
            put_operand(out, operand);
        }
        Predicate::IsNull(operand) => {
            out.push(tag::IS_NULL);
            put_operand(out, operand);
        }
        Predicate::Exists(path) => {
            out.push(tag::EXISTS);
            put_path(out, path);
        }
        Predicate::IsKind(path, kind) => {
            out.push(tag::IS_KIND);
            out.push(number_of(&tag::KINDS, kind));
            put_path(out, path);
        }
        Predicate::Holds(operand, unlike) => {
            out.push(tag::HOLDS);
            out.push(number_of(&tag::UNLIKES, unlike));
            put_operand(out, operand);
        }
        Predicate::Quantified {
            quantifier,
            path,
            variable,
            condition,
        } => {
            out.push(tag::QUANTIFIED);
            out.push(number_of(&tag::QUANTIFIERS, quantifier));
            put_path(out, path);
            put_bytes(out, variable.as_bytes());
            put_expression(out, condition);
        }
        Predicate::InBox(..) | Predicate::Near { .. } | Predicate::Within(..) => {
            put_geometry(out, predicate);
        }
        Predicate::Differ(sides) => {
            out.push(tag::DIFFER);
            sides.iter().for_each(|side| put_expression(out, side));
        }
    }
}

fn put_comparison(out: &mut Vec<u8>, predicate: &Predicate) {
    if let Predicate::Compare {
        left,
        comparison,
        right,
        unlike,
    } = predicate
    {
        out.push(tag::COMPARE);
        let comparison = number_of(&tag::COMPARISONS, comparison);
        out.push(comparison << 4 | number_of(&tag::UNLIKES, unlike));
        put_operand(out, left);
        put_operand(out, right);
    }
    if let Predicate::Between {
        operand,
        low,
        high,
        unlike,
    } = predicate
    {
        out.push(tag::BETWEEN);
        out.push(number_of(&tag::UNLIKES, unlike));
        for operand in [operand, low, high] {
            put_operand(out, operand);
        }
    }
    if let Predicate::In {
        operand,
        members,
        unlike,
    } = predicate
    {
        out.push(tag::IN);
        out.push(number_of(&tag::UNLIKES, unlike));
        put_operand(out, operand);
        put_items(out, members, put_literal);
    }
    if let Predicate::Among {
        operand,
        members,
        unlike,
    } = predicate
    {
        out.push(tag::AMONG);
        out.push(number_of(&tag::UNLIKES, unlike));
        put_operand(out, operand);
        put_items(out, members, put_operand);
    }
}

fn put_geometry(out: &mut Vec<u8>, predicate: &Predicate) {
    if let Predicate::InBox(position, bounds) = predicate {
        out.push(tag::IN_BOX);
        put_operand(out, position);
        put_point(out, bounds.low);
        put_point(out, bounds.high);
    }
    if let Predicate::Near {
        position,
        centre,
        metres,
    } = predicate
    {
        out.push(tag::NEAR);
        put_operand(out, position);
        put_point(out, *centre);
        put_float(out, *metres);
    }
    if let Predicate::Within(position, polygon) = predicate {
        out.push(tag::WITHIN);
        put_operand(out, position);
        put_items(out, &polygon.rings, |out, ring| {
            put_items(out, ring, |out, point| put_point(out, *point));
        });
    }
}

fn put_text_test(out: &mut Vec<u8>, test: &TextTest) {
    match test {
        TextTest::Like(pattern) => {
            out.push(tag::LIKE);
            put_items(out, pattern.parts(), |out, part| match part {
                LikePart::Run => out.push(tag::PART_RUN),
                LikePart::One => out.push(tag::PART_ONE),
                LikePart::Text(text) => {
                    out.push(tag::PART_TEXT);
                    put_bytes(out, text.as_bytes());
                }
            });
        }
        TextTest::StartsWith(text) => put_tagged(out, tag::STARTS_WITH, text.as_bytes()),
        TextTest::EndsWith(text) => put_tagged(out, tag::ENDS_WITH, text.as_bytes()),
        TextTest::Contains(text) => put_tagged(out, tag::CONTAINS, text.as_bytes()),
        TextTest::Matches(regex) => put_tagged(out, tag::MATCHES, regex.text().as_bytes()),
    }
}

fn put_operand(out: &mut Vec<u8>, operand: &Operand) {
    match operand {
        Operand::Literal(literal) => put_literal(out, literal),
        Operand::Attribute(path) => match path.plain() {
            Some(name) => put_tagged(out, tag::ATTRIBUTE, name.as_bytes()),
            None => {
                out.push(tag::PATH);
                put_path(out, path);
            }
        },
        Operand::Negate(inner) => {
            out.push(tag::NEGATE);
            put_operand(out, inner);
        }
        Operand::Arithmetic(operator, operands) => {
            out.push(tag::ARITHMETIC);
            out.push(number_of(&tag::ARITHMETICS, operator));
            operands
                .iter()
                .for_each(|operand| put_operand(out, operand));
        }
        Operand::Call(function, arguments) => {
            out.push(tag::CALL);
            out.push(number_of(&tag::FUNCTIONS, function));
            put_items(out, arguments, put_operand);
        }
        Operand::Position(parts) => {
            out.push(tag::POSITION);
            parts.iter().for_each(|part| put_operand(out, part));
        }
        Operand::Condition(condition) => {
            out.push(tag::CONDITION);
            put_expression(out, condition);
        }
    }
}

fn put_literal(out: &mut Vec<u8>, literal: &Literal) {
    match literal {
        Literal::Null => out.push(tag::NULL),
        Literal::Bool(false) => out.push(tag::BOOL_FALSE),
        Literal::Bool(true) => out.push(tag::BOOL_TRUE),
        Literal::Int(value) => {
            out.push(tag::INT);
            varint::put(out, varint::zigzag(*value));
        }
        Literal::Float(value) => {
            out.push(tag::FLOAT);
            put_float(out, *value);
        }
        Literal::String(text) => put_tagged(out, tag::STRING, text.as_bytes()),
        Literal::Bytes(bytes) => put_tagged(out, tag::BYTES, bytes),
        Literal::Timestamp(time) => {
            out.push(tag::TIMESTAMP);
            varint::put(out, varint::zigzag(time.0));
        }
        Literal::Point(point) => {
            out.push(tag::POINT);
            put_point(out, *point);
        }
    }
}

/// `0 name` or `1 level` for a variable, then the steps.
fn put_path(out: &mut Vec<u8>, path: &Path) {
    match path.variable {
        None => {
            out.push(0);
            put_bytes(out, path.name.as_bytes());
        }
        Some(level) => {
            out.push(1);
            out.push(level);
        }
    }
    put_items(out, &path.steps, |out, step| match step {
        Step::Index(index) => {
            out.push(tag::STEP_INDEX);
            varint::put(out, u64::from(*index));
        }
        Step::Key(key) => put_tagged(out, tag::STEP_KEY, key.as_bytes()),
    });
}

fn put_list<T>(out: &mut Vec<u8>, tag: u8, items: &[T], put: fn(&mut Vec<u8>, &T)) {
    out.push(tag);
    put_items(out, items, put);
}

fn put_items<T>(out: &mut Vec<u8>, items: &[T], put: impl Fn(&mut Vec<u8>, &T)) {
    varint::put(out, items.len() as u64);
    items.iter().for_each(|item| put(out, item));
}

pub(super) fn put_tagged(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    put_bytes(out, bytes);
}

pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    varint::put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(super) fn put_float(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_point(out: &mut Vec<u8>, point: Point) {
    put_float(out, point.lon);
    put_float(out, point.lat);
}
