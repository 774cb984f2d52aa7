//! What the index makes of plain tests: which of them it answers alone, and by which facet and values.

use gomera_filter::pieces::{self, Affix, Joint, Plain as Piece, PlainTest as PieceTest, Value};
use gomera_filter::tree::{Comparison, Unlike};

use crate::cell::{Cell, DENSE, Interval, identity_of_float, identity_of_int, identity_of_time};
use crate::compact::{Exact, Members, Plain, PlainTest, Scalar};
use crate::facets::FacetKind;
use crate::frame::{FALSE, TRUE};
use crate::limits::AFFIX_BYTES_MAX;
use crate::symbols::Symbols;
use crate::unlike::{is_plain, spells_nothing};

/// Which answers of a test matter for the verdict of its filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Polarity {
    /// Whether it is true.
    Truth,
    /// Whether it is false.
    Falsehood,
    /// Either.
    Both,
}

/// What is wanted of a facet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Want<'a> {
    Inside(Interval),
    Outside(Interval),
    One(u32),
    NotOne(u32),
    OneOf(Members<'a>),
    NoneOf(Members<'a>),
}

impl Polarity {
    pub(crate) fn opposite(self) -> Self {
        match self {
            Self::Truth => Self::Falsehood,
            Self::Falsehood => Self::Truth,
            Self::Both => Self::Both,
        }
    }

    /// Which answers matter of what is joined.
    pub(crate) fn within(self, joint: Joint) -> Self {
        match joint {
            Joint::And | Joint::Or => self,
            Joint::AndThen | Joint::OrElse => Self::Both,
        }
    }

    fn is_negative(self) -> bool {
        self != Self::Truth
    }
}

/// How the values of a plain test are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As they are.
    Plain,
    /// With all of their bits, as symbols.
    Identity,
}

/// How a plain test is kept, if one test of one facet says all that it says.
#[inline(always)]
pub(crate) fn form(plain: &Piece<'_>, polarity: Polarity) -> Option<Form> {
    let negated = polarity.is_negative();
    let is_plain = is_plain(plain.unlike, negated);
    match plain.test {
        PieceTest::Compare(comparison, value) => {
            let is_equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
            let class = class_of(value)?;
            let has_order = matches!(class, Class::Number | Class::Time);
            let may = match plain.unlike {
                Unlike::FalseUnordered => !negated && (is_equality || class == Class::Number),
                // Only numbers and truth values may be spelt.
                Unlike::Spelled => is_equality && class == Class::Text,
                Unlike::Cast => is_cast_equality(comparison, polarity) && is_word(value),
                Unlike::Unknown | Unlike::False => is_plain && (is_equality || has_order),
            };
            let form = if is_equality && needs_identity(value) {
                Form::Identity
            } else {
                Form::Plain
            };
            may.then_some(form)
        }
        PieceTest::Between(low, high) => {
            let class = class_of(low)?;
            let is_jms = plain.unlike == Unlike::FalseUnordered && !negated;
            let may = is_plain || (is_jms && class == Class::Number);
            let has_order = matches!(class, Class::Number | Class::Time);
            (may && has_order && class_of(high) == Some(class)).then_some(Form::Plain)
        }
        PieceTest::In(members) => {
            let may = match plain.unlike {
                Unlike::Unknown | Unlike::False | Unlike::FalseUnordered => true,
                Unlike::Cast => !negated && members.iter().all(is_word),
                Unlike::Spelled => false,
            };
            let form = form_of(members, negated)?;
            may.then_some(form)
        }
        PieceTest::Text(affix, text) => {
            let is_short = affix == Affix::Whole || text.len() <= AFFIX_BYTES_MAX;
            let is_cast = plain.unlike == Unlike::Cast && !negated;
            let may = is_plain || (is_cast && affix == Affix::Whole && is_word(Value::Text(text)));
            (may && is_short).then_some(Form::Plain)
        }
        PieceTest::Holds => is_plain.then_some(Form::Plain),
    }
}

