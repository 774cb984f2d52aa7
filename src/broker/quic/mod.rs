//! Clients' connections: sockets, streams and their tasks.
//!
//! ```text
//! endpoint ─► connection task ─┬─► reader task of each stream ─► inbox of a connection point
//!                              └─◄ writer task of each stream ◄─ its thread, once a turn
//! ```

mod connection;
mod endpoint;
mod reader;
mod writer;

pub(super) use connection::Link;
pub use endpoint::EndpointError;
pub(super) use endpoint::{Doors, Endpoint};
pub(super) use reader::Gate;
pub(super) use writer::Outgoing;
