//! A store, hosts and instances around a coordinator, one input at a time, with scripted faults.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::format;
use std::string::String;
use std::vec;
use std::vec::Vec;

use gomera_model::control::{Control, Copied, Plan, Strategy};
use gomera_model::time::{Duration, Timestamp};
use gomera_model::{Epoch, HostId};

use super::super::*;
use crate::document::Put;
use crate::host::Layout;
use crate::request::Answer;
use crate::store::EmbeddedStore;

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Written, and said so.
    Good,
    /// Not written: a conflict is reported, though nobody else wrote.
    Conflict,
    /// Written, and unknown.
    UnknownDone,
    /// Not written, and unknown.
    UnknownLost,
    /// Unknown, and written so many rounds of inputs later.
    UnknownLate(u8),
    /// Neither written nor answered.
    Silent,
}

/// Something that the coordinator will be given.
#[derive(Clone, Debug)]
pub(super) enum Input {
    Document(Path),
    Written(WriteId, Result<Vec<Version>, WriteError>),
    Started(Incarnation),
    Failed(Incarnation),
    Report(Incarnation, Report),
    Late(u8, Vec<Put>),
}

pub(super) struct World {
    pub(super) coordinator: Coordinator,
    pub(super) store: EmbeddedStore,
    pub(super) now: Time,
    pub(super) inputs: VecDeque<Input>,
    pub(super) running: BTreeSet<Incarnation>,
    pub(super) ended: BTreeSet<Incarnation>,
    pub(super) told: Vec<(Incarnation, Control)>,
    pub(super) answers: Vec<(RequestId, Answer)>,
    pub(super) unreadable: Vec<Path>,
    /// Fates of the next writes; then all are good.
    pub(super) fates: VecDeque<Fate>,
    pub(super) writes: usize,
    /// Instances answer what they are told.
    pub(super) lively: bool,
    /// Every report is given twice.
    pub(super) twice: bool,
    /// Starting these fails.
    pub(super) unstartable: BTreeSet<Incarnation>,
    pub(super) wake_at: Option<Time>,
    /// Whom a new leader finds.
    pub(super) hosts: Vec<HostEntry>,
    /// The topology that each instance has learned.
    pub(super) knows: BTreeMap<Incarnation, Epoch>,
    /// Every effect, by name.
    pub(super) seen: Vec<String>,
    plans: BTreeMap<OperationId, Arc<Plan>>,
    closed: BTreeMap<OperationId, BTreeSet<Incarnation>>,
    copied: BTreeMap<OperationId, BTreeSet<Incarnation>>,
}

pub(super) const HOST: HostId = HostId(1);

pub(super) fn settings() -> Settings {
    let mut layout = Layout::of_each(2);
    layout.counts.insert(Layer::Matchers, 1);
    Settings {
        layout,
        copy_rate: None,
    }
}

pub(super) fn host() -> HostEntry {
    HostEntry {
        zone: "a".into(),
        ..HostEntry::of_all(HOST)
    }
}

pub(super) fn matchers(count: u32) -> ScaleRequest {
    wish([(Layer::Matchers, count)])
}

pub(super) fn wish<const N: usize>(layers: [(Layer, u32); N]) -> ScaleRequest {
    ScaleRequest {
        wishes: layers.into(),
        strategy: Strategy::Live,
        dry_run: false,
        reason: "load".into(),
        idempotency_key: None,
        asked_at: Timestamp(1_000),
    }
}

impl World {
    /// Nothing has happened yet.
    pub(super) fn empty() -> Self {
        Self {
            coordinator: Coordinator::new(settings()),
            store: EmbeddedStore::new(),
            now: Time(1_000_000_000),
            inputs: VecDeque::new(),
            running: BTreeSet::new(),
            ended: BTreeSet::new(),
            told: Vec::new(),
            answers: Vec::new(),
            unreadable: Vec::new(),
            fates: VecDeque::new(),
            writes: 0,
            lively: true,
            twice: false,
            unstartable: BTreeSet::new(),
            wake_at: None,
            hosts: vec![host()],
            knows: BTreeMap::new(),
            seen: Vec::new(),
            plans: BTreeMap::new(),
            closed: BTreeMap::new(),
            copied: BTreeMap::new(),
        }
    }

