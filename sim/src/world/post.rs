//! Everything that is on its way: one queue, first in first out, for each pair of sender and receiver.
//! Which queue delivers next is a matter of chance and of pace; within a queue nothing overtakes.

use std::collections::{BTreeMap, VecDeque};

use gomera_coordinator::{Document, Version, WriteError, WriteId};
use gomera_model::control::{Control, Report};
use gomera_model::lane::LaneFrame;
use gomera_model::silbo::{ClientFrame, Refusal, ServerFrame};
use gomera_model::{HostId, Incarnation};
use gomera_operators::ConnectionId;

use crate::rng::Rng;

/// The pace of a queue or a receiver that nothing holds up.
pub(super) const BRISK: u64 = 1000;

/// A queue, by its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Route {
    /// A lane between two instances.
    Lane {
        /// The sender.
        from: Incarnation,
        /// The receiver.
        to: Incarnation,
    },
    /// From the coordinator to an instance.
    Order(Incarnation),
    /// From an instance to the coordinator.
    Report(Incarnation),
    /// From a client to its connection point.
    Up(ConnectionId),
    /// From a connection point to its client.
    Down(ConnectionId),
    /// From the store to the coordinator.
    Store,
    /// From the host of an instance to the coordinator.
    Host,
}

/// What travels.
#[derive(Clone, Debug)]
pub(super) enum Cargo {
    /// In a lane.
    Frame(LaneFrame),
    /// From the coordinator.
    Control(Control),
    /// To the coordinator.
    Report(Report),
    /// From a client to its connection point.
    Up(FromClient),
    /// From a connection point to its client.
    Down(ToClient),
    /// From the store: a document.
    Document(Document),
    /// From the store: the outcome of a write.
    Written(WriteId, Result<Vec<Version>, WriteError>),
    /// From a host: the instance runs.
    Started(Incarnation),
    /// From a host: the instance has ended, or is taken for dead.
    Failed(Incarnation),
    /// A host is gone, or is taken for dead.
    HostGone(HostId),
}

/// What comes to a connection point over a client's connection.
#[derive(Clone, Debug)]
pub(super) enum FromClient {
    /// A frame.
    Frame(ClientFrame),
    /// The connection is gone.
    Closed,
}

/// What comes to a client over its connection.
#[derive(Clone, Debug)]
pub(super) enum ToClient {
    /// The connection is open.
    Opened,
    /// A frame.
    Frame(ServerFrame),
    /// The connection is gone, or did not come about; with the broker's reason if it gave one.
    Closed(Option<Refusal>),
}

#[derive(Debug)]
struct Queue {
    cargo: VecDeque<Cargo>,
    pace: u64,
    is_paused: bool,
}

/// All queues.
#[derive(Debug, Default)]
pub(super) struct Post {
    queues: BTreeMap<Route, Queue>,
    weights: Vec<u64>,
    routes: Vec<Route>,
}

impl Post {
    /// Puts something at the end of a queue.
    pub(super) fn send(&mut self, route: Route, cargo: Cargo) {
        self.queue(route).cargo.push_back(cargo);
    }

    /// Takes what a queue delivers next.
    pub(super) fn take(&mut self, route: Route) -> Option<Cargo> {
        self.queues.get_mut(&route)?.cargo.pop_front()
    }

    /// Loses everything in a queue from a random place on.
    pub(super) fn cut(&mut self, route: Route, rng: &mut Rng) {
        if let Some(queue) = self.queues.get_mut(&route) {
            let kept = rng.index(queue.cargo.len() + 1);
            queue.cargo.truncate(kept);
        }
    }

    /// Forgets a queue with all that is in it.
    pub(super) fn remove(&mut self, route: Route) {
        self.queues.remove(&route);
    }

    /// How fast a queue shall be from now on.
    pub(super) fn set_pace(&mut self, route: Route, pace: u64) {
        self.queue(route).pace = pace;
    }

    /// Stops a queue, or lets it go on.
    pub(super) fn pause(&mut self, route: Route, is_paused: bool) {
        self.queue(route).is_paused = is_paused;
    }

    /// The sum of the paces of all queues that can deliver. `pace_of` says how fast the receiver of a queue is.
    pub(super) fn urge(&mut self, pace_of: impl Fn(Route) -> u64) -> u64 {
        self.weights.clear();
        self.routes.clear();
        for (route, queue) in &self.queues {
            if queue.can_deliver() {
                self.weights.push(queue.pace * pace_of(*route));
                self.routes.push(*route);
            }
        }
        self.weights.iter().sum()
    }

    /// Chooses one of the queues that could deliver when [`Post::urge`] was asked.
    pub(super) fn choose(&self, rng: &mut Rng) -> Option<Route> {
        rng.weighted(&self.weights).map(|index| self.routes[index])
    }

    /// Queues that can deliver and are not held up.
    pub(super) fn brisk(&self, wanted: impl Fn(Route) -> bool) -> Vec<Route> {
        let queues = self.queues.iter();
        queues
            .filter(|(route, queue)| queue.can_deliver() && queue.pace >= BRISK && wanted(**route))
            .map(|(route, _)| *route)
            .collect()
    }

    /// Every route that ever carried something and was not removed.
    pub(super) fn routes(&self) -> impl Iterator<Item = Route> {
        self.queues.keys().copied()
    }

    /// Queues that hold something, with the first thing in each.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (Route, &Cargo)> {
        let queues = self.queues.iter();
        queues.filter_map(|(route, queue)| Some((*route, queue.cargo.front()?)))
    }

    /// Whether nothing can be delivered.
    #[must_use]
    pub(super) fn is_still(&self) -> bool {
        !self.queues.values().any(Queue::can_deliver)
    }

    fn queue(&mut self, route: Route) -> &mut Queue {
        self.queues.entry(route).or_insert_with(|| Queue {
            cargo: VecDeque::new(),
            pace: BRISK,
            is_paused: false,
        })
    }
}

impl Queue {
    fn can_deliver(&self) -> bool {
        !self.is_paused && !self.cargo.is_empty()
    }
}
