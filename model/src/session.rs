//! What a client and its session say to each other about identity and progress.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{Incarnation, Seq};

/// 128 random bits that a client must show to resume its session.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionToken(pub [u8; 16]);

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(secret)")
    }
}

/// Which connection of a session or of a publisher this is; the client raises it each time, from 1. The newest wins.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Generation(pub u32);

/// How far a client has processed what came from one access point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The access point.
    pub access_point: Incarnation,
    /// The last sequence number that was processed.
    pub seq: Seq,
}

/// Deliveries that a session has lost at one of its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The access point whose notifications were lost.
    pub access_point: Incarnation,
    /// The first lost.
    pub first: Seq,
    /// The last lost.
    pub last: Seq,
    /// How many deliveries between the two, both included, were lost.
    pub count: u64,
}
