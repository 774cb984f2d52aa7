//! Text to tokens. One lexer serves all dialects; [`Lexis`] says where their words are spelt differently.

use alloc::borrow::Cow;
use alloc::string::String;

use crate::error::{FilterError, FilterErrorKind};

use super::number;
use super::refusal::{Span, quoted, refuse};
use super::token::Token;

/// How a dialect spells its words.
#[derive(Debug)]
pub(super) struct Lexis {
    /// `"` begins text, as `'` does. Else it begins a name.
    pub double_quoted_text: bool,
    /// `\` before a quote stands for the quote (`cesql`); else two quotes do.
    pub backslash: bool,
    /// `[any name]` is a name (`amqp-sql`).
    pub bracketed_names: bool,
    /// `0x1F` is bytes (`amqp-sql`).
    pub hexadecimal_bytes: bool,
    /// Numbers of Java: `0x1F`, `017`, `0b11`, `1_000`, `5L`, `1f` (`jms`).
    pub java_numbers: bool,
    /// Only whole numbers (`cesql`).
    pub whole_numbers: bool,
    pub names: Names,
}

/// What a bare name is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// Letters of any script, digits, `_`, `$`; several joined by dots (`sql`).
    Dotted,
    /// The same without dots: identifiers of Java (`jms`).
    Java,
    /// Letters of ASCII, digits, `_`; at most one dot, behind a section (`amqp-sql`).
    Sections,
    /// Letters of ASCII and digits, which may come first; `_` in names of functions (`cesql`).
    Alphanumeric,
}

