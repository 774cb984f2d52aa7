//! Instances and hosts that die, or are taken for dead and run on until they are stopped. One after the other: the next one
//! may die when everything is whole again, at rest or in the middle of an operation.
//!
//! *Whole* is what the design says: the recovery has ended, which waits for every flip, for every matcher's copies, for what
//! was stamped before to be joined and for every new backup to be filled; and every live instance has read its epoch.

use std::collections::BTreeSet;

use gomera_model::{HostId, Incarnation, Instance, Layer};

use super::{Cargo, Route, World};
use crate::scenario::Mortal;

/// Who has died.
#[derive(Debug, Default)]
pub(super) struct Dead {
    /// All that ever did.
    all: BTreeSet<Incarnation>,
    /// Those that are not replaced yet, or behind which not everything is whole again.
    missed: Vec<Incarnation>,
    /// Hosts that the store knows no more, and never will again.
    pub(super) hosts: BTreeSet<HostId>,
    /// Those of them that have really ended: they hear nothing.
    pub(super) ended: BTreeSet<HostId>,
}

/// One death.
enum Victim {
    Instance(Instance),
    /// A host, with all that runs there.
    Host(HostId, Vec<Instance>),
}

impl Dead {
    /// Whether an instance has died.
    pub(super) fn contains(&self, instance: Incarnation) -> bool {
        self.all.contains(&instance)
    }

    /// Those that are missed still.
    pub(super) fn missed(&self) -> Vec<Incarnation> {
        self.missed.clone()
    }
}

impl World {
    /// Whether somebody may die now.
    pub(super) fn may_die(&mut self) -> bool {
        if !self.dead.missed.is_empty() && self.is_whole_again() {
            self.dead.missed.clear();
        }
        self.dead.missed.is_empty() && !self.victims().is_empty()
    }

    /// Whether somebody has died behind whom not everything is whole again, as far as that was looked at.
    pub(super) fn is_somebody_missed(&self) -> bool {
        !self.dead.missed.is_empty() && !self.is_whole_again()
    }

    /// Somebody dies. The coordinator learns it, sooner or later.
    pub(super) fn kill(&mut self) {
        let mut victims = self.victims();
        let victim = victims.swap_remove(self.rng.index(victims.len()));
        let is_zombie = self.rng.per_mille(self.scenario.zombies_per_mille);
        self.history.died();
        self.note_death(&victim, is_zombie);
        let (instances, word) = match victim {
            Victim::Instance(instance) => {
                let word = Cargo::Failed(instance.incarnation);
                (vec![instance], word)
            }
            Victim::Host(host, instances) => {
                self.dead.hosts.insert(host);
                (instances, Cargo::HostGone(host))
            }
        };
        for instance in &instances {
            self.story.dies(self.now, instance, is_zombie);
            self.dead.all.insert(instance.incarnation);
            self.dead.missed.push(instance.incarnation);
        }
        if let Cargo::HostGone(host) = word {
            self.expel(host, is_zombie);
        }
        if !is_zombie {
            for instance in &instances {
                self.end_abruptly(instance);
            }
        }
        self.put(Route::Rumour, word);
    }

    /// The store has no lease of this host any more, and never will. One that is only taken for dead goes on with what it
    /// knows, also with leading, until it hears of somebody newer.
    fn expel(&mut self, host: HostId, is_zombie: bool) {
        if let Some(lease) = self.cluster.host(host).lease.take() {
            self.cluster.ensemble.expire(lease);
        }
        self.cluster.host(host).looks_at = None;
        if !is_zombie {
            self.dead.ended.insert(host);
            self.resign(host);
        }
        let routes: Vec<_> = self.post.routes().collect();
        for route in routes {
            match route {
                Route::News(of) | Route::Store(of) | Route::Write(of) | Route::Written(of)
                    if of == host =>
                {
                    self.post.remove(route);
                }
                Route::Word { from, to } if !is_zombie && to == host && from != host => {
                    self.post.remove(route);
                }
                Route::Word { from, .. } if !is_zombie && from == host => {
                    let mut rng = self.rng.fork();
                    self.post.cut_words(route, &mut rng);
                }
                Route::Lane { .. }
                | Route::Order(_)
                | Route::Report { .. }
                | Route::Up(_)
                | Route::Down(_)
                | Route::Word { .. }
                | Route::Store(_)
                | Route::Write(_)
                | Route::Late(_)
                | Route::News(_)
                | Route::Written(_)
                | Route::Rumour => {}
            }
        }
        self.hint_others(host);
    }

