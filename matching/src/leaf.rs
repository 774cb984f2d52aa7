//! What the index can make of one predicate: a facet and the values wanted of it.

use alloc::vec::Vec;

use gomera_filter::tree::{
    Comparison, Kind, Literal, Operand, Path, Predicate, TextShape, TextTest, Unlike,
};

use crate::cell::{Cell, Identity, Interval, identity_of_float, identity_of_int, identity_of_time};
use crate::facets::FacetKind;
use crate::frame::{FALSE, TRUE};
use crate::limits::AFFIX_BYTES_MAX;
use crate::unlike::{is_plain, spells_nothing};

/// A test of one facet, with texts still as texts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Leaf<'a> {
    /// The attribute.
    pub(crate) name: &'a str,
    /// What is looked at.
    pub(crate) kind: FacetKind,
    /// What is wanted.
    pub(crate) values: Values<'a>,
    /// Whether it says all that the predicate says; if not, the predicate must be asked too.
    pub(crate) is_whole: bool,
}

/// The values that a leaf wants.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Values<'a> {
    /// One in the interval.
    Inside(Interval),
    /// A value, but none in the interval.
    Outside(Interval),
    /// One of these.
    OneOf(Vec<Atom<'a>>),
    /// A value, but none of these.
    NoneOf(Vec<Atom<'a>>),
}

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Atom<'a> {
    /// A value that is its own cell.
    Bits(u32),
    /// A text, to become a symbol.
    Text(&'a [u8]),
    /// A number without a cell of its own, to become a symbol.
    Number(Identity),
}

impl<'a> Leaf<'a> {
    /// The leaf that is true where the predicate is (or, `negated`, where it is false); `None` if there is none.
    pub(crate) fn of(predicate: &'a Predicate, negated: bool) -> Option<Self> {
        if let Some(leaf) = word_leaf(predicate, negated) {
            return Some(leaf);
        }
        match predicate {
            Predicate::Compare {
                left,
                comparison,
                right,
                unlike,
            } if is_plain(*unlike, negated) => {
                let comparison = if negated {
                    comparison.opposite()
                } else {
                    *comparison
                };
                comparison_leaf(left.attribute()?, comparison, right.literal()?)
            }
            Predicate::Between {
                operand,
                low,
                high,
                unlike,
            } if is_plain(*unlike, negated) => between_leaf(operand, [low, high], negated),
            Predicate::In {
                operand,
                members,
                unlike: Unlike::Unknown | Unlike::False,
            } => membership_leaf(operand.attribute()?, members, negated),
            Predicate::Text {
                operand,
                test,
                unlike,
            } if is_plain(*unlike, negated) => text_leaf(operand.attribute()?, test, negated),
            Predicate::Holds(operand, unlike) if is_plain(*unlike, negated) => {
                let wanted = if negated { FALSE } else { TRUE };
                let values = Values::OneOf([Atom::Bits(wanted)].into());
                Some(Self::new(operand.attribute()?, FacetKind::Flag, values))
            }
            Predicate::IsNull(operand) if negated => {
                Some(Self::any(operand.attribute()?, FacetKind::Member))
            }
            Predicate::Exists(path) if !negated => {
                Some(Self::any(path.plain()?, FacetKind::Presence))
            }
            Predicate::IsKind(path, kind) if !negated => kind_leaf(path, *kind),
            Predicate::Compare { .. }
            | Predicate::Between { .. }
            | Predicate::In { .. }
            | Predicate::Among { .. }
            | Predicate::Text { .. }
            | Predicate::IsNull(_)
            | Predicate::Exists(_)
            | Predicate::IsKind(..)
            | Predicate::Holds(..)
            | Predicate::Quantified { .. }
            | Predicate::InBox(..)
            | Predicate::Near { .. }
            | Predicate::Within(..)
            | Predicate::Differ(_) => None,
        }
    }

    fn new(name: &'a str, kind: FacetKind, values: Values<'a>) -> Self {
        Self {
            name,
            kind,
            values,
            is_whole: true,
        }
    }

    /// Any value at all.
    fn any(name: &'a str, kind: FacetKind) -> Self {
        Self::new(name, kind, Values::Inside(Interval::ALL))
    }
}

/// Where sides are cast, or text may spell something else: an equality with text that can be nothing but text. Where
/// only numbers have an order: an equality, or a comparison with a number.
fn word_leaf(predicate: &Predicate, negated: bool) -> Option<Leaf<'_>> {
    let is_word = |literal: &Literal| match literal {
        Literal::String(text) => spells_nothing(text.as_bytes()),
        Literal::Null
        | Literal::Bool(_)
        | Literal::Int(_)
        | Literal::Float(_)
        | Literal::Bytes(_)
        | Literal::Timestamp(_)
        | Literal::Point(_) => false,
    };
    if let Predicate::Compare {
        left,
        comparison,
        right: Operand::Literal(literal),
        unlike: unlike @ (Unlike::FalseUnordered | Unlike::Cast | Unlike::Spelled),
    } = predicate
    {
        let comparison = if negated {
            comparison.opposite()
        } else {
            *comparison
        };
        let is_text = matches!(literal, Literal::String(_));
        let is_number = matches!(literal, Literal::Int(_) | Literal::Float(_));
        let is_equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        let may = match unlike {
            Unlike::Cast => comparison == Comparison::Equal && is_word(literal),
            Unlike::Spelled => is_text,
            Unlike::FalseUnordered => !negated && (is_equality || is_number),
            Unlike::Unknown | Unlike::False => return None,
        };
        return may.then(|| comparison_leaf(left.attribute()?, comparison, literal))?;
    }
    if let Predicate::In {
        operand,
        members,
        unlike: Unlike::Cast,
    } = predicate
    {
        let may = !negated && members.iter().all(is_word);
        return may.then(|| membership_leaf(operand.attribute()?, members, false))?;
    }
    None
}

