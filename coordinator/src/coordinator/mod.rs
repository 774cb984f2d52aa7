//! The state machine.
//!
//! ```text
//!                  started                 both read                     a step, a request
//!   WAITING ───────────────► READING ───────────────────► SETTLED ─────────────────────────► WRITING
//!                             ▲  ▲ │                       │   ▲                               │ │
//!                             │  │ │ both absent           │   └───────── written ─────────────┘ │
//!                             │  │ └───────────► WRITING ──┼──────────────►                      │
//!                             │  └─ somebody else wrote ───┘                                     │
//!                             └──────────── conflict, or unknown outcome ────────────────────────┘
//! ```
//!
//! SETTLED holds the documents and the phase that they stand in. A conflict and an unknown outcome forget both and
//! read again, exactly as a new leader would: there is one way to take up an operation, and it starts from the
//! documents.

mod asking;
mod draining;
mod holdings;
mod leading;
mod reading;
mod recovering;
mod row;
mod stats;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use gomera_model::control::Report;
use gomera_model::{HostId, Incarnation, Layer, OperationId, Time, Topology};

use crate::document::{Document, Path, Version, WriteError, WriteId};
use crate::effect::{Effect, Effects};
use crate::host::{HostEntry, Load, Settings};
use crate::operation::{Committing, Phase};
use crate::record::OperationRecord;
use crate::reports::Reports;
use crate::request::{RequestId, ScaleRequest};
use crate::rules::Rules;
use crate::stored::Counters;
use crate::wholeness::Missing;
use asking::{Ask, Waiting};
use reading::Reading;

pub use holdings::Holding;
pub use stats::CoordinatorStats;

/// The coordinator.
#[derive(Clone, Debug)]
pub struct Coordinator {
    settings: Settings,
    rules: Rules,
    hosts: BTreeMap<HostId, HostEntry>,
    loads: BTreeMap<Incarnation, Load>,
    /// Who is known to run: only they are told anything.
    running: BTreeSet<Incarnation>,
    /// Who is known to have ended though they are needed.
    failed: BTreeSet<Incarnation>,
    /// Hosts that have gone while it was not known what ran there.
    hosts_gone: BTreeSet<HostId>,
    reports: Reports,
    /// Operations that are over, oldest first.
    history: VecDeque<OperationRecord>,
    /// The one under way, as last known.
    under_way: Option<OperationRecord>,
    /// The topology in force, as last known.
    topology: Option<Arc<Topology>>,
    /// Hosts that are being emptied, as last known.
    draining: BTreeSet<HostId>,
    /// Requests that wait until it is settled.
    waiting: VecDeque<Waiting>,
    last_write: WriteId,
    /// Since when it has not been settled; meaningless while it is.
    unsettled_at: Time,
    /// When who is awaited is told again.
    repeat_at: Time,
    stats: CoordinatorStats,
    state: State,
}

/// See the module's picture.
#[derive(Clone, Debug)]
enum State {
    Waiting,
    Reading(Box<Reading>),
    Writing(Box<Writing>),
    Settled(Box<Settled>),
}

/// What the documents say, apart from the operation.
#[derive(Clone, Debug)]
struct Held {
    topology: Arc<Topology>,
    counters: Counters,
    ended: Vec<Incarnation>,
    /// Hosts that are being emptied, or have been.
    draining: BTreeSet<HostId>,
}

/// The versions of both documents.
#[derive(Clone, Copy, Debug)]
struct Versions {
    topology: Version,
    operation: Version,
}

/// The documents are known, and nothing is being written.
#[derive(Clone, Debug)]
struct Settled {
    held: Held,
    versions: Versions,
    phase: Phase,
}

/// The outcome of a write is awaited.
#[derive(Clone, Debug)]
struct Writing {
    id: WriteId,
    /// As it will be.
    held: Held,
    /// As they were; `None` if the documents were not there.
    versions: Option<Versions>,
    then: Then,
}

/// What a successful write leads to.
#[derive(Clone, Debug)]
enum Then {
    /// This phase. Only the operation's document was written, or, at the first start, both.
    Enter(Phase),
    /// Draining. Both were written.
    Commit(Committing),
}

