//! The publisher.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use gomera_client_core::{
    Effects, PublishError as CoreError, PublisherConfig, PublisherCore, PublisherEvent,
    PublisherStats,
};
use gomera_model::silbo::{Acknowledgement, Refusal, ServerFrame};
use gomera_model::{Content, Generation, PublisherId, PublisherSeq, Time, Timestamp};

use crate::client::Client;
use crate::engine::{Engine, Machine};
use crate::error::{EndedError, OpenError, PublishError, TryPublishError};
use crate::limits::ACKNOWLEDGEMENTS_MAX;
use crate::random;

/// Publishes, keeps what is not acknowledged, and repeats it after the loss of a connection.
///
/// Its methods may be called from several tasks at once. Dropping it closes its connection, and what is not
/// acknowledged then may be lost: [`Publisher::finish`] it instead.
#[derive(Debug)]
pub struct Publisher {
    engine: Arc<Engine<Publishing>>,
    publisher: PublisherId,
}

impl Publisher {
    /// Publishes now; waits while the window is full.
    ///
    /// # Errors
    ///
    /// If the content cannot be accepted, or the publisher is over.
    pub async fn publish(&self, content: Content) -> Result<PublisherSeq, PublishError> {
        self.publish_at(now(), content).await
    }

    /// Publishes what was meant to be published at `published_at`: subscribers measure the latency from there.
    ///
    /// # Errors
    ///
    /// If the content cannot be accepted, or the publisher is over.
    pub async fn publish_at(
        &self,
        published_at: Timestamp,
        content: Content,
    ) -> Result<PublisherSeq, PublishError> {
        let mut content = match self.try_publish_at(published_at, content) {
            Ok(seq) => return Ok(seq),
            Err(TryPublishError::Publish(error)) => return Err(error),
            Err(TryPublishError::WindowFull(content)) => Some(content),
        };
        loop {
            self.engine
                .wait_until(|machine| machine.may_try().then_some(()))
                .await;
            let this = content.take().expect("given back below");
            match self.try_publish_at(published_at, this) {
                Ok(seq) => return Ok(seq),
                Err(TryPublishError::Publish(error)) => return Err(error),
                Err(TryPublishError::WindowFull(back)) => content = Some(back),
            }
        }
    }

    /// Publishes if the window has room.
    ///
    /// # Errors
    ///
    /// If it has none, the content cannot be accepted, or the publisher is over.
    pub fn try_publish_at(
        &self,
        published_at: Timestamp,
        content: Content,
    ) -> Result<PublisherSeq, TryPublishError> {
        self.engine
            .input(|machine, _, effects| machine.publish(published_at, content, effects))
    }

    /// Waits until everything published is acknowledged or refused.
    ///
    /// # Errors
    ///
    /// If the publisher is over before.
    pub async fn flush(&self) -> Result<(), EndedError> {
        self.engine.wait_until(Publishing::flushed).await
    }

    /// Waits until everything published is acknowledged or refused, then closes the connection.
    ///
    /// # Errors
    ///
    /// If the publisher is over before.
    pub async fn finish(self) -> Result<PublisherStats, EndedError> {
        self.flush().await?;
        self.engine.end().await;
        Ok(self.stats())
    }

    /// What it counted.
    #[must_use]
    pub fn stats(&self) -> PublisherStats {
        self.engine.with(|machine| *machine.core.stats())
    }

    /// How many publications are not acknowledged yet.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.engine.with(|machine| machine.core.outstanding())
    }

    /// Its id, which its notifications carry.
    #[must_use]
    pub fn id(&self) -> PublisherId {
        self.publisher
    }

    /// Drops the present connection and opens another one, for who knows that the network is another now.
    pub fn reconnect(&self) {
        self.engine.cut();
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.engine
            .input(|machine, _, effects| machine.end(effects));
    }
}

/// What happens to the publications of a publisher, in order. Who asked for it takes it: while too much waits here,
/// publishing waits.
#[derive(Debug)]
pub struct PublisherEvents {
    engine: Arc<Engine<Publishing>>,
    taken: VecDeque<PublisherEvent>,
}

impl PublisherEvents {
    /// The next event, waited for; `None` after the last one. Safe to be dropped while it waits.
    pub async fn next(&mut self) -> Option<PublisherEvent> {
        if self.taken.is_empty() {
            let taken = self.engine.wait_until(Publishing::take_events).await;
            self.taken = taken;
            self.engine.room_made();
        }
        self.taken.pop_front()
    }
}

impl Drop for PublisherEvents {
    fn drop(&mut self) {
        self.engine.with(|machine| machine.events = None);
        self.engine.room_made();
    }
}

impl Client {
    /// Begins to make a publisher.
    pub fn publisher(&self) -> PublisherBuilder {
        PublisherBuilder::new(self.clone())
    }
}

/// What a publisher is made of.
#[derive(Clone, Debug)]
#[must_use]
pub struct PublisherBuilder {
    client: Client,
    config: PublisherConfig,
}

