//! The plan of a filter: its tests, and the rows in which they must all hold. It follows from what is kept of the filter
//! alone, so that removal finds what insertion has put.

use alloc::vec::Vec;

use gomera_filter::Truth;
use gomera_filter::limits::ROWS_MAX;
use gomera_filter::pieces::Joint;

use crate::compact::{Kept, Reader};
use crate::conjunction::Conjunction;
use crate::facets::FacetId;
use crate::limits::ALTERNATIVES_MAX;
use crate::residuals::Sides;
use crate::rows::{Lists, Test};
use crate::vocabulary::Vocabulary;

/// Tests, and rows of them: the filter is true exactly where all tests of one row hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    tests: Vec<Test>,
    /// What lists of tests speak of.
    values: Lists,
    /// Numbers of tests, row by row.
    rows: Vec<u16>,
    ends: Vec<usize>,
    /// Rows that are being joined.
    stack: Vec<Set>,
}

/// A filter has more rows than are expanded, or more tests than a row can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

/// A set of tests: a row while rows are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Set([u64; SET_WORDS]);

const SET_WORDS: usize = 4;

impl Plan {
    /// The plan of a filter that is an AND of tests: the same that [`Self::expand`] makes of what is kept of it.
    pub(crate) fn take(&mut self, all: &mut Conjunction) {
        assert!(all.is_whole(), "a filter that is more has other rows");
        self.clear();
        all.swap(&mut self.tests, &mut self.values);
        self.only_row();
    }

    /// Plans what is kept of a filter.
    pub(crate) fn expand(
        &mut self,
        kept: &[u8],
        vocabulary: &mut Vocabulary,
    ) -> Result<(), TooMany> {
        self.clear();
        if self.conjunction(kept, vocabulary) {
            return Ok(());
        }
        self.clear();
        let mut reader = Reader::new(kept);
        self.expression(&mut reader, false, vocabulary)?;
        for at in 0..self.stack.len() {
            let row = self.stack[at];
            self.rows.extend(row.numbers());
            self.ends.push(self.rows.len());
        }
        Ok(())
    }

    /// A filter with too many rows: each asks the whole filter, behind what it implies. Where the filter is an OR, there
    /// is a row for each side; else one.
    pub(crate) fn ask_whole(&mut self, kept: &[u8], whole: u32, vocabulary: &mut Vocabulary) {
        self.clear();
        let whole = self.put(Test::Residual(whole, Truth::True));
        let mut reader = Reader::new(kept);
        let mut negated = false;
        let mut count = 1;
        let mut peek = reader;
        loop {
            match peek.next() {
                Kept::Not => negated = !negated,
                Kept::Joint(joint, sides) if is_or(joint, negated) && sides <= ALTERNATIVES_MAX => {
                    (count, reader) = (sides, peek);
                    break;
                }
                Kept::Joint(..) | Kept::Constant(_) | Kept::Plain(_) | Kept::Other(_) => {
                    negated = false;
                    break;
                }
            }
        }
        for _ in 0..count {
            self.implied(&mut reader, negated, true, vocabulary);
            self.rows.push(whole);
            self.ends.push(self.rows.len());
        }
    }

    pub(crate) fn tests(&self) -> &[Test] {
        &self.tests
    }

    pub(crate) fn values(&self) -> &[u32] {
        self.values.all()
    }

    pub(crate) fn test(&self, number: u16) -> Test {
        self.tests[usize::from(number)]
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The tests of a row, by number.
    pub(crate) fn row(&self, index: usize) -> &[u16] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.rows[start..self.ends[index]]
    }

    /// The values that a test for equality wants.
    pub(crate) fn wanted<'a>(&'a self, test: &'a Test) -> &'a [u32] {
        test.wanted(self.values.all())
    }

    pub(crate) fn bytes(&self) -> usize {
        self.tests.capacity() * size_of::<Test>()
            + self.values.bytes()
            + self.rows.capacity() * size_of::<u16>()
            + self.ends.capacity() * size_of::<usize>()
            + self.stack.capacity() * size_of::<Set>()
    }

    fn clear(&mut self) {
        self.tests.clear();
        self.values.clear();
        self.rows.clear();
        self.ends.clear();
        self.stack.clear();
    }