/// How the members of a list are kept, if they are of one class. What is not in a list is asked for among texts only.
fn form_of(members: pieces::Members<'_>, negated: bool) -> Option<Form> {
    if members.are_texts() || (!negated && members.ints(DENSE).is_some()) {
        return Some(Form::Plain);
    }
    let (mut class, mut form) = (None, Form::Plain);
    for member in members.iter() {
        match class_of(member) {
            None if negated => return None,
            None => continue,
            Some(known) if *class.get_or_insert(known) != known => return None,
            Some(Class::Number | Class::Time) if needs_identity(member) => form = Form::Identity,
            Some(_) => {}
        }
    }
    (!negated || class? == Class::Text).then_some(form)
}

/// Whether a comparison whose sides are cast asks for equality alone. What is unequal has other reasons, too.
fn is_cast_equality(comparison: Comparison, polarity: Polarity) -> bool {
    matches!(
        (comparison, polarity),
        (Comparison::Equal, Polarity::Truth) | (Comparison::NotEqual, Polarity::Falsehood)
    )
}

/// Whether only a text becomes this text when it is cast: no number, no truth value and no point in time does.
fn is_word(value: Value<'_>) -> bool {
    let Value::Text(text) = value else {
        return false;
    };
    spells_nothing(text)
}

/// Values that share a facet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Number,
    Time,
    Text,
    Flag,
}

fn class_of(value: Value<'_>) -> Option<Class> {
    match value {
        Value::Null => None,
        Value::Bool(_) => Some(Class::Flag),
        Value::Int(_) | Value::Float(_) => Some(Class::Number),
        Value::Text(_) => Some(Class::Text),
        Value::Time(_) => Some(Class::Time),
    }
}

/// Whether a value has no cell of its own.
fn needs_identity(value: Value<'_>) -> bool {
    match value {
        Value::Int(value) | Value::Time(value) => !Cell::is_own_of(value),
        Value::Float(value) => !Cell::of_float(value).is_exact(),
        Value::Null | Value::Bool(_) | Value::Text(_) => false,
    }
}

/// A value as it is kept; its symbol, if it has one, is held once more.
#[inline(always)]
pub(crate) fn acquire(value: Value<'_>, is_identity: bool, symbols: &mut Symbols) -> Scalar {
    match value {
        Value::Null => Scalar::Null,
        Value::Bool(value) => Scalar::Bool(value),
        Value::Text(text) => Scalar::Text(symbols.acquire(text)),
        Value::Int(value) if is_identity => {
            Scalar::Identity(Exact::Int, symbols.acquire(&identity_of_int(value)))
        }
        Value::Float(value) if is_identity && value != 0.0 => {
            Scalar::Identity(Exact::Float, symbols.acquire(&identity_of_float(value)))
        }
        Value::Time(value) if is_identity => {
            Scalar::Identity(Exact::Time, symbols.acquire(&identity_of_time(value)))
        }
        Value::Int(value) => Scalar::Int(value),
        Value::Float(value) => Scalar::Float(value),
        Value::Time(value) => Scalar::Time(value),
    }
}

/// Calls `see` with every symbol in a plain test but the name.
pub(crate) fn symbols(plain: Plain<'_>, mut see: impl FnMut(u32)) {
    match plain.test {
        PlainTest::Compare(_, value) => value.symbol().into_iter().for_each(see),
        PlainTest::In(members) => members.iter().filter_map(Scalar::symbol).for_each(see),
        PlainTest::Text(_, text) => see(text),
        PlainTest::Between(..) | PlainTest::Holds => {}
    }
}

