//! Numbers in all their spellings. Signs are no part of them.

use alloc::string::String;
use alloc::vec::Vec;

use crate::error::FilterErrorKind;
use crate::tree::Literal;

use super::token::Token;

/// What is wrong with a number, for the lexer to put a place to.
#[derive(Debug)]
pub(super) struct Problem {
    pub kind: FilterErrorKind,
    pub length: usize,
    pub expected: &'static str,
    pub hint: &'static str,
}

type Scanned<'t> = Result<(usize, Token<'t>), Problem>;

/// `12`, `1.5`, `.5`, `5.`, `1e-3`.
pub(super) fn decimal<'t>(text: &str) -> Scanned<'t> {
    let shape = Shape::of(text);
    if text[shape.length..].starts_with(|next: char| next.is_alphanumeric() || next == '_') {
        return Err(invalid(text, shape.length));
    }
    let digits = &text[..shape.length];
    if shape.is_whole {
        return whole_of(digits, digits, 10).map(|token| (shape.length, token));
    }
    float_of(digits, digits.len()).map(|token| (shape.length, token))
}

/// Digits alone (`cesql`).
pub(super) fn whole<'t>(text: &str) -> Scanned<'t> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    if text[length..].starts_with('.') {
        return Err(Problem {
            hint: "this language has whole numbers only",
            ..invalid(text, length)
        });
    }
    whole_of(&text[..length], &text[..length], 10).map(|token| (length, token))
}

/// `12`, `1.5`, `1.5E-3`, and `0x0A1F` for bytes, in capitals (`amqp-sql`).
pub(super) fn amqp<'t>(text: &str) -> Scanned<'t> {
    let Some(hexadecimal) = text.strip_prefix("0x") else {
        return amqp_decimal(text);
    };
    let length = hexadecimal
        .bytes()
        .take_while(u8::is_ascii_alphanumeric)
        .count();
    let digits = &hexadecimal[..length];
    let bytes = decode_hexadecimal(digits).ok_or(Problem {
        kind: FilterErrorKind::InvalidNumber,
        length: length + 2,
        expected: "two hexadecimal digits in capitals for each byte",
        hint: "0x0A1F is bytes",
    })?;
    Ok((length + 2, Token::Bytes(bytes)))
}

/// A point has digits on both sides, and an exponent stands behind a point only.
fn amqp_decimal<'t>(text: &str) -> Scanned<'t> {
    let (length, token) = decimal(text)?;
    let written = &text[..length];
    let (whole, fraction) = written.split_once('.').unwrap_or((written, "0"));
    let fits = !whole.is_empty()
        && fraction.starts_with(|first: char| first.is_ascii_digit())
        && !whole.contains(['e', 'E'])
        && !fraction.contains('e');
    if fits {
        return Ok((length, token));
    }
    Err(Problem {
        hint: "digits stand on both sides of the point, and before an exponent: 5.0E2",
        ..invalid(text, length)
    })
}

/// Literals of Java (`jms`).
pub(super) fn java<'t>(text: &str) -> Scanned<'t> {
    let length = java_length(text);
    let written = &text[..length];
    let plain: String = written.chars().filter(|next| *next != '_').collect();
    if written.ends_with('_') || written.contains("._") || written.contains("_.") {
        return Err(invalid(text, length));
    }
    let lower = plain.to_ascii_lowercase();
    let token = match lower.strip_prefix("0x") {
        Some(digits) if digits.contains(['p', '.']) => hexadecimal_float(digits, length)?,
        Some(digits) => java_whole(written, digits, 16)?,
        None => java_decimal(written, &lower)?,
    };
    Ok((length, token))
}

fn java_decimal<'t>(written: &str, lower: &str) -> Result<Token<'t>, Problem> {
    if let Some(digits) = lower.strip_prefix("0b") {
        return java_whole(written, digits, 2);
    }
    let is_float = lower.contains(['.', 'e']) || lower.ends_with(['f', 'd']);
    if is_float {
        let digits = lower.strip_suffix(['f', 'd']).unwrap_or(lower);
        return float_of(digits, written.len());
    }
    let is_octal =
        lower.len() > 1 && lower.starts_with('0') && lower.as_bytes().get(1) != Some(&b'l');
    java_whole(written, lower, if is_octal { 8 } else { 10 })
}

fn java_whole<'t>(written: &str, digits: &str, radix: u32) -> Result<Token<'t>, Problem> {
    let digits = digits.strip_suffix('l').unwrap_or(digits);
    whole_of(written, digits, radix)
}

fn java_length(text: &str) -> usize {
    let lower = |byte: u8| byte.to_ascii_lowercase();
    let bytes = text.as_bytes();
    let is_hexadecimal = bytes.len() > 1 && bytes[0] == b'0' && lower(bytes[1]) == b'x';
    let exponent = if is_hexadecimal { b'p' } else { b'e' };
    let mut length = 0;
    while let Some(&byte) = bytes.get(length) {
        let after_exponent = length > 0 && lower(bytes[length - 1]) == exponent;
        let sign = matches!(byte, b'+' | b'-') && after_exponent;
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_') || sign) {
            break;
        }
        length += 1;
    }
    length
}

