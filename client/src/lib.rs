//! The client library: publishers and subscribers of a Gomera broker, over QUIC.
//!
//! ```no_run
#![doc = include_str!("../examples/ten_lines.rs")]
//! ```
//!
//! What it takes care of: connections that are lost are made again, to another server if there are several; what was
//! published is repeated until it is acknowledged; the session of a subscriber is resumed, and nothing is lost or
//! shown twice by that. It asks for a runtime of tokio.
//!
//! How: the machines of `gomera-client-core` decide everything. Around each stands one lock, a task that keeps its
//! clock, and for each connection a task that reads and one that writes. Whatever is said while a write is under way
//! goes out together with the next one, at once; nothing waits for more to come.

mod address;
mod client;
mod engine;
mod error;
pub mod limits;
mod publisher;
mod random;
mod subscriber;
mod tls;

pub use address::{ServerUrl, ServerUrlError};
pub use client::{Client, ClientBuilder};
pub use error::{
    BuildError, ConnectError, EndedError, OpenError, PublishError, SubscribeError, TryPublishError,
};
pub use gomera_client_core::{
    Attachment, DropReason, PublisherEvent, PublisherStats, SubscriberStats,
};
pub use publisher::{Publisher, PublisherBuilder, PublisherEvents};
pub use subscriber::{Event, Filter, Subscriber, SubscriberBuilder, Subscribing};
