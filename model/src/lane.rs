//! What travels in lanes: ordered streams between two instances. One enum per receiving layer, so that an
//! operator meets only what can be meant for it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

pub use crate::backup::{BackupFrame, FillPiece, Identity, LiveSubscription};
pub use crate::delivery::{Delivery, DeliveryItem};
use crate::id::{
    Epoch, Incarnation, OperationId, OperationNumber, PublisherId, PublisherSeq, Seq, SessionId,
    SlotId, SubscriptionNumber,
};
use crate::notification::Notification;
use crate::operation::{Digest, Hit, StoredSubscription, SubscriptionOperation};
pub use crate::request::{FilterText, OverflowPolicy, Publication, SubscriptionRequest};
use crate::session::{Cursor, Generation, SessionToken};
use crate::silbo::{Acknowledgement, Refusal, RefusalCode};
pub use crate::standby::{SlotPart, StandbyFrame};

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
        /// The access point that welcomed it last: what it knows of the publisher comes first.
        welcomed_by: Option<Incarnation>,
    },
    /// From a connection point: a publisher's connection ended, or goes on at another access point.
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
        /// The epoch that the sender knows: an access point that does not know it yet might send the operation to a
        /// matcher that was lost.
        epoch: Epoch,
        /// What.
        request: SubscriptionRequest,
    },
    /// From an exit point: these subscriptions, all of one session, shall go although no client says so.
    Unsubscribe {
        /// The epoch that the sender knows: an access point that does not know it yet might send the operations to a matcher
        /// that was lost.
        epoch: Epoch,
        /// What ends them.
        operations: Vec<SubscriptionOperation>,
    },
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
    /// From another access point: a publisher that was welcomed here wants to go on there.
    HandOver {
        /// Which.
        publisher: PublisherId,
        /// Over which connection of it; older ones lose here as well.
        generation: Generation,
    },
    /// From another access point: the answer.
    HandedOver {
        /// Which.
        publisher: PublisherId,
        /// Of the question.
        generation: Generation,
        /// What was found.
        handover: Handover,
    },
    /// From an access point that is leaving: what it knows of publishers without a connection that belong here from now on.
    Remember {
        /// Each with its newest connection.
        publishers: Vec<(PublisherId, Generation, Handover)>,
        /// The sender's epoch, where this is all; answered with `NothingMore`.
        complete: Option<Epoch>,
    },
    /// From a connection point or an exit point: nothing more comes from it to this access point, which is leaving. From
    /// a matcher or another access point: it has taken everything that came in this access point's lane.
    NothingMore(Epoch),
}

/// What an access point knows of a publisher that wants to go on at another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Handover {
    /// This, and all that it took of the publisher is released; nothing, if it does not know the publisher.
    Done(Option<Handed>),
    /// That one has what is known of the publisher.
    Elsewhere(Incarnation),
    /// A newer connection of the publisher has come.
    Newer,
}

/// What is known of a publisher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handed {
    /// The last of its publications that was taken.
    pub last: PublisherSeq,
    /// What was refused last, the oldest first.
    pub refused: Vec<(PublisherSeq, Refusal)>,
    /// How many subscriptions matched the last ones, in order, as far as the publisher was not told.
    pub matched: Vec<u32>,
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
    /// From an access point, where a matcher was lost: from `first` on, everything comes again under the stamp of
    /// `epoch`. Closes the epochs before like FLIP.
    Restart {
        /// The epoch of the cut, or a later one.
        epoch: Epoch,
        /// The first sequence number that comes again.
        first: Seq,
    },
    /// From an exit point, where it was asked to compare: in these slots its sessions have something else than the
    /// receiver holds. What that one has of them there counts no more; all of it follows.
    Differing {
        /// The epoch of the question.
        epoch: Epoch,
        /// Which slots, ascending.
        slots: Vec<SlotId>,
    },
    /// From an exit point: subscriptions of its sessions in slots that differ.
    Restore {
        /// The epoch of the question.
        epoch: Epoch,
        /// Part of them.
        subscriptions: Vec<StoredSubscription>,
    },
    /// From an exit point: the receiver holds what its sessions have, as it was asked under this epoch.
    RestoreEnd(Epoch),
    /// From the owner of slots to their standby, or back.
    Standby(StandbyFrame),
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
    /// From an access point that is leaving: this is the last of its lane. Answered with the same word.
    NothingMore(Epoch),
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
    /// From a matcher: the RESTART of an access point, passed on.
    Restart {
        /// Whose.
        access_point: Incarnation,
        /// The epoch of the cut, or a later one.
        epoch: Epoch,
        /// The first sequence number that comes again.
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
    /// From a matcher that owns slots whose owner was lost: what it holds there of the sessions that the receiver
    /// delivers. Answered with what differs, and `RestoreEnd`.
    Compare {
        /// The newest epoch that it knows.
        epoch: Epoch,
        /// Each of these slots, ascending.
        slots: Vec<(SlotId, Digest)>,
    },
    /// From another exit point of the same session slot.
    Backup(BackupFrame),
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
    /// The epoch that names the receiver for the session, as the connection point knows it.
    pub epoch: Epoch,
    /// What is there because the session belonged to another exit point before.
    pub moved: Option<Moved>,
}

/// A connection that its client had already when its session came to another exit point: the client hears nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Per access point, the last that was sent to the client over this connection.
    pub sent: Vec<Cursor>,
    /// Operations that the client waits for, with their subscriptions.
    pub unanswered: Vec<(OperationNumber, SubscriptionNumber)>,
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
        /// The epoch of the frame that this answers.
        epoch: Epoch,
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
