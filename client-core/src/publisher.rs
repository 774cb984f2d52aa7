//! The publisher's side: numbers what is published, keeps it until it is acknowledged, repeats it in order.

use gomera_model::silbo::{Acknowledgement, Refusal, ServerFrame};
use gomera_model::{Content, ContentError, Generation, PublisherId, PublisherSeq, Time, Timestamp};

use crate::effect::Effects;
use crate::limits::{WINDOW_BYTES, WINDOW_PUBLICATIONS};

/// What a publisher is made of.
#[derive(Clone, Debug)]
pub struct PublisherConfig {
    /// Drawn at random at each start of a publisher.
    pub publisher: PublisherId,
    /// What an acknowledgement shall mean.
    pub acknowledgement: Acknowledgement,
    /// How many publications may wait for their acknowledgement, at least one.
    pub window_publications: usize,
    /// How many bytes of content may wait. The last one admitted may reach beyond.
    pub window_bytes: usize,
    /// For the jitter between attempts to connect.
    pub seed: u64,
}

impl PublisherConfig {
    /// The default window and acknowledgement.
    #[must_use]
    pub fn new(publisher: PublisherId, seed: u64) -> Self {
        Self {
            publisher,
            acknowledgement: Acknowledgement::default(),
            window_publications: WINDOW_PUBLICATIONS,
            window_bytes: WINDOW_BYTES,
            seed,
        }
    }
}

/// What a publisher's application is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublisherEvent {
    /// The broker has welcomed it: first, or again.
    Connected,
    /// The connection is lost, another one is being opened; publications are kept meanwhile.
    Disconnected,
    /// A publication is acknowledged. Comes once for each, in order.
    Acknowledged {
        /// Which.
        seq: PublisherSeq,
        /// How many subscriptions it matched, if the broker said so.
        matched: Option<u32>,
    },
    /// A publication was refused; it will not be repeated.
    Refused {
        /// Which.
        seq: PublisherSeq,
        /// Why.
        refusal: Refusal,
    },
    /// The publisher is over and will not connect again; what is outstanding stays unacknowledged.
    Ended(Refusal),
}

/// Why something could not be published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The window is full. Wait for an acknowledgement.
    #[error("the window is full")]
    WindowFull,
    /// The broker would refuse the content.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The publisher is over.
    #[error("the publisher has ended")]
    Ended,
}

/// The publisher's machine.
#[derive(Debug)]
pub struct PublisherCore {
    config: PublisherConfig,
}

impl PublisherCore {
    /// One that has not begun.
    #[must_use]
    pub fn new(config: PublisherConfig) -> Self {
        Self { config }
    }

    /// Begins: opens the first connection.
    pub fn start(&mut self, now: Time, effects: &mut Effects<PublisherEvent>) {
        let _ = (now, effects);
    }

    /// A connection that was asked for is open.
    pub fn opened(
        &mut self,
        now: Time,
        connection: Generation,
        effects: &mut Effects<PublisherEvent>,
    ) {
        let _ = (now, connection, effects);
    }

    /// A connection could not be opened, or is gone; with the broker's reason if it gave one.
    pub fn closed(
        &mut self,
        now: Time,
        connection: Generation,
        refusal: Option<Refusal>,
        effects: &mut Effects<PublisherEvent>,
    ) {
        let _ = (now, connection, refusal, effects);
    }

    /// A frame has come.
    pub fn receive(
        &mut self,
        now: Time,
        connection: Generation,
        frame: ServerFrame,
        effects: &mut Effects<PublisherEvent>,
    ) {
        let _ = (now, connection, frame, effects);
    }

    /// The application publishes.
    ///
    /// # Errors
    ///
    /// If the window is full, the content cannot be accepted, or the publisher is over.
    pub fn publish(
        &mut self,
        published_at: Timestamp,
        content: Content,
        effects: &mut Effects<PublisherEvent>,
    ) -> Result<PublisherSeq, PublishError> {
        let _ = (published_at, content, effects);
        Err(PublishError::Ended)
    }

    /// The application is done: closes the connection, whatever is outstanding.
    pub fn end(&mut self, effects: &mut Effects<PublisherEvent>) {
        let _ = effects;
    }

    /// A time that it asked for has come.
    pub fn wake(&mut self, now: Time, effects: &mut Effects<PublisherEvent>) {
        let _ = (now, effects);
    }

    /// Whether `publish` has room for one more.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.config.window_publications > 0
    }

    /// How many publications are not acknowledged yet.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        0
    }

    /// Its id.
    #[must_use]
    pub fn publisher(&self) -> PublisherId {
        self.config.publisher
    }
}
