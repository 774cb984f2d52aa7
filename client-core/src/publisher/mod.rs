//! The publisher's side: numbers what is published, keeps it until it is acknowledged, repeats it in order.

use alloc::collections::VecDeque;
use core::mem;

use gomera_model::lane::Publication;
use gomera_model::silbo::{Acknowledgement, ClientFrame, Refusal, RefusalCode, ServerFrame};
use gomera_model::{
    Content, ContentError, Generation, Incarnation, PublisherId, PublisherSeq, Time, Timestamp,
};

use crate::connection::{Connection, Loss, close};
use crate::effect::Effects;
use crate::limits::{WINDOW_BYTES, WINDOW_PUBLICATIONS};
use crate::stats::PublisherStats;

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
///
/// A publication is sent at once if the broker has welcomed the publisher, and kept until it is acknowledged. At the
/// welcome over each further connection the broker says what it has, and everything after that is sent again, in order.
/// A welcome over the present connection only says that another access point takes what follows.
#[derive(Debug)]
pub struct PublisherCore {
    config: PublisherConfig,
    connection: Connection,
    window: Window,
    /// The access point that welcomed it last: the next one asks it what it has.
    welcomed_by: Option<Incarnation>,
    stats: PublisherStats,
}

impl PublisherCore {
    /// One that has not begun.
    #[must_use]
    pub fn new(config: PublisherConfig) -> Self {
        Self {
            connection: Connection::new(config.seed),
            config,
            window: Window::new(),
            welcomed_by: None,
            stats: PublisherStats::default(),
        }
    }

    /// Begins: opens the first connection.
    pub fn start(&mut self, now: Time, effects: &mut Effects<PublisherEvent>) {
        self.connection.start(now, effects);
    }

    /// A connection that was asked for is open.
    pub fn opened(
        &mut self,
        now: Time,
        connection: Generation,
        effects: &mut Effects<PublisherEvent>,
    ) {
        let _ = now;
        if self.connection.opened(connection, effects) {
            let open = ClientFrame::OpenPublisher {
                publisher: self.config.publisher,
                generation: connection,
                acknowledgement: self.config.acknowledgement,
                welcomed_by: self.welcomed_by,
            };
            effects.send(connection, open);
        }
    }

    /// A connection could not be opened, or is gone; with the broker's reason if it gave one.
    pub fn closed(
        &mut self,
        now: Time,
        connection: Generation,
        refusal: Option<Refusal>,
        effects: &mut Effects<PublisherEvent>,
    ) {
        let loss = self.connection.lost(now, connection, refusal, effects);
        tell(loss, effects);
    }

    /// A frame has come.
    pub fn receive(
        &mut self,
        now: Time,
        connection: Generation,
        frame: ServerFrame,
        effects: &mut Effects<PublisherEvent>,
    ) {
        let is_current = self.connection.current() == Some(connection);
        if !is_current && !self.connection.is_opening(connection) {
            return;
        }
        match frame {
            ServerFrame::PublisherOpened { last, access_point } if is_current => {
                self.moved(access_point, last, effects);
            }
            ServerFrame::PublisherOpened { last, access_point } => {
                self.welcomed(connection, (access_point, last), effects);
            }
            ServerFrame::Published { last, matched } if is_current => {
                self.acknowledged(last, &matched, effects);
            }
            ServerFrame::PublicationRefused { seq, refusal } if is_current => {
                self.refused(seq, refusal, effects);
            }
            ServerFrame::Goaway => {
                let loss = self.connection.goaway(now, connection, effects);
                tell(loss, effects);
            }
            ServerFrame::Refused(refusal) => {
                self.closed(now, connection, Some(refusal), effects);
                if !self.connection.has_ended() {
                    close(connection, RefusalCode::Ended, effects);
                }
            }
            ServerFrame::Pong(_) => {}
            ServerFrame::Published { .. }
            | ServerFrame::PublicationRefused { .. }
            | ServerFrame::Connected { .. }
            | ServerFrame::Answered { .. }
            | ServerFrame::Deliver(_)
            | ServerFrame::Gap(_) => self.fail("a frame that does not belong here", effects),
        }
    }

