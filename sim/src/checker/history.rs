//! What clients saw, in one order: all that the checkers judge by. It knows nothing of operators.

use std::collections::BTreeMap;

use gomera_filter::Filter;
use gomera_model::operation::Hit;
use gomera_model::{
    Attributes, Gap, OperationNumber, PublisherId, PublisherSeq, SessionId, Stamp,
    SubscriptionNumber,
};

/// A place in the one order of everything that happened in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Moment(pub u64);

impl Moment {
    /// After everything.
    pub const NEVER: Self = Self(u64::MAX);
}

/// One session as its application knows it, numbered by the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subscriber(pub usize);

/// Everything that applications did and saw.
#[derive(Clone, Debug, Default)]
pub struct History {
    now: Moment,
    publications: BTreeMap<PublisherId, Vec<Published>>,
    sessions: Vec<Session>,
    /// How many instances died: what they had counted went with them.
    deaths: u64,
}

/// One publication.
#[derive(Clone, Debug)]
pub struct Published {
    /// What filters see of it.
    pub flat: Attributes,
    /// When the application handed it to its library.
    pub at: Moment,
    /// The stamp that an access point gave it.
    pub stamp: Option<Stamp>,
    /// Its acknowledgement.
    pub acknowledged: Option<Acknowledged>,
}

/// An acknowledgement as the publisher's application saw it.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledged {
    /// When it came.
    pub at: Moment,
    /// Whether it says that every exit point has released the notification.
    pub is_released: bool,
    /// How many subscriptions matched, if it says so.
    pub matched: Option<u32>,
}

/// What a session asks for.
#[derive(Clone, Debug)]
pub enum Asked {
    /// Subscribe, or replace the filter.
    Filter(Filter),
    /// End the subscription.
    End,
    /// Something that is no filter: to be refused.
    Nonsense,
}

/// One session.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Its id, once it is known.
    pub id: Option<SessionId>,
    /// What it asked for, in order.
    pub operations: Vec<Operation>,
    /// What its application received, in order.
    pub deliveries: Vec<Delivery>,
    /// What came over its connections, before the library looked at it, in order.
    pub arrivals: Vec<Delivery>,
    /// What it was told that it lost.
    pub gaps: Vec<Gap>,
    /// When its application ended it.
    pub ended: Option<Moment>,
    /// Whether the broker forgot it.
    pub forgotten: bool,
}

/// A subscribe, replace or unsubscribe.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its number in the session.
    pub number: OperationNumber,
    /// The subscription.
    pub subscription: SubscriptionNumber,
    /// What is asked.
    pub asked: Asked,
    /// When the application asked.
    pub requested: Moment,
    /// When its connection brought the first answer.
    pub answered: Option<Moment>,
    /// Whether that was a refusal.
    pub refused: bool,
}

/// A notification as it came to a session.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// When.
    pub at: Moment,
    /// Whose.
    pub publisher: PublisherId,
    /// Which of the publisher.
    pub seq: PublisherSeq,
    /// Which subscriptions matched.
    pub hits: Vec<Hit>,
}

impl History {
    /// An instance died.
    pub(crate) fn died(&mut self) {
        self.deaths += 1;
    }

    /// Whether nobody died.
    pub(super) fn is_deathless(&self) -> bool {
        self.deaths == 0
    }

    /// The moment that has come.
    pub(crate) fn now(&self) -> Moment {
        self.now
    }

    /// How many publications were made and acknowledged since a moment.
    pub(crate) fn acknowledged_since(&self, since: Moment) -> usize {
        let published = self.publications.values();
        let newest = published.flat_map(|all| all.iter().rev().take_while(|p| p.at > since));
        newest.filter(|p| p.acknowledged.is_some()).count()
    }

    /// A publication made between two moments that is not acknowledged.
    pub(crate) fn unacknowledged(
        &self,
        (since, until): (Moment, Moment),
    ) -> Option<(PublisherId, PublisherSeq)> {
        self.publications.iter().find_map(|(publisher, all)| {
            let open = all
                .iter()
                .position(|p| p.at > since && p.at < until && p.acknowledged.is_none())?;
            Some((*publisher, seq_at(open)))
        })
    }

    /// How many operations of sessions were asked for and answered since a moment.
    pub(crate) fn answered_since(&self, since: Moment) -> usize {
        let sessions = self.sessions.iter();
        let newest = sessions.flat_map(|session| {
            let newest_first = session.operations.iter().rev();
            newest_first.take_while(|operation| operation.requested > since)
        });
        newest
            .filter(|operation| operation.answered.is_some())
            .count()
    }

    /// Nothing has happened.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An application publishes its next notification.
    pub fn published(&mut self, publisher: PublisherId, flat: Attributes) -> PublisherSeq {
        let at = self.tick();
        let published = self.publications.entry(publisher).or_default();
        published.push(Published {
            flat,
            at,
            stamp: None,
            acknowledged: None,
        });
        seq_at(published.len() - 1)
    }

    /// An access point stamps a notification. What is repeated keeps the first stamp.
    pub fn stamped(&mut self, publisher: PublisherId, seq: PublisherSeq, stamp: Stamp) {
        if let Some(published) = self.publication_mut(publisher, seq) {
            published.stamp.get_or_insert(stamp);
        }
    }

    /// A publisher learns that a notification is acknowledged.
    pub fn acknowledged(
        &mut self,
        publisher: PublisherId,
        seq: PublisherSeq,
        (is_released, matched): (bool, Option<u32>),
    ) {
        let at = self.tick();
        if let Some(published) = self.publication_mut(publisher, seq) {
            published.acknowledged.get_or_insert(Acknowledged {
                at,
                is_released,
                matched,
            });
        }
    }

