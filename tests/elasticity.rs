//! Every layer grows and shrinks under load: real clients, real QUIC on loopback, a broker in this process.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test may fail where it stands"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gomera_client::{Attachment, Client, Event, Subscriber};
use gomera_coordinator::Wishes;
use gomera_model::control::Strategy;
use gomera_model::silbo::Deliver;
use gomera_model::{AttributesBuilder, Body, Content, Layer, Value, ValueRef};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

mod raw;

use raw::{TestBroker, within};

/// Publications of one publisher that its subscribers have not received yet: no session comes near its limits.
const AHEAD_MAX: usize = 200;
const PUBLISHERS: i64 = 2;
/// Whoever asks for everything, so that the publishers know how far all is.
const EVERYTHING: usize = 0;
/// Filters, and which numbers they mean.
const SUBSCRIBERS: [(&str, i64); 3] = [("number >= 0", 1), ("rest = 0", 3), ("rest = 3", 0)];

fn content(publisher: i64, number: i64) -> Content {
    let attributes = AttributesBuilder::new()
        .with("publisher", Value::Int(publisher))
        .with("number", Value::Int(number))
        .with("rest", Value::Int(number % 3))
        .with("text", "as long as what a small sensor has to say");
    Content::new(attributes.build().unwrap(), Body::None).unwrap()
}

fn integer(delivery: &Deliver, name: &str) -> i64 {
    match delivery.content.attributes.value(name) {
        Some(ValueRef::Int(number)) => number,
        other => panic!("{name}: {other:?}"),
    }
}

/// Publishers and subscribers that check, all the time, that what comes is complete, single and in order.
struct Load {
    stop: Arc<AtomicBool>,
    publishers: Vec<JoinHandle<(i64, u64)>>,
    /// How many of each publisher there were, once that is known.
    ends: watch::Sender<Option<Vec<i64>>>,
    subscribers: Vec<JoinHandle<u64>>,
    prober: JoinHandle<u64>,
    /// Rounds that the prober has done.
    rounds: watch::Receiver<i64>,
}

impl Load {
    async fn start(client: &Client) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (ends, ended) = watch::channel(None);
        let ahead: Arc<Vec<Semaphore>> =
            Arc::new((0..PUBLISHERS).map(|_| Semaphore::new(AHEAD_MAX)).collect());
        let mut subscribers = Vec::new();
        for (index, (filter, step)) in SUBSCRIBERS.into_iter().enumerate() {
            let mut subscriber = client.subscriber().open().await.unwrap();
            within(subscriber.subscribe(filter)).await.unwrap();
            let returns = (index == EVERYTHING).then(|| Arc::clone(&ahead));
            subscribers.push(tokio::spawn(check(
                subscriber,
                step,
                returns,
                ended.clone(),
            )));
        }
        let publishers = (0..PUBLISHERS).map(|name| {
            let (client, stop, ahead) = (client.clone(), Arc::clone(&stop), Arc::clone(&ahead));
            tokio::spawn(async move {
                let publisher = client.publisher().open().await.unwrap();
                let turns = &ahead[usize::try_from(name).unwrap()];
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    within(turns.acquire()).await.unwrap().forget();
                    let publishing = publisher.publish(content(name, number));
                    within(publishing).await.unwrap();
                    number += 1;
                }
                let stats = within(publisher.finish()).await.unwrap();
                assert_eq!(stats.acknowledged, u64::try_from(number).unwrap());
                (number, stats.reconnects)
            })
        });
        let (round, rounds) = watch::channel(0);
        Self {
            publishers: publishers.collect(),
            subscribers,
            ends,
            prober: tokio::spawn(probe(client.clone(), Arc::clone(&stop), round)),
            rounds,
            stop,
        }
    }

    /// Waits until it has been under way for a while: so many rounds of the prober.
    async fn flow(&mut self, rounds: i64) {
        let until = *self.rounds.borrow_and_update() + rounds;
        within(self.rounds.wait_for(|round| *round >= until))
            .await
            .unwrap();
    }

    /// Ends it when all has arrived that was published; how often clients connected again.
    async fn finish(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        let (mut counts, mut reconnects) = (Vec::new(), 0);
        for publisher in self.publishers {
            let (count, again) = publisher.await.unwrap();
            assert!(count > 100, "{count} publications are no load");
            counts.push(count);
            reconnects += again;
        }
        self.ends.send(Some(counts)).unwrap();
        for subscriber in self.subscribers {
            reconnects += within(subscriber).await.unwrap();
        }
        reconnects + self.prober.await.unwrap()
    }
}

