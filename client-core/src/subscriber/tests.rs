//! A subscriber against a broker that is written down here.

use alloc::vec;
use alloc::vec::Vec;

use gomera_model::lane::SubscriptionRequest;
use gomera_model::limits::OPERATIONS_IN_FLIGHT_MAX;
use gomera_model::operation::Hit;
use gomera_model::{
    Attributes, Body, Content, Cursor, Epoch, Incarnation, PublisherId, PublisherSeq, Seq, Stamp,
    Timestamp,
};

use super::*;
use crate::limits::WELCOME_WITHIN;

const NOW: Time = Time(1_000_000_000);
const SESSION: SessionId = SessionId(5);
const TOKEN: SessionToken = SessionToken([9; 16]);

struct Subscriber {
    core: SubscriberCore,
    effects: Effects<SubscriberEvent>,
    now: Time,
}

impl Subscriber {
    /// One that is welcomed over its first connection.
    fn welcomed() -> Self {
        Self::welcomed_with(false)
    }

    fn welcomed_with(tells_dropped: bool) -> Self {
        let mut config = SubscriberConfig::new(42);
        config.acknowledge_deliveries = 3;
        config.tells_dropped = tells_dropped;
        let mut subscriber = Self {
            core: SubscriberCore::new(config),
            effects: Effects::new(),
            now: NOW,
        };
        subscriber.core.start(NOW, &mut subscriber.effects);
        subscriber.open(1);
        subscriber.receive(1, connected(SESSION, false));
        subscriber.done();
        subscriber
    }

    fn open(&mut self, connection: u32) {
        self.core
            .opened(self.now, Generation(connection), &mut self.effects);
    }

    fn receive(&mut self, connection: u32, frame: ServerFrame) {
        self.core
            .receive(self.now, Generation(connection), frame, &mut self.effects);
    }

    fn closed(&mut self, connection: u32) {
        self.core
            .closed(self.now, Generation(connection), None, &mut self.effects);
    }

    fn subscribe(&mut self, number: u32, text: &str) -> RequestNumber {
        self.core
            .subscribe(SubscriptionNumber(number), filter(text), &mut self.effects)
            .unwrap()
    }

    fn unsubscribe(&mut self, number: u32) -> RequestNumber {
        self.core
            .unsubscribe(SubscriptionNumber(number), &mut self.effects)
            .unwrap()
    }

    /// Loses the connection and opens the next; what is asked for with it.
    fn reconnect(&mut self, connection: u32) -> Connect {
        self.closed(connection - 1);
        self.now = self.now + WELCOME_WITHIN;
        self.core.wake(self.now, &mut self.effects);
        self.open(connection);
        let hello = self.sent().into_iter().find_map(|frame| {
            if let ClientFrame::Connect(connect) = frame {
                Some(connect)
            } else {
                None
            }
        });
        hello.expect("a hello")
    }

    fn done(&mut self) -> Vec<Effect<SubscriberEvent>> {
        self.effects.drain().collect()
    }

    fn sent(&mut self) -> Vec<ClientFrame> {
        let frames = self.effects.drain().filter_map(|effect| {
            if let Effect::Send { frame, .. } = effect {
                Some(frame)
            } else {
                None
            }
        });
        frames.collect()
    }

    fn events(&mut self) -> Vec<SubscriberEvent> {
        let events = self.effects.drain().filter_map(|effect| {
            if let Effect::Event(event) = effect {
                Some(event)
            } else {
                None
            }
        });
        events.collect()
    }
}

fn filter(text: &str) -> FilterText {
    FilterText {
        dialect: "sql".into(),
        text: text.into(),
    }
}

fn connected(session: SessionId, resumed: bool) -> ServerFrame {
    ServerFrame::Connected {
        session,
        token: TOKEN,
        resumed,
    }
}

