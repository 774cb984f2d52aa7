//! Rows: the tests that are left when key and column hold, run one after the other.
//!
//! ```text
//! row  := handle  count  test*
//! test := kind:4 facet:28  word  word
//!   inside, outside      from, to of the interval
//!   among, not among     offset and length of the sorted list of values
//!   residual, not so     number of the condition, 0
//!   bits                 the lower and the upper half of a set of small values
//! ```

use alloc::vec::Vec;

use gomera_filter::Truth;

use crate::arena::Arena;
use crate::cell::{Cell, Interval};
use crate::facets::FacetId;
use crate::posting::Target;
use crate::scan::fetch;

/// One test. Its list, if it has one, lies among the values of whoever has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    /// The value is this one. (Not the same as lying in an interval from it to it, which may have been rounded.)
    Equal(FacetId, u32),
    /// The value lies in the interval.
    Inside(FacetId, Interval),
    /// There is a value, and it lies outside.
    Outside(FacetId, Interval),
    /// The value is one of these, which are sorted. If all of them are small, their bits; else none.
    Among(FacetId, Span, u64),
    /// The value is one of these small ones.
    Bits(FacetId, u64),
    /// There is a value, and it is none of these, which are sorted.
    NotAmong(FacetId, Span),
    /// A condition beyond the facets has this truth value.
    Residual(u32, Truth),
}

/// A run of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    len: u32,
}

/// The lists of some tests, one behind the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lists(Vec<u32>);

/// What a row says of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It does not hold.
    No,
    /// It holds unless a bound that was touched is on the other side.
    Unsure,
    /// It holds.
    Yes,
}

/// All rows.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    words: Arena<u32, 1>,
}

const INSIDE: u32 = 0;
const OUTSIDE: u32 = 1;
const AMONG: u32 = 2;
const NOT_AMONG: u32 = 3;
const RESIDUAL: u32 = 4;
const RESIDUAL_NOT: u32 = 5;
const BITS: u32 = 6;

/// Words of a row before its tests.
const HEAD: usize = 2;
/// Words of a test.
const TEST: usize = 3;
const FACET_BITS: u32 = 28;

impl Rows {
    pub(crate) fn new() -> Self {
        Self {
            words: Arena::new(),
        }
    }

    /// Puts a row; its offset. The lists of the tests lie among `values`.
    pub(crate) fn insert(&mut self, handle: u32, tests: &[Test], values: &[u32]) -> u32 {
        let offset = self.words.allocate(HEAD + TEST * tests.len());
        let count = u32::try_from(tests.len()).expect("a filter has few predicates");
        self.words
            .get_mut(offset, HEAD)
            .copy_from_slice(&[handle, count]);
        for (index, test) in tests.iter().enumerate() {
            let words = self.encode(test, values);
            let at = HEAD + TEST * index;
            self.words.get_mut(offset, at + TEST)[at..].copy_from_slice(&words);
        }
        offset
    }

    /// Takes a row out.
    pub(crate) fn remove(&mut self, offset: u32) {
        let count = self.words.get(offset, HEAD)[1] as usize;
        for index in 0..count {
            let end = HEAD + TEST * (index + 1);
            let words = &self.words.get(offset, end)[end - TEST..];
            let (kind, list, len) = (words[0] >> FACET_BITS, words[1], words[2]);
            if kind == AMONG || kind == NOT_AMONG {
                self.words.free(list, len as usize);
            }
        }
        self.words.free(offset, HEAD + TEST * count);
    }

    /// Whose posting leads there.
    #[inline]
    pub(crate) fn handle_of(&self, target: Target) -> u32 {
        target.handle().unwrap_or_else(|| self.handle(target.0))
    }

    /// The tests of a row, if they are nothing but so few intervals; appended to `out`.
    pub(crate) fn intervals(
        &self,
        offset: u32,
        mut out: impl FnMut(FacetId, Interval) -> bool,
    ) -> bool {
        let words = self.words.tail(offset);
        let count = words[1] as usize;
        words[HEAD..HEAD + TEST * count]
            .chunks_exact(TEST)
            .all(|test| {
                let interval = Interval {
                    from: test[1],
                    to: test[2],
                };
                test[0] >> FACET_BITS == INSIDE && out(FacetId(test[0]), interval)
            })
    }

