//! The coordinator, its store and the hosts' side of starting and stopping instances.

use std::collections::{BTreeMap, BTreeSet};

use gomera_coordinator::{
    Answer, Coordinator, Effect, Effects, EmbeddedStore, HostEntry, Layout, Path, Put, RequestId,
    Settings, WriteError, WriteId,
};
use gomera_model::control::{Control, Report};
use gomera_model::{Epoch, HostId, Incarnation, Instance, Layer, Time};

use super::{Cargo, Route, World};
use crate::scenario::{Forgery, Options, Scenario};

/// The coordinator and what it stands on.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) coordinator: Coordinator,
    settings: Settings,
    forgery: Option<Forgery>,
    effects: Effects,
    store: EmbeddedStore,
    observed: BTreeSet<Path>,
    pub(super) wish: Option<Time>,
    requests: u64,
    /// The highest epoch that anybody was told.
    pub(super) told: Epoch,
    /// When.
    pub(super) told_at: Time,
}

impl Cluster {
    pub(super) fn new(scenario: &Scenario, options: &Options) -> Self {
        let settings = settings(scenario);
        Self {
            coordinator: Coordinator::new(settings.clone()),
            settings,
            forgery: options.forgery,
            effects: Effects::new(),
            store: EmbeddedStore::new(),
            observed: BTreeSet::new(),
            wish: None,
            requests: 0,
            told: Epoch(0),
            told_at: Time(0),
        }
    }

    pub(super) fn next_request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId(self.requests)
    }
}

impl World {
    pub(super) fn start_coordinator(&mut self) {
        let Cluster {
            coordinator,
            effects,
            ..
        } = &mut self.cluster;
        coordinator.started(self.now, effects);
        let hosts = (1..=self.scenario.hosts).filter(|id| !self.dead.hosts.contains(&HostId(*id)));
        for id in hosts {
            let entry = HostEntry {
                id: HostId(id),
                zone: String::new(),
                layers: Layer::ALL.to_vec(),
            };
            coordinator.host(self.now, entry, effects);
        }
        self.carry_coordinator();
    }

    /// The coordinator is gone; the next one knows what the store says, and nothing else.
    pub(super) fn succeed_coordinator(&mut self) {
        self.reach.successions += 1;
        self.cluster.coordinator = Coordinator::new(self.cluster.settings.clone());
        self.cluster.observed.clear();
        self.cluster.wish = None;
        self.post.remove(Route::Store);
        self.post.remove(Route::Host);
        self.start_coordinator();
        // Whoever leads looks for who is missing.
        for dead in self.dead.missed() {
            self.put(Route::Host, Cargo::Failed(dead));
        }
    }

    pub(super) fn feed_coordinator(&mut self, route: Route, cargo: Cargo) {
        let now = self.now;
        let Cluster {
            coordinator,
            effects,
            ..
        } = &mut self.cluster;
        match (route, cargo) {
            (Route::Report(from), Cargo::Report(report)) => {
                self.reach.report(&report);
                self.story.report_arrives(now, from, &report);
                let lies = self.lies(from, &report);
                let Cluster {
                    coordinator,
                    effects,
                    ..
                } = &mut self.cluster;
                coordinator.report(now, from, report, effects);
                for (from, lie) in lies {
                    coordinator.report(now, from, lie, effects);
                }
            }
            (_, Cargo::Document(document)) => coordinator.document(now, document, effects),
            (_, Cargo::Written(id, outcome)) => coordinator.written(now, id, outcome, effects),
            (_, Cargo::Started(instance)) => coordinator.started_instance(now, instance, effects),
            (_, Cargo::Failed(instance)) => coordinator.failed(now, instance, effects),
            (_, Cargo::HostGone(host)) => coordinator.host_gone(now, host, effects),
            (route, cargo) => unreachable!("{route:?} brings no {cargo:?} to the coordinator"),
        }
    }

    /// What others are said to have reported as well.
    fn lies(&self, from: Incarnation, report: &Report) -> Vec<(Incarnation, Report)> {
        let all = |lie: Report| {
            let instances = self.instances.all();
            let liars = instances.map(|running| running.instance.incarnation);
            liars.map(move |liar| (liar, lie.clone()))
        };
        match (self.cluster.forgery, report) {
            (Some(Forgery::Confirmed), Report::Confirmed(_)) => all(report.clone()).collect(),
            (Some(Forgery::Ended), Report::Confirmed(operation)) => {
                vec![(from, Report::Ended(*operation))]
            }
            (Some(Forgery::Drained), Report::Flipped { epoch, .. }) => all(Report::Drained(*epoch))
                .chain(all(Report::Joined(*epoch)))
                .chain(all(Report::Filled(*epoch)))
                .collect(),
            (Some(Forgery::Filled), Report::Joined(epoch)) => all(Report::Filled(*epoch)).collect(),
            (Some(Forgery::Emptied), Report::Flipped { epoch, .. }) => {
                all(Report::Emptied(*epoch)).collect()
            }
            (None | Some(_), _) => Vec::new(),
        }
    }

    pub(super) fn wake_coordinator(&mut self) {
        self.cluster.wish = None;
        let Cluster {
            coordinator,
            effects,
            ..
        } = &mut self.cluster;
        coordinator.wake(self.now, effects);
        self.carry_coordinator();
    }

    /// Asks the coordinator something; its answer comes as an effect.
    pub(super) fn ask(
        &mut self,
        question: impl FnOnce(&mut Coordinator, Time, RequestId, &mut Effects),
    ) {
        let request = self.cluster.next_request();
        let Cluster {
            coordinator,
            effects,
            ..
        } = &mut self.cluster;
        question(coordinator, self.now, request, effects);
        self.carry_coordinator();
    }