fn request(operation: u64, unanswered_from: u64, number: u32, text: Option<&str>) -> ClientFrame {
    ClientFrame::Request(SubscriptionRequest {
        operation: OperationNumber(operation),
        unanswered_from: OperationNumber(unanswered_from),
        number: SubscriptionNumber(number),
        filter: text.map(filter),
    })
}

fn answer(operation: u64) -> ServerFrame {
    ServerFrame::Answered {
        operation: OperationNumber(operation),
        refused: None,
    }
}

fn refuse(operation: u64) -> ServerFrame {
    ServerFrame::Answered {
        operation: OperationNumber(operation),
        refused: Some(no()),
    }
}

fn no() -> Refusal {
    Refusal::new(RefusalCode::InvalidFilter, "no")
}

fn answered(request: RequestNumber, number: u32, refused: Option<Refusal>) -> SubscriberEvent {
    SubscriberEvent::Answered {
        request,
        number: SubscriptionNumber(number),
        refused,
    }
}

/// A delivery stamped `seq` by `access_point`, number `publisher_seq` of the only publisher.
fn deliver((access_point, seq): (u64, u64), publisher_seq: u64, hits: &[(u32, u64)]) -> Deliver {
    let hit = |&(number, operation): &(u32, u64)| Hit {
        number: SubscriptionNumber(number),
        operation: OperationNumber(operation),
    };
    Deliver {
        stamp: Stamp {
            access_point: Incarnation(access_point),
            seq: Seq(seq),
            epoch: Epoch(1),
        },
        publisher: PublisherId(1),
        publisher_seq: PublisherSeq(publisher_seq),
        published_at: Timestamp(0),
        hits: hits.iter().map(hit).collect(),
        content: Content {
            attributes: Attributes::empty(),
            body: Body::None,
        },
    }
}

fn cursor(access_point: u64, seq: u64) -> Cursor {
    Cursor {
        access_point: Incarnation(access_point),
        seq: Seq(seq),
    }
}

#[test]
fn operations_are_numbered_and_name_the_lowest_unanswered() {
    let mut subscriber = Subscriber::welcomed();
    let first = subscriber.subscribe(7, "a");
    let second = subscriber.subscribe(8, "b");
    let frames = [request(1, 1, 7, Some("a")), request(2, 1, 8, Some("b"))];
    assert_eq!(subscriber.sent(), frames);
    subscriber.receive(1, answer(2));
    subscriber.receive(1, refuse(1));
    subscriber.receive(1, answer(2));
    let events = [answered(second, 8, None), answered(first, 7, Some(no()))];
    assert_eq!(subscriber.events(), events);
    subscriber.unsubscribe(8);
    assert_eq!(subscriber.sent(), [request(3, 3, 8, None)]);
    assert_eq!(subscriber.core.unanswered(), 1);
}

#[test]
fn operations_run_ahead_of_their_answers_within_the_limit() {
    let mut subscriber = Subscriber::welcomed();
    for _ in 0..OPERATIONS_IN_FLIGHT_MAX + 2 {
        subscriber.subscribe(1, "a");
    }
    assert_eq!(subscriber.sent().len(), OPERATIONS_IN_FLIGHT_MAX);
    subscriber.receive(1, answer(2));
    assert_eq!(subscriber.sent(), []);
    subscriber.receive(1, answer(1));
    assert_eq!(subscriber.sent().len(), 2);
}

#[test]
fn too_much_is_refused_by_name() {
    let mut subscriber = Subscriber::welcomed();
    let mut ask = |number, text: &str| {
        let number = SubscriptionNumber(number);
        let (core, effects) = (&mut subscriber.core, &mut subscriber.effects);
        core.subscribe(number, filter(text), effects)
    };
    let high = SubscriptionNumber(SUBSCRIPTIONS_PER_SESSION_MAX);
    assert_eq!(ask(high.0, ""), Err(RequestError::NumberTooHigh(high)));
    let bytes = FILTER_BYTES_MAX + 1;
    let long = "x".repeat(bytes);
    assert_eq!(ask(1, &long), Err(RequestError::FilterTooLong { bytes }));
    for _ in 0..REQUESTS_MAX {
        ask(1, "a").unwrap();
    }
    assert_eq!(ask(1, "a"), Err(RequestError::TooMany));
}