    /// The application publishes. `published_at` is when it meant to.
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
        if self.connection.has_ended() {
            return Err(PublishError::Ended);
        }
        if !self.has_room() {
            return Err(PublishError::WindowFull);
        }
        content.check()?;
        let publication = self.window.push(published_at, content);
        let seq = publication.seq;
        if let Some(connection) = self.connection.current() {
            effects.send(connection, ClientFrame::Publish(publication.clone()));
        }
        self.stats.published += 1;
        Ok(seq)
    }

    /// The application is done: closes the connection, whatever is outstanding.
    pub fn end(&mut self, effects: &mut Effects<PublisherEvent>) {
        if !self.connection.has_ended() {
            self.connection.end(RefusalCode::Ended, effects);
            let refusal = Refusal::new(RefusalCode::Ended, "the application ended it");
            effects.event(PublisherEvent::Ended(refusal));
        }
    }

    /// A time that it asked for has come.
    pub fn wake(&mut self, now: Time, effects: &mut Effects<PublisherEvent>) {
        let loss = self.connection.wake(now, effects);
        tell(loss, effects);
    }

    /// Whether `publish` has room for one more. One publication may always be outstanding.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.window.outstanding == 0
            || self.window.outstanding < self.config.window_publications
                && self.window.bytes < self.config.window_bytes
    }

    /// How many publications are neither acknowledged nor refused yet.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.window.outstanding
    }

    /// Its id.
    #[must_use]
    pub fn publisher(&self) -> PublisherId {
        self.config.publisher
    }

    /// What it counted.
    #[must_use]
    pub fn stats(&self) -> &PublisherStats {
        &self.stats
    }

    fn welcomed(
        &mut self,
        connection: Generation,
        (access_point, last): (Incarnation, PublisherSeq),
        effects: &mut Effects<PublisherEvent>,
    ) {
        if last >= self.window.next {
            return self.fail("a welcome beyond what was published", effects);
        }
        if !self.connection.welcomed(connection, effects) {
            return;
        }
        effects.event(PublisherEvent::Connected);
        let was_welcomed = self.welcomed_by.replace(access_point).is_some();
        for publication in self.window.after(last) {
            effects.send(connection, ClientFrame::Publish(publication.clone()));
            self.stats.repeated += u64::from(was_welcomed);
        }
        self.stats.reconnects += u64::from(was_welcomed);
    }

    /// The broker goes on with another access point, over the same connection: it has lost nothing, and goes on
    /// acknowledging what is outstanding.
    fn moved(
        &mut self,
        access_point: Incarnation,
        last: PublisherSeq,
        effects: &mut Effects<PublisherEvent>,
    ) {
        if last >= self.window.next {
            return self.fail("a welcome beyond what was published", effects);
        }
        self.welcomed_by = Some(access_point);
    }

    fn acknowledged(
        &mut self,
        last: PublisherSeq,
        matched: &[u32],
        effects: &mut Effects<PublisherEvent>,
    ) {
        if last >= self.window.next {
            return self.fail("an acknowledgement beyond what was published", effects);
        }
        // The counts are those of the last ones: after another connection the broker may know no more of the first.
        let newly = self.window.up_to(last);
        let uncounted = newly.saturating_sub(matched.len());
        let mut counts = matched.iter().skip(matched.len().saturating_sub(newly));
        for index in 0..newly {
            let Some(publication) = self.window.pop(last) else {
                break;
            };
            let matched = (index >= uncounted).then(|| counts.next().copied());
            effects.event(PublisherEvent::Acknowledged {
                seq: publication.seq,
                matched: matched.flatten(),
            });
            self.stats.acknowledged += 1;
        }
    }

    fn refused(
        &mut self,
        seq: PublisherSeq,
        refusal: Refusal,
        effects: &mut Effects<PublisherEvent>,
    ) {
        if seq >= self.window.next {
            return self.fail("a refusal of what was not published", effects);
        }
        if self.window.settle(seq) {
            effects.event(PublisherEvent::Refused { seq, refusal });
            self.stats.refused += 1;
        }
    }

    /// The broker does not keep to the protocol. Another connection would not help.
    fn fail(&mut self, reason: &'static str, effects: &mut Effects<PublisherEvent>) {
        self.connection.end(RefusalCode::Malformed, effects);
        let refusal = Refusal::new(RefusalCode::Malformed, reason);
        effects.event(PublisherEvent::Ended(refusal));
    }
}

