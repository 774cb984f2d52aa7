//! The nouns of Gomera and its wire format: what every other crate speaks about.
//!
//! Pure: no clock, no thread, no randomness, no allocation beyond `alloc`.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod attributes;
pub mod backup;
mod content_error;
pub mod control;
pub mod delivery;
pub mod flatten;
pub mod id;
pub mod json;
pub mod lane;
pub mod limits;
pub mod link;
pub mod lookup;
pub mod notification;
pub mod operation;
pub mod packed;
pub mod request;
pub mod rfc3339;
pub mod session;
pub mod silbo;
pub mod standby;
pub mod time;
pub mod topology;
pub mod value;
pub mod varint;

pub use attributes::{Attributes, AttributesBuilder};
pub use content_error::ContentError;
pub use id::{
    Epoch, HostId, Incarnation, InstanceId, OperationId, OperationNumber, PublisherId,
    PublisherSeq, SLOTS, Seq, SessionId, SlotId, SubscriptionId, SubscriptionNumber,
};
pub use lookup::{LookupMap, LookupSet};
pub use notification::{Body, Content, Notification, Stamp};
pub use session::{Cursor, Gap, Generation, SessionToken};
pub use time::{Duration, Time, Timestamp};
pub use topology::{Instance, Layer, Topology};
pub use value::{Point, Value, ValueRef};