#[test]
fn a_resume_names_the_cursor_and_repeats_what_is_unanswered() {
    let mut subscriber = Subscriber::welcomed();
    for number in 1..=3 {
        subscriber.subscribe(number, "a");
    }
    subscriber.receive(1, answer(2));
    let delivery = deliver((4, 10), 1, &[(2, 2)]);
    subscriber.receive(1, ServerFrame::Deliver(delivery));
    subscriber.done();
    let connect = subscriber.reconnect(2);
    let expected = Connect {
        resume: Some((SESSION, TOKEN)),
        generation: Generation(2),
        cursors: vec![cursor(4, 10)],
        policy: OverflowPolicy::Gap,
    };
    assert_eq!(connect, expected);
    subscriber.receive(2, connected(SESSION, true));
    let frames = [request(1, 1, 1, Some("a")), request(3, 1, 3, Some("a"))];
    assert_eq!(subscriber.sent(), frames);
    assert_eq!(subscriber.core.stats().repeated, 2);
}

#[test]
fn the_same_delivery_is_shown_once() {
    let mut subscriber = Subscriber::welcomed();
    let mut shown = |stamp, publisher_seq| {
        let delivery = deliver(stamp, publisher_seq, &[(1, 1)]);
        subscriber.receive(1, ServerFrame::Deliver(delivery));
        !subscriber.events().is_empty()
    };
    assert!(shown((1, 5), 1));
    assert!(!shown((1, 5), 1), "by its cursor");
    assert!(!shown((1, 4), 2), "by its cursor");
    assert!(!shown((2, 1), 2), "by its publisher");
    assert!(shown((2, 2), 3));
    let stats = subscriber.core.stats();
    assert_eq!(stats.deliveries, 2);
    assert_eq!(stats.dropped_by_cursor, 2);
    assert_eq!(stats.dropped_by_publisher, 1);
}

#[test]
fn who_asks_for_it_is_told_what_is_dropped() {
    for tells in [false, true] {
        let mut subscriber = Subscriber::welcomed_with(tells);
        subscriber.subscribe(1, "a");
        subscriber.subscribe(2, "a");
        subscriber.unsubscribe(1);
        subscriber.done();
        let mut check = |delivery: Deliver, expected: &[(Option<DropReason>, u32)]| {
            subscriber.receive(1, ServerFrame::Deliver(delivery));
            let events = subscriber.events().into_iter().map(|event| {
                let (delivery, reason) =
                    if let SubscriberEvent::Dropped { delivery, reason } = event {
                        (delivery, Some(reason))
                    } else if let SubscriberEvent::Delivery(delivery) = event {
                        (delivery, None)
                    } else {
                        panic!("{event:?}");
                    };
                (reason, delivery.hits[0].number.0)
            });
            let told = |event: &&(Option<DropReason>, u32)| tells || event.0.is_none();
            let expected: Vec<_> = expected.iter().filter(told).copied().collect();
            assert_eq!(events.collect::<Vec<_>>(), expected);
        };
        let ended = Some(DropReason::Unsubscribed);
        check(
            deliver((1, 1), 1, &[(1, 1), (2, 2)]),
            &[(ended, 1), (None, 2)],
        );
        check(deliver((1, 2), 2, &[(1, 1)]), &[(ended, 1)]);
        check(
            deliver((1, 2), 2, &[(2, 2)]),
            &[(Some(DropReason::Cursor), 2)],
        );
        check(
            deliver((2, 1), 2, &[(2, 2)]),
            &[(Some(DropReason::Publisher), 2)],
        );
        check(deliver((2, 2), 3, &[(2, 2)]), &[(None, 2)]);
    }
}

