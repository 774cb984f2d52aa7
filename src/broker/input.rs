//! What waits for an instance, and for the coordinator.

use std::sync::Arc;

use gomera_coordinator::{Answer, Load};
use gomera_model::control::{Control, Report};
use gomera_model::lane::LaneFrame;
use gomera_model::silbo::{ClientFrame, Refusal};
use gomera_model::{HostId, Incarnation};
use gomera_operators::{ConnectionId, Stream};
use tokio::sync::oneshot;

use super::host_frame::{HostFrame, Question};
use super::link::{Gate, Link, Outgoing};
use super::measured::Measured;
use crate::zookeeper::News;

/// One input of an instance.
#[derive(Debug)]
pub(crate) enum Input {
    /// A batch that came in a lane.
    Frames {
        from: Incarnation,
        frames: Vec<LaneFrame>,
    },
    /// A word of the coordinator.
    Control(Control),
    /// Something of a client. Connection points only.
    Client(ConnectionId, ClientInput),
    /// Ask every client to connect elsewhere. Connection points only.
    GoAway,
    /// Tell what was counted.
    Measure(oneshot::Sender<Measured>),
    /// The thread shall end.
    Stop,
}

/// What happens on a client's connection.
#[derive(Debug)]
pub(crate) enum ClientInput {
    /// It is there, without a stream yet.
    Accepted(Arc<Link>),
    /// One of its streams is there.
    Opened {
        stream: Stream,
        gate: Arc<Gate>,
        outgoing: Arc<Outgoing>,
    },
    /// Frames of one stream, in order.
    Frames {
        stream: Stream,
        frames: Vec<ClientFrame>,
    },
    /// The client breaks the rules of the wire: it is told so, and closed.
    Faulty {
        stream: Option<Stream>,
        refusal: Refusal,
    },
    /// It is gone.
    Closed,
}

/// What waits for the coordinator.
#[derive(Debug)]
pub(crate) enum CoordinatorInput {
    /// An instance reports.
    Report { from: Incarnation, report: Report },
    /// What an instance holds, for the expectations of what comes next.
    Load { from: Incarnation, load: Load },
    /// Somebody asks for something.
    Ask(Question, oneshot::Sender<Answer>),
    /// Another host says something.
    FromHost(HostId, Box<HostFrame>),
    /// The link to another host has changed.
    Link(HostId, LinkNews),
    /// The store of the cluster has something to tell.
    Store(News),
    /// The thread shall stop all instances, and end.
    Stop,
}

/// What happens to a link to another host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkNews {
    /// It is connected.
    Up,
    /// It is not, and will be tried again.
    Down,
    /// Something was lost on it: the other host is of no use any more.
    Broken,
    /// The other host has no use any more of this one.
    Unwanted,
}
