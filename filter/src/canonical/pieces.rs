//! The canonical form piece by piece, in prefix order, without a tree: what an index reads, and writes again.
//!
//! Most tests compare one attribute with literals. These are *plain*: they are read without being copied. Of any other
//! predicate a reader gets the bytes.

use alloc::vec::Vec;

use gomera_model::operation::CanonicalFilter;
use gomera_model::varint;

use super::decode::{LEVELS_MAX, Reader};
use super::encode::{put_bytes, put_float, put_tagged};
use super::tag::{self, number_of};
use crate::dialect::Dialect;
use crate::tree::{Comparison, Predicate, Truth, Unlike};

/// A part of an expression. What is joined or turned round follows behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Piece<'b> {
    /// The same for every notification.
    Constant(Truth),
    /// The opposite of the expression that follows.
    Not,
    /// So many expressions follow, two or more.
    Joint(Joint, usize),
    /// One attribute and literals.
    Plain(Plain<'b>),
    /// Any other predicate: [`Pieces::taken`] has its bytes, and [`predicate`] reads them.
    Other,
}

/// How expressions are joined, as in [`crate::Expression`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joint {
    /// The least.
    And,
    /// The greatest.
    Or,
    /// Up to the first that is not true.
    AndThen,
    /// Up to the first that is not false.
    OrElse,
}

/// A test of one attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plain<'b> {
    /// The attribute; UTF-8, like all texts here.
    pub name: &'b [u8],
    /// What values of unlike types give.
    pub unlike: Unlike,
    /// What is asked of it.
    pub test: PlainTest<'b>,
}

/// What a plain test asks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PlainTest<'b> {
    /// A comparison.
    Compare(Comparison, Value<'b>),
    /// `BETWEEN`, low and high.
    Between(Value<'b>, Value<'b>),
    /// `IN`
    In(Members<'b>),
    /// Text as a whole, or one end of it.
    Text(Affix, &'b [u8]),
    /// It is true.
    Holds,
}

/// Which part of a text is compared, and how the filter says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Affix {
    /// `LIKE` without any wildcard.
    Whole,
    /// `LIKE 'x%'`
    LikePrefix,
    /// `LIKE '%x'`
    LikeSuffix,
    /// `STARTS_WITH`
    Prefix,
    /// `ENDS_WITH`
    Suffix,
}

/// A literal of a plain test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'b> {
    /// `NULL`
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A finite number.
    Float(f64),
    /// Text.
    Text(&'b [u8]),
    /// A point in time.
    Time(i64),
}

/// The members of an `IN`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Members<'b> {
    count: usize,
    bytes: &'b [u8],
    /// A bit for each type that a member has, by its tag.
    types: u32,
    /// Every bit that the magnitude of a whole number among them has.
    magnitude: u64,
}

/// A comparison with a whole number or a text, or a range of whole numbers, as it lies in the canonical bytes. Values of
/// unlike types give unknown.
#[derive(Clone, Copy, Debug)]
pub struct Raw<'b> {
    /// The attribute. It has not been seen whether this is text: only who knows it already may take it for a name.
    pub name: &'b [u8],
    /// What is asked of it.
    pub test: RawTest<'b>,
    /// What comes behind.
    rest: &'b [u8],
}

/// What a raw test asks.
#[derive(Clone, Copy, Debug)]
pub enum RawTest<'b> {
    /// A comparison with a whole number.
    Int(Comparison, i64),
    /// A comparison with a text.
    Text(Comparison, &'b [u8]),
    /// `BETWEEN`, low and high.
    Between(i64, i64),
}

/// Reads the pieces of a filter, one after the other.
#[derive(Debug)]
pub struct Pieces<'b> {
    reader: Reader<'b>,
    dialect: Dialect,
    /// Begins with the piece that was taken last.
    last: &'b [u8],
}

/// Writes the canonical form piece by piece: what was read comes out byte by byte.
#[derive(Debug)]
pub struct Writer {
    out: Vec<u8>,
}

/// The predicate that a [`Piece::Other`] is; `None` if the bytes are none.
#[must_use]
pub fn predicate(bytes: &[u8]) -> Option<Predicate> {
    let mut reader = Reader::new(bytes);
    let tag = reader.byte()?;
    let predicate = reader.predicate(tag)?;
    reader.rest.is_empty().then_some(predicate)
}

