//! How a filter comes into the index, and out of it again.
//!
//! ```text
//! canonical -> kept -> plan -> rows -> choice -> postings
//! record    -> kept -> plan -> the same postings
//! ```

use alloc::vec::Vec;

use gomera_filter::{Filter, MalformedFilter};
use gomera_model::operation::CanonicalFilter;

use super::Index;
use crate::access::{Key, Shape};
use crate::bucket::{Posting, Target};
use crate::cell::Interval;
use crate::choice::{Candidate, Choice, Chooser};
use crate::conjunction::Acquired;
use crate::facets::FacetId;
use crate::plan::{Plan, TooMany};
use crate::record::Location;
use crate::rows::Test;

/// What is used again from one change to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    acquired: Acquired,
    plan: Plan,
    locations: Vec<Location>,
    row: Row,
    choices: Vec<Choice>,
    keys: Vec<Key>,
    candidates: Vec<Candidate>,
}

/// The tests of a row, intervals of one facet as one, and their numbers in the plan.
#[derive(Clone, Debug, Default)]
struct Row {
    tests: Vec<Test>,
    numbers: Vec<u16>,
    /// Those that are neither key nor column.
    left: Vec<Test>,
}

impl Scratch {
    pub(super) fn bytes(&self) -> usize {
        self.acquired.bytes()
            + self.plan.bytes()
            + self.locations.capacity() * size_of::<Location>()
            + (self.row.tests.capacity() + self.row.left.capacity()) * size_of::<Test>()
            + self.row.numbers.capacity() * size_of::<u16>()
            + self.choices.capacity() * size_of::<Choice>()
            + self.keys.capacity() * size_of::<Key>()
            + self.candidates.capacity() * size_of::<Candidate>()
    }
}

impl Scratch {
    /// The keys of a row that was filled right before.
    fn find_keys(&mut self, index: usize) {
        let choice = &self.choices[index];
        let tests = self.row.key_numbers(choice);
        keys_of(choice.shape, tests, &self.plan, &mut self.keys);
    }
}

impl Row {
    fn fill(&mut self, plan: &Plan, index: usize, has_symbols: impl Fn(FacetId) -> bool) {
        self.tests.clear();
        self.numbers.clear();
        self.tests.reserve(plan.row(index).len());
        self.numbers.reserve(plan.row(index).len());
        // A bit for each facet that had an interval, or for one like it: most have no second one.
        let mut seen = 0_u64;
        for &number in plan.row(index) {
            let test = plan.test(number);
            if let Test::Inside(facet, interval) = test {
                let bit = 1 << (facet.0 % 64);
                if seen & bit != 0 && !has_symbols(facet) && self.merge(facet, interval) {
                    continue;
                }
                seen |= bit;
            }
            self.tests.push(test);
            self.numbers.push(number);
        }
    }

    /// Narrows the interval of the same facet, if there is one.
    fn merge(&mut self, facet: FacetId, interval: Interval) -> bool {
        for other in &mut self.tests {
            if let Test::Inside(same, known) = other
                && *same == facet
            {
                *known = known.and(interval);
                return true;
            }
        }
        false
    }

    /// The tests that the keys stand for, by their numbers in the plan.
    fn key_numbers(&self, choice: &Choice) -> [u16; 2] {
        let number = |at| self.numbers.get(at).copied().unwrap_or(0);
        choice.keys.map(number)
    }

    /// What is left for the rows, cheap tests first.
    fn leave(&mut self, choice: &Choice) {
        self.left.clear();
        for (index, test) in self.tests.iter().enumerate() {
            if choice.leaves(index) {
                let bits = test.bits();
                self.left
                    .push(bits.map_or(*test, |(facet, bits)| Test::Bits(facet, bits)));
            }
        }
        if !self.left.is_sorted_by_key(Test::rank) {
            self.left.sort_by_key(Test::rank);
        }
    }
}

impl Index {
    /// Puts what a filter asks for under a handle. Where it is malformed, nothing is put.
    pub(super) fn install(
        &mut self,
        handle: u32,
        canonical: &CanonicalFilter,
    ) -> Result<(), MalformedFilter> {
        let mut scratch = self.scratch.take().unwrap_or_default();
        let acquired = self.acquire(canonical, &mut scratch);
        if acquired.is_ok() {
            let whole = self.plan_acquired(&mut scratch);
            self.place(handle, &mut scratch, whole);
        }
        self.scratch = Some(scratch);
        acquired
    }

