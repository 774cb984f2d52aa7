//! Clients that publish, subscribe and receive, and that know what they have to get.

use std::collections::{BTreeMap, BTreeSet};

use gomera_model::lane::{FilterText, OverflowPolicy, Publication, SubscriptionRequest};
use gomera_model::silbo::{Acknowledgement, ClientFrame, Connect, Deliver, ServerFrame};
use gomera_model::{
    AttributesBuilder, Body, Content, Cursor, Generation, Incarnation, OperationNumber,
    PublisherId, PublisherSeq, Seq, SessionId, SessionToken, SubscriptionNumber, Timestamp,
};
use gomera_operators::ConnectionId;

use crate::world::{CONNECTION_POINTS, World};

/// All clients of a run, with what they have done and seen.
#[derive(Default)]
pub(crate) struct Crowd {
    /// Counts what happens, so that before and after can be told.
    clock: u64,
    pub(crate) subscribers: Vec<Subscriber>,
    publishers: Vec<Publisher>,
    published: Vec<Published>,
}

/// A client with a session.
pub(crate) struct Subscriber {
    at: Incarnation,
    connection: ConnectionId,
    pub(crate) id: SessionId,
    generation: u32,
    pub(crate) state: State,
    /// In order, those taken back after a lost connection not.
    pub(crate) received: Vec<Deliver>,
    /// How many of them the broker knows to be processed.
    pub(crate) acknowledged: usize,
    operations: Vec<Operation>,
    /// Connections that were told `Connected`.
    connected: BTreeMap<ConnectionId, usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Connecting,
    Connected,
    /// Has said that it ends.
    Ending,
    Ended,
}

#[derive(Clone, Copy, Debug)]
struct Operation {
    subscription: u32,
    /// `None` unsubscribes.
    topic: Option<i64>,
    requested: u64,
    answered: Option<u64>,
}

struct Publisher {
    at: Incarnation,
    connection: ConnectionId,
    id: PublisherId,
    last: u64,
    acknowledged: u64,
}

struct Published {
    publisher: PublisherId,
    seq: u64,
    topic: i64,
    at: u64,
    released: Option<(u64, u32)>,
}

impl Crowd {
    pub(crate) fn publisher(&mut self, world: &mut World, id: u64) {
        let at = CONNECTION_POINTS[self.publishers.len() % CONNECTION_POINTS.len()];
        let connection = world.fresh_connection();
        let open = ClientFrame::OpenPublisher {
            publisher: PublisherId(id),
            generation: Generation(1),
            welcomed_by: None,
            acknowledgement: Acknowledgement::Joined,
        };
        world.client_says(at, connection, open);
        self.publishers.push(Publisher {
            at,
            connection,
            id: PublisherId(id),
            last: 0,
            acknowledged: 0,
        });
    }

    pub(crate) fn subscriber(&mut self, world: &mut World, at: Incarnation, id: u64) {
        let connect = Connect {
            resume: None,
            generation: Generation(1),
            cursors: Vec::new(),
            policy: OverflowPolicy::Gap,
        };
        let connection = world.connect(at, connect, SessionId(id));
        self.subscribers.push(Subscriber {
            at,
            connection,
            id: SessionId(id),
            generation: 1,
            state: State::Connecting,
            received: Vec::new(),
            acknowledged: 0,
            operations: Vec::new(),
            connected: BTreeMap::new(),
        });
    }

    pub(crate) fn publish(&mut self, world: &mut World, by: usize, topic: i64) {
        self.clock += 1;
        let publisher = &mut self.publishers[by];
        publisher.last += 1;
        let attributes = AttributesBuilder::new().with("topic", topic);
        let publication = Publication {
            seq: PublisherSeq(publisher.last),
            published_at: Timestamp(0),
            content: Content {
                attributes: attributes.build().expect("one small attribute"),
                body: Body::None,
            },
        };
        self.published.push(Published {
            publisher: publisher.id,
            seq: publisher.last,
            topic,
            at: self.clock,
            released: None,
        });
        world.client_says(
            publisher.at,
            publisher.connection,
            ClientFrame::Publish(publication),
        );
    }

