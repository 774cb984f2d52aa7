//! One notification's way through the index, in stages, so that the memory that a stage needs is asked for in the
//! stage before.
//!
//! ```text
//! prepare   attributes -> frame
//! run       frame -> keys -> buckets -> targets -> handles
//! collect   handles -> entries -> hits, sorted
//! ```

use alloc::vec::Vec;

use gomera_filter::{Filter, reference};
use gomera_model::operation::Hit;
use gomera_model::{Attributes, OperationNumber, SessionId, SubscriptionNumber};

use super::Index;
use crate::access::Key;
use crate::bucket::{Bucket, Target, Targets};
use crate::frame::Frame;
use crate::hits::Hits;
use crate::rows::Verdict;
use crate::slot_set::SlotSet;

/// What the stages hand to each other; kept from one notification to the next.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    frame: Frame,
    keys: Vec<Key>,
    buckets: Vec<Bucket>,
    /// Among them the subscriptions that match, some maybe twice.
    targets: Targets,
    found: Vec<Found>,
}

type Found = (SessionId, SubscriptionNumber, OperationNumber);

/// How far ahead memory is asked for: as many lines as a core can wait for at once.
const AHEAD: usize = 12;

/// So many subscriptions are visited in the order of their entries, in which their sessions mostly are, too.
const MANY: usize = 1024;

impl Pass {
    pub(crate) fn new() -> Self {
        Self {
            frame: Frame::new(),
            keys: Vec::new(),
            buckets: Vec::new(),
            targets: Targets::default(),
            found: Vec::new(),
        }
    }

    /// Reads a notification, and learns from it.
    pub(crate) fn prepare(&mut self, index: &mut Index, flat: &Attributes) {
        let vocabulary = &mut index.vocabulary;
        self.frame
            .read(flat, &vocabulary.facets, &vocabulary.symbols);
        vocabulary.residuals.begin();
        index.statistics.learn(&self.frame);
    }

    /// Finds what matches.
    pub(crate) fn run(&mut self, index: &mut Index, flat: &Attributes) {
        self.keys.clear();
        self.targets.clear();
        self.look_up(index);
        self.scan(index);
        self.test_sure(index, flat);
        self.test_unsure(index, flat);
    }

    /// The subscriptions that match, in no order, some maybe twice.
    pub(crate) fn handles(&self) -> &[u32] {
        &self.targets.handles
    }

    /// How many postings held of the last notification: a measure of its work.
    pub(crate) fn candidates(&self) -> usize {
        self.targets.sure.len()
    }

    /// Appends the hits, sorted, each once.
    pub(crate) fn collect(&mut self, index: &Index, visible: &SlotSet, hits: &mut Hits) {
        self.found.clear();
        if self.targets.handles.len() >= MANY {
            self.targets.handles.sort();
        }
        for (at, &handle) in self.targets.handles.iter().enumerate() {
            if let Some(&ahead) = self.targets.handles.get(at + AHEAD) {
                index.entries.fetch(ahead);
            }
            let entry = index.entries.get(handle);
            if visible.contains(entry.slot) {
                self.found
                    .push((entry.session, entry.number, entry.operation));
            }
        }
        self.found.sort_unstable();
        self.found.dedup();
        for &(session, number, operation) in &self.found {
            hits.push(session, Hit { number, operation });
        }
        hits.end();
    }

    pub(crate) fn bytes(&self) -> usize {
        self.frame.bytes()
            + self.keys.capacity() * size_of::<Key>()
            + self.buckets.capacity() * size_of::<Bucket>()
            + self.targets.bytes()
            + self.found.capacity() * size_of::<Found>()
    }

    fn look_up(&mut self, index: &Index) {
        index.access.shapes().keys(&self.frame, &mut self.keys);
        for &key in self.keys.iter().take(AHEAD) {
            index.access.fetch(key);
        }
        self.buckets.clear();
        for (at, &key) in self.keys.iter().enumerate() {
            if let Some(&ahead) = self.keys.get(at + AHEAD) {
                index.access.fetch(ahead);
            }
            if let Some(bucket) = index.access.find(key) {
                index.buckets.fetch(bucket);
                self.buckets.push(bucket);
            }
        }
    }

    fn scan(&mut self, index: &Index) {
        for &bucket in &self.buckets {
            let targets = &mut self.targets;
            index
                .buckets
                .scan(bucket, &self.frame, index.scanner, targets);
        }
    }

    fn test_sure(&mut self, index: &mut Index, flat: &Attributes) {
        let (rows, residuals) = (&index.rows, &mut index.vocabulary.residuals);
        let Targets {
            sure,
            unsure,
            handles,
            ..
        } = &mut self.targets;
        for (at, &target) in sure.iter().enumerate() {
            if let Some(&ahead) = sure.get(at + AHEAD)
                && Target(ahead).handle().is_none()
            {
                rows.fetch(ahead);
            }
            if let Some(handle) = Target(target).handle() {
                handles.push(handle);
                continue;
            }
            let cells = self.frame.cells();
            match rows.verdict(target, cells, |number| residuals.truth(number, flat)) {
                Verdict::Yes => handles.push(rows.handle(target)),
                Verdict::Unsure => unsure.push(target),
                Verdict::No => {}
            }
        }
    }

    /// Asks the whole filter where a bound is touched by a value that has no 32-bit form of its own.
    fn test_unsure(&mut self, index: &mut Index, flat: &Attributes) {
        let (rows, vocabulary) = (&index.rows, &mut index.vocabulary);
        for &target in &self.targets.unsure {
            let cells = self.frame.cells();
            let residuals = &mut vocabulary.residuals;
            let may_hold = Target(target).handle().is_some()
                || rows.verdict(target, cells, |number| residuals.truth(number, flat))
                    != Verdict::No;
            if !may_hold {
                continue;
            }
            let handle = rows.handle_of(Target(target));
            let kept = index.records.get(index.entries.get(handle).record).kept();
            let canonical = vocabulary.canonical(kept);
            if Filter::from_canonical(&canonical)
                .is_ok_and(|filter| reference::evaluate(&filter, flat).is_true())
            {
                self.targets.handles.push(handle);
            }
        }
    }
}

impl Default for Pass {
    fn default() -> Self {
        Self::new()
    }
}
