//! From the documents to a state: at the start, after a conflict, after a write of unknown outcome.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use gomera_model::{Instance, Time, Topology};

use super::{Coordinator, Held, Settled, State, Then, Versions, Writing};
use crate::document::{Document, Path, Put, Version};
use crate::effect::{Effect, Effects};
use crate::limits::REPEAT_AFTER;
use crate::operation::Phase;
use crate::plan::{self, Ground};
use crate::record::PhaseName;
use crate::stored::{self, Counters, OperationDocument, OperationImage};

/// What has been read so far.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    topology: Seen<Topology>,
    operation: Seen<OperationDocument>,
    /// What was known before; an older reading is stale.
    floor: Option<Versions>,
}

/// One document.
#[derive(Clone, Debug)]
enum Seen<T> {
    Unread,
    Absent,
    There(Version, T),
}

impl Reading {
    fn new(floor: Option<Versions>) -> Self {
        Self {
            topology: Seen::Unread,
            operation: Seen::Unread,
            floor,
        }
    }

    /// Takes a document; why it cannot be, if it cannot.
    pub(super) fn take(&mut self, document: &Document) -> Result<(), String> {
        let floor = self.floor.map(|floor| floor.of(document.path));
        match (&document.stored, floor) {
            (Some(stored), Some(floor)) if stored.version < floor => return Ok(()),
            (None, Some(_)) => return Err("it was there and is gone".into()),
            (Some(_) | None, _) => {}
        }
        match document.path {
            Path::Topology => {
                self.topology = seen(document, stored::read_topology)?;
            }
            Path::Operation => {
                self.operation = seen(document, stored::read_operation)?;
            }
        }
        Ok(())
    }

    fn unread(&self) -> impl Iterator<Item = Path> + use<> {
        let topology = matches!(self.topology, Seen::Unread).then_some(Path::Topology);
        let operation = matches!(self.operation, Seen::Unread).then_some(Path::Operation);
        topology.into_iter().chain(operation)
    }
}

fn seen<T>(
    document: &Document,
    read: impl Fn(&[u8]) -> Result<T, String>,
) -> Result<Seen<T>, String> {
    Ok(match &document.stored {
        Some(stored) => Seen::There(stored.version, read(&stored.bytes)?),
        None => Seen::Absent,
    })
}

impl Coordinator {
    /// Forgets what it holds and reads the documents.
    pub(super) fn read(&mut self, now: Time, effects: &mut Effects) {
        let floor = match &self.state {
            State::Waiting => None,
            State::Reading(reading) => reading.floor,
            State::Writing(writing) => writing.versions,
            State::Settled(settled) => Some(settled.versions),
        };
        self.state = State::Reading(Box::new(Reading::new(floor)));
        self.read_on(now, effects);
    }

    /// Asks for what is not read yet.
    pub(super) fn read_on(&mut self, now: Time, effects: &mut Effects) {
        if let State::Reading(reading) = &self.state {
            for path in reading.unread() {
                effects.push(Effect::Observe(path));
            }
            self.repeat_at = now + REPEAT_AFTER;
            effects.push(Effect::WakeAt(self.repeat_at));
        }
    }

    /// Goes on from the documents, if both are read and belong together.
    pub(super) fn take_up(&mut self, now: Time, effects: &mut Effects) {
        let State::Reading(reading) = &mut self.state else {
            return;
        };
        let fault = match (&reading.topology, &reading.operation) {
            (Seen::Unread, _) | (_, Seen::Unread) => return,
            (Seen::Absent, Seen::Absent) => return self.found(effects),
            (Seen::Absent, Seen::There(..)) => Err((Path::Topology, Fault::Missing)),
            (Seen::There(..), Seen::Absent) => Err((Path::Operation, Fault::Missing)),
            (Seen::There(_, topology), Seen::There(_, operation)) => check(topology, operation),
        };
        // Two readings are no transaction: something may have been written between them. Later they are read anew.
        if let Err((path, fault)) = fault {
            match path {
                Path::Topology => reading.topology = Seen::Unread,
                Path::Operation => reading.operation = Seen::Unread,
            }
            let reason = fault.reason(path);
            effects.push(Effect::Unreadable { path, reason });
            return;
        }
        self.adopt(now, effects);
    }

