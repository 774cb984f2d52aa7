//! Versioned documents: what the coordinator asks a store to keep.

use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

/// The documents that the coordinator writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Path {
    /// The topology in force.
    Topology,
    /// The operation under way or the last one, its plan, and the counters of ids.
    Operation,
}

impl Path {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Topology, Self::Operation];

    /// Its last component in a store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Topology => "topology",
            Self::Operation => "operation",
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.name())
    }
}

/// Version of a document in its store; rises with every write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub u64);

/// A document as read from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Which.
    pub path: Path,
    /// What it holds, or nothing if it is not there.
    pub stored: Option<Stored>,
}

/// The content of a document that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its version.
    pub version: Version,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// One document of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// Which.
    pub path: Path,
    /// The version that it must still have; `None`: it must not be there.
    pub expected: Option<Version>,
    /// What it shall hold.
    pub bytes: Vec<u8>,
}

/// A transaction, numbered by the coordinator; never used again by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteId(pub u64);

/// Why a transaction is not known to have been applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// Surely not applied: a document did not have the version that was expected.
    Conflict,
    /// It may have been applied, or may yet be.
    Unknown,
}