    /// Reads a filter; all that it speaks of is held. Where it is malformed, nothing is.
    pub(super) fn acquire(
        &mut self,
        canonical: &CanonicalFilter,
        scratch: &mut Scratch,
    ) -> Result<(), MalformedFilter> {
        self.vocabulary.acquire(canonical, &mut scratch.acquired)
    }

    /// Takes everything that is under a handle out, but not the entry; what was kept of the filter goes too.
    pub(super) fn uninstall(&mut self, handle: u32) {
        let mut scratch = self.scratch.take().unwrap_or_default();
        let whole = self.withdraw_all(handle, &mut scratch);
        self.vocabulary.release(&scratch.acquired.kept);
        if let Some(whole) = whole {
            self.vocabulary.residuals.release(whole);
        }
        self.scratch = Some(scratch);
    }

    /// Puts a filter under the keys that are the best now, if they are much better than those that it has.
    pub(super) fn improve(&mut self, handle: u32, share: f32) {
        let mut scratch = self.scratch.take().unwrap_or_default();
        let record = self.records.get(self.entries.get(handle).record);
        let kept = record.kept();
        scratch.acquired.kept.clear();
        scratch.acquired.kept.extend_from_slice(kept);
        let whole = record.whole;
        self.plan(&mut scratch, whole);
        if self.best_share(&mut scratch) * 2.0 < share {
            let whole = self.withdraw_all(handle, &mut scratch);
            self.plan(&mut scratch, whole);
            let plan = &scratch.plan;
            self.vocabulary.hold(plan.tests(), plan.values());
            self.place(handle, &mut scratch, whole);
        }
        self.scratch = Some(scratch);
    }

    /// What part of the notifications has one of the keys of a subscription, by estimate.
    pub(super) fn share_of(&mut self, handle: u32) -> f32 {
        let mut scratch = self.scratch.take().unwrap_or_default();
        self.read(handle, &mut scratch);
        let Scratch {
            plan,
            locations,
            keys,
            ..
        } = &mut *scratch;
        let mut share = 0.0;
        for location in locations.iter() {
            keys_of(location.shape, location.keys, plan, keys);
            share += keys.iter().map(|key| self.share(*key)).sum::<f32>();
        }
        self.scratch = Some(scratch);
        share
    }

    /// Plans a filter that was acquired right before, and holds what the plan speaks of; the condition that asks the
    /// whole filter, if it needs one.
    pub(super) fn plan_acquired(&mut self, scratch: &mut Scratch) -> Option<u32> {
        let whole = self.expand(scratch);
        let plan = &scratch.plan;
        self.vocabulary.hold(plan.tests(), plan.values());
        whole
    }

    fn expand(&mut self, scratch: &mut Scratch) -> Option<u32> {
        let Scratch { acquired, plan, .. } = scratch;
        if acquired.all.is_whole() {
            plan.take(&mut acquired.all);
            return None;
        }
        let Err(TooMany) = plan.expand(&acquired.kept, &mut self.vocabulary) else {
            return None;
        };
        let canonical = self.vocabulary.canonical(&acquired.kept);
        let filter = Filter::from_canonical(&canonical)
            .expect("its pieces were read, and they were written again");
        let whole = self.vocabulary.acquire_whole(filter);
        self.plan(scratch, Some(whole));
        Some(whole)
    }

    /// Plans what is kept of a filter that is known.
    fn plan(&mut self, scratch: &mut Scratch, whole: Option<u32>) {
        let kept = &scratch.acquired.kept;
        match whole {
            None => {
                let planned = scratch.plan.expand(kept, &mut self.vocabulary);
                assert_eq!(planned, Ok(()), "a plan does not change");
            }
            Some(whole) => scratch.plan.ask_whole(kept, whole, &mut self.vocabulary),
        }
    }

    /// Reads a record, and plans its filter.
    fn read(&mut self, handle: u32, scratch: &mut Scratch) -> Option<u32> {
        let record = self.records.get(self.entries.get(handle).record);
        scratch.locations.clear();
        scratch.acquired.kept.clear();
        let kept = record.read(handle, &mut scratch.locations);
        scratch.acquired.kept.extend_from_slice(kept);
        let whole = record.whole;
        self.plan(scratch, whole);
        whole
    }