impl<'b> Pieces<'b> {
    /// The pieces of canonical bytes; `None` if this version cannot read them.
    #[must_use]
    pub fn new(canonical: &'b [u8]) -> Option<Self> {
        let mut reader = Reader::new(canonical);
        if reader.byte()? != tag::VERSION {
            return None;
        }
        let dialect = reader.known(&tag::DIALECTS)?;
        let last = reader.rest;
        Some(Self {
            reader,
            dialect,
            last,
        })
    }

    /// The language that the filter was written in.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The next piece, in so many other expressions; `None` if the bytes are malformed there, or lie too deep. The caller
    /// knows from the pieces how many follow.
    #[inline(always)]
    pub fn next(&mut self, depth: usize) -> Option<Piece<'b>> {
        if depth >= LEVELS_MAX {
            return None;
        }
        self.reader.depth = depth + 1;
        self.last = self.reader.rest;
        let tag = self.reader.byte()?;
        Some(match tag {
            tag::FALSE => Piece::Constant(Truth::False),
            tag::UNKNOWN => Piece::Constant(Truth::Unknown),
            tag::TRUE => Piece::Constant(Truth::True),
            tag::NOT => Piece::Not,
            tag::AND => self.joint(Joint::And)?,
            tag::OR => self.joint(Joint::Or)?,
            tag::AND_THEN => self.joint(Joint::AndThen)?,
            tag::OR_ELSE => self.joint(Joint::OrElse)?,
            tag => {
                let at = self.reader.rest;
                if let Some(plain) = self.plain(tag) {
                    return Some(Piece::Plain(plain));
                }
                self.reader.rest = at;
                self.reader.predicate(tag)?;
                Piece::Other
            }
        })
    }

    /// Takes the joint that the filter begins with, if it is true only where all that it joins is, and how many it joins.
    /// Where it is anything else, nothing is taken.
    pub fn conjunction(&mut self) -> Option<(Joint, usize)> {
        let start = self.reader.rest;
        let joint = match self.reader.byte() {
            Some(tag::AND) => self.joint(Joint::And),
            Some(tag::AND_THEN) => self.joint(Joint::AndThen),
            Some(_) | None => None,
        };
        let Some(Piece::Joint(joint, count)) = joint else {
            self.reader.rest = start;
            return None;
        };
        Some((joint, count))
    }

    /// The next piece, in so many other expressions, if it is one of the tests that most filters consist of; it is not
    /// taken.
    #[inline(always)]
    #[must_use]
    pub fn raw(&self, depth: usize) -> Option<Raw<'b>> {
        if depth >= LEVELS_MAX {
            return None;
        }
        let [tag, packed, tag::ATTRIBUTE, length @ ..0x80, rest @ ..] = self.reader.rest else {
            return None;
        };
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        let mut reader = Reader::new(rest);
        if *tag::UNLIKES.get(usize::from(packed & 15))? != Unlike::Unknown {
            return None;
        }
        let test = match *tag {
            tag::COMPARE => {
                let comparison = *tag::COMPARISONS.get(usize::from(packed >> 4))?;
                match reader.byte()? {
                    tag::INT => RawTest::Int(comparison, reader.signed()?),
                    tag::STRING => RawTest::Text(comparison, reader.utf8()?),
                    _ => return None,
                }
            }
            tag::BETWEEN if *packed < 16 => RawTest::Between(reader.raw_int()?, reader.raw_int()?),
            _ => return None,
        };
        let rest = reader.rest;
        Some(Raw { name, test, rest })
    }

    /// Takes what [`Self::raw`] has shown right before.
    pub fn pass(&mut self, raw: &Raw<'b>) {
        self.last = self.reader.rest;
        self.reader.rest = raw.rest;
    }

    /// The canonical bytes of the piece that was taken last.
    #[must_use]
    pub fn taken(&self) -> &'b [u8] {
        &self.last[..self.last.len() - self.reader.rest.len()]
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.reader.rest.is_empty()
    }

    fn joint(&mut self, joint: Joint) -> Option<Piece<'b>> {
        let count = usize::try_from(self.reader.number()?).ok()?;
        let is_sane = count > 1 && count <= self.reader.rest.len();
        is_sane.then_some(Piece::Joint(joint, count))
    }

    #[inline(always)]
    fn plain(&mut self, tag: u8) -> Option<Plain<'b>> {
        match tag {
            tag::COMPARE => {
                let packed = self.reader.byte()?;
                let comparison = *tag::COMPARISONS.get(usize::from(packed >> 4))?;
                let unlike = *tag::UNLIKES.get(usize::from(packed & 15))?;
                let name = self.name()?;
                let test = PlainTest::Compare(comparison, self.reader.value()?);
                Some(Plain { name, unlike, test })
            }
            tag::BETWEEN => {
                let unlike = self.reader.unlike()?;
                let name = self.name()?;
                let test = PlainTest::Between(self.reader.value()?, self.reader.value()?);
                Some(Plain { name, unlike, test })
            }
            tag::IN => {
                let unlike = self.reader.unlike()?;
                let name = self.name()?;
                let test = PlainTest::In(self.members()?);
                Some(Plain { name, unlike, test })
            }
            tag::LIKE => {
                let (affix, text) = self.pattern()?;
                self.text(affix, text)
            }
            tag::STARTS_WITH => {
                let text = self.reader.utf8()?;
                self.text(Affix::Prefix, text)
            }
            tag::ENDS_WITH => {
                let text = self.reader.utf8()?;
                self.text(Affix::Suffix, text)
            }
            tag::HOLDS => {
                let unlike = self.reader.unlike()?;
                let (name, test) = (self.name()?, PlainTest::Holds);
                Some(Plain { name, unlike, test })
            }
            _ => None,
        }
    }

    fn text(&mut self, affix: Affix, text: &'b [u8]) -> Option<Plain<'b>> {
        let unlike = self.reader.unlike()?;
        let name = self.name()?;
        let test = PlainTest::Text(affix, text);
        (!text.is_empty()).then_some(Plain { name, unlike, test })
    }

    fn pattern(&mut self) -> Option<(Affix, &'b [u8])> {
        let count = self.reader.number()?;
        let first = self.reader.byte()?;
        match (count, first) {
            (1, tag::PART_TEXT) => Some((Affix::Whole, self.reader.utf8()?)),
            (2, tag::PART_TEXT) => {
                let text = self.reader.utf8()?;
                let is_run = self.reader.byte()? == tag::PART_RUN;
                is_run.then_some((Affix::LikePrefix, text))
            }
            (2, tag::PART_RUN) => {
                let is_text = self.reader.byte()? == tag::PART_TEXT;
                let text = self.reader.utf8()?;
                is_text.then_some((Affix::LikeSuffix, text))
            }
            _ => None,
        }
    }

    fn members(&mut self) -> Option<Members<'b>> {
        let count = usize::try_from(self.reader.number()?).ok()?;
        let bytes = self.reader.rest;
        let (mut types, mut magnitude) = (0, 0);
        for _ in 0..count {
            types |= 1_u32.checked_shl((*self.reader.rest.first()?).into())?;
            if let Value::Int(value) = self.reader.value()? {
                magnitude |= value.unsigned_abs();
            }
        }
        let length = bytes.len() - self.reader.rest.len();
        Some(Members {
            count,
            bytes: &bytes[..length],
            types,
            magnitude,
        })
    }

    #[inline(always)]
    fn name(&mut self) -> Option<&'b [u8]> {
        if self.reader.byte()? != tag::ATTRIBUTE {
            return None;
        }
        self.reader.utf8()
    }
}

