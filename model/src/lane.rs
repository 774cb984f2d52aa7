//! What travels in lanes: ordered streams between two instances. One enum per receiving layer, so that an
//! operator meets only what can be meant for it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::{
    Epoch, Incarnation, OperationId, OperationNumber, PublisherId, PublisherSeq, Seq, SessionId,
};
use crate::notification::Notification;
use crate::operation::{Hit, StoredSubscription, SubscriptionOperation};
pub use crate::request::{FilterText, OverflowPolicy, Publication, SubscriptionRequest};
use crate::session::{Cursor, Gap, Generation, SessionToken};
use crate::silbo::{Acknowledgement, Refusal, RefusalCode};

/// A frame on its way to an instance of any layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LaneFrame {
    /// To a connection point.
    ConnectionPoint(ConnectionPointFrame),
    /// To an access point.
    AccessPoint(AccessPointFrame),
    /// To a matcher.
    Matcher(MatcherFrame),
    /// To an exit point.
    ExitPoint(ExitPointFrame),
}

/// The first frame of a lane: the receiver waits for nothing below `next`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// The epoch that the sender knows.
    pub epoch: Epoch,
    /// The first notification that will come, where the sender is an access point; else zero.
    pub next: Seq,
}

/// What an access point receives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessPointFrame {
    /// From a connection point: a publisher wants to begin or to go on.
    OpenPublisher {
        /// Which.
        publisher: PublisherId,
        /// Which connection of it; an older one loses.
        generation: Generation,
        /// What its acknowledgements mean.
        acknowledgement: Acknowledgement,
    },
    /// From a connection point: a publisher's connection ended.
    ClosePublisher {
        /// Which.
        publisher: PublisherId,
        /// Which connection of it.
        generation: Generation,
    },
    /// From a connection point: publications of one publisher, in order.
    Publish {
        /// Whose.
        publisher: PublisherId,
        /// Over which connection of it.
        generation: Generation,
        /// What.
        publications: Vec<Publication>,
    },
    /// From a connection point: a publication that cannot be accepted. It has its place among the others, so that the
    /// publisher hears of it even if its connection is lost first.
    Refuse {
        /// Whose.
        publisher: PublisherId,
        /// Over which connection of it.
        generation: Generation,
        /// Which.
        seq: PublisherSeq,
        /// Why.
        refusal: Refusal,
    },
    /// From a connection point: a client's subscription operation, its filter still text.
    Request {
        /// Whose.
        session: SessionId,
        /// Over which connection of it.
        generation: Generation,
        /// What.
        request: SubscriptionRequest,
    },
    /// From an exit point: these subscriptions, all of one session, shall go although no client says so.
    Unsubscribe(Vec<SubscriptionOperation>),
    /// From an exit point: a session has ended.
    SessionEnded(SessionId),
    /// From a matcher, strategy `buffered`: it has taken up the operations on the slots that are new to it.
    TakenUp(Epoch),
    /// From an exit point: how far it has released what this access point stamped.
    Released {
        /// The exit point's epoch.
        epoch: Epoch,
        /// Everything up to here.
        seq: Seq,
        /// How many subscriptions each notification matched here, where it is not zero; ascending.
        matched: Vec<(Seq, u32)>,
    },
}

/// What a matcher receives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MatcherFrame {
    /// From an access point: its lane begins.
    Open(Open),
    /// From an access point: notifications in the order of `seq`, all of the lane's epoch.
    Notifications(Vec<Arc<Notification>>),
    /// From an access point: an operation on a slot that this matcher owns under the lane's epoch.
    Operation(Box<SubscriptionOperation>),
    /// From an access point: no further operation on a moving slot will come before FLIP.
    Close(OperationId),
    /// From an access point: from `first` on it stamps `epoch`.
    Flip {
        /// The new epoch.
        epoch: Epoch,
        /// The first sequence number stamped with it.
        first: Seq,
    },
    /// From an old owner: subscriptions of moving slots. One chunk is in flight at a time.
    Chunk {
        /// The operation.
        operation: OperationId,
        /// What to install, invisible under the present epoch.
        subscriptions: Vec<StoredSubscription>,
    },
    /// From a new owner: the chunk is installed, the next may come.
    ChunkTaken(OperationId),
    /// From an old owner: an operation that it took on a slot already in the copy.
    Follow {
        /// The operation under way.
        operation: OperationId,
        /// What it took.
        taken: Box<SubscriptionOperation>,
    },
    /// From an old owner: it will take no further operation on what moves from it to the receiver.
    End(OperationId),
}

