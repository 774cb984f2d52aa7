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

use grammar::Grammar;
use parser::Parser;
use refusal::{Span, refuse};

/// Whether a name can be written bare in a dialect.
pub(crate) fn is_bare_name(dialect: Dialect, name: &str) -> bool {
    let grammar = grammar(dialect);
    let is_keyword = (grammar.keyword)(name).is_some();
    let means_itself = (grammar.name)(name).is_ok_and(|path| path.plain() == Some(name));
    !is_keyword && means_itself && lexer::is_name(name, &grammar.lexis)
}

/// Whether a key can be written after a dot.
pub(crate) fn is_identifier(key: &str) -> bool {
    !key.contains('.') && lexer::is_name(key, &sql::GRAMMAR.lexis)
}

fn grammar(dialect: Dialect) -> &'static Grammar {
    match dialect {
        Dialect::Sql => &sql::GRAMMAR,
        _ => todo!(),
    }
}

/// The tree of a text.
pub(crate) fn parse(dialect: Dialect, text: &str) -> Result<Expression, FilterError> {
    if text.len() > TEXT_BYTES_MAX {
        let span = Span::default();
        let found = format!("{} bytes", text.len());
        let expected = format!("at most {TEXT_BYTES_MAX} bytes");
        let kind = FilterErrorKind::TextTooLong;
        return Err(refuse(text, kind, span, found, expected));
    }
    Parser::new(text, grammar(dialect))?.filter()
}
