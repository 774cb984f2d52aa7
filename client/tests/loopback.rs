//! The library over real QUIC, against a broker that fits into a test.

#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod support;
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the documentation shows it as a program of its own"
)]
#[path = "../examples/ten_lines.rs"]
mod ten_lines;

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use gomera_client::limits::{EVENTS_MAX, READ_CHUNKS};
use gomera_client::{
    Attachment, Client, Event, OpenError, PublishError, Publisher, PublisherEvent, SubscribeError,
    Subscriber,
};
use gomera_model::silbo::{RefusalCode, ServerFrame};
use gomera_model::{
    AttributesBuilder, Body, Content, Incarnation, PublisherSeq, SubscriptionNumber,
};

use support::{BAD_FILTER, Broker};

/// Far beyond what any of these tests takes; it only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(60);

fn content(number: i64) -> Content {
    let attributes = AttributesBuilder::new().with("number", number).build();
    Content::new(attributes.unwrap(), Body::None).unwrap()
}

async fn publish(publisher: &Publisher, count: i64) {
    for number in 0..count {
        publisher.publish(content(number)).await.unwrap();
    }
}

async fn next(subscriber: &mut Subscriber) -> Option<Event> {
    timeout(PATIENCE, subscriber.next()).await.unwrap()
}

/// Takes events until so many deliveries of the only publisher have come: each once, in order. What else came.
async fn take(subscriber: &mut Subscriber, last: u64) -> Vec<Event> {
    let mut others = Vec::new();
    let mut expected = 1;
    while expected <= last {
        let event = next(subscriber).await.unwrap();
        if let Event::Delivery(delivery) = event {
            assert_eq!(delivery.publisher_seq, PublisherSeq(expected));
            expected += 1;
        } else {
            others.push(event);
        }
    }
    others
}

