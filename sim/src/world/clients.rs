//! The clients: the library's machines, and applications that write down what they do and see.

use gomera_client_core::{
    Attachment, Effect, Effects, PublisherConfig, PublisherCore, PublisherEvent, SubscriberConfig,
    SubscriberCore, SubscriberEvent,
};
use gomera_model::silbo::{Acknowledgement, ClientFrame, ServerFrame};
use gomera_model::{Generation, PublisherId, Time};

use super::post::ToClient;
use super::{Cargo, Receiver, Route, World};
use crate::checker::{History, Subscriber};
use crate::rng::Rng;
use crate::scenario::Scenario;

/// A client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Party {
    Publisher(usize),
    Subscriber(usize),
}

/// All clients.
#[derive(Debug)]
pub(super) struct Clients {
    pub(super) publishers: Vec<Publisher>,
    pub(super) subscribers: Vec<Subscribing>,
    /// Whether they have begun to connect.
    pub(super) have_started: bool,
}

/// A publisher.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) core: PublisherCore,
    pub(super) effects: Effects<PublisherEvent>,
    pub(super) wish: Option<Time>,
    pub(super) acknowledgement: Acknowledgement,
    pub(super) is_connected: bool,
}

/// A subscriber.
#[derive(Debug)]
pub(super) struct Subscribing {
    pub(super) core: SubscriberCore,
    pub(super) effects: Effects<SubscriberEvent>,
    pub(super) wish: Option<Time>,
    pub(super) session: Subscriber,
    /// Requests so far; the library numbers operations in this order.
    pub(super) requests: u64,
    /// Answers so far.
    pub(super) answers: u64,
    pub(super) is_connected: bool,
    pub(super) has_ended: bool,
}

impl Clients {
    pub(super) fn new(scenario: &Scenario, rng: &mut Rng, history: &mut History) -> Self {
        let publishers = 0..scenario.publishers;
        let subscribers = 0..scenario.subscribers;
        Self {
            have_started: false,
            publishers: publishers.map(|_| Publisher::new(scenario, rng)).collect(),
            subscribers: subscribers
                .map(|_| Subscribing::new(rng, history.session_began()))
                .collect(),
        }
    }

    pub(super) fn wishes(&self) -> impl Iterator<Item = (Time, Receiver)> {
        let publishers = self.publishers.iter().enumerate();
        let subscribers = self.subscribers.iter().enumerate();
        let publishers = publishers.map(|(index, p)| (p.wish, Party::Publisher(index)));
        let subscribers = subscribers.map(|(index, s)| (s.wish, Party::Subscriber(index)));
        publishers
            .chain(subscribers)
            .filter_map(|(wish, party)| Some((wish?, Receiver::Client(party))))
    }
}

impl Publisher {
    fn new(scenario: &Scenario, rng: &mut Rng) -> Self {
        let mut config = PublisherConfig::new(PublisherId(rng.bits()), rng.bits());
        config.window_publications = scenario.window;
        // One copy is none where its access point dies.
        if rng.per_mille(150) && scenario.deaths == 0 {
            config.acknowledgement = Acknowledgement::Received;
        }
        Self {
            acknowledgement: config.acknowledgement,
            core: PublisherCore::new(config),
            effects: Effects::new(),
            wish: None,
            is_connected: false,
        }
    }
}

impl Subscribing {
    fn new(rng: &mut Rng, session: Subscriber) -> Self {
        let mut config = SubscriberConfig::new(rng.bits());
        config.acknowledge_deliveries = *rng.pick(&[1, 4, 256]);
        Self {
            core: SubscriberCore::new(config),
            effects: Effects::new(),
            wish: None,
            session,
            requests: 0,
            answers: 0,
            is_connected: false,
            has_ended: false,
        }
    }
}

