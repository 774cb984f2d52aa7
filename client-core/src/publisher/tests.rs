//! A publisher against a broker that is written down here.

use alloc::vec;
use alloc::vec::Vec;

use gomera_model::{Attributes, AttributesBuilder, Body};
use proptest::prelude::*;

use super::*;
use crate::effect::Effect;
use crate::limits::WELCOME_WITHIN;

const NOW: Time = Time(1_000_000_000);

struct Publisher {
    core: PublisherCore,
    effects: Effects<PublisherEvent>,
}

impl Publisher {
    fn new() -> Self {
        let mut config = PublisherConfig::new(PublisherId(7), 42);
        config.window_publications = 4;
        Self {
            core: PublisherCore::new(config),
            effects: Effects::new(),
        }
    }

    /// One that is welcomed over its first connection.
    fn welcomed() -> Self {
        let mut publisher = Self::new();
        publisher.core.start(NOW, &mut publisher.effects);
        publisher.open(1);
        publisher.receive(1, opened(0));
        publisher.done();
        publisher
    }

    fn open(&mut self, connection: u32) {
        let connection = Generation(connection);
        self.core.opened(NOW, connection, &mut self.effects);
    }

    fn receive(&mut self, connection: u32, frame: ServerFrame) {
        let connection = Generation(connection);
        self.core.receive(NOW, connection, frame, &mut self.effects);
    }

    fn closed(&mut self, connection: u32, refusal: Option<Refusal>) {
        let connection = Generation(connection);
        self.core
            .closed(NOW, connection, refusal, &mut self.effects);
    }

    fn publish(&mut self) -> Result<PublisherSeq, PublishError> {
        self.core
            .publish(Timestamp(1), content(), &mut self.effects)
    }

    fn done(&mut self) -> Vec<Effect<PublisherEvent>> {
        self.effects.drain().collect()
    }

    /// Waits out the pause after a loss.
    fn wake(&mut self) {
        self.core.wake(NOW + WELCOME_WITHIN, &mut self.effects);
    }
}

fn content() -> Content {
    Content {
        attributes: Attributes::empty(),
        body: Body::None,
    }
}

fn opened(last: u64) -> ServerFrame {
    opened_by(1, last)
}

fn opened_by(access_point: u64, last: u64) -> ServerFrame {
    ServerFrame::PublisherOpened {
        last: PublisherSeq(last),
        access_point: Incarnation(access_point),
    }
}

fn hello(connection: u32, welcomed_by: Option<u64>) -> Effect<PublisherEvent> {
    Effect::Send {
        connection: Generation(connection),
        frame: ClientFrame::OpenPublisher {
            publisher: PublisherId(7),
            generation: Generation(connection),
            acknowledgement: Acknowledgement::Joined,
            welcomed_by: welcomed_by.map(Incarnation),
        },
    }
}

fn published(last: u64, matched: &[u32]) -> ServerFrame {
    ServerFrame::Published {
        last: PublisherSeq(last),
        matched: matched.to_vec(),
    }
}

fn sent(connection: u32, seq: u64) -> Effect<PublisherEvent> {
    Effect::Send {
        connection: Generation(connection),
        frame: ClientFrame::Publish(Publication {
            seq: PublisherSeq(seq),
            published_at: Timestamp(1),
            content: content(),
        }),
    }
}

fn acknowledged(seq: u64, matched: Option<u32>) -> Effect<PublisherEvent> {
    Effect::Event(PublisherEvent::Acknowledged {
        seq: PublisherSeq(seq),
        matched,
    })
}

fn closing(connection: u32) -> Effect<PublisherEvent> {
    Effect::Close {
        connection: Generation(connection),
        code: RefusalCode::Ended,
        by_broker: false,
    }
}

const CONNECTED: Effect<PublisherEvent> = Effect::Event(PublisherEvent::Connected);