impl<'b> Reader<'b> {
    /// The bytes of a text.
    #[inline(always)]
    fn utf8(&mut self) -> Option<&'b [u8]> {
        let bytes = self.bytes()?;
        is_text(bytes).then_some(bytes)
    }

    #[inline(always)]
    fn raw_int(&mut self) -> Option<i64> {
        if self.byte()? != tag::INT {
            return None;
        }
        self.signed()
    }

    /// A literal of a plain test.
    #[inline(always)]
    fn value(&mut self) -> Option<Value<'b>> {
        let value = self.known_value()?;
        if let Value::Text(bytes) = value {
            return is_text(bytes).then_some(value);
        }
        Some(value)
    }

    /// The same for what was read before, whose texts are known to be texts.
    #[inline(always)]
    fn known_value(&mut self) -> Option<Value<'b>> {
        Some(match self.byte()? {
            tag::NULL => Value::Null,
            tag::BOOL_FALSE => Value::Bool(false),
            tag::BOOL_TRUE => Value::Bool(true),
            tag::INT => Value::Int(self.signed()?),
            tag::FLOAT => Value::Float(self.float()?),
            tag::STRING => Value::Text(self.bytes()?),
            tag::TIMESTAMP => Value::Time(self.signed()?),
            _ => return None,
        })
    }
}

