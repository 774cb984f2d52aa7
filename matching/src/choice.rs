//! Which tests of a row become its key, and which its column: those that let the fewest notifications through.

use alloc::vec::Vec;

use crate::access::{Access, Key, Shape};
use crate::bucket::Buckets;
use crate::cell::Interval;
use crate::facets::FacetId;
use crate::limits::{PAIR_FROM, PAIR_POSTINGS_MAX};
use crate::rows::Test;
use crate::statistics::Statistics;
use crate::vocabulary::Vocabulary;

/// What a choice is made from.
#[derive(Debug)]
pub(crate) struct Chooser<'a> {
    pub(crate) vocabulary: &'a Vocabulary,
    pub(crate) statistics: &'a Statistics,
    pub(crate) access: &'a mut Access,
    pub(crate) buckets: &'a Buckets,
    /// What the lists of the tests speak of.
    pub(crate) values: &'a [u32],
    /// Used again from one choice to the next.
    pub(crate) candidates: &'a mut Vec<Candidate>,
}

/// Keys and column of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Choice {
    pub(crate) shape: Shape,
    /// The tests that the keys stand for, by their index in the row: as many as the shape has facets, in its order.
    pub(crate) keys: [usize; 2],
    /// The test that the column stands for.
    pub(crate) column: Option<usize>,
    /// What part of the notifications has one of the keys, by estimate.
    pub(crate) share: f32,
}

/// A test that can be looked up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    test: usize,
    facet: FacetId,
    values: usize,
    share: f32,
    cost: f32,
}

/// A share from which a second facet does not help.
const SHARE_USELESS: f32 = 0.7;
/// What a posting costs beside the notifications that it lets through: memory.
const POSTING_COST: f32 = 0.05;

impl Chooser<'_> {
    /// Chooses for a row.
    pub(crate) fn choose(&mut self, tests: &[Test]) -> Choice {
        self.candidates.clear();
        for (index, test) in tests.iter().enumerate() {
            if let Some(candidate) = self.candidate(index, test) {
                self.candidates.push(candidate);
            }
        }
        let mut choice = match self.best(|_| true) {
            None => Choice::ROOT,
            Some(first) => self
                .pair(&first, tests)
                .unwrap_or_else(|| Choice::single(&first)),
        };
        choice.column = self.column(tests, &choice);
        choice
    }

    /// The cheapest test that can be looked up, of those that `may` be taken.
    fn best(&self, may: impl Fn(&Candidate) -> bool) -> Option<Candidate> {
        let mut best: Option<Candidate> = None;
        for candidate in self.candidates.iter() {
            let is_better = best.is_none_or(|best| candidate.cost < best.cost);
            if is_better && may(candidate) {
                best = Some(*candidate);
            }
        }
        best
    }

    #[expect(clippy::cast_precision_loss, reason = "a thousand at most")]
    fn candidate(&self, index: usize, test: &Test) -> Option<Candidate> {
        let (Test::Equal(facet, _) | Test::Among(facet, ..)) = *test else {
            return None;
        };
        let values = test.wanted(self.values);
        let prior = self.vocabulary.demand(facet).popularity_of_all(values);
        let share = self.statistics.share_of_all(facet, values, prior);
        Some(Candidate {
            test: index,
            facet,
            values: values.len(),
            share,
            cost: share * (1.0 + POSTING_COST * values.len() as f32),
        })
    }

    /// A pair, where the bucket of the best single facet is no longer small.
    fn pair(&mut self, first: &Candidate, tests: &[Test]) -> Option<Choice> {
        let is_crowded = tests[first.test].wanted(self.values).iter().any(|&value| {
            self.access
                .find(Key::single(first.facet, value))
                .is_some_and(|bucket| self.buckets.len(bucket) >= PAIR_FROM)
        });
        if !is_crowded {
            return None;
        }
        let room = PAIR_POSTINGS_MAX / first.values.max(1);
        let second = self.best(|other| {
            other.facet != first.facet && other.share < SHARE_USELESS && other.values <= room
        })?;
        let (low, high) = if first.facet < second.facet {
            (first, &second)
        } else {
            (&second, first)
        };
        let shape = self.access.shapes_mut().pair([low.facet, high.facet])?;
        Some(Choice {
            shape,
            keys: [low.test, high.test],
            column: None,
            share: first.share * second.share,
        })
    }

    /// The interval, or the set of small values, that lets the fewest through.
    fn column(&self, tests: &[Test], choice: &Choice) -> Option<usize> {
        let mut best = None;
        let mut best_share = f32::INFINITY;
        for (index, test) in tests.iter().enumerate() {
            if choice.key_tests().contains(&index) {
                continue;
            }
            let share = match test {
                Test::Equal(..) => {
                    let known = self.candidates.iter().find(|known| known.test == index);
                    known.map_or(1.0, |known| known.share)
                }
                Test::Inside(facet, interval) => self.share_inside(*facet, *interval),
                Test::Among(..) if test.bits().is_some() => {
                    let known = self.candidates.iter().find(|known| known.test == index);
                    known.map_or(1.0, |known| known.share)
                }
                Test::Outside(..)
                | Test::Among(..)
                | Test::Bits(..)
                | Test::NotAmong(..)
                | Test::Residual(..) => continue,
            };
            if share < best_share {
                (best, best_share) = (Some(index), share);
            }
        }
        best
    }

    fn share_inside(&self, facet: FacetId, interval: Interval) -> f32 {
        let all = Interval::ALL;
        let is_tail = interval.from == all.from || interval.to == all.to;
        let part = if is_tail { 0.4 } else { 0.25 };
        self.statistics.share_inside(facet, interval, part)
    }
}

impl Choice {
    const ROOT: Self = Self {
        shape: Shape::ROOT,
        keys: [0; 2],
        column: None,
        share: 1.0,
    };

    /// The tests that the keys stand for.
    pub(crate) fn key_tests(&self) -> &[usize] {
        &self.keys[..self.shape.facets()]
    }

    /// Whether a test is neither in the key nor in the column.
    pub(crate) fn leaves(&self, index: usize) -> bool {
        self.column != Some(index) && !self.key_tests().contains(&index)
    }

    fn single(candidate: &Candidate) -> Self {
        Self {
            shape: Shape::single(candidate.facet),
            keys: [candidate.test, 0],
            column: None,
            share: candidate.share,
        }
    }
}