#[test]
fn it_publishes_after_the_welcome_only() {
    let mut publisher = Publisher::new();
    publisher.core.start(NOW, &mut publisher.effects);
    assert_eq!(publisher.publish(), Ok(PublisherSeq(1)));
    let until = NOW + WELCOME_WITHIN;
    let open = Effect::Open(Generation(1));
    assert_eq!(publisher.done(), [open, Effect::WakeAt(until)]);
    publisher.open(1);
    assert_eq!(publisher.done(), [hello(1, None)]);
    publisher.receive(1, opened(0));
    assert_eq!(publisher.done(), [CONNECTED, sent(1, 1)]);
    publisher.publish().unwrap();
    assert_eq!(publisher.done(), [sent(1, 2)]);
}

#[test]
fn a_full_window_refuses_until_something_is_acknowledged() {
    let mut publisher = Publisher::welcomed();
    for seq in 1..=4 {
        assert_eq!(publisher.publish(), Ok(PublisherSeq(seq)));
    }
    assert_eq!(publisher.publish(), Err(PublishError::WindowFull));
    publisher.done();
    publisher.receive(1, published(2, &[5, 0]));
    let events = [acknowledged(1, Some(5)), acknowledged(2, Some(0))];
    assert_eq!(publisher.done(), events);
    assert_eq!(publisher.core.outstanding(), 2);
    assert_eq!(publisher.publish(), Ok(PublisherSeq(5)));
}

#[test]
fn the_window_counts_bytes_too() {
    let mut publisher = Publisher::welcomed();
    publisher.core.config.window_bytes = 3;
    publisher.publish().unwrap();
    publisher.publish().unwrap();
    assert!(publisher.core.has_room());
    publisher.publish().unwrap();
    assert!(!publisher.core.has_room());
    publisher.receive(1, published(3, &[]));
    assert!(publisher.core.has_room());
}

#[test]
fn content_that_the_broker_would_refuse_gets_no_number() {
    let mut publisher = Publisher::welcomed();
    let text = "x".repeat(40_000);
    let attributes = AttributesBuilder::new().with("a", text.clone()).build();
    let content = Content {
        attributes: attributes.unwrap(),
        body: Body::Opaque(text.into()),
    };
    let refused = publisher
        .core
        .publish(Timestamp(1), content, &mut publisher.effects);
    assert!(matches!(refused, Err(PublishError::Content(_))));
    assert_eq!(publisher.publish(), Ok(PublisherSeq(1)));
}

#[test]
fn what_the_broker_does_not_have_is_repeated_in_order() {
    let mut publisher = Publisher::welcomed();
    for _ in 0..4 {
        publisher.publish().unwrap();
    }
    publisher.receive(1, published(1, &[]));
    publisher.done();
    publisher.closed(1, None);
    let effects = publisher.done();
    assert_eq!(effects.len(), 2);
    assert!(effects.contains(&Effect::Event(PublisherEvent::Disconnected)));
    publisher.wake();
    assert_eq!(publisher.done()[0], Effect::Open(Generation(2)));
    publisher.open(2);
    publisher.done();
    publisher.receive(2, opened(2));
    assert_eq!(publisher.done(), [CONNECTED, sent(2, 3), sent(2, 4)]);
    assert_eq!(publisher.core.stats().repeated, 2);
    publisher.receive(2, published(4, &[8, 9]));
    let matched = [None, Some(8), Some(9)];
    let events: Vec<_> = (2..=4)
        .zip(matched)
        .map(|(s, m)| acknowledged(s, m))
        .collect();
    assert_eq!(publisher.done(), events);
}