    /// A session begins.
    pub fn session_began(&mut self) -> Subscriber {
        self.sessions.push(Session::default());
        Subscriber(self.sessions.len() - 1)
    }

    /// A session asks for something.
    pub fn requested(
        &mut self,
        subscriber: Subscriber,
        number: OperationNumber,
        subscription: SubscriptionNumber,
        asked: Asked,
    ) {
        let requested = self.tick();
        self.session_mut(subscriber).operations.push(Operation {
            number,
            subscription,
            asked,
            requested,
            answered: None,
            refused: false,
        });
    }

    /// The answer to an operation has come.
    pub fn answered(&mut self, subscriber: Subscriber, number: OperationNumber, refused: bool) {
        let at = self.tick();
        let operations = &mut self.session_mut(subscriber).operations;
        if let Some(operation) = operations.iter_mut().find(|o| o.number == number)
            && operation.answered.is_none()
        {
            operation.answered = Some(at);
            operation.refused = refused;
        }
    }

    /// A connection brings a notification.
    pub fn arrived(
        &mut self,
        subscriber: Subscriber,
        (publisher, seq): (PublisherId, PublisherSeq),
        hits: Vec<Hit>,
    ) {
        let delivery = self.delivery(publisher, seq, hits);
        self.session_mut(subscriber).arrivals.push(delivery);
    }

    /// An application receives a notification.
    pub fn delivered(
        &mut self,
        subscriber: Subscriber,
        (publisher, seq): (PublisherId, PublisherSeq),
        hits: Vec<Hit>,
    ) {
        let delivery = self.delivery(publisher, seq, hits);
        self.session_mut(subscriber).deliveries.push(delivery);
    }

    /// A session is told that it lost something.
    pub fn lost(&mut self, subscriber: Subscriber, gap: Gap) {
        self.session_mut(subscriber).gaps.push(gap);
    }

    /// An application ends its session.
    pub fn ended(&mut self, subscriber: Subscriber) {
        let at = self.tick();
        self.session_mut(subscriber).ended = Some(at);
    }

    /// The session that belongs to a subscriber, to be changed.
    ///
    /// # Panics
    ///
    /// If it never began.
    pub fn session_mut(&mut self, subscriber: Subscriber) -> &mut Session {
        &mut self.sessions[subscriber.0]
    }

    /// The session that belongs to a subscriber.
    ///
    /// # Panics
    ///
    /// If it never began.
    #[must_use]
    pub fn session(&self, subscriber: Subscriber) -> &Session {
        &self.sessions[subscriber.0]
    }

    /// Every session that ever began.
    pub fn sessions(&self) -> impl Iterator<Item = (Subscriber, &Session)> {
        self.sessions
            .iter()
            .enumerate()
            .map(|(index, session)| (Subscriber(index), session))
    }

    /// Every publisher with what it published, in order.
    pub fn publishers(&self) -> impl Iterator<Item = (PublisherId, &[Published])> {
        self.publications
            .iter()
            .map(|(publisher, published)| (*publisher, published.as_slice()))
    }

    /// One publication.
    #[must_use]
    pub fn publication(&self, publisher: PublisherId, seq: PublisherSeq) -> Option<&Published> {
        self.publications.get(&publisher)?.get(index_of(seq)?)
    }

    fn publication_mut(
        &mut self,
        publisher: PublisherId,
        seq: PublisherSeq,
    ) -> Option<&mut Published> {
        self.publications
            .get_mut(&publisher)?
            .get_mut(index_of(seq)?)
    }

    fn delivery(&mut self, publisher: PublisherId, seq: PublisherSeq, hits: Vec<Hit>) -> Delivery {
        Delivery {
            at: self.tick(),
            publisher,
            seq,
            hits,
        }
    }

    fn tick(&mut self) -> Moment {
        self.now = Moment(self.now.0 + 1);
        self.now
    }
}

impl Operation {
    /// Whether it changes the subscription: no nonsense, and not refused.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        match self.asked {
            Asked::Filter(_) | Asked::End => !self.refused,
            Asked::Nonsense => false,
        }
    }

    /// The filter from then on, if it is taken.
    #[must_use]
    pub fn filter(&self) -> Option<&Filter> {
        match &self.asked {
            Asked::Filter(filter) => Some(filter),
            Asked::End | Asked::Nonsense => None,
        }
    }

    /// Whether it ends the subscription.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.is_taken() && self.filter().is_none()
    }
}

impl Session {
    /// An operation by its number.
    #[must_use]
    pub fn operation(&self, number: OperationNumber) -> Option<&Operation> {
        self.operations.iter().find(|o| o.number == number)
    }

    /// The subscriptions that it ever named, ascending.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<SubscriptionNumber> {
        let mut numbers: Vec<_> = self.operations.iter().map(|o| o.subscription).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// Whether it was told that it lost the notification with this stamp.
    #[must_use]
    pub fn gave_up(&self, stamp: Option<Stamp>) -> bool {
        stamp.is_some_and(|stamp| {
            self.gaps.iter().any(|gap| {
                gap.access_point == stamp.access_point
                    && (gap.first..=gap.last).contains(&stamp.seq)
            })
        })
    }
}

/// The number of a publisher's publication at an index.
#[must_use]
pub fn seq_at(index: usize) -> PublisherSeq {
    PublisherSeq(u64::try_from(index).expect("an index fits 64 bits") + 1)
}

fn index_of(seq: PublisherSeq) -> Option<usize> {
    usize::try_from(seq.0.checked_sub(1)?).ok()
}
