//! Connections between clients and connection points: each a pair of queues that are cut together.

use std::collections::BTreeMap;

use gomera_model::silbo::{ClientFrame, Refusal, ServerFrame};
use gomera_model::{Generation, Incarnation, Layer, SessionId, SessionToken, Time};
use gomera_operators::{ConnectionId, Effect, FreshSession, Operator};

use super::post::{FromClient, ToClient};
use super::{Cargo, Party, Receiver, Route, World};
use crate::rng::Rng;

/// All connections that ever were.
#[derive(Debug, Default)]
pub(super) struct Connections {
    all: BTreeMap<ConnectionId, Connection>,
    /// When one was opened or lost last.
    pub(super) changed_at: Time,
}

#[derive(Debug)]
struct Connection {
    point: Incarnation,
    party: Party,
    generation: Generation,
    is_open: bool,
    is_paused: bool,
}

impl Connections {
    /// Who takes what a queue delivers.
    pub(super) fn receiver(&self, route: Route) -> Receiver {
        match route {
            Route::Lane { to, .. } | Route::Order(to) => Receiver::Instance(to),
            Route::Report { at, .. } => Receiver::Host(at),
            Route::Word { to, .. } => Receiver::Host(to),
            Route::News(host) | Route::Written(host) => Receiver::Host(host),
            Route::Store(host) => Receiver::Keeper(host),
            Route::Write(_) | Route::Late(_) => Receiver::Ensemble,
            Route::Rumour => Receiver::Leader,
            Route::Up(id) => match self.all.get(&id) {
                Some(connection) => Receiver::Instance(connection.point),
                None => Receiver::Nobody,
            },
            Route::Down(id) => match self.all.get(&id) {
                Some(connection) => Receiver::Client(connection.party),
                None => Receiver::Nobody,
            },
        }
    }

    /// Which connection of its client this is.
    pub(super) fn generation(&self, id: ConnectionId) -> Option<Generation> {
        self.all.get(&id).map(|connection| connection.generation)
    }

    pub(super) fn is_open(&self, id: ConnectionId) -> bool {
        self.all.get(&id).is_some_and(|c| c.is_open)
    }

    /// Every connection that is open.
    pub(super) fn open(&self) -> Vec<ConnectionId> {
        let open = self.all.iter().filter(|(_, c)| c.is_open);
        open.map(|(id, _)| *id).collect()
    }

    fn find(&self, party: Party, generation: Generation) -> Option<ConnectionId> {
        let mut all = self.all.iter().rev();
        let found = all.find(|(_, c)| c.party == party && c.generation == generation);
        found.map(|(id, _)| *id)
    }
}

impl World {
    /// A client wants a connection; chance says to where, and whether it comes about.
    pub(super) fn open_connection(&mut self, party: Party, generation: Generation) {
        let id = ConnectionId(self.connections.all.len() as u64 + 1);
        self.connections.changed_at = self.now;
        let points = self.open_points();
        let comes_about = !points.is_empty() && !self.rng.per_mille(20);
        let point = if points.is_empty() {
            Incarnation(0)
        } else {
            *self.rng.pick(&points)
        };
        let connection = Connection {
            point,
            party,
            generation,
            is_open: comes_about,
            is_paused: false,
        };
        self.connections.all.insert(id, connection);
        let word = if comes_about {
            Cargo::Down(ToClient::Opened)
        } else {
            Cargo::Down(ToClient::Closed(None))
        };
        self.put(Route::Down(id), word);
    }

    /// Connection points that run; now and then also one that is about to go.
    fn open_points(&mut self) -> Vec<Incarnation> {
        let mut points = self.instances.layer(Layer::ConnectionPoints);
        let topology = self.cluster.topology();
        if let Some(topology) = topology.filter(|_| !self.rng.per_mille(100)) {
            let stays = |point: &Incarnation| topology.instance(*point).is_some_and(|i| !i.leaving);
            points.retain(stays);
        }
        points
    }

    /// A client sends a frame; a publication sometimes twice, as clients may that did not hear of it.
    pub(super) fn send_up(&mut self, party: Party, generation: Generation, frame: ClientFrame) {
        let Some(id) = self.connections.find(party, generation) else {
            return;
        };
        if !self.connections.is_open(id) {
            return;
        }
        if let ClientFrame::Publish(_) = &frame
            && self.rng.per_mille(self.scenario.repeats_per_mille)
        {
            self.reach.repeats += 1;
            let again = Cargo::Up(FromClient::Frame(frame.clone()));
            self.put(Route::Up(id), again);
        }
        self.put(Route::Up(id), Cargo::Up(FromClient::Frame(frame)));
    }