#[test]
fn a_move_within_a_connection_repeats_nothing_and_loses_nothing() {
    let mut publisher = Publisher::welcomed();
    for _ in 0..3 {
        publisher.publish().unwrap();
    }
    publisher.done();
    publisher.receive(1, published(1, &[5]));
    assert_eq!(publisher.done(), [acknowledged(1, Some(5))]);
    publisher.receive(1, opened_by(2, 2));
    assert_eq!(publisher.done(), [], "nothing is sent again");
    publisher.receive(1, published(3, &[6, 7]));
    let events = [acknowledged(2, Some(6)), acknowledged(3, Some(7))];
    assert_eq!(publisher.done(), events);
    assert_eq!(publisher.core.stats().reconnects, 0);
    assert_eq!(publisher.core.stats().repeated, 0);
}

#[test]
fn each_connection_names_who_welcomed_the_publisher_last() {
    let mut publisher = Publisher::welcomed();
    let reconnect = |publisher: &mut Publisher, connection| {
        publisher.closed(connection - 1, None);
        publisher.wake();
        publisher.done();
        publisher.open(connection);
        publisher.done()
    };
    assert_eq!(reconnect(&mut publisher, 2), [hello(2, Some(1))]);
    // Who did not welcome it is not named.
    assert_eq!(reconnect(&mut publisher, 3), [hello(3, Some(1))]);
    publisher.receive(3, opened_by(8, 0));
    publisher.receive(3, opened_by(9, 0));
    assert_eq!(reconnect(&mut publisher, 4), [hello(4, Some(9))]);
}

#[test]
fn a_refused_one_is_settled_and_not_repeated() {
    let mut publisher = Publisher::welcomed();
    for _ in 0..3 {
        publisher.publish().unwrap();
    }
    publisher.done();
    let refusal = Refusal::new(RefusalCode::InvalidContent, "no");
    let refused = ServerFrame::PublicationRefused {
        seq: PublisherSeq(2),
        refusal: refusal.clone(),
    };
    publisher.receive(1, refused.clone());
    let seq = PublisherSeq(2);
    let event = Effect::Event(PublisherEvent::Refused { seq, refusal });
    assert_eq!(publisher.done(), [event]);
    publisher.receive(1, refused);
    assert_eq!(publisher.done(), []);
    publisher.closed(1, None);
    publisher.wake();
    publisher.open(2);
    publisher.done();
    publisher.receive(2, opened(0));
    assert_eq!(publisher.done(), [CONNECTED, sent(2, 1), sent(2, 3)]);
    publisher.receive(2, published(3, &[1, 3]));
    let events = [acknowledged(1, Some(1)), acknowledged(3, Some(3))];
    assert_eq!(publisher.done(), events);
    assert_eq!(publisher.core.outstanding(), 0);
}

#[test]
fn after_goaway_the_next_connection_comes_first() {
    let mut publisher = Publisher::welcomed();
    publisher.receive(1, ServerFrame::Goaway);
    assert_eq!(publisher.done()[0], Effect::Open(Generation(2)));
    publisher.publish().unwrap();
    publisher.open(2);
    assert_eq!(publisher.done()[0], sent(1, 1));
    let refusal = Refusal::new(RefusalCode::TakenOver, "newer");
    publisher.receive(2, opened(0));
    assert_eq!(publisher.done(), [closing(1), CONNECTED, sent(2, 1)]);
    publisher.closed(1, Some(refusal));
    assert_eq!(publisher.done(), []);
}

#[test]
fn being_taken_over_by_oneself_is_no_end() {
    let mut publisher = Publisher::welcomed();
    publisher.receive(1, ServerFrame::Goaway);
    publisher.open(2);
    publisher.done();
    let refusal = Refusal::new(RefusalCode::TakenOver, "newer");
    publisher.receive(1, ServerFrame::Refused(refusal));
    assert_eq!(publisher.done(), [closing(1)]);
    publisher.receive(2, opened(0));
    assert_eq!(publisher.done(), [CONNECTED]);
}