/// Every `step`th number of each publisher comes, once and in order, to the last; none if the step is 0.
async fn check(
    mut subscriber: Subscriber,
    step: i64,
    returns: Option<Arc<Vec<Semaphore>>>,
    mut ends: watch::Receiver<Option<Vec<i64>>>,
) -> u64 {
    let mut next = vec![0; usize::try_from(PUBLISHERS).unwrap()];
    let is_complete = |next: &[i64], ends: &Option<Vec<i64>>| {
        let behind = |ends: &Vec<i64>| next.iter().zip(ends).any(|(next, end)| next < end);
        ends.as_ref().is_some_and(|ends| step == 0 || !behind(ends))
    };
    let mut is_told = false;
    loop {
        if is_complete(&next, &ends.borrow_and_update()) {
            break;
        }
        tokio::select! {
            event = subscriber.next() => match event {
                Some(Event::Delivery(delivery)) => {
                    assert!(step > 0, "nothing was asked for: {delivery:?}");
                    let publisher = usize::try_from(integer(&delivery, "publisher")).unwrap();
                    assert_eq!(integer(&delivery, "number"), next[publisher], "of {publisher}");
                    assert_eq!(delivery.hits.len(), 1);
                    next[publisher] += step;
                    if let Some(returns) = &returns {
                        returns[publisher].add_permits(1);
                    }
                }
                Some(Event::Disconnected | Event::Resumed(Attachment::Continued)) => {}
                other => panic!("{other:?}"),
            },
            changed = ends.changed(), if !is_told => {
                changed.unwrap();
                is_told = true;
            }
        }
    }
    within(subscriber.finish()).await.reconnects
}

/// Subscribes and unsubscribes all the time: what is published after a subscription was acknowledged comes, once; what
/// is published after it was given up does not.
async fn probe(client: Client, stop: Arc<AtomicBool>, done: watch::Sender<i64>) -> u64 {
    let mut subscriber = client.subscriber().open().await.unwrap();
    let publisher = client.publisher().open().await.unwrap();
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        let filter = format!("probe = {round}");
        let subscribing = subscriber.subscribe(filter);
        let number = subscribing.number();
        within(subscribing).await.unwrap();
        for _ in 0..2 {
            let probe = AttributesBuilder::new().with("probe", Value::Int(round));
            let content = Content::new(probe.build().unwrap(), Body::None).unwrap();
            within(publisher.publish(content)).await.unwrap();
        }
        for _ in 0..2 {
            let delivery = next_delivery(&mut subscriber).await;
            assert_eq!(integer(&delivery, "probe"), round);
        }
        within(subscriber.unsubscribe(number)).await.unwrap();
        let probe = AttributesBuilder::new().with("probe", Value::Int(round));
        let content = Content::new(probe.build().unwrap(), Body::None).unwrap();
        within(publisher.publish(content)).await.unwrap();
        round += 1;
        done.send_replace(round);
    }
    let published = within(publisher.finish()).await.unwrap();
    published.reconnects + within(subscriber.finish()).await.reconnects
}