    /// Subscribes to a topic, replaces one, or, without a topic, unsubscribes. Answers whether it could.
    pub(crate) fn subscribe(
        &mut self,
        world: &mut World,
        by: usize,
        (number, topic): (u32, Option<i64>),
    ) -> bool {
        self.clock += 1;
        let subscriber = &mut self.subscribers[by];
        if subscriber.state != State::Connected {
            return false;
        }
        subscriber.operations.push(Operation {
            subscription: number,
            topic,
            requested: self.clock,
            answered: None,
        });
        let last = subscriber.operations.len() - 1;
        let frame = subscriber.request(last);
        world.client_says(subscriber.at, subscriber.connection, frame);
        true
    }

    /// The client has processed so many of what it received.
    pub(crate) fn acknowledge(&mut self, world: &mut World, by: usize, count: usize) {
        let subscriber = &mut self.subscribers[by];
        if subscriber.state == State::Connected {
            subscriber.acknowledged = count;
            let frame = ClientFrame::Acknowledge(subscriber.cursors(count));
            world.client_says(subscriber.at, subscriber.connection, frame);
        }
    }

    /// The connection is lost when so many have been processed; the client comes back at once, somewhere.
    pub(crate) fn reconnect(
        &mut self,
        world: &mut World,
        (by, at): (usize, Incarnation),
        processed: usize,
    ) {
        let subscriber = &mut self.subscribers[by];
        if subscriber.state != State::Connected {
            return;
        }
        world.client_leaves(subscriber.at, subscriber.connection);
        subscriber.received.truncate(processed);
        subscriber.acknowledged = processed;
        subscriber.generation += 1;
        let connect = Connect {
            resume: Some((subscriber.id, SessionToken([7; 16]))),
            generation: Generation(subscriber.generation),
            cursors: subscriber.cursors(processed),
            policy: OverflowPolicy::Gap,
        };
        subscriber.at = at;
        subscriber.state = State::Connecting;
        subscriber.connection = world.connect(at, connect, SessionId(0));
    }

    pub(crate) fn bye(&mut self, world: &mut World, by: usize, closes: bool) {
        let subscriber = &mut self.subscribers[by];
        if subscriber.state == State::Connected {
            world.client_says(subscriber.at, subscriber.connection, ClientFrame::Bye);
            subscriber.state = State::Ending;
            if closes {
                world.client_leaves(subscriber.at, subscriber.connection);
                subscriber.state = State::Ended;
            }
        }
    }

    /// Operations of a client that wait for their answer.
    pub(crate) fn unanswered(&self, of: usize) -> usize {
        let operations = self.subscribers[of].operations.iter();
        operations.filter(|o| o.answered.is_none()).count()
    }

    /// Clients take in what they were told.
    pub(crate) fn listen(&mut self, world: &mut World) {
        while let Some((connection, frame)) = world.told.pop_front() {
            self.clock += 1;
            let clock = self.clock;
            let mut publishers = self.publishers.iter_mut();
            if let Some(publisher) = publishers.find(|p| p.connection == connection) {
                publisher.hear(clock, frame, &mut self.published);
                continue;
            }
            let mut subscribers = self.subscribers.iter_mut();
            if let Some(subscriber) = subscribers.find(|s| s.connection == connection) {
                for frame in subscriber.hear(clock, frame) {
                    world.client_says(subscriber.at, subscriber.connection, frame);
                }
            }
        }
    }

    /// Everything has arrived: each client has what it must have, nothing else, once and in order.
    pub(crate) fn check(&self, world: &World) -> Result<(), String> {
        for published in &self.published {
            if published.released.is_none() {
                let (publisher, seq) = (published.publisher, published.seq);
                return Err(format!("{publisher} {seq} is not acknowledged"));
            }
        }
        for subscriber in &self.subscribers {
            subscriber
                .check(&self.published)
                .map_err(|fault| format!("{}: {fault}", subscriber.id))?;
        }
        self.check_holdings(world)
    }

