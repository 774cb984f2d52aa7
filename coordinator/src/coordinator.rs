//! The state machine.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use gomera_model::control::Report;
use gomera_model::{HostId, Incarnation, OperationId, Time, Topology};

use crate::document::{Document, Version, WriteError, WriteId};
use crate::effect::Effects;
use crate::host::{HostEntry, Load, Settings};
use crate::record::OperationRecord;
use crate::request::{RequestId, ScaleRequest};

/// The coordinator.
#[derive(Debug)]
pub struct Coordinator {
    settings: Settings,
    topology: Option<Arc<Topology>>,
    history: VecDeque<OperationRecord>,
}

impl Coordinator {
    /// One that does not lead yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            topology: None,
            history: VecDeque::new(),
        }
    }

    /// It leads from now on: asks for the documents, and goes on from what they say.
    pub fn started(&mut self, now: Time, effects: &mut Effects) {
        let _ = (now, effects);
    }

    /// A document as read from the store.
    pub fn document(&mut self, now: Time, document: Document, effects: &mut Effects) {
        let _ = (now, document, effects);
    }

    /// The outcome of a [`crate::Effect::Write`]; the new versions in the order of its documents.
    pub fn written(
        &mut self,
        now: Time,
        id: WriteId,
        outcome: Result<Vec<Version>, WriteError>,
        effects: &mut Effects,
    ) {
        let _ = (now, id, outcome, effects);
    }

    /// A host exists, or its entry has changed.
    pub fn host(&mut self, now: Time, entry: HostEntry, effects: &mut Effects) {
        let _ = (now, entry, effects);
    }

    /// A host is gone, with everything that ran there.
    pub fn host_gone(&mut self, now: Time, host: HostId, effects: &mut Effects) {
        let _ = (now, host, effects);
    }

    /// An instance runs and can be told something.
    pub fn started_instance(&mut self, now: Time, instance: Incarnation, effects: &mut Effects) {
        let _ = (now, instance, effects);
    }

    /// An instance could not be started, or has ended without being stopped.
    pub fn failed(&mut self, now: Time, instance: Incarnation, effects: &mut Effects) {
        let _ = (now, instance, effects);
    }

    /// An instance reports. May come early, late and twice.
    pub fn report(&mut self, now: Time, from: Incarnation, report: Report, effects: &mut Effects) {
        let _ = (now, from, report, effects);
    }

    /// What an instance holds; for the expectations of a dry run.
    pub fn load(&mut self, from: Incarnation, load: Load) {
        let _ = (from, load);
    }

    /// Somebody asks for another number of instances. Answered once.
    pub fn scale(
        &mut self,
        now: Time,
        request: RequestId,
        scale: ScaleRequest,
        effects: &mut Effects,
    ) {
        let _ = (now, request, scale, effects);
    }

    /// Somebody asks to give an operation up. Answered once.
    pub fn abort(
        &mut self,
        now: Time,
        request: RequestId,
        operation: OperationId,
        effects: &mut Effects,
    ) {
        let _ = (now, request, operation, effects);
    }

    /// A time that it asked for has come.
    pub fn wake(&mut self, now: Time, effects: &mut Effects) {
        let _ = (now, effects);
    }

    /// The topology in force, as far as it is known.
    #[must_use]
    pub fn topology(&self) -> Option<&Arc<Topology>> {
        self.topology.as_ref()
    }

    /// An operation: the one under way or one of the last [`crate::limits::HISTORY_MAX`].
    #[must_use]
    pub fn operation(&self, id: OperationId) -> Option<&OperationRecord> {
        self.operations().find(|record| record.id == id)
    }

    /// All that are remembered, oldest first; the one under way is the last.
    pub fn operations(&self) -> impl DoubleEndedIterator<Item = &OperationRecord> {
        self.history.iter()
    }

    /// The operation under way.
    #[must_use]
    pub fn under_way(&self) -> Option<&OperationRecord> {
        None
    }

    /// Whether the topology is known and every instance of it runs.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let _ = &self.settings;
        false
    }

    /// Whether it can read and write its documents, as far as it knows: `false` from the start to the first reading, and
    /// while the outcome of a write is not known.
    #[must_use]
    pub fn is_available(&self) -> bool {
        false
    }
}
