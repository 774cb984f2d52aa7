//! C1: complete, and switched at one position per publisher.
//!
//! For one publisher and one subscription the operations on it switch one after the other, each between two
//! notifications. Where exactly is free while an operation is under way, and bounded on both sides:
//!
//! - what was published after an operation was answered sees it, or a later one;
//! - what was acknowledged before an operation was asked for does not see it. (An end of a subscription may still take
//!   effect on what is on its way to the client: until that, or something later of the publisher, was delivered.)
//!
//! So every notification has a range of operations, it shows which of them it saw by its hit or by having none, and
//! they must rise. The walk takes the lowest one possible at each step, so if there is any way to explain what was
//! delivered it finds one.

use std::collections::BTreeMap;

use gomera_filter::Filter;
use gomera_model::{OperationNumber, PublisherId, PublisherSeq, SubscriptionNumber};

use super::exact::holds;
use super::history::{Delivery, Moment, Published, Session, seq_at};
use super::{Breach, History, Promise, Subscriber};

pub(super) fn check(history: &History, breaches: &mut Vec<Breach>) {
    for (subscriber, session) in history.sessions() {
        for (publisher, published) in history.publishers() {
            let seen = Seen::new(session, publisher, published.len());
            for number in session.subscriptions() {
                let mut walk = Walk {
                    subscriber,
                    publisher,
                    number,
                    versions: versions(session, number),
                    reached: 0,
                    missed: None,
                };
                if let Err(breach) = walk.go(session, published, &seen) {
                    breaches.push(breach);
                }
            }
        }
    }
}

/// What one session received of one publisher.
struct Seen<'a> {
    deliveries: BTreeMap<PublisherSeq, &'a Delivery>,
    /// For each publication, when it or a later one was first delivered.
    passed: Vec<Moment>,
}

impl<'a> Seen<'a> {
    fn new(session: &'a Session, publisher: PublisherId, count: usize) -> Self {
        let of_publisher = session.deliveries.iter();
        let deliveries: BTreeMap<_, _> = of_publisher
            .filter(|delivery| delivery.publisher == publisher)
            .map(|delivery| (delivery.seq, delivery))
            .collect();
        let mut first = Moment::NEVER;
        let mut passed: Vec<_> = (0..count)
            .rev()
            .map(|index| {
                if let Some(delivery) = deliveries.get(&seq_at(index)) {
                    first = first.min(delivery.at);
                }
                first
            })
            .collect();
        passed.reverse();
        Self { deliveries, passed }
    }

    fn hit(&self, seq: PublisherSeq, number: SubscriptionNumber) -> Option<OperationNumber> {
        let hits = &self.deliveries.get(&seq)?.hits;
        let hit = hits.iter().find(|hit| hit.number == number)?;
        Some(hit.operation)
    }
}

/// What a subscription was between two of its operations.
struct Version<'a> {
    operation: OperationNumber,
    filter: Option<&'a Filter>,
    requested: Moment,
    answered: Moment,
}

/// First what it was before its first operation: nothing. An end of the session ends it too.
fn versions(session: &Session, number: SubscriptionNumber) -> Vec<Version<'_>> {
    let none = Version {
        operation: OperationNumber(0),
        filter: None,
        requested: Moment(0),
        answered: Moment(0),
    };
    let operations = session.operations.iter();
    let taken = operations.filter(|o| o.subscription == number && o.is_taken());
    let end = session.ended.map(|ended| Version {
        operation: OperationNumber(u64::MAX),
        filter: None,
        requested: ended,
        answered: Moment::NEVER,
    });
    core::iter::once(none)
        .chain(taken.map(|o| Version {
            operation: o.number,
            filter: o.filter(),
            requested: o.requested,
            answered: o.answered.unwrap_or(Moment::NEVER),
        }))
        .chain(end)
        .collect()
}

struct Walk<'a> {
    subscriber: Subscriber,
    publisher: PublisherId,
    number: SubscriptionNumber,
    versions: Vec<Version<'a>>,
    /// The lowest version that explains everything so far.
    reached: usize,
    /// The publication whose absence only this version explains.
    missed: Option<PublisherSeq>,
}

impl Walk<'_> {
    fn go(
        &mut self,
        session: &Session,
        published: &[Published],
        seen: &Seen<'_>,
    ) -> Result<(), Breach> {
        for (index, publication) in published.iter().enumerate() {
            let seq = seq_at(index);
            let hit = seen.hit(seq, self.number);
            if hit.is_none() && session.gave_up(publication.stamp) {
                continue;
            }
            let answered = self.answered(publication);
            let reached = match hit {
                Some(operation) => self.hit(seq, operation, answered)?,
                None => {
                    let least = answered.max(self.reached);
                    self.no_hit(seq, publication, (least, seen.passed[index]))?
                }
            };
            if reached > self.reached {
                self.missed = hit.is_none().then_some(seq);
            }
            self.reached = reached;
        }
        Ok(())
    }

    /// The last version that was answered before a publication: it, or a later one, must have been seen.
    fn answered(&self, publication: &Published) -> usize {
        let mut versions = self.versions.iter();
        versions
            .rposition(|version| version.answered < publication.at)
            .unwrap_or(0)
    }

    fn hit(
        &self,
        seq: PublisherSeq,
        operation: OperationNumber,
        answered: usize,
    ) -> Result<usize, Breach> {
        let mut versions = self.versions.iter();
        let Some(version) = versions.position(|version| version.operation == operation) else {
            return Err(self.breach(Promise::False, seq, "matched an operation never made"));
        };
        if version >= answered.max(self.reached) {
            return Ok(version);
        }
        if let (true, Some(missed)) = (version >= answered, self.missed) {
            let story = format!("did not come, but #{seq} came under operation {operation}");
            return Err(self.breach(Promise::Lost, missed, &story));
        }
        let later = self.versions[answered.max(self.reached)].operation;
        let story = format!("matched operation {operation}, but {later} was in force");
        Err(self.breach(Promise::False, seq, &story))
    }

    fn no_hit(
        &self,
        seq: PublisherSeq,
        publication: &Published,
        (least, passed): (usize, Moment),
    ) -> Result<usize, Breach> {
        let released = publication.acknowledged.filter(|a| a.is_released);
        let matching = released.map_or(Moment::NEVER, |a| a.at).min(passed);
        let explains = |(index, version): (usize, &Version<'_>)| match version.filter {
            Some(filter) => {
                let in_time = index == least || version.requested < matching;
                in_time && !holds(filter, &publication.flat)
            }
            None => index == least || version.requested < passed,
        };
        let range = (least..).zip(&self.versions[least..]);
        match range.clone().find(|candidate| explains(*candidate)) {
            Some((index, _)) => Ok(index),
            None => {
                let version = &self.versions[least];
                let filter = version.filter.map(Filter::text).unwrap_or_default();
                let story = format!(
                    "did not come; operation {} was in force: {filter}",
                    version.operation
                );
                Err(self.breach(Promise::Lost, seq, &story))
            }
        }
    }

    fn breach(&self, promise: Promise, seq: PublisherSeq, what: &str) -> Breach {
        Breach {
            promise,
            story: format!(
                "#{seq} of publisher {} for subscription {} of subscriber {} {what}",
                self.publisher, self.number, self.subscriber.0
            ),
            notification: Some((self.publisher, seq)),
            subscriber: Some(self.subscriber),
        }
    }
}
