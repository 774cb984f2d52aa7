//! Operators by their binding power, over the pieces of `primary` and `predicate`. Depth is bounded.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use smol_str::SmolStr;

use crate::error::{FilterError, FilterErrorKind};
use crate::limits::{AMQP_TOKENS_MAX, DEPTH_MAX, EXPRESSIONS_MAX, NESTING_MAX, PREDICATES_MAX};
use crate::tree::{
    Arithmetic, CloudFunction, Comparison, Expression, Function, Operand, Predicate, Unlike,
};

use super::grammar::{Conditions, Grammar, Keyword};
use super::lexer::Lexer;
use super::node::{self, Meaning, Node};
use super::refusal::{Span, refuse};
use super::token::Token;

/// A parser over one text.
#[derive(Debug)]
pub(super) struct Parser<'t> {
    pub(super) grammar: &'static Grammar,
    lexer: Lexer<'t>,
    pub(super) token: Token<'t>,
    pub(super) keyword: Option<Keyword>,
    pub(super) span: Span,
    /// The variables of `ANY` and `ALL` that are in sight, the outermost first.
    pub(super) variables: Vec<SmolStr>,
    nesting: usize,
    predicates: usize,
    expressions: usize,
    tokens: usize,
}

/// What may follow a finished operand.
enum Infix {
    Logic(Keyword, u8),
    Comparison(Comparison, u8),
    Arithmetic(Arithmetic, u8),
    Test(u8),
}

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t str, grammar: &'static Grammar) -> Result<Self, FilterError> {
        let mut parser = Self {
            grammar,
            lexer: Lexer::new(text, &grammar.lexis),
            token: Token::End,
            keyword: None,
            span: Span::default(),
            variables: Vec::new(),
            nesting: 0,
            predicates: 0,
            expressions: 0,
            tokens: 0,
        };
        parser.advance()?;
        Ok(parser)
    }

    /// The whole text as one condition.
    pub(super) fn filter(mut self) -> Result<Expression, FilterError> {
        if self.token == Token::End {
            let hint = "TRUE matches everything";
            return Err(self
                .refuse_here(FilterErrorKind::Empty, "a condition")
                .hint(hint));
        }
        let whole = self.expression(0)?;
        if self.token != Token::End {
            return Err(self.refuse_here(
                FilterErrorKind::UnexpectedToken,
                "AND, OR, an operator or the end",
            ));
        }
        self.condition_as(whole, Unlike::Unknown)
            .map(|whole| *whole)
    }

    /// What stands here, up to an operator that binds less than `least`.
    pub(super) fn expression(&mut self, least: u8) -> Result<Node, FilterError> {
        let mut left = self.operand_or_prefix()?;
        while let Some(infix) = self.infix() {
            if infix.power() < least {
                break;
            }
            left = match infix {
                Infix::Logic(keyword, power) => self.logic(left, keyword, power)?,
                Infix::Comparison(comparison, power) => self.comparison(left, comparison, power)?,
                Infix::Arithmetic(operator, power) => self.arithmetic(left, operator, power)?,
                Infix::Test(_) => self.test(left)?,
            };
        }
        Ok(left)
    }

    /// Goes one level deeper for what `parse` does.
    pub(super) fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, FilterError>,
    ) -> Result<T, FilterError> {
        if self.nesting == NESTING_MAX {
            let expected = format!("at most {NESTING_MAX} levels of brackets, NOT and functions");
            return Err(self.refuse_here(FilterErrorKind::TooDeep, expected));
        }
        self.nesting += 1;
        let parsed = parse(self);
        self.nesting -= 1;
        parsed
    }

    pub(super) fn advance(&mut self) -> Result<(), FilterError> {
        let (token, span) = self.lexer.next()?;
        self.tokens += 1;
        self.keyword = match &token {
            Token::Name(name) => (self.grammar.keyword)(name),
            Token::Quoted(_)
            | Token::Text(_)
            | Token::Whole(_)
            | Token::Float(_)
            | Token::Bytes(_)
            | Token::Sign(_)
            | Token::End => None,
        };
        self.token = token;
        self.span = span;
        let is_amqp = self.grammar.dialect == crate::dialect::Dialect::AmqpSql;
        if is_amqp && self.tokens > AMQP_TOKENS_MAX && self.token != Token::End {
            let expected = format!("at most {AMQP_TOKENS_MAX} tokens");
            return Err(self.refuse_here(FilterErrorKind::TooManyTokens, expected));
        }
        Ok(())
    }

    pub(super) fn take_sign(&mut self, sign: &'static str) -> Result<bool, FilterError> {
        let there = self.token == Token::Sign(sign);
        if there {
            self.advance()?;
        }
        Ok(there)
    }

    pub(super) fn expect_sign(&mut self, sign: &'static str) -> Result<(), FilterError> {
        if self.take_sign(sign)? {
            return Ok(());
        }
        Err(self.refuse_here(FilterErrorKind::UnexpectedToken, format!("`{sign}`")))
    }

    pub(super) fn take_keyword(&mut self, keyword: Keyword) -> Result<bool, FilterError> {
        let there = self.keyword == Some(keyword);
        if there {
            self.advance()?;
        }
        Ok(there)
    }

    /// A predicate more.
    pub(super) fn predicate(
        &mut self,
        predicate: Predicate,
        span: Span,
        depth: usize,
    ) -> Result<Node, FilterError> {
        self.count_predicate(span)?;
        self.bounded(Node::predicate(predicate, span, depth + 1))
    }

    /// The node as a condition.
    pub(super) fn condition(&mut self, node: Node) -> Result<Box<Expression>, FilterError> {
        let unlike = match self.grammar.unlike {
            Unlike::Cast => Unlike::Cast,
            Unlike::Unknown | Unlike::False | Unlike::FalseUnordered | Unlike::Spelled => {
                Unlike::Unknown
            }
        };
        self.condition_as(node, unlike)
    }

    fn condition_as(&mut self, node: Node, unlike: Unlike) -> Result<Box<Expression>, FilterError> {
        let operand = match node.meaning {
            Meaning::Condition(expression) => return Ok(expression),
            Meaning::Operand(operand) => operand,
        };
        if let Some(truth) = operand.literal().and_then(node::constant) {
            return Ok(Box::new(Expression::Constant(truth)));
        }
        let plausible = match self.grammar.conditions {
            Conditions::Names => matches!(operand, Operand::Attribute(_)),
            Conditions::Variables => operand.mentions_attribute(),
            Conditions::Values => true,
        };
        if !plausible {
            let kind = FilterErrorKind::TypeMismatch;
            return Err(self
                .refuse_at(kind, node.span, "a condition that is true or false")
                .hint("compare it with something"));
        }
        self.count_predicate(node.span)?;
        Ok(Box::new(Expression::Predicate(Predicate::Holds(
            operand, unlike,
        ))))
    }

    /// The node as a value.
    pub(super) fn value(&self, node: Node) -> Result<Operand, FilterError> {
        let condition = match node.meaning {
            Meaning::Operand(operand) => return Ok(operand),
            Meaning::Condition(expression) => expression,
        };
        if self.grammar.conditions_are_values {
            return Ok(Operand::Condition(condition));
        }
        let kind = FilterErrorKind::TypeMismatch;
        Err(self
            .refuse_at(kind, node.span, "a value")
            .hint("a condition cannot be compared or computed with"))
    }

    /// Refuses a tree that has become too deep.
    pub(super) fn bounded(&self, node: Node) -> Result<Node, FilterError> {
        if node.depth <= DEPTH_MAX {
            return Ok(node);
        }
        let expected = format!("at most {DEPTH_MAX} operations one within another");
        Err(self.refuse_at(FilterErrorKind::TooDeep, node.span, expected))
    }

    /// An error about the token that stands here.
    pub(super) fn refuse_here(
        &self,
        kind: FilterErrorKind,
        expected: impl Into<String>,
    ) -> FilterError {
        let text = self.lexer.text();
        let found = self.token.describe(text, self.span);
        refuse(text, kind, self.span, found, expected)
    }

    /// An error about a piece of the text.
    pub(super) fn refuse_at(
        &self,
        kind: FilterErrorKind,
        span: Span,
        expected: impl Into<String>,
    ) -> FilterError {
        let text = self.lexer.text();
        let found = super::refusal::quoted(text.get(span.start..span.end).unwrap_or(""));
        refuse(text, kind, span, found, expected)
    }

    pub(super) fn text(&self) -> &'t str {
        self.lexer.text()
    }

    /// Whether this character follows the token that stands here, after space.
    pub(super) fn precedes(&self, character: char) -> bool {
        self.lexer.rest().starts_with(character)
    }

    fn operand_or_prefix(&mut self) -> Result<Node, FilterError> {
        let start = self.span;
        if self.take_keyword(Keyword::Not)? {
            let power = self.grammar.powers.not;
            let inner = self.nested(|parser| parser.expression(power))?;
            let (span, depth) = (start.to(inner.span), inner.depth + 1);
            let inner = self.condition(inner)?;
            return self.bounded(Node::condition(node::not(inner), span, depth));
        }
        if self.token == Token::Sign("-") || self.token == Token::Sign("+") {
            return self.nested(|parser| parser.signed(start));
        }
        self.primary()
    }

    fn signed(&mut self, start: Span) -> Result<Node, FilterError> {
        let minus = self.token == Token::Sign("-");
        self.advance()?;
        if let Some(node) = self.signed_literal(minus, start)? {
            return Ok(node);
        }
        let power = self.grammar.powers.sign;
        let inner = self.expression(power)?;
        let (span, depth) = (start.to(inner.span), inner.depth + 1);
        let inner = self.value(inner)?;
        let operand = match (minus, self.grammar.unlike) {
            (true, Unlike::Cast) => node::negate_whole(inner),
            (false, Unlike::Cast) => {
                let kind = FilterErrorKind::UnexpectedToken;
                return Err(self.refuse_at(kind, start, "a value; `+` stands before digits only"));
            }
            (true, _) => node::negate(inner),
            (false, _) => node::plus(inner),
        };
        self.bounded(Node::operand(operand, span, depth))
    }

    fn infix(&self) -> Option<Infix> {
        let powers = &self.grammar.powers;
        if let Some(keyword) = self.keyword {
            return match keyword {
                Keyword::And => Some(Infix::Logic(keyword, powers.and)),
                Keyword::Or | Keyword::Xor => Some(Infix::Logic(keyword, powers.or)),
                Keyword::Not | Keyword::Between | Keyword::In | Keyword::Like | Keyword::Is => {
                    Some(Infix::Test(powers.test))
                }
                Keyword::Escape
                | Keyword::Null
                | Keyword::True
                | Keyword::False
                | Keyword::Exists
                | Keyword::Reserved => None,
            };
        }
        let Token::Sign(sign) = self.token else {
            return None;
        };
        let compare = |comparison| Some(Infix::Comparison(comparison, powers.comparison));
        match sign {
            "=" => compare(Comparison::Equal),
            "!=" if !self.grammar.exclamation => None,
            "<>" | "!=" => compare(Comparison::NotEqual),
            "<" => compare(Comparison::Less),
            "<=" => compare(Comparison::LessOrEqual),
            ">" => compare(Comparison::Greater),
            ">=" => compare(Comparison::GreaterOrEqual),
            "+" => Some(Infix::Arithmetic(Arithmetic::Add, powers.sum)),
            "-" => Some(Infix::Arithmetic(Arithmetic::Subtract, powers.sum)),
            "*" => Some(Infix::Arithmetic(Arithmetic::Multiply, powers.product)),
            "/" => Some(Infix::Arithmetic(Arithmetic::Divide, powers.product)),
            "%" => Some(Infix::Arithmetic(Arithmetic::Remainder, powers.product)),
            _ => None,
        }
    }

    fn logic(&mut self, left: Node, keyword: Keyword, power: u8) -> Result<Node, FilterError> {
        self.advance()?;
        let right = self.expression(power + 1)?;
        self.join(left, keyword, right)
    }

    fn join(&mut self, left: Node, keyword: Keyword, right: Node) -> Result<Node, FilterError> {
        let span = left.span.to(right.span);
        let (left_depth, right_depth) = (left.depth, right.depth);
        let left = self.condition(left)?;
        let right = self.condition(right)?;
        let join = match (keyword, self.grammar.sequential) {
            (Keyword::And, false) => node::and,
            (Keyword::And, true) => node::and_then,
            (Keyword::Or, false) => node::or,
            (Keyword::Or, true) => node::or_else,
            _ => {
                self.count_predicate(span)?;
                node::differ
            }
        };
        // A chain of one operator is one list, however long: its parts go no level deeper.
        let (left_parts, right_parts) = (node::parts(&left), node::parts(&right));
        let joined = Box::new(join(left, right));
        let extends = |parts: usize| parts > 0 && parts < node::parts(&joined);
        let level = |depth: usize, parts: usize| depth + usize::from(!extends(parts));
        let depth = level(left_depth, left_parts).max(level(right_depth, right_parts));
        self.bounded(Node::condition(joined, span, depth))
    }

    fn comparison(
        &mut self,
        left: Node,
        comparison: Comparison,
        power: u8,
    ) -> Result<Node, FilterError> {
        let is_condition = matches!(left.meaning, Meaning::Condition(_));
        if is_condition && !left.bracketed && !self.grammar.chained_comparisons {
            let kind = FilterErrorKind::UnexpectedToken;
            return Err(self
                .refuse_here(kind, "AND, OR or the end")
                .hint("comparisons do not chain: write a < b AND b < c"));
        }
        self.advance()?;
        let right = self.expression(power + 1)?;
        let span = left.span.to(right.span);
        let depth = left.depth.max(right.depth);
        let left = self.value(left)?;
        let right = self.value(right)?;
        let predicate = node::compare(left, comparison, right, self.grammar.unlike);
        self.predicate(predicate, span, depth)
    }

    fn arithmetic(
        &mut self,
        left: Node,
        operator: Arithmetic,
        power: u8,
    ) -> Result<Node, FilterError> {
        self.advance()?;
        let right = self.expression(power + 1)?;
        let span = left.span.to(right.span);
        let depth = left.depth.max(right.depth) + 1;
        let operands = [self.value(left)?, self.value(right)?];
        let operand = if self.grammar.unlike == Unlike::Cast {
            let whole = Function::Cloud(CloudFunction::Whole(operator));
            Operand::Call(whole, operands.into())
        } else {
            Operand::Arithmetic(operator, operands.into())
        };
        self.bounded(Node::operand(operand, span, depth))
    }

    /// A regular expression more.
    pub(super) fn count_expression(&mut self, span: Span) -> Result<(), FilterError> {
        self.expressions += 1;
        if self.expressions <= EXPRESSIONS_MAX {
            return Ok(());
        }
        let expected = format!("at most {EXPRESSIONS_MAX} regular expressions");
        Err(self
            .refuse_at(FilterErrorKind::TooManyExpressions, span, expected)
            .hint("join them with | into one"))
    }

    fn count_predicate(&mut self, span: Span) -> Result<(), FilterError> {
        self.predicates += 1;
        if self.predicates <= PREDICATES_MAX {
            return Ok(());
        }
        let expected = format!("at most {PREDICATES_MAX} predicates");
        Err(self
            .refuse_at(FilterErrorKind::TooManyPredicates, span, expected)
            .hint("use IN for many values of one attribute"))
    }
}

impl Infix {
    fn power(&self) -> u8 {
        match self {
            Self::Logic(_, power)
            | Self::Comparison(_, power)
            | Self::Arithmetic(_, power)
            | Self::Test(power) => *power,
        }
    }
}