#[test]
fn taken_over_without_a_welcome_is_disconnected() {
    let disconnected = Effect::Event(PublisherEvent::Disconnected);
    let fail = |how: fn(&mut Publisher)| {
        let mut publisher = Publisher::welcomed();
        publisher.receive(1, ServerFrame::Goaway);
        publisher.open(2);
        let refusal = Refusal::new(RefusalCode::TakenOver, "newer");
        publisher.closed(1, Some(refusal));
        publisher.done();
        how(&mut publisher);
        assert!(publisher.done().contains(&disconnected));
    };
    fail(|publisher| publisher.closed(2, None));
    fail(|publisher| publisher.receive(2, ServerFrame::Goaway));
    fail(Publisher::wake);
}

#[test]
fn being_taken_over_while_none_of_ours_is_opened_is_the_end() {
    let mut publisher = Publisher::welcomed();
    publisher.receive(1, ServerFrame::Goaway);
    publisher.closed(2, None);
    publisher.done();
    let refusal = Refusal::new(RefusalCode::TakenOver, "newer");
    publisher.closed(1, Some(refusal.clone()));
    let ended = Effect::Event(PublisherEvent::Ended(refusal));
    assert!(publisher.done().contains(&ended));
}

#[test]
fn being_taken_over_by_one_of_ours_that_is_lost_is_no_end() {
    let mut publisher = Publisher::welcomed();
    publisher.receive(1, ServerFrame::Goaway);
    publisher.open(2);
    publisher.closed(2, None);
    publisher.done();
    let refusal = Refusal::new(RefusalCode::TakenOver, "newer");
    publisher.receive(1, ServerFrame::Refused(refusal));
    let disconnected = Effect::Event(PublisherEvent::Disconnected);
    assert_eq!(publisher.done(), [disconnected, closing(1)]);
    publisher.wake();
    assert_eq!(publisher.done()[0], Effect::Open(Generation(3)));
    publisher.open(3);
    publisher.done();
    publisher.receive(3, opened(0));
    assert_eq!(publisher.done(), [CONNECTED]);
}

#[test]
fn being_taken_over_by_another_is_the_end() {
    let mut publisher = Publisher::welcomed();
    let refusal = Refusal::new(RefusalCode::TakenOver, "newer");
    publisher.receive(1, ServerFrame::Refused(refusal.clone()));
    let ended = Effect::Event(PublisherEvent::Ended(refusal));
    assert_eq!(publisher.done(), [closing(1), ended]);
    assert_eq!(publisher.publish(), Err(PublishError::Ended));
    publisher.wake();
    assert_eq!(publisher.done(), []);
}

#[test]
fn pauses_grow_and_differ_and_have_an_end() {
    let mut publisher = Publisher::new();
    publisher.core.start(NOW, &mut publisher.effects);
    let mut now = NOW;
    let mut pauses = vec![];
    for attempt in 1..=12 {
        publisher.done();
        let connection = Generation(attempt);
        publisher
            .core
            .closed(now, connection, None, &mut publisher.effects);
        let [Effect::WakeAt(until)] = publisher.done()[..] else {
            panic!("a pause");
        };
        pauses.push(until.since(now));
        now = until;
        publisher.core.wake(now, &mut publisher.effects);
    }
    assert!(pauses[0] >= crate::limits::BACKOFF_MIN / 2);
    assert!(pauses[11] <= crate::limits::BACKOFF_MAX);
    assert!(pauses[11] > 50 * pauses[0]);
    assert_ne!(pauses[10], pauses[11]);
}

#[test]
fn a_connection_without_a_welcome_is_given_up() {
    let mut publisher = Publisher::new();
    publisher.core.start(NOW, &mut publisher.effects);
    publisher.open(1);
    publisher.done();
    publisher.core.wake(NOW, &mut publisher.effects);
    let until = NOW + WELCOME_WITHIN;
    assert_eq!(publisher.done(), [Effect::WakeAt(until)]);
    publisher.wake();
    let close = Effect::Close {
        connection: Generation(1),
        code: RefusalCode::Stalled,
        by_broker: false,
    };
    assert_eq!(publisher.done()[0], close);
    publisher.receive(1, opened(0));
    assert_eq!(publisher.done(), []);
}