impl World {
    pub(super) fn start_clients(&mut self) {
        self.clients.have_started = true;
        for index in 0..self.clients.publishers.len() {
            let publisher = &mut self.clients.publishers[index];
            publisher.core.start(self.now, &mut publisher.effects);
            self.carry_client(Party::Publisher(index));
        }
        for index in 0..self.clients.subscribers.len() {
            let subscriber = &mut self.clients.subscribers[index];
            subscriber.core.start(self.now, &mut subscriber.effects);
            self.carry_client(Party::Subscriber(index));
        }
    }

    pub(super) fn feed_client(&mut self, party: Party, route: Route, cargo: Cargo) {
        let (Route::Down(connection), Cargo::Down(word)) = (route, cargo) else {
            unreachable!("clients hear over their connections only");
        };
        let Some(generation) = self.connections.generation(connection) else {
            return;
        };
        let is_closed = matches!(word, ToClient::Closed(_));
        match party {
            Party::Publisher(index) => self.feed_publisher(index, generation, word),
            Party::Subscriber(index) => self.feed_subscriber(index, generation, word),
        }
        if is_closed {
            self.post.remove(route);
        }
    }

    fn feed_publisher(&mut self, index: usize, generation: Generation, word: ToClient) {
        let now = self.now;
        let Publisher { core, effects, .. } = &mut self.clients.publishers[index];
        match word {
            ToClient::Opened => core.opened(now, generation, effects),
            ToClient::Closed(refusal) => core.closed(now, generation, refusal, effects),
            ToClient::Frame(frame) => core.receive(now, generation, frame, effects),
        }
    }

    fn feed_subscriber(&mut self, index: usize, generation: Generation, word: ToClient) {
        let now = self.now;
        let subscriber = &mut self.clients.subscribers[index];
        let (core, effects) = (&mut subscriber.core, &mut subscriber.effects);
        match word {
            ToClient::Opened => core.opened(now, generation, effects),
            ToClient::Closed(refusal) => core.closed(now, generation, refusal, effects),
            ToClient::Frame(frame) => {
                note_arrival(&mut self.history, subscriber.session, &frame);
                core.receive(now, generation, frame, effects);
            }
        }
    }

    pub(super) fn wake_client(&mut self, party: Party) {
        let now = self.now;
        match party {
            Party::Publisher(index) => {
                let publisher = &mut self.clients.publishers[index];
                publisher.wish = None;
                publisher.core.wake(now, &mut publisher.effects);
            }
            Party::Subscriber(index) => {
                let subscriber = &mut self.clients.subscribers[index];
                subscriber.wish = None;
                subscriber.core.wake(now, &mut subscriber.effects);
            }
        }
        self.carry_client(party);
    }

    pub(super) fn carry_client(&mut self, party: Party) {
        match party {
            Party::Publisher(index) => {
                let effects = &mut self.clients.publishers[index].effects;
                let effects: Vec<_> = effects.drain().collect();
                for effect in effects {
                    if let Some(event) = self.carry(party, effect) {
                        self.publisher_event(index, event);
                    }
                }
            }
            Party::Subscriber(index) => {
                let effects = &mut self.clients.subscribers[index].effects;
                let effects: Vec<_> = effects.drain().collect();
                for effect in effects {
                    if let Some(event) = self.carry(party, effect) {
                        self.subscriber_event(index, event);
                    }
                }
            }
        }
    }

    /// Carries out what both kinds of client want; an event is for the application.
    fn carry<Event: core::fmt::Debug>(
        &mut self,
        party: Party,
        effect: Effect<Event>,
    ) -> Option<Event> {
        self.digest_effect(&effect);
        match effect {
            Effect::Open(generation) => self.open_connection(party, generation),
            Effect::Send { connection, frame } => {
                self.check_numbering(party, &frame);
                self.send_up(party, connection, frame);
            }
            Effect::Close { connection, .. } => self.close_from_client(party, connection),
            Effect::WakeAt(at) => {
                let wish = match party {
                    Party::Publisher(index) => &mut self.clients.publishers[index].wish,
                    Party::Subscriber(index) => &mut self.clients.subscribers[index].wish,
                };
                *wish = Some(wish.map_or(at, |before| before.min(at)));
            }
            Effect::Event(event) => return Some(event),
        }
        None
    }

