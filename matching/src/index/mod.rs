//! The index: what is held, and how it changes. How a filter comes in stands in `install.rs`, how many do in `load.rs`,
//! and how they are asked in `pass.rs`.

mod install;
mod load;
mod pass;

use alloc::boxed::Box;
use alloc::vec::Vec;

use gomera_filter::{Filter, MalformedFilter};
use gomera_model::operation::{CanonicalFilter, StoredSubscription};
use gomera_model::{Attributes, OperationNumber, SlotId, SubscriptionId};

use crate::access::Access;
use crate::bucket::Buckets;
use crate::entries::{Entries, Entry, NOWHERE};
use crate::hits::Hits;
use crate::level::CpuLevel;
use crate::limits::SHARE_DEAR;
use crate::record::Records;
use crate::rows::Rows;
use crate::scan::Scanner;
use crate::slot_set::SlotSet;
use crate::statistics::Statistics;
use crate::sweep::Sweep;
use crate::vocabulary::Vocabulary;
use install::Scratch;
use load::Loading;
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
    /// Away while it is in use.
    scratch: Option<Box<Scratch>>,
    /// Away while it is in use.
    loading: Vec<Loading>,
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
            scratch: None,
            loading: Vec::new(),
        }
    }

    /// Installs a subscription, or replaces it. Filters are accepted when they are registered: this cannot fail.
    pub fn insert(&mut self, id: SubscriptionId, operation: OperationNumber, filter: &Filter) {
        self.insert_canonical(id, operation, &filter.canonical())
            .expect("a filter has a canonical form");
    }

    /// The same for a filter in canonical form, which is how one comes from elsewhere.
    ///
    /// # Errors
    ///
    /// If it was not made by this version. Then the subscription is not there any more.
    pub fn insert_canonical(
        &mut self,
        id: SubscriptionId,
        operation: OperationNumber,
        filter: &CanonicalFilter,
    ) -> Result<(), MalformedFilter> {
        let spot = self.entries.spot(id);
        if let Some(handle) = self.entries.find(&spot) {
            self.take_out(handle);
        }
        let handle = self.entries.insert(Entry::new(&spot, operation), &spot);
        let installed = self.install(handle, filter);
        if installed.is_err() {
            self.entries.remove(handle);
        }
        installed
    }

    /// Removes a subscription; the operation number of what was removed.
    pub fn remove(&mut self, id: SubscriptionId) -> Option<OperationNumber> {
        let handle = self.find_handle(id)?;
        let operation = self.entries.get(handle).operation;
        self.take_out(handle);
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
        self.find_handle(id).is_some()
    }

    /// The operation that set a subscription's filter.
    #[must_use]
    pub fn operation(&self, id: SubscriptionId) -> Option<OperationNumber> {
        let handle = self.find_handle(id)?;
        Some(self.entries.get(handle).operation)
    }

    /// A subscription as it is copied to another matcher.
    #[must_use]
    pub fn stored(&self, id: SubscriptionId) -> Option<StoredSubscription> {
        let handle = self.find_handle(id)?;
        let entry = self.entries.get(handle);
        Some(StoredSubscription {
            id,
            operation: entry.operation,
            filter: self.canonical(entry.record),
        })
    }

    /// The ids in a slot, appended to `out`, in an order that depends on what was done to the index and on nothing else.
    pub fn slot(&self, slot: SlotId, out: &mut Vec<SubscriptionId>) {
        let handles = self.entries.slot(slot);
        out.extend(handles.map(|handle| self.entries.get(handle).id()));
    }

    /// The ids in a slot, each with the operation that set its filter, in the order of [`Self::slot`].
    pub fn slot_operations(
        &self,
        slot: SlotId,
    ) -> impl Iterator<Item = (SubscriptionId, OperationNumber)> {
        let entries = self.entries.slot(slot).map(|at| self.entries.get(at));
        entries.map(|entry| (entry.id(), entry.operation))
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
            (
                "scratch",
                self.pass.bytes()
                    + self.scratch.as_ref().map_or(0, |scratch| scratch.bytes())
                    + self.loading.iter().map(Loading::bytes).sum::<usize>(),
            ),
        ]
    }

    fn find_handle(&self, id: SubscriptionId) -> Option<u32> {
        self.entries.find(&self.entries.spot(id))
    }

    fn take_out(&mut self, handle: u32) {
        self.uninstall(handle);
        self.entries.remove(handle);
    }

    /// The canonical form of the filter of a record.
    fn canonical(&self, record: u32) -> CanonicalFilter {
        let kept = self.records.get(record).kept();
        self.vocabulary.canonical(kept)
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
        if self.entries.get(handle).record == NOWHERE {
            return;
        }
        let share = self.share_of(handle);
        if share < SHARE_DEAR {
            return;
        }
        self.improve(handle, share);
        self.sweep.rest(candidates);
    }
}
