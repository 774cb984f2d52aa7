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
}

/// Keys and column of a row.
#[derive(Debug, PartialEq)]
pub(crate) struct Choice {
    pub(crate) keys: Vec<Key>,
    /// The tests that the keys stand for, by their index in the row.
    pub(crate) key_tests: Vec<usize>,
    /// The test that the column stands for.
    pub(crate) column: Option<usize>,
    /// What part of the notifications has one of the keys, by estimate.
    pub(crate) share: f32,
}

/// A test that can be looked up.
#[derive(Debug)]
struct Candidate<'a> {
    test: usize,
    facet: FacetId,
    values: &'a [u32],
    share: f32,
}

/// A share from which a second facet does not help.
const SHARE_USELESS: f32 = 0.7;
/// What a posting costs beside the notifications that it lets through: memory.
const POSTING_COST: f32 = 0.05;

impl Chooser<'_> {
    /// Chooses for a row.
    pub(crate) fn choose(&mut self, tests: &[Test]) -> Choice {
        let mut candidates = self.candidates(tests);
        candidates.sort_by(|left, right| left.cost().total_cmp(&right.cost()));
        let mut choice = match candidates.as_slice() {
            [] => Choice::root(),
            [first, others @ ..] => self
                .pair(first, others)
                .unwrap_or_else(|| Choice::single(first)),
        };
        choice.column = self.column(tests, &choice.key_tests);
        choice
    }

    fn candidates<'t>(&self, tests: &'t [Test]) -> Vec<Candidate<'t>> {
        let mut candidates = Vec::with_capacity(tests.len());
        for (index, test) in tests.iter().enumerate() {
            let (facet, values) = match test {
                Test::Equal(facet, value) => (*facet, core::slice::from_ref(value)),
                Test::Among(facet, values) => (*facet, values.as_slice()),
                Test::Inside(..) | Test::Outside(..) | Test::NotAmong(..) | Test::Residual(..) => {
                    continue;
                }
            };
            let share = values.iter().map(|&value| self.share(facet, value)).sum();
            candidates.push(Candidate {
                test: index,
                facet,
                values,
                share,
            });
        }
        candidates
    }

    fn share(&self, facet: FacetId, value: u32) -> f32 {
        let prior = self.vocabulary.popularity(facet, value);
        self.statistics.share(facet, value, prior)
    }

    /// A pair, where the bucket of the best single facet is no longer small.
    fn pair(&mut self, first: &Candidate<'_>, others: &[Candidate<'_>]) -> Option<Choice> {
        let is_crowded = first.values.iter().any(|&value| {
            let key = first.key(value);
            self.access
                .find(key)
                .is_some_and(|bucket| self.buckets.len(bucket) >= PAIR_FROM)
        });
        if !is_crowded {
            return None;
        }
        let room = PAIR_POSTINGS_MAX / first.values.len().max(1);
        let second = others.iter().find(|other| {
            other.facet != first.facet && other.share < SHARE_USELESS && other.values.len() <= room
        })?;
        let (low, high) = if first.facet < second.facet {
            (first, second)
        } else {
            (second, first)
        };
        let shape = self.access.shapes_mut().pair([low.facet, high.facet])?;
        let mut keys = Vec::with_capacity(low.values.len() * high.values.len());
        for &one in low.values {
            keys.extend(high.values.iter().map(|&other| Key {
                shape,
                first: one,
                second: other,
            }));
        }
        Some(Choice {
            keys,
            key_tests: [first.test, second.test].into(),
            column: None,
            share: first.share * second.share,
        })
    }

    /// The interval that lets the fewest through.
    fn column(&self, tests: &[Test], key_tests: &[usize]) -> Option<usize> {
        let mut best = None;
        let mut best_share = f32::INFINITY;
        for (index, test) in tests.iter().enumerate() {
            let share = match test {
                Test::Equal(facet, value) => self.share(*facet, *value),
                Test::Inside(facet, interval) => self.share_inside(*facet, *interval),
                Test::Outside(..) | Test::Among(..) | Test::NotAmong(..) | Test::Residual(..) => {
                    continue;
                }
            };
            if share < best_share && !key_tests.contains(&index) {
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
    fn root() -> Self {
        Self {
            keys: [Key::ROOT].into(),
            key_tests: Vec::new(),
            column: None,
            share: 1.0,
        }
    }

    fn single(candidate: &Candidate<'_>) -> Self {
        let keys = candidate.values.iter().map(|&value| candidate.key(value));
        Self {
            keys: keys.collect(),
            key_tests: [candidate.test].into(),
            column: None,
            share: candidate.share,
        }
    }
}

impl Candidate<'_> {
    #[expect(clippy::cast_precision_loss, reason = "a thousand at most")]
    fn cost(&self) -> f32 {
        self.share * (1.0 + POSTING_COST * self.values.len() as f32)
    }

    fn key(&self, value: u32) -> Key {
        Key {
            shape: Shape::single(self.facet),
            first: value,
            second: 0,
        }
    }
}
