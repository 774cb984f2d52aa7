//! C3: notifications of one publisher reach a subscriber in the order in which they were published.

use std::collections::BTreeMap;

use gomera_model::{PublisherId, PublisherSeq};

use super::history::Session;
use super::{Breach, History, Promise, Subscriber};

pub(super) fn check(history: &History, breaches: &mut Vec<Breach>) {
    for (subscriber, session) in history.sessions() {
        check_session(subscriber, session, breaches);
    }
}

/// A repetition of the last one is not out of order: it is doubled, and told elsewhere.
fn check_session(subscriber: Subscriber, session: &Session, breaches: &mut Vec<Breach>) {
    let mut last: BTreeMap<PublisherId, PublisherSeq> = BTreeMap::new();
    for delivery in &session.deliveries {
        let before = last.entry(delivery.publisher).or_default();
        if delivery.seq < *before {
            breaches.push(Breach {
                promise: Promise::OutOfOrder,
                story: format!(
                    "subscriber {} received #{} of publisher {} after #{before}",
                    subscriber.0, delivery.seq, delivery.publisher
                ),
                notification: Some((delivery.publisher, delivery.seq)),
                subscriber: Some(subscriber),
            });
        }
        *before = delivery.seq.max(*before);
    }
}