fn comparison_leaf<'a>(
    name: &'a str,
    comparison: Comparison,
    literal: &'a Literal,
) -> Option<Leaf<'a>> {
    let atom = match literal {
        Literal::Int(_) | Literal::Float(_) | Literal::Timestamp(_) => {
            let (kind, cell) = number(literal)?;
            if let (Comparison::Equal, false, Some(identity)) =
                (comparison, cell.is_exact(), identity(literal))
            {
                let values = Values::OneOf([Atom::Number(identity)].into());
                return Some(Leaf::new(name, FacetKind::Identity, values));
            }
            return Some(Leaf::new(name, kind, compared(comparison, cell)));
        }
        Literal::String(text) => Atom::Text(text.as_bytes()),
        Literal::Bool(value) => Atom::Bits(if *value { TRUE } else { FALSE }),
        Literal::Null | Literal::Bytes(_) | Literal::Point(_) => return None,
    };
    let kind = match atom {
        Atom::Text(_) => FacetKind::Text,
        Atom::Bits(_) => FacetKind::Flag,
        Atom::Number(_) => FacetKind::Identity,
    };
    let values = match comparison {
        Comparison::Equal => Values::OneOf([atom].into()),
        Comparison::NotEqual => Values::NoneOf([atom].into()),
        Comparison::Less
        | Comparison::LessOrEqual
        | Comparison::Greater
        | Comparison::GreaterOrEqual => return None,
    };
    Some(Leaf::new(name, kind, values))
}

fn compared(comparison: Comparison, cell: Cell) -> Values<'static> {
    match comparison {
        Comparison::Equal if cell.is_exact() => Values::OneOf([Atom::Bits(cell.low)].into()),
        Comparison::Equal => Values::Inside(Interval::equal(cell)),
        Comparison::NotEqual => Values::Outside(Interval::equal(cell)),
        Comparison::Less => Values::Inside(Interval::less(cell)),
        Comparison::LessOrEqual => Values::Inside(Interval::less_or_equal(cell)),
        Comparison::Greater => Values::Inside(Interval::greater(cell)),
        Comparison::GreaterOrEqual => Values::Inside(Interval::greater_or_equal(cell)),
    }
}

fn between_leaf<'a>(
    operand: &'a Operand,
    bounds: [&'a Operand; 2],
    negated: bool,
) -> Option<Leaf<'a>> {
    let (kind, low) = number(bounds[0].literal()?)?;
    let (high_kind, high) = number(bounds[1].literal()?)?;
    if kind != high_kind {
        return None;
    }
    let interval = Interval::greater_or_equal(low).and(Interval::less_or_equal(high));
    let values = if negated {
        Values::Outside(interval)
    } else {
        Values::Inside(interval)
    };
    Some(Leaf::new(operand.attribute()?, kind, values))
}

/// What a literal is to the facet of its kind, if it has an order that cells keep.
fn number(literal: &Literal) -> Option<(FacetKind, Cell)> {
    match literal {
        Literal::Int(value) => Some((FacetKind::Number, Cell::of_int(*value))),
        Literal::Float(value) => Some((FacetKind::Number, Cell::of_float(*value))),
        Literal::Timestamp(time) => Some((FacetKind::Time, Cell::of_int(time.0))),
        Literal::Null
        | Literal::Bool(_)
        | Literal::String(_)
        | Literal::Bytes(_)
        | Literal::Point(_) => None,
    }
}

