//! Newtypes for every id, and the slot function.

use core::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Number of slots of the subscription table and of the session table. Fixed.
pub const SLOTS: usize = 4096;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The number that follows this one.
            ///
            /// # Panics
            ///
            /// At the end of the number's range, which no run reaches.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0.checked_add(1).expect("an id counts one at a time and never reaches its type's end"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number! {
    /// Number of a topology; every change raises it by one.
    Epoch(u64)
}
number! {
    /// One running instance of an operator. Unique in the cluster's life: a restarted instance has a new one.
    Incarnation(u64)
}
number! {
    /// The place of an instance in its layer (`matcher 2`); survives a restart.
    InstanceId(u32)
}
number! {
    /// A process of the broker.
    HostId(u64)
}
number! {
    /// One operation (change of topology) in the coordinator's life.
    OperationId(u64)
}
number! {
    /// Position of a notification in the output of one access point; without gaps within an incarnation, from 1.
    Seq(u64)
}
number! {
    /// Position of a notification in the output of one publisher, from 1.
    PublisherSeq(u64)
}
number! {
    /// Number of a subscribe, replace or unsubscribe within its session; rises, from 1.
    OperationNumber(u64)
}
number! {
    /// Number that a client gives to one of its subscriptions.
    SubscriptionNumber(u32)
}
number! {
    /// Index of a slot, below [`SLOTS`].
    SlotId(u16)
}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:016x})", stringify!($name), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:016x}", self.0)
            }
        }
    };
}

random_id! {
    /// A client's session; random, given by the broker. Printed as 16 hexadecimal digits.
    SessionId
}
random_id! {
    /// One start of a publisher; random, drawn by the client library. Printed as 16 hexadecimal digits.
    PublisherId
}

impl SessionId {
    /// The slot that decides which exit points hold the session.
    #[must_use]
    pub fn slot(self) -> SlotId {
        slot(&self.0.to_le_bytes())
    }
}

/// How much an instance is the right one for what a number names: the one for which this is highest serves it. So few
/// things change hands where instances come and go (rendezvous hashing).
#[must_use]
pub fn weight(number: u64, instance: Incarnation) -> u64 {
    xxh3_64_with_seed(&number.to_le_bytes(), instance.0)
}

/// A subscription in the whole cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SubscriptionId {
    /// Whose it is.
    pub session: SessionId,
    /// The number that the client gave it.
    pub number: SubscriptionNumber,
}

impl SubscriptionId {
    /// The slot that decides which matcher holds the subscription: session id, then number, 12 bytes.
    #[must_use]
    pub fn slot(self) -> SlotId {
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&self.session.0.to_le_bytes());
        bytes[8..].copy_from_slice(&self.number.0.to_le_bytes());
        slot(&bytes)
    }
}

impl SlotId {
    /// Every slot, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..4096).map(Self)
    }

    /// As an index into a slot table.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// `xxh3-64(bytes, seed 0) % SLOTS`. Fixed: every stored topology depends on it.
#[must_use]
pub fn slot(bytes: &[u8]) -> SlotId {
    let hash = xxh3_64_with_seed(bytes, 0);
    let index = hash % SLOTS as u64;
    SlotId(u16::try_from(index).expect("a remainder of 4096 fits 16 bits"))
}
