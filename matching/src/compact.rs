//! Filters as they are kept: the pieces of the canonical form, with names and texts as symbols. Each stands for exactly
//! one canonical form, which is written again when somebody asks for it.
//!
//! ```text
//! filter := head:u8  expression           in prefix order
//! head   := dialect, and 8 times the number of expressions that are joined by AND, if there are 2 to 31: that piece
//!           is left out
//! piece  := 0 false | 1 unknown | 2 true | 3 not | 4 and | 5 or | 6 and-then | 7 or-else, with count:varint
//!         | 8 condition:varint            a predicate that is kept once, whoever has it
//!         | 9..=12 unlike                 before a test whose unlike types do not give unknown
//!         | 16.. test                     kind and type of value in one byte; name:varint value*
//! ```

use alloc::vec::Vec;

use gomera_filter::pieces::{Affix, Joint, Value, Writer};
use gomera_filter::tree::{Comparison, Unlike};
use gomera_filter::{Dialect, Truth};
use gomera_model::varint;

use crate::cell::{Identity, float_of, int_of};
use crate::symbols::Symbols;

/// A piece of a filter that is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kept<'a> {
    Constant(Truth),
    Not,
    Joint(Joint, usize),
    /// The number of a condition.
    Other(u32),
    Plain(Plain<'a>),
}

/// A test of one attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Plain<'a> {
    /// The symbol of the attribute's name.
    pub(crate) name: u32,
    pub(crate) unlike: Unlike,
    pub(crate) test: PlainTest<'a>,
}

/// What it asks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum PlainTest<'a> {
    Compare(Comparison, Scalar),
    Between(Scalar, Scalar),
    In(Members<'a>),
    /// The text is a symbol.
    Text(Affix, u32),
    Holds,
}

/// A literal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Time(i64),
    /// The symbol of a text.
    Text(u32),
    /// The symbol of all bits of a value that has no cell of its own.
    Identity(Exact, u32),
}

/// What is kept with all of its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exact {
    Int,
    Float,
    Time,
}

/// The members of a list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Members<'a> {
    /// The type of all of them; `None` if each says its own.
    kind: Option<u8>,
    count: usize,
    bytes: &'a [u8],
}

/// Reads what the functions that begin with `put` wrote.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    /// An AND that stands in the head, not yet read.
    joined: usize,
    rest: &'a [u8],
}

const NOT: u8 = 3;
const JOINTS: u8 = 4;
const OTHER: u8 = 8;
const UNLIKES: u8 = 9;
const COMPARE: u8 = 16;
const BETWEEN: u8 = COMPARE + 6 * KINDS;
/// Lists whose members are of one type, by that type; then the one whose members are not.
const IN: u8 = BETWEEN + KINDS * KINDS;
const IN_MIXED: u8 = IN + KINDS;
const TEXT: u8 = IN_MIXED + 1;
const HOLDS: u8 = TEXT + 5;

/// Types of values; see [`kind_of`].
const KINDS: u8 = 10;

const COMPARISONS: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Less,
    Comparison::LessOrEqual,
    Comparison::Greater,
    Comparison::GreaterOrEqual,
];
const DIALECTS: [Dialect; 5] = [
    Dialect::Sql,
    Dialect::Jms,
    Dialect::AmqpSql,
    Dialect::Cesql,
    Dialect::Mqtt,
];
const JOINTS_IN_ORDER: [Joint; 4] = [Joint::And, Joint::Or, Joint::AndThen, Joint::OrElse];
const UNLIKES_IN_ORDER: [Unlike; 4] = [
    Unlike::False,
    Unlike::FalseUnordered,
    Unlike::Cast,
    Unlike::Spelled,
];
const AFFIXES: [Affix; 5] = [
    Affix::Whole,
    Affix::LikePrefix,
    Affix::LikeSuffix,
    Affix::Prefix,
    Affix::Suffix,
];

/// The dialect of what is kept.
pub(crate) fn dialect(kept: &[u8]) -> Dialect {
    let head = kept.first().expect(WRITTEN);
    DIALECTS[usize::from(head & 7)]
}

/// Begins a filter.
pub(crate) fn put_head(out: &mut Vec<u8>, dialect: Dialect) {
    out.push(number_of(&DIALECTS, &dialect));
}

pub(crate) fn put_constant(out: &mut Vec<u8>, truth: Truth) {
    out.push(match truth {
        Truth::False => 0,
        Truth::Unknown => 1,
        Truth::True => 2,
    });
}

pub(crate) fn put_not(out: &mut Vec<u8>) {
    out.push(NOT);
}

pub(crate) fn put_joint(out: &mut Vec<u8>, joint: Joint, count: usize) {
    if let (Joint::And, Ok(joined @ ..32), [head]) = (joint, u8::try_from(count), &mut out[..]) {
        *head |= joined << 3;
        return;
    }
    out.push(JOINTS + number_of(&JOINTS_IN_ORDER, &joint));
    varint::put(out, count as u64);
}

pub(crate) fn put_other(out: &mut Vec<u8>, condition: u32) {
    out.push(OTHER);
    varint::put(out, condition.into());
}

