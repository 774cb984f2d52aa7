//! Tests behind an operand: `IN`, `LIKE`, `BETWEEN`, `IS`, with or without `NOT`.

use alloc::format;
use alloc::vec::Vec;

use smol_str::SmolStr;

use crate::error::{FilterError, FilterErrorKind};
use crate::limits::{MEMBERS_MAX, PATTERN_BYTES_MAX};
use crate::tree::{Kind, LikePart, LikePattern, Literal, Operand, Predicate, TextTest, Unlike};

use super::grammar::{Escape, Keyword, Members};
use super::node::{self, Meaning, Node};
use super::parser::Parser;
use super::refusal::Span;
use super::token::Token;

impl Parser<'_> {
    /// A test of `left`; the parser stands at its first word.
    pub(super) fn test(&mut self, left: Node) -> Result<Node, FilterError> {
        let negated = self.take_keyword(Keyword::Not)?;
        let node = match self.keyword {
            Some(Keyword::Is) if !negated => return self.is(left),
            Some(Keyword::In) => self.is_in(left)?,
            Some(Keyword::Like) => self.like(left)?,
            Some(Keyword::Between) => self.between(left)?,
            Some(_) | None => {
                let kind = FilterErrorKind::UnexpectedToken;
                return Err(self.refuse_here(kind, "IN, LIKE or BETWEEN"));
            }
        };
        Ok(if negated { negate(node) } else { node })
    }

    /// Unknown for unlike types, unless the dialect casts.
    fn casting(&self) -> Unlike {
        match self.grammar.unlike {
            Unlike::Cast => Unlike::Cast,
            Unlike::Unknown | Unlike::False | Unlike::FalseUnordered | Unlike::Spelled => {
                Unlike::Unknown
            }
        }
    }

    fn is(&mut self, left: Node) -> Result<Node, FilterError> {
        self.advance()?;
        let negated = self.take_keyword(Keyword::Not)?;
        let span = left.span.to(self.span);
        let depth = left.depth;
        self.check_name(&left, "IS")?;
        let operand = self.value(left)?;
        let predicate = match (self.keyword, self.kind(), operand) {
            (Some(Keyword::Null), _, operand) => Predicate::IsNull(operand),
            (_, Some(kind), Operand::Attribute(path)) => Predicate::IsKind(path, kind),
            (_, Some(_), _) => {
                let kind = FilterErrorKind::TypeMismatch;
                return Err(self.refuse_at(kind, span, "an attribute before IS"));
            }
            (_, None, _) => {
                let expected = if self.grammar.native {
                    "NULL, NUMBER, STRING, BOOLEAN or GEOMETRY"
                } else {
                    "NULL"
                };
                return Err(self.refuse_here(FilterErrorKind::UnexpectedToken, expected));
            }
        };
        self.advance()?;
        let node = self.predicate(predicate, span, depth)?;
        Ok(if negated { negate(node) } else { node })
    }

    fn kind(&self) -> Option<Kind> {
        let Token::Name(name) = self.token else {
            return None;
        };
        KINDS
            .iter()
            .find(|(word, _)| self.grammar.native && word.eq_ignore_ascii_case(name))
            .map(|(_, kind)| *kind)
    }

    fn between(&mut self, left: Node) -> Result<Node, FilterError> {
        self.advance()?;
        let power = self.grammar.powers.comparison + 1;
        let low = self.expression(power)?;
        if !self.take_keyword(Keyword::And)? {
            return Err(self
                .refuse_here(FilterErrorKind::UnexpectedToken, "AND")
                .hint("BETWEEN low AND high"));
        }
        let high = self.expression(power)?;
        let span = left.span.to(high.span);
        let depth = left.depth.max(low.depth).max(high.depth);
        let (operand, low, high) = (self.value(left)?, self.value(low)?, self.value(high)?);
        let unlike = self.grammar.unlike;
        let predicate = Predicate::Between {
            operand,
            low,
            high,
            unlike,
        };
        self.predicate(predicate, span, depth)
    }

    fn is_in(&mut self, left: Node) -> Result<Node, FilterError> {
        self.advance()?;
        self.check_name(&left, "IN")?;
        let start = left.span;
        let mut depth = left.depth;
        let operand = self.value(left)?;
        self.expect_sign("(")?;
        let mut members = Vec::new();
        loop {
            let member = self.nested(Self::member)?;
            depth = depth.max(member.depth);
            if members.len() == MEMBERS_MAX {
                let expected = format!("at most {MEMBERS_MAX} members");
                let kind = FilterErrorKind::TooManyMembers;
                return Err(self.refuse_at(kind, member.span, expected));
            }
            members.push(self.value(member)?);
            if !self.take_sign(",")? {
                break;
            }
        }
        let span = start.to(self.span);
        self.expect_sign(")")?;
        let predicate = self.membership(operand, members);
        self.predicate(predicate, span, depth)
    }

    fn member(&mut self) -> Result<Node, FilterError> {
        let node = match self.grammar.members {
            Members::Expressions => return self.expression(0),
            Members::Literals | Members::Texts => {
                self.expression(self.grammar.powers.comparison + 1)?
            }
        };
        let is_text = matches!(
            node.meaning,
            Meaning::Operand(Operand::Literal(Literal::String(_)))
        );
        let is_literal = matches!(node.meaning, Meaning::Operand(Operand::Literal(_)));
        let (fits, expected) = match self.grammar.members {
            Members::Texts => (is_text, "text in single quotes"),
            Members::Literals | Members::Expressions => (is_literal, "a value, not an attribute"),
        };
        if fits {
            return Ok(node);
        }
        Err(self
            .refuse_at(FilterErrorKind::UnexpectedToken, node.span, expected)
            .hint("text stands in single quotes"))
    }

    fn membership(&self, operand: Operand, members: Vec<Operand>) -> Predicate {
        let unlike = self.casting();
        if members.iter().any(|member| member.literal().is_none()) {
            return Predicate::Among {
                operand,
                members,
                unlike,
            };
        }
        let mut literals: Vec<Literal> = Vec::with_capacity(members.len());
        for member in members {
            if let Operand::Literal(literal) = member {
                literals.push(literal);
            }
        }
        Predicate::In {
            operand,
            members: node::without_repetitions(literals),
            unlike,
        }
    }

    fn like(&mut self, left: Node) -> Result<Node, FilterError> {
        self.advance()?;
        self.check_name(&left, "LIKE")?;
        let pattern_span = self.span;
        let text = self.expect_text("a pattern in single quotes")?;
        let mut span = left.span.to(pattern_span);
        let mut escape = None;
        if self.grammar.escape != Escape::Backslash && self.take_keyword(Keyword::Escape)? {
            span = left.span.to(self.span);
            escape = Some(self.escape_character()?);
        }
        let pattern = self.pattern(&text, escape, pattern_span)?;
        let depth = left.depth;
        let predicate = Predicate::Text {
            operand: self.value(left)?,
            test: TextTest::Like(pattern),
            unlike: self.casting(),
        };
        self.predicate(predicate, span, depth)
    }

    /// Text, and the parser behind it.
    pub(super) fn expect_text(&mut self, expected: &str) -> Result<SmolStr, FilterError> {
        let Token::Text(text) = &self.token else {
            return Err(self.refuse_here(FilterErrorKind::UnexpectedToken, expected));
        };
        let text = SmolStr::from(text.as_ref());
        self.advance()?;
        Ok(text)
    }

    fn escape_character(&mut self) -> Result<char, FilterError> {
        let span = self.span;
        let text = self.expect_text("one character in single quotes")?;
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(character), None) => Ok(character),
            _ => Err(self.refuse_at(FilterErrorKind::InvalidEscape, span, "one character")),
        }
    }

    fn pattern(
        &self,
        text: &str,
        escape: Option<char>,
        span: Span,
    ) -> Result<LikePattern, FilterError> {
        self.check_pattern_length(text, span)?;
        if self.grammar.plain_patterns && text.chars().any(|next| next.is_ascii_control()) {
            let kind = FilterErrorKind::UnexpectedCharacter;
            return Err(self.refuse_at(kind, span, "a pattern without control characters"));
        }
        let mode = self.grammar.escape;
        let escape = match mode {
            Escape::Backslash => Some('\\'),
            Escape::Strict | Escape::Lenient | Escape::Any => escape,
        };
        let mut parts = Vec::new();
        let mut run = 0;
        let mut characters = text.char_indices().peekable();
        let literal = |from: usize, to: usize| LikePart::Text(SmolStr::from(&text[from..to]));
        while let Some((at, character)) = characters.next() {
            let next = characters.peek().map(|(_, next)| *next);
            let special = |next: char| matches!(next, '%' | '_');
            if Some(character) == escape {
                let meant = next.is_some_and(special) || next == escape;
                let escapes = match mode {
                    Escape::Strict if !meant => return Err(self.refuse_escape(span)),
                    Escape::Any if next.is_none() => return Err(self.refuse_escape(span)),
                    Escape::Strict | Escape::Any => true,
                    Escape::Lenient => meant,
                    Escape::Backslash => next.is_some_and(special),
                };
                if escapes {
                    parts.push(literal(run, at));
                    run = at + character.len_utf8();
                    characters.next();
                    continue;
                }
            }
            if special(character) {
                parts.push(literal(run, at));
                parts.push(if character == '%' {
                    LikePart::Run
                } else {
                    LikePart::One
                });
                run = at + 1;
            }
        }
        parts.push(literal(run, text.len()));
        Ok(LikePattern::new(parts))
    }

    pub(super) fn check_pattern_length(&self, text: &str, span: Span) -> Result<(), FilterError> {
        if text.len() <= PATTERN_BYTES_MAX {
            return Ok(());
        }
        let expected = format!("a pattern of at most {PATTERN_BYTES_MAX} bytes");
        Err(self.refuse_at(FilterErrorKind::PatternTooLong, span, expected))
    }

    fn refuse_escape(&self, span: Span) -> FilterError {
        let expected = "the escape character before %, _ or itself";
        self.refuse_at(FilterErrorKind::InvalidEscape, span, expected)
            .hint("choose an escape character that the pattern does not have")
    }

    fn check_name(&self, left: &Node, word: &str) -> Result<(), FilterError> {
        let is_name = matches!(left.meaning, Meaning::Operand(Operand::Attribute(_)));
        if is_name && !left.bracketed || !self.grammar.tests_of_names_only {
            return Ok(());
        }
        let kind = FilterErrorKind::UnexpectedToken;
        Err(self.refuse_at(kind, left.span, format!("a name before {word}")))
    }
}

fn negate(node: Node) -> Node {
    let Node {
        meaning,
        span,
        depth,
        ..
    } = node;
    match meaning {
        Meaning::Condition(expression) => Node::condition(node::not(expression), span, depth + 1),
        Meaning::Operand(operand) => Node::operand(operand, span, depth),
    }
}

const KINDS: [(&str, Kind); 4] = [
    ("NUMBER", Kind::Number),
    ("STRING", Kind::String),
    ("BOOLEAN", Kind::Boolean),
    ("GEOMETRY", Kind::Geometry),
];