    /// Whose row it is.
    #[inline]
    pub(crate) fn handle(&self, offset: u32) -> u32 {
        self.words.get(offset, HEAD)[0]
    }

    /// Asks for the first tests of a row, which may lie in two lines.
    #[inline]
    pub(crate) fn fetch(&self, offset: u32) {
        let words = self.words.tail(offset);
        fetch(&words[0]);
        if let Some(later) = words.get(HEAD + 2 * TEST) {
            fetch(later);
        }
    }

    /// Runs the tests of a row up to the first that fails. `residual` answers for conditions.
    #[inline]
    pub(crate) fn verdict(
        &self,
        offset: u32,
        cells: &[Cell],
        mut residual: impl FnMut(u32) -> Truth,
    ) -> Verdict {
        let words = self.words.tail(offset);
        let count = words[1] as usize;
        let mut verdict = Verdict::Yes;
        for test in words[HEAD..HEAD + TEST * count].chunks_exact(TEST) {
            let cell = cells[(test[0] & ((1 << FACET_BITS) - 1)) as usize];
            let interval = Interval {
                from: test[1],
                to: test[2],
            };
            let holds = match test[0] >> FACET_BITS {
                INSIDE => {
                    if interval.is_unsure(cell) {
                        verdict = Verdict::Unsure;
                    }
                    interval.holds(cell)
                }
                OUTSIDE => {
                    let is_unsure = interval.is_unsure(cell);
                    if is_unsure {
                        verdict = Verdict::Unsure;
                    }
                    cell.is_present() && (is_unsure || !interval.holds(cell))
                }
                AMONG => self.is_among(test[1], test[2], cell),
                NOT_AMONG => cell.is_present() && !self.is_among(test[1], test[2], cell),
                BITS => interval.has_bit(cell),
                RESIDUAL => residual(test[1]) == Truth::True,
                _ => residual(test[1]) == Truth::False,
            };
            if !holds {
                return Verdict::No;
            }
        }
        verdict
    }

    pub(crate) fn bytes(&self) -> usize {
        self.words.bytes()
    }

    #[inline]
    fn is_among(&self, list: u32, len: u32, cell: Cell) -> bool {
        let values = self.words.get(list, len as usize);
        if values.len() <= 8 {
            return cell.is_exact() && values.contains(&cell.low);
        }
        cell.is_exact() && values.binary_search(&cell.low).is_ok()
    }

    fn encode(&mut self, test: &Test, values: &[u32]) -> [u32; TEST] {
        match *test {
            Test::Equal(facet, value) => word(INSIDE, facet, value, value),
            Test::Inside(facet, interval) => word(INSIDE, facet, interval.from, interval.to),
            Test::Outside(facet, interval) => word(OUTSIDE, facet, interval.from, interval.to),
            Test::Among(facet, span, _) => self.encode_list(AMONG, facet, span.of(values)),
            Test::Bits(facet, bits) => {
                let halves = Interval::of_bits(bits);
                word(BITS, facet, halves.from, halves.to)
            }
            Test::NotAmong(facet, span) => self.encode_list(NOT_AMONG, facet, span.of(values)),
            Test::Residual(condition, truth) => {
                let kind = if truth == Truth::True {
                    RESIDUAL
                } else {
                    RESIDUAL_NOT
                };
                word(kind, FacetId::ALWAYS, condition, 0)
            }
        }
    }

    fn encode_list(&mut self, kind: u32, facet: FacetId, values: &[u32]) -> [u32; TEST] {
        let list = self.words.allocate(values.len());
        self.words
            .get_mut(list, values.len())
            .copy_from_slice(values);
        let len = u32::try_from(values.len()).expect("a list has a thousand members at most");
        word(kind, facet, list, len)
    }
}

