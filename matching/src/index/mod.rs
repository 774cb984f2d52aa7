//! The index: what is held, and how it changes. How it is asked stands in `pass.rs`.

mod pass;

use alloc::vec::Vec;

use gomera_filter::Filter;
use gomera_model::operation::StoredSubscription;
use gomera_model::{Attributes, OperationNumber, SlotId, SubscriptionId};

use crate::access::{Access, Key};
use crate::bucket::{Buckets, Moved, Posting, Target, Whereabouts};
use crate::cell::Interval;
use crate::choice::{Choice, Chooser};
use crate::entries::{Entries, Entry, NOWHERE};
use crate::facets::FacetId;
use crate::hits::Hits;
use crate::level::CpuLevel;
use crate::limits::SHARE_DEAR;
use crate::record::{Location, Records};
use crate::rows::{Rows, Test};
use crate::scan::Scanner;
use crate::slot_set::SlotSet;
use crate::statistics::Statistics;
use crate::sweep::Sweep;
use crate::vocabulary::Vocabulary;
use pass::Pass;

/// The subscriptions of one matcher, each tagged with its slot.
#[derive(Clone, Debug)]
pub struct Index {
    pub(crate) vocabulary: Vocabulary,
    pub(crate) entries: Entries,
    pub(crate) records: Records,
    pub(crate) rows: Rows,
    pub(crate) buckets: Buckets,
    pub(crate) access: Access,
    pub(crate) statistics: Statistics,
    pub(crate) scanner: Scanner,
    sweep: Sweep,
    pass: Pass,
}

impl Index {
    /// An empty index. The seed is for its hash tables, whose keys outsiders choose; the level is what the processor
    /// can do. Neither changes an answer.
    ///
    /// # Panics
    ///
    /// If the processor cannot do that much.
    #[must_use]
    pub fn new(seed: u64, level: CpuLevel) -> Self {
        Self {
            vocabulary: Vocabulary::new(seed),
            entries: Entries::new(seed),
            records: Records::new(),
            rows: Rows::new(),
            buckets: Buckets::new(),
            access: Access::new(seed),
            statistics: Statistics::new(),
            scanner: Scanner::new(level),
            sweep: Sweep::new(),
            pass: Pass::new(),
        }
    }

    /// Installs a subscription, or replaces it. Filters are accepted when they are registered: this cannot fail.
    pub fn insert(&mut self, id: SubscriptionId, operation: OperationNumber, filter: &Filter) {
        self.remove(id);
        let slot = id.slot();
        let handle = self.entries.insert(Entry {
            session: id.session,
            operation,
            number: id.number,
            record: NOWHERE,
            place: NOWHERE,
            slot,
            is_alone: false,
        });
        self.install(handle, filter);
    }

    /// Removes a subscription; the operation number of what was removed.
    pub fn remove(&mut self, id: SubscriptionId) -> Option<OperationNumber> {
        let handle = self.entries.find(id, id.slot())?;
        let operation = self.entries.get(handle).operation;
        self.uninstall(handle);
        self.entries.remove(handle);
        Some(operation)
    }

    /// Matches a batch of flat attributes, in order; only what lies in a visible slot is kept: the slots that this
    /// matcher owns under the stamped epoch of the batch. The hits are appended.
    pub fn match_batch(&mut self, batch: &[&Attributes], visible: &SlotSet, hits: &mut Hits) {
        let mut pass = core::mem::take(&mut self.pass);
        for flat in batch {
            pass.prepare(self, flat);
            pass.run(self, flat);
            pass.collect(self, visible, hits);
            self.choose_again(pass.candidates());
        }
        self.pass = pass;
    }

    /// Reads a notification and does nothing with it: what [`Self::find`] begins with, so that it can be measured alone.
    pub fn prepare(&mut self, flat: &Attributes) {
        let mut pass = core::mem::take(&mut self.pass);
        pass.prepare(self, flat);
        self.pass = pass;
    }

    /// The subscriptions that match, whatever their slots, as dense numbers of this index's own, in no order, some maybe
    /// twice: what [`Self::match_batch`] does before it asks whose they are.
    pub fn find(&mut self, flat: &Attributes) -> &[u32] {
        let mut pass = core::mem::take(&mut self.pass);
        pass.prepare(self, flat);
        pass.run(self, flat);
        self.pass = pass;
        self.pass.handles()
    }

    /// Whether a subscription is there.
    #[must_use]
    pub fn contains(&self, id: SubscriptionId) -> bool {
        self.entries.find(id, id.slot()).is_some()
    }

