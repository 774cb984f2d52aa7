//! What instances and hosts hold: how much at most, and what is left in the end.

use std::collections::BTreeSet;

use gomera_model::Incarnation;
use gomera_operators::Holdings;

use super::World;
use crate::checker::bounded;
use crate::words;

/// Turns from one look at an instance to the next: enough to see every queue grow, few enough to cost little.
const LOOK_EVERY: u64 = 8;

impl World {
    /// Looks now and then at what an instance holds.
    pub(super) fn weigh(&mut self, instance: Incarnation) {
        if !self.reach.steps.is_multiple_of(LOOK_EVERY) {
            return;
        }
        if let Some(running) = self.instances.get(instance) {
            self.holdings.clear();
            running.operator.holdings(&mut self.holdings);
            let who = words::instance(&running.instance);
            self.bounds.held(&who, &self.holdings);
        }
    }

    /// What is left at instances, hosts and coordinators though nothing is under way.
    pub(super) fn left_behind(&self) -> Vec<String> {
        let mut left = Vec::new();
        let listed: BTreeSet<_> = self
            .cluster
            .topology()
            .into_iter()
            .flat_map(|topology| &topology.instances)
            .map(|instance| instance.incarnation)
            .collect();
        for running in self.instances.all() {
            let who = words::instance(&running.instance);
            if !listed.contains(&running.instance.incarnation) {
                left.push(format!("{who} runs, and no topology lists it"));
            }
            let mut holdings = Holdings::default();
            running.operator.holdings(&mut holdings);
            left.extend(bounded::left(&who, &holdings));
        }
        let there = self.cluster.hosts.iter();
        for (id, host) in there.filter(|(id, _)| !self.dead.hosts.contains(id)) {
            let strangers = host.reports.keys().filter(|from| !listed.contains(from));
            let count = strangers.count();
            if count > 0 {
                left.push(format!(
                    "host {id} remembers {count} instances that are gone"
                ));
            }
            let Some(leading) = &host.leading else {
                continue;
            };
            for holding in leading.coordinator.holdings() {
                if holding.count > holding.at_rest.min(holding.most) {
                    left.push(format!(
                        "the coordinator of host {id} still holds {} {}",
                        holding.count, holding.what
                    ));
                }
            }
        }
        if self.cluster.leaders().len() > 1 {
            left.push("several hosts believe that they lead".to_owned());
        }
        left
    }
}
