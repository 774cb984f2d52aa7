//! From text to predicate: a small parser of its own, by recursive descent.

use std::iter::Peekable;
use std::str::CharIndices;

use super::{Area, Comparison, EXACT_MAX, Glyph, Literal, Predicate};
use crate::verify::value::Columns;

/// A filter that this evaluator does not know. Verify makes none such.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} is expected where {found} stands in the filter {text}")]
pub struct ParseError {
    /// What would be right.
    wanted: &'static str,
    /// What is there.
    found: String,
    /// All of the filter.
    text: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// A name or a keyword.
    Word(String),
    Number(String),
    Text(String),
    Sign(&'static str),
    End,
}

pub(super) fn parse(text: &str, columns: &mut Columns) -> Result<Predicate, ParseError> {
    let tokens = tokens(text).map_err(|found| ParseError {
        wanted: "a filter that verify makes",
        found,
        text: text.to_owned(),
    })?;
    let mut parser = Parser {
        text,
        tokens,
        at: 0,
        columns,
    };
    let predicate = parser.any()?;
    match parser.peek() {
        Token::End => Ok(predicate),
        Token::Word(_) | Token::Number(_) | Token::Text(_) | Token::Sign(_) => {
            Err(parser.error("the end"))
        }
    }
}

/// Cuts a text up, or says at what it fails.
fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some(&(start, first)) = rest.peek() {
        if first.is_whitespace() {
            rest.next();
        } else if first.is_ascii_alphabetic() || first == '_' {
            let word = run(text, start, &mut rest, |c| {
                c.is_ascii_alphanumeric() || c == '_'
            });
            tokens.push(Token::Word(word));
        } else if first.is_ascii_digit() {
            let number = run(text, start, &mut rest, |c| {
                c.is_ascii_alphanumeric() || c == '.'
            });
            tokens.push(Token::Number(number));
        } else if first == '\'' {
            rest.next();
            tokens.push(Token::Text(quoted(&mut rest)?));
        } else {
            let sign = SIGNS
                .into_iter()
                .find(|sign| text[start..].starts_with(sign));
            let sign = sign.ok_or_else(|| first.to_string())?;
            for _ in sign.chars() {
                rest.next();
            }
            tokens.push(Token::Sign(sign));
        }
    }
    tokens.push(Token::End);
    Ok(tokens)
}

type Rest<'a> = Peekable<CharIndices<'a>>;

fn run(text: &str, start: usize, rest: &mut Rest<'_>, belongs: fn(char) -> bool) -> String {
    while rest.next_if(|(_, c)| belongs(*c)).is_some() {}
    let end = rest.peek().map_or(text.len(), |(end, _)| *end);
    text[start..end].to_owned()
}