    /// The only row of an AND of tests, which most filters are; whether it is one.
    fn conjunction(&mut self, kept: &[u8], vocabulary: &mut Vocabulary) -> bool {
        let mut reader = Reader::new(kept);
        let mut head = reader;
        if let Kept::Joint(Joint::And | Joint::AndThen, _) = head.next() {
            reader = head;
        }
        while !reader.is_at_end() {
            match reader.next() {
                Kept::Plain(plain) => {
                    let test = vocabulary.test(plain, false, &mut self.values);
                    self.tests.push(test);
                }
                Kept::Other(condition) => {
                    let Sides { rows, values } = vocabulary.residuals.sides(condition, false);
                    let [row] = rows.as_slice() else {
                        return false;
                    };
                    for test in row {
                        self.tests.push(test.moved(values, &mut self.values));
                    }
                }
                Kept::Constant(_) | Kept::Not | Kept::Joint(..) => return false,
            }
        }
        self.only_row()
    }

    /// All tests are the only row, unless they are too many; whether they are.
    fn only_row(&mut self) -> bool {
        let Ok(count) = u16::try_from(self.tests.len()) else {
            return false;
        };
        self.rows.extend(0..count);
        self.ends.push(self.rows.len());
        true
    }

    /// Puts the rows of the next expression onto the stack.
    fn expression(
        &mut self,
        reader: &mut Reader<'_>,
        negated: bool,
        vocabulary: &mut Vocabulary,
    ) -> Result<(), TooMany> {
        match reader.next() {
            Kept::Constant(truth) => {
                if truth == Truth::from(!negated) {
                    self.stack.push(Set::default());
                }
            }
            Kept::Not => self.expression(reader, !negated, vocabulary)?,
            Kept::Plain(plain) => {
                let test = vocabulary.test(plain, negated, &mut self.values);
                let number = self.put(test);
                self.stack.push(Set::of(number)?);
            }
            Kept::Other(condition) => self.condition(condition, negated, vocabulary)?,
            Kept::Joint(Joint::OrElse, count) if !negated => {
                self.or_else(reader, count, negated, vocabulary)?;
            }
            Kept::Joint(Joint::AndThen, count) if negated => {
                self.or_else(reader, count, negated, vocabulary)?;
            }
            Kept::Joint(joint, count) if is_or(joint, negated) => {
                let start = self.stack.len();
                for _ in 0..count {
                    self.expression(reader, negated, vocabulary)?;
                }
                self.join_sets(start, vocabulary);
                self.sum(start)?;
            }
            Kept::Joint(_, count) => {
                let start = self.stack.len();
                self.expression(reader, negated, vocabulary)?;
                for _ in 1..count {
                    let middle = self.stack.len();
                    self.expression(reader, negated, vocabulary)?;
                    self.product(start, middle)?;
                }
            }
        }
        Ok(())
    }

    fn condition(
        &mut self,
        condition: u32,
        negated: bool,
        vocabulary: &Vocabulary,
    ) -> Result<(), TooMany> {
        let Sides { rows, values } = vocabulary.residuals.sides(condition, negated);
        for row in rows {
            let mut set = Set::default();
            for test in row {
                let test = test.moved(values, &mut self.values);
                set = set.and(Set::of(self.put(test))?);
            }
            self.stack.push(set);
        }
        Ok(())
    }

    /// `a OR ELSE b OR ELSE c` is true where `a` is, or `NOT a AND b`, or `NOT a AND NOT b AND c`.
    fn or_else(
        &mut self,
        reader: &mut Reader<'_>,
        count: usize,
        negated: bool,
        vocabulary: &mut Vocabulary,
    ) -> Result<(), TooMany> {
        let start = self.stack.len();
        let mut passed = [Set::default()].to_vec();
        for index in 0..count {
            let mut again = *reader;
            let first = self.stack.len();
            self.stack.extend_from_slice(&passed);
            let middle = self.stack.len();
            self.expression(reader, negated, vocabulary)?;
            self.product(first, middle)?;
            self.sum(start)?;
            if index + 1 < count {
                let first = self.stack.len();
                self.stack.extend_from_slice(&passed);
                let middle = self.stack.len();
                self.expression(&mut again, !negated, vocabulary)?;
                self.product(first, middle)?;
                passed = self.stack.split_off(first);
            }
        }
        Ok(())
    }

    /// Joins the rows from `start` to `middle` with those behind: each with each.
    fn product(&mut self, start: usize, middle: usize) -> Result<(), TooMany> {
        let (left, right) = (middle - start, self.stack.len() - middle);
        if left * right > ROWS_MAX {
            return Err(TooMany);
        }
        let mut rows = [Set::default(); ROWS_MAX];
        for one in 0..left {
            for other in 0..right {
                rows[one * right + other] = self.stack[start + one].and(self.stack[middle + other]);
            }
        }
        self.stack.truncate(start);
        self.stack.extend_from_slice(&rows[..left * right]);
        Ok(())
    }