#[inline(always)]
pub(crate) fn put_compare(
    out: &mut Vec<u8>,
    name: (u32, Unlike),
    comparison: Comparison,
    value: Scalar,
) {
    let comparison = match comparison {
        Comparison::Equal => 0,
        Comparison::NotEqual => 1,
        Comparison::Less => 2,
        Comparison::LessOrEqual => 3,
        Comparison::Greater => 4,
        Comparison::GreaterOrEqual => 5,
    };
    put_test(out, name, COMPARE + comparison * KINDS + kind_of(value));
    put_value(out, value);
}

#[inline(always)]
pub(crate) fn put_between(out: &mut Vec<u8>, name: (u32, Unlike), low: Scalar, high: Scalar) {
    put_test(out, name, BETWEEN + kind_of(low) * KINDS + kind_of(high));
    put_value(out, low);
    put_value(out, high);
}

/// A list, and its members, which may be of one type.
pub(crate) fn put_members(out: &mut Vec<u8>, name: (u32, Unlike), members: &[Scalar]) {
    let kind = members.first().map(|first| kind_of(*first));
    let kind = kind.filter(|kind| members.iter().all(|member| kind_of(*member) == *kind));
    put_test(out, name, kind.map_or(IN_MIXED, |kind| IN + kind));
    varint::put(out, members.len() as u64);
    for member in members {
        if kind.is_none() {
            out.push(kind_of(*member));
        }
        put_value(out, *member);
    }
}

/// A list of whole numbers.
pub(crate) fn put_ints(
    out: &mut Vec<u8>,
    name: (u32, Unlike),
    members: impl Iterator<Item = i64> + Clone,
) {
    put_test(out, name, IN + kind_of(Scalar::Int(0)));
    varint::put(out, members.clone().count() as u64);
    for member in members {
        varint::put(out, varint::zigzag(member));
    }
}

pub(crate) fn put_text(out: &mut Vec<u8>, name: (u32, Unlike), affix: Affix, text: u32) {
    put_test(out, name, TEXT + number_of(&AFFIXES, &affix));
    varint::put(out, text.into());
}

pub(crate) fn put_holds(out: &mut Vec<u8>, name: (u32, Unlike)) {
    put_test(out, name, HOLDS);
}

impl<'a> Reader<'a> {
    /// Reads a filter from its head on.
    pub(crate) fn new(kept: &'a [u8]) -> Self {
        let (head, rest) = kept.split_first().expect(WRITTEN);
        let joined = usize::from(head >> 3);
        Self { joined, rest }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next piece.
    #[inline]
    pub(crate) fn next(&mut self) -> Kept<'a> {
        if self.joined > 0 {
            return Kept::Joint(Joint::And, core::mem::take(&mut self.joined));
        }
        let code = self.byte();
        match code {
            0 => Kept::Constant(Truth::False),
            1 => Kept::Constant(Truth::Unknown),
            2 => Kept::Constant(Truth::True),
            NOT => Kept::Not,
            JOINTS..OTHER => {
                let joint = JOINTS_IN_ORDER[usize::from(code - JOINTS)];
                Kept::Joint(joint, self.number() as usize)
            }
            OTHER => Kept::Other(self.number()),
            UNLIKES..COMPARE => {
                let unlike = UNLIKES_IN_ORDER[usize::from(code - UNLIKES)];
                let code = self.byte();
                Kept::Plain(self.plain(code, unlike))
            }
            _ => Kept::Plain(self.plain(code, Unlike::Unknown)),
        }
    }

    #[inline]
    fn plain(&mut self, code: u8, unlike: Unlike) -> Plain<'a> {
        let name = self.number();
        let test = match code {
            ..BETWEEN => {
                let packed = code - COMPARE;
                let comparison = COMPARISONS[usize::from(packed / KINDS)];
                PlainTest::Compare(comparison, self.value(packed % KINDS))
            }
            BETWEEN..IN => {
                let packed = code - BETWEEN;
                PlainTest::Between(self.value(packed / KINDS), self.value(packed % KINDS))
            }
            IN..=IN_MIXED => PlainTest::In(self.members(code)),
            TEXT..HOLDS => PlainTest::Text(AFFIXES[usize::from(code - TEXT)], self.number()),
            HOLDS.. => PlainTest::Holds,
        };
        Plain { name, unlike, test }
    }

    fn members(&mut self, code: u8) -> Members<'a> {
        let kind = (code != IN_MIXED).then(|| code - IN);
        let count = self.number() as usize;
        let bytes = self.rest;
        for _ in 0..count {
            let kind = kind.unwrap_or_else(|| self.byte());
            self.value(kind);
        }
        let bytes = &bytes[..bytes.len() - self.rest.len()];
        Members { kind, count, bytes }
    }

    #[inline]
    fn value(&mut self, kind: u8) -> Scalar {
        match kind {
            0 => Scalar::Int(self.signed()),
            1 => Scalar::Text(self.number()),
            2 => Scalar::Float(self.float()),
            3 => Scalar::Bool(false),
            4 => Scalar::Bool(true),
            5 => Scalar::Time(self.signed()),
            6 => Scalar::Identity(Exact::Int, self.number()),
            7 => Scalar::Identity(Exact::Float, self.number()),
            8 => Scalar::Identity(Exact::Time, self.number()),
            _ => Scalar::Null,
        }
    }

    #[inline]
    fn byte(&mut self) -> u8 {
        let (byte, rest) = self.rest.split_first().expect(WRITTEN);
        self.rest = rest;
        *byte
    }

    #[inline]
    fn number(&mut self) -> u32 {
        if let [byte @ ..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return u32::from(*byte);
        }
        if let [low, high @ ..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return u32::from(low & 0x7f) | u32::from(*high) << 7;
        }
        let number = varint::take(&mut self.rest).expect(WRITTEN);
        u32::try_from(number).expect(WRITTEN)
    }

    fn signed(&mut self) -> i64 {
        varint::unzigzag(varint::take(&mut self.rest).expect(WRITTEN))
    }

    fn float(&mut self) -> f64 {
        let (bytes, rest) = self.rest.split_first_chunk().expect(WRITTEN);
        self.rest = rest;
        f64::from_le_bytes(*bytes)
    }
}