async fn next_delivery(subscriber: &mut Subscriber) -> Deliver {
    loop {
        match within(subscriber.next()).await {
            Some(Event::Delivery(delivery)) => return delivery,
            Some(Event::Disconnected | Event::Resumed(Attachment::Continued)) => {}
            other => panic!("{other:?}"),
        }
    }
}

const ALL_OUT: [(Layer, u32); 4] = [
    (Layer::ExitPoints, 2),
    (Layer::Matchers, 3),
    (Layer::AccessPoints, 2),
    (Layer::ConnectionPoints, 2),
];
const ALL_IN: [(Layer, u32); 4] = [
    (Layer::ExitPoints, 1),
    (Layer::Matchers, 1),
    (Layer::AccessPoints, 1),
    (Layer::ConnectionPoints, 1),
];

/// So many instances are there.
fn assert_counts(broker: &TestBroker, expected: [(Layer, u32); 4]) {
    let topology = broker.broker.topology().unwrap();
    for (layer, count) in expected {
        let there = topology.layer(layer).count();
        assert_eq!(there, usize::try_from(count).unwrap(), "{layer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_layer_in_a_row_out_and_in_and_no_client_notices() {
    let broker = TestBroker::start();
    let client = broker.client();
    let mut load = Load::start(&client).await;
    load.flow(3).await;
    for strategy in [Strategy::Live, Strategy::Live, Strategy::Buffered] {
        broker.scale(ALL_OUT, strategy).await;
        assert_counts(&broker, ALL_OUT);
        load.flow(3).await;
        broker.scale(ALL_IN, strategy).await;
        assert_counts(&broker, ALL_IN);
    }
    assert_eq!(
        load.finish().await,
        0,
        "all are at the connection point that stays"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_layer_alone_out_and_in_several_times() {
    let broker = TestBroker::start();
    let client = broker.client();
    let mut load = Load::start(&client).await;
    load.flow(3).await;
    for (layer, count) in [
        (Layer::AccessPoints, 3),
        (Layer::ExitPoints, 3),
        (Layer::Matchers, 4),
        (Layer::ConnectionPoints, 3),
    ] {
        for count in [count, 2, count, 1] {
            broker.scale([(layer, count)], Strategy::Live).await;
            load.flow(2).await;
        }
    }
    assert_eq!(load.finish().await, 0);
    let dropped = broker.broker.frames_dropped();
    assert_eq!(dropped, 0, "frames went to instances that were gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_a_connection_point_that_leaves_move_and_lose_nothing() {
    let broker = TestBroker::with(|config| {
        config.counts.extend([
            (Layer::ConnectionPoints, 2),
            (Layer::AccessPoints, 2),
            (Layer::ExitPoints, 2),
        ]);
    });
    let client = broker.client();
    let mut load = Load::start(&client).await;
    load.flow(3).await;
    for connection_points in [1, 3, 1] {
        let wishes = [(Layer::ConnectionPoints, connection_points)];
        broker.scale(wishes, Strategy::Live).await;
        load.flow(2).await;
    }
    let closed = broker.broker.measure().await;
    let left = closed
        .iter()
        .map(|one| one.clients.closed.len())
        .sum::<usize>();
    assert_eq!(left, 0, "nobody was closed from the broker's side");
    assert!(load.finish().await > 0, "half of the clients had to move");
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_move_slots_under_load() {
    let broker = TestBroker::with(|config| {
        config
            .counts
            .extend([(Layer::Matchers, 2), (Layer::ExitPoints, 2)]);
    });
    let client = broker.client();
    let mut load = Load::start(&client).await;
    load.flow(3).await;
    for weights in [[3, 1], [1, 3], [1, 1]] {
        for layer in [Layer::Matchers, Layer::ExitPoints] {
            let wishes = Wishes {
                layers: [(layer, 2)].into(),
                weights: [(layer, weights.to_vec())].into(),
            };
            broker.scale(wishes, Strategy::Live).await;
            load.flow(2).await;
        }
    }
    assert_eq!(load.finish().await, 0);
}
