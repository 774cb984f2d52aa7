//! Text to tree: one parser, and a grammar for each dialect.

mod grammar;
mod lexer;
mod native;
mod node;
mod number;
mod parser;
mod primary;
mod refusal;
mod sql;
mod test;

use alloc::format;

use crate::dialect::Dialect;
use crate::error::{FilterError, FilterErrorKind};
use crate::limits::TEXT_BYTES_MAX;
use crate::tree::Expression;

use parser::Parser;
use refusal::{Span, refuse};

/// The tree of a text.
pub(crate) fn parse(dialect: Dialect, text: &str) -> Result<Expression, FilterError> {
    if text.len() > TEXT_BYTES_MAX {
        let span = Span::default();
        let found = format!("{} bytes", text.len());
        let expected = format!("at most {TEXT_BYTES_MAX} bytes");
        let kind = FilterErrorKind::TextTooLong;
        return Err(refuse(text, kind, span, found, expected));
    }
    let grammar = match dialect {
        Dialect::Sql => &sql::GRAMMAR,
        _ => todo!(),
    };
    Parser::new(text, grammar)?.filter()
}