    /// The first topology is laid out and runs.
    pub(super) fn running() -> Self {
        let mut world = Self::empty();
        world.lead();
        world.run();
        assert!(world.coordinator.is_ready());
        world.told.clear();
        world.writes = 0;
        world
    }

    /// The same, over several hosts.
    pub(super) fn running_on(hosts: &[HostEntry]) -> Self {
        let mut world = Self::empty();
        world.hosts = hosts.to_vec();
        world.lead();
        world.run();
        assert!(world.coordinator.is_ready());
        world
    }

    /// A new leader that knows nothing.
    pub(super) fn lead(&mut self) {
        self.coordinator = Coordinator::new(settings());
        self.wake_at = None;
        self.inputs
            .retain(|input| matches!(input, Input::Late(..) | Input::Report(..)));
        let hosts = self.hosts.clone();
        self.input(|c, now, effects| {
            c.started(now, effects);
            for host in hosts {
                c.host(now, host, effects);
            }
        });
    }

    pub(super) fn input(&mut self, give: impl FnOnce(&mut Coordinator, Time, &mut Effects)) {
        self.now = self.now + Duration::from_micros(10);
        let mut effects = Effects::new();
        give(&mut self.coordinator, self.now, &mut effects);
        for effect in effects.drain() {
            self.carry_out(effect);
        }
    }

    pub(super) fn scale(&mut self, request: u64, scale: ScaleRequest) {
        self.input(|c, now, e| c.scale(now, RequestId(request), scale, e));
    }

    pub(super) fn abort(&mut self, request: u64, operation: u64) {
        self.input(|c, now, e| c.abort(now, RequestId(request), OperationId(operation), e));
    }

    pub(super) fn drain(&mut self, request: u64, host: u64) {
        self.input(|c, now, e| c.drain(now, RequestId(request), HostId(host), e));
    }

    /// An instance dies, and that becomes known.
    pub(super) fn kill(&mut self, who: Incarnation) {
        self.running.remove(&who);
        self.ended.insert(who);
        self.inputs.push_back(Input::Failed(who));
    }

    pub(super) fn report(&mut self, from: u64, report: Report) {
        self.input(|c, now, e| c.report(now, Incarnation(from), report, e));
    }

    /// Gives the next input; `false` if there is none.
    pub(super) fn step(&mut self) -> bool {
        let Some(input) = self.inputs.pop_front() else {
            return false;
        };
        let document = |path| self.store.read(path);
        match input {
            Input::Document(path) => {
                let document = document(path);
                self.input(|c, now, e| c.document(now, document, e));
            }
            Input::Written(id, outcome) => self.input(|c, now, e| c.written(now, id, outcome, e)),
            Input::Started(who) => self.input(|c, now, e| c.started_instance(now, who, e)),
            Input::Failed(who) => self.input(|c, now, e| c.failed(now, who, e)),
            Input::Report(from, report) => self.input(|c, now, e| c.report(now, from, report, e)),
            Input::Late(0, puts) => {
                if self.store.write(&puts).is_ok() {
                    self.inputs.push_back(Input::Document(Path::Operation));
                }
            }
            Input::Late(rounds, puts) => self.inputs.push_back(Input::Late(rounds - 1, puts)),
        }
        true
    }

    /// Gives inputs and lets time pass until nothing more happens.
    pub(super) fn run(&mut self) {
        for _ in 0..10_000 {
            if self.step() {
                continue;
            }
            let Some(at) = self.wake_at.take() else {
                return;
            };
            self.now = self.now.max(at);
            self.input(Coordinator::wake);
        }
        panic!("it never comes to rest");
    }

    pub(super) fn topology(&self) -> Topology {
        let stored = self.store.read(Path::Topology).stored.unwrap();
        crate::stored::read_topology(&stored.bytes).unwrap()
    }

    pub(super) fn record(&self, id: u64) -> &OperationRecord {
        self.coordinator.operation(OperationId(id)).unwrap()
    }

