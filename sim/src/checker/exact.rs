//! C2: no session receives a notification that none of its filters matches, or the same one twice; and nothing comes
//! for a subscription after its end was answered.

use std::collections::{BTreeMap, BTreeSet};

use gomera_filter::reference::evaluate;
use gomera_filter::{Filter, Truth};
use gomera_model::operation::Hit;
use gomera_model::{Attributes, OperationNumber, SubscriptionNumber};

use super::history::{Delivery, Moment, Session};
use super::{Breach, History, Promise, Subscriber};

pub(super) fn check(history: &History, breaches: &mut Vec<Breach>) {
    for (subscriber, session) in history.sessions() {
        let mut court = Court {
            history,
            session,
            subscriber,
            breaches,
        };
        court.doubled();
        for delivery in &session.deliveries {
            court.hits(delivery);
        }
        court.after_the_end();
    }
}

/// Whether a filter is true of a notification, by the reference evaluator.
pub(super) fn holds(filter: &Filter, flat: &Attributes) -> bool {
    evaluate(filter, flat) == Truth::True
}

struct Court<'a> {
    history: &'a History,
    session: &'a Session,
    subscriber: Subscriber,
    breaches: &'a mut Vec<Breach>,
}

impl Court<'_> {
    fn doubled(&mut self) {
        let mut seen = BTreeSet::new();
        for delivery in &self.session.deliveries {
            if !seen.insert((delivery.publisher, delivery.seq)) {
                self.breach(Promise::Doubled, delivery, "came twice");
            }
        }
    }

    fn hits(&mut self, delivery: &Delivery) {
        if delivery.hits.is_empty() {
            self.breach(Promise::False, delivery, "came without any subscription");
        }
        if !delivery.hits.is_sorted_by(|a, b| a.number < b.number) {
            let what = "names its subscriptions out of order or twice";
            self.breach(Promise::False, delivery, what);
        }
        let Some(published) = self.history.publication(delivery.publisher, delivery.seq) else {
            self.breach(Promise::False, delivery, "was never published");
            return;
        };
        for hit in &delivery.hits {
            if let Err(fault) = self.hit(*hit, &published.flat) {
                self.breach(Promise::False, delivery, &fault);
            }
        }
    }

    fn hit(&self, hit: Hit, flat: &Attributes) -> Result<(), String> {
        let Hit { number, operation } = hit;
        let known = self.session.operation(operation);
        let Some(known) = known.filter(|o| o.subscription == number && o.is_taken()) else {
            return Err(format!(
                "names operation {operation} of subscription {number}, which is not one of it"
            ));
        };
        match known.filter() {
            Some(filter) if holds(filter, flat) => Ok(()),
            Some(filter) => Err(format!(
                "names subscription {number}, whose filter {} is not true of it",
                filter.text()
            )),
            None => Err(format!(
                "names operation {operation}, which ended subscription {number}"
            )),
        }
    }

    /// Judges what came over the connection, because the library also drops what is too old.
    fn after_the_end(&mut self) {
        let mut ends: BTreeMap<SubscriptionNumber, Vec<(Moment, OperationNumber)>> =
            BTreeMap::new();
        for operation in &self.session.operations {
            if let (true, Some(at)) = (operation.is_end(), operation.answered) {
                let ends = ends.entry(operation.subscription).or_default();
                ends.push((at, operation.number));
            }
        }
        for arrival in &self.session.arrivals {
            let late = arrival.hits.iter().find(|hit| {
                ends.get(&hit.number).is_some_and(|ends| {
                    ends.iter()
                        .any(|&(at, end)| at < arrival.at && hit.operation < end)
                })
            });
            if let Some(hit) = late {
                let what = format!(
                    "came for subscription {}, operation {}, after its end was answered",
                    hit.number, hit.operation
                );
                self.breach(Promise::False, arrival, &what);
            }
        }
    }

    fn breach(&mut self, promise: Promise, delivery: &Delivery, what: &str) {
        self.breaches.push(Breach {
            promise,
            story: format!(
                "#{} of publisher {} {what} (subscriber {})",
                delivery.seq, delivery.publisher, self.subscriber.0
            ),
            notification: Some((delivery.publisher, delivery.seq)),
            subscriber: Some(self.subscriber),
        });
    }
}
