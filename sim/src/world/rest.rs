//! When a run has come to rest, and what is left then.

use gomera_model::operation::Hit;
use gomera_model::{Duration, Incarnation, SlotId, SubscriptionId, Topology};
use gomera_operators::limits::QUEUE_AGE_OFFLINE;
use gomera_operators::{ExitPoint, Matcher, Operator};

use super::{Party, World};
use crate::checker::{Breach, Census, HeldSubscription, Leftovers, Promise};

/// Wakes in a row that led to nothing, per one who may be woken, after which nothing will come any more.
const IDLE_WAKES_EACH: u64 = 4;

impl World {
    /// Whether the load is over, nothing is on its way, and waking does not change that. A session whose end was lost
    /// with its connection is given the time to grow too old.
    pub(super) fn is_at_rest(&self) -> bool {
        let sleepers = self.wishes().count() as u64;
        let forgotten_at = self.load.last_ending + QUEUE_AGE_OFFLINE + Duration::from_secs(2);
        self.post.is_still()
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
        for (route, cargo) in self.post.waiting() {
            unfinished.push(format!("{route:?} still holds {cargo:?}"));
        }
        if let Some(record) = self.cluster.coordinator.under_way() {
            unfinished.push(format!(
                "operation {} is in phase {:?}",
                record.id, record.phase
            ));
        }
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

    /// What the instances hold.
    pub(super) fn census(&self) -> Census {
        let mut census = Census {
            topology: self
                .cluster
                .coordinator
                .topology()
                .map(|t| Topology::clone(t)),
            ..Census::default()
        };
        for running in self.instances.all() {
            let holder = running.instance.incarnation;
            census.epochs.push((holder, running.operator.epoch()));
            match &running.operator {
                Operator::Matcher(matcher) => {
                    census.in_matchers.extend(of_matcher(holder, matcher));
                }
                Operator::ExitPoint(point) => {
                    census
                        .in_exit_points
                        .extend(self.of_exit_point(holder, point));
                }
                Operator::ConnectionPoint(_) | Operator::AccessPoint(_) => {}
            }
        }
        census
    }

    fn of_exit_point(&self, holder: Incarnation, point: &ExitPoint) -> Vec<HeldSubscription> {
        let ids = self.history.sessions().filter_map(|(_, s)| s.id);
        ids.flat_map(|session| {
            let hits = point.subscriptions(session).into_iter();
            hits.map(move |Hit { number, operation }| HeldSubscription {
                id: SubscriptionId { session, number },
                holder,
                operation,
            })
        })
        .collect()
    }
}

fn of_matcher(holder: Incarnation, matcher: &Matcher) -> Vec<HeldSubscription> {
    let index = matcher.index();
    let mut ids = Vec::new();
    for slot in SlotId::all() {
        index.slot(slot, &mut ids);
    }
    let held = ids.into_iter().filter_map(|id| {
        Some(HeldSubscription {
            id,
            holder,
            operation: index.operation(id)?,
        })
    });
    held.collect()
}