    pub(super) fn last_answer(&self) -> &Answer {
        &self.answers.last().unwrap().1
    }

    /// Everyone of the topology runs, and nobody else.
    pub(super) fn assert_in_order(&self) {
        let topology = self.topology();
        assert_eq!(topology.check(), Ok(()));
        let there: BTreeSet<_> = topology.instances.iter().map(|i| i.incarnation).collect();
        assert_eq!(self.running, there, "who runs, and who should");
        for who in &self.running {
            assert_eq!(self.knows.get(who), Some(&topology.epoch), "{who:?} knows");
        }
        assert_eq!(self.coordinator.topology().map(|t| &**t), Some(&topology));
        assert!(self.coordinator.is_ready() && self.coordinator.is_available());
        assert_eq!(self.coordinator.under_way(), None);
    }

    fn carry_out(&mut self, effect: Effect) {
        self.seen.push(name(&effect));
        match effect {
            Effect::Observe(path) => self.inputs.push_back(Input::Document(path)),
            Effect::Write { id, puts } => self.write(id, &puts),
            Effect::Start(instance) => self.start(instance.incarnation),
            Effect::Stop(instance) => {
                self.running.remove(&instance.incarnation);
                self.ended.insert(instance.incarnation);
            }
            Effect::StopStranger(instance) => {
                self.running.remove(&instance);
                self.ended.insert(instance);
            }
            Effect::Tell { to, control } => {
                if self.ended.contains(&to) {
                    return;
                }
                assert!(
                    self.running.contains(&to),
                    "{to:?} does not run: {control:?}"
                );
                self.told.push((to, control.clone()));
                if let Control::Topology(topology) = &control {
                    let known = self.knows.entry(to).or_default();
                    *known = topology.epoch.max(*known);
                }
                if self.lively {
                    self.obey(to, control);
                }
            }
            Effect::Answer { request, answer } => self.answers.push((request, answer)),
            Effect::WakeAt(at) => {
                let earliest = self.wake_at.map_or(at, |wish| wish.min(at));
                self.wake_at = Some(earliest);
            }
            Effect::Unreadable { path, .. } => self.unreadable.push(path),
        }
    }

    fn write(&mut self, id: WriteId, puts: &[Put]) {
        self.writes += 1;
        let fate = self.fates.pop_front().unwrap_or(Fate::Good);
        let outcome = match fate {
            Fate::Good => self.store.write(puts),
            Fate::Conflict => Err(WriteError::Conflict),
            Fate::UnknownDone => {
                let _ = self.store.write(puts);
                Err(WriteError::Unknown)
            }
            Fate::UnknownLost | Fate::UnknownLate(_) => Err(WriteError::Unknown),
            Fate::Silent => return,
        };
        self.inputs.push_back(Input::Written(id, outcome));
        if let Fate::UnknownLate(rounds) = fate {
            self.inputs.push_back(Input::Late(rounds, puts.to_vec()));
        }
    }

    fn start(&mut self, who: Incarnation) {
        if self.ended.contains(&who) || self.unstartable.contains(&who) {
            self.ended.insert(who);
            return self.inputs.push_back(Input::Failed(who));
        }
        self.running.insert(who);
        self.inputs.push_back(Input::Started(who));
    }

    fn says(&mut self, from: Incarnation, report: Report) {
        for _ in 0..=usize::from(self.twice) {
            self.inputs.push_back(Input::Report(from, report.clone()));
        }
    }

    /// What a correct instance would say, without the traffic in between.
    fn obey(&mut self, to: Incarnation, control: Control) {
        match control {
            Control::Topology(topology) => self.obey_topology(to, topology.epoch),
            Control::Prepare(plan) => {
                self.says(to, Report::Confirmed(plan.operation));
                self.plans.insert(plan.operation, plan);
            }
            Control::Copy(operation) => {
                let plan = Arc::clone(&self.plans[&operation]);
                let slots: usize = plan.moves_from(to).map(|m| m.slots.len()).sum();
                assert!(slots > 0, "{to:?} has nothing to copy");
                let copied = Copied {
                    slots: slots as u64,
                    subscriptions: 2 * slots as u64,
                    bytes: 20 * slots as u64,
                };
                self.says(to, Report::Copying { operation, copied });
                self.says(to, Report::Copied { operation, copied });
                self.copied.entry(operation).or_default().insert(to);
                self.end(&plan);
            }
            Control::Close(operation) => {
                let plan = Arc::clone(&self.plans[&operation]);
                self.closed.entry(operation).or_default().insert(to);
                self.end(&plan);
            }
            Control::Abort(_) => {}
        }
    }

