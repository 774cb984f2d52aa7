//! A host's part in the coordination, as `src/broker/coordination/` does it: it leads when the store says so, does what
//! the leader says, remembers what its instances reported and says it again to every new leader.

use gomera_coordinator::{Coordinator, Effect, Effects, RequestId};
use gomera_model::control::{Control, Report};
use gomera_model::{HostId, Incarnation, Instance, Time};

use super::cluster::Leading;
use super::ensemble::{Leader, Term};
use super::post::Word;
use super::{Cargo, Route, World};
use crate::scenario::Forgery;

impl World {
    /// Something comes to the thread of a host that coordinates.
    pub(super) fn feed_host(&mut self, id: HostId, route: Route, cargo: Cargo) {
        let now = self.now;
        match (route, cargo) {
            (Route::Word { from, .. }, Cargo::Word(word)) => self.hear(id, from, word),
            (Route::Report { from, .. }, Cargo::Report(report)) => {
                // Its last words may come when it has been stopped.
                if self.instances.get(from).is_some() {
                    self.cluster.host(id).remember(from, report.clone());
                }
                self.report(id, from, report);
            }
            (_, Cargo::Connected(is_connected)) => {
                self.cluster.host(id).is_connected = is_connected;
            }
            (_, Cargo::Hosts(hosts)) => {
                self.cluster.host(id).known_hosts.clone_from(&hosts);
                if let Some(Leading {
                    coordinator,
                    effects,
                    term,
                    ..
                }) = self.cluster.leading(id)
                {
                    let term = *term;
                    let gone = &self.dead.hosts;
                    for entry in hosts.values().filter(|host| !gone.contains(&host.id)) {
                        coordinator.host(now, entry.clone(), effects);
                    }
                    self.say_to_all(id, &Word::Lead(term));
                }
            }
            (_, Cargo::Leader(leader)) => self.leader_news(id, leader),
            (_, Cargo::Document(document)) => {
                self.with_coordinator(id, |c, effects| c.document(now, document, effects));
            }
            (_, Cargo::Written(write, outcome)) => {
                self.with_coordinator(id, |c, effects| c.written(now, write, outcome, effects));
            }
            (route, cargo) => unreachable!("{route:?} brings no {cargo:?} to a host"),
        }
    }

    /// Somebody is suspected, or known to have ended: whoever leads hears it.
    pub(super) fn feed_leader(&mut self, cargo: Cargo) {
        let (now, leader) = (self.now, self.cluster.leader());
        let leader = leader.expect("nothing is heard while nobody leads");
        self.with_coordinator(leader, |c, effects| {
            if let Cargo::Failed(instance) = cargo {
                c.failed(now, instance, effects);
            } else if let Cargo::HostGone(host) = cargo {
                c.host_gone(now, host, effects);
            } else {
                unreachable!("only suspicions go to whoever leads, not {cargo:?}");
            }
        });
        self.carry_host(leader);
    }

    pub(super) fn wake_host(&mut self, id: HostId) {
        let now = self.now;
        if let Some(leading) = self.cluster.leading(id) {
            leading.wish = None;
            leading.coordinator.wake(now, &mut leading.effects);
        }
        self.carry_host(id);
    }

    /// Asks somebody who leads, or believes to; the answer comes as an effect.
    pub(super) fn ask(
        &mut self,
        question: impl FnOnce(&mut Coordinator, Time, RequestId, &mut Effects),
    ) {
        let leaders = self.cluster.leaders();
        let asked = (!leaders.is_empty()).then(|| *self.rng.pick(&leaders));
        let reached = asked.filter(|id| self.cluster.hosts[id].is_connected);
        let Some(id) = reached else {
            self.reach.unavailable += 1;
            return;
        };
        let (now, request) = (self.now, self.cluster.next_request());
        self.with_coordinator(id, |c, effects| question(c, now, request, effects));
        self.carry_host(id);
    }

    fn with_coordinator(&mut self, id: HostId, give: impl FnOnce(&mut Coordinator, &mut Effects)) {
        if let Some(leading) = self.cluster.leading(id) {
            give(&mut leading.coordinator, &mut leading.effects);
        }
    }