    /// Each publication matched so many subscriptions as there are: for runs in which none changes.
    pub(crate) fn check_matched(&self) -> Result<(), String> {
        for published in &self.published {
            let wanted: usize = self
                .subscribers
                .iter()
                .map(|subscriber| subscriber.matching(published).0.len())
                .sum();
            let matched = published.released.map(|(_, matched)| matched as usize);
            if matched != Some(wanted) {
                let (publisher, seq) = (published.publisher, published.seq);
                return Err(format!(
                    "{publisher} {seq} matched {wanted}, the publisher heard {matched:?}"
                ));
            }
        }
        Ok(())
    }

    fn check_holdings(&self, world: &World) -> Result<(), String> {
        let mut count = 0;
        for subscriber in &self.subscribers {
            let primary = world.topology.primary(subscriber.id);
            let held = world.exit_point(primary).subscriptions(subscriber.id);
            let held: BTreeSet<u32> = held.iter().map(|hit| hit.number.0).collect();
            let wanted = subscriber.wanted_in_the_end();
            count += wanted.len();
            if held != wanted {
                let id = subscriber.id;
                return Err(format!(
                    "{id} has {wanted:?}, exit point {primary} {held:?}"
                ));
            }
        }
        let in_matchers = world.subscriptions_in_matchers();
        if count != in_matchers {
            return Err(format!("{count} subscriptions, {in_matchers} in matchers"));
        }
        Ok(())
    }
}

impl Publisher {
    fn hear(&mut self, clock: u64, frame: ServerFrame, published: &mut [Published]) {
        if let ServerFrame::Published { last, matched } = frame {
            for (seq, matched) in (self.acknowledged + 1..=last.0).zip(matched) {
                let mut all = published.iter_mut();
                let one = all.find(|one| one.publisher == self.id && one.seq == seq);
                one.expect("it was published").released = Some((clock, matched));
            }
            self.acknowledged = last.0;
        }
    }
}

impl Subscriber {
    /// Takes in a frame; what the client says to it.
    fn hear(&mut self, clock: u64, frame: ServerFrame) -> Vec<ClientFrame> {
        match frame {
            ServerFrame::Connected { session, .. } => {
                assert_eq!(session, self.id);
                *self.connected.entry(self.connection).or_default() += 1;
                self.state = State::Connected;
                let unanswered = (0..self.operations.len())
                    .filter(|index| self.operations[*index].answered.is_none());
                unanswered.map(|index| self.request(index)).collect()
            }
            ServerFrame::Answered { operation, refused } => {
                assert_eq!(refused, None);
                let index = usize::try_from(operation.0 - 1).expect("an index");
                let answered = &mut self.operations[index].answered;
                assert_eq!(*answered, None, "operation {index} is answered once");
                *answered = Some(clock);
                Vec::new()
            }
            ServerFrame::Deliver(deliver) => {
                for hit in &deliver.hits {
                    let mut operations = self.operations.iter().rev();
                    let last = operations.find(|o| o.subscription == hit.number.0);
                    let is_over = last.is_some_and(|o| o.topic.is_none() && o.answered.is_some());
                    assert!(!is_over, "{} {hit:?} after its end was answered", self.id);
                }
                self.received.push(deliver);
                Vec::new()
            }
            ServerFrame::Refused(refusal) => {
                assert_eq!(self.state, State::Ending, "{refusal:?}");
                self.state = State::Ended;
                Vec::new()
            }
            frame @ (ServerFrame::Gap(_)
            | ServerFrame::Pong(_)
            | ServerFrame::Goaway
            | ServerFrame::PublisherOpened { .. }
            | ServerFrame::Published { .. }
            | ServerFrame::PublicationRefused { .. }) => panic!("{frame:?} is not expected"),
        }
    }

