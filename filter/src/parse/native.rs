//! The predicates of the native language that are written as functions.

use alloc::vec::Vec;

use gomera_model::Point;
use smol_str::SmolStr;

use crate::error::{FilterError, FilterErrorKind};
use crate::tree::{
    BoundingBox, Literal, Operand, Path, Polygon, Predicate, Quantifier, Regex, RegexError,
    TextTest,
};

use super::node::Node;
use super::parser::Parser;
use super::refusal::Span;
use super::token::Token;

impl Parser<'_> {
    /// A predicate of the native language, if `name`, which stands here before a bracket, is one.
    pub(super) fn native_call(&mut self, name: &str) -> Result<Option<Node>, FilterError> {
        let start = self.span;
        let Some((_, form)) = FORMS
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(name))
        else {
            return Ok(None);
        };
        self.advance()?;
        let node = match form {
            Form::Text(kind) => self.text_test(*kind, start)?,
            Form::Quantified(quantifier) => self.quantified(*quantifier, start)?,
            Form::Near => self.near(start)?,
            Form::Box => self.bounding_box(start)?,
            Form::Within => self.within(start)?,
            Form::Point => self.point(start)?,
        };
        Ok(Some(node))
    }

    /// A path or `POINT(lon lat)`.
    pub(super) fn geometry(&mut self) -> Result<Node, FilterError> {
        let start = self.span;
        let is_point = matches!(self.token, Token::Name(name) if name.eq_ignore_ascii_case("POINT"))
            && self.precedes('(');
        if is_point {
            self.advance()?;
            return self.point(start);
        }
        let path = self.path()?;
        Ok(Node::operand(
            Operand::Attribute(path),
            self.behind(start),
            1,
        ))
    }

    fn text_test(&mut self, kind: TextKind, start: Span) -> Result<Node, FilterError> {
        self.expect_sign("(")?;
        let operand = self.expression(0)?;
        let depth = operand.depth;
        let operand = self.value(operand)?;
        self.expect_sign(",")?;
        let text_span = self.span;
        let text = self.expect_text("text in single quotes")?;
        self.check_pattern_length(&text, text_span)?;
        let test = match kind {
            TextKind::StartsWith => TextTest::StartsWith(text),
            TextKind::EndsWith => TextTest::EndsWith(text),
            TextKind::Contains => TextTest::Contains(text),
            TextKind::Matches => {
                self.count_expression(text_span)?;
                let regex = Regex::new(&text).map_err(|error| self.bad_regex(error, text_span))?;
                TextTest::Matches(regex)
            }
        };
        let predicate = Predicate::Text {
            operand,
            test,
            unlike: self.grammar.unlike,
        };
        self.close(predicate, start, depth)
    }

    fn bad_regex(&self, error: RegexError, span: Span) -> FilterError {
        match error {
            RegexError::Invalid => self
                .refuse_at(FilterErrorKind::InvalidRegex, span, "a regular expression")
                .hint("without back-references and look-around"),
            RegexError::TooLarge => self.refuse_at(
                FilterErrorKind::RegexTooLarge,
                span,
                "a regular expression with fewer repetitions",
            ),
        }
    }

    fn quantified(&mut self, quantifier: Quantifier, start: Span) -> Result<Node, FilterError> {
        self.expect_sign("(")?;
        let at = self.span;
        let path = self.path()?;
        self.check_reach(&path, at)?;
        self.expect_sign(",")?;
        let variable = self.variable_name()?;
        self.advance()?;
        self.expect_sign("->")?;
        self.variables.push(variable);
        let condition = self.expression(0)?;
        let depth = condition.depth;
        let condition = self.condition(condition)?;
        let variable = self.variables.pop().expect("it was pushed above");
        let predicate = Predicate::Quantified {
            quantifier,
            path,
            variable,
            condition,
        };
        self.close(predicate, start, depth)
    }

    fn variable_name(&self) -> Result<SmolStr, FilterError> {
        if let Token::Name(name) = self.token
            && self.keyword.is_none()
            && !name.contains('.')
        {
            return Ok(name.into());
        }
        Err(self.refuse_here(FilterErrorKind::UnexpectedToken, "a variable"))
    }

    /// Quantifiers one within another range over what belongs to the same member, so that the work is bounded by the
    /// size of the notification, not by its powers.
    fn check_reach(&self, path: &Path, at: Span) -> Result<(), FilterError> {
        let innermost = self.variables.len().checked_sub(1);
        if innermost.is_none() || path.variable.map(usize::from) == innermost {
            return Ok(());
        }
        let kind = FilterErrorKind::Unsupported;
        let expected = "a path that begins with the variable of the enclosing ANY or ALL";
        Err(self.refuse_at(kind, self.behind(at), expected))
    }

    fn near(&mut self, start: Span) -> Result<Node, FilterError> {
        self.expect_sign("(")?;
        let position = self.geometry()?;
        let depth = position.depth;
        let position = self.value(position)?;
        self.expect_sign(",")?;
        let at = self.span;
        let centre = self.geometry()?;
        let centre_span = centre.span;
        let Operand::Literal(Literal::Point(centre)) = self.value(centre)? else {
            let expected = "POINT(lon lat) of two numbers";
            return Err(self.refuse_at(
                FilterErrorKind::TypeMismatch,
                at.to(centre_span),
                expected,
            ));
        };
        self.expect_sign(",")?;
        let metres_span = self.span;
        let metres = self.number()?;
        if metres < 0.0 {
            let kind = FilterErrorKind::NumberOutOfRange;
            return Err(self.refuse_at(kind, metres_span, "metres from 0"));
        }
        let predicate = Predicate::Near {
            position,
            centre,
            metres,
        };
        self.close(predicate, start, depth)
    }

    fn bounding_box(&mut self, start: Span) -> Result<Node, FilterError> {
        self.expect_sign("(")?;
        let position = self.geometry()?;
        let depth = position.depth;
        let position = self.value(position)?;
        let corners = self.span;
        let mut bounds = [0.0; 4];
        for bound in &mut bounds {
            self.expect_sign(",")?;
            *bound = self.number()?;
        }
        let span = corners.to(self.span);
        let [west, south, east, north] = bounds;
        let low = self.on_earth(west, south, span)?;
        let high = self.on_earth(east, north, span)?;
        if low.lat > high.lat {
            let expected = "minLon, minLat, maxLon, maxLat";
            return Err(self
                .refuse_at(FilterErrorKind::InvalidPosition, span, expected)
                .hint("the southern latitude comes first"));
        }
        let predicate = Predicate::InBox(position, BoundingBox { low, high });
        self.close(predicate, start, depth)
    }

    fn within(&mut self, start: Span) -> Result<Node, FilterError> {
        self.expect_sign("(")?;
        let position = self.geometry()?;
        let depth = position.depth;
        let position = self.value(position)?;
        self.expect_sign(",")?;
        let is_polygon =
            matches!(self.token, Token::Name(name) if name.eq_ignore_ascii_case("POLYGON"));
        if !is_polygon {
            let kind = FilterErrorKind::UnexpectedToken;
            return Err(self.refuse_here(kind, "POLYGON((lon lat, …))"));
        }
        self.advance()?;
        self.expect_sign("(")?;
        let mut rings = Vec::new();
        loop {
            rings.push(self.ring()?);
            if !self.take_sign(",")? {
                break;
            }
        }
        self.expect_sign(")")?;
        let predicate = Predicate::Within(position, Polygon { rings });
        self.close(predicate, start, depth)
    }

    fn ring(&mut self) -> Result<Vec<Point>, FilterError> {
        let start = self.span;
        self.expect_sign("(")?;
        let mut ring = Vec::new();
        loop {
            let at = self.span;
            let (lon, lat) = (self.number()?, self.number()?);
            ring.push(self.on_earth(lon, lat, self.behind(at))?);
            if !self.take_sign(",")? {
                break;
            }
        }
        let span = start.to(self.span);
        self.expect_sign(")")?;
        if ring.len() >= 4 && ring.first() == ring.last() {
            return Ok(ring);
        }
        Err(self
            .refuse_at(
                FilterErrorKind::InvalidPolygon,
                span,
                "a closed ring of at least three corners",
            )
            .hint("the last position repeats the first"))
    }

    fn point(&mut self, start: Span) -> Result<Node, FilterError> {
        self.expect_sign("(")?;
        let power = self.grammar.powers.sign;
        let lon = self.expression(power)?;
        self.take_sign(",")?;
        let lat = self.expression(power)?;
        let span = start.to(self.span);
        self.expect_sign(")")?;
        let depth = lon.depth.max(lat.depth) + 1;
        let parts = [self.value(lon)?, self.value(lat)?];
        let operand = match (degrees(&parts[0]), degrees(&parts[1])) {
            (Some(lon), Some(lat)) => {
                let point = self.on_earth(lon, lat, span)?;
                Operand::Literal(Literal::Point(point))
            }
            _ => Operand::Position(parts.into()),
        };
        self.bounded(Node::operand(operand, span, depth))
    }

    fn on_earth(&self, lon: f64, lat: f64, span: Span) -> Result<Point, FilterError> {
        if (-180.0..=180.0).contains(&lon) && (-90.0..=90.0).contains(&lat) {
            return Ok(Point { lon, lat });
        }
        let expected = "degrees east from -180 to 180, then degrees north from -90 to 90";
        Err(self
            .refuse_at(FilterErrorKind::InvalidPosition, span, expected)
            .hint("longitude comes first"))
    }

    /// A number with its sign.
    fn number(&mut self) -> Result<f64, FilterError> {
        let start = self.span;
        let minus = self.take_sign("-")?;
        let node = self.signed_literal(minus, start)?;
        let number = node.and_then(|node| self.value(node).ok());
        number
            .as_ref()
            .and_then(degrees)
            .ok_or_else(|| self.refuse_here(FilterErrorKind::UnexpectedToken, "a number"))
    }

    fn close(
        &mut self,
        predicate: Predicate,
        start: Span,
        depth: usize,
    ) -> Result<Node, FilterError> {
        let span = start.to(self.span);
        self.expect_sign(")")?;
        self.predicate(predicate, span, depth)
    }
}