    pub(super) fn send_down(&mut self, id: ConnectionId, frame: ServerFrame) {
        if self.connections.is_open(id) {
            self.put(Route::Down(id), Cargo::Down(ToClient::Frame(frame)));
        }
    }

    /// A connection point stops reading from a client, or goes on.
    pub(super) fn pause_reading(&mut self, id: ConnectionId, is_paused: bool) {
        let route = Route::Up(id);
        let Some(connection) = self.connections.all.get_mut(&id) else {
            return;
        };
        if connection.is_open {
            connection.is_paused = is_paused;
            self.post.pause(route, is_paused);
        } else if is_paused {
            let is_end = |cargo: &Cargo| matches!(cargo, Cargo::Up(FromClient::Closed));
            let ends = self.post.holds(route, is_end);
            self.post.remove(route);
            if ends {
                self.put(route, Cargo::Up(FromClient::Closed));
            }
        }
    }

    /// A client closes its connection, and reads nothing of it any more; also where the other side has closed it by now.
    pub(super) fn close_from_client(&mut self, party: Party, generation: Generation) {
        let Some(id) = self.connections.find(party, generation) else {
            return;
        };
        self.post.remove(Route::Down(id));
        if self.connections.is_open(id) {
            self.end_up(id);
        }
    }

    /// A connection point closes a connection, with a reason.
    pub(super) fn close_from_broker(&mut self, id: ConnectionId, refusal: Refusal) {
        if let Some(connection) = self.connections.all.get_mut(&id)
            && connection.is_open
        {
            connection.is_open = false;
            self.post.remove(Route::Up(id));
            self.put(
                Route::Down(id),
                Cargo::Down(ToClient::Closed(Some(refusal))),
            );
        }
    }

    /// A connection is lost, with some of what was on its way in both directions.
    pub(super) fn lose_connection(&mut self, id: ConnectionId) {
        let mut rng: Rng = self.rng.fork();
        self.post.cut(Route::Up(id), &mut rng);
        self.post.cut(Route::Down(id), &mut rng);
        self.end_up(id);
        self.put(Route::Down(id), Cargo::Down(ToClient::Closed(None)));
    }

    /// All connections of a connection point that has ended are lost.
    pub(super) fn lose_connections_of(&mut self, point: Incarnation) {
        let open = self.connections.open().into_iter();
        let lost: Vec<_> = open
            .filter(|id| self.connections.all[id].point == point)
            .collect();
        for connection in lost {
            self.lose_connection(connection);
            self.post.remove(Route::Up(connection));
        }
    }

    /// What is not read of a stream when its connection ends is never read.
    fn end_up(&mut self, id: ConnectionId) {
        self.connections.changed_at = self.now;
        let Some(connection) = self.connections.all.get_mut(&id) else {
            return;
        };
        connection.is_open = false;
        if connection.is_paused {
            self.post.remove(Route::Up(id));
        }
        self.put(Route::Up(id), Cargo::Up(FromClient::Closed));
    }

    /// Something comes to a connection point from a client.
    pub(super) fn feed_connection_point(
        &mut self,
        to: Incarnation,
        connection: ConnectionId,
        word: FromClient,
    ) {
        let fresh = self.fresh_session();
        let now = self.now;
        let Some(running) = self.instances.get_mut(to) else {
            return;
        };
        let Operator::ConnectionPoint(point) = &mut running.operator else {
            unreachable!("clients connect to connection points");
        };
        let effects = &mut running.effects;
        match word {
            FromClient::Frame(ClientFrame::Connect(connect)) => {
                point.connect(now, connection, connect, fresh, effects);
            }
            FromClient::Frame(frame) => {
                point.frame(now, connection, frame, effects);
                // Nothing more is read, even before the turn ends.
                let last = effects.as_slice().last();
                if let Some(&Effect::PausePublisher(paused)) = last {
                    self.pause_reading(paused, true);
                }
            }
            FromClient::Closed => {
                point.closed(now, connection, effects);
                self.post.remove(Route::Up(connection));
            }
        }
    }

    fn fresh_session(&mut self) -> FreshSession {
        let mut token = [0; 16];
        token[..8].copy_from_slice(&self.rng.bits().to_le_bytes());
        token[8..].copy_from_slice(&self.rng.bits().to_le_bytes());
        FreshSession {
            session: SessionId(self.rng.bits()),
            token: SessionToken(token),
        }
    }
}
