//! Rows: the tests that are left when key and column hold, run one after the other.
//!
//! ```text
//! row  := handle  count  test*
//! test := kind:4 facet:28  word  word
//!   inside, outside      from, to of the interval
//!   among, not among     offset and length of the sorted list of values
//!   residual, not so     number of the condition, 0
//! ```

use alloc::vec::Vec;

use gomera_filter::Truth;

use crate::arena::Arena;
use crate::cell::{Cell, Interval};
use crate::facets::FacetId;
use crate::posting::Target;

/// One test, as it is put into a row. A row gives an equality back as an interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    /// The value is this one. (Not the same as lying in an interval from it to it, which may have been rounded.)
    Equal(FacetId, u32),
    /// The value lies in the interval.
    Inside(FacetId, Interval),
    /// There is a value, and it lies outside.
    Outside(FacetId, Interval),
    /// The value is one of these, which are sorted.
    Among(FacetId, Vec<u32>),
    /// There is a value, and it is none of these, which are sorted.
    NotAmong(FacetId, Vec<u32>),
    /// A condition beyond the facets has this truth value.
    Residual(u32, Truth),
}

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

    /// Puts a row; its offset.
    pub(crate) fn insert(&mut self, handle: u32, tests: &[Test]) -> u32 {
        let offset = self.words.allocate(HEAD + TEST * tests.len());
        let count = u32::try_from(tests.len()).expect("a filter has few predicates");
        self.words
            .get_mut(offset, HEAD)
            .copy_from_slice(&[handle, count]);
        for (index, test) in tests.iter().enumerate() {
            let words = self.encode(test);
            let end = HEAD + TEST * (index + 1);
            self.words.get_mut(offset, end)[end - TEST..].copy_from_slice(&words);
        }
        offset
    }

    /// Takes a row out; its tests.
    pub(crate) fn remove(&mut self, offset: u32) -> Vec<Test> {
        let count = self.words.get(offset, HEAD)[1] as usize;
        let tests = (0..count)
            .map(|index| {
                let end = HEAD + TEST * (index + 1);
                let words = &self.words.get(offset, end)[end - TEST..];
                self.decode([words[0], words[1], words[2]])
            })
            .collect::<Vec<_>>();
        for index in 0..count {
            let end = HEAD + TEST * (index + 1);
            let words = &self.words.get(offset, end)[end - TEST..];
            let (kind, list, len) = (words[0] >> FACET_BITS, words[1], words[2]);
            if kind == AMONG || kind == NOT_AMONG {
                self.words.free(list, len as usize);
            }
        }
        self.words.free(offset, HEAD + TEST * count);
        tests
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

    /// The first words of a row; to fetch them ahead.
    #[inline]
    pub(crate) fn head(&self, offset: u32) -> &u32 {
        &self.words.get(offset, HEAD)[0]
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

    fn encode(&mut self, test: &Test) -> [u32; TEST] {
        match test {
            Test::Equal(facet, value) => word(INSIDE, *facet, *value, *value),
            Test::Inside(facet, interval) => word(INSIDE, *facet, interval.from, interval.to),
            Test::Outside(facet, interval) => word(OUTSIDE, *facet, interval.from, interval.to),
            Test::Among(facet, values) => self.encode_list(AMONG, *facet, values),
            Test::NotAmong(facet, values) => self.encode_list(NOT_AMONG, *facet, values),
            Test::Residual(condition, truth) => {
                let kind = if *truth == Truth::True {
                    RESIDUAL
                } else {
                    RESIDUAL_NOT
                };
                word(kind, FacetId::ALWAYS, *condition, 0)
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

    fn decode(&self, [head, first, second]: [u32; TEST]) -> Test {
        let facet = FacetId(head & ((1 << FACET_BITS) - 1));
        let interval = Interval {
            from: first,
            to: second,
        };
        let list = || self.words.get(first, second as usize).into();
        match head >> FACET_BITS {
            INSIDE => Test::Inside(facet, interval),
            OUTSIDE => Test::Outside(facet, interval),
            AMONG => Test::Among(facet, list()),
            NOT_AMONG => Test::NotAmong(facet, list()),
            RESIDUAL => Test::Residual(first, Truth::True),
            _ => Test::Residual(first, Truth::False),
        }
    }
}

fn word(kind: u32, facet: FacetId, first: u32, second: u32) -> [u32; TEST] {
    [kind << FACET_BITS | facet.0, first, second]
}