/// Takes tokens off a text, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
    lexis: &'static Lexis,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str, lexis: &'static Lexis) -> Self {
        Self { text, at: 0, lexis }
    }

    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    /// What has not been taken yet, without the space before it.
    pub(super) fn rest(&self) -> &'t str {
        self.text[self.at..].trim_start_matches(is_space)
    }

    /// The next token and where it stands.
    pub(super) fn next(&mut self) -> Result<(Token<'t>, Span), FilterError> {
        self.skip_space();
        let start = self.at;
        let Some(&first) = self.text.as_bytes().get(start) else {
            return Ok((Token::End, Span { start, end: start }));
        };
        let token = self.token(first)?;
        let end = self.at;
        Ok((token, Span { start, end }))
    }

    fn token(&mut self, first: u8) -> Result<Token<'t>, FilterError> {
        match first {
            b'\'' => self.text_until('\''),
            b'"' if self.lexis.double_quoted_text => self.text_until('"'),
            b'"' => self.quoted_name(),
            b'[' if self.lexis.bracketed_names => self.bracketed_name(),
            b'0'..=b'9' => self.digits(),
            b'.' if self.byte(1).is_some_and(|byte| byte.is_ascii_digit()) => self.number(),
            _ => match self.name_length() {
                0 => self.sign(),
                length => self.checked_name(length),
            },
        }
    }

    fn digits(&mut self) -> Result<Token<'t>, FilterError> {
        let rest = &self.text[self.at..];
        let length = rest.bytes().take_while(u8::is_ascii_digit).count();
        let name = rest[length..].starts_with(is_name_part);
        if self.lexis.names == Names::Alphanumeric && name {
            let length = name_part_length(rest);
            return self.checked_name(length);
        }
        self.number()
    }

    fn number(&mut self) -> Result<Token<'t>, FilterError> {
        let rest = &self.text[self.at..];
        let scanned = if self.lexis.java_numbers {
            number::java(rest)
        } else if self.lexis.whole_numbers {
            number::whole(rest)
        } else if self.lexis.hexadecimal_bytes {
            number::amqp(rest)
        } else {
            number::decimal(rest)
        };
        let (length, token) = scanned.map_err(|problem| {
            let span = Span {
                start: self.at,
                end: self.at + problem.length.max(1),
            };
            let found = quoted(&self.text[span.start..span.end]);
            refuse(self.text, problem.kind, span, found, problem.expected).hint(problem.hint)
        })?;
        self.at += length;
        Ok(token)
    }

    fn text_until(&mut self, quote: char) -> Result<Token<'t>, FilterError> {
        let text = self.enclosed(quote).ok_or_else(|| {
            self.unterminated(FilterErrorKind::UnterminatedText, "a closing quote")
        })?;
        Ok(Token::Text(text))
    }

    fn quoted_name(&mut self) -> Result<Token<'t>, FilterError> {
        let start = self.at;
        let name = self.enclosed('"').ok_or_else(|| {
            self.unterminated(FilterErrorKind::UnterminatedName, "a closing double quote")
                .hint("text stands in single quotes, names in double quotes")
        })?;
        self.named(name, start)
    }

    /// `[a name]`; brackets inside are doubled.
    fn bracketed_name(&mut self) -> Result<Token<'t>, FilterError> {
        let start = self.at;
        let mut name = String::new();
        let mut characters = self.text[start + 1..].char_indices().peekable();
        while let Some((at, next)) = characters.next() {
            let doubled = characters.peek().is_some_and(|(_, after)| *after == next);
            match next {
                ']' if !doubled => {
                    self.at = start + 1 + at + 1;
                    return Ok(Token::Quoted(Cow::Owned(name)));
                }
                '[' if !doubled => break,
                ']' | '[' => {
                    characters.next();
                }
                next if next.is_control() => break,
                _ => {}
            }
            name.push(next);
        }
        let kind = FilterErrorKind::UnterminatedName;
        Err(self.unterminated(kind, "a closing bracket").hint(
            "brackets inside a delimited name are doubled; control characters are not allowed",
        ))
    }

    fn named(&self, name: Cow<'t, str>, start: usize) -> Result<Token<'t>, FilterError> {
        if !name.is_empty() {
            return Ok(Token::Quoted(name));
        }
        let span = Span {
            start,
            end: self.at,
        };
        let kind = FilterErrorKind::UnexpectedToken;
        Err(refuse(self.text, kind, span, "an empty name", "a name"))
    }

    /// What stands between quotes, without them; `None` if the text ends first.
    fn enclosed(&mut self, quote: char) -> Option<Cow<'t, str>> {
        let body = self.at + 1;
        let mut owned: Option<String> = None;
        let mut from = body;
        loop {
            let rest = &self.text[from..];
            let found = rest.find(|character| {
                character == quote || (self.lexis.backslash && character == '\\')
            })?;
            let at = from + found;
            let after = self.text[at + 1..].chars().next();
            let escaped = if self.text[at..].starts_with(quote) {
                !self.lexis.backslash && after == Some(quote)
            } else {
                after == Some(quote)
            };
            let piece = &self.text[from..at];
            if escaped {
                let owned = owned.get_or_insert_default();
                owned.push_str(piece);
                owned.push(quote);
                from = at + 2;
            } else if self.text[at..].starts_with(quote) {
                self.at = at + 1;
                return Some(match owned {
                    Some(owned) => Cow::Owned(owned + piece),
                    None => Cow::Borrowed(piece),
                });
            } else {
                let owned = owned.get_or_insert_default();
                owned.push_str(piece);
                owned.push('\\');
                from = at + 1;
                if after == Some('\\') {
                    owned.push('\\');
                    from = at + 2;
                }
            }
        }
    }

    fn sign(&mut self) -> Result<Token<'t>, FilterError> {
        let rest = &self.text[self.at..];
        if let Some(sign) = sign_at(rest.as_bytes()) {
            self.at += sign.len();
            return Ok(Token::Sign(sign));
        }
        let length = rest.chars().next().map_or(1, char::len_utf8);
        let span = Span {
            start: self.at,
            end: self.at + length,
        };
        let kind = FilterErrorKind::UnexpectedCharacter;
        let found = quoted(&rest[..length]);
        let hint = match rest.as_bytes()[0] {
            b'&' => "write AND",
            b'|' => "write OR",
            b'!' => "write NOT, or != between two values",
            b'`' => "names stand in double quotes",
            _ => "",
        };
        Err(refuse(
            self.text,
            kind,
            span,
            found,
            "a name, a value or an operator",
        )
        .hint(hint))
    }

    fn name_length(&self) -> usize {
        let rest = &self.text[self.at..];
        if !rest.starts_with(is_name_start) {
            return 0;
        }
        let mut length = name_part_length(rest);
        let dots = match self.lexis.names {
            Names::Dotted => usize::MAX,
            Names::Sections => 1,
            Names::Java | Names::Alphanumeric => 0,
        };
        for _ in 0..dots {
            match rest[length..].strip_prefix('.') {
                Some(after) if after.starts_with(is_name_start) => {
                    length += 1 + name_part_length(after);
                }
                Some(_) | None => break,
            }
        }
        length
    }

    /// A name of this length, if the dialect allows its characters.
    fn checked_name(&mut self, length: usize) -> Result<Token<'t>, FilterError> {
        let start = self.at;
        let name = self.take(length);
        let ascii = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte));
        let (fits, expected) = match self.lexis.names {
            Names::Dotted | Names::Java => (true, ""),
            Names::Sections => (
                ascii && name.starts_with(|first: char| first.is_ascii_alphabetic()),
                "a name of ASCII letters, digits and _; others stand in [brackets]",
            ),
            Names::Alphanumeric => (ascii, "a name of ASCII letters and digits"),
        };
        if fits {
            return Ok(Token::Name(name));
        }
        let span = Span {
            start,
            end: self.at,
        };
        let kind = FilterErrorKind::UnexpectedCharacter;
        Err(refuse(self.text, kind, span, quoted(name), expected))
    }

    fn take(&mut self, length: usize) -> &'t str {
        let name = &self.text[self.at..self.at + length];
        self.at += length;
        name
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0c) = self.byte(0) {
            self.at += 1;
        }
    }

    fn unterminated(&self, kind: FilterErrorKind, expected: &str) -> FilterError {
        let span = Span {
            start: self.at,
            end: self.text.len(),
        };
        let found = quoted(&self.text[self.at..]);
        refuse(self.text, kind, span, found, expected)
    }
}

