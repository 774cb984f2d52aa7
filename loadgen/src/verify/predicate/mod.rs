//! A second evaluation of filters, which shares no code with the broker.
//!
//! It reads the text of a filter itself ([`parse`]) and decides by the page of the language alone. It knows the part
//! of the language that verify uses, and refuses the rest: comparisons, BETWEEN, IN, LIKE, IS NULL, EXISTS, BBOX over
//! two attributes, AND, OR, NOT. Unknown is `None`: of something missing, of null, or of unlike types.

mod parse;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use super::value::{Cell, Columns};
pub use parse::ParseError;

/// A filter, ready to be asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Predicate {
    Constant(bool),
    /// An attribute that is itself true or false.
    Flag(usize),
    Compare(usize, Comparison, Literal),
    Between(usize, Literal, Literal),
    In(usize, Vec<Literal>),
    Like(usize, Vec<Glyph>),
    IsNull(usize),
    Exists(usize),
    Inside(Area),
    Not(Box<Predicate>),
    All(Vec<Predicate>),
    Any(Vec<Predicate>),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What an attribute is compared with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Bool(bool),
    /// Within ±2^53, so that it can be compared with a float exactly.
    Int(i64),
    Float(f64),
    Text(String),
}

/// One piece of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Glyph {
    /// `%`
    Any,
    /// `_`
    One,
    Same(char),
}

/// A box, and the attributes that make the position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Area {
    lon: usize,
    lat: usize,
    west: f64,
    south: f64,
    east: f64,
    north: f64,
}

impl Predicate {
    /// Reads a filter; attributes get places in `columns`.
    pub(crate) fn parse(text: &str, columns: &mut Columns) -> Result<Self, ParseError> {
        parse::parse(text, columns)
    }

