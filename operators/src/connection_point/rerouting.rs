//! Publishers and operations that go on at another access point, within their connection. The client is not asked: the connection point
//! loses nothing, so nothing is repeated.
//!
//! ```text
//!  Open at O ── the topology gives N ──► Moving ── O has acknowledged all, N has welcomed ──► Open at N
//!     O: what was gathered, ClosePublisher    │
//!     N: OpenPublisher                        └ the stream is not read; what comes all the same waits
//! ```

use alloc::vec::Vec;

use gomera_model::lane::{AccessPointFrame, SubscriptionRequest};
use gomera_model::silbo::ServerFrame;
use gomera_model::{Incarnation, Topology};

use super::connection::{Connection, Control, Flow, Moving, Publish, PublishStage, Way};
use super::operation::going_away;
use super::publishing::{resume_if_possible, to_publish};
use super::{ConnectionId, ConnectionPoint, Stream, to_access_point};
use crate::effect::{Effect, Effects};
use crate::routing;

impl ConnectionPoint {
    /// A topology is in force: every publisher goes where it belongs.
    pub(super) fn move_publishers(&mut self, effects: &mut Effects) {
        let connections: Vec<_> = self.connections.keys().copied().collect();
        for connection in connections {
            self.move_publisher(connection, effects);
        }
    }

    /// A publisher that is open at another access point than its own goes there. One that is not waits until it is: so
    /// it is on one way at a time.
    pub(super) fn move_publisher(&mut self, connection: ConnectionId, effects: &mut Effects) {
        let state = self.connections.get_mut(&connection);
        let Some(publish) = state.and_then(|state| state.publish.as_mut()) else {
            return;
        };
        let to = routing::of_publisher(self.epochs.newest(), publish.publisher);
        if to == publish.access_point {
            return;
        }
        let PublishStage::Open(flow) = &mut publish.stage else {
            return;
        };
        if !flow.is_paused {
            flow.is_paused = true;
            effects.push(Effect::PausePublisher(connection));
        }
        self.stats.publishers_moved += 1;
        publish.set_out(to, effects);
    }

    /// A publisher on its way has arrived, once nothing is owed to it and the new access point has welcomed it.
    pub(super) fn end_move(&mut self, connection: ConnectionId, effects: &mut Effects) {
        let state = self.connections.get_mut(&connection);
        let Some(publish) = state.and_then(|state| state.publish.as_mut()) else {
            return;
        };
        if !publish.arrive(connection, effects) {
            return;
        }
        resume_if_possible(connection, publish, effects);
        self.has_unbound = true;
        self.move_publisher(connection, effects);
    }

    /// What was sent to an access point that was lost is lost with it, and the client alone has it: it has to connect
    /// again and repeat.
    pub(super) fn close_bereaved(&mut self, next: &Topology, effects: &mut Effects) {
        let bereaved = |state: &Connection| {
            let publish = state.publish.as_ref();
            publish.is_some_and(|publish| publish.is_lost(next))
        };
        let connections = self.connections.iter();
        let bereaved: Vec<_> = connections
            .filter(|(_, state)| bereaved(state))
            .map(|(connection, _)| *connection)
            .collect();
        for connection in bereaved {
            self.close(connection, Stream::Publish, going_away(), effects);
        }
    }

    /// Tells access points that are leaving that nothing more comes, once no connection is bound to them.
    pub(super) fn say_farewells(&mut self, effects: &mut Effects) {
        if !core::mem::take(&mut self.has_unbound) {
            return;
        }
        let epoch = self.epochs.newest_epoch();
        let connections = &self.connections;
        self.farewells.retain(|&point| {
            let is_bound = connections.values().any(|c| c.is_bound_to(point));
            if !is_bound {
                to_access_point(point, AccessPointFrame::NothingMore(epoch), effects);
            }
            is_bound
        });
    }
}

impl Control {
    /// Sends an operation on its way, behind those before it.
    pub(super) fn ask(&mut self, request: SubscriptionRequest, effects: &mut Effects) {
        match &mut self.way {
            Way::To(point) => {
                let frame = AccessPointFrame::Request {
                    session: self.session,
                    generation: self.generation,
                    epoch: self.knows,
                    request,
                };
                to_access_point(*point, frame, effects);
            }
            Way::Turning { held, .. } => held.push(request),
        }
    }

