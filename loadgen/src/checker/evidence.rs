//! All deliveries of a run, put in the order of notifications. What is wrong without asking any filter is found here.

use std::collections::BTreeMap;

use super::{Fault, Finding, History, Subscriber, Verdict};
use crate::arrivals::Arrival;

/// Who was delivered what.
#[derive(Debug)]
pub(super) struct Evidence {
    /// Where each publisher's notifications begin, and behind the last one where they end.
    publishers: Vec<usize>,
    /// Where each subscriber's filters begin, and behind the last one where they end.
    subscribers: Vec<u32>,
    /// Where each notification's filters begin in `delivered`, and behind the last one where they end.
    starts: Vec<usize>,
    /// The filters for which a notification was delivered: ascending, each once.
    delivered: Vec<u32>,
}

impl Evidence {
    /// Sorts a history, and counts what came twice, too late, or from nobody.
    pub(super) fn gather(history: &History<'_>, verdict: &mut Verdict) -> Self {
        let publishers = starts(history.published.iter().map(|&count| count as usize));
        let subscribers: Vec<u32> =
            starts(history.subscribers.iter().map(|s| s.subscriptions.len()))
                .into_iter()
                .map(|start| u32::try_from(start).expect("there are fewer than 2^32 filters"))
                .collect();
        let mut pairs = Vec::new();
        for (index, subscriber) in history.subscribers.iter().enumerate() {
            let mut walk = Walk {
                publishers: &publishers,
                subscriber: index,
                filter_first: subscribers[index],
                seen: vec![false; *publishers.last().unwrap_or(&0)],
                latest: vec![0; history.published.len()],
                pairs: &mut pairs,
                verdict,
            };
            walk.all(subscriber);
        }
        let notifications = *publishers.last().unwrap_or(&0);
        let (starts, delivered) = by_notification(notifications, &mut pairs);
        Self {
            publishers,
            subscribers,
            starts,
            delivered,
        }
    }

    /// How many notifications were published.
    pub(super) fn notifications(&self) -> usize {
        self.starts.len() - 1
    }

    /// How many filters there are.
    pub(super) fn filters(&self) -> u32 {
        *self.subscribers.last().unwrap_or(&0)
    }

    /// The publisher of a notification and its index there, from 0.
    pub(super) fn publication(&self, notification: usize) -> (u16, u32) {
        let publisher = self
            .publishers
            .partition_point(|&start| start <= notification)
            - 1;
        let index = notification - self.publishers[publisher];
        (
            u16::try_from(publisher).expect("there are fewer than 2^16 publishers"),
            u32::try_from(index).expect("a publisher sends fewer than 2^32 in a run"),
        )
    }

    /// The subscriber of a filter and the filter's position there.
    pub(super) fn subscriber(&self, filter: u32) -> (usize, usize) {
        let subscriber = self.subscribers.partition_point(|&start| start <= filter) - 1;
        (subscriber, (filter - self.subscribers[subscriber]) as usize)
    }

    /// The filters for which a notification was delivered: ascending, each once.
    pub(super) fn delivered(&self, notification: usize) -> &[u32] {
        &self.delivered[self.starts[notification]..self.starts[notification + 1]]
    }
}

/// A walk through what one subscriber received.
struct Walk<'a> {
    publishers: &'a [usize],
    subscriber: usize,
    filter_first: u32,
    /// By notification.
    seen: Vec<bool>,
    /// By publisher: the latest that came.
    latest: Vec<u32>,
    /// (notification, filter)
    pairs: &'a mut Vec<(usize, u32)>,
    verdict: &'a mut Verdict,
}

impl Walk<'_> {
    fn all(&mut self, subscriber: &Subscriber<'_>) {
        let filters: BTreeMap<u32, u32> = subscriber
            .subscriptions
            .iter()
            .copied()
            .zip(self.filter_first..)
            .collect();
        for (arrival, hits) in subscriber.arrivals.iter() {
            match self.notification(arrival) {
                None => self.count(Fault::Unfounded, arrival, None),
                Some(notification) => {
                    self.delivery(arrival, notification);
                    self.hits(arrival, notification, (&filters, hits));
                }
            }
        }
    }

    /// Whether it came again or too late.
    fn delivery(&mut self, arrival: Arrival, notification: usize) {
        let latest = &mut self.latest[usize::from(arrival.publisher)];
        let late = arrival.seq < *latest;
        *latest = arrival.seq.max(*latest);
        if std::mem::replace(&mut self.seen[notification], true) {
            self.count(Fault::Doubled, arrival, None);
        } else if late {
            self.count(Fault::OutOfOrder, arrival, None);
        }
    }

    fn hits(
        &mut self,
        arrival: Arrival,
        notification: usize,
        (filters, hits): (&BTreeMap<u32, u32>, &[u32]),
    ) {
        if hits.is_empty() {
            self.count(Fault::Unfounded, arrival, None);
        }
        for (position, hit) in hits.iter().enumerate() {
            match filters.get(hit) {
                None => self.count(Fault::Unfounded, arrival, Some(*hit)),
                Some(_) if hits[..position].contains(hit) => {
                    self.count(Fault::Doubled, arrival, Some(*hit));
                }
                Some(&filter) => self.pairs.push((notification, filter)),
            }
        }
    }

    /// Which of all notifications it is, if it was published at all.
    fn notification(&self, arrival: Arrival) -> Option<usize> {
        let publisher = usize::from(arrival.publisher);
        let end = *self.publishers.get(publisher + 1)?;
        let index = (arrival.seq as usize).checked_sub(1)?;
        let notification = self.publishers[publisher].checked_add(index)?;
        (notification < end).then_some(notification)
    }

    fn count(&mut self, fault: Fault, arrival: Arrival, subscription: Option<u32>) {
        self.verdict.count(Finding {
            fault,
            publisher: arrival.publisher,
            seq: arrival.seq,
            subscriber: self.subscriber,
            subscription,
        });
    }
}

/// Where each of some lists begins when they stand one after the other, and where the last one ends.
fn starts(lengths: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut starts = vec![0];
    let mut end = 0;
    for length in lengths {
        end += length;
        starts.push(end);
    }
    starts
}

fn by_notification(notifications: usize, pairs: &mut Vec<(usize, u32)>) -> (Vec<usize>, Vec<u32>) {
    pairs.sort_unstable();
    pairs.dedup();
    let mut lengths = vec![0; notifications];
    for &(notification, _) in &*pairs {
        lengths[notification] += 1;
    }
    let delivered = pairs.iter().map(|&(_, filter)| filter).collect();
    (starts(lengths.into_iter()), delivered)
}
