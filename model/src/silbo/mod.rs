//! `silbo/1`: what a client and a connection point say to each other.
//!
//! A client opens two bidirectional streams at most. The *control* stream carries sessions, subscriptions and, so that
//! they stay in order with the answers, the deliveries. The *publish* stream carries publications, so that reading
//! can stop there without stopping anything else. The first frame of a stream says which it is.
//!
//! ```text
//! control:  > Connect  < Connected | Refused     > Subscribe, Unsubscribe, Acknowledge, Ping, Bye
//!           < Answered, Deliver, Gap, Pong, Goaway, Refused
//! publish:  > OpenPublisher  < PublisherOpened | Refused     > Publish
//!           < Published, PublicationRefused, Goaway, Refused
//! ```

pub mod codec;

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::{Incarnation, OperationNumber, PublisherId, PublisherSeq, SessionId};
use crate::notification::{Content, Stamp};
use crate::operation::Hit;
use crate::request::{OverflowPolicy, Publication, SubscriptionRequest};
use crate::session::{Cursor, Gap, Generation, SessionToken};
use crate::time::Timestamp;

/// The ALPN of clients.
pub const ALPN: &[u8] = b"silbo/1";
/// The UDP port of clients.
pub const PORT: u16 = 7454;

/// What a publisher's acknowledgement means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Acknowledgement {
    /// The access point has it: one copy.
    Received,
    /// Every exit point has released it.
    #[default]
    Joined,
    /// Stored. Comes with storage; refused until then.
    Durable,
}

/// Why something was refused, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum RefusalCode {
    /// The frame cannot be read, or must not come here.
    Malformed,
    /// A frame of a type that this broker does not know.
    UnknownFrame,
    /// A frame longer than the limit.
    FrameTooLarge,
    /// A frame begun and not finished in time.
    Stalled,
    /// Content larger than the limit.
    ContentTooLarge,
    /// Content that breaks another limit or rule.
    InvalidContent,
    /// The filter cannot be parsed.
    InvalidFilter,
    /// No such dialect.
    UnknownDialect,
    /// The session is not known here: it ended, or the broker was restarted.
    SessionUnknown,
    /// The session's token is wrong.
    NotAuthorized,
    /// A newer connection of the same session or publisher has come.
    TakenOver,
    /// The session lost at its limits what it had asked not to lose.
    TooSlow,
    /// A limit of the session or of the broker is reached.
    LimitReached,
    /// What was asked for comes with a later version.
    Unsupported,
    /// The connection point is going; connect elsewhere or again.
    GoingAway,
    /// The client ended it.
    Ended,
}

/// A refusal, for programs and people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// For programs.
    pub code: RefusalCode,
    /// For people: what was found, what was expected, what to do.
    pub reason: String,
}

/// From a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFrame {
    /// First on a control stream.
    Connect(Connect),
    /// Subscribe, replace (the same number again) or unsubscribe (no filter).
    Request(SubscriptionRequest),
    /// How far the client has processed what was delivered.
    Acknowledge(Vec<Cursor>),
    /// Are you there?
    Ping(u64),
    /// The session ends, with all of its subscriptions.
    Bye,
    /// First on a publish stream.
    OpenPublisher {
        /// Drawn at random at each start of a publisher.
        publisher: PublisherId,
        /// Which connection of it.
        generation: Generation,
        /// What its acknowledgements shall mean.
        acknowledgement: Acknowledgement,
        /// The access point that the last `PublisherOpened` named.
        welcomed_by: Option<Incarnation>,
    },
    /// A notification.
    Publish(Publication),
    /// A notification whose content cannot be accepted. Never encoded: the decoder's word for it, so that the
    /// publication can be refused by its number while the connection lives.
    Unacceptable {
        /// Which.
        seq: PublisherSeq,
        /// Why.
        refusal: Refusal,
    },
}

/// A client's first word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// The session to resume, with what proves it; `None` asks for a new one.
    pub resume: Option<(SessionId, SessionToken)>,
    /// Which connection of the session this is, from 1.
    pub generation: Generation,
    /// How far the client has processed.
    pub cursors: Vec<Cursor>,
    /// What happens at the limits of its window.
    pub policy: OverflowPolicy,
}

/// To a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFrame {
    /// The session is attached.
    Connected {
        /// The session.
        session: SessionId,
        /// Needed to resume it.
        token: SessionToken,
        /// Whether it was there before.
        resumed: bool,
    },
    /// The answer to a subscription operation; nothing, or why it was refused.
    Answered {
        /// Which.
        operation: OperationNumber,
        /// Nothing, or why not.
        refused: Option<Refusal>,
    },
    /// A notification with the subscriptions that matched.
    Deliver(Deliver),
    /// Something was lost here.
    Gap(Gap),
    /// Yes.
    Pong(u64),
    /// The connection point is going: open another connection, resume there, close this one.
    Goaway,
    /// The stream's or the connection's request is refused; on a control stream it is the last frame.
    Refused(Refusal),
    /// The publisher may publish. A further one over the same connection: another access point takes what comes from
    /// here on, and nothing has to be repeated.
    PublisherOpened {
        /// The last of its publications that the broker has.
        last: PublisherSeq,
        /// The access point that takes its publications.
        access_point: Incarnation,
    },
    /// Publications up to here are acknowledged.
    Published {
        /// Up to here.
        last: PublisherSeq,
        /// How many subscriptions matched each newly acknowledged one, in order; empty for `received`.
        matched: Vec<u32>,
    },
    /// One publication was refused; it counts as acknowledged.
    PublicationRefused {
        /// Which.
        seq: PublisherSeq,
        /// Why.
        refusal: Refusal,
    },
}

/// A delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deliver {
    /// The stamp.
    pub stamp: Stamp,
    /// Who published it.
    pub publisher: PublisherId,
    /// Its place in what that publisher publishes.
    pub publisher_seq: PublisherSeq,
    /// When the publisher meant to send it, by its own clock.
    pub published_at: Timestamp,
    /// Which of the session's subscriptions matched, ascending.
    pub hits: Vec<Hit>,
    /// What was published.
    pub content: Content,
}
