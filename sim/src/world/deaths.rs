//! Instances that die, or are taken for dead and run on until they are stopped. One after the other: the next one dies when
//! everything is whole again.

use gomera_model::{Incarnation, Instance, Layer};

use super::{Route, World};

impl World {
    /// Whether somebody may die now.
    pub(super) fn may_die(&self) -> bool {
        self.dead.is_none_or(|dead| self.is_whole_without(dead)) && !self.mortals().is_empty()
    }

    /// Somebody dies. The coordinator learns it, sooner or later.
    pub(super) fn kill(&mut self) {
        let mortals = self.mortals();
        let instance = self.rng.pick(&mortals).clone();
        let who = instance.incarnation;
        let is_zombie = self.rng.per_mille(self.scenario.zombies_per_mille);
        self.story.dies(self.now, &instance, is_zombie);
        self.dead = Some(who);
        self.history.died();
        self.note_death(is_zombie);
        if !is_zombie {
            self.end_abruptly(&instance);
        }
        self.suspect(who);
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

    /// Who may die: whom others can replace. An exit point only where every slot has two.
    fn mortals(&self) -> Vec<Instance> {
        let Some(topology) = self.cluster.topology() else {
            return Vec::new();
        };
        let pairs = &topology.exit_points_of;
        let is_paired = pairs.iter().all(|points| points.backup.is_some());
        let running = self.instances.all().map(|running| &running.instance);
        running
            .filter(|instance| self.mortal.is_none_or(|mortal| mortal == instance.layer))
            .filter(|instance| instance.layer != Layer::ExitPoints || is_paired)
            .filter(|instance| topology.instance(instance.incarnation).is_some())
            .cloned()
            .collect()
    }

    fn is_whole_without(&self, dead: Incarnation) -> bool {
        let cluster = &self.cluster;
        let topology = cluster.topology();
        let is_replaced = topology.is_some_and(|topology| topology.instance(dead).is_none());
        is_replaced && cluster.is_ready() && cluster.under_way().is_none()
    }

    fn note_death(&mut self, is_zombie: bool) {
        self.reach.deaths += 1;
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