    /// Both documents are there and belong together.
    fn adopt(&mut self, now: Time, effects: &mut Effects) {
        let State::Reading(reading) = core::mem::replace(&mut self.state, State::Waiting) else {
            unreachable!("only what was read is adopted")
        };
        let (Seen::There(topology_version, topology), Seen::There(operation_version, document)) =
            (reading.topology, reading.operation)
        else {
            unreachable!("only what is there is adopted")
        };
        let settled = Settled {
            held: Held {
                topology: Arc::new(topology),
                counters: document.counters,
                ended: document.ended,
                draining: document.draining,
            },
            versions: Versions {
                topology: topology_version,
                operation: operation_version,
            },
            phase: Phase::resume(document.operation, now),
        };
        self.settle(now, settled, effects);
    }

    /// First start: lays everything out, as soon as the hosts for it exist.
    fn found(&mut self, effects: &mut Effects) {
        let Some(topology) = plan::first(&self.settings.layout, &self.hosts) else {
            return;
        };
        let newest = topology.instances.last().map(|newest| newest.incarnation);
        let counters = Counters {
            incarnation: newest.unwrap_or_default(),
            ..Counters::default()
        };
        let image = OperationImage {
            counters,
            ended: &[],
            draining: &BTreeSet::new(),
            operation: None,
        };
        self.lay_out(topology, &image, None, effects);
    }

    /// Nothing is left of the topology: its hosts are gone, all of them. Whoever is there begins anew, behind it.
    pub(super) fn found_anew(&mut self, effects: &mut Effects) {
        let State::Settled(settled) = &self.state else {
            return;
        };
        let held = &settled.held;
        let is_gone = |instance: &Instance| {
            !self.hosts.contains_key(&instance.host) && self.failed.contains(&instance.incarnation)
        };
        if settled.phase.uncommitted().is_some() || !held.topology.instances.iter().all(is_gone) {
            return;
        }
        let (last, draining) = (held.counters.incarnation, held.draining.clone());
        let next = plan::anew(&self.settings.layout, self.ground(held));
        let Some(topology) = next else {
            return;
        };
        let newest = topology.instances.last().map(|newest| newest.incarnation);
        let image = OperationImage {
            counters: Counters {
                incarnation: newest.unwrap_or(last),
                ..held.counters
            },
            ended: &[],
            draining: &draining,
            operation: None,
        };
        let versions = settled.versions;
        self.lay_out(topology, &image, Some(versions), effects);
    }

    /// What a plan is made from, where the topology is the one in force.
    pub(super) fn ground<'a>(&'a self, held: &'a Held) -> Ground<'a> {
        Ground {
            topology: &held.topology,
            hosts: &self.hosts,
            draining: &held.draining,
            last: held.counters.incarnation,
            ended: &held.ended,
        }
    }

    /// Writes both documents, if they are still what they were.
    fn lay_out(
        &mut self,
        topology: Topology,
        image: &OperationImage<'_>,
        versions: Option<Versions>,
        effects: &mut Effects,
    ) {
        let put = |path, bytes| Put {
            path,
            expected: versions.map(|versions| versions.of(path)),
            bytes,
        };
        let puts = Vec::from([
            put(Path::Topology, stored::write(&topology)),
            put(Path::Operation, stored::write(image)),
        ]);
        let held = Held {
            topology: Arc::new(topology),
            counters: image.counters,
            ended: Vec::new(),
            draining: image.draining.clone(),
        };
        let writing = Writing {
            id: self.next_write(),
            held,
            versions,
            then: Then::Enter(Phase::Rest(None)),
        };
        self.send(writing, puts, effects);
    }
}

/// Why two documents do not belong together.
enum Fault {
    Missing,
    Older,
    Reused,
}

impl Fault {
    fn reason(&self, path: Path) -> String {
        let other = match path {
            Path::Topology => Path::Operation,
            Path::Operation => Path::Topology,
        };
        match self {
            Self::Missing => format!("it is missing, and {other} is there"),
            Self::Older => format!("it is older than what {other} says is committed"),
            Self::Reused => format!("its counter is below an incarnation in {other}"),
        }
    }
}

fn check(topology: &Topology, document: &OperationDocument) -> Result<(), (Path, Fault)> {
    let newest = topology.instances.last().map(|newest| newest.incarnation);
    if newest > Some(document.counters.incarnation) {
        return Err((Path::Operation, Fault::Reused));
    }
    let Some(operation) = &document.operation else {
        return Ok(());
    };
    match operation.record.phase {
        PhaseName::Fill | PhaseName::Drain | PhaseName::Done
            if topology.epoch < operation.present().epoch =>
        {
            Err((Path::Topology, Fault::Older))
        }
        PhaseName::Prepare
        | PhaseName::Copy
        | PhaseName::Close
        | PhaseName::Commit
        | PhaseName::Fill
        | PhaseName::Drain
        | PhaseName::Done
        | PhaseName::Aborted => Ok(()),
    }
}
