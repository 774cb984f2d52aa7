//! When a run has come to rest, and what is left then.

use gomera_model::{Duration, Time};
use gomera_operators::limits::QUEUE_AGE_OFFLINE;

use super::{Party, World};
use crate::census::census;
use crate::checker::{Breach, Census, Leftovers, Promise};

/// Wakes in a row that led to nothing, per one who may be woken, after which nothing will come any more.
const IDLE_WAKES_EACH: u64 = 4;

impl World {
    /// Whether the load is over, nothing is on its way, and waking does not change that. A session whose end was lost
    /// with its connection, or with its exit point, is given the time to grow too old where it is now.
    pub(super) fn is_at_rest(&self) -> bool {
        let sleepers = self.wishes().count() as u64;
        // The word that it has gone may have been held up until everything healed; a client that did not hear that its
        // session has ended may have come once more; and an exit point that is given a session counts anew.
        let forgotten_at = match self.load.last_ending {
            Time(0) => Time(0),
            ending => {
                let moved = self.connections.changed_at.max(self.strikes.changed_at);
                let told = self.cluster.told_at.max(self.healed_at);
                ending.max(moved).max(told) + QUEUE_AGE_OFFLINE + Duration::from_secs(2)
            }
        };
        self.is_healing
            && self.post.is_still()
            && self.now > forgotten_at
            && self.eagerness() == 0
            && self.idle_wakes > IDLE_WAKES_EACH * (sleepers + 1)
    }

    /// Something that must not happen at all.
    pub(super) fn fail(&mut self, story: String) {
        self.failures.push(Breach::general(Promise::Failed, story));
    }

    /// What did not end.
    pub(super) fn leftovers(&self) -> Leftovers {
        let mut unfinished = Vec::new();
        for (route, pace, cargo) in self.post.waiting() {
            unfinished.push(format!("{route:?} at pace {pace} still holds {cargo:?}"));
        }
        if let Some(record) = self.cluster.under_way() {
            unfinished.push(format!(
                "operation {} is in phase {:?}",
                record.id, record.phase
            ));
        }
        unfinished.extend(self.left_behind());
        if self.eagerness() > 0 {
            unfinished.push("the load is not over".to_owned());
        }
        for (index, publisher) in self.clients.publishers.iter().enumerate() {
            if !publisher.is_connected {
                unfinished.push(format!("{:?} is not connected", Party::Publisher(index)));
            }
        }
        for (index, subscriber) in self.clients.subscribers.iter().enumerate() {
            let party = Party::Subscriber(index);
            if subscriber.has_ended {
                continue;
            }
            if !subscriber.is_connected {
                unfinished.push(format!("{party:?} is not connected"));
            }
            if subscriber.answers != subscriber.requests {
                unfinished.push(format!("{party:?} lacks an answer"));
            }
        }
        Leftovers { unfinished }
    }

    /// What the instances hold. What runs on, on a host that was taken for dead and has not noticed, is nobody's any more.
    pub(super) fn census(&self) -> Census {
        let topology = self.cluster.topology();
        let sessions: Vec<_> = self.history.sessions().filter_map(|(_, s)| s.id).collect();
        let running = self.instances.all();
        let running = running.filter(|r| !self.dead.hosts.contains(&r.instance.host));
        let running = running.map(|r| (r.instance.incarnation, &r.operator));
        census(topology, &sessions, running)
    }
}