impl PublisherBuilder {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            config: PublisherConfig::new(PublisherId(random::number()), random::number()),
        }
    }

    /// What an acknowledgement shall mean; `joined` if this is not called.
    pub fn acknowledgement(mut self, acknowledgement: Acknowledgement) -> Self {
        self.config.acknowledgement = acknowledgement;
        self
    }

    /// How much may wait for its acknowledgement: publications, and bytes of their content.
    pub fn window(mut self, publications: usize, bytes: usize) -> Self {
        self.config.window_publications = publications;
        self.config.window_bytes = bytes;
        self
    }

    /// Connects.
    ///
    /// # Errors
    ///
    /// If no server can be reached, or the broker refuses.
    pub async fn open(self) -> Result<Publisher, OpenError> {
        self.open_as(None).await
    }

    /// Connects, and tells what happens to each publication.
    ///
    /// # Errors
    ///
    /// If no server can be reached, or the broker refuses.
    pub async fn open_with_events(self) -> Result<(Publisher, PublisherEvents), OpenError> {
        let publisher = self.open_as(Some(VecDeque::new())).await?;
        let events = PublisherEvents {
            engine: Arc::clone(&publisher.engine),
            taken: VecDeque::new(),
        };
        Ok((publisher, events))
    }

    async fn open_as(
        self,
        events: Option<VecDeque<PublisherEvent>>,
    ) -> Result<Publisher, OpenError> {
        let publisher = self.config.publisher;
        let machine = Publishing {
            core: PublisherCore::new(self.config),
            was_welcomed: false,
            ended: None,
            events,
        };
        let engine = Engine::open(self.client, machine).await?;
        Ok(Publisher { engine, publisher })
    }
}

/// The machine with its application's side.
#[derive(Debug)]
struct Publishing {
    core: PublisherCore,
    was_welcomed: bool,
    ended: Option<Refusal>,
    /// Events that wait, if the application has asked for them.
    events: Option<VecDeque<PublisherEvent>>,
}

impl Publishing {
    /// Whether there is room, or an end.
    fn may_try(&self) -> bool {
        self.has_room() || self.ended.is_some()
    }

    fn has_room(&self) -> bool {
        let waiting = self.events.as_ref().map_or(0, VecDeque::len);
        self.core.has_room() && waiting < ACKNOWLEDGEMENTS_MAX
    }

    fn publish(
        &mut self,
        published_at: Timestamp,
        content: Content,
        effects: &mut Effects<PublisherEvent>,
    ) -> Result<PublisherSeq, TryPublishError> {
        if let Some(refusal) = &self.ended {
            return Err(PublishError::Ended(ended(refusal)).into());
        }
        if !self.has_room() {
            return Err(TryPublishError::WindowFull(content));
        }
        match self.core.publish(published_at, content, effects) {
            Ok(seq) => Ok(seq),
            Err(CoreError::Content(error)) => Err(PublishError::Content(error).into()),
            Err(error) => unreachable!("there is room and no end: {error}"),
        }
    }

    fn flushed(&mut self) -> Option<Result<(), EndedError>> {
        match &self.ended {
            _ if self.core.outstanding() == 0 => Some(Ok(())),
            Some(refusal) => Some(Err(ended(refusal))),
            None => None,
        }
    }

    /// The events that wait; none, if there will be no more.
    fn take_events(&mut self) -> Option<VecDeque<PublisherEvent>> {
        let events = self.events.as_mut().map(std::mem::take).unwrap_or_default();
        (!events.is_empty() || self.ended.is_some()).then_some(events)
    }
}

impl Machine for Publishing {
    type Event = PublisherEvent;

    fn start(&mut self, now: Time, effects: &mut Effects<PublisherEvent>) {
        self.core.start(now, effects);
    }

    fn opened(&mut self, now: Time, connection: Generation, effects: &mut Effects<PublisherEvent>) {
        self.core.opened(now, connection, effects);
    }

    fn closed(
        &mut self,
        now: Time,
        connection: Generation,
        refusal: Option<Refusal>,
        effects: &mut Effects<PublisherEvent>,
    ) {
        self.core.closed(now, connection, refusal, effects);
    }

    fn receive(
        &mut self,
        now: Time,
        connection: Generation,
        frame: ServerFrame,
        effects: &mut Effects<PublisherEvent>,
    ) {
        self.core.receive(now, connection, frame, effects);
    }

    fn wake(&mut self, now: Time, effects: &mut Effects<PublisherEvent>) {
        self.core.wake(now, effects);
    }

    fn end(&mut self, effects: &mut Effects<PublisherEvent>) {
        self.core.end(effects);
    }

    fn event(&mut self, event: PublisherEvent) {
        match &event {
            PublisherEvent::Connected => self.was_welcomed = true,
            PublisherEvent::Ended(refusal) => self.ended = Some(refusal.clone()),
            PublisherEvent::Disconnected
            | PublisherEvent::Acknowledged { .. }
            | PublisherEvent::Refused { .. } => {}
        }
        if let Some(events) = &mut self.events {
            events.push_back(event);
        }
    }

    /// Acknowledgements are always read: they make room.
    fn is_full(&self) -> bool {
        false
    }

    fn was_welcomed(&self) -> bool {
        self.was_welcomed
    }

    fn ended(&self) -> Option<&Refusal> {
        self.ended.as_ref()
    }
}

fn ended(refusal: &Refusal) -> EndedError {
    EndedError {
        refusal: refusal.clone(),
    }
}

/// The wall clock.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = since.map_or(0, |since| since.as_nanos());
    Timestamp(i64::try_from(nanos).unwrap_or(i64::MAX))
}
