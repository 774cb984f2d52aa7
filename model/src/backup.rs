//! What the exit points of one session slot say to each other.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::delivery::DeliveryItem;
use crate::id::{Epoch, OperationNumber, Seq, SessionId, SubscriptionId, SubscriptionNumber};
use crate::operation::CanonicalFilter;
use crate::request::OverflowPolicy;
use crate::session::{Cursor, Gap, Generation, SessionToken};

/// From the primary of a slot to the others that the topology names for it; confirmations go the other way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BackupFrame {
    /// A session was made, or its client came back over another connection.
    Session {
        /// Which.
        session: SessionId,
        /// Who may resume it.
        identity: Identity,
    },
    /// How far clients have processed, per session what has changed: nobody needs it any more.
    Safe(Vec<(SessionId, Vec<Cursor>)>),
    /// A session is no more.
    Ended(SessionId),
    /// A piece of what belongs to the slots that the epoch newly names the receiver for. One chunk is in flight at a time.
    Fill {
        /// The epoch.
        epoch: Epoch,
        /// Session by session, each from its identity to its end.
        pieces: Vec<(SessionId, FillPiece)>,
    },
    /// From the one that is filled: the chunk is taken, the next may come.
    FillTaken(Epoch),
    /// That was all.
    FillEnd(Epoch),
    /// What this epoch takes from the sender and gives to the receiver is the receiver's now.
    Yield(Epoch),
    /// A client ended its session; it told the sender, to which the session belonged before.
    Bye {
        /// Which.
        session: SessionId,
        /// Over which connection.
        generation: Generation,
    },
    /// How far the sender had released access points that were lost by this epoch. What the receiver has beyond that, of
    /// slots that the sender delivers, comes again under another stamp, and the client will have it from there.
    LastReleased {
        /// The epoch.
        epoch: Epoch,
        /// Each access point with the last that was released.
        marks: Vec<Cursor>,
    },
    /// From the others: they know of the session.
    Known(SessionId),
    /// From the backup: it has taken these operations.
    Confirm(Vec<(SubscriptionId, OperationNumber)>),
}

/// Who may resume a session, and how it is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// What proves it.
    pub token: SessionToken,
    /// What happens at the limits of its window.
    pub policy: OverflowPolicy,
    /// The newest connection.
    pub generation: Generation,
}

/// A part of a session as it is filled into another exit point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FillPiece {
    /// The first piece.
    Session {
        /// Who may resume it.
        identity: Identity,
        /// How far the client has processed.
        cursors: Vec<Cursor>,
        /// The highest operation that was taken.
        newest: OperationNumber,
    },
    /// An entry of its list.
    Subscription {
        /// Which.
        number: SubscriptionNumber,
        /// The operation that set the entry.
        newest: OperationNumber,
        /// What was set; `None` for a tombstone.
        live: Option<LiveSubscription>,
    },
    /// What was lost and not yet signalled.
    Lost {
        /// What the client will be told.
        gap: Gap,
        /// Those of it that it may turn out to have.
        sent: Vec<Seq>,
    },
    /// The next item of its window.
    Item {
        /// What.
        item: DeliveryItem,
        /// Whether it was sent to the client already, over any connection.
        was_sent: bool,
    },
    /// The last piece.
    End,
}

/// A subscription that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSubscription {
    /// The operation that began its life.
    pub since: OperationNumber,
    /// Its present filter.
    pub filter: CanonicalFilter,
}
