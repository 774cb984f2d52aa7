//! A session's output: what waits to be sent, and what was sent and is not acknowledged.
//!
//! ```text
//!   queued ──► queue ──(room in flight)──► in flight ──(acknowledged)──► forgotten
//!                │                            │
//!           (too many, too old)          (connection lost)
//!                ▼                            ▼
//!           lost, with a gap           back to the front of the queue
//! ```

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use gomera_model::lane::DeliveryItem;
use gomera_model::operation::Hit;
use gomera_model::{Cursor, Duration, Gap, Incarnation, Notification, Seq, Time};

use crate::limits::{
    DELIVERY_OVERHEAD_BYTES, IN_FLIGHT_BYTES, IN_FLIGHT_DELIVERIES, QUEUE_BYTES, QUEUE_DELIVERIES,
};

/// The output of one session.
#[derive(Debug, Default)]
pub(super) struct Window {
    in_flight: VecDeque<Item>,
    in_flight_bytes: usize,
    queue: VecDeque<Item>,
    queue_bytes: usize,
    /// What was lost and not yet signalled, per access point. It lies before the queue's front.
    lost: BTreeMap<Incarnation, Lost>,
    /// How far the client has processed.
    cursors: BTreeMap<Incarnation, Seq>,
    lost_count: u64,
}

#[derive(Debug)]
struct Item {
    item: DeliveryItem,
    bytes: usize,
    queued_at: Time,
    /// How many subscriptions of the session had ended when this was looked at.
    removals: u64,
    was_sent: bool,
}

#[derive(Debug)]
struct Lost {
    gap: Gap,
    /// Those that had been sent over an earlier connection: the client may turn out to have them.
    sent: Vec<Seq>,
}

impl Window {
    /// Appends a notification.
    pub(super) fn push(
        &mut self,
        now: Time,
        notification: &Arc<Notification>,
        hits: Vec<Hit>,
        removals: u64,
    ) {
        let bytes = notification.content.bytes() + hits.len() * size_of::<Hit>();
        let bytes = bytes + DELIVERY_OVERHEAD_BYTES;
        self.queue_bytes += bytes;
        self.queue.push_back(Item {
            item: DeliveryItem::Notification {
                notification: Arc::clone(notification),
                hits,
            },
            bytes,
            queued_at: now,
            removals,
            was_sent: false,
        });
    }

    /// Whether more waits than may wait.
    pub(super) fn is_over_limit(&self) -> bool {
        self.queue_bytes > QUEUE_BYTES || self.queue.len() > QUEUE_DELIVERIES
    }

    /// Whether the oldest that waits is older than `age`.
    pub(super) fn is_older_than(&self, now: Time, age: Duration) -> bool {
        self.queue
            .front()
            .is_some_and(|oldest| now.since(oldest.queued_at) > age)
    }

    /// Gives up the oldest that waits.
    pub(super) fn lose_oldest(&mut self) {
        let Some(item) = self.queue.pop_front() else {
            return;
        };
        self.queue_bytes -= item.bytes;
        let gap = match item.item {
            DeliveryItem::Gap(gap) => gap,
            DeliveryItem::Notification { notification, .. } => {
                self.lost_count += 1;
                Gap {
                    access_point: notification.stamp.access_point,
                    first: notification.stamp.seq,
                    last: notification.stamp.seq,
                    count: 1,
                }
            }
        };
        let lost = self.lost.entry(gap.access_point).or_insert(Lost {
            gap: Gap { count: 0, ..gap },
            sent: Vec::new(),
        });
        lost.gap.last = gap.last;
        lost.gap.count += gap.count;
        if item.was_sent {
            lost.sent.push(gap.last);
        }
    }