    fn request(&self, index: usize) -> ClientFrame {
        let operation = &self.operations[index];
        let mut all = self.operations.iter();
        let unanswered = all.position(|o| o.answered.is_none()).unwrap_or(index);
        ClientFrame::Request(SubscriptionRequest {
            operation: OperationNumber(index as u64 + 1),
            unanswered_from: OperationNumber(unanswered as u64 + 1),
            number: SubscriptionNumber(operation.subscription),
            filter: operation.topic.map(|topic| FilterText {
                dialect: "sql".into(),
                text: format!("topic = {topic}"),
            }),
        })
    }

    fn cursors(&self, processed: usize) -> Vec<Cursor> {
        let mut cursors: BTreeMap<Incarnation, Seq> = BTreeMap::new();
        for deliver in &self.received[..processed] {
            cursors.insert(deliver.stamp.access_point, deliver.stamp.seq);
        }
        let cursors = cursors.into_iter();
        cursors
            .map(|(access_point, seq)| Cursor { access_point, seq })
            .collect()
    }

    fn check(&self, published: &[Published]) -> Result<(), String> {
        if let Some((connection, times)) = self.connected.iter().find(|(_, times)| **times > 1) {
            return Err(format!("connected {times} times over {connection:?}"));
        }
        let mut last: BTreeMap<PublisherId, u64> = BTreeMap::new();
        for deliver in &self.received {
            let (publisher, seq) = (deliver.publisher, deliver.publisher_seq.0);
            let before = last.insert(publisher, seq).unwrap_or_default();
            if before >= seq {
                return Err(format!("{publisher} {seq} after {before}"));
            }
        }
        for one in published {
            let mut received = self.received.iter();
            let is_one =
                |d: &&Deliver| d.publisher == one.publisher && d.publisher_seq.0 == one.seq;
            let received = received.find(is_one);
            let (must, may) = self.matching(one);
            let (publisher, seq) = (one.publisher, one.seq);
            let hits: BTreeSet<u32> = received
                .map(|d| d.hits.iter().map(|hit| hit.number.0).collect())
                .unwrap_or_default();
            if !hits.is_subset(&may) {
                return Err(format!("{publisher} {seq} for {hits:?}, wanted {may:?}"));
            }
            if !must.is_subset(&hits) && self.state == State::Connected {
                return Err(format!(
                    "{publisher} {seq} is lost for {must:?}, has {hits:?}"
                ));
            }
        }
        let open = self.operations.iter().filter(|o| o.answered.is_none());
        let open = open.count();
        if open > 0 && self.state == State::Connected {
            return Err(format!("{open} operations are not answered"));
        }
        match self.state {
            State::Connected | State::Ended => Ok(()),
            State::Connecting | State::Ending => Err(format!("is {:?} still", self.state)),
        }
    }

    /// Subscriptions that must match a publication, and those that may. What waits for a client goes with its subscription.
    fn matching(&self, one: &Published) -> (BTreeSet<u32>, BTreeSet<u32>) {
        let released = one.released.map_or(u64::MAX, |(released, _)| released);
        let numbers: BTreeSet<u32> = self.operations.iter().map(|o| o.subscription).collect();
        let (mut must, mut may) = (BTreeSet::new(), BTreeSet::new());
        for number in numbers {
            let of_number = self.operations.iter().filter(|o| o.subscription == number);
            let mut topics = vec![None];
            for operation in of_number {
                if operation.answered.is_some_and(|at| at < one.at) {
                    topics.clear();
                }
                if operation.requested < released || operation.topic.is_none() {
                    topics.push(operation.topic);
                }
            }
            if topics.iter().all(|topic| *topic == Some(one.topic)) {
                must.insert(number);
            }
            if topics.contains(&Some(one.topic)) {
                may.insert(number);
            }
        }
        (must, may)
    }

    fn wanted_in_the_end(&self) -> BTreeSet<u32> {
        let mut wanted = BTreeSet::new();
        if self.state != State::Connected {
            return wanted;
        }
        for operation in &self.operations {
            match operation.topic {
                Some(_) => wanted.insert(operation.subscription),
                None => wanted.remove(&operation.subscription),
            };
        }
        wanted
    }
}
