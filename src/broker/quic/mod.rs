//! Clients' connections: sockets, streams and their tasks.
//!
//! ```text
//! endpoint ─► connection task ─┬─► reader task of each stream ─► inbox of a connection point
//!                              └─◄ writer task of each stream ◄─ its thread, once a turn
//! ```

mod connection;
mod endpoint;
mod reader;
mod served;
mod writer;

pub use endpoint::EndpointError;
pub(super) use endpoint::{Doors, Endpoint, ReloadError};