#[test]
fn after_an_unsubscribe_older_hits_are_dropped() {
    let mut subscriber = Subscriber::welcomed();
    subscriber.subscribe(1, "a");
    subscriber.subscribe(2, "a");
    subscriber.unsubscribe(1);
    subscriber.subscribe(1, "b");
    subscriber.done();
    let mut hits = |seq, hits: &[(u32, u64)]| {
        let delivery = deliver((1, seq), seq, hits);
        subscriber.receive(1, ServerFrame::Deliver(delivery));
        let numbers = subscriber.events().into_iter().flat_map(|event| {
            let SubscriberEvent::Delivery(delivery) = event else {
                panic!("{event:?}");
            };
            delivery.hits
        });
        numbers.map(|hit| hit.number.0).collect::<Vec<_>>()
    };
    assert_eq!(hits(1, &[(1, 1), (2, 2)]), [2]);
    assert!(hits(2, &[(1, 1)]).is_empty());
    assert_eq!(hits(3, &[(1, 4), (2, 2)]), [1, 2]);
    assert_eq!(subscriber.core.stats().dropped_after_unsubscribe, 1);
}

#[test]
fn it_tells_how_far_it_is_after_some_deliveries_or_some_time() {
    let mut subscriber = Subscriber::welcomed();
    let deliver_one = |subscriber: &mut Subscriber, seq| {
        let delivery = deliver((1, seq), seq, &[(1, 1)]);
        subscriber.receive(1, ServerFrame::Deliver(delivery));
    };
    deliver_one(&mut subscriber, 1);
    let until = NOW + ACKNOWLEDGE_AFTER;
    assert!(subscriber.done().contains(&Effect::WakeAt(until)));
    deliver_one(&mut subscriber, 2);
    assert_eq!(subscriber.sent(), []);
    deliver_one(&mut subscriber, 7);
    let told = ClientFrame::Acknowledge(vec![cursor(1, 7)]);
    assert_eq!(subscriber.sent(), [told]);
    subscriber.core.wake(until, &mut subscriber.effects);
    assert_eq!(subscriber.done(), []);
    deliver_one(&mut subscriber, 8);
    subscriber.done();
    subscriber.core.wake(until, &mut subscriber.effects);
    let told = ClientFrame::Acknowledge(vec![cursor(1, 8)]);
    assert_eq!(subscriber.sent(), [told]);
}

#[test]
fn what_was_told_over_a_lost_connection_is_told_again() {
    let mut subscriber = Subscriber::welcomed();
    for seq in 1..=3 {
        let delivery = deliver((1, seq), seq, &[(1, 1)]);
        subscriber.receive(1, ServerFrame::Deliver(delivery));
    }
    let told = ClientFrame::Acknowledge(vec![cursor(1, 3)]);
    assert_eq!(subscriber.sent(), core::slice::from_ref(&told));
    subscriber.reconnect(2);
    subscriber.receive(2, connected(SESSION, true));
    subscriber.done();
    let later = subscriber.now + ACKNOWLEDGE_AFTER;
    subscriber.core.wake(later, &mut subscriber.effects);
    assert_eq!(subscriber.sent(), [told]);
}

#[test]
fn a_gap_is_told_once_and_moves_the_cursor() {
    let mut subscriber = Subscriber::welcomed();
    let gap = Gap {
        access_point: Incarnation(1),
        first: Seq(3),
        last: Seq(9),
        count: 2,
    };
    subscriber.receive(1, ServerFrame::Gap(gap));
    subscriber.receive(1, ServerFrame::Gap(gap));
    let delivery = deliver((1, 9), 9, &[(1, 1)]);
    subscriber.receive(1, ServerFrame::Deliver(delivery));
    assert_eq!(subscriber.events(), [SubscriberEvent::Gap(gap)]);
}

