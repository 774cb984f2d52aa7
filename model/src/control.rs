//! What the coordinator and the instances say to each other.
//!
//! Every control message may come twice and every report may be sent twice: to a new leader, all of them again.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{Epoch, Incarnation, OperationId, SlotId};
use crate::packed;
use crate::topology::{Layer, Topology};

/// How a layer changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Copy behind live traffic, then close. Nothing waits but operations on moving slots, for milliseconds.
    #[default]
    Live,
    /// Close, then copy; notifications wait while held operations are taken up. The paper's way.
    Buffered,
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Live => "live",
            Self::Buffered => "buffered",
        })
    }
}

/// Slots that go from one instance to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// The owner under the present epoch.
    pub from: Incarnation,
    /// The owner under the next.
    pub to: Incarnation,
    /// Which slots, ordered.
    pub slots: Vec<SlotId>,
}

/// What an operation is going to do; never changes once it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Its operation. Confirmations name it, because epochs of aborted plans are used again.
    pub operation: OperationId,
    /// The layer that changes.
    pub layer: Layer,
    /// How.
    pub strategy: Strategy,
    /// The topology after the commit.
    pub next: Topology,
    /// The topologies that follow it, one epoch each, where the change takes several steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<Topology>,
    /// What moves, ordered by (from, to).
    pub moves: Vec<Move>,
    /// Who was lost and is replaced by this; nothing of what was theirs can be copied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Incarnation>,
}

impl Plan {
    /// What an instance gives away.
    pub fn moves_from(&self, from: Incarnation) -> impl Iterator<Item = &Move> {
        self.moves.iter().filter(move |moved| moved.from == from)
    }

    /// What an instance takes over.
    pub fn moves_to(&self, to: Incarnation) -> impl Iterator<Item = &Move> {
        self.moves.iter().filter(move |moved| moved.to == to)
    }
}

/// From the coordinator to an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Control {
    /// The topology in force. An instance that knows a newer one forgets this.
    Topology(#[serde(with = "packed::as_document")] Arc<Topology>),
    /// Phase *prepare*: know the plan, open lanes, answer [`Report::Confirmed`].
    Prepare(#[serde(with = "packed::as_document")] Arc<Plan>),
    /// Phase *copy*: old owners stream their moving slots.
    Copy(OperationId),
    /// Phase *close*: access points hold operations on moving slots and send CLOSE.
    Close(OperationId),
    /// Before the commit: forget the plan, release what is held to the old owners.
    Abort(OperationId),
}

/// From an instance to the coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// Knows the plan of this operation and has its lanes open.
    Confirmed(OperationId),
    /// An old owner tells how far its copy is; for people and for the expected duration.
    Copying {
        /// The operation.
        operation: OperationId,
        /// Totals so far.
        copied: Copied,
    },
    /// An old owner: every slot that it gives away has been copied and taken.
    Copied {
        /// The operation.
        operation: OperationId,
        /// Totals.
        copied: Copied,
    },
    /// A new owner: END has come from every old owner it takes slots from.
    Ended(OperationId),
    /// A matcher: the FLIP of every access point into this epoch has come, and what had to go is dropped.
    Drained(Epoch),
    /// An exit point: everything stamped before this epoch is released, and every FLIP into it has passed.
    Joined(Epoch),
    /// An exit point: it holds whatever belongs to the session slots that this epoch names it for and the epoch before
    /// did not.
    Filled(Epoch),
    /// An instance that is leaving: nothing is left with it, and nothing will come to it any more.
    Emptied(Epoch),
    /// An access point stamps this epoch.
    Flipped {
        /// The epoch.
        epoch: Epoch,
        /// Operations that it had held for it.
        held: u64,
        /// How long the first of them had waited, nanoseconds.
        held_ns_max: u64,
    },
    /// An access point: every exit point of this epoch has said that it has released whatever was stamped when this
    /// access point read the epoch. A connection point: it has read it.
    Settled(Epoch),
}

/// How much was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Copied {
    /// Whole slots.
    pub slots: u64,
    /// Subscriptions in them.
    pub subscriptions: u64,
    /// Bytes in canonical form.
    pub bytes: u64,
}