impl Test {
    /// The facet that it looks at.
    pub(crate) fn facet(&self) -> Option<FacetId> {
        match *self {
            Self::Equal(facet, _)
            | Self::Inside(facet, _)
            | Self::Outside(facet, _)
            | Self::Among(facet, ..)
            | Self::Bits(facet, _)
            | Self::NotAmong(facet, _) => Some(facet),
            Self::Residual(..) => None,
        }
    }

    /// The values that it wants, if it is a test for equality; its list lies among `values`.
    pub(crate) fn wanted<'a>(&'a self, values: &'a [u32]) -> &'a [u32] {
        match self {
            Self::Equal(_, value) => core::slice::from_ref(value),
            Self::Among(_, span, _) => span.of(values),
            Self::Inside(..)
            | Self::Outside(..)
            | Self::Bits(..)
            | Self::NotAmong(..)
            | Self::Residual(..) => &[],
        }
    }

    /// The values that it speaks of one by one, wanted or not.
    pub(crate) fn list<'a>(&'a self, values: &'a [u32]) -> &'a [u32] {
        match self {
            Self::NotAmong(_, span) => span.of(values),
            Self::Equal(..)
            | Self::Among(..)
            | Self::Inside(..)
            | Self::Outside(..)
            | Self::Bits(..)
            | Self::Residual(..) => self.wanted(values),
        }
    }

    /// The set of bits that its list is, if all of its values are small.
    pub(crate) fn bits(&self) -> Option<(FacetId, u64)> {
        let Self::Among(facet, _, bits) = *self else {
            return None;
        };
        (bits != 0).then_some((facet, bits))
    }

    /// Whether two tests with lists among the same values are the same.
    pub(crate) fn is_same(&self, other: &Self, values: &[u32]) -> bool {
        match (self, other) {
            (Self::Among(facet, span, _), Self::Among(other, other_span, _))
            | (Self::NotAmong(facet, span), Self::NotAmong(other, other_span)) => {
                facet == other && span.of(values) == other_span.of(values)
            }
            _ => self == other,
        }
    }

    /// The test with its list among other values.
    pub(crate) fn moved(&self, from: &[u32], to: &mut Lists) -> Self {
        let mut moved = |span: Span| {
            let start = to.0.len();
            to.0.extend_from_slice(span.of(from));
            Span::new(start, span.len as usize)
        };
        match *self {
            Self::Among(facet, span, bits) => Self::Among(facet, moved(span), bits),
            Self::NotAmong(facet, span) => Self::NotAmong(facet, moved(span)),
            Self::Equal(..)
            | Self::Inside(..)
            | Self::Outside(..)
            | Self::Bits(..)
            | Self::Residual(..) => *self,
        }
    }

    /// Cheap tests come first.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Self::Equal(..) | Self::Inside(..) | Self::Bits(..) => 0,
            Self::Among(..) => 1,
            Self::Outside(..) | Self::NotAmong(..) => 2,
            Self::Residual(..) => 3,
        }
    }
}

impl Lists {
    /// Puts the values of a list, sorted, each once.
    #[inline]
    pub(crate) fn put(&mut self, values: impl IntoIterator<Item = u32>) -> Span {
        let start = self.0.len();
        self.0.extend(values);
        let list = &mut self.0[start..];
        if list.is_sorted_by(|one, next| one < next) {
            return Span::new(start, list.len());
        }
        list.sort_unstable();
        let mut len = 0;
        for at in 0..list.len() {
            if len == 0 || list[at] != list[len - 1] {
                list[len] = list[at];
                len += 1;
            }
        }
        self.0.truncate(start + len);
        Span::new(start, len)
    }

    pub(crate) fn all(&self) -> &[u32] {
        &self.0
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<u32>()
    }
}

impl Span {
    pub(crate) fn new(start: usize, len: usize) -> Self {
        let word = |number| u32::try_from(number).expect("a filter is a page of text");
        Self {
            start: word(start),
            len: word(len),
        }
    }

    pub(crate) fn of(self, values: &[u32]) -> &[u32] {
        &values[self.start as usize..][..self.len as usize]
    }
}

fn word(kind: u32, facet: FacetId, first: u32, second: u32) -> [u32; TEST] {
    [kind << FACET_BITS | facet.0, first, second]
}
