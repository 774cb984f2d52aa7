//! What is published and delivered.

use bytes::Bytes;

use crate::attributes::Attributes;
use crate::id::{Epoch, Incarnation, PublisherId, PublisherSeq, Seq};
use crate::time::Timestamp;

/// What rides beside the attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    None,
    /// A JSON object; its fields are attributes by their dotted path.
    Json(Bytes),
    /// Bytes without meaning to the broker.
    Opaque(Bytes),
}

/// What a client publishes and a subscriber receives, bytes for bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Attributes as published; they may be nested.
    pub attributes: Attributes,
    /// What rides beside them.
    pub body: Body,
}

/// The mark that an access point puts on a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// The access point.
    pub access_point: Incarnation,
    /// Its sequence number, without gaps.
    pub seq: Seq,
    /// The epoch under which the notification is matched, joined and delivered.
    pub epoch: Epoch,
}

/// A notification on its way through the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Given by the access point.
    pub stamp: Stamp,
    /// Who published it.
    pub publisher: PublisherId,
    /// Its place in what that publisher publishes.
    pub publisher_seq: PublisherSeq,
    /// When the publisher meant to send it, by its own clock.
    pub published_at: Timestamp,
    /// What was published.
    pub content: Content,
    /// What filters see: nested attributes and the fields of a JSON body by their dotted paths.
    pub flat: Attributes,
}