    /// The history numbers a session's operations as the library does: in the order of the requests, from 1.
    fn check_numbering(&mut self, party: Party, frame: &ClientFrame) {
        if let (Party::Subscriber(index), ClientFrame::Request(request)) = (party, frame) {
            let session = self
                .history
                .session(self.clients.subscribers[index].session);
            let known = session.operation(request.operation);
            let is_same = known.is_some_and(|o| o.subscription == request.number);
            if !is_same {
                self.fail("the library numbers its operations in another way".to_owned());
            }
        }
    }

    fn publisher_event(&mut self, index: usize, event: PublisherEvent) {
        let publisher = &mut self.clients.publishers[index];
        let id = publisher.core.publisher();
        match event {
            PublisherEvent::Connected => publisher.is_connected = true,
            PublisherEvent::Disconnected => publisher.is_connected = false,
            PublisherEvent::Acknowledged { seq, matched } => {
                let is_released = publisher.acknowledgement == Acknowledgement::Joined;
                self.history.acknowledged(id, seq, (is_released, matched));
                if is_released {
                    self.check_safe(id, seq);
                }
                self.story.acknowledged(self.now, index, (id, seq), matched);
            }
            PublisherEvent::Refused { seq, refusal } => {
                self.fail(format!(
                    "#{seq} of publisher {id} was refused: {}",
                    refusal.reason
                ));
            }
            PublisherEvent::Ended(refusal) => {
                self.fail(format!("publisher {id} was ended: {}", refusal.reason));
            }
        }
    }

    fn subscriber_event(&mut self, index: usize, event: SubscriberEvent) {
        let now = self.now;
        let subscriber = &mut self.clients.subscribers[index];
        let session = subscriber.session;
        match event {
            SubscriberEvent::Connected {
                session: id,
                attachment,
            } => {
                subscriber.is_connected = true;
                let record = self.history.session_mut(session);
                record.id = Some(id);
                match attachment {
                    Attachment::New => {}
                    Attachment::Continued => self.reach.resumes += 1,
                    Attachment::Fresh => record.forgotten = true,
                }
                self.story.attached(now, index, id, attachment);
            }
            SubscriberEvent::Disconnected => subscriber.is_connected = false,
            SubscriberEvent::Answered { .. } => subscriber.answers += 1,
            SubscriberEvent::Delivery(deliver) => {
                self.story.delivered(now, index, &deliver);
                let which = (deliver.publisher, deliver.publisher_seq);
                self.history.delivered(session, which, deliver.hits);
            }
            SubscriberEvent::Gap(gap) => self.history.lost(session, gap),
            SubscriberEvent::Resubscribed
            | SubscriberEvent::SubscriptionLost { .. }
            | SubscriberEvent::Dropped { .. } => {}
            SubscriberEvent::Ended(_) if subscriber.has_ended => {}
            SubscriberEvent::Ended(refusal) => {
                self.fail(format!("subscriber {index} was ended: {}", refusal.reason));
            }
        }
    }
}

/// Writes down what a connection brings, before the library sees it.
fn note_arrival(history: &mut History, session: Subscriber, frame: &ServerFrame) {
    match frame {
        ServerFrame::Answered { operation, refused } => {
            history.answered(session, *operation, refused.is_some());
        }
        ServerFrame::Deliver(deliver) => {
            let which = (deliver.publisher, deliver.publisher_seq);
            history.arrived(session, which, deliver.hits.clone());
        }
        ServerFrame::Connected { .. }
        | ServerFrame::Gap(_)
        | ServerFrame::Pong(_)
        | ServerFrame::Goaway
        | ServerFrame::Refused(_)
        | ServerFrame::PublisherOpened { .. }
        | ServerFrame::Published { .. }
        | ServerFrame::PublicationRefused { .. } => {}
    }
}