/// A subscriber with subscription 1 confirmed, its replacement and 2 under way, 3 ended.
fn with_subscriptions() -> (Subscriber, [RequestNumber; 2]) {
    let mut subscriber = Subscriber::welcomed();
    subscriber.subscribe(1, "a");
    subscriber.subscribe(3, "c");
    subscriber.unsubscribe(3);
    for operation in 1..=3 {
        subscriber.receive(1, answer(operation));
    }
    let replace = subscriber.subscribe(1, "A");
    let second = subscriber.subscribe(2, "b");
    subscriber.done();
    (subscriber, [replace, second])
}

#[test]
fn an_unknown_session_is_made_again_with_all_its_subscriptions() {
    let (mut subscriber, [replace, second]) = with_subscriptions();
    subscriber.reconnect(2);
    let unknown = Refusal::new(RefusalCode::SessionUnknown, "restarted");
    subscriber.receive(2, ServerFrame::Refused(unknown));
    subscriber.done();
    let connect = subscriber.reconnect(3);
    assert_eq!(connect.resume, None);
    let other = SessionId(6);
    subscriber.receive(3, connected(other, false));
    let effects = subscriber.done();
    let fresh = SubscriberEvent::Connected {
        session: other,
        attachment: Attachment::Fresh,
    };
    assert_eq!(effects[0], Effect::Event(fresh));
    let frames = [
        request(6, 6, 1, Some("a")),
        request(7, 6, 1, Some("A")),
        request(8, 6, 2, Some("b")),
    ];
    let connection = Generation(3);
    let sends = frames.map(|frame| Effect::Send { connection, frame });
    assert_eq!(effects[1..], sends);
    for operation in 6..=8 {
        subscriber.receive(3, answer(operation));
    }
    let events = [
        SubscriberEvent::Resubscribed,
        answered(replace, 1, None),
        answered(second, 2, None),
    ];
    assert_eq!(subscriber.events(), events);
    assert_eq!(subscriber.core.stats().sessions_lost, 1);
}

#[test]
fn a_broker_started_anew_may_stamp_from_the_beginning_again() {
    let mut subscriber = Subscriber::welcomed();
    subscriber.subscribe(1, "a");
    subscriber.receive(1, answer(1));
    subscriber.receive(1, ServerFrame::Deliver(deliver((1, 9), 7, &[(1, 1)])));
    subscriber.reconnect(2);
    let unknown = Refusal::new(RefusalCode::SessionUnknown, "restarted");
    subscriber.receive(2, ServerFrame::Refused(unknown));
    let connect = subscriber.reconnect(3);
    assert_eq!(connect.cursors, []);
    subscriber.receive(3, connected(SessionId(6), false));
    subscriber.receive(3, answer(2));
    subscriber.done();
    let mut is_shown = |seq, publisher_seq| {
        let delivery = deliver((1, seq), publisher_seq, &[(1, 2)]);
        subscriber.receive(3, ServerFrame::Deliver(delivery));
        !subscriber.events().is_empty()
    };
    assert!(!is_shown(1, 7), "a repeat is known by its publisher");
    assert!(is_shown(2, 8));
}

#[test]
fn a_session_lost_twice_is_made_again_twice() {
    let (mut subscriber, _) = with_subscriptions();
    for (connection, first) in [(2, 6), (3, 9)] {
        subscriber.reconnect(connection);
        subscriber.receive(connection, connected(SessionId(first), false));
        let frames = [
            request(first, first, 1, Some("a")),
            request(first + 1, first, 1, Some("A")),
            request(first + 2, first, 2, Some("b")),
        ];
        assert_eq!(subscriber.sent(), frames);
    }
}

#[test]
fn a_subscription_refused_the_second_time_is_told() {
    let mut subscriber = Subscriber::welcomed();
    subscriber.subscribe(1, "a");
    subscriber.receive(1, answer(1));
    subscriber.reconnect(2);
    subscriber.receive(2, connected(SessionId(6), false));
    subscriber.done();
    subscriber.receive(2, refuse(2));
    let lost = SubscriberEvent::SubscriptionLost {
        number: SubscriptionNumber(1),
        refusal: no(),
    };
    let events = [lost, SubscriberEvent::Resubscribed];
    assert_eq!(subscriber.events(), events);
    subscriber.reconnect(3);
    subscriber.receive(3, connected(SessionId(7), false));
    assert_eq!(subscriber.sent(), []);
}

