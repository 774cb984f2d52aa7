//! Topology, plan and operation as a pure state machine.
//!
//! The driver feeds a [`Coordinator`] one input at a time and carries out its [`Effect`]s. What has been decided stands
//! in two versioned documents (see [`Path`]); whoever leads next goes on from them alone.
//!
//! ```text
//! live:      prepare ─► copy ──► close ─┐
//!                                       ├─► commit ─► drain ─► done
//! buffered:  prepare ─► close ─► copy ──┘
//!                │         │        │
//!                └─────────┴────────┴─► aborted
//! ```
//!
//! Each arrow is a conditional write first; the commit is one transaction over both documents.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod coordinator;
pub mod document;
pub mod effect;
mod expectation;
pub mod host;
pub mod limits;
mod operation;
mod plan;
pub mod record;
mod reports;
pub mod request;
pub mod rules;
pub mod store;
mod stored;
mod wholeness;

pub use coordinator::{Coordinator, CoordinatorStats, Holding};
pub use document::{Document, Path, Put, Stored, Version, WriteError, WriteId};
pub use effect::{Effect, Effects};
pub use host::{HostEntry, Layout, Load, Settings};
pub use record::{
    AbortReason, Expectation, OperationRecord, Outcome, PhaseName, PhaseRecord, Resize, Wishes,
};
pub use request::{Answer, DryRun, Impossible, RequestId, ScaleRequest};
pub use store::EmbeddedStore;
pub use wholeness::{Missing, Survival, Survives, Weakness};