    /// Chooses keys for all rows of the plan, and puts the postings and the record.
    fn place(&mut self, handle: u32, scratch: &mut Scratch, whole: Option<u32>) {
        self.choose_all(scratch);
        self.place_chosen(handle, scratch, whole);
    }

    /// Chooses keys for all rows of the plan. Their shapes are held until the postings come.
    pub(super) fn choose_all(&mut self, scratch: &mut Scratch) {
        scratch.choices.clear();
        for index in 0..scratch.plan.len() {
            let choice = self.choose(scratch, index);
            scratch.choices.push(choice);
        }
        if scratch.choices.len() == 1 {
            scratch.find_keys(0);
        }
    }

    /// Puts the postings and the record of what was chosen right before.
    pub(super) fn place_chosen(&mut self, handle: u32, scratch: &mut Scratch, whole: Option<u32>) {
        scratch.locations.clear();
        for index in 0..scratch.plan.len() {
            let choice = scratch.choices[index];
            if scratch.choices.len() > 1 {
                self.fill(scratch, index);
                scratch.find_keys(index);
            }
            self.place_row(handle, scratch, &choice);
            self.access.shapes_mut().release(choice.shape);
        }
        let record = self
            .records
            .insert(whole, &scratch.locations, &scratch.acquired.kept);
        self.entries.get_mut(handle).record = record;
    }

    /// Asks for the keys of one facet that a choice looks at.
    pub(super) fn fetch_keys(&self, scratch: &Scratch) {
        let plan = &scratch.plan;
        for test in plan.tests() {
            if let Test::Equal(facet, _) | Test::Among(facet, ..) = test {
                for &first in plan.wanted(test) {
                    self.access.fetch(Key::single(*facet, first));
                }
            }
        }
    }

    /// Asks for the keys that were chosen, where there is one row.
    pub(super) fn fetch_chosen(&self, scratch: &Scratch) {
        if scratch.choices.len() == 1 {
            for &key in &scratch.keys {
                self.access.fetch(key);
            }
        }
    }

    fn fill(&self, scratch: &mut Scratch, index: usize) {
        let facets = &self.vocabulary.facets;
        let has_symbols = |facet| facets.kind(facet).has_symbols();
        scratch.row.fill(&scratch.plan, index, has_symbols);
    }

    /// Chooses for a row. The shape is held, so that it is there when the postings come.
    fn choose(&mut self, scratch: &mut Scratch, index: usize) -> Choice {
        self.fill(scratch, index);
        let mut chooser = Chooser {
            vocabulary: &self.vocabulary,
            statistics: &self.statistics,
            access: &mut self.access,
            buckets: &self.buckets,
            values: scratch.plan.values(),
            candidates: &mut scratch.candidates,
        };
        let choice = chooser.choose(&scratch.row.tests);
        self.access.shapes_mut().acquire(choice.shape, 1);
        choice
    }

    fn place_row(&mut self, handle: u32, scratch: &mut Scratch, choice: &Choice) {
        let Scratch {
            plan,
            row,
            locations,
            keys,
            ..
        } = scratch;
        let (facet, interval) = asked(choice.column.map(|at| row.tests[at]));
        let mut location = Location {
            target: Target::subscription(handle),
            shape: choice.shape,
            column: choice.column.map(|at| row.numbers[at]),
            keys: row.key_numbers(choice),
        };
        row.leave(choice);
        if !row.left.is_empty() {
            let offset = self.rows.insert(handle, &row.left, plan.values());
            location.target = Target::row(offset);
        }
        locations.push(location);
        let posting = Posting {
            facet,
            interval,
            target: location.target,
        };
        // The key of a single posting was looked at right before.
        for &key in keys.iter().skip(1) {
            self.access.fetch(key);
        }
        self.access.shapes_mut().acquire(choice.shape, keys.len());
        for &key in keys.iter() {
            self.post(key, posting);
        }
    }

    fn post(&mut self, key: Key, posting: Posting) {
        let (rows, buckets) = (&self.rows, &mut self.buckets);
        self.access.change(key, |bucket| {
            Some(match bucket {
                None => buckets.create(posting),
                Some(bucket) => buckets.add(bucket, posting, rows),
            })
        });
    }