    /// Operations that come from now on go to this access point.
    pub(super) fn turn_to(&mut self, point: Incarnation, effects: &mut Effects) {
        match &mut self.way {
            Way::To(from) => {
                if *from != point {
                    self.way = Way::Turning {
                        from: *from,
                        to: point,
                        held: Vec::new(),
                    };
                }
            }
            Way::Turning { to, .. } => *to = point,
        }
        self.turn(effects);
    }

    /// What was held goes, if those before it are answered or go there as well; whether the way has become another one.
    pub(super) fn turn(&mut self, effects: &mut Effects) -> bool {
        let Way::Turning { from, to, held } = &mut self.way else {
            return false;
        };
        if from != to && self.unanswered.len() > held.len() {
            return false;
        }
        let held = core::mem::take(held);
        self.way = Way::To(*to);
        for request in held {
            self.ask(request, effects);
        }
        true
    }

    /// Whether operations that wait for their answer went to an access point that was lost.
    pub(super) fn is_lost(&self, next: &Topology) -> bool {
        match self.way {
            Way::To(point) => next.is_retired(point),
            Way::Turning { from, to, .. } => next.is_retired(from) || next.is_retired(to),
        }
    }

    /// The same to the access point that takes what comes now.
    pub(super) fn repeat(&mut self, effects: &mut Effects) {
        let point = match self.way {
            Way::To(point) | Way::Turning { to: point, .. } => point,
        };
        self.ask_again(point, effects);
    }

    /// Sends all that wait for their answer once more, in order, to this access point: some were lost on their way. Who
    /// took one already answers it again, and does nothing.
    pub(super) fn ask_again(&mut self, point: Incarnation, effects: &mut Effects) {
        self.way = Way::To(point);
        for request in self.unanswered.values().cloned().collect::<Vec<_>>() {
            self.ask(request, effects);
        }
    }

    /// Whether this access point has operations of it, or is to get some.
    pub(super) fn is_bound_to(&self, access_point: Incarnation) -> bool {
        match self.way {
            Way::To(point) => point == access_point,
            Way::Turning { from, to, .. } => from == access_point || to == access_point,
        }
    }
}

impl Publish {
    /// Whether an access point that has something of it was lost.
    fn is_lost(&self, next: &Topology) -> bool {
        let from = match &self.stage {
            PublishStage::Opening | PublishStage::Open(_) => None,
            PublishStage::Moving(moving) => Some(moving.from),
        };
        next.is_retired(self.access_point) || from.is_some_and(|from| next.is_retired(from))
    }

    /// Leaves its access point for another one: behind everything that was sent to it.
    fn set_out(&mut self, to: Incarnation, effects: &mut Effects) {
        let from = self.access_point;
        if let Some(frame) = self.take_gathered() {
            to_access_point(from, frame, effects);
        }
        to_access_point(from, self.closing(), effects);
        let open = AccessPointFrame::OpenPublisher {
            publisher: self.publisher,
            generation: self.generation,
            acknowledgement: self.acknowledgement,
            welcomed_by: Some(from),
        };
        to_access_point(to, open, effects);
        self.access_point = to;
        if let PublishStage::Open(flow) = &mut self.stage {
            let owed = core::mem::take(&mut flow.outstanding);
            self.stage = PublishStage::Moving(Moving {
                from,
                owed,
                flow: Flow {
                    is_paused: true,
                    ..Flow::new(flow.share)
                },
                kept: Vec::new(),
                welcome: None,
            });
        }
    }

    /// Whether it has arrived; if so, what waited goes out, and the client hears who takes what it publishes.
    fn arrive(&mut self, connection: ConnectionId, effects: &mut Effects) -> bool {
        let PublishStage::Moving(moving) = &mut self.stage else {
            return false;
        };
        let Some(welcome) = moving.welcome.filter(|_| moving.owed.is_empty()) else {
            return false;
        };
        let opened = ServerFrame::PublisherOpened {
            last: welcome.last,
            access_point: self.access_point,
        };
        to_publish(connection, opened, effects);
        for frame in moving.kept.drain(..) {
            to_access_point(self.access_point, frame, effects);
        }
        let flow = Flow {
            share: welcome.share,
            gathered: core::mem::take(&mut moving.flow.gathered),
            outstanding: core::mem::take(&mut moving.flow.outstanding),
            is_paused: moving.flow.is_paused,
        };
        self.stage = PublishStage::Open(flow);
        if let Some(frame) = self.take_gathered() {
            to_access_point(self.access_point, frame, effects);
        }
        true
    }
}
