//! Everything that is on its way: one queue, first in first out, for each pair of sender and receiver.
//! Which queue delivers next is a matter of chance and of pace; within a queue nothing overtakes.

use std::collections::{BTreeMap, VecDeque};

use gomera_coordinator::{Document, HostEntry, Path, Put, Version, WriteError, WriteId};
use gomera_model::control::{Control, Report};
use gomera_model::lane::LaneFrame;
use gomera_model::silbo::{ClientFrame, Refusal, ServerFrame};
use gomera_model::{HostId, Incarnation, Instance};
use gomera_operators::ConnectionId;

use super::ensemble::{Leader, Lease, Term};
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
    /// From its host to an instance.
    Order(Incarnation),
    /// From an instance to its host.
    Report {
        /// The instance.
        from: Incarnation,
        /// Its host.
        at: HostId,
    },
    /// From a client to its connection point.
    Up(ConnectionId),
    /// From a connection point to its client.
    Down(ConnectionId),
    /// Between two hosts.
    Word {
        /// The one that says something.
        from: HostId,
        /// The one that hears it.
        to: HostId,
    },
    /// What a host is going to read of the store.
    Store(HostId),
    /// From a host to the store: what it wants written.
    Write(HostId),
    /// The same, when nobody waits for it any more.
    Late(HostId),
    /// What a host has read of the store, on its way to its coordinator.
    News(HostId),
    /// Outcomes of its writes, past that.
    Written(HostId),
    /// What is said of somebody, on its way to whoever leads.
    Rumour,
}

/// What travels.
#[derive(Clone, Debug)]
pub(super) enum Cargo {
    /// In a lane.
    Frame(LaneFrame),
    /// From the coordinator.
    Control(Control),
    /// From an instance.
    Report(Report),
    /// From a client to its connection point.
    Up(FromClient),
    /// From a connection point to its client.
    Down(ToClient),
    /// From one host to another.
    Word(Word),
    /// Everything is to be read, except the documents.
    Look,
    /// A document is to be read.
    Read(Path),
    /// Documents are to be written.
    Write {
        /// Names the outcome.
        id: WriteId,
        /// What.
        puts: Vec<Put>,
        /// By whom.
        lease: Option<Lease>,
    },
    /// News: whether the store answers.
    Connected(bool),
    /// News: which hosts there are.
    Hosts(BTreeMap<HostId, HostEntry>),
    /// News: who leads.
    Leader(Option<Leader>),
    /// News: a document.
    Document(Document),
    /// The outcome of a write.
    Written(WriteId, Result<Vec<Version>, WriteError>),
    /// Somebody has ended, or is taken for dead.
    Failed(Incarnation),
    /// A host is gone, or is taken for dead.
    HostGone(HostId),
}

impl Cargo {
    /// Whether it comes again and again, though nothing happens.
    pub(super) fn is_routine(&self) -> bool {
        matches!(self, Self::Look | Self::Read(_) | Self::Connected(_))
    }
}

/// What hosts say to each other.
#[derive(Clone, Debug)]
pub(super) enum Word {
    /// I lead.
    Lead(Term),
    /// Start this.
    Start(Term, Instance),
    /// Stop this.
    Stop(Term, Instance),
    /// Tell this instance that.
    Tell(Term, Incarnation, Control),
    /// It runs.
    Started(Incarnation),
    /// It does not, and never will.
    Failed(Incarnation),
    /// An instance reports.
    Report(Incarnation, Report),
}

impl Word {
    /// Whether it is a leader's.
    fn is_order(&self) -> bool {
        match self {
            Self::Lead(_) | Self::Start(..) | Self::Stop(..) | Self::Tell(..) => true,
            Self::Started(_) | Self::Failed(_) | Self::Report(..) => false,
        }
    }
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

    /// Loses the orders of a leader from a random place on.
    pub(super) fn cut_words(&mut self, route: Route, rng: &mut Rng) {
        if let Some(queue) = self.queues.get_mut(&route) {
            let kept = rng.index(queue.cargo.len() + 1);
            let mut index = 0;
            queue.cargo.retain(|cargo| {
                index += 1;
                index <= kept || !matches!(cargo, Cargo::Word(word) if word.is_order())
            });
        }
    }

    /// Whether something in a queue is like this.
    pub(super) fn holds(&self, route: Route, is_like: impl Fn(&Cargo) -> bool) -> bool {
        let queue = self.queues.get(&route);
        queue.is_some_and(|queue| queue.cargo.iter().any(is_like))
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

    /// Queues that hold something, with their pace and the first thing in each.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (Route, u64, &Cargo)> {
        let queues = self.queues.iter();
        queues.filter_map(|(route, queue)| {
            let pace = if queue.is_paused { 0 } else { queue.pace };
            Some((*route, pace, queue.cargo.front()?))
        })
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
