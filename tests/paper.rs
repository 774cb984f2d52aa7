//! What the paper on E-SilboPS says of elasticity (Sensors 17(9):2148, 2017), one test for each statement, and what is
//! different here: with its own strategy, `buffered`, the same holds; with `live` nothing waits that need not.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::sync::Arc;
use std::time::Duration;

use gomera::broker::Counts;
use gomera_client::{Event, Subscriber};
use gomera_coordinator::PhaseName;
use gomera_model::control::{Control, Move, Plan, Strategy};
use gomera_model::lane::{
    AccessPointFrame, FilterText, LaneFrame, MatcherFrame, Publication, SubscriptionRequest,
};
use gomera_model::silbo::Acknowledgement;
use gomera_model::topology::ExitPoints;
use gomera_model::{
    AttributesBuilder, Body, Content, Epoch, Generation, HostId, Incarnation, Instance, InstanceId,
    Layer, OperationId, OperationNumber, PublisherId, PublisherSeq, SLOTS, SessionId, SlotId,
    SubscriptionId, SubscriptionNumber, Time, Timestamp, Topology, Value, ValueRef,
};
use gomera_operators::matcher::CopyRate;
use gomera_operators::{AccessPoint, Effect, Effects};

mod raw;

use raw::{TestBroker, within};

// What an access point does, by itself.

const CONNECTION_POINT: Incarnation = Incarnation(1);
const ACCESS_POINT: Incarnation = Incarnation(2);
const EXIT_POINT: Incarnation = Incarnation(3);
const OLD: Incarnation = Incarnation(4);
const NEW: Incarnation = Incarnation(5);
const SESSION: SessionId = SessionId(1);
const PUBLISHER: PublisherId = PublisherId(1);
const OPERATION: OperationId = OperationId(1);

/// Epoch 1: one of each. Epoch 2: a second matcher owns the upper half of all slots.
fn topology(epoch: u64) -> Topology {
    let instance = |incarnation, layer| Instance {
        id: InstanceId(0),
        incarnation,
        layer,
        host: HostId(1),
        zone: String::new(),
        leaving: false,
    };
    let mut instances = vec![
        instance(CONNECTION_POINT, Layer::ConnectionPoints),
        instance(ACCESS_POINT, Layer::AccessPoints),
        instance(EXIT_POINT, Layer::ExitPoints),
        instance(OLD, Layer::Matchers),
    ];
    let mut matcher_of = vec![OLD; SLOTS];
    if epoch > 1 {
        instances.push(instance(NEW, Layer::Matchers));
        matcher_of[SLOTS / 2..].fill(NEW);
    }
    let exit_points = ExitPoints {
        primary: EXIT_POINT,
        backup: None,
        further: None,
    };
    Topology {
        epoch: Epoch(epoch),
        instances,
        retired: Vec::new(),
        cut: Epoch(0),
        matcher_replicas: 0,
        standby_of: Vec::new(),
        matcher_of,
        exit_points_of: vec![exit_points; SLOTS],
    }
}

/// An access point in a scale-out of the matchers, with one publisher.
struct Alone {
    point: AccessPoint,
    effects: Effects,
    published: u64,
    asked: u64,
}

/// What an access point sent to a matcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// A notification, stamped with an epoch.
    Notification(Incarnation, Epoch),
    Subscription(Incarnation),
    Flip(Incarnation),
}

impl Alone {
    fn new(strategy: Strategy) -> Self {
        let mut alone = Self {
            point: AccessPoint::new(ACCESS_POINT, 0),
            effects: Effects::new(),
            published: 0,
            asked: 0,
        };
        alone.control(Control::Topology(Arc::new(topology(1))));
        alone.receive(
            CONNECTION_POINT,
            AccessPointFrame::OpenPublisher {
                publisher: PUBLISHER,
                generation: Generation(1),
                acknowledgement: Acknowledgement::Joined,
                welcomed_by: None,
            },
        );
        alone.control(Control::Prepare(Arc::new(Plan {
            operation: OPERATION,
            layer: Layer::Matchers,
            strategy,
            next: topology(2),
            then: Vec::new(),
            moves: vec![Move {
                from: OLD,
                to: NEW,
                slots: SlotId::all().skip(SLOTS / 2).collect(),
            }],
            lost: Vec::new(),
        })));
        alone
    }

