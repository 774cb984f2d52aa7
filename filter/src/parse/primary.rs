//! Literals, names, brackets and functions.

use alloc::format;
use alloc::vec::Vec;

use crate::error::{FilterError, FilterErrorKind};
use gomera_model::rfc3339;

use crate::tree::{Function, Literal, Operand, Path, Predicate, Step};

use super::grammar::{BadName, Keyword, Signature};
use super::node::Node;
use super::parser::Parser;
use super::refusal::{Span, quoted};
use super::token::Token;

impl Parser<'_> {
    /// An operand or a condition that no operator takes apart.
    pub(super) fn primary(&mut self) -> Result<Node, FilterError> {
        match self.keyword {
            Some(Keyword::Reserved) if self.precedes('(') => {
                return self.function();
            }
            Some(keyword) => return self.keyword_primary(keyword),
            None => {}
        }
        let span = self.span;
        match &self.token {
            Token::Name(_) if self.precedes('(') => self.function(),
            Token::Name(name) if self.is_timestamp(name) => self.timestamp(),
            Token::Name(_) | Token::Quoted(_) => {
                let path = self.path()?;
                let span = span.to(self.behind(span));
                let operand = (self.grammar.default)(&path);
                Ok(Node::operand(
                    operand.unwrap_or(Operand::Attribute(path)),
                    span,
                    1,
                ))
            }
            Token::Text(text) => {
                let literal = Literal::String(text.as_ref().into());
                self.literal(literal)
            }
            Token::Bytes(bytes) => {
                let literal = Literal::Bytes(bytes.as_slice().into());
                self.literal(literal)
            }
            Token::Whole(_) | Token::Float(_) => {
                let node = self.signed_literal(false, span)?;
                node.ok_or_else(|| self.expected_operand())
            }
            Token::Sign("(") => self.bracketed(),
            Token::Sign(":") => Err(self
                .refuse_here(FilterErrorKind::Unsupported, "a value")
                .hint("parameters come with a later version of the language")),
            Token::Sign(_) | Token::End => Err(self.expected_operand()),
        }
    }

    /// A number with its sign, if one stands here.
    pub(super) fn signed_literal(
        &mut self,
        minus: bool,
        start: Span,
    ) -> Result<Option<Node>, FilterError> {
        let literal = match self.token {
            Token::Whole(magnitude) => Literal::Int(self.whole(magnitude, minus)?),
            Token::Float(value) => Literal::Float(if minus { 0.0 - value } else { value }),
            Token::Name(_)
            | Token::Quoted(_)
            | Token::Text(_)
            | Token::Bytes(_)
            | Token::Sign(_)
            | Token::End => return Ok(None),
        };
        let span = start.to(self.span);
        self.advance()?;
        Ok(Some(Node::operand(Operand::Literal(literal), span, 1)))
    }

    fn whole(&self, magnitude: u64, minus: bool) -> Result<i64, FilterError> {
        let (least, most) = self.grammar.whole_numbers;
        let value = if minus {
            0_i64.checked_sub_unsigned(magnitude)
        } else {
            i64::try_from(magnitude).ok()
        };
        value
            .filter(|value| (least..=most).contains(value))
            .ok_or_else(|| {
                let expected = format!("a whole number from {least} to {most}");
                self.refuse_here(FilterErrorKind::NumberOutOfRange, expected)
            })
    }

    fn keyword_primary(&mut self, keyword: Keyword) -> Result<Node, FilterError> {
        match keyword {
            Keyword::True => self.literal(Literal::Bool(true)),
            Keyword::False => self.literal(Literal::Bool(false)),
            Keyword::Null if self.grammar.null_literal => self.literal(Literal::Null),
            Keyword::Exists => self.exists(),
            Keyword::And
            | Keyword::Or
            | Keyword::Xor
            | Keyword::Not
            | Keyword::Between
            | Keyword::In
            | Keyword::Like
            | Keyword::Escape
            | Keyword::Is
            | Keyword::Null
            | Keyword::Reserved => Err(self
                .refuse_here(
                    FilterErrorKind::ReservedName,
                    "a name, a value or a condition",
                )
                .hint(self.grammar.reserved_hint)),
        }
    }

    fn literal(&mut self, literal: Literal) -> Result<Node, FilterError> {
        let span = self.span;
        self.advance()?;
        Ok(Node::operand(Operand::Literal(literal), span, 1))
    }

    fn bracketed(&mut self) -> Result<Node, FilterError> {
        let start = self.span;
        let inner = self.nested(|parser| {
            parser.advance()?;
            parser.expression(0)
        })?;
        let span = start.to(self.span);
        self.expect_sign(")")?;
        Ok(Node {
            span,
            bracketed: true,
            ..inner
        })
    }

    fn exists(&mut self) -> Result<Node, FilterError> {
        let start = self.span;
        self.advance()?;
        let bracket = self.grammar.exists_takes_brackets && self.take_sign("(")?;
        let at = self.span;
        let path = self.path()?;
        let mut span = start.to(self.behind(at));
        if bracket {
            span = start.to(self.span);
            self.expect_sign(")")?;
        }
        self.predicate(Predicate::Exists(path), span, 0)
    }

    fn is_timestamp(&self, name: &str) -> bool {
        self.grammar.native && name.eq_ignore_ascii_case("TIMESTAMP") && self.precedes('\'')
    }

    fn timestamp(&mut self) -> Result<Node, FilterError> {
        let start = self.span;
        self.advance()?;
        let span = start.to(self.span);
        let text = self.expect_text("a time in single quotes")?;
        let time = rfc3339::parse(&text).ok_or_else(|| {
            self.refuse_at(
                FilterErrorKind::InvalidTimestamp,
                span,
                "a time of RFC 3339",
            )
            .hint("TIMESTAMP '2026-11-21T18:00:00Z', from 1678 to 2262")
        })?;
        let literal = Operand::Literal(Literal::Timestamp(time));
        Ok(Node::operand(literal, span, 1))
    }

    /// A path, and the parser behind it.
    pub(super) fn path(&mut self) -> Result<Path, FilterError> {
        let span = self.span;
        let mut path = match &self.token {
            Token::Name(name) if self.keyword.is_none() => match self.variable(name) {
                Some(path) => path,
                None => (self.grammar.name)(name).map_err(|bad| self.bad_name(bad, span))?,
            },
            Token::Quoted(name) => Path::attribute(name.as_ref()),
            Token::Name(_) => {
                return Err(self
                    .refuse_here(FilterErrorKind::ReservedName, "a name")
                    .hint(self.grammar.reserved_hint));
            }
            Token::Text(_)
            | Token::Whole(_)
            | Token::Float(_)
            | Token::Bytes(_)
            | Token::Sign(_)
            | Token::End => {
                return Err(self.refuse_here(FilterErrorKind::UnexpectedToken, "a name"));
            }
        };
        self.advance()?;
        if self.grammar.native {
            self.steps(&mut path)?;
        }
        Ok(path)
    }

    fn bad_name(&self, bad: BadName, span: Span) -> FilterError {
        self.refuse_at(bad.kind, span, bad.expected)
    }

    fn variable(&self, name: &str) -> Option<Path> {
        let (head, tail) = name.split_once('.').unwrap_or((name, ""));
        let level = self.variables.iter().rposition(|known| known == head)?;
        let keys = tail.split('.').filter(|key| !key.is_empty());
        Some(Path {
            name: smol_str::SmolStr::default(),
            variable: u8::try_from(level).ok(),
            steps: keys.map(|key| Step::Key(key.into())).collect(),
        })
    }

    fn steps(&mut self, path: &mut Path) -> Result<(), FilterError> {
        let mut steps = Vec::new();
        loop {
            if self.take_sign("[")? {
                steps.push(self.bracketed_step()?);
                self.expect_sign("]")?;
            } else if self.take_sign(".")? {
                let (Token::Name(_) | Token::Quoted(_)) = &self.token else {
                    return Err(self.refuse_here(FilterErrorKind::UnexpectedToken, "a name"));
                };
                match &self.token {
                    Token::Name(name) => {
                        steps.extend(name.split('.').map(|key| Step::Key(key.into())))
                    }
                    Token::Quoted(name) => steps.push(Step::Key(name.as_ref().into())),
                    Token::Text(_)
                    | Token::Whole(_)
                    | Token::Float(_)
                    | Token::Bytes(_)
                    | Token::Sign(_)
                    | Token::End => {}
                }
                self.advance()?;
            } else {
                break;
            }
        }
        path.extend(steps);
        Ok(())
    }

    fn bracketed_step(&mut self) -> Result<Step, FilterError> {
        let step = match &self.token {
            Token::Whole(index) => u32::try_from(*index).ok().map(Step::Index),
            Token::Text(key) if !key.is_empty() => Some(Step::Key(key.as_ref().into())),
            Token::Name(_)
            | Token::Quoted(_)
            | Token::Text(_)
            | Token::Float(_)
            | Token::Bytes(_)
            | Token::Sign(_)
            | Token::End => None,
        };
        let step = step.ok_or_else(|| {
            self.refuse_here(
                FilterErrorKind::UnexpectedToken,
                "an index from 0, or a key in quotes",
            )
        })?;
        self.advance()?;
        Ok(step)
    }

    fn function(&mut self) -> Result<Node, FilterError> {
        let start = self.span;
        let Token::Name(name) = self.token else {
            return Err(self.expected_operand());
        };
        if self.grammar.native
            && let Some(node) = self.nested(|parser| parser.native_call(name))?
        {
            return Ok(node);
        }
        let functions = self.grammar.functions;
        let any_case = !self.grammar.function_case;
        let known = |signature: &&Signature| {
            signature.name == name || (any_case && signature.name.eq_ignore_ascii_case(name))
        };
        let Some(signature) = functions.iter().find(known) else {
            let kind = FilterErrorKind::UnknownFunction;
            let names: Vec<&str> = functions.iter().map(|signature| signature.name).collect();
            return Err(self
                .refuse_at(kind, start, "a function of this dialect")
                .hint(format!("there are {}", names.join(", "))));
        };
        self.nested(|parser| parser.call(signature, start))
    }

    fn call(&mut self, signature: &Signature, start: Span) -> Result<Node, FilterError> {
        self.advance()?;
        self.expect_sign("(")?;
        let mut arguments = Vec::new();
        let mut depth = 0;
        while self.token != Token::Sign(")") {
            let argument = self.argument(signature.function)?;
            depth = depth.max(argument.depth);
            arguments.push(self.value(argument)?);
            if !self.take_sign(",")? {
                break;
            }
        }
        let span = start.to(self.span);
        self.expect_sign(")")?;
        let (least, most) = signature.arguments;
        if !(least..=most).contains(&arguments.len()) {
            let expected = match (least, most) {
                _ if least == most => format!("{least} arguments"),
                _ => format!("{least} to {most} arguments"),
            };
            let kind = FilterErrorKind::WrongArgumentCount;
            return Err(self.refuse_at(kind, span, expected));
        }
        let call = Operand::Call(signature.function, arguments);
        self.bounded(Node::operand(call, span, depth + 1))
    }

    fn argument(&mut self, function: Function) -> Result<Node, FilterError> {
        if function == Function::Distance {
            return self.geometry();
        }
        self.expression(0)
    }

    /// The end of what was just read, which began at `start`: where the token that stands here begins, less the space.
    pub(super) fn behind(&self, start: Span) -> Span {
        let text = self.text();
        let end = self.span.start.max(start.end);
        let read = text.get(start.start..end).unwrap_or("").trim_end();
        Span {
            start: start.start,
            end: start.start + read.len(),
        }
    }

    fn expected_operand(&self) -> FilterError {
        let error = self.refuse_here(
            FilterErrorKind::UnexpectedToken,
            "a name, a value or a condition",
        );
        match error.found.as_str() {
            found if found == quoted("=") => error.hint("equality is one `=`"),
            _ => error,
        }
    }
}
