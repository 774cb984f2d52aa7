//! What clients ask for, before the broker has made anything of it.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::id::{OperationNumber, PublisherSeq, SubscriptionNumber};
use crate::notification::Content;
use crate::time::Timestamp;

/// One publication as a connection point hands it on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// Its place in what the publisher publishes.
    pub seq: PublisherSeq,
    /// When it was meant to be sent.
    pub published_at: Timestamp,
    /// What.
    pub content: Content,
}

/// A client's subscription operation before its filter is parsed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionRequest {
    /// Its number in the session.
    pub operation: OperationNumber,
    /// Every operation below this one has been answered.
    pub unanswered_from: OperationNumber,
    /// The subscription.
    pub number: SubscriptionNumber,
    /// The new filter; `None` ends the subscription.
    pub filter: Option<FilterText>,
}

/// A filter as a client wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterText {
    /// Name of the dialect.
    pub dialect: String,
    /// The text.
    pub text: String,
}

/// What happens when a session's window is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OverflowPolicy {
    /// Its oldest deliveries are lost, with a signalled gap.
    #[default]
    Gap,
    /// It is closed.
    Disconnect,
}
