//! The clients: a session with its subscriptions, two publishers, and all that they see.

use std::sync::Arc;

use gomera_filter::{Dialect, Filter};
use gomera_model::lane::{FilterText, Publication, SubscriptionRequest};
use gomera_model::silbo::{Acknowledgement, ClientFrame, Connect, ServerFrame};
use gomera_model::{
    Attributes, AttributesBuilder, Body, Content, Generation, Incarnation, OperationNumber,
    PublisherId, PublisherSeq, SLOTS, SessionId, SessionToken, SubscriptionId, SubscriptionNumber,
    Timestamp, id::weight,
};
use gomera_operators::{ConnectionId, FreshSession};
use gomera_sim::checker::history::Asked;
use gomera_sim::checker::{History, Subscriber};
use gomera_sim::{Breach, Promise};

use crate::shape::{Publications, Request, Shape};
use crate::trace::number;

/// The connection of the session.
pub(crate) const SESSION: ConnectionId = ConnectionId(1);
const GENERATION: Generation = Generation(1);
/// The part of the slots that moves in every shape is among the last quarter.
const MOVING: usize = SLOTS / 4 * 3;

/// Something that a client does once, whenever it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Act {
    /// Publishes the first notification.
    First,
    /// Publishes the second.
    Second,
    /// Asks for another subscription, another filter, or an end.
    Request,
}

/// What the clients do and have seen.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    pub(crate) history: History,
    pub(crate) session: SessionId,
    publishers: Vec<PublisherId>,
    operations: u64,
    /// What they have not done yet.
    pub(crate) left: Vec<Act>,
    /// The acts so far, each with what was seen before it, as one number.
    pub(crate) acts: u64,
    /// What was seen, in any order, as one number.
    pub(crate) seen: u64,
    /// What should not have come.
    pub(crate) breach: Option<Arc<Breach>>,
}

impl Clients {
    /// Clients of access points, who have not connected yet.
    pub(crate) fn new(shape: &Shape, access_points: &[Incarnation]) -> Self {
        let session = (1..).map(SessionId);
        let session = session.clone().find(|id| id.slot().index() >= MOVING);
        let session = session.expect("there are plenty of sessions");
        let mut history = History::new();
        let subscriber = history.session_began();
        history.session_mut(subscriber).id = Some(session);
        let points = access_points;
        let heaviest = |id: u64| {
            points
                .iter()
                .copied()
                .max_by_key(|point| weight(id, *point))
        };
        // Where less meets: the first notification goes another way than the session's request.
        let mut access_points = access_points.to_vec();
        access_points.sort_by_key(|point| heaviest(session.0) == Some(*point));
        let of = |point: &Incarnation| {
            (1..)
                .find(|id| heaviest(*id) == Some(*point))
                .map(PublisherId)
        };
        let mut publishers: Vec<_> = access_points.iter().filter_map(of).collect();
        if shape.publications == Publications::Together {
            publishers.truncate(1);
        }
        let mut left = vec![Act::First, Act::Second];
        left.truncate(shape.notifications);
        if shape.request != Request::Nothing {
            left.push(Act::Request);
        }
        Self {
            history,
            session,
            publishers,
            operations: 0,
            left,
            acts: 0,
            seen: 0,
            breach: None,
        }
    }

    /// The session's first frame.
    pub(crate) fn connect(&self) -> (Connect, FreshSession) {
        let connect = Connect {
            resume: None,
            generation: GENERATION,
            cursors: Vec::new(),
            policy: Default::default(),
        };
        let fresh = FreshSession {
            session: self.session,
            token: SessionToken([7; 16]),
        };
        (connect, fresh)
    }

    /// The publishers' first frames.
    pub(crate) fn open(&self) -> Vec<(ConnectionId, ClientFrame)> {
        let publishers = self.publishers.iter().enumerate();
        let open = publishers.map(|(index, &publisher)| {
            let frame = ClientFrame::OpenPublisher {
                publisher,
                generation: GENERATION,
                acknowledgement: Acknowledgement::Joined,
                welcomed_by: None,
            };
            (connection(index), frame)
        });
        open.collect()
    }

    /// The session's first subscription.
    pub(crate) fn subscribe_first(&mut self) -> ClientFrame {
        let number = self.numbers(0);
        self.request(number, Some("TRUE"))
    }

    /// What an act sends, over which connection.
    pub(crate) fn act(&mut self, act: Act, shape: &Shape) -> (ConnectionId, ClientFrame) {
        self.left.retain(|left| *left != act);
        match act {
            Act::First => self.publish(0),
            Act::Second => self.publish(self.publishers.len() - 1),
            Act::Request => {
                let (which, filter) = match shape.request {
                    Request::Nothing => unreachable!("it is not among what is left to do"),
                    Request::Subscribe => (1, Some("TRUE")),
                    Request::Replace => (0, Some("speed > 0")),
                    Request::Unsubscribe => (0, None),
                };
                let number = self.numbers(which);
                (SESSION, self.request(number, filter))
            }
        }
    }