fn tell(loss: Loss, effects: &mut Effects<PublisherEvent>) {
    match loss {
        Loss::Unnoticed => {}
        Loss::Disconnected => effects.event(PublisherEvent::Disconnected),
        Loss::Ended(refusal) => effects.event(PublisherEvent::Ended(refusal)),
    }
}

/// What is published and not settled yet, in order.
#[derive(Debug)]
struct Window {
    /// The number of the first slot.
    first: PublisherSeq,
    /// The number of the next publication, behind the last slot.
    next: PublisherSeq,
    slots: VecDeque<Slot>,
    /// Slots that are outstanding, and the bytes of their content.
    outstanding: usize,
    bytes: usize,
}

#[derive(Debug)]
enum Slot {
    Outstanding(Publication),
    /// Refused while others before it are outstanding.
    Settled,
}

impl Window {
    fn new() -> Self {
        Self {
            first: PublisherSeq(1),
            next: PublisherSeq(1),
            slots: VecDeque::new(),
            outstanding: 0,
            bytes: 0,
        }
    }

    fn push(&mut self, published_at: Timestamp, content: Content) -> Publication {
        let publication = Publication {
            seq: self.next,
            published_at,
            content,
        };
        self.next = self.next.next();
        self.outstanding += 1;
        self.bytes += publication.content.bytes();
        self.slots.push_back(Slot::Outstanding(publication.clone()));
        publication
    }

    /// How many are outstanding up to `last`.
    fn up_to(&self, last: PublisherSeq) -> usize {
        let slots = self.slots.iter().take(self.slots_up_to(last));
        slots
            .filter(|slot| matches!(slot, Slot::Outstanding(_)))
            .count()
    }

    /// Those outstanding beyond `last`, in order.
    fn after(&self, last: PublisherSeq) -> impl Iterator<Item = &Publication> {
        let slots = self.slots.iter().skip(self.slots_up_to(last));
        slots.filter_map(|slot| match slot {
            Slot::Outstanding(publication) => Some(publication),
            Slot::Settled => None,
        })
    }

    /// Takes the first outstanding one, if it is not beyond `last`.
    fn pop(&mut self, last: PublisherSeq) -> Option<Publication> {
        while self.first <= last {
            let slot = self.slots.pop_front()?;
            self.first = self.first.next();
            if let Slot::Outstanding(publication) = slot {
                self.forget(&publication);
                return Some(publication);
            }
        }
        None
    }

    /// Settles one that may be amid the others; whether it was outstanding.
    fn settle(&mut self, seq: PublisherSeq) -> bool {
        let Some(index) = self.slots_up_to(seq).checked_sub(1) else {
            return false;
        };
        match mem::replace(&mut self.slots[index], Slot::Settled) {
            Slot::Outstanding(publication) => {
                self.forget(&publication);
                self.drop_settled();
                true
            }
            Slot::Settled => false,
        }
    }

    fn drop_settled(&mut self) {
        while matches!(self.slots.front(), Some(Slot::Settled)) {
            self.slots.pop_front();
            self.first = self.first.next();
        }
    }

    fn forget(&mut self, publication: &Publication) {
        self.outstanding -= 1;
        self.bytes -= publication.content.bytes();
    }

    fn slots_up_to(&self, last: PublisherSeq) -> usize {
        let count = (last.0 + 1).saturating_sub(self.first.0);
        usize::try_from(count).map_or(self.slots.len(), |count| count.min(self.slots.len()))
    }
}

#[cfg(test)]
mod tests;
