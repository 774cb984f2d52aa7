//! Text to tree: one parser, and a grammar for each dialect.

mod amqp;
mod cesql;
mod grammar;
mod jms;
mod lexer;
mod mqtt;
mod native;
mod node;
mod number;
mod parser;
mod primary;
mod refusal;
mod sql;
mod test;
mod token;

use alloc::format;

use crate::dialect::Dialect;
use crate::error::{FilterError, FilterErrorKind};
use crate::limits::{AMQP_CHARACTERS_MAX, TEXT_BYTES_MAX};
use crate::tree::Expression;

use grammar::Grammar;
use parser::Parser;
use refusal::{Span, refuse};

/// Whether a name can be written bare in a dialect.
pub(crate) fn is_bare_name(dialect: Dialect, name: &str) -> bool {
    let Some(grammar) = grammar(dialect) else {
        return false;
    };
    let is_keyword = (grammar.keyword)(name).is_some();
    let means_itself = (grammar.name)(name).is_ok_and(|path| path.plain() == Some(name));
    !is_keyword && means_itself && lexer::is_name(name, &grammar.lexis)
}

/// Whether a key can be written after a dot.
pub(crate) fn is_identifier(key: &str) -> bool {
    !key.contains('.') && lexer::is_name(key, &sql::GRAMMAR.lexis)
}

pub(crate) use amqp::written as written_in_amqp;
pub(crate) use mqtt::written as written_in_mqtt;
pub(crate) use node::not;

/// The tree of a text.
pub(crate) fn parse(dialect: Dialect, text: &str) -> Result<Expression, FilterError> {
    let whole = Span {
        start: 0,
        end: text.len(),
    };
    if text.len() > TEXT_BYTES_MAX {
        let found = format!("{} bytes", text.len());
        let expected = format!("at most {TEXT_BYTES_MAX} bytes");
        let kind = FilterErrorKind::TextTooLong;
        return Err(refuse(text, kind, whole, found, expected));
    }
    let characters = text.chars().count();
    if dialect == Dialect::AmqpSql && characters > AMQP_CHARACTERS_MAX {
        let found = format!("{characters} characters");
        let expected = format!("at most {AMQP_CHARACTERS_MAX} characters");
        let kind = FilterErrorKind::TooManyCharacters;
        return Err(refuse(text, kind, whole, found, expected));
    }
    match grammar(dialect) {
        Some(grammar) => Parser::new(text, grammar)?.filter(),
        None => mqtt::parse(text),
    }
}

/// The grammar of a dialect; `mqtt` is a plain list and has none.
fn grammar(dialect: Dialect) -> Option<&'static Grammar> {
    match dialect {
        Dialect::Sql => Some(&sql::GRAMMAR),
        Dialect::Jms => Some(&jms::GRAMMAR),
        Dialect::AmqpSql => Some(&amqp::GRAMMAR),
        Dialect::Cesql => Some(&cesql::GRAMMAR),
        Dialect::Mqtt => None,
    }
}