#[test]
fn a_broker_that_breaks_the_protocol_is_left() {
    for frame in [
        published(2, &[]),
        opened(2),
        ServerFrame::Connected {
            session: gomera_model::SessionId(1),
            token: gomera_model::SessionToken([0; 16]),
            resumed: false,
        },
        ServerFrame::PublicationRefused {
            seq: PublisherSeq(2),
            refusal: Refusal::new(RefusalCode::InvalidContent, ""),
        },
    ] {
        let mut publisher = Publisher::welcomed();
        publisher.publish().unwrap();
        publisher.receive(1, frame.clone());
        let effects = publisher.done();
        let ended = effects.last();
        assert!(
            matches!(ended, Some(Effect::Event(PublisherEvent::Ended(refusal)))
                if refusal.code == RefusalCode::Malformed),
            "{frame:?}: {effects:?}"
        );
    }
}

/// What happens to a publisher and its broker.
#[derive(Clone, Copy, Debug)]
enum Step {
    Publish,
    Take,
    Acknowledge,
    Cut,
    Goaway,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => Just(Step::Publish),
        5 => Just(Step::Take),
        3 => Just(Step::Acknowledge),
        1 => Just(Step::Cut),
        1 => Just(Step::Goaway),
    ];
    prop::collection::vec(step, 1..200)
}

/// A broker that takes frames in order over the newest connection and loses what is on its way at a cut.
#[derive(Default)]
struct Broker {
    connection: u32,
    on_the_way: alloc::collections::VecDeque<(u32, u64)>,
    taken: u64,
    acknowledged: u64,
}

impl Broker {
    fn carry(&mut self, publisher: &mut Publisher) {
        for effect in publisher.done() {
            match effect {
                Effect::Open(connection) => {
                    self.connection = connection.0;
                    publisher.open(connection.0);
                    publisher.receive(connection.0, opened(self.taken));
                }
                Effect::Send {
                    connection,
                    frame: ClientFrame::Publish(publication),
                } => self.on_the_way.push_back((connection.0, publication.seq.0)),
                Effect::Event(PublisherEvent::Acknowledged { seq, .. }) => {
                    self.acknowledged += 1;
                    assert_eq!(seq.0, self.acknowledged);
                }
                Effect::Event(_)
                | Effect::WakeAt(_)
                | Effect::Close { .. }
                | Effect::Send { .. } => continue,
            }
        }
        if !publisher.effects.is_empty() {
            self.carry(publisher);
        }
    }

    fn take(&mut self) {
        while let Some((connection, seq)) = self.on_the_way.pop_front() {
            if connection == self.connection {
                assert!(seq <= self.taken + 1, "a hole before {seq}");
                self.taken = self.taken.max(seq);
                return;
            }
        }
    }

    fn step(&mut self, publisher: &mut Publisher, step: Step) {
        match step {
            Step::Publish => drop(publisher.publish()),
            Step::Take => self.take(),
            Step::Acknowledge => publisher.receive(self.connection, published(self.taken, &[])),
            Step::Cut => {
                publisher.closed(self.connection, None);
                publisher.wake();
            }
            Step::Goaway => publisher.receive(self.connection, ServerFrame::Goaway),
        }
        self.carry(publisher);
    }
}

proptest! {
    #[test]
    fn everything_arrives_once_and_in_order(steps in steps()) {
        let mut publisher = Publisher::new();
        let mut broker = Broker::default();
        publisher.core.start(NOW, &mut publisher.effects);
        broker.carry(&mut publisher);
        for step in steps {
            broker.step(&mut publisher, step);
        }
        while !broker.on_the_way.is_empty() {
            broker.take();
        }
        broker.step(&mut publisher, Step::Acknowledge);
        prop_assert_eq!(publisher.core.outstanding(), 0);
        prop_assert_eq!(broker.acknowledged, publisher.core.stats().published);
    }
}