    /// What may be done now: a publisher keeps its order.
    pub(crate) fn possible(&self) -> impl Iterator<Item = Act> {
        let is_alone = self.publishers.len() == 1 && self.left.contains(&Act::First);
        let left = self.left.iter().copied();
        left.filter(move |act| !(is_alone && *act == Act::Second))
    }

    /// A frame has come over a connection.
    pub(crate) fn receive(&mut self, connection: ConnectionId, frame: &ServerFrame) {
        let sight = number(&(connection, format!("{frame:?}")));
        self.seen = self.seen.wrapping_add(sight);
        match frame {
            ServerFrame::Answered { operation, refused } => {
                let refused = refused.is_some();
                self.history.answered(Subscriber(0), *operation, refused);
            }
            ServerFrame::Deliver(deliver) => {
                let which = (deliver.publisher, deliver.publisher_seq);
                let hits = &deliver.hits;
                self.history.arrived(Subscriber(0), which, hits.clone());
                self.history.delivered(Subscriber(0), which, hits.clone());
                self.breach = gomera_sim::checker::judge(&self.history)
                    .into_iter()
                    .find(|breach| is_final(breach.promise))
                    .map(Arc::new);
            }
            ServerFrame::Published { last, matched } => {
                let publisher = self.publishers[index_of(connection)];
                for (back, count) in matched.iter().rev().enumerate() {
                    let seq = PublisherSeq(last.0 - back as u64);
                    let acknowledgement = (true, Some(*count));
                    self.history.acknowledged(publisher, seq, acknowledgement);
                }
            }
            ServerFrame::Connected { .. } | ServerFrame::PublisherOpened { .. } => {}
            ServerFrame::Gap(_)
            | ServerFrame::Pong(_)
            | ServerFrame::Goaway
            | ServerFrame::Refused(_)
            | ServerFrame::PublicationRefused { .. } => {
                let story = format!("a client heard {frame:?}");
                self.breach = Some(Arc::new(Breach::general(Promise::Failed, story)));
            }
        }
    }

    fn publish(&mut self, index: usize) -> (ConnectionId, ClientFrame) {
        let publisher = self.publishers[index];
        let seq = self.history.published(publisher, attributes());
        let publication = Publication {
            seq,
            published_at: Timestamp(0),
            content: Content {
                attributes: attributes(),
                body: Body::None,
            },
        };
        (connection(index), ClientFrame::Publish(publication))
    }

    fn request(&mut self, number: SubscriptionNumber, filter: Option<&str>) -> ClientFrame {
        self.operations += 1;
        let operation = OperationNumber(self.operations);
        let asked = filter.map_or(Asked::End, |text| {
            Asked::Filter(Filter::parse(Dialect::Sql, text).expect("a filter of ours"))
        });
        self.history
            .requested(Subscriber(0), operation, number, asked);
        ClientFrame::Request(SubscriptionRequest {
            operation,
            unanswered_from: operation,
            number,
            filter: filter.map(|text| FilterText {
                dialect: "sql".to_owned(),
                text: text.to_owned(),
            }),
        })
    }

    /// Numbers of subscriptions whose slots move.
    fn numbers(&self, which: usize) -> SubscriptionNumber {
        let session = self.session;
        let numbers = (0..).map(SubscriptionNumber);
        let moves = |number| SubscriptionId { session, number }.slot().index() >= MOVING;
        let mut moving = numbers.filter(|number| moves(*number));
        moving.nth(which).expect("a quarter of all numbers")
    }
}

/// Whether nothing that happens later can mend it.
fn is_final(promise: Promise) -> bool {
    match promise {
        Promise::Doubled
        | Promise::False
        | Promise::OutOfOrder
        | Promise::Failed
        | Promise::Disagreed
        | Promise::Frozen
        | Promise::Unsafe
        | Promise::Unbounded => true,
        Promise::Lost | Promise::Miscounted | Promise::Stuck | Promise::Unconserved => false,
    }
}

fn attributes() -> Attributes {
    let builder = AttributesBuilder::new().with("speed", 4_i64);
    builder.build().expect("one short attribute")
}

fn connection(publisher: usize) -> ConnectionId {
    ConnectionId(publisher as u64 + 2)
}

fn index_of(connection: ConnectionId) -> usize {
    usize::try_from(connection.0 - 2).expect("few connections")
}