/// What an exit point receives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitPointFrame {
    /// From a matcher: hits of a batch, then "done up to".
    Hits {
        /// Whose notifications.
        access_point: Incarnation,
        /// Those that matched something of this exit point's sessions, in the order of `seq`.
        matched: Vec<Matched>,
        /// Everything of this access point up to here has been matched.
        done: Seq,
    },
    /// From a matcher: it took an operation of a session of this exit point.
    Registration(Box<SubscriptionOperation>),
    /// From a matcher: the FLIP of an access point, passed on behind everything that was stamped before it.
    Flip {
        /// Whose.
        access_point: Incarnation,
        /// The new epoch.
        epoch: Epoch,
        /// The first sequence number stamped with it.
        first: Seq,
    },
    /// From a connection point: a client is here.
    Attach(Attach),
    /// From a connection point: the client's connection ended; the session stays.
    Detach {
        /// Whose.
        session: SessionId,
        /// Which connection.
        generation: Generation,
    },
    /// From a connection point: the client ended its session.
    EndSession {
        /// Which.
        session: SessionId,
        /// Over which connection.
        generation: Generation,
    },
    /// From a connection point: how far the client has processed.
    Acknowledge {
        /// Whose.
        session: SessionId,
        /// Over which connection.
        generation: Generation,
        /// How far, per access point.
        cursors: Vec<Cursor>,
    },
}

/// The hits of one notification at one exit point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matched {
    /// What matched.
    pub notification: Arc<Notification>,
    /// Per session, in ascending order: its subscriptions that matched, ascending by number.
    pub sessions: Vec<(SessionId, Vec<Hit>)>,
}

/// A client shows up at the exit point of its session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attach {
    /// The session.
    pub session: SessionId,
    /// What proves it.
    pub token: SessionToken,
    /// Which connection of it; the newest wins.
    pub generation: Generation,
    /// Whether the session must be there already.
    pub resume: bool,
    /// How far the client has processed.
    pub cursors: Vec<Cursor>,
    /// What happens at the limits of its window.
    pub policy: OverflowPolicy,
}

/// What a connection point receives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConnectionPointFrame {
    /// From an access point: the publisher may publish.
    PublisherOpened {
        /// Which.
        publisher: PublisherId,
        /// Which connection of it.
        generation: Generation,
        /// The last of its publications that the access point has.
        last: PublisherSeq,
        /// How much of it may be outstanding.
        share: Share,
    },
    /// From an access point: how much of each of its publishers may be outstanding has changed.
    Share(Share),
    /// From an access point: the publisher's publications up to here are acknowledged.
    Published {
        /// Whose.
        publisher: PublisherId,
        /// Which connection of it.
        generation: Generation,
        /// Up to here.
        last: PublisherSeq,
        /// How many subscriptions matched each newly acknowledged one, in order; empty for `received`.
        matched: Vec<u32>,
    },
    /// From an access point: one publication was refused; it counts as acknowledged.
    PublicationRefused {
        /// Whose.
        publisher: PublisherId,
        /// Which connection of it.
        generation: Generation,
        /// Which.
        seq: PublisherSeq,
        /// Why.
        refusal: Refusal,
    },
    /// From an access point: the publisher cannot be served, or a newer connection of it has come.
    PublisherRefused {
        /// Which.
        publisher: PublisherId,
        /// Which connection of it.
        generation: Generation,
        /// Why.
        refusal: Refusal,
    },
    /// From an access point or an exit point: the answer to a subscription operation.
    Answered {
        /// Whose.
        session: SessionId,
        /// To which connection.
        generation: Generation,
        /// Which.
        operation: OperationNumber,
        /// Nothing, or why it was refused.
        refused: Option<Refusal>,
    },
    /// From an exit point: the client is attached; what is unacknowledged follows.
    Attached {
        /// Whose.
        session: SessionId,
        /// Which connection.
        generation: Generation,
        /// Whether the session was there before.
        resumed: bool,
    },
    /// From an exit point: the client cannot be attached, or is no longer.
    Detached {
        /// Whose.
        session: SessionId,
        /// Which connection.
        generation: Generation,
        /// Why.
        code: RefusalCode,
    },
    /// From an exit point: deliveries, in order, of any of its sessions at this connection point.
    Deliveries(Vec<Delivery>),
}

/// How much of one publisher may be admitted and not released. One publication may always be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Publications.
    pub publications: u32,
    /// Bytes of their content.
    pub bytes: u64,
}

/// What goes to one session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Whose.
    pub session: SessionId,
    /// To which connection.
    pub generation: Generation,
    /// What.
    pub item: DeliveryItem,
}

/// One item of a session's ordered output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryItem {
    /// A notification with the session's subscriptions that matched.
    Notification {
        /// What.
        notification: Arc<Notification>,
        /// Which of the session's subscriptions matched, ascending by number.
        hits: Vec<Hit>,
    },
    /// Something was lost here.
    Gap(Gap),
}
