//! What arrives, as one JSON object a line.

use gomera_model::json::{attributes_to_json, write_text, write_value};
use gomera_model::silbo::Deliver;
use gomera_model::{Body, Gap, SubscriptionNumber, Timestamp, ValueRef};

/// Lines that wait to be written at once. Under load many deliveries share one write.
#[derive(Debug, Default)]
pub(super) struct Output {
    text: String,
}

impl Output {
    /// All subscriptions are acknowledged.
    pub(super) fn subscribed(&mut self, numbers: impl Iterator<Item = SubscriptionNumber>) {
        self.text.push_str("{\"subscribed\":");
        self.numbers(numbers);
        self.text.push_str("}\n");
    }

    /// A notification; `now` is this machine's clock.
    pub(super) fn delivery(&mut self, delivery: &Deliver, now: Timestamp) {
        self.append(&format!(
            "{{\"publisher\":\"{}\",\"seq\":{},\"subscriptions\":",
            delivery.publisher, delivery.publisher_seq
        ));
        self.numbers(delivery.hits.iter().map(|hit| hit.number));
        self.append(",\"attrs\":");
        self.append(&attributes_to_json(&delivery.content.attributes));
        match &delivery.content.body {
            Body::None => {}
            Body::Json(json) => {
                self.append(",\"body\":");
                // A line break in valid JSON stands between its parts, never inside of text.
                self.append(&String::from_utf8_lossy(json).replace(['\n', '\r'], " "));
            }
            Body::Opaque(bytes) => {
                self.append(",\"body\":");
                write_value(&mut self.text, ValueRef::Bytes(bytes));
            }
        }
        let latency = milliseconds(delivery.published_at, now);
        self.append(&format!(",\"latency_ms\":{latency:.3}}}\n"));
    }

    /// Something was lost at a limit.
    pub(super) fn gap(&mut self, gap: &Gap) {
        self.append(&format!(
            "{{\"gap\":{{\"access_point\":{},\"first\":{},\"last\":{},\"count\":{}}}}}\n",
            gap.access_point, gap.first, gap.last, gap.count
        ));
    }

    /// The connection is back: with the session as it was, or with a new one.
    pub(super) fn resumed(&mut self, how: &str) {
        self.append("{\"resumed\":");
        write_text(&mut self.text, how);
        self.append("}\n");
    }

    /// Takes what waits to be written.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// How many bytes wait.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    fn append(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn numbers(&mut self, numbers: impl Iterator<Item = SubscriptionNumber>) {
        let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
        self.append(&format!("[{}]", numbers.join(",")));
    }
}

/// From the intended send time to now. Clocks of two machines may differ by more than the way takes; then it is less
/// than nothing, and shown so.
fn milliseconds(from: Timestamp, to: Timestamp) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a latency of 100 days still has its nanoseconds"
    )]
    let nanos = to.0.saturating_sub(from.0) as f64;
    nanos / 1e6
}

#[cfg(test)]
mod tests {
    use gomera_model::operation::Hit;
    use gomera_model::{
        AttributesBuilder, Content, Epoch, Incarnation, OperationNumber, PublisherId, PublisherSeq,
        Seq, Stamp,
    };

    use super::*;

    fn delivery(body: Body) -> Deliver {
        let hit = |number| Hit {
            number: SubscriptionNumber(number),
            operation: OperationNumber(1),
        };
        Deliver {
            stamp: Stamp {
                access_point: Incarnation(1),
                seq: Seq(9),
                epoch: Epoch(1),
            },
            publisher: PublisherId(0xab),
            publisher_seq: PublisherSeq(7),
            published_at: Timestamp(1_000_000),
            hits: vec![hit(1), hit(3)],
            content: Content {
                attributes: AttributesBuilder::new()
                    .with("name", "A \"B\"")
                    .with("speed", 1.5)
                    .build()
                    .unwrap(),
                body,
            },
        }
    }

    fn line(body: Body) -> serde_json::Value {
        let mut output = Output::default();
        output.delivery(&delivery(body), Timestamp(3_500_000));
        let text = output.take();
        assert!(text.ends_with('\n') && text.lines().count() == 1);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_delivery_is_one_object() {
        let expected = serde_json::json!({
            "publisher": "00000000000000ab", "seq": 7, "subscriptions": [1, 3],
            "attrs": {"name": "A \"B\"", "speed": 1.5}, "latency_ms": 2.5,
        });
        assert_eq!(line(Body::None), expected);
    }

    #[test]
    fn a_body_rides_along() {
        let json = line(Body::Json(bytes::Bytes::from_static(b"{\n\"a\":1}")));
        assert_eq!(json["body"], serde_json::json!({"a": 1}));
        let opaque = line(Body::Opaque(bytes::Bytes::from_static(&[0, 255])));
        assert_eq!(opaque["body"], serde_json::json!({"bytes": "00ff"}));
    }

    #[test]
    fn what_happens_beside_deliveries() {
        let mut output = Output::default();
        output.subscribed([1, 2].map(SubscriptionNumber).into_iter());
        output.resumed("fresh");
        output.gap(&Gap {
            access_point: Incarnation(4),
            first: Seq(5),
            last: Seq(9),
            count: 3,
        });
        assert_eq!(
            output.take(),
            "{\"subscribed\":[1,2]}\n{\"resumed\":\"fresh\"}\n\
             {\"gap\":{\"access_point\":4,\"first\":5,\"last\":9,\"count\":3}}\n"
        );
        assert_eq!(output.len(), 0);
    }
}