impl<'b> Members<'b> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether all are texts.
    #[must_use]
    pub fn are_texts(&self) -> bool {
        self.types == 1 << tag::STRING
    }

    /// The members, if all are whole numbers whose magnitude lies below this power of two.
    pub fn ints(&self, magnitude_max: u64) -> Option<impl Iterator<Item = i64> + Clone + use<'b>> {
        assert!(magnitude_max.is_power_of_two(), "bits are compared");
        if self.types != 1 << tag::INT || self.magnitude >= magnitude_max {
            return None;
        }
        let mut bytes = self.bytes;
        Some((0..self.count).map(move |_| {
            bytes = bytes.split_first().expect("they were read before").1;
            let value = varint::take(&mut bytes).expect("they were read before");
            varint::unzigzag(value)
        }))
    }

    /// The members, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Value<'b>> + Clone + use<'b> {
        let mut bytes = self.bytes;
        (0..self.count).map(move |_| {
            let mut reader = Reader::new(bytes);
            let value = reader.known_value().expect("they were read before");
            bytes = reader.rest;
            value
        })
    }
}

impl Writer {
    /// Begins a filter.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        let mut out = Vec::with_capacity(128);
        out.push(tag::VERSION);
        out.push(number_of(&tag::DIALECTS, &dialect));
        Self { out }
    }

    /// The canonical form of what was written.
    #[must_use]
    pub fn finish(self) -> CanonicalFilter {
        CanonicalFilter(self.out.into())
    }

    /// A constant.
    pub fn constant(&mut self, truth: Truth) {
        self.out.push(match truth {
            Truth::False => tag::FALSE,
            Truth::Unknown => tag::UNKNOWN,
            Truth::True => tag::TRUE,
        });
    }

    /// The opposite of what follows.
    pub fn not(&mut self) {
        self.out.push(tag::NOT);
    }

    /// So many expressions follow.
    pub fn joint(&mut self, joint: Joint, count: usize) {
        self.out.push(match joint {
            Joint::And => tag::AND,
            Joint::Or => tag::OR,
            Joint::AndThen => tag::AND_THEN,
            Joint::OrElse => tag::OR_ELSE,
        });
        varint::put(&mut self.out, count as u64);
    }

    /// The bytes of any predicate.
    pub fn other(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// A comparison.
    pub fn compare(
        &mut self,
        name: &[u8],
        unlike: Unlike,
        comparison: Comparison,
        value: Value<'_>,
    ) {
        self.out.push(tag::COMPARE);
        let comparison = number_of(&tag::COMPARISONS, &comparison);
        self.out
            .push(comparison << 4 | number_of(&tag::UNLIKES, &unlike));
        self.name(name);
        self.value(value);
    }

    /// `BETWEEN`
    pub fn between(&mut self, name: &[u8], unlike: Unlike, low: Value<'_>, high: Value<'_>) {
        self.out.push(tag::BETWEEN);
        self.unlike(unlike);
        self.name(name);
        self.value(low);
        self.value(high);
    }

    /// `IN`; so many times [`Self::value`] follows.
    pub fn members(&mut self, name: &[u8], unlike: Unlike, count: usize) {
        self.out.push(tag::IN);
        self.unlike(unlike);
        self.name(name);
        varint::put(&mut self.out, count as u64);
    }

    /// A literal.
    pub fn value(&mut self, value: Value<'_>) {
        let out = &mut self.out;
        match value {
            Value::Null => out.push(tag::NULL),
            Value::Bool(false) => out.push(tag::BOOL_FALSE),
            Value::Bool(true) => out.push(tag::BOOL_TRUE),
            Value::Int(value) => {
                out.push(tag::INT);
                varint::put(out, varint::zigzag(value));
            }
            Value::Float(value) => {
                out.push(tag::FLOAT);
                put_float(out, value);
            }
            Value::Text(text) => put_tagged(out, tag::STRING, text),
            Value::Time(time) => {
                out.push(tag::TIMESTAMP);
                varint::put(out, varint::zigzag(time));
            }
        }
    }

    /// A test of text.
    pub fn text(&mut self, name: &[u8], unlike: Unlike, affix: Affix, text: &[u8]) {
        let head: &[u8] = match affix {
            Affix::Whole => &[tag::LIKE, 1, tag::PART_TEXT],
            Affix::LikePrefix => &[tag::LIKE, 2, tag::PART_TEXT],
            Affix::LikeSuffix => &[tag::LIKE, 2, tag::PART_RUN, tag::PART_TEXT],
            Affix::Prefix => &[tag::STARTS_WITH],
            Affix::Suffix => &[tag::ENDS_WITH],
        };
        self.out.extend_from_slice(head);
        put_bytes(&mut self.out, text);
        if affix == Affix::LikePrefix {
            self.out.push(tag::PART_RUN);
        }
        self.unlike(unlike);
        self.name(name);
    }

    /// An attribute that is true.
    pub fn holds(&mut self, name: &[u8], unlike: Unlike) {
        self.out.push(tag::HOLDS);
        self.unlike(unlike);
        self.name(name);
    }

    fn unlike(&mut self, unlike: Unlike) {
        self.out.push(number_of(&tag::UNLIKES, &unlike));
    }

    fn name(&mut self, name: &[u8]) {
        put_tagged(&mut self.out, tag::ATTRIBUTE, name);
    }
}