    pub(super) fn carry_coordinator(&mut self) {
        let effects: Vec<_> = self.cluster.effects.drain().collect();
        let mut told = Vec::new();
        let mut is_closing = false;
        for effect in effects {
            self.digest_coordinator(&effect);
            match effect {
                Effect::Observe(path) => {
                    self.cluster.observed.insert(path);
                    self.read(path);
                }
                Effect::Write { id, puts } => self.write(id, &puts),
                Effect::Start(instance) => self.start_instance(instance),
                Effect::Stop(instance) => self.stop_instance(&instance),
                Effect::Tell { to, control } => {
                    told.push(to);
                    is_closing |= matches!(control, Control::Close(_));
                    self.tell(to, control);
                }
                Effect::Answer { answer, .. } => self.answered(answer),
                Effect::WakeAt(at) => {
                    let wish = &mut self.cluster.wish;
                    *wish = Some(wish.map_or(at, |before| before.min(at)));
                }
                Effect::Unreadable { path, reason } => {
                    self.fail(format!("the coordinator cannot read {path}: {reason}"));
                }
            }
        }
        self.delay_some(&told);
        if is_closing {
            self.delay_registrations();
        }
    }

    /// The tables of a topology stand in the documents that are written: they are taken in once, as bytes.
    fn digest_coordinator(&mut self, effect: &Effect) {
        match effect {
            Effect::Write { id, puts } => {
                self.digest.add(id);
                for put in puts {
                    self.digest.add(&(put.path, put.expected));
                    self.digest.add_bytes(&put.bytes);
                }
            }
            Effect::Tell {
                to,
                control: Control::Topology(topology),
            } => self.digest.add(&(to, topology.epoch)),
            Effect::Tell {
                to,
                control: Control::Prepare(plan),
            } => self.digest.add(&(to, plan.operation, plan.next.epoch)),
            Effect::Observe(_)
            | Effect::Start(_)
            | Effect::Stop(_)
            | Effect::Tell { .. }
            | Effect::Answer { .. }
            | Effect::WakeAt(_)
            | Effect::Unreadable { .. } => self.digest.add(effect),
        }
    }

    fn read(&mut self, path: Path) {
        let document = self.cluster.store.read(path);
        self.put(Route::Store, Cargo::Document(document));
    }

    /// Now and then nobody learns whether a write was applied.
    fn write(&mut self, id: WriteId, puts: &[Put]) {
        let is_murky = self.rng.per_mille(self.scenario.murk_per_mille);
        let outcome = if is_murky && self.rng.per_mille(500) {
            Err(WriteError::Unknown)
        } else {
            let outcome = self.cluster.store.write(puts);
            let written = outcome.is_ok();
            self.put_outcome(puts, written);
            if is_murky {
                Err(WriteError::Unknown)
            } else {
                outcome
            }
        };
        self.put(Route::Store, Cargo::Written(id, outcome));
    }

    fn put_outcome(&mut self, puts: &[Put], is_written: bool) {
        for put in puts {
            if is_written && self.cluster.observed.contains(&put.path) {
                self.read(put.path);
            }
        }
    }

    fn start_instance(&mut self, instance: Instance) {
        let incarnation = instance.incarnation;
        if self.dead.contains(incarnation) || self.dead.hosts.contains(&instance.host) {
            self.put(Route::Host, Cargo::Failed(incarnation));
            return;
        }
        if self.instances.get(incarnation).is_none() {
            self.story.starts(self.now, &instance);
            self.instances.start(instance);
        }
        self.put(Route::Host, Cargo::Started(incarnation));
    }

    /// Who is stopped has no clients any more, unless it was taken for dead. A host that was taken for dead learns it by
    /// that, and ends with all that runs there.
    fn stop_instance(&mut self, instance: &Instance) {
        self.story.stops(self.now, instance);
        let mut stopped = vec![instance.incarnation];
        if self.dead.hosts.contains(&instance.host) {
            let there = self.instances.all().map(|running| &running.instance);
            let there = there.filter(|other| other.host == instance.host);
            stopped.extend(there.map(|other| other.incarnation));
        }
        for incarnation in stopped {
            self.instances.stop(incarnation);
            self.lose_connections_of(incarnation);
        }
    }

    fn tell(&mut self, to: Incarnation, control: Control) {
        if let Control::Topology(topology) = &control
            && topology.epoch > self.cluster.told
        {
            let is_first = self.cluster.told == Epoch(0);
            self.cluster.told = topology.epoch;
            self.cluster.told_at = self.now;
            self.reach.commit(&self.history, is_first);
            self.story.commits(self.now, topology);
        }
        self.put(Route::Order(to), Cargo::Control(control));
    }

    fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Accepted(record) => self.accepted(&record),
            Answer::Unchanged => {}
            Answer::Busy(_) => self.reach.refused_busy += 1,
            Answer::Aborted(_) => self.reach.aborted += 1,
            Answer::TooLate(_) | Answer::NoSuchOperation(_) => self.reach.aborts_too_late += 1,
            Answer::Plan(_) => self.reach.dry_runs += 1,
            Answer::Unavailable { .. } => self.reach.unavailable += 1,
            Answer::Impossible(why) => self.fail(format!("a scaling was refused: {why}")),
        }
    }
}

fn settings(scenario: &Scenario) -> Settings {
    let counts = BTreeMap::from([
        (Layer::ConnectionPoints, scenario.connection_points),
        (Layer::AccessPoints, scenario.access_points),
        (Layer::Matchers, scenario.matchers),
        (Layer::ExitPoints, scenario.exit_points),
    ]);
    Settings {
        layout: Layout {
            hosts_min: usize::try_from(scenario.hosts).expect("a small number"),
            counts,
        },
        copy_rate: None,
    }
}
