//! What the broker does with what comes over the wire, good and bad.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test may fail where it stands"
)]

use std::time::Duration;

use gomera_model::PublisherSeq;
use gomera_model::silbo::codec::Frame;
use gomera_model::silbo::{ClientFrame, RefusalCode, ServerFrame};

mod raw;

use raw::{RawStream, TestBroker, open_publisher, publication};

#[tokio::test]
async fn what_matches_arrives_and_is_acknowledged() {
    let broker = TestBroker::start();
    let client = broker.connect().await;
    let mut subscriber = client.session().await;
    subscriber.subscribe(1, "number > 1").await;
    subscriber.subscribe(2, "number = 3").await;
    let mut publisher = client.publisher(7).await;
    for seq in 1..=3 {
        publisher.send(&publication(seq)).await;
    }
    check_delivery(&mut subscriber, 2, &[1]).await;
    check_delivery(&mut subscriber, 3, &[1, 2]).await;
    let mut counts = Vec::new();
    while counts.len() < 3 {
        match publisher.next().await {
            ServerFrame::Published { matched, .. } => counts.extend(matched),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(counts, [0, 1, 2]);
}

async fn check_delivery(subscriber: &mut RawStream, seq: u64, subscriptions: &[u32]) {
    match subscriber.next().await {
        ServerFrame::Deliver(delivery) => {
            assert_eq!(delivery.publisher_seq, PublisherSeq(seq));
            let numbers: Vec<u32> = delivery.hits.iter().map(|hit| hit.number.0).collect();
            assert_eq!(numbers, subscriptions);
        }
        other => panic!("{other:?}"),
    }
}

/// What a client sends at the beginning of its stream, and what it is told.
async fn check_refused(bytes: &[u8], expected: RefusalCode) {
    let broker = TestBroker::with(|config| config.frame_within = Duration::from_millis(200));
    let witness = broker.connect().await;
    let mut subscriber = witness.session().await;
    subscriber.subscribe(1, "number > 0").await;

    let client = broker.connect().await;
    let mut stream = client.open().await;
    stream.send_bytes(bytes).await;
    loop {
        match stream.next().await {
            ServerFrame::Refused(refusal) => {
                assert_eq!(refusal.code, expected, "{}", refusal.reason);
                break;
            }
            // Answers to what was right before it.
            ServerFrame::Connected { .. }
            | ServerFrame::PublisherOpened { .. }
            | ServerFrame::Published { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(client.closed().await.code, expected);

    let mut publisher = witness.publisher(7).await;
    publisher.send(&publication(1)).await;
    check_delivery(&mut subscriber, 1, &[1]).await;
    let measured = broker.broker.measure().await;
    let counted: u64 = measured
        .iter()
        .filter_map(|one| one.clients.closed.get(&expected))
        .sum();
    assert_eq!(counted, 1);
}

fn encoded(frames: &[ClientFrame]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for frame in frames {
        frame.encode(&mut bytes);
    }
    bytes
}

#[tokio::test]
async fn a_malformed_frame_costs_its_connection() {
    // A Ping whose number is cut short.
    let bytes = [encoded(&[raw::connect()]), vec![2, 0, 0, 0, 4, 0x80]].concat();
    check_refused(&bytes, RefusalCode::Malformed).await;
}

#[tokio::test]
async fn an_unknown_frame_costs_its_connection() {
    check_refused(&[1, 0, 0, 0, 0x7f], RefusalCode::UnknownFrame).await;
}

#[tokio::test]
async fn a_frame_beyond_the_limit_costs_its_connection() {
    check_refused(&[0xff, 0xff, 0xff, 0x7f, 1], RefusalCode::FrameTooLarge).await;
}

#[tokio::test]
async fn half_a_frame_that_stalls_costs_its_connection() {
    let bytes = [encoded(&[raw::connect()]), vec![2, 0, 0]].concat();
    check_refused(&bytes, RefusalCode::Stalled).await;
}

#[tokio::test]
async fn a_frame_on_the_wrong_stream_costs_its_connection() {
    let bytes = encoded(&[open_publisher(9), ClientFrame::Ping(1)]);
    check_refused(&bytes, RefusalCode::Malformed).await;
}

#[tokio::test]
async fn a_stream_that_begins_wrongly_costs_its_connection() {
    check_refused(&encoded(&[ClientFrame::Ping(1)]), RefusalCode::Malformed).await;
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let broker = TestBroker::with(|config| config.frame_within = Duration::from_millis(200));
    let client = broker.connect().await;
    assert_eq!(client.closed().await.code, RefusalCode::Stalled);
}

#[tokio::test]
async fn content_that_cannot_be_is_refused_by_its_number() {
    let broker = TestBroker::start();
    let client = broker.connect().await;
    let mut publisher = client.publisher(7).await;
    // Attributes that are no attributes, then a publication as it should be.
    let mut bytes = encoded(&[publication(1)]);
    let value = bytes.len() - 2;
    bytes[value] = 0xff;
    publisher.send_bytes(&bytes).await;
    publisher.send(&publication(2)).await;
    loop {
        match publisher.next().await {
            ServerFrame::PublicationRefused { seq, refusal } => {
                assert_eq!(seq, PublisherSeq(1));
                assert_eq!(
                    refusal.code,
                    RefusalCode::InvalidContent,
                    "{}",
                    refusal.reason
                );
            }
            ServerFrame::Published {
                last: PublisherSeq(2),
                ..
            } => break,
            ServerFrame::Published { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_second_control_stream_costs_the_connection() {
    let broker = TestBroker::start();
    let client = broker.connect().await;
    let _first = client.session().await;
    let mut second = client.open().await;
    second.send(&raw::connect()).await;
    assert_eq!(client.closed().await.code, RefusalCode::Malformed);
}

#[tokio::test]
async fn who_stops_lets_its_clients_know() {
    let broker = TestBroker::start();
    let client = broker.connect().await;
    let mut session = client.session().await;
    let stopping = tokio::spawn(broker.broker.clone().shutdown());
    assert_eq!(session.next().await, ServerFrame::Goaway);
    client.connection.close(0_u32.into(), b"");
    raw::within(stopping).await.unwrap();
}