#[derive(Clone, Copy)]
enum Form {
    Text(TextKind),
    Quantified(Quantifier),
    Near,
    Box,
    Within,
    Point,
}

#[derive(Clone, Copy)]
enum TextKind {
    StartsWith,
    EndsWith,
    Contains,
    Matches,
}

const FORMS: [(&str, Form); 10] = [
    ("STARTS_WITH", Form::Text(TextKind::StartsWith)),
    ("ENDS_WITH", Form::Text(TextKind::EndsWith)),
    ("CONTAINS", Form::Text(TextKind::Contains)),
    ("MATCHES", Form::Text(TextKind::Matches)),
    ("ANY", Form::Quantified(Quantifier::Any)),
    ("ALL", Form::Quantified(Quantifier::All)),
    ("NEAR", Form::Near),
    ("BBOX", Form::Box),
    ("S_WITHIN", Form::Within),
    ("POINT", Form::Point),
];

#[allow(
    clippy::cast_precision_loss,
    reason = "degrees and metres need no more than 53 bits"
)]
fn degrees(operand: &Operand) -> Option<f64> {
    match operand.literal()? {
        Literal::Int(value) => Some(*value as f64),
        Literal::Float(value) => Some(*value),
        Literal::Null
        | Literal::Bool(_)
        | Literal::String(_)
        | Literal::Bytes(_)
        | Literal::Timestamp(_)
        | Literal::Point(_) => None,
    }
}