    /// Moves the next item into flight, if there is room, and hands it out. `wants` says, after a subscription has
    /// ended, whether a hit still counts.
    pub(super) fn next_to_send(
        &mut self,
        now: Time,
        removals: u64,
        wants: impl Fn(Hit) -> bool,
    ) -> Option<DeliveryItem> {
        if self.in_flight.len() >= IN_FLIGHT_DELIVERIES || self.in_flight_bytes >= IN_FLIGHT_BYTES {
            return None;
        }
        if let Some((_, lost)) = self.lost.pop_first() {
            return Some(self.launch(Item {
                item: DeliveryItem::Gap(lost.gap),
                bytes: DELIVERY_OVERHEAD_BYTES,
                queued_at: now,
                removals,
                was_sent: true,
            }));
        }
        while let Some(mut item) = self.queue.pop_front() {
            self.queue_bytes -= item.bytes;
            if item.removals != removals
                && let DeliveryItem::Notification { hits, .. } = &mut item.item
            {
                hits.retain(|hit| wants(*hit));
                if hits.is_empty() {
                    continue;
                }
            }
            item.was_sent = true;
            return Some(self.launch(item));
        }
        None
    }

    /// The client has processed up to these.
    pub(super) fn acknowledge(&mut self, cursors: &[Cursor]) {
        for cursor in cursors {
            let known = self.cursors.entry(cursor.access_point).or_default();
            *known = cursor.seq.max(*known);
        }
        let done = self.processed(&self.in_flight);
        for item in self.in_flight.drain(..done) {
            self.in_flight_bytes -= item.bytes;
        }
    }

    /// The connection is gone: what was in flight waits again.
    pub(super) fn take_back(&mut self) {
        while let Some(item) = self.in_flight.pop_back() {
            self.in_flight_bytes -= item.bytes;
            self.queue_bytes += item.bytes;
            self.queue.push_front(item);
        }
    }

    /// The client is back and has processed up to these: what it has is not sent again.
    pub(super) fn resume(&mut self, cursors: &[Cursor]) {
        self.take_back();
        self.acknowledge(cursors);
        let done = self.processed(&self.queue);
        for item in self.queue.drain(..done) {
            self.queue_bytes -= item.bytes;
        }
        let known = &self.cursors;
        self.lost.retain(|access_point, lost| {
            let cursor = known.get(access_point).copied().unwrap_or_default();
            let before = lost.sent.len();
            lost.sent.retain(|seq| *seq > cursor);
            lost.gap.count -= (before - lost.sent.len()) as u64;
            lost.gap.first = lost.gap.first.max(cursor.next());
            lost.gap.count > 0
        });
    }

    /// Deliveries that were lost so far.
    pub(super) fn lost_count(&self) -> u64 {
        self.lost_count
    }

    /// Whether something was lost that the client has not been told of.
    pub(super) fn is_behind(&self) -> bool {
        !self.lost.is_empty()
    }

    /// Deliveries and bytes, waiting or in flight.
    pub(super) fn size(&self) -> (usize, usize) {
        (
            self.in_flight.len() + self.queue.len(),
            self.in_flight_bytes + self.queue_bytes,
        )
    }

    fn launch(&mut self, item: Item) -> DeliveryItem {
        let out = item.item.clone();
        self.in_flight_bytes += item.bytes;
        self.in_flight.push_back(item);
        out
    }

    /// How many items at the front the client has processed. It processes in order, so one that is acknowledged
    /// stands for all before it.
    fn processed(&self, items: &VecDeque<Item>) -> usize {
        let mut processed = 0;
        for (index, item) in items.iter().enumerate() {
            let (access_point, last) = match &item.item {
                DeliveryItem::Notification { notification, .. } => {
                    (notification.stamp.access_point, notification.stamp.seq)
                }
                DeliveryItem::Gap(gap) => (gap.access_point, gap.last),
            };
            let cursor = self.cursors.get(&access_point).copied().unwrap_or_default();
            if last <= cursor {
                processed = index + 1;
            } else if self.cursors.len() <= 1 {
                break;
            }
        }
        processed
    }
}