/// A text behind its first quote; a quote inside stands twice.
fn quoted(rest: &mut Rest<'_>) -> Result<String, String> {
    let mut text = String::new();
    while let Some((_, c)) = rest.next() {
        if c == '\'' && rest.next_if(|(_, next)| *next == '\'').is_none() {
            return Ok(text);
        }
        text.push(c);
    }
    Err("a text without its end".to_owned())
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    columns: &'a mut Columns,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Predicate, ParseError> {
        let mut parts = vec![self.all()?];
        while self.takes_word("OR") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Predicate::Any))
    }

    fn all(&mut self) -> Result<Predicate, ParseError> {
        let mut parts = vec![self.not()?];
        while self.takes_word("AND") {
            parts.push(self.not()?);
        }
        Ok(one_or(parts, Predicate::All))
    }

    fn not(&mut self) -> Result<Predicate, ParseError> {
        if self.takes_word("NOT") {
            return Ok(negated(self.not()?));
        }
        if self.takes("(") {
            let inner = self.any()?;
            self.sign(")")?;
            return Ok(inner);
        }
        self.test()
    }

    fn test(&mut self) -> Result<Predicate, ParseError> {
        if self.takes_word("TRUE") {
            return Ok(Predicate::Constant(true));
        }
        if self.takes_word("FALSE") {
            return Ok(Predicate::Constant(false));
        }
        if self.takes_word("EXISTS") {
            let place = self.attribute()?;
            return Ok(Predicate::Exists(place));
        }
        if self.takes_word("BBOX") {
            return self.inside();
        }
        let place = self.attribute()?;
        if self.takes_word("IS") {
            let is_not = self.takes_word("NOT");
            self.word("NULL")?;
            return Ok(negated_if(is_not, Predicate::IsNull(place)));
        }
        let is_not = self.takes_word("NOT");
        if self.takes_word("BETWEEN") {
            let low = self.literal()?;
            self.word("AND")?;
            let between = Predicate::Between(place, low, self.literal()?);
            return Ok(negated_if(is_not, between));
        }
        if self.takes_word("IN") {
            return Ok(negated_if(is_not, Predicate::In(place, self.list()?)));
        }
        if self.takes_word("LIKE") {
            return Ok(negated_if(is_not, Predicate::Like(place, self.pattern()?)));
        }
        if is_not {
            return Err(self.error("BETWEEN, IN or LIKE"));
        }
        match self.comparison() {
            Some(comparison) => Ok(Predicate::Compare(place, comparison, self.literal()?)),
            None => Ok(Predicate::Flag(place)),
        }
    }

    fn comparison(&mut self) -> Option<Comparison> {
        const COMPARISONS: [(&str, Comparison); 7] = [
            ("=", Comparison::Equal),
            ("<>", Comparison::Unequal),
            ("!=", Comparison::Unequal),
            ("<=", Comparison::LessOrEqual),
            ("<", Comparison::Less),
            (">=", Comparison::GreaterOrEqual),
            (">", Comparison::Greater),
        ];
        let found = COMPARISONS.into_iter().find(|(sign, _)| self.takes(sign));
        found.map(|(_, comparison)| comparison)
    }

    /// `(POINT(lon lat), west, south, east, north)`
    fn inside(&mut self) -> Result<Predicate, ParseError> {
        self.sign("(")?;
        self.word("POINT")?;
        self.sign("(")?;
        let (lon, lat) = (self.attribute()?, self.attribute()?);
        self.sign(")")?;
        let mut edges = [0.0; 4];
        for edge in &mut edges {
            self.sign(",")?;
            let literal = self.literal()?;
            *edge = literal.number().ok_or_else(|| self.error("a number"))?;
        }
        self.sign(")")?;
        let [west, south, east, north] = edges;
        Ok(Predicate::Inside(Area {
            lon,
            lat,
            west,
            south,
            east,
            north,
        }))
    }

    fn list(&mut self) -> Result<Vec<Literal>, ParseError> {
        self.sign("(")?;
        let mut literals = vec![self.literal()?];
        while self.takes(",") {
            literals.push(self.literal()?);
        }
        self.sign(")")?;
        Ok(literals)
    }

    fn pattern(&mut self) -> Result<Vec<Glyph>, ParseError> {
        let Literal::Text(pattern) = self.literal()? else {
            return Err(self.error("a pattern before"));
        };
        let glyphs = pattern.chars().map(|c| match c {
            '%' => Glyph::Any,
            '_' => Glyph::One,
            same => Glyph::Same(same),
        });
        Ok(glyphs.collect())
    }

    fn literal(&mut self) -> Result<Literal, ParseError> {
        if self.takes_word("TRUE") {
            return Ok(Literal::Bool(true));
        }
        if self.takes_word("FALSE") {
            return Ok(Literal::Bool(false));
        }
        let sign = if self.takes("-") { "-" } else { "" };
        let literal = match self.peek() {
            Token::Number(digits) => number(&format!("{sign}{digits}")),
            Token::Text(text) if sign.is_empty() => Some(Literal::Text(text.clone())),
            Token::Text(_) | Token::Word(_) | Token::Sign(_) | Token::End => None,
        };
        let literal = literal.ok_or_else(|| self.error("a value"))?;
        self.at += 1;
        Ok(literal)
    }

    fn attribute(&mut self) -> Result<usize, ParseError> {
        let Token::Word(name) = self.peek() else {
            return Err(self.error("an attribute"));
        };
        let name = name.clone();
        self.at += 1;
        Ok(self.columns.place(&name))
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn takes(&mut self, sign: &str) -> bool {
        let takes = matches!(self.peek(), Token::Sign(found) if *found == sign);
        self.at += usize::from(takes);
        takes
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let takes = matches!(self.peek(), Token::Word(found) if found.eq_ignore_ascii_case(word));
        self.at += usize::from(takes);
        takes
    }

    fn sign(&mut self, sign: &'static str) -> Result<(), ParseError> {
        match self.takes(sign) {
            true => Ok(()),
            false => Err(self.error(sign)),
        }
    }

    fn word(&mut self, word: &'static str) -> Result<(), ParseError> {
        match self.takes_word(word) {
            true => Ok(()),
            false => Err(self.error(word)),
        }
    }

    fn error(&self, wanted: &'static str) -> ParseError {
        let found = match self.peek() {
            Token::Word(text) | Token::Number(text) | Token::Text(text) => text.clone(),
            Token::Sign(sign) => (*sign).to_owned(),
            Token::End => "the end".to_owned(),
        };
        ParseError {
            wanted,
            found,
            text: self.text.to_owned(),
        }
    }
}

fn number(text: &str) -> Option<Literal> {
    match text.parse::<i64>() {
        Ok(whole) if whole.unsigned_abs() <= EXACT_MAX => Some(Literal::Int(whole)),
        Ok(_) => None,
        Err(_) => text.parse().ok().map(Literal::Float),
    }
}

fn one_or(mut parts: Vec<Predicate>, several: fn(Vec<Predicate>) -> Predicate) -> Predicate {
    match parts.len() {
        1 => parts.remove(0),
        _ => several(parts),
    }
}

fn negated(predicate: Predicate) -> Predicate {
    Predicate::Not(Box::new(predicate))
}

fn negated_if(is_not: bool, predicate: Predicate) -> Predicate {
    match is_not {
        true => negated(predicate),
        false => predicate,
    }
}

/// Longer ones before those that they begin with.
const SIGNS: [&str; 11] = ["<>", "<=", ">=", "!=", "=", "<", ">", "(", ")", ",", "-"];
