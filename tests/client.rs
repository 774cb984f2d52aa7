//! The client library against a broker, over real QUIC.

#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use gomera::broker::{Broker, Config};
use gomera_client::{Attachment, Client, Event};
use gomera_model::{AttributesBuilder, Body, Content, PublisherSeq};

mod raw;
#[allow(
    dead_code,
    unreachable_pub,
    reason = "other tests use more of it, or the documentation shows it as a program of its own"
)]
#[path = "../client/examples/ten_lines.rs"]
mod ten_lines;

use raw::Directory;

/// Far beyond what any of these tests takes; it only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(60);

fn client(broker: &Broker, directory: &Directory) -> Client {
    let url = format!("silbo://{}", broker.listening());
    let builder = Client::builder().server(&url).unwrap();
    let authority = directory.path().join("ca.pem");
    builder.ca_file(authority).unwrap().build().unwrap()
}

#[tokio::test]
async fn the_ten_lines_of_the_documentation_run() {
    let directory = Directory::new();
    let broker = Broker::start(&Config::local(directory.path())).unwrap();
    let client = client(&broker, &directory);
    let subscribed = Notify::new();
    let publishing = async {
        subscribed.notified().await;
        ten_lines::publish(&client).await
    };
    let subscribing = ten_lines::subscribe(&client, || subscribed.notify_one());
    let both = async { tokio::try_join!(publishing, subscribing).unwrap() };
    let (acknowledged, content) = timeout(PATIENCE, both).await.unwrap();
    assert_eq!(acknowledged, 1);
    assert!(content.attributes.value("ship").is_some());
    broker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_killed_in_mid_stream_lose_and_double_nothing() {
    const COUNT: u64 = 5_000;
    let directory = Directory::new();
    let broker = Broker::start(&Config::local(directory.path())).unwrap();
    let client = client(&broker, &directory);
    let mut subscriber = client.subscriber().open().await.unwrap();
    subscriber.subscribe("number >= 0").await.unwrap();
    let publisher = client.publisher().open().await.unwrap();
    let publishing = tokio::spawn(async move {
        for number in 0..COUNT {
            let number = number.cast_signed();
            let attributes = AttributesBuilder::new().with("number", number).build();
            let content = Content::new(attributes.unwrap(), Body::None).unwrap();
            publisher.publish(content).await.unwrap();
            if number % 1_000 == 900 {
                publisher.reconnect();
            }
        }
        publisher.finish().await.unwrap()
    });
    let mut expected = 1;
    let mut resumed = 0;
    while expected <= COUNT {
        let event = timeout(PATIENCE, subscriber.next()).await.unwrap().unwrap();
        if let Event::Delivery(delivery) = event {
            assert_eq!(delivery.publisher_seq, PublisherSeq(expected));
            if expected % 1_000 == 500 {
                subscriber.reconnect();
            }
            expected += 1;
        } else if event == Event::Resumed(Attachment::Continued) {
            resumed += 1;
        } else {
            assert_eq!(event, Event::Disconnected);
        }
    }
    assert!(resumed > 0, "no connection was killed");
    let stats = publishing.await.unwrap();
    assert_eq!(stats.acknowledged, COUNT);
    assert!(stats.reconnects > 0, "no connection was killed");
    broker.shutdown().await;
}