impl Coordinator {
    /// One that does not lead yet.
    ///
    /// # Panics
    ///
    /// If the layout lacks a layer: no broker works so.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        for layer in Layer::ALL {
            let count = settings.layout.counts.get(&layer).copied().unwrap_or(0);
            assert!(count > 0, "the layout has none of {layer:?}");
        }
        Self {
            settings,
            rules: Rules::default(),
            hosts: BTreeMap::new(),
            loads: BTreeMap::new(),
            running: BTreeSet::new(),
            failed: BTreeSet::new(),
            hosts_gone: BTreeSet::new(),
            reports: Reports::default(),
            history: VecDeque::new(),
            under_way: None,
            topology: None,
            draining: BTreeSet::new(),
            waiting: VecDeque::new(),
            last_write: WriteId(0),
            unsettled_at: Time::default(),
            repeat_at: Time::default(),
            stats: CoordinatorStats::default(),
            state: State::Waiting,
        }
    }

    /// With numbers of writes behind this one: the last of another coordinator of the same driver, the outcome of whose
    /// writes may still come.
    #[must_use]
    pub fn numbering_writes_after(mut self, last: WriteId) -> Self {
        self.last_write = last;
        self
    }

    /// The last number that it gave to a write.
    #[must_use]
    pub fn last_write(&self) -> WriteId {
        self.last_write
    }

    /// With a rule taken away.
    #[must_use]
    pub fn with_rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// It leads from now on: asks for the documents, and goes on from what they say.
    pub fn started(&mut self, now: Time, effects: &mut Effects) {
        self.unsettled_at = now;
        self.read(now, effects);
    }

    /// A document as read from the store.
    pub fn document(&mut self, now: Time, document: Document, effects: &mut Effects) {
        match &mut self.state {
            // What is being written decides itself: by its outcome.
            State::Waiting | State::Writing(_) => {}
            State::Reading(reading) => {
                if let Err(reason) = reading.take(&document) {
                    let path = document.path;
                    effects.push(Effect::Unreadable { path, reason });
                }
                self.take_up(now, effects);
            }
            State::Settled(settled) => {
                let held = settled.versions.of(document.path);
                if document.stored.is_none_or(|stored| stored.version > held) {
                    self.unsettled_at = now;
                    self.read(now, effects);
                }
            }
        }
    }

    /// The outcome of a [`Effect::Write`]; the new versions in the order of its documents.
    pub fn written(
        &mut self,
        now: Time,
        id: WriteId,
        outcome: Result<Vec<Version>, WriteError>,
        effects: &mut Effects,
    ) {
        if !matches!(&self.state, State::Writing(writing) if writing.id == id) {
            return;
        }
        match outcome {
            Ok(versions) => self.succeeded(now, &versions, effects),
            Err(error) => {
                if self.takes_for_done(error) {
                    return self.succeeded(now, &self.versions_hoped_for(), effects);
                }
                match error {
                    WriteError::Conflict => self.stats.conflicts += 1,
                    WriteError::Unknown => self.stats.unknown_outcomes += 1,
                }
                self.read(now, effects);
            }
        }
    }

    /// A host exists, or its entry has changed.
    pub fn host(&mut self, now: Time, entry: HostEntry, effects: &mut Effects) {
        self.hosts.insert(entry.id, entry);
        self.take_up(now, effects);
        self.go_on(now, effects);
    }

    /// A host is gone, with everything that ran there.
    pub fn host_gone(&mut self, now: Time, host: HostId, effects: &mut Effects) {
        self.hosts.remove(&host);
        self.hosts_gone.insert(host);
        if self.knows_documents() {
            self.fail_with_hosts();
        }
        self.go_on(now, effects);
    }

    /// An instance runs and can be told something.
    pub fn started_instance(&mut self, now: Time, instance: Incarnation, effects: &mut Effects) {
        if self.is_known(instance) && !self.failed.contains(&instance) {
            self.running.insert(instance);
            self.welcome(instance, effects);
            self.go_on(now, effects);
        }
    }

    /// An instance could not be started, or has ended without being stopped.
    pub fn failed(&mut self, now: Time, instance: Incarnation, effects: &mut Effects) {
        // Whom the documents will name is not known while they are read.
        if !self.knows_documents() || self.is_known(instance) {
            self.fail(instance);
            self.go_on(now, effects);
        }
    }

    /// An instance reports. May come early, late and twice.
    pub fn report(&mut self, now: Time, from: Incarnation, report: Report, effects: &mut Effects) {
        let heard = match &mut self.state {
            State::Waiting => false,
            // Whom the documents will name is not known yet.
            State::Reading(_) => true,
            State::Writing(_) | State::Settled(_) => self.is_known(from),
        };
        if !heard {
            self.stats.reports_of_strangers += 1;
            if self.is_to_stop(from) {
                effects.push(Effect::StopStranger(from));
            }
            return;
        }
        self.reports.take(from, report);
        self.note();
        self.go_on(now, effects);
    }

    /// What an instance holds; for the expectations of a dry run.
    pub fn load(&mut self, from: Incarnation, load: Load) {
        if self.is_known(from) {
            self.loads.insert(from, load);
        }
    }

    /// Somebody asks for another number of instances. Answered once.
    pub fn scale(
        &mut self,
        now: Time,
        request: RequestId,
        scale: ScaleRequest,
        effects: &mut Effects,
    ) {
        let tried = None;
        let scale = Box::new(scale);
        let ask = Ask::Scale {
            request,
            scale,
            tried,
        };
        self.ask(now, ask, effects);
    }

    /// Somebody asks to give an operation up. Answered once.
    pub fn abort(
        &mut self,
        now: Time,
        request: RequestId,
        operation: OperationId,
        effects: &mut Effects,
    ) {
        self.ask(now, Ask::Abort { request, operation }, effects);
    }

    /// Somebody asks for a host to be emptied. Answered once, when that is written.
    pub fn drain(&mut self, now: Time, request: RequestId, host: HostId, effects: &mut Effects) {
        self.ask(now, Ask::Drain { request, host }, effects);
    }

    /// A time that it asked for has come.
    pub fn wake(&mut self, now: Time, effects: &mut Effects) {
        self.expire(now, effects);
        if now >= self.repeat_at {
            self.repeat(now, effects);
        } else if self.repeats() {
            effects.push(Effect::WakeAt(self.repeat_at));
        }
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
        self.history.iter().chain(&self.under_way)
    }

    /// The operation under way.
    #[must_use]
    pub fn under_way(&self) -> Option<&OperationRecord> {
        self.under_way.as_ref()
    }

    /// Whether the topology is known and every instance of it runs.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.topology.as_ref().is_some_and(|topology| {
            let mut instances = topology.instances.iter();
            instances.all(|instance| self.running.contains(&instance.incarnation))
        })
    }

    /// Hosts that are being emptied, or have been.
    #[must_use]
    pub fn draining(&self) -> &BTreeSet<HostId> {
        &self.draining
    }

    /// What is missing before everything is whole: held as often as it shall be, so that the next death may come.
    #[must_use]
    pub fn missing(&self) -> Option<Missing> {
        if let Some(failed) = self.failed_member() {
            return Some(Missing::Lost(failed));
        }
        match &self.under_way {
            Some(record) => Some(Missing::Operation {
                operation: record.id,
                awaited: self.awaited(),
            }),
            None => self.missing_at_rest(),
        }
    }

    /// What it counted.
    #[must_use]
    pub fn stats(&self) -> &CoordinatorStats {
        &self.stats
    }

    /// Whether it knows what its documents say: `false` before the first reading, and again after a write whose outcome
    /// is not known or that met somebody else's, until they have been read.
    #[must_use]
    pub fn is_available(&self) -> bool {
        match &self.state {
            State::Waiting | State::Reading(_) => false,
            State::Writing(_) | State::Settled(_) => true,
        }
    }
}

impl Versions {
    fn of(self, path: Path) -> Version {
        match path {
            Path::Topology => self.topology,
            Path::Operation => self.operation,
        }
    }
}

#[cfg(test)]
mod tests;
