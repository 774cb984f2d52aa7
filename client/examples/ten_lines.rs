//! A publisher and a subscriber in ten lines each.

use std::error::Error;

use gomera_client::{Client, Event};
use gomera_model::{AttributesBuilder, Body, Content};

/// Publishes a reading and waits until no crash of one instance can lose it any more.
pub async fn publish(client: &Client) -> Result<u64, Box<dyn Error>> {
    let publisher = client.publisher().open().await?;
    let attributes = AttributesBuilder::new()
        .with("ship", "Guanche")
        .with("speed", 12.5);
    let content = Content::new(attributes.build()?, Body::None)?;
    publisher.publish(content).await?;
    Ok(publisher.finish().await?.acknowledged)
}

/// Subscribes, says so, and waits for the first reading that matches.
pub async fn subscribe(client: &Client, then: impl FnOnce()) -> Result<Content, Box<dyn Error>> {
    let mut subscriber = client.subscriber().open().await?;
    subscriber.subscribe("speed > 10").await?;
    then();
    while let Some(event) = subscriber.next().await {
        if let Event::Delivery(delivery) = event {
            return Ok(delivery.content);
        }
    }
    Err("the session ended".into())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::builder()
        .server("silbo://localhost")?
        .ca_file("ca.pem")?
        .build()?;
    let subscribed = tokio::sync::Notify::new();
    let publishing = async {
        subscribed.notified().await;
        publish(&client).await
    };
    let (acknowledged, _) =
        tokio::try_join!(publishing, subscribe(&client, || subscribed.notify_one()))?;
    assert_eq!(acknowledged, 1);
    client.close().await;
    Ok(())
}