#[tokio::test]
async fn the_ten_lines_of_the_documentation_run() {
    let broker = Broker::start();
    let client = broker.client();
    let subscribed = Notify::new();
    let publishing = async {
        subscribed.notified().await;
        ten_lines::publish(&client).await
    };
    let subscribing = ten_lines::subscribe(&client, || subscribed.notify_one());
    let (acknowledged, content) = tokio::try_join!(publishing, subscribing).unwrap();
    assert_eq!(acknowledged, 1);
    assert!(content.attributes.value("speed").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_arrives_once_in_order_and_is_acknowledged() {
    const COUNT: i64 = 20_000;
    let broker = Broker::start();
    let client = broker.client();
    let mut subscriber = client.subscriber().open().await.unwrap();
    subscriber.subscribe("number >= 0").await.unwrap();
    let (publisher, mut events) = client.publisher().open_with_events().await.unwrap();
    let acknowledging = tokio::spawn(async move {
        let mut last = 0;
        while let Some(event) = events.next().await {
            if let PublisherEvent::Acknowledged { seq, matched } = event {
                last += 1;
                assert_eq!((seq.0, matched), (last, Some(1)));
            }
        }
        last
    });
    let publishing = tokio::spawn(async move {
        publish(&publisher, COUNT).await;
        publisher.finish().await.unwrap()
    });
    let others = take(&mut subscriber, COUNT as u64).await;
    assert_eq!(others, []);
    assert_eq!(publishing.await.unwrap().acknowledged, COUNT as u64);
    assert_eq!(acknowledging.await.unwrap(), COUNT as u64);
    let stats = subscriber.finish().await;
    assert_eq!((stats.deliveries, stats.reconnects), (COUNT as u64, 0));
    assert_eq!(broker.sessions(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_connections_lose_and_double_nothing() {
    const COUNT: i64 = 5_000;
    let broker = Broker::start();
    let client = broker.client();
    let mut subscriber = client.subscriber().open().await.unwrap();
    subscriber.subscribe("true").await.unwrap();
    let publisher = client.publisher().open().await.unwrap();
    let publishing = tokio::spawn(async move {
        for number in 0..COUNT {
            publisher.publish(content(number)).await.unwrap();
            if number % 1_000 == 500 {
                broker.cut();
            }
            if number % 1_000 == 900 {
                publisher.reconnect();
            }
        }
        (publisher.finish().await.unwrap(), broker)
    });
    let others = take(&mut subscriber, COUNT as u64).await;
    assert!(others.contains(&Event::Disconnected));
    assert!(others.contains(&Event::Resumed(Attachment::Continued)));
    assert!(!others.contains(&Event::Resumed(Attachment::Fresh)));
    let (stats, _broker) = publishing.await.unwrap();
    assert_eq!(stats.acknowledged, COUNT as u64);
    assert!(stats.reconnects > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_asked_to_go_moves_without_a_break() {
    const COUNT: i64 = 3_000;
    let broker = Broker::start();
    let client = broker.client();
    let mut subscriber = client.subscriber().open().await.unwrap();
    subscriber.subscribe("true").await.unwrap();
    let publisher = client.publisher().open().await.unwrap();
    let publishing = tokio::spawn(async move {
        publish(&publisher, COUNT / 2).await;
        broker.go_away();
        publish(&publisher, COUNT / 2).await;
        publisher.flush().await.unwrap();
        (publisher, broker)
    });
    let others = take(&mut subscriber, COUNT as u64).await;
    assert!(!others.contains(&Event::Disconnected), "{others:?}");
    let (publisher, broker) = publishing.await.unwrap();
    while subscriber.stats().reconnects + publisher.stats().reconnects < 2 {
        tokio::task::yield_now().await;
    }
    while broker.connections() > 2 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_lost_session_is_made_again_and_told() {
    let broker = Broker::start();
    let client = broker.client();
    let mut subscriber = client.subscriber().open().await.unwrap();
    let number = subscriber.subscribe("true").await.unwrap();
    let before = subscriber.session();
    broker.forget_sessions();
    let mut events = Vec::new();
    while events.last() != Some(&Event::Resubscribed) {
        events.push(next(&mut subscriber).await.unwrap());
    }
    let expected = [
        Event::Disconnected,
        Event::Resumed(Attachment::Fresh),
        Event::Resubscribed,
    ];
    assert_eq!(events, expected);
    assert_ne!(subscriber.session(), before);
    let publisher = client.publisher().open().await.unwrap();
    publish(&publisher, 1).await;
    let Some(Event::Delivery(delivery)) = next(&mut subscriber).await else {
        panic!("a delivery");
    };
    assert_eq!(delivery.hits[0].number, number);
}

#[tokio::test]
async fn subscriptions_are_refused_replaced_and_ended() {
    let broker = Broker::start();
    let client = broker.client();
    let mut subscriber = client.subscriber().open().await.unwrap();
    let refused = subscriber.subscribe(BAD_FILTER).await;
    assert!(matches!(refused, Err(SubscribeError::Refused(refusal))
        if refusal.code == RefusalCode::InvalidFilter));
    let high = SubscriptionNumber(u32::MAX);
    let refused = subscriber.replace(high, "true").await;
    assert!(matches!(refused, Err(SubscribeError::Request(_))));
    let pending: Vec<_> = (0..1000).map(|_| subscriber.subscribe("true")).collect();
    let first = pending[0].number();
    for pending in pending {
        pending.await.unwrap();
    }
    assert_eq!(subscriber.replace(first, "false").await, Ok(first));
    let publisher = client.publisher().open().await.unwrap();
    publish(&publisher, 2).await;
    publisher.flush().await.unwrap();
    assert!(
        matches!(next(&mut subscriber).await, Some(Event::Delivery(d)) if d.hits.len() == 1000)
    );
    let ending = subscriber.unsubscribe(first);
    assert!(matches!(next(&mut subscriber).await, Some(Event::Delivery(d)) if d.hits.len() == 999));
    ending.await.unwrap();
}

#[tokio::test]
async fn an_end_by_the_broker_is_told_to_everyone_who_waits() {
    let broker = Broker::start();
    let client = broker.client();
    let mut subscriber = client.subscriber().open().await.unwrap();
    let publisher = client.publisher().window(1, 1).open().await.unwrap();
    broker.refuse(RefusalCode::NotAuthorized);
    let Some(Event::Ended(refusal)) = next(&mut subscriber).await else {
        panic!("the end");
    };
    assert_eq!(refusal.code, RefusalCode::NotAuthorized);
    assert_eq!(refusal.reason, "because");
    assert_eq!(next(&mut subscriber).await, None);
    let late = subscriber.subscribe("true").await;
    assert!(matches!(late, Err(SubscribeError::Ended(_))));
    let waiting = async {
        while publisher.publish(content(1)).await.is_ok() {}
        publisher.publish(content(1)).await.unwrap_err()
    };
    let error = timeout(PATIENCE, waiting).await.unwrap();
    assert!(matches!(error, PublishError::Ended(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_taken_stays_with_the_broker() {
    const COUNT: u64 = 3 * EVENTS_MAX as u64;
    let broker = Broker::start();
    let client = broker.client();
    let mut subscriber = client.subscriber().open().await.unwrap();
    subscriber.subscribe("true").await.unwrap();
    let publisher = client.publisher().open().await.unwrap();
    for number in 0..COUNT {
        publisher
            .publish(content(number.cast_signed()))
            .await
            .unwrap();
    }
    publisher.finish().await.unwrap();
    while subscriber.stats().deliveries < EVENTS_MAX as u64 {
        tokio::task::yield_now().await;
    }
    // Time enough for it to read on, if it did.
    let mut other = client.subscriber().open().await.unwrap();
    for _ in 0..2_000 {
        other.subscribe("true").await.unwrap();
    }
    let read = subscriber.stats().deliveries;
    let batch = (READ_CHUNKS * 1_500 / 30) as u64;
    assert!(read < EVENTS_MAX as u64 + batch, "{read} were read");
    let others = take(&mut subscriber, COUNT).await;
    assert_eq!(others, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_comes_through_however_much_waits_before_it() {
    const COUNT: u64 = 2 * EVENTS_MAX as u64;
    let broker = Broker::start();
    let client = broker.client();
    let mut subscriber = client.subscriber().open().await.unwrap();
    subscriber.subscribe("true").await.unwrap();
    let publisher = client.publisher().open().await.unwrap();
    for number in 0..COUNT {
        publisher
            .publish(content(number.cast_signed()))
            .await
            .unwrap();
    }
    publisher.finish().await.unwrap();
    let answer = timeout(PATIENCE, subscriber.subscribe("true")).await;
    assert!(answer.unwrap().is_ok());
    assert_eq!(take(&mut subscriber, COUNT).await, []);
}

#[tokio::test]
async fn a_broker_that_breaks_the_protocol_is_left() {
    let broker = Broker::start();
    let client = broker.client();
    let mut subscriber = client.subscriber().open().await.unwrap();
    let last = PublisherSeq(0);
    let access_point = Incarnation(1);
    broker.say(&ServerFrame::PublisherOpened { last, access_point });
    let Some(Event::Ended(refusal)) = next(&mut subscriber).await else {
        panic!("the end");
    };
    assert_eq!(refusal.code, RefusalCode::Malformed);
}

#[tokio::test]
async fn servers_are_tried_in_turn_and_believed_if_signed() {
    let (broker, stranger) = (Broker::start(), Broker::start());
    let urls = format!("{},{}", stranger.url(), broker.url());
    let builder = Client::builder().server(&urls).unwrap();
    let client = builder.ca_pem(broker.authority.as_bytes()).build().unwrap();
    let publisher = client.publisher().open().await.unwrap();
    publisher.publish(content(1)).await.unwrap();
    publisher.finish().await.unwrap();
    client.close().await;
    let builder = Client::builder().server(&stranger.url()).unwrap();
    let client = builder.ca_pem(broker.authority.as_bytes()).build().unwrap();
    let refused = client.subscriber().open().await.unwrap_err();
    assert!(
        matches!(&refused, OpenError::Unreachable { server, .. }
        if *server == client.servers()[0]),
        "{refused}"
    );
}

#[tokio::test]
async fn dropping_closes_the_connection_and_ends_the_session() {
    let broker = Broker::start();
    let client = broker.client();
    let subscriber = client.subscriber().open().await.unwrap();
    let publisher = client.publisher().open().await.unwrap();
    assert_eq!(broker.sessions(), 1);
    drop((subscriber, publisher));
    let gone = async {
        while broker.sessions() + broker.connections() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, gone).await.unwrap();
}