    /// Another host says something.
    fn hear(&mut self, id: HostId, from: HostId, word: Word) {
        let now = self.now;
        if self.dead.ended.contains(&id) {
            return;
        }
        match word {
            Word::Lead(term) => {
                if self.follow(id, from, term) {
                    let reports = self.cluster.hosts[&id].reports.clone();
                    for (instance, reports) in reports {
                        for report in reports {
                            self.say(id, from, Word::Report(instance, report));
                        }
                    }
                }
            }
            Word::Start(term, instance) => {
                if self.follow(id, from, term) {
                    let incarnation = instance.incarnation;
                    let runs = self.start_instance(instance);
                    self.say(
                        id,
                        from,
                        if runs {
                            Word::Started(incarnation)
                        } else {
                            Word::Failed(incarnation)
                        },
                    );
                }
            }
            Word::Stop(term, instance) => {
                if self.follow(id, from, term) {
                    self.stop_here(id, &instance);
                }
            }
            Word::Tell(term, to, control) => {
                if self.follow(id, from, term) {
                    self.put(Route::Order(to), Cargo::Control(control));
                }
            }
            Word::Started(who) => {
                self.with_coordinator(id, |c, effects| c.started_instance(now, who, effects));
            }
            Word::Failed(who) => {
                self.with_coordinator(id, |c, effects| c.failed(now, who, effects))
            }
            Word::Report(from, report) => {
                if self.cluster.hosts[&id].leading.is_some() {
                    self.report(id, from, report);
                }
            }
        }
    }

    /// Whether this leader is listened to: none that is newer is known.
    fn follow(&mut self, id: HostId, leader: HostId, term: Term) -> bool {
        let heeds_terms = self.cluster.forgery != Some(Forgery::StaleLeader);
        let host = self.cluster.host(id);
        let leads = host.leading.as_ref().map(|leading| leading.term);
        let follows = host.led_by(Leader { host: leader, term });
        if follows && leads.is_some_and(|own| own < term) {
            self.resign(id);
        }
        if !follows {
            self.reach.stale_orders += 1;
            self.story.stale_order(self.now, (id, leader));
        }
        follows || !heeds_terms
    }

    /// The store says who leads.
    fn leader_news(&mut self, id: HostId, leader: Option<Leader>) {
        let host = self.cluster.host(id);
        match leader {
            None => host.leader = None,
            Some(leader) if !host.led_by(leader) => return,
            Some(_) => {}
        }
        let own = leader.filter(|leader| leader.host == id);
        let present = host.leading.as_ref().map(|leading| leading.term);
        if present != own.map(|leader| leader.term) {
            self.resign(id);
            if let Some(leader) = own {
                self.lead(id, leader.term);
            }
        }
    }

    /// A host leads from now on.
    pub(super) fn lead(&mut self, id: HostId, term: Term) {
        let now = self.now;
        if self.cluster.last.is_some() {
            self.reach.successions += 1;
        }
        self.story.leads(now, id);
        let host = &self.cluster.hosts[&id];
        let mut leading = Leading::new(&self.cluster, term, host.last_write);
        let (coordinator, effects) = (&mut leading.coordinator, &mut leading.effects);
        coordinator.started(now, effects);
        for entry in host.known_hosts.values() {
            coordinator.host(now, entry.clone(), effects);
        }
        for (from, reports) in &host.reports {
            for report in reports {
                coordinator.report(now, *from, report.clone(), effects);
            }
        }
        self.cluster.host(id).leading = Some(leading);
        self.say_to_all(id, &Word::Lead(term));
        // Whoever leads looks for who is missing.
        for dead in self.dead.missed() {
            self.put(Route::Rumour, Cargo::Failed(dead));
        }
        // Which hosts are gone stands in the store for ever.
        for gone in self.dead.hosts.clone() {
            self.put(Route::Rumour, Cargo::HostGone(gone));
        }
    }

    /// It leads no longer.
    pub(super) fn resign(&mut self, id: HostId) {
        let is_newest = self.cluster.leader() == Some(id);
        if let Some(leading) = self.cluster.host(id).leading.take() {
            self.story.resigns(self.now, id);
            self.cluster.host(id).last_write = leading.coordinator.last_write();
            if is_newest {
                self.cluster.last = Some(Box::new(leading.coordinator));
            }
        }
    }