/// Whether the whole text is one bare name.
pub(super) fn is_name(text: &str, lexis: &'static Lexis) -> bool {
    let mut lexer = Lexer::new(text, lexis);
    !text.is_empty()
        && matches!(lexer.token(text.as_bytes()[0]), Ok(Token::Name(name)) if name == text)
}

fn sign_at(text: &[u8]) -> Option<&'static str> {
    Some(match (text.first()?, text.get(1)) {
        (b'<', Some(b'>')) => "<>",
        (b'!', Some(b'=')) => "!=",
        (b'<', Some(b'=')) => "<=",
        (b'>', Some(b'=')) => ">=",
        (b'-', Some(b'>')) => "->",
        (b'=', _) => "=",
        (b'<', _) => "<",
        (b'>', _) => ">",
        (b'+', _) => "+",
        (b'-', _) => "-",
        (b'*', _) => "*",
        (b'/', _) => "/",
        (b'%', _) => "%",
        (b'(', _) => "(",
        (b')', _) => ")",
        (b',', _) => ",",
        (b'.', _) => ".",
        (b'[', _) => "[",
        (b']', _) => "]",
        (b':', _) => ":",
        _ => return None,
    })
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\x0c')
}

fn is_name_start(character: char) -> bool {
    character.is_alphabetic() || matches!(character, '_' | '$')
}

fn is_name_part(character: char) -> bool {
    is_name_start(character) || character.is_numeric() || is_mark(character)
}

/// Combining marks and joiners, which `alphabetic` leaves out in part, stand inside names of many scripts.
fn is_mark(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36f}' | '\u{200c}' | '\u{200d}')
}

fn name_part_length(text: &str) -> usize {
    let ascii = text
        .bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$'))
        .count();
    match text.as_bytes().get(ascii) {
        Some(byte) if !byte.is_ascii() => text
            .find(|character| !is_name_part(character))
            .unwrap_or(text.len()),
        Some(_) | None => ascii,
    }
}
