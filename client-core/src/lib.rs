//! The client's side of silbo/1 as pure machines: what a publisher and a subscriber must remember and repeat so that
//! nothing is lost or doubled, whatever happens to their connections.
//!
//! ```text
//! application ──publish, subscribe, …──►┌──────────────────────────────┐──Event──► application
//!                                       │ PublisherCore, SubscriberCore │
//! transport ──opened, receive, closed──►└──────────────────────────────┘──Open, Send, Close──► transport
//! clock ──────wake─────────────────────────────▲          └──────────────WakeAt──► clock
//! ```
//!
//! A connection is named by its [`Generation`](gomera_model::Generation): the core chooses it when it says
//! [`Effect::Open`], and the driver names it in everything that it reports about that connection.
//!
//! Pure: no clock, no randomness, no socket, no lock.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod connection;
pub mod effect;
pub mod limits;
pub mod publisher;
pub mod stats;
pub mod subscriber;

pub use effect::{Effect, Effects};
pub use publisher::{PublishError, PublisherConfig, PublisherCore, PublisherEvent};
pub use stats::{PublisherStats, SubscriberStats};
pub use subscriber::{
    Attachment, DropReason, RequestError, RequestNumber, SubscriberConfig, SubscriberCore,
    SubscriberEvent,
};
