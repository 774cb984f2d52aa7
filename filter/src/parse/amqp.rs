//! SQL filter expressions of AMQP Filter Expressions 1.0.

use alloc::vec;

use crate::dialect::Dialect;
use crate::error::FilterErrorKind;
use crate::tree::{Function, Literal, Operand, Path, Unlike};

use super::grammar::{
    BadName, Conditions, Escape, Grammar, Keyword, Members, SQL_POWERS, Signature, signature,
};
use super::lexer::{Lexis, Names};

/// The grammar of the dialect `amqp-sql`.
pub(super) static GRAMMAR: Grammar = Grammar {
    dialect: Dialect::AmqpSql,
    lexis: Lexis {
        double_quoted_text: true,
        backslash: false,
        bracketed_names: true,
        hexadecimal_bytes: true,
        java_numbers: false,
        whole_numbers: false,
        names: Names::Sections,
    },
    keyword,
    unlike: Unlike::False,
    powers: SQL_POWERS,
    sequential: false,
    exclamation: true,
    conditions_are_values: true,
    conditions: Conditions::Values,
    chained_comparisons: false,
    members: Members::Expressions,
    tests_of_names_only: false,
    escape: Escape::Any,
    plain_patterns: true,
    whole_numbers: (i64::MIN, i64::MAX),
    null_literal: true,
    exists_takes_brackets: true,
    reserved_hint: "keywords are written in capitals; a name that is one stands in [brackets]",
    function_case: true,
    functions: &FUNCTIONS,
    native: false,
    name,
    default,
};

/// Keywords are written in capitals. In any other case they are still no names.
fn keyword(name: &str) -> Option<Keyword> {
    Some(match name {
        "AND" => Keyword::And,
        "OR" => Keyword::Or,
        "NOT" => Keyword::Not,
        "IN" => Keyword::In,
        "LIKE" => Keyword::Like,
        "ESCAPE" => Keyword::Escape,
        "IS" => Keyword::Is,
        "NULL" => Keyword::Null,
        "TRUE" => Keyword::True,
        "FALSE" => Keyword::False,
        "EXISTS" => Keyword::Exists,
        name if RESERVED.iter().any(|word| word.eq_ignore_ascii_case(name)) => Keyword::Reserved,
        _ => return None,
    })
}

/// The attribute of a name, which may begin with a section.
fn name(name: &str) -> Result<Path, BadName> {
    let Some((section, field)) = name.split_once('.') else {
        return Ok(Path::attribute(name));
    };
    let (fields, letter) = match section {
        "a" | "application_properties" => return Ok(Path::attribute(field)),
        "h" | "header" => (&HEADER[..], "h"),
        "p" | "properties" => (&PROPERTIES[..], "p"),
        _ => {
            return Err(BadName {
                kind: FilterErrorKind::Unsupported,
                expected: "one of the sections header, properties and application_properties",
            });
        }
    };
    if fields.contains(&field) {
        return Ok(Path::attribute(alloc::format!("{letter}:{field}")));
    }
    Err(BadName {
        kind: FilterErrorKind::UnexpectedToken,
        expected: "a field of this section",
    })
}

/// Header fields have a default value by the AMQP standard.
fn default(path: &Path) -> Option<Operand> {
    let literal = match path.plain()? {
        "h:durable" | "h:first_acquirer" => Literal::Bool(false),
        "h:priority" => Literal::Int(4),
        "h:delivery_count" => Literal::Int(0),
        _ => return None,
    };
    let arguments = vec![Operand::Attribute(path.clone()), Operand::Literal(literal)];
    Some(Operand::Call(Function::Coalesce, arguments))
}

/// The name as it is written, if it is a field of a section without a default.
pub(crate) fn written(name: &str) -> Option<alloc::string::String> {
    let (letter, field) = name.split_once(':')?;
    let known = match letter {
        "h" => HEADER.contains(&field) && default(&Path::attribute(name)).is_none(),
        "p" => PROPERTIES.contains(&field),
        _ => false,
    };
    known.then(|| alloc::format!("{letter}.{field}"))
}

const HEADER: [&str; 5] = [
    "durable",
    "priority",
    "ttl",
    "first_acquirer",
    "delivery_count",
];

const PROPERTIES: [&str; 13] = [
    "message_id",
    "user_id",
    "to",
    "subject",
    "reply_to",
    "correlation_id",
    "content_type",
    "content_encoding",
    "absolute_expiry_time",
    "creation_time",
    "group_id",
    "group_sequence",
    "reply_to_group_id",
];

const RESERVED: [&str; 20] = [
    "AND",
    "OR",
    "NOT",
    "IN",
    "LIKE",
    "ESCAPE",
    "IS",
    "NULL",
    "TRUE",
    "FALSE",
    "EXISTS",
    "UPPER",
    "LOWER",
    "LEFT",
    "RIGHT",
    "SUBSTRING",
    "UTC",
    "DATE",
    "NAN",
    "INF",
];

const FUNCTIONS: [Signature; 7] = [
    signature("LOWER", Function::Lower, 1, 1),
    signature("UPPER", Function::Upper, 1, 1),
    signature("LEFT", Function::Left, 2, 2),
    signature("RIGHT", Function::Right, 2, 2),
    signature("SUBSTRING", Function::Substring, 2, 3),
    signature("UTC", Function::Utc, 0, 0),
    signature("DATE", Function::Date, 1, 1),
];