    /// Keeps each row from `start` on once.
    fn sum(&mut self, start: usize) -> Result<(), TooMany> {
        let mut end = start;
        for at in start..self.stack.len() {
            let row = self.stack[at];
            if !self.stack[start..end].contains(&row) {
                self.stack[end] = row;
                end += 1;
            }
        }
        self.stack.truncate(end);
        if end - start > ROWS_MAX {
            return Err(TooMany);
        }
        Ok(())
    }

    /// Equalities and lists of one facet, each a row from `start` on, become one list, in the place of the first.
    fn join_sets(&mut self, start: usize, vocabulary: &Vocabulary) {
        let mut at = start;
        while at < self.stack.len() {
            let Some((facet, one)) = self.equality(at) else {
                at += 1;
                continue;
            };
            let mut joined = self.wanted(&one).to_vec();
            let before = joined.len();
            let mut next = at + 1;
            while next < self.stack.len() {
                match self.equality(next) {
                    Some((other, more)) if other == facet => {
                        joined.extend_from_slice(self.wanted(&more));
                        self.stack.remove(next);
                    }
                    Some(_) | None => next += 1,
                }
            }
            if joined.len() > before {
                let span = self.values.put(joined);
                let number = self.put(vocabulary.among(facet, span, self.values.all()));
                if let Ok(set) = Set::of(number) {
                    self.stack[at] = set;
                }
            }
            at += 1;
        }
    }

    /// The test for equality that a row on the stack is.
    fn equality(&self, at: usize) -> Option<(FacetId, Test)> {
        let mut numbers = self.stack[at].numbers();
        let (first, None) = (numbers.next()?, numbers.next()) else {
            return None;
        };
        match self.test(first) {
            test @ (Test::Equal(facet, _) | Test::Among(facet, ..)) => Some((facet, test)),
            Test::Inside(..)
            | Test::Outside(..)
            | Test::Bits(..)
            | Test::NotAmong(..)
            | Test::Residual(..) => None,
        }
    }

    /// Adds to the last row what must hold where the next expression is true, as far as facets show it.
    fn implied(
        &mut self,
        reader: &mut Reader<'_>,
        negated: bool,
        counts: bool,
        vocabulary: &mut Vocabulary,
    ) {
        match reader.next() {
            Kept::Constant(_) => {}
            Kept::Not => self.implied(reader, !negated, counts, vocabulary),
            Kept::Plain(plain) => {
                if counts {
                    let test = vocabulary.test(plain, negated, &mut self.values);
                    let number = self.put(test);
                    self.rows.push(number);
                }
            }
            Kept::Other(condition) => {
                let Sides { rows, values } = vocabulary.residuals.sides(condition, negated);
                if let ([row], true) = (rows.as_slice(), counts) {
                    let is_seen = |test: &&Test| test.facet().is_some();
                    for test in row.iter().filter(is_seen) {
                        let test = test.moved(values, &mut self.values);
                        let number = self.put(test);
                        self.rows.push(number);
                    }
                }
            }
            Kept::Joint(joint, count) => {
                let counts = counts && !is_or(joint, negated);
                for _ in 0..count {
                    self.implied(reader, negated, counts, vocabulary);
                }
            }
        }
    }

    /// The number of a test; an equal one is known already.
    fn put(&mut self, test: Test) -> u16 {
        let is = |other: &Test| test.is_same(other, self.values.all());
        let place = self.tests.iter().position(is).unwrap_or_else(|| {
            self.tests.push(test);
            self.tests.len() - 1
        });
        u16::try_from(place).expect("a filter has 256 predicates, and each some tests")
    }
}

impl Set {
    fn of(number: u16) -> Result<Self, TooMany> {
        let mut set = Self::default();
        let word = set.0.get_mut(usize::from(number / 64)).ok_or(TooMany)?;
        *word |= 1 << (number % 64);
        Ok(set)
    }

    fn and(self, other: Self) -> Self {
        let mut both = self;
        for (word, other) in both.0.iter_mut().zip(other.0) {
            *word |= other;
        }
        both
    }

    fn numbers(self) -> impl Iterator<Item = u16> {
        (0_u16..).zip(self.0).flat_map(|(at, mut word)| {
            core::iter::from_fn(move || {
                let bit = u16::try_from(word.trailing_zeros()).ok()?;
                word = word.checked_sub(1).map(|less| less & word)?;
                Some(64 * at + bit)
            })
        })
    }
}

/// Whether one side is enough, for the expression itself or for its opposite.
fn is_or(joint: Joint, negated: bool) -> bool {
    match joint {
        Joint::Or | Joint::OrElse => !negated,
        Joint::And | Joint::AndThen => negated,
    }
}