    /// What part of the notifications would have one of the keys that were chosen now.
    fn best_share(&mut self, scratch: &mut Scratch) -> f32 {
        let mut share = 0.0;
        for index in 0..scratch.plan.len() {
            let choice = self.choose(scratch, index);
            self.access.shapes_mut().release(choice.shape);
            share += choice.share;
        }
        share
    }

    /// What part of the notifications has a key, by estimate.
    fn share(&self, key: Key) -> f32 {
        let values = [key.first, key.second];
        let facets = self.access.shapes().facets(key.shape).zip(values);
        let shares = facets.map(|(facet, value)| {
            let prior = self.vocabulary.demand(facet).popularity(value);
            self.statistics.share(facet, value, prior)
        });
        shares.product()
    }

    /// Takes postings, rows and record out; what was kept of the filter is still held. The condition that asks the
    /// whole of it, if there is one.
    fn withdraw_all(&mut self, handle: u32, scratch: &mut Scratch) -> Option<u32> {
        let whole = self.read(handle, scratch);
        let record = self.entries.get(handle).record;
        let Scratch {
            plan,
            locations,
            keys,
            ..
        } = scratch;
        for (index, location) in locations.iter().enumerate() {
            keys_of(location.shape, location.keys, plan, keys);
            let column = location.column;
            let column = column.map(|column| self.merged(plan, index, column));
            let (facet, interval) = asked(column);
            let posting = Posting {
                facet,
                interval,
                target: location.target,
            };
            for &key in keys.iter() {
                self.withdraw(key, posting);
            }
            if location.target.handle().is_none() {
                self.rows.remove(location.target.0);
            }
        }
        self.records.remove(record);
        self.vocabulary.let_go(plan.tests());
        whole
    }

    /// The test of this number with the other intervals of its facet in its row, as [`Row::fill`] merged them.
    fn merged(&self, plan: &Plan, row: usize, number: u16) -> Test {
        let test = plan.test(number);
        let Test::Inside(facet, interval) = test else {
            return test;
        };
        if self.vocabulary.facets.kind(facet).has_symbols() {
            return test;
        }
        let others = plan.row(row).iter().map(|other| plan.test(*other));
        let inside = others.filter_map(|other| match other {
            Test::Inside(same, other) => (same == facet).then_some(other),
            Test::Equal(..)
            | Test::Outside(..)
            | Test::Among(..)
            | Test::Bits(..)
            | Test::NotAmong(..)
            | Test::Residual(..) => None,
        });
        Test::Inside(facet, inside.fold(interval, Interval::and))
    }

    fn withdraw(&mut self, key: Key, posting: Posting) {
        let (rows, buckets) = (&self.rows, &mut self.buckets);
        self.access.change(key, |bucket| {
            let bucket = bucket.expect("what is recorded of a subscription has a bucket");
            buckets.remove(bucket, posting, rows)
        });
        self.access.shapes_mut().release(key.shape);
    }
}

/// What a bucket compares for a test that is its column.
fn asked(column: Option<Test>) -> (FacetId, Interval) {
    match column {
        Some(Test::Equal(facet, value)) => (facet, Interval::only(value)),
        Some(Test::Inside(facet, interval)) => (facet, interval),
        Some(test) => match test.bits() {
            Some((facet, bits)) => (facet.with_bits(), Interval::of_bits(bits)),
            None => (FacetId::ALWAYS, Interval::ALL),
        },
        None => (FacetId::ALWAYS, Interval::ALL),
    }
}

/// All keys of a row: each value of the first test with each of the second, by their numbers.
fn keys_of(shape: Shape, tests: [u16; 2], plan: &Plan, keys: &mut Vec<Key>) {
    keys.clear();
    let [first, second] = tests.map(|number| plan.tests().get(usize::from(number)));
    match (shape.facets(), first, second) {
        (2, Some(first), Some(second)) => {
            for &first in plan.wanted(first) {
                keys.extend(plan.wanted(second).iter().map(|&second| Key {
                    shape,
                    first,
                    second,
                }));
            }
        }
        (1, Some(first), _) => {
            let second = 0;
            keys.extend(plan.wanted(first).iter().map(|&first| Key {
                shape,
                first,
                second,
            }));
        }
        _ => keys.push(Key::ROOT),
    }
}