const WRITTEN: &str = "what is kept reads as it was written";

impl<'a> Members<'a> {
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Scalar> + Clone + use<'a> {
        let kind = self.kind;
        let mut reader = Reader {
            joined: 0,
            rest: self.bytes,
        };
        (0..self.count).map(move |_| {
            let kind = kind.unwrap_or_else(|| reader.byte());
            reader.value(kind)
        })
    }
}

impl Scalar {
    /// The symbol that it is.
    pub(crate) fn symbol(self) -> Option<u32> {
        match self {
            Self::Text(symbol) | Self::Identity(_, symbol) => Some(symbol),
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Time(_) => None,
        }
    }

    /// The literal that it stands for.
    pub(crate) fn value(self, symbols: &Symbols) -> Value<'_> {
        let identity = |symbol| {
            Identity::try_from(symbols.text(symbol)).expect("an identity has as many bytes")
        };
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::Float(value) => Value::Float(value),
            Self::Time(time) => Value::Time(time),
            Self::Text(symbol) => Value::Text(symbols.text(symbol)),
            Self::Identity(Exact::Int, symbol) => Value::Int(int_of(identity(symbol))),
            Self::Identity(Exact::Float, symbol) => Value::Float(float_of(identity(symbol))),
            Self::Identity(Exact::Time, symbol) => Value::Time(int_of(identity(symbol))),
        }
    }
}

/// Writes a piece as it is in the canonical form; not for conditions.
pub(crate) fn write_plain(
    writer: &mut Writer,
    plain: Plain<'_>,
    names: &Symbols,
    symbols: &Symbols,
) {
    let Plain { name, unlike, test } = plain;
    let name = names.text(name);
    match test {
        PlainTest::Compare(comparison, value) => {
            writer.compare(name, unlike, comparison, value.value(symbols));
        }
        PlainTest::Between(low, high) => {
            writer.between(name, unlike, low.value(symbols), high.value(symbols));
        }
        PlainTest::In(members) => {
            writer.members(name, unlike, members.len());
            for member in members.iter() {
                writer.value(member.value(symbols));
            }
        }
        PlainTest::Text(affix, text) => writer.text(name, unlike, affix, symbols.text(text)),
        PlainTest::Holds => writer.holds(name, unlike),
    }
}

#[inline(always)]
fn put_test(out: &mut Vec<u8>, (name, unlike): (u32, Unlike), code: u8) {
    if unlike != Unlike::Unknown {
        out.push(UNLIKES + number_of(&UNLIKES_IN_ORDER, &unlike));
    }
    out.push(code);
    varint::put(out, name.into());
}

#[inline(always)]
fn put_value(out: &mut Vec<u8>, value: Scalar) {
    match value {
        Scalar::Int(value) | Scalar::Time(value) => varint::put(out, varint::zigzag(value)),
        Scalar::Float(value) => out.extend_from_slice(&value.to_le_bytes()),
        Scalar::Text(symbol) | Scalar::Identity(_, symbol) => varint::put(out, symbol.into()),
        Scalar::Null | Scalar::Bool(_) => {}
    }
}

fn kind_of(value: Scalar) -> u8 {
    match value {
        Scalar::Int(_) => 0,
        Scalar::Text(_) => 1,
        Scalar::Float(_) => 2,
        Scalar::Bool(false) => 3,
        Scalar::Bool(true) => 4,
        Scalar::Time(_) => 5,
        Scalar::Identity(Exact::Int, _) => 6,
        Scalar::Identity(Exact::Float, _) => 7,
        Scalar::Identity(Exact::Time, _) => 8,
        Scalar::Null => 9,
    }
}

fn number_of<T: PartialEq>(table: &[T], value: &T) -> u8 {
    let place = table.iter().position(|known| known == value);
    place
        .and_then(|place| u8::try_from(place).ok())
        .expect("the tables hold every value of their enums")
}
