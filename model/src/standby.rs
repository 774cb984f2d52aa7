//! What the owner of subscription slots and the matcher that stands by for them say to each other.

use alloc::boxed::Box;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::{Epoch, SlotId};
use crate::operation::{StoredSubscription, SubscriptionOperation};

/// From the owner of slots to their standby; the word that a part is taken goes the other way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StandbyFrame {
    /// Parts of slots, behind live traffic. One frame of them is in flight at a time.
    Parts {
        /// The newest epoch that the owner knows.
        epoch: Epoch,
        /// In the order in which they were read.
        slots: Vec<SlotPart>,
    },
    /// From the standby: the parts are there, the next may come.
    Taken,
    /// An operation that the owner took on a slot which it has begun to send.
    Follow {
        /// The newest epoch that the owner knows.
        epoch: Epoch,
        /// What it took.
        taken: Box<SubscriptionOperation>,
    },
}

/// Some of the subscriptions of one slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotPart {
    /// Which slot.
    pub slot: SlotId,
    /// Whether the slot begins here: whatever the standby has of it from before counts no more.
    pub begins: bool,
    /// Some of what is in it.
    pub subscriptions: Vec<StoredSubscription>,
}