    fn report(&mut self, id: HostId, from: Incarnation, report: Report) {
        let now = self.now;
        let host = &self.cluster.hosts[&id];
        if host.leading.is_some() {
            self.reach.report(&report);
            self.story.report_arrives(now, from, &report);
            let lies = self.lies(from, &report);
            self.with_coordinator(id, |coordinator, effects| {
                coordinator.report(now, from, report, effects);
                for (from, lie) in lies {
                    coordinator.report(now, from, lie, effects);
                }
            });
        } else if let Some(leader) = host.leader.filter(|leader| leader.host != id) {
            self.say(id, leader.host, Word::Report(from, report));
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
                .chain(all(Report::Settled(*epoch)))
                .collect(),
            (Some(Forgery::Filled), Report::Joined(epoch)) => all(Report::Filled(*epoch)).collect(),
            (Some(Forgery::Emptied), Report::Flipped { epoch, .. }) => {
                all(Report::Emptied(*epoch)).collect()
            }
            (None | Some(_), _) => Vec::new(),
        }
    }

    pub(super) fn say(&mut self, from: HostId, to: HostId, word: Word) {
        self.put(Route::Word { from, to }, Cargo::Word(word));
    }

    fn say_to_all(&mut self, from: HostId, word: &Word) {
        let others: Vec<_> = self.cluster.hosts.keys().copied().collect();
        for to in others.into_iter().filter(|to| *to != from) {
            self.say(from, to, word.clone());
        }
    }

    /// Carries out what the coordinator of a host wants done, and what that leads to.
    pub(super) fn carry_host(&mut self, id: HostId) {
        let mut told = Vec::new();
        let mut is_closing = false;
        while let Some(leading) = self.cluster.leading(id).filter(|l| !l.effects.is_empty()) {
            let term = leading.term;
            let effects: Vec<_> = leading.effects.drain().collect();
            for effect in effects {
                self.digest_coordinator(&effect);
                if let Effect::Tell { to, control } = &effect {
                    told.push(*to);
                    is_closing |= matches!(control, Control::Close(_));
                }
                self.carry_effect((id, term), effect);
            }
        }
        self.note_phase(id);
        self.delay_some(&told);
        if is_closing {
            self.delay_registrations();
        }
    }

    fn carry_effect(&mut self, (id, term): (HostId, Term), effect: Effect) {
        match effect {
            Effect::Observe(path) => self.observe(id, path),
            Effect::Write { id: write, puts } => self.ask_to_write(id, write, puts),
            Effect::Start(instance) => self.start(id, term, instance),
            Effect::Stop(instance) => match instance.host == id {
                true => self.stop_here(id, &instance),
                false => self.say(id, instance.host, Word::Stop(term, instance)),
            },
            Effect::StopStranger(who) => {
                let running = self.instances.get(who);
                if let Some(stranger) = running.map(|running| running.instance.clone()) {
                    self.carry_effect((id, term), Effect::Stop(stranger));
                }
            }
            Effect::Tell { to, control } => self.tell((id, term), to, control),
            Effect::Answer { answer, .. } => self.answered(answer),
            Effect::WakeAt(at) => {
                if let Some(leading) = self.cluster.leading(id) {
                    leading.wish = Some(leading.wish.map_or(at, |before| before.min(at)));
                }
            }
            Effect::Unreadable { path, reason } => {
                // Two readings are no transaction; what stays so is found at the end, by what does not go on.
                self.reach.unreadable += 1;
                self.story.unreadable(self.now, (id, path), &reason);
            }
        }
    }

    fn start(&mut self, id: HostId, term: Term, instance: Instance) {
        let (now, who) = (self.now, instance.incarnation);
        if instance.host != id {
            return self.say(id, instance.host, Word::Start(term, instance));
        }
        if self.start_instance(instance) {
            self.with_coordinator(id, |c, effects| c.started_instance(now, who, effects));
        } else {
            self.with_coordinator(id, |c, effects| c.failed(now, who, effects));
        }
    }

    fn stop_here(&mut self, id: HostId, instance: &Instance) {
        self.cluster.host(id).reports.remove(&instance.incarnation);
        self.stop_instance(instance);
    }

    fn tell(&mut self, (id, term): (HostId, Term), to: Incarnation, control: Control) {
        self.note_told(&control);
        let Some(host) = self.instances.host_of(to) else {
            return;
        };
        if host == id {
            self.put(Route::Order(to), Cargo::Control(control));
        } else {
            self.say(id, host, Word::Tell(term, to, control));
        }
    }
}