    /// Subscriptions on moving slots are buffered from here on.
    fn close(&mut self) -> Vec<Sent> {
        self.control(Control::Close(OPERATION))
    }

    /// The next topology is in force.
    fn commit(&mut self) -> Vec<Sent> {
        self.control(Control::Topology(Arc::new(topology(2))))
    }

    /// The new owner has taken up what was buffered.
    fn taken_up(&mut self) -> Vec<Sent> {
        self.receive(NEW, AccessPointFrame::TakenUp(Epoch(2)))
    }

    fn publish(&mut self) -> Vec<Sent> {
        self.published += 1;
        let publication = Publication {
            seq: PublisherSeq(self.published),
            published_at: Timestamp(0),
            content: content(0),
        };
        self.receive(
            CONNECTION_POINT,
            AccessPointFrame::Publish {
                publisher: PUBLISHER,
                generation: Generation(1),
                publications: vec![publication],
            },
        )
    }

    /// Subscribes on a slot that moves, or on one that does not.
    fn subscribe(&mut self, moves: bool) -> Vec<Sent> {
        self.asked += 1;
        let id = |number| SubscriptionId {
            session: SESSION,
            number: SubscriptionNumber(number),
        };
        let number = (0..).find(|number| (id(*number).slot().index() >= SLOTS / 2) == moves);
        let request = SubscriptionRequest {
            operation: OperationNumber(self.asked),
            unanswered_from: OperationNumber(1),
            number: SubscriptionNumber(number.unwrap()),
            filter: Some(FilterText {
                dialect: "sql".to_owned(),
                text: "number = 1".to_owned(),
            }),
        };
        self.receive(
            CONNECTION_POINT,
            AccessPointFrame::Request {
                session: SESSION,
                generation: Generation(1),
                epoch: Epoch(1),
                request,
            },
        )
    }

    fn control(&mut self, control: Control) -> Vec<Sent> {
        self.point.control(Time(1), control, &mut self.effects);
        self.sent()
    }

    fn receive(&mut self, from: Incarnation, frame: AccessPointFrame) -> Vec<Sent> {
        self.point.receive(Time(1), from, frame, &mut self.effects);
        self.sent()
    }

    fn sent(&mut self) -> Vec<Sent> {
        self.point.turn_ended(Time(1), &mut self.effects);
        let mut sent = Vec::new();
        for effect in self.effects.drain() {
            if let Effect::Send {
                to,
                frame: LaneFrame::Matcher(frame),
            } = effect
            {
                match frame {
                    MatcherFrame::Notifications(all) => {
                        sent.extend(all.iter().map(|n| Sent::Notification(to, n.stamp.epoch)));
                    }
                    MatcherFrame::Operation(_) => sent.push(Sent::Subscription(to)),
                    MatcherFrame::Flip { .. } => sent.push(Sent::Flip(to)),
                    MatcherFrame::Open(_)
                    | MatcherFrame::Restart { .. }
                    | MatcherFrame::Differing { .. }
                    | MatcherFrame::Restore { .. }
                    | MatcherFrame::RestoreEnd(_)
                    | MatcherFrame::Standby(_)
                    | MatcherFrame::Close(_)
                    | MatcherFrame::Chunk { .. }
                    | MatcherFrame::ChunkTaken(_)
                    | MatcherFrame::Follow { .. }
                    | MatcherFrame::End(_)
                    | MatcherFrame::NothingMore(_) => {}
                }
            }
        }
        sent
    }
}

const BEFORE: [Sent; 1] = [Sent::Notification(OLD, Epoch(1))];
const AFTER: [Sent; 2] = [
    Sent::Notification(OLD, Epoch(2)),
    Sent::Notification(NEW, Epoch(2)),
];

#[test]
fn subscriptions_are_buffered_while_state_is_exchanged() {
    for strategy in [Strategy::Live, Strategy::Buffered] {
        let mut alone = Alone::new(strategy);
        assert_eq!(alone.subscribe(true), [Sent::Subscription(OLD)]);
        alone.close();
        assert_eq!(alone.subscribe(true), [], "{strategy:?}");
        let committed = alone.commit();
        let flips = committed
            .iter()
            .rposition(|sent| matches!(sent, Sent::Flip(_)));
        let place = committed
            .iter()
            .position(|sent| *sent == Sent::Subscription(NEW));
        assert!(
            flips < place,
            "the new owner gets it, behind every FLIP: {committed:?}"
        );
    }
}