fn hexadecimal_float<'t>(digits: &str, length: usize) -> Result<Token<'t>, Problem> {
    let problem = || Problem {
        kind: FilterErrorKind::InvalidNumber,
        length,
        expected: "a number",
        hint: "a hexadecimal number with a point needs an exponent: 0x1.8p3",
    };
    let digits = digits.strip_suffix(['f', 'd']).unwrap_or(digits);
    let (mantissa, exponent) = digits.split_once('p').ok_or_else(problem)?;
    let exponent: i32 = exponent.parse().map_err(|_| problem())?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let joined: String = [whole, fraction].concat();
    if joined.is_empty() || joined.len() > 13 {
        return Err(problem());
    }
    let bits = u64::from_str_radix(&joined, 16).map_err(|_| problem())?;
    let places = i32::try_from(fraction.len()).map_err(|_| problem())? * 4;
    #[allow(clippy::cast_precision_loss, reason = "at most 52 bits")]
    let value = libm::ldexp(bits as f64, exponent.saturating_sub(places));
    finite(value, length)
}

fn whole_of<'t>(written: &str, digits: &str, radix: u32) -> Result<Token<'t>, Problem> {
    match u64::from_str_radix(digits, radix) {
        Ok(value) if !digits.starts_with('+') => Ok(Token::Whole(value)),
        Err(error) if *error.kind() == core::num::IntErrorKind::PosOverflow => Err(Problem {
            kind: FilterErrorKind::NumberOutOfRange,
            length: written.len(),
            expected: "a whole number of 64 bits",
            hint: "with a point or an exponent it is a float: 1e20",
        }),
        Ok(_) | Err(_) => Err(invalid(written, written.len())),
    }
}

fn float_of<'t>(digits: &str, length: usize) -> Result<Token<'t>, Problem> {
    let value: f64 = digits.parse().map_err(|_| invalid(digits, length))?;
    finite(value, length)
}

fn finite<'t>(value: f64, length: usize) -> Result<Token<'t>, Problem> {
    if value.is_finite() {
        return Ok(Token::Float(value));
    }
    Err(Problem {
        kind: FilterErrorKind::NumberOutOfRange,
        length,
        expected: "a number up to 1.797e308",
        hint: "",
    })
}

fn invalid(text: &str, length: usize) -> Problem {
    let more = text[length.min(text.len())..]
        .chars()
        .take_while(|next| next.is_alphanumeric() || matches!(next, '_' | '.'))
        .map(char::len_utf8)
        .sum::<usize>();
    Problem {
        kind: FilterErrorKind::InvalidNumber,
        length: length + more,
        expected: "a number",
        hint: "text stands in single quotes",
    }
}

fn decode_hexadecimal(digits: &str) -> Option<Vec<u8>> {
    let capitals = digits
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
    if digits.is_empty() || digits.len() % 2 == 1 || !capitals {
        return None;
    }
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| {
            let pair = core::str::from_utf8(pair).ok()?;
            u8::from_str_radix(pair, 16).ok()
        })
        .collect()
}

/// The longest decimal number at the front of a text.
struct Shape {
    length: usize,
    is_whole: bool,
}

impl Shape {
    fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let digits = |from: usize| {
            bytes[from..]
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count()
        };
        let mut length = digits(0);
        let mut is_whole = true;
        if bytes.get(length) == Some(&b'.') {
            is_whole = false;
            length += 1;
            length += digits(length);
        }
        if let Some(b'e' | b'E') = bytes.get(length) {
            let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
            let exponent = digits((length + 1 + sign).min(bytes.len()));
            if exponent > 0 {
                is_whole = false;
                length += 1 + sign + exponent;
            }
        }
        Self { length, is_whole }
    }
}

/// The number that a whole text spells, with its sign beside it; none if it spells no number that has a value here.
pub(super) fn spelt(digits: &str, minus: bool) -> Option<Literal> {
    let (length, token) = decimal(digits).ok().filter(|_| !digits.is_empty())?;
    if length != digits.len() {
        return None;
    }
    match token {
        Token::Whole(magnitude) if minus => 0_i64.checked_sub_unsigned(magnitude).map(Literal::Int),
        Token::Whole(magnitude) => i64::try_from(magnitude).ok().map(Literal::Int),
        Token::Float(value) => Some(Literal::Float(if minus { 0.0 - value } else { value })),
        Token::Name(_)
        | Token::Quoted(_)
        | Token::Text(_)
        | Token::Bytes(_)
        | Token::Sign(_)
        | Token::End => None,
    }
}
