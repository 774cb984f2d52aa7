//! `key=value&n>25`: comparisons that must all hold.
//!
//! ```text
//! filter     := comparison {& comparison}
//! comparison := key operator value              operator := = | != | <> | < | <= | > | >=
//! key, value := bare text without & = < > ! ( ) ' "  or  'text'  or  "text", quotes inside doubled
//! ```
//!
//! Space around keys and values does not count. A bare value that spells a number or a truth value is one.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use smol_str::SmolStr;

use crate::error::{FilterError, FilterErrorKind};
use crate::limits::PREDICATES_MAX;
use crate::tree::{Comparison, Expression, Literal, Operand, Path, Predicate, Unlike};

use super::node;
use super::number;
use super::refusal::{Span, quoted, refuse};

/// The tree of a text.
pub(super) fn parse(text: &str) -> Result<Expression, FilterError> {
    let mut reader = Reader { text, at: 0 };
    reader.skip_space();
    if reader.at == text.len() {
        let hint = "write key=value";
        return Err(reader
            .refuse(FilterErrorKind::Empty, "a comparison")
            .hint(hint));
    }
    let mut comparisons = Vec::new();
    loop {
        if comparisons.len() == PREDICATES_MAX {
            let expected = format!("at most {PREDICATES_MAX} predicates");
            return Err(reader.refuse(FilterErrorKind::TooManyPredicates, expected));
        }
        comparisons.push(Expression::Predicate(reader.comparison()?));
        if !reader.take("&") {
            break;
        }
    }
    if reader.at < text.len() {
        return Err(reader.refuse(FilterErrorKind::UnexpectedToken, "`&` or the end"));
    }
    Ok(match comparisons.len() {
        1 => comparisons.swap_remove(0),
        _ => Expression::And(comparisons),
    })
}

/// A key or a value as it is written.
pub(crate) fn written(text: &str) -> String {
    let plain = !text.is_empty()
        && text.trim() == text
        && !text.contains(is_special)
        && matches!(bare_literal(text), Literal::String(_));
    if plain {
        text.into()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn comparison(&mut self) -> Result<Predicate, FilterError> {
        let start = self.at;
        let (key, _) = self.piece()?;
        if key.is_empty() {
            self.at = start;
            return Err(self.refuse(FilterErrorKind::UnexpectedToken, "a key"));
        }
        let operator = OPERATORS.iter().find(|(sign, _)| self.take(sign));
        let Some((_, comparison)) = operator else {
            return Err(self.refuse(FilterErrorKind::UnexpectedToken, "=, !=, <, <=, > or >="));
        };
        let (value, is_quoted) = self.piece()?;
        let literal = if is_quoted {
            Literal::String(SmolStr::from(value))
        } else {
            bare_literal(&value)
        };
        let left = Operand::Attribute(Path::attribute(key));
        let right = Operand::Literal(literal);
        Ok(node::compare(left, *comparison, right, Unlike::Spelled))
    }

    /// A key or a value, and whether it was quoted.
    fn piece(&mut self) -> Result<(String, bool), FilterError> {
        self.skip_space();
        let rest = &self.text[self.at..];
        let Some(quote) = rest
            .chars()
            .next()
            .filter(|first| matches!(first, '\'' | '"'))
        else {
            let length = rest.find(is_special).unwrap_or(rest.len());
            self.at += length;
            return Ok((rest[..length].trim().into(), false));
        };
        let mut value = String::new();
        let mut characters = rest.char_indices().skip(1).peekable();
        while let Some((at, next)) = characters.next() {
            let doubled = characters.peek().is_some_and(|(_, after)| *after == quote);
            if next == quote && !doubled {
                self.at += at + 1;
                self.skip_space();
                return Ok((value, true));
            }
            if next == quote {
                characters.next();
            }
            value.push(next);
        }
        Err(self.refuse(FilterErrorKind::UnterminatedText, "a closing quote"))
    }

    fn take(&mut self, sign: &str) -> bool {
        let there = self.text[self.at..].starts_with(sign);
        if there {
            self.at += sign.len();
        }
        there
    }

    fn skip_space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn refuse(&self, kind: FilterErrorKind, expected: impl Into<String>) -> FilterError {
        let rest = &self.text[self.at..];
        let length = rest.chars().next().map_or(0, char::len_utf8);
        let span = Span {
            start: self.at,
            end: self.at + length,
        };
        let found = match length {
            0 => "the end".into(),
            _ => quoted(&rest[..length]),
        };
        refuse(self.text, kind, span, found, expected)
    }
}

/// What a bare value means: a number, a truth value, or text.
fn bare_literal(text: &str) -> Literal {
    match text {
        "true" => return Literal::Bool(true),
        "false" => return Literal::Bool(false),
        _ => {}
    }
    let (digits, minus) = match text.strip_prefix('-') {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    number::spelt(digits, minus).unwrap_or_else(|| Literal::String(text.into()))
}

fn is_special(character: char) -> bool {
    matches!(
        character,
        '&' | '=' | '<' | '>' | '!' | '\'' | '"' | '(' | ')'
    )
}

/// Longer ones first.
const OPERATORS: [(&str, Comparison); 7] = [
    ("!=", Comparison::NotEqual),
    ("<>", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("=", Comparison::Equal),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];
