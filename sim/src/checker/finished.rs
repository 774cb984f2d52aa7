//! Nothing is stuck: when the load has stopped and every lane may flow, everything that was begun ends.

use super::history::{Asked, Session, seq_at};
use super::{Breach, History, Promise, Subscriber};

/// What the world still holds when it has come to rest.
#[derive(Clone, Debug, Default)]
pub struct Leftovers {
    /// Each thing that did not end, in words.
    pub unfinished: Vec<String>,
}

pub(super) fn check(history: &History, leftovers: &Leftovers, breaches: &mut Vec<Breach>) {
    for what in &leftovers.unfinished {
        breaches.push(Breach::general(Promise::Stuck, what.clone()));
    }
    for (publisher, published) in history.publishers() {
        let open = published.iter().position(|p| p.acknowledged.is_none());
        if let Some(index) = open {
            let seq = seq_at(index);
            breaches.push(Breach {
                promise: Promise::Stuck,
                story: format!("#{seq} of publisher {publisher} was never acknowledged"),
                notification: Some((publisher, seq)),
                subscriber: None,
            });
        }
    }
    for (subscriber, session) in history.sessions() {
        wrongly_answered(subscriber, session, breaches);
        if session.ended.is_some() {
            continue;
        }
        let mut open = session.operations.iter().filter(|o| o.answered.is_none());
        if let Some(operation) = open.next() {
            breaches.push(Breach {
                promise: Promise::Stuck,
                story: format!(
                    "operation {} on subscription {} of subscriber {} was never answered",
                    operation.number, operation.subscription, subscriber.0
                ),
                notification: None,
                subscriber: Some(subscriber),
            });
        }
        if session.forgotten {
            breaches.push(Breach {
                promise: Promise::Lost,
                story: format!(
                    "the broker forgot the session of subscriber {}",
                    subscriber.0
                ),
                notification: None,
                subscriber: Some(subscriber),
            });
        }
    }
}

/// What can be read is taken; what cannot be is refused.
fn wrongly_answered(subscriber: Subscriber, session: &Session, breaches: &mut Vec<Breach>) {
    for operation in session.operations.iter().filter(|o| o.answered.is_some()) {
        let is_nonsense = matches!(operation.asked, Asked::Nonsense);
        if operation.refused != is_nonsense {
            let word = if is_nonsense { "taken" } else { "refused" };
            breaches.push(Breach {
                promise: Promise::False,
                story: format!(
                    "operation {} of subscriber {} was {word}",
                    operation.number, subscriber.0
                ),
                notification: None,
                subscriber: Some(subscriber),
            });
        }
    }
}