    /// What an instance that has ended leaves: some of what it sent, and its clients without a connection.
    fn end_abruptly(&mut self, instance: &Instance) {
        let who = instance.incarnation;
        self.instances.stop(who);
        let routes: Vec<_> = self.post.routes().collect();
        for route in routes {
            match route {
                Route::Lane { from, .. } if from == who => {
                    let mut rng = self.rng.fork();
                    self.post.cut(route, &mut rng);
                }
                Route::Report { from, .. } if from == who => self.post.remove(route),
                Route::Lane { to, .. } | Route::Order(to) if to == who => self.post.remove(route),
                Route::Lane { .. }
                | Route::Order(_)
                | Route::Report { .. }
                | Route::Up(_)
                | Route::Down(_)
                | Route::Word { .. }
                | Route::Store(_)
                | Route::Write(_)
                | Route::Late(_)
                | Route::News(_)
                | Route::Written(_)
                | Route::Rumour => {}
            }
        }
        self.lose_connections_of(who);
    }

    /// Whose death is promised to be survived. An exit point's, and a host's, only where every slot has two.
    fn victims(&self) -> Vec<Victim> {
        let Some(topology) = self.cluster.topology() else {
            return Vec::new();
        };
        let pairs = &topology.exit_points_of;
        let is_paired =
            pairs.iter().all(|points| points.backup.is_some()) && !self.gives_up_pairs();
        let host = |who| topology.instance(who).map(|instance| instance.host);
        let is_apart = pairs.iter().all(|points| {
            let backup = points.backup.and_then(host);
            backup.is_some() && backup != host(points.primary)
        });
        let running = || self.instances.all().map(|running| &running.instance);
        if self.mortal == Some(Mortal::Hosts) {
            let hosts: BTreeSet<_> = running()
                .map(|instance| instance.host)
                .filter(|host| !self.dead.hosts.contains(host))
                .collect();
            if !is_paired || !is_apart || hosts.len() < 2 {
                return Vec::new();
            }
            let of = |host| running().filter(|i| i.host == host).cloned().collect();
            return (hosts.into_iter())
                .map(|host| Victim::Host(host, of(host)))
                .collect();
        }
        running()
            .filter(|instance| {
                self.mortal
                    .is_none_or(|mortal| mortal == Mortal::Layer(instance.layer))
            })
            .filter(|instance| instance.layer != Layer::ExitPoints || is_paired)
            .filter(|instance| topology.instance(instance.incarnation).is_some())
            .map(|instance| Victim::Instance(instance.clone()))
            .collect()
    }

    /// Whether the operation under way, or one asked for, leaves one exit point alone: from its last commit on, whenever that
    /// is, nobody has promised anything.
    fn gives_up_pairs(&self) -> bool {
        let under_way = self.cluster.under_way();
        let resize = under_way.and_then(|record| record.layers.get(&Layer::ExitPoints));
        self.load.asks_for_one || resize.is_some_and(|resize| resize.to == 1)
    }

    fn is_whole_again(&self) -> bool {
        let cluster = &self.cluster;
        let Some(topology) = cluster.topology() else {
            return false;
        };
        let mut missed = self.dead.missed.iter();
        let is_replaced = missed.all(|dead| topology.instance(*dead).is_none());
        let mut listed = topology.instances.iter();
        let has_read = |instance: &Instance| {
            let running = self.instances.get(instance.incarnation);
            running.is_some_and(|running| running.operator.epoch() == topology.epoch)
        };
        is_replaced && cluster.is_ready() && cluster.under_way().is_none() && listed.all(has_read)
    }

    fn note_death(&mut self, victim: &Victim, is_zombie: bool) {
        match victim {
            Victim::Instance(_) => self.reach.deaths += 1,
            Victim::Host(..) => self.reach.hosts_lost += 1,
        }
        self.reach.zombies += u64::from(is_zombie);
        let Some(record) = self.cluster.under_way() else {
            return;
        };
        let is_committed = record
            .phases
            .iter()
            .any(|phase| matches!(phase.phase, gomera_coordinator::PhaseName::Commit));
        self.reach.deaths_after_commit += u64::from(is_committed);
        self.reach.deaths_before_commit += u64::from(!is_committed);
    }
}