/// The facet and the values that a plain test wants where it is true, or (`negated`) where it is false.
#[inline(always)]
pub(crate) fn wanted<'a>(
    plain: Plain<'a>,
    negated: bool,
    symbols: &Symbols,
) -> (FacetKind, Want<'a>) {
    match plain.test {
        PlainTest::Compare(comparison, value) => {
            let comparison = if negated {
                comparison.opposite()
            } else {
                comparison
            };
            compare(comparison, value, symbols)
        }
        PlainTest::Between(low, high) => {
            let (kind, low) = number(low.value(symbols));
            let (_, high) = number(high.value(symbols));
            let interval = Interval::greater_or_equal(low).and(Interval::less_or_equal(high));
            let want = if negated {
                Want::Outside(interval)
            } else {
                Want::Inside(interval)
            };
            (kind, want)
        }
        PlainTest::In(members) => {
            if negated {
                return (FacetKind::Member, Want::NoneOf(members));
            }
            (kind_of_list(members.iter()), Want::OneOf(members))
        }
        PlainTest::Text(affix, text) => {
            let length = || u16::try_from(symbols.text(text).len()).unwrap_or(u16::MAX);
            let kind = match affix {
                Affix::Whole => FacetKind::Text,
                Affix::LikePrefix | Affix::Prefix => FacetKind::Prefix(length()),
                Affix::LikeSuffix | Affix::Suffix => FacetKind::Suffix(length()),
            };
            (kind, one(text, negated))
        }
        PlainTest::Holds => {
            let wanted = if negated { FALSE } else { TRUE };
            (FacetKind::Flag, Want::One(wanted))
        }
    }
}

/// The kind of facet that shows whether a value is one of the members of a list.
pub(crate) fn kind_of_list(mut members: impl Iterator<Item = Scalar>) -> FacetKind {
    match members.find(|member| *member != Scalar::Null) {
        Some(Scalar::Identity(..)) => FacetKind::Identity,
        Some(Scalar::Bool(_)) => FacetKind::Flag,
        Some(Scalar::Int(_) | Scalar::Float(_)) => FacetKind::Number,
        Some(Scalar::Time(_)) => FacetKind::Time,
        Some(Scalar::Text(_) | Scalar::Null) | None => FacetKind::Text,
    }
}

/// The value of a member as the facet of its list shows it.
pub(crate) fn atom(member: Scalar) -> Option<u32> {
    match member {
        Scalar::Null => None,
        Scalar::Bool(value) => Some(flag(value)),
        Scalar::Int(value) | Scalar::Time(value) => Some(Cell::of_int(value).low),
        Scalar::Float(value) => Some(Cell::of_float(value).low),
        Scalar::Text(symbol) | Scalar::Identity(_, symbol) => Some(symbol),
    }
}

#[inline(always)]
fn compare<'a>(comparison: Comparison, value: Scalar, symbols: &Symbols) -> (FacetKind, Want<'a>) {
    let is_different = comparison == Comparison::NotEqual;
    match value {
        Scalar::Text(symbol) => (FacetKind::Text, one(symbol, is_different)),
        Scalar::Bool(value) => (FacetKind::Flag, one(flag(value), is_different)),
        Scalar::Identity(_, symbol) if comparison == Comparison::Equal => {
            (FacetKind::Identity, Want::One(symbol))
        }
        Scalar::Int(_)
        | Scalar::Float(_)
        | Scalar::Time(_)
        | Scalar::Identity(..)
        | Scalar::Null => {
            let (kind, cell) = number(value.value(symbols));
            let want = match comparison {
                Comparison::Equal if cell.is_exact() => Want::One(cell.low),
                Comparison::Equal => Want::Inside(Interval::equal(cell)),
                Comparison::NotEqual => Want::Outside(Interval::equal(cell)),
                Comparison::Less => Want::Inside(Interval::less(cell)),
                Comparison::LessOrEqual => Want::Inside(Interval::less_or_equal(cell)),
                Comparison::Greater => Want::Inside(Interval::greater(cell)),
                Comparison::GreaterOrEqual => Want::Inside(Interval::greater_or_equal(cell)),
            };
            (kind, want)
        }
    }
}

fn one<'a>(value: u32, is_different: bool) -> Want<'a> {
    if is_different {
        Want::NotOne(value)
    } else {
        Want::One(value)
    }
}

fn flag(value: bool) -> u32 {
    if value { TRUE } else { FALSE }
}

/// What a number is to the facet of its kind.
#[inline(always)]
fn number(value: Value<'_>) -> (FacetKind, Cell) {
    match value {
        Value::Int(value) => (FacetKind::Number, Cell::of_int(value)),
        Value::Float(value) => (FacetKind::Number, Cell::of_float(value)),
        Value::Time(time) => (FacetKind::Time, Cell::of_int(time)),
        Value::Null | Value::Bool(_) | Value::Text(_) => {
            unreachable!("only numbers and points in time are kept where an order is asked for")
        }
    }
}