/// `IN` where all members are of one kind. A member `NULL` makes what is not among the others unknown.
fn membership_leaf<'a>(name: &'a str, members: &'a [Literal], negated: bool) -> Option<Leaf<'a>> {
    if negated && members.contains(&Literal::Null) {
        return Some(Leaf::new(name, FacetKind::Text, Values::OneOf(Vec::new())));
    }
    if let Some(atoms) = identities(members) {
        let leaf = Leaf::new(name, FacetKind::Identity, Values::OneOf(atoms));
        return (!negated).then_some(leaf);
    }
    let mut atoms = Vec::with_capacity(members.len());
    let mut kind = None;
    for member in members {
        let (member_kind, atom) = match member {
            Literal::Null => continue,
            Literal::String(text) => (FacetKind::Text, Atom::Text(text.as_bytes())),
            Literal::Bool(value) => (
                FacetKind::Flag,
                Atom::Bits(if *value { TRUE } else { FALSE }),
            ),
            Literal::Int(_) | Literal::Float(_) | Literal::Timestamp(_) => {
                let (kind, cell) = number(member)?;
                if !cell.is_exact() {
                    return None;
                }
                (kind, Atom::Bits(cell.low))
            }
            Literal::Bytes(_) | Literal::Point(_) => return None,
        };
        if *kind.get_or_insert(member_kind) != member_kind {
            return None;
        }
        atoms.push(atom);
    }
    let kind = kind.unwrap_or(FacetKind::Text);
    match (negated, kind) {
        (false, _) => Some(Leaf::new(name, kind, Values::OneOf(atoms))),
        (true, FacetKind::Text) => Some(Leaf::new(name, FacetKind::Member, Values::NoneOf(atoms))),
        (true, _) => None,
    }
}

/// The members as identities, if all are numbers and one of them has no cell of its own.
fn identities<'a>(members: &[Literal]) -> Option<Vec<Atom<'a>>> {
    let is_exact = |member| number(member).is_none_or(|(_, cell)| cell.is_exact());
    let members = members.iter().filter(|member| **member != Literal::Null);
    if members.clone().all(is_exact) {
        return None;
    }
    members
        .map(|member| identity(member).map(Atom::Number))
        .collect()
}

fn identity(literal: &Literal) -> Option<Identity> {
    match literal {
        Literal::Int(value) => Some(identity_of_int(*value)),
        Literal::Float(value) => Some(identity_of_float(*value)),
        Literal::Timestamp(time) => Some(identity_of_time(time.0)),
        Literal::Null
        | Literal::Bool(_)
        | Literal::String(_)
        | Literal::Bytes(_)
        | Literal::Point(_) => None,
    }
}

fn text_leaf<'a>(name: &'a str, test: &'a TextTest, negated: bool) -> Option<Leaf<'a>> {
    let (kind, text) = match test.shape() {
        TextShape::Exact(text) => (FacetKind::Text, text.as_bytes()),
        TextShape::Prefix(text) => return affix_leaf(name, Affix::Prefix(text), negated),
        TextShape::Suffix(text) => return affix_leaf(name, Affix::Suffix(text), negated),
        TextShape::Anything if !negated => return Some(Leaf::any(name, FacetKind::Text)),
        TextShape::Other if !negated => return begin_leaf(name, test),
        TextShape::Anything | TextShape::Contains(_) | TextShape::Other => return None,
    };
    let atoms = [Atom::Text(text)].into();
    let values = if negated {
        Values::NoneOf(atoms)
    } else {
        Values::OneOf(atoms)
    };
    Some(Leaf::new(name, kind, values))
}

enum Affix<'a> {
    Prefix(&'a str),
    Suffix(&'a str),
}

/// A text at one end. Of a long one the index knows the outer bytes only.
fn affix_leaf<'a>(name: &'a str, affix: Affix<'a>, negated: bool) -> Option<Leaf<'a>> {
    let (text, is_prefix) = match affix {
        Affix::Prefix(text) => (text.as_bytes(), true),
        Affix::Suffix(text) => (text.as_bytes(), false),
    };
    let length = text.len().min(AFFIX_BYTES_MAX);
    let is_whole = length == text.len();
    if negated && !is_whole {
        return None;
    }
    let bytes = u16::try_from(length).ok()?;
    let (kind, part) = if is_prefix {
        (FacetKind::Prefix(bytes), &text[..length])
    } else {
        (FacetKind::Suffix(bytes), &text[text.len() - length..])
    };
    let atoms = [Atom::Text(part)].into();
    let values = if negated {
        Values::NoneOf(atoms)
    } else {
        Values::OneOf(atoms)
    };
    let leaf = Leaf::new(name, kind, values);
    Some(Leaf { is_whole, ..leaf })
}

/// What a pattern begins with, if it says so.
fn begin_leaf<'a>(name: &'a str, test: &'a TextTest) -> Option<Leaf<'a>> {
    let text = match test {
        TextTest::Like(pattern) => pattern.prefix(),
        TextTest::StartsWith(_)
        | TextTest::EndsWith(_)
        | TextTest::Contains(_)
        | TextTest::Matches(_) => "",
    };
    if text.is_empty() {
        return None;
    }
    let leaf = affix_leaf(name, Affix::Prefix(text), false)?;
    Some(Leaf {
        is_whole: false,
        ..leaf
    })
}

fn kind_leaf(path: &Path, kind: Kind) -> Option<Leaf<'_>> {
    let kind = match kind {
        Kind::Number => FacetKind::Number,
        Kind::String => FacetKind::Text,
        Kind::Boolean => FacetKind::Flag,
        Kind::Geometry => return None,
    };
    Some(Leaf::any(path.plain()?, kind))
}