    /// The operation that set a subscription's filter.
    #[must_use]
    pub fn operation(&self, id: SubscriptionId) -> Option<OperationNumber> {
        let handle = self.entries.find(id, id.slot())?;
        Some(self.entries.get(handle).operation)
    }

    /// A subscription as it is copied to another matcher.
    #[must_use]
    pub fn stored(&self, id: SubscriptionId) -> Option<StoredSubscription> {
        let handle = self.entries.find(id, id.slot())?;
        let entry = self.entries.get(handle);
        Some(StoredSubscription {
            id,
            operation: entry.operation,
            filter: self.records.canonical(entry.record),
        })
    }

    /// The ids in a slot, appended to `out`, in an order that depends on what was done to the index and on nothing else.
    pub fn slot(&self, slot: SlotId, out: &mut Vec<SubscriptionId>) {
        let handles = self.entries.slot(slot);
        out.extend(handles.map(|handle| self.entries.get(handle).id()));
    }

    /// How many subscriptions a slot has.
    #[must_use]
    pub fn slot_len(&self, slot: SlotId) -> usize {
        self.entries.slot_len(slot)
    }

    /// How many subscriptions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no subscription.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how many bytes it holds, all told.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let parts = self.bytes_by_part();
        parts.iter().map(|(_, bytes)| bytes).sum::<usize>() + size_of::<Self>()
    }

    /// About how many bytes each part holds.
    #[must_use]
    pub fn bytes_by_part(&self) -> [(&'static str, usize); 8] {
        [
            ("entries and slots", self.entries.bytes()),
            ("records", self.records.bytes()),
            ("keys", self.access.bytes()),
            ("postings", self.buckets.bytes()),
            ("rows", self.rows.bytes()),
            ("vocabulary", self.vocabulary.bytes()),
            ("statistics", self.statistics.bytes()),
            ("scratch", self.pass.bytes()),
        ]
    }

    /// Now and then looks at a subscription whether its keys still are the best, by what the traffic has taught. Bounded:
    /// one subscription a notification at most.
    fn choose_again(&mut self, candidates: usize) {
        let Some(handle) = self
            .sweep
            .step(self.statistics.seen(), self.entries.bound())
        else {
            return;
        };
        let record = self.entries.get(handle).record;
        if record == NOWHERE {
            return;
        }
        let mut locations = Vec::new();
        self.records.locations(record, handle, &mut locations);
        let shares = locations.iter().map(|location| self.share(location.key));
        let share = shares.sum::<f32>();
        if share < SHARE_DEAR {
            return;
        }
        let canonical = self.records.canonical(record);
        let filter = Filter::from_canonical(&canonical).expect("this version made it");
        if self.best_share(&filter) * 2.0 < share {
            self.uninstall(handle);
            self.install(handle, &filter);
        }
        self.sweep.rest(candidates);
    }

    /// What part of the notifications would have one of the keys that were chosen now.
    fn best_share(&mut self, filter: &Filter) -> f32 {
        let rows = self.vocabulary.acquire(filter);
        let mut share = 0.0;
        for tests in &rows {
            let choice = self.choose(tests);
            share += choice.share;
            if let Some(key) = choice.keys.first() {
                self.access.shapes_mut().release(key.shape);
            }
        }
        for test in rows.iter().flatten() {
            self.vocabulary.release(test);
        }
        share
    }

    /// What part of the notifications has a key, by estimate.
    fn share(&self, key: Key) -> f32 {
        let values = [key.first, key.second];
        let facets = self.access.shapes().facets(key.shape).zip(values);
        let shares = facets.map(|(facet, value)| {
            let prior = self.vocabulary.popularity(facet, value);
            self.statistics.share(facet, value, prior)
        });
        shares.product()
    }

    /// Puts rows and postings of a filter under a handle.
    fn install(&mut self, handle: u32, filter: &Filter) {
        let rows = self.vocabulary.acquire(filter);
        let mut locations = Vec::new();
        let choices = rows
            .iter()
            .map(|tests| self.choose(tests))
            .collect::<Vec<_>>();
        let postings = choices
            .iter()
            .map(|choice| choice.keys.len())
            .sum::<usize>();
        self.entries.get_mut(handle).is_alone = postings == 1;
        for (tests, choice) in rows.iter().zip(&choices) {
            self.install_row(handle, tests, choice, &mut locations);
        }
        let record = self.records.insert(&locations, &filter.canonical().0);
        self.entries.get_mut(handle).record = record;
    }

    fn choose(&mut self, tests: &[Test]) -> Choice {
        let mut chooser = Chooser {
            vocabulary: &self.vocabulary,
            statistics: &self.statistics,
            access: &mut self.access,
            buckets: &self.buckets,
        };
        let choice = chooser.choose(tests);
        if let Some(key) = choice.keys.first() {
            self.access.shapes_mut().acquire(key.shape);
        }
        choice
    }

    fn install_row(
        &mut self,
        handle: u32,
        tests: &[Test],
        choice: &Choice,
        locations: &mut Vec<Location>,
    ) {
        let (facet, interval) = match choice.column.map(|at| &tests[at]) {
            Some(Test::Equal(facet, value)) => (*facet, Interval::only(*value)),
            Some(Test::Inside(facet, interval)) => (*facet, *interval),
            Some(_) | None => (FacetId::ALWAYS, Interval::ALL),
        };
        let target = self.target(handle, tests, choice);
        let posting = Posting {
            facet,
            interval,
            target,
        };
        for &key in &choice.keys {
            self.access.shapes_mut().acquire(key.shape);
            self.vocabulary.hold(facet, interval);
            let values = [key.first, key.second];
            for (facet, value) in self.access.shapes().facets(key.shape).zip(values) {
                self.vocabulary.hold(facet, Interval::only(value));
            }
            self.post(key, posting);
            locations.push(Location { key, facet, target });
        }
        if let Some(key) = choice.keys.first() {
            self.access.shapes_mut().release(key.shape);
        }
        let stays = |index: &usize| is_left(choice, *index) && !choice.keys.is_empty();
        for (index, test) in tests.iter().enumerate() {
            if !stays(&index) {
                self.vocabulary.release(test);
            }
        }
    }

    /// Where a row's postings lead: to the tests that are left, if there are any.
    fn target(&mut self, handle: u32, tests: &[Test], choice: &Choice) -> Target {
        let left = tests
            .iter()
            .enumerate()
            .filter(|(index, _)| is_left(choice, *index))
            .map(|(_, test)| test.clone())
            .collect::<Vec<_>>();
        if left.is_empty() || choice.keys.is_empty() {
            return Target::subscription(handle);
        }
        Target::row(self.rows.insert(handle, &left))
    }

    fn post(&mut self, key: Key, posting: Posting) {
        let Some(mut bucket) = self.access.find(key) else {
            let bucket = self.buckets.create(posting);
            self.access.set(key, Some(bucket));
            return;
        };
        let before = bucket;
        let (rows, entries) = (&self.rows, &mut self.entries);
        self.buckets.add(&mut bucket, posting, rows, |moved| {
            remember(rows, entries, moved);
        });
        if bucket != before {
            self.access.set(key, Some(bucket));
        }
    }

    /// Takes everything that is under a handle out, but not the entry.
    fn uninstall(&mut self, handle: u32) {
        let Entry {
            record,
            place,
            is_alone,
            ..
        } = *self.entries.get(handle);
        let place = Some(place).filter(|&place| is_alone && place != NOWHERE);
        let mut locations = Vec::new();
        self.records.locations(record, handle, &mut locations);
        for location in &locations {
            self.withdraw(location, place);
        }
        locations.dedup_by_key(|location| location.target);
        for location in locations {
            if location.target.handle().is_none() {
                for test in self.rows.remove(location.target.0) {
                    self.vocabulary.release(&test);
                }
            }
        }
        self.records.remove(record);
    }

    fn withdraw(&mut self, location: &Location, place: Option<u32>) {
        let Location { key, facet, target } = *location;
        let before = self
            .access
            .find(key)
            .expect("what is recorded of a subscription has a bucket");
        let mut bucket = before;
        let posting = Whereabouts {
            facet,
            target,
            place,
        };
        let removed = self.buckets.remove(&mut bucket, posting, &self.rows);
        if let Some(moved) = removed.moved {
            remember(&self.rows, &mut self.entries, moved);
        }
        if removed.is_last {
            self.access.set(key, None);
        } else if bucket != before {
            self.access.set(key, Some(bucket));
        }
        self.vocabulary
            .release_value(facet, removed.posting.interval);
        let values = [key.first, key.second];
        for (facet, value) in self.access.shapes().facets(key.shape).zip(values) {
            self.vocabulary.release_value(facet, Interval::only(value));
        }
        self.access.shapes_mut().release(key.shape);
    }
}

/// Keeps the place of a subscription's only posting.
fn remember(rows: &Rows, entries: &mut Entries, moved: Moved) {
    let entry = entries.get_mut(rows.handle_of(moved.target));
    if entry.is_alone {
        entry.place = moved.place;
    }
}

/// Whether a test is neither in the key nor in the column.
fn is_left(choice: &Choice, index: usize) -> bool {
    choice.column != Some(index) && !choice.key_tests.contains(&index)
}
