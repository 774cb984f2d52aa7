//! Bytes to tree. Everything is checked: what is decoded is as good as what was parsed.

use alloc::boxed::Box;
use alloc::vec::Vec;

use gomera_model::{Point, Timestamp, varint};
use smol_str::SmolStr;

use super::tag;
use crate::dialect::Dialect;
use crate::limits::{DEPTH_MAX, EXPRESSIONS_MAX, NESTING_MAX};
use crate::tree::{
    BoundingBox, Expression, LikePart, LikePattern, Literal, Operand, Path, Polygon, Predicate,
    Regex, Step, TextTest, Truth, Unlike,
};

/// The dialect and the tree of canonical bytes; `None` if they are malformed.
pub(crate) fn decode(bytes: &[u8]) -> Option<(Dialect, Expression)> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != tag::VERSION {
        return None;
    }
    let dialect = reader.known(&tag::DIALECTS)?;
    let expression = reader.expression()?;
    reader.rest.is_empty().then_some((dialect, expression))
}

/// A parsed tree is at most this deep: an expression, its predicate and the operand below it count one each here.
pub(super) const LEVELS_MAX: usize = 2 * DEPTH_MAX;

#[derive(Debug)]
pub(super) struct Reader<'b> {
    pub(super) rest: &'b [u8],
    /// Expressions and operands that are being read.
    pub(super) depth: usize,
    variables: u8,
    expressions: usize,
}

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self {
            rest: bytes,
            depth: 0,
            variables: 0,
            expressions: 0,
        }
    }

    fn expression(&mut self) -> Option<Expression> {
        self.deeper(|reader| {
            Some(match reader.byte()? {
                tag::FALSE => Expression::Constant(Truth::False),
                tag::UNKNOWN => Expression::Constant(Truth::Unknown),
                tag::TRUE => Expression::Constant(Truth::True),
                tag::NOT => Expression::Not(Box::new(reader.expression()?)),
                tag::AND => Expression::And(reader.parts()?),
                tag::OR => Expression::Or(reader.parts()?),
                tag::AND_THEN => Expression::AndThen(reader.parts()?),
                tag::OR_ELSE => Expression::OrElse(reader.parts()?),
                tag => Expression::Predicate(reader.predicate(tag)?),
            })
        })
    }

    fn parts(&mut self) -> Option<Vec<Expression>> {
        let parts = self.items(Self::expression)?;
        (parts.len() > 1).then_some(parts)
    }

    pub(super) fn predicate(&mut self, tag: u8) -> Option<Predicate> {
        Some(match tag {
            tag::COMPARE => {
                let packed = self.byte()?;
                Predicate::Compare {
                    comparison: *tag::COMPARISONS.get(usize::from(packed >> 4))?,
                    unlike: *tag::UNLIKES.get(usize::from(packed & 15))?,
                    left: self.operand()?,
                    right: self.operand()?,
                }
            }
            tag::BETWEEN => Predicate::Between {
                unlike: self.unlike()?,
                operand: self.operand()?,
                low: self.operand()?,
                high: self.operand()?,
            },
            tag::IN => Predicate::In {
                unlike: self.unlike()?,
                operand: self.operand()?,
                members: self.items(|reader| {
                    let tag = reader.byte()?;
                    reader.literal(tag)
                })?,
            },
            tag::AMONG => Predicate::Among {
                unlike: self.unlike()?,
                operand: self.operand()?,
                members: self.items(Self::operand)?,
            },
            tag::LIKE..=tag::MATCHES => Predicate::Text {
                test: self.text_test(tag)?,
                unlike: self.unlike()?,
                operand: self.operand()?,
            },
            tag::IS_NULL => Predicate::IsNull(self.operand()?),
            tag::EXISTS => Predicate::Exists(self.path()?),
            tag::IS_KIND => {
                let kind = self.known(&tag::KINDS)?;
                Predicate::IsKind(self.path()?, kind)
            }
            tag::HOLDS => {
                let unlike = self.unlike()?;
                Predicate::Holds(self.operand()?, unlike)
            }
            tag::QUANTIFIED => self.quantified()?,
            tag::IN_BOX..=tag::WITHIN => self.geometry(tag)?,
            tag::DIFFER => Predicate::Differ(Box::new([self.expression()?, self.expression()?])),
            _ => return None,
        })
    }

    fn quantified(&mut self) -> Option<Predicate> {
        let quantifier = self.known(&tag::QUANTIFIERS)?;
        let path = self.path()?;
        let variable = self.text()?;
        let innermost = self.variables.checked_sub(1);
        let reaches_out = innermost.is_some() && path.variable != innermost;
        if reaches_out || usize::from(self.variables) == NESTING_MAX {
            return None;
        }
        self.variables += 1;
        let condition = self.expression()?;
        self.variables -= 1;
        Some(Predicate::Quantified {
            quantifier,
            path,
            variable,
            condition: Box::new(condition),
        })
    }

    fn geometry(&mut self, tag: u8) -> Option<Predicate> {
        let position = self.operand()?;
        Some(match tag {
            tag::IN_BOX => {
                let (low, high) = (self.point()?, self.point()?);
                Predicate::InBox(position, BoundingBox { low, high })
            }
            tag::NEAR => Predicate::Near {
                position,
                centre: self.point()?,
                metres: self.float()?,
            },
            _ => {
                let rings = self.items(|reader| reader.items(Self::point))?;
                Predicate::Within(position, Polygon { rings })
            }
        })
    }

    fn text_test(&mut self, tag: u8) -> Option<TextTest> {
        Some(match tag {
            tag::LIKE => {
                let parts = self.items(|reader| {
                    Some(match reader.byte()? {
                        tag::PART_RUN => LikePart::Run,
                        tag::PART_ONE => LikePart::One,
                        tag::PART_TEXT => LikePart::Text(reader.text()?),
                        _ => return None,
                    })
                })?;
                TextTest::Like(LikePattern::new(parts))
            }
            tag::STARTS_WITH => TextTest::StartsWith(self.text()?),
            tag::ENDS_WITH => TextTest::EndsWith(self.text()?),
            tag::CONTAINS => TextTest::Contains(self.text()?),
            _ => {
                self.expressions += 1;
                if self.expressions > EXPRESSIONS_MAX {
                    return None;
                }
                TextTest::Matches(Regex::new(&self.text()?).ok()?)
            }
        })
    }

    fn operand(&mut self) -> Option<Operand> {
        let tag = self.byte()?;
        if tag < tag::ATTRIBUTE {
            return self.literal(tag).map(Operand::Literal);
        }
        if tag == tag::ATTRIBUTE {
            return Some(Operand::Attribute(Path::attribute(self.text()?)));
        }
        self.deeper(|reader| {
            Some(match tag {
                tag::PATH => Operand::Attribute(reader.path()?),
                tag::NEGATE => Operand::Negate(Box::new(reader.operand()?)),
                tag::ARITHMETIC => {
                    let operator = reader.known(&tag::ARITHMETICS)?;
                    Operand::Arithmetic(operator, reader.pair()?)
                }
                tag::CALL => {
                    let function = reader.known(&tag::FUNCTIONS)?;
                    Operand::Call(function, reader.items(Self::operand)?)
                }
                tag::POSITION => Operand::Position(reader.pair()?),
                tag::CONDITION => Operand::Condition(Box::new(reader.expression()?)),
                _ => return None,
            })
        })
    }

    fn pair(&mut self) -> Option<Box<[Operand; 2]>> {
        Some(Box::new([self.operand()?, self.operand()?]))
    }

    fn literal(&mut self, tag: u8) -> Option<Literal> {
        Some(match tag {
            tag::NULL => Literal::Null,
            tag::BOOL_FALSE => Literal::Bool(false),
            tag::BOOL_TRUE => Literal::Bool(true),
            tag::INT => Literal::Int(self.signed()?),
            tag::FLOAT => Literal::Float(self.float()?),
            tag::STRING => Literal::String(self.text()?),
            tag::BYTES => Literal::Bytes(self.bytes()?.into()),
            tag::TIMESTAMP => Literal::Timestamp(Timestamp(self.signed()?)),
            tag::POINT => Literal::Point(self.point()?),
            _ => return None,
        })
    }

    fn path(&mut self) -> Option<Path> {
        let (name, variable) = match self.byte()? {
            0 => (self.text()?, None),
            1 => {
                let level = self.byte().filter(|level| *level < self.variables)?;
                (SmolStr::default(), Some(level))
            }
            _ => return None,
        };
        let steps = self.items(|reader| {
            Some(match reader.byte()? {
                tag::STEP_INDEX => Step::Index(u32::try_from(reader.number()?).ok()?),
                tag::STEP_KEY => Step::Key(reader.text()?),
                _ => return None,
            })
        })?;
        Some(Path {
            name,
            variable,
            steps: steps.into_boxed_slice(),
        })
    }

    pub(super) fn unlike(&mut self) -> Option<Unlike> {
        self.known(&tag::UNLIKES)
    }

    #[inline]
    pub(super) fn known<T: Copy>(&mut self, table: &[T]) -> Option<T> {
        table.get(usize::from(self.byte()?)).copied()
    }

    fn items<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = usize::try_from(self.number()?).ok()?;
        if count > self.rest.len() {
            return None;
        }
        let mut items = Vec::with_capacity(count.min(ITEMS_AT_ONCE));
        for _ in 0..count {
            items.push(item(self)?);
        }
        Some(items)
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.depth += 1;
        if self.depth > LEVELS_MAX {
            return None;
        }
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn point(&mut self) -> Option<Point> {
        let (lon, lat) = (self.float()?, self.float()?);
        let on_earth = (-180.0..=180.0).contains(&lon) && (-90.0..=90.0).contains(&lat);
        on_earth.then_some(Point { lon, lat })
    }

    pub(super) fn float(&mut self) -> Option<f64> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(f64::from_le_bytes(*bytes)).filter(|value| value.is_finite())
    }

    #[inline]
    pub(super) fn signed(&mut self) -> Option<i64> {
        self.number().map(varint::unzigzag)
    }

    #[inline]
    pub(super) fn number(&mut self) -> Option<u64> {
        varint::take(&mut self.rest)
    }

    fn text(&mut self) -> Option<SmolStr> {
        core::str::from_utf8(self.bytes()?).ok().map(SmolStr::new)
    }

    #[inline]
    pub(super) fn bytes(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }
}

/// Room that is taken before the items are seen, so that a wrong count costs nothing.
const ITEMS_AT_ONCE: usize = 64;