    /// Whether a notification satisfies it: not if that is unknown.
    pub(crate) fn satisfied(&self, row: &[Cell<'_>]) -> bool {
        self.truth(row) == Some(true)
    }

    fn truth(&self, row: &[Cell<'_>]) -> Option<bool> {
        match self {
            Self::Constant(truth) => Some(*truth),
            Self::Flag(place) => match row[*place] {
                Cell::Bool(truth) => Some(truth),
                Cell::Missing | Cell::Null | Cell::Int(_) | Cell::Float(_) | Cell::Text(_) => None,
            },
            Self::Compare(place, comparison, literal) => comparison.truth(row[*place], literal),
            Self::Between(place, low, high) => and(
                Comparison::GreaterOrEqual.truth(row[*place], low),
                Comparison::LessOrEqual.truth(row[*place], high),
            ),
            // Members that are unlike the value never match; only of nothing is it unknown.
            Self::In(place, literals) => match row[*place] {
                Cell::Missing | Cell::Null => None,
                cell @ (Cell::Bool(_) | Cell::Int(_) | Cell::Float(_) | Cell::Text(_)) => {
                    let equal = |literal| Comparison::Equal.truth(cell, literal) == Some(true);
                    Some(literals.iter().any(equal))
                }
            },
            Self::Like(place, glyphs) => match row[*place] {
                Cell::Text(text) => Some(like(text, glyphs)),
                Cell::Missing | Cell::Null | Cell::Bool(_) | Cell::Int(_) | Cell::Float(_) => None,
            },
            Self::IsNull(place) => Some(matches!(row[*place], Cell::Missing | Cell::Null)),
            Self::Exists(place) => Some(row[*place] != Cell::Missing),
            Self::Inside(area) => area.truth(row),
            Self::Not(part) => part.truth(row).map(|truth| !truth),
            Self::All(parts) => {
                let mut truth = Some(true);
                for part in parts {
                    truth = and(truth, part.truth(row));
                    if truth == Some(false) {
                        break;
                    }
                }
                truth
            }
            Self::Any(parts) => {
                let mut truth = Some(false);
                for part in parts {
                    truth = or(truth, part.truth(row));
                    if truth == Some(true) {
                        break;
                    }
                }
                truth
            }
        }
    }
}

impl Comparison {
    fn truth(self, cell: Cell<'_>, literal: &Literal) -> Option<bool> {
        if let (Cell::Bool(one), Literal::Bool(other)) = (cell, literal) {
            // Truth has no order, only equality.
            return match self {
                Self::Equal => Some(one == *other),
                Self::Unequal => Some(one != *other),
                Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => None,
            };
        }
        let order = order(cell, literal)?;
        Some(match self {
            Self::Equal => order == Ordering::Equal,
            Self::Unequal => order != Ordering::Equal,
            Self::Less => order == Ordering::Less,
            Self::LessOrEqual => order != Ordering::Greater,
            Self::Greater => order == Ordering::Greater,
            Self::GreaterOrEqual => order != Ordering::Less,
        })
    }
}

impl Area {
    fn truth(self, row: &[Cell<'_>]) -> Option<bool> {
        let (lon, lat) = (number(row[self.lon])?, number(row[self.lat])?);
        let is_inside =
            self.west <= lon && lon <= self.east && self.south <= lat && lat <= self.north;
        Some(is_inside)
    }
}

/// The order of like values; unknown of others.
fn order(cell: Cell<'_>, literal: &Literal) -> Option<Ordering> {
    match (cell, literal) {
        (Cell::Int(one), Literal::Int(other)) => Some(one.cmp(other)),
        (Cell::Int(_) | Cell::Float(_), Literal::Int(_) | Literal::Float(_)) => {
            number(cell)?.partial_cmp(&literal.number()?)
        }
        (Cell::Text(one), Literal::Text(other)) => Some(one.cmp(other.as_str())),
        (
            Cell::Missing
            | Cell::Null
            | Cell::Bool(_)
            | Cell::Int(_)
            | Cell::Float(_)
            | Cell::Text(_),
            Literal::Bool(_) | Literal::Int(_) | Literal::Float(_) | Literal::Text(_),
        ) => None,
    }
}

impl Literal {
    fn number(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(exact(*value)),
            Self::Float(value) => Some(*value),
            Self::Bool(_) | Self::Text(_) => None,
        }
    }
}

fn number(cell: Cell<'_>) -> Option<f64> {
    match cell {
        Cell::Int(value) => Some(exact(value)),
        Cell::Float(value) => Some(value),
        Cell::Missing | Cell::Null | Cell::Bool(_) | Cell::Text(_) => None,
    }
}

/// A whole number as a float: those of verify are small.
#[expect(clippy::cast_precision_loss, reason = "asserted to be within 2^53")]
fn exact(value: i64) -> f64 {
    assert!(
        value.unsigned_abs() <= EXACT_MAX,
        "{value} is no exact float"
    );
    value as f64
}

fn and(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        (None, _) | (_, None) => None,
    }
}

fn or(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        (None, _) | (_, None) => None,
    }
}

/// Whether a text is of a pattern. A `%` first takes nothing, then one character more each time that the rest fails;
/// only the last `%` has to be tried again.
fn like(text: &str, glyphs: &[Glyph]) -> bool {
    let (mut rest, mut at) = (text.chars(), 0);
    let mut again: Option<(std::str::Chars<'_>, usize)> = None;
    loop {
        let ahead = rest.clone().next();
        match (glyphs.get(at), ahead) {
            (Some(Glyph::Any), _) => {
                at += 1;
                again = Some((rest.clone(), at));
                continue;
            }
            (Some(Glyph::One), Some(_)) => {}
            (Some(Glyph::Same(wanted)), Some(found)) if *wanted == found => {}
            (None, None) => return true,
            (Some(Glyph::One | Glyph::Same(_)) | None, _) => {
                let Some((text, glyph)) = &mut again else {
                    return false;
                };
                if text.next().is_none() {
                    return false;
                }
                (rest, at) = (text.clone(), *glyph);
                continue;
            }
        }
        rest.next();
        at += 1;
    }
}

/// Up to here every whole number is a float: 2^53.
const EXACT_MAX: u64 = 1 << 53;
