//! Real clients, real QUIC on loopback, a broker in this process.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test may fail where it stands"
)]

use std::collections::BTreeMap;

use gomera::broker::{Broker, Config};
use gomera_client::{Attachment, Event, Publisher, SubscribeError, Subscriber};
use gomera_model::control::Strategy;
use gomera_model::silbo::RefusalCode;
use gomera_model::{AttributesBuilder, Body, Content, Layer, Value, ValueRef};

mod raw;

use raw::{TestBroker, within};

/// What publisher `publisher` says as number `number`.
fn content(publisher: i64, number: i64) -> Content {
    let attributes = AttributesBuilder::new()
        .with("publisher", Value::Int(publisher))
        .with("number", Value::Int(number))
        .with(
            "text",
            "a reading of about the length that readings have, with some words in it",
        );
    Content::new(attributes.build().unwrap(), Body::None).unwrap()
}

async fn publish(publisher: &Publisher, name: i64, numbers: std::ops::Range<i64>) {
    for number in numbers {
        within(publisher.publish(content(name, number)))
            .await
            .unwrap();
    }
}

/// The next delivered number, whatever else happens.
async fn next_number(subscriber: &mut Subscriber) -> (i64, i64) {
    loop {
        match within(subscriber.next()).await {
            Some(Event::Delivery(delivery)) => {
                let value = |name| match delivery.content.attributes.value(name) {
                    Some(ValueRef::Int(number)) => number,
                    other => panic!("{name}: {other:?}"),
                };
                return (value("publisher"), value("number"));
            }
            Some(Event::Disconnected | Event::Resumed(Attachment::Continued)) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Expects exactly these numbers of each publisher, in order.
async fn expect_numbers(subscriber: &mut Subscriber, publishers: i64, numbers: Vec<i64>) {
    let mut left: BTreeMap<i64, _> = (0..publishers)
        .map(|name| (name, numbers.clone().into_iter()))
        .collect();
    for _ in 0..numbers.len() * left.len() {
        let (publisher, number) = next_number(subscriber).await;
        assert_eq!(
            left.get_mut(&publisher).unwrap().next(),
            Some(number),
            "of {publisher}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_while_matchers_come_and_go() {
    const COUNT: i64 = 3000;
    let broker = TestBroker::start();
    let client = broker.client();
    let mut even = client.subscriber().open().await.unwrap();
    let evens: Vec<i64> = (0..COUNT).filter(|number| number % 3 == 0).collect();
    let list: Vec<String> = evens.iter().map(i64::to_string).collect();
    for part in list.chunks(100) {
        let filter = format!("number IN ({})", part.join(", "));
        within(even.subscribe(filter)).await.unwrap();
    }
    let mut all = client.subscriber().open().await.unwrap();
    within(all.subscribe("number >= 0")).await.unwrap();
    let publishing = (0..2).map(|name| {
        let client = client.clone();
        tokio::spawn(async move {
            let publisher = client.publisher().open().await.unwrap();
            publish(&publisher, name, 0..COUNT).await;
            publisher.finish().await.unwrap().acknowledged
        })
    });
    let publishing: Vec<_> = publishing.collect();
    let scaling = async {
        for (matchers, strategy) in [
            (3, Strategy::Live),
            (1, Strategy::Live),
            (2, Strategy::Buffered),
        ] {
            broker.scale([(Layer::Matchers, matchers)], strategy).await;
        }
    };
    tokio::join!(
        expect_numbers(&mut even, 2, evens),
        expect_numbers(&mut all, 2, (0..COUNT).collect()),
        scaling,
    );
    for published in publishing {
        assert_eq!(published.await.unwrap(), u64::try_from(COUNT).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_connections_lose_and_double_nothing() {
    const ROUNDS: i64 = 10;
    const EACH: i64 = 200;
    let broker = TestBroker::start();
    let client = broker.client();
    let mut subscriber = client.subscriber().open().await.unwrap();
    within(subscriber.subscribe("number >= 0")).await.unwrap();
    let publisher = client.publisher().open().await.unwrap();
    for round in 0..ROUNDS {
        let numbers = round * EACH..(round + 1) * EACH;
        publish(&publisher, 0, numbers.start..numbers.start + EACH / 2).await;
        // Both are in mid-stream.
        subscriber.reconnect();
        publisher.reconnect();
        publish(&publisher, 0, numbers.start + EACH / 2..numbers.end).await;
        expect_numbers(&mut subscriber, 1, numbers.collect()).await;
    }
    within(publisher.finish()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_is_told_and_everything_is_subscribed_again() {
    let before = TestBroker::start();
    let client = before.client();
    let mut subscriber = client.subscriber().open().await.unwrap();
    within(subscriber.subscribe("number >= 0")).await.unwrap();

    let address = before.broker.listening();
    let mut config = Config::local(before.directory.path());
    config.listen = address;
    before.broker.clone().shutdown().await;
    let after = Broker::start(&config).unwrap();
    loop {
        match within(subscriber.next()).await.unwrap() {
            Event::Disconnected => {}
            Event::Resumed(attachment) => assert_eq!(attachment, Attachment::Fresh),
            Event::Resubscribed => break,
            other => panic!("{other:?}"),
        }
    }
    let publisher = client.publisher().open().await.unwrap();
    publish(&publisher, 0, 0..1).await;
    assert_eq!(next_number(&mut subscriber).await, (0, 0));
    drop(after);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_nothing_costs_nobody_anything() {
    const COUNT: i64 = 60_000;
    let broker = TestBroker::start();
    let client = broker.client();
    let silent = broker.connect().await;
    let mut session = silent.session().await;
    session.subscribe(1, "number >= 0").await;
    let mut subscriber = client.subscriber().open().await.unwrap();
    within(subscriber.subscribe("number >= 0")).await.unwrap();
    let publishing = client.publisher().open().await.unwrap();
    let publishing = tokio::spawn(async move {
        publish(&publishing, 0, 0..COUNT).await;
        publishing.finish().await.unwrap()
    });
    expect_numbers(&mut subscriber, 1, (0..COUNT).collect()).await;
    within(publishing).await.unwrap();

    let load = overload(&broker).await;
    assert!(load.deliveries_lost > 0, "{load:?}");
    assert_eq!(load.sessions_behind, 1, "{load:?}");
    assert_eq!(load.connections_too_slow, 0, "{load:?}");
    let queued: u64 = load.queued_bytes;
    assert!(queued < 8 << 20, "{queued} bytes wait for one session");
}

/// What happened at limits, summed over instances.
#[derive(Debug, Default)]
struct Overload {
    deliveries_lost: u64,
    sessions_behind: u64,
    connections_too_slow: u64,
    queued_bytes: u64,
}

async fn overload(broker: &TestBroker) -> Overload {
    let mut sum = Overload::default();
    for measured in broker.broker.measure().await {
        let too_slow = measured.clients.closed.get(&RefusalCode::TooSlow);
        sum.connections_too_slow += too_slow.copied().unwrap_or(0);
        if let gomera::broker::Counts::ExitPoint(stats) = measured.counts {
            sum.deliveries_lost += stats.deliveries_lost;
            sum.sessions_behind += stats.sessions_behind;
            sum.queued_bytes += stats.queued_bytes;
        }
    }
    sum
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_filter_is_an_answer() {
    let broker = TestBroker::start();
    let client = broker.client();
    let mut subscriber = client.subscriber().open().await.unwrap();
    for (dialect, text, expected) in [
        ("sql", "number >", RefusalCode::InvalidFilter),
        ("prose", "numbers", RefusalCode::UnknownDialect),
    ] {
        let filter = gomera_client::Filter::in_dialect(dialect, text);
        match within(subscriber.subscribe(filter)).await {
            Err(SubscribeError::Refused(refusal)) => assert_eq!(refusal.code, expected),
            other => panic!("{other:?}"),
        }
    }
    within(subscriber.subscribe("number > 0")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clients_come_and_go() {
    let broker = TestBroker::start();
    for _ in 0..5 {
        let client = broker.client();
        let opening = (0..10).map(|_| client.subscriber().open());
        let mut subscribers = Vec::new();
        for subscriber in opening {
            subscribers.push(within(subscriber).await.unwrap());
        }
        for subscriber in subscribers {
            within(subscriber.finish()).await;
        }
        client.close().await;
    }
    let gone = async {
        loop {
            let measured = broker.broker.measure().await;
            let open: u64 = measured.iter().map(|one| one.clients.connections).sum();
            let sessions: u64 = measured.iter().map(sessions).sum();
            if open + sessions == 0 {
                break;
            }
        }
    };
    within(gone).await;
}

fn sessions(measured: &gomera::broker::Measured) -> u64 {
    match &measured.counts {
        gomera::broker::Counts::ExitPoint(stats) => stats.sessions,
        _ => 0,
    }
}