#[test]
fn subscriptions_on_slots_that_stay_never_wait() {
    for strategy in [Strategy::Live, Strategy::Buffered] {
        let mut alone = Alone::new(strategy);
        alone.close();
        assert_eq!(alone.subscribe(false), [Sent::Subscription(OLD)]);
    }
}

#[test]
fn notifications_flow_while_state_is_exchanged() {
    for strategy in [Strategy::Live, Strategy::Buffered] {
        let mut alone = Alone::new(strategy);
        assert_eq!(alone.publish(), BEFORE);
        alone.close();
        assert_eq!(alone.publish(), BEFORE, "to whom owned it before");
    }
}

#[test]
fn notifications_are_buffered_until_the_buffered_subscriptions_are_taken_up() {
    let mut alone = Alone::new(Strategy::Buffered);
    alone.close();
    alone.subscribe(true);
    alone.commit();
    assert_eq!(alone.publish(), []);
    assert_eq!(alone.publish(), []);
    let flowing = alone.taken_up();
    assert_eq!(
        flowing.len(),
        2 * AFTER.len(),
        "both go on, to both matchers"
    );
    assert!(
        flowing.iter().all(|sent| AFTER.contains(sent)),
        "{flowing:?}"
    );
    assert_eq!(alone.publish(), AFTER);
    assert_eq!(alone.point.stats().publications_held, 2);
}

#[test]
fn with_live_no_notification_is_buffered_in_any_phase() {
    let mut alone = Alone::new(Strategy::Live);
    assert_eq!(alone.publish(), BEFORE);
    alone.close();
    alone.subscribe(true);
    assert_eq!(alone.publish(), BEFORE);
    alone.commit();
    assert_eq!(alone.publish(), AFTER);
    assert_eq!(alone.point.stats().publications_held, 0);
}

// What clients see of a broker.

fn content(number: i64) -> Content {
    let attributes = AttributesBuilder::new().with("number", Value::Int(number));
    Content::new(attributes.build().unwrap(), Body::None).unwrap()
}

/// Expects one delivery of this number.
async fn expect(subscriber: &mut Subscriber, number: i64) {
    match within(subscriber.next()).await {
        Some(Event::Delivery(delivery)) => {
            let value = delivery.content.attributes.value("number");
            assert!(
                matches!(value, Some(ValueRef::Int(found)) if found == number),
                "{value:?}"
            );
        }
        other => panic!("{other:?}"),
    }
}