#[cfg(test)]
mod tests {
    use gomera_model::{
        Attributes, Body, Content, Epoch, OperationNumber, PublisherId, PublisherSeq, Stamp,
        SubscriptionNumber, Timestamp,
    };

    use super::*;

    const ACCESS_POINT: Incarnation = Incarnation(1);

    fn notification(seq: u64) -> Arc<Notification> {
        Arc::new(Notification {
            stamp: Stamp {
                access_point: ACCESS_POINT,
                seq: Seq(seq),
                epoch: Epoch(1),
            },
            publisher: PublisherId(1),
            publisher_seq: PublisherSeq(seq),
            published_at: Timestamp(0),
            content: Content {
                attributes: Attributes::empty(),
                body: Body::None,
            },
            flat: Attributes::empty(),
        })
    }

    fn window(seqs: core::ops::RangeInclusive<u64>) -> Window {
        let mut window = Window::default();
        for seq in seqs {
            let hit = Hit {
                number: SubscriptionNumber(0),
                operation: OperationNumber(1),
            };
            window.push(Time(seq), &notification(seq), [hit].into(), 0);
        }
        window
    }

    /// What the next items are: a notification's number, or a gap's first, last and count.
    fn sent(window: &mut Window, count: usize) -> Vec<(u64, u64, u64)> {
        let next = |_| {
            let item = window.next_to_send(Time(0), 0, |_| true)?;
            Some(match item {
                DeliveryItem::Notification { notification, .. } => {
                    let seq = notification.stamp.seq.0;
                    (seq, seq, 0)
                }
                DeliveryItem::Gap(gap) => (gap.first.0, gap.last.0, gap.count),
            })
        };
        (0..count).map_while(next).collect()
    }

    fn cursor(seq: u64) -> [Cursor; 1] {
        [Cursor {
            access_point: ACCESS_POINT,
            seq: Seq(seq),
        }]
    }

    #[test]
    fn what_is_not_acknowledged_is_sent_again_after_a_resume() {
        let mut window = window(1..=5);
        assert_eq!(sent(&mut window, 3), [(1, 1, 0), (2, 2, 0), (3, 3, 0)]);
        window.acknowledge(&cursor(1));
        window.resume(&cursor(2));
        assert_eq!(sent(&mut window, 9), [(3, 3, 0), (4, 4, 0), (5, 5, 0)]);
        window.acknowledge(&cursor(5));
        assert_eq!(window.size(), (0, 0));
    }

    #[test]
    fn the_oldest_that_waits_is_lost_with_a_gap() {
        let mut window = window(1..=5);
        sent(&mut window, 1);
        window.lose_oldest();
        window.lose_oldest();
        assert_eq!(window.lost_count(), 2);
        assert_eq!(sent(&mut window, 9), [(2, 3, 2), (4, 4, 0), (5, 5, 0)]);
        window.acknowledge(&cursor(5));
        assert_eq!(window.size(), (0, 0));
    }

    #[test]
    fn a_gap_does_not_count_what_the_client_turns_out_to_have() {
        let mut window = window(1..=4);
        sent(&mut window, 2);
        window.take_back();
        for _ in 0..3 {
            window.lose_oldest();
        }
        window.resume(&cursor(2));
        assert_eq!(sent(&mut window, 9), [(3, 3, 1), (4, 4, 0)]);
    }

    #[test]
    fn no_more_is_in_flight_than_may_be() {
        let mut window = window(1..=5_000);
        assert_eq!(sent(&mut window, 5_000).len(), IN_FLIGHT_DELIVERIES);
        window.acknowledge(&cursor(10));
        assert_eq!(sent(&mut window, 5_000).len(), 10);
    }

    #[test]
    fn what_waits_for_an_ended_subscription_is_not_sent() {
        let mut window = window(1..=2);
        assert_eq!(window.next_to_send(Time(0), 1, |_| false), None);
        assert_eq!(window.size(), (0, 0));
    }
}