/// Whether bytes are UTF-8; short ASCII, which most are, without a call.
#[inline]
fn is_text(bytes: &[u8]) -> bool {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let is_ascii = match (bytes.split_first_chunk(), bytes.split_last_chunk()) {
        (Some((first, _)), Some((_, last))) if bytes.len() <= 16 => {
            (u64::from_ne_bytes(*first) | u64::from_ne_bytes(*last)) & HIGH == 0
        }
        (Some(_), Some(_)) => false,
        _ => bytes.iter().fold(0, |all, byte| all | byte).is_ascii(),
    };
    is_ascii || core::str::from_utf8(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Filter;

    #[test]
    fn texts_of_every_length_are_checked() {
        for length in 0..40 {
            let mut bytes = alloc::vec![b'x'; length];
            assert!(is_text(&bytes));
            for at in 0..length {
                bytes[at] = 0xff;
                assert!(!is_text(&bytes), "{at} of {length}");
                bytes[at] = b'x';
            }
            if length > 1 {
                bytes[length - 2..].copy_from_slice("é".as_bytes());
                assert!(is_text(&bytes));
            }
        }
    }

    fn copy(canonical: &[u8]) -> Option<CanonicalFilter> {
        let mut pieces = Pieces::new(canonical)?;
        let mut writer = Writer::new(pieces.dialect());
        while !pieces.is_at_end() {
            let piece = pieces.next(0)?;
            put(&mut writer, piece, pieces.taken());
        }
        Some(writer.finish())
    }

    fn put(writer: &mut Writer, piece: Piece<'_>, bytes: &[u8]) {
        let Plain { name, unlike, test } = match piece {
            Piece::Constant(truth) => return writer.constant(truth),
            Piece::Not => return writer.not(),
            Piece::Joint(joint, count) => return writer.joint(joint, count),
            Piece::Other => return writer.other(bytes),
            Piece::Plain(plain) => plain,
        };
        match test {
            PlainTest::Compare(comparison, value) => {
                writer.compare(name, unlike, comparison, value);
            }
            PlainTest::Between(low, high) => writer.between(name, unlike, low, high),
            PlainTest::In(members) => {
                writer.members(name, unlike, members.len());
                members.iter().for_each(|value| writer.value(value));
            }
            PlainTest::Text(affix, text) => writer.text(name, unlike, affix, text),
            PlainTest::Holds => writer.holds(name, unlike),
        }
    }

    #[test]
    fn what_is_read_is_written_byte_by_byte() {
        for text in [
            "TRUE",
            "a = 1 AND b <> 'x' OR NOT (c >= 2.5)",
            "a BETWEEN 1 AND 2.5 AND b IN ('x', 1, NULL, TRUE, 0.5)",
            "a LIKE 'x%' AND b LIKE '%x' AND c LIKE 'x' AND d LIKE '%x%' AND e LIKE 'x_'",
            "STARTS_WITH(a, 'x') OR ENDS_WITH(b, 'y') OR CONTAINS(c, 'z')",
            "flag AND t > TIMESTAMP '2023-11-14T22:13:20Z' AND a + 1 > 2",
            "NEAR(place, POINT(1 2), 500) AND MATCHES(a, 'x.*y') AND a IS NULL",
        ] {
            let canonical = Filter::parse(Dialect::Sql, text).unwrap().canonical();
            assert_eq!(copy(&canonical.0), Some(canonical.clone()), "{text}");
            let short = &canonical.0[..canonical.0.len() - 1];
            assert!(copy(short).is_none_or(|copied| copied != canonical));
        }
    }
}