async fn subscribe_many(subscriber: &mut Subscriber, numbers: std::ops::Range<i64>) {
    let asked: Vec<_> = numbers
        .map(|number| subscriber.subscribe(format!("number = {number}")))
        .collect();
    for answer in asked {
        within(answer).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scale_out_from_1_1_1_to_1_3_1_and_back_loses_doubles_and_disconnects_nothing() {
    const FILTERS: i64 = 300;
    for strategy in [Strategy::Buffered, Strategy::Live] {
        let broker = TestBroker::start();
        let client = broker.client();
        let mut subscriber = client.subscriber().open().await.unwrap();
        subscribe_many(&mut subscriber, 0..FILTERS).await;
        let publisher = client.publisher().open().await.unwrap();
        let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
        let flowing = tokio::spawn(async move {
            let mut number = 0;
            while stopped.try_recv().is_err() {
                within(publisher.publish(content(number % FILTERS)))
                    .await
                    .unwrap();
                expect(&mut subscriber, number % FILTERS).await;
                number += 1;
            }
            let published = within(publisher.finish()).await.unwrap();
            (
                number,
                published.reconnects + within(subscriber.finish()).await.reconnects,
            )
        });
        for matchers in [3, 1] {
            let record = broker.scale([(Layer::Matchers, matchers)], strategy).await;
            let moved = i64::try_from(record.subscriptions_moved).unwrap();
            assert!(
                (FILTERS / 2..FILTERS).contains(&moved),
                "two thirds move: {moved}"
            );
        }
        stop.send(()).unwrap();
        let (delivered, reconnects) = flowing.await.unwrap();
        assert!(delivered > 0);
        assert_eq!(reconnects, 0);
    }
}

/// Subscribes as soon as state is being exchanged; whether it was answered while it was.
async fn is_answered_while_state_is_exchanged(strategy: Strategy) -> bool {
    const STORED: i64 = 200;
    let broker = TestBroker::with(|config| config.copy_rate = CopyRate::limited(200));
    let mut subscriber = broker.client().subscriber().open().await.unwrap();
    subscribe_many(&mut subscriber, 0..STORED).await;
    let operation = broker.begin([(Layer::Matchers, 3)], strategy).await;
    let phase = || broker.broker.operation(operation).unwrap().phase;
    let copying = async {
        while phase() != PhaseName::Copy {
            tokio::task::yield_now().await;
        }
    };
    within(copying).await;
    // Of as many as these some are on moving slots.
    let asked: Vec<_> = (STORED..STORED + 20)
        .map(|number| subscriber.subscribe(format!("number = {number}")))
        .collect();
    let mut is_answered = true;
    for answer in asked {
        within(answer).await.unwrap();
        is_answered &= phase() == PhaseName::Copy;
    }
    let record = within(broker.row_done(operation)).await;
    assert_eq!(record.operations_held == 0, is_answered);
    is_answered
}

#[tokio::test(flavor = "multi_thread")]
async fn new_subscriptions_wait_for_the_exchange_of_state() {
    assert!(!is_answered_while_state_is_exchanged(Strategy::Buffered).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_live_new_subscriptions_do_not_wait_for_the_exchange_of_state() {
    assert!(is_answered_while_state_is_exchanged(Strategy::Live).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_scale_independently() {
    let broker = TestBroker::start();
    let of = |layer| -> Vec<Incarnation> {
        let topology = broker.broker.topology().unwrap();
        topology.incarnations(layer).collect()
    };
    for layer in Layer::ALL {
        let others = || {
            Layer::ALL
                .into_iter()
                .filter(|other| *other != layer)
                .map(of)
        };
        let before: Vec<_> = others().collect();
        for count in [3, 1] {
            broker.scale([(layer, count)], Strategy::Buffered).await;
            assert_eq!(of(layer).len(), usize::try_from(count).unwrap());
            assert_eq!(
                others().collect::<Vec<_>>(),
                before,
                "those stay who they are"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_matcher_sees_every_notification_and_holds_a_part_of_the_subscriptions() {
    const STORED: i64 = 600;
    const PUBLISHED: i64 = 50;
    let broker = TestBroker::with(|config| {
        config.counts.insert(Layer::Matchers, 3);
    });
    let client = broker.client();
    let mut subscriber = client.subscriber().open().await.unwrap();
    subscribe_many(&mut subscriber, 0..STORED).await;
    let publisher = client.publisher().open().await.unwrap();
    for number in 0..PUBLISHED {
        within(publisher.publish(content(number))).await.unwrap();
    }
    within(publisher.finish()).await.unwrap();
    let mut parts = Vec::new();
    for measured in broker.broker.measure().await {
        if let Counts::Matcher(stats) = measured.counts {
            assert_eq!(stats.notifications, PUBLISHED.unsigned_abs());
            parts.push(stats.subscriptions);
        }
    }
    assert_eq!(
        parts.iter().sum::<u64>(),
        STORED.unsigned_abs(),
        "each is in one"
    );
    assert!(
        parts.iter().all(|part| (100..300).contains(part)),
        "about a third: {parts:?}"
    );
    assert_eq!(parts.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_are_delivered_all_through_the_exchange_of_state() {
    let broker = TestBroker::with(|config| config.copy_rate = CopyRate::limited(100));
    let client = broker.client();
    let mut subscriber = client.subscriber().open().await.unwrap();
    subscribe_many(&mut subscriber, 0..200).await;
    let publisher = client.publisher().open().await.unwrap();
    let wishes = [(Layer::Matchers, 3)];
    let operation = broker.begin(wishes, Strategy::Buffered).await;
    let is_exchanging = || {
        let record = broker.broker.operation(operation).unwrap();
        record.phase < PhaseName::Commit
    };
    let mut delivered = 0;
    while is_exchanging() {
        within(publisher.publish(content(delivered % 200)))
            .await
            .unwrap();
        expect(&mut subscriber, delivered % 200).await;
        delivered += 1;
    }
    let record = within(broker.row_done(operation)).await;
    let exchange = record.phases.iter().find(|p| p.phase == PhaseName::Copy);
    let exchange = Duration::from_nanos(exchange.unwrap().duration_ns.unwrap());
    assert!(exchange > Duration::from_millis(500), "{exchange:?}");
    assert!(delivered > 10, "{delivered}");
}