#[test]
fn a_refused_replacement_leaves_what_was_there() {
    let mut subscriber = Subscriber::welcomed();
    subscriber.subscribe(1, "a");
    subscriber.subscribe(1, "bad");
    subscriber.receive(1, answer(1));
    subscriber.receive(1, refuse(2));
    subscriber.reconnect(2);
    subscriber.receive(2, connected(SessionId(6), false));
    assert_eq!(subscriber.sent(), [request(3, 3, 1, Some("a"))]);
}

#[test]
fn after_goaway_the_session_moves_before_the_old_connection_closes() {
    let mut subscriber = Subscriber::welcomed();
    subscriber.receive(1, ServerFrame::Goaway);
    assert_eq!(subscriber.done()[0], Effect::Open(Generation(2)));
    subscriber.open(2);
    subscriber.done();
    let delivery = ServerFrame::Deliver(deliver((1, 1), 1, &[(1, 1)]));
    subscriber.receive(1, delivery.clone());
    assert_eq!(subscriber.events().len(), 1);
    subscriber.receive(2, connected(SESSION, true));
    let close = Effect::Close {
        connection: Generation(1),
        code: RefusalCode::Ended,
        by_broker: false,
    };
    assert_eq!(subscriber.done()[0], close);
    subscriber.receive(2, delivery);
    subscriber.receive(1, ServerFrame::Deliver(deliver((1, 2), 2, &[(1, 1)])));
    assert_eq!(subscriber.events(), []);
}

#[test]
fn a_session_found_lost_while_moving_leaves_the_old_connection_too() {
    let mut subscriber = Subscriber::welcomed();
    subscriber.receive(1, ServerFrame::Goaway);
    subscriber.open(2);
    subscriber.done();
    let unknown = Refusal::new(RefusalCode::SessionUnknown, "restarted");
    subscriber.receive(2, ServerFrame::Refused(unknown));
    let effects = subscriber.done();
    assert!(effects.contains(&Effect::Event(SubscriberEvent::Disconnected)));
    subscriber.subscribe(1, "a");
    assert_eq!(subscriber.sent(), []);
    let connect = subscriber.reconnect(3);
    assert_eq!(connect.resume, None);
}

#[test]
fn its_end_is_told_to_the_broker() {
    let mut subscriber = Subscriber::welcomed();
    subscriber.core.end(&mut subscriber.effects);
    let effects = subscriber.done();
    let connection = Generation(1);
    let frame = ClientFrame::Bye;
    assert_eq!(effects[0], Effect::Send { connection, frame });
    assert!(matches!(
        effects[1],
        Effect::Close {
            by_broker: true,
            ..
        }
    ));
    let number = SubscriptionNumber(1);
    let late = subscriber.core.unsubscribe(number, &mut subscriber.effects);
    assert_eq!(late, Err(RequestError::Ended));
}

#[test]
fn a_broker_that_breaks_the_protocol_is_left() {
    let gap = Gap {
        access_point: Incarnation(1),
        first: Seq(2),
        last: Seq(1),
        count: 1,
    };
    for frame in [
        answer(1),
        connected(SESSION, true),
        ServerFrame::Gap(gap),
        ServerFrame::PublisherOpened {
            access_point: Incarnation(1),
            last: PublisherSeq(0),
        },
    ] {
        let mut subscriber = Subscriber::welcomed();
        subscriber.receive(1, frame.clone());
        let events = subscriber.events();
        assert!(
            matches!(&events[..], [SubscriberEvent::Ended(refusal)]
                if refusal.code == RefusalCode::Malformed),
            "{frame:?}: {events:?}"
        );
    }
}