    /// END comes to the new owners when every old one has copied and has every CLOSE.
    fn end(&mut self, plan: &Plan) {
        let points: BTreeSet<_> = plan.next.incarnations(Layer::AccessPoints).collect();
        let givers: BTreeSet<_> = plan.moves.iter().map(|m| m.from).collect();
        let closed = self.closed.get(&plan.operation) == Some(&points);
        if closed && self.copied.get(&plan.operation) == Some(&givers) {
            let takers: BTreeSet<_> = plan.moves.iter().map(|m| m.to).collect();
            for taker in takers {
                self.says(taker, Report::Ended(plan.operation));
            }
        }
    }

    fn obey_topology(&mut self, to: Incarnation, epoch: Epoch) {
        let newest_plan = self.plans.values().next_back();
        let planned = newest_plan.is_some_and(|plan| plan.next.epoch <= epoch);
        if !planned {
            return;
        }
        let flipped = Report::Flipped {
            epoch,
            held: to.0,
            held_ns_max: 1_000 * to.0,
        };
        // The coordinator takes from each layer what it awaits of it, and ignores the rest.
        for report in [
            flipped,
            Report::Drained(epoch),
            Report::Joined(epoch),
            Report::Filled(epoch),
            Report::Emptied(epoch),
            Report::Settled(epoch),
        ] {
            self.says(to, report);
        }
    }
}

/// What is told, by kind, with the receivers.
pub(super) fn summary(told: &[(Incarnation, Control)]) -> Vec<(&'static str, Vec<u64>)> {
    let mut summary: Vec<(&'static str, Vec<u64>)> = vec![];
    for (to, control) in told {
        let kind = kind(control);
        match summary.last_mut() {
            Some((last, to_all)) if *last == kind => to_all.push(to.0),
            Some(_) | None => summary.push((kind, vec![to.0])),
        }
    }
    summary
}

pub(super) fn kind(control: &Control) -> &'static str {
    match control {
        Control::Topology(_) => "topology",
        Control::Prepare(_) => "prepare",
        Control::Copy(_) => "copy",
        Control::Close(_) => "close",
        Control::Abort(_) => "abort",
    }
}

/// An effect in words.
fn name(effect: &Effect) -> String {
    match effect {
        Effect::Observe(path) => format!("observe {}", path.name()),
        Effect::Write { puts, .. } => format!("write {}", puts.len()),
        Effect::Start(_) => "start".into(),
        Effect::Stop(_) => "stop".into(),
        Effect::StopStranger(_) => "stop stranger".into(),
        Effect::Tell { control, .. } => format!("tell {}", kind(control)),
        Effect::Answer { answer, .. } => match answer {
            Answer::Accepted(_) => "answer accepted".into(),
            Answer::Unchanged => "answer unchanged".into(),
            Answer::Plan(_) => "answer plan".into(),
            Answer::Busy(_) => "answer busy".into(),
            Answer::Impossible(_) => "answer impossible".into(),
            Answer::Unavailable { .. } => "answer unavailable".into(),
            Answer::Aborted(_) => "answer aborted".into(),
            Answer::TooLate(_) => "answer too late".into(),
            Answer::NoSuchOperation(_) => "answer no such operation".into(),
            Answer::NotWhole { .. } => "answer not whole".into(),
            Answer::Draining { .. } => "answer draining".into(),
            Answer::NoSuchHost(_) => "answer no such host".into(),
        },
        Effect::WakeAt(_) => "wake".into(),
        Effect::Unreadable { .. } => "unreadable".into(),
    }
}
