//! A session's output: what waits to be sent, and what was sent and is not acknowledged.
//!
//! ```text
//!   queued ──► queue ──(room in flight)──► in flight ──(acknowledged)──► forgotten
//!                │                            │
//!           (too many, too old)          (connection lost)
//!                ▼                            ▼
//!           lost, with a gap           back to the front of the queue
//! ```
//!
//! Two exit points of a slot have the same items; of one access point in the same order, of different ones perhaps not.
//! So what the client has is told by the cursor of each item's own access point, never by a place in the queue.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use gomera_model::lane::{DeliveryItem, FillPiece};
use gomera_model::operation::Hit;
use gomera_model::{Cursor, Duration, Epoch, Gap, Incarnation, Notification, Seq, Time};

use crate::limits::{
    DELIVERY_OVERHEAD_BYTES, IN_FLIGHT_BYTES, IN_FLIGHT_DELIVERIES, QUEUE_BYTES, QUEUE_DELIVERIES,
};
use crate::rules::{Rule, Rules};

/// The output of one session.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    rules: Rules,
    in_flight: VecDeque<Item>,
    in_flight_bytes: usize,
    queue: VecDeque<Item>,
    queue_bytes: usize,
    /// What was lost and not yet signalled, per access point. It lies before the queue's front.
    lost: BTreeMap<Incarnation, Lost>,
    /// How far the client has processed.
    cursors: BTreeMap<Incarnation, Seq>,
    /// How far it was sent over the present connection by another exit point, which may have been ahead of this one.
    sent: BTreeMap<Incarnation, Seq>,
    lost_count: u64,
}

#[derive(Clone, Debug)]
struct Item {
    item: DeliveryItem,
    bytes: usize,
    queued_at: Time,
    seen: Seen,
    was_sent: bool,
}

/// What of the session had happened when an item was looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// How many subscriptions had ended.
    pub(super) removals: u64,
    /// How many operations had waited for the backup.
    pub(super) operations: u64,
}

#[derive(Clone, Debug)]
struct Lost {
    gap: Gap,
    /// Those that the client may turn out to have: they had been sent, or another exit point may have sent them.
    sent: VecDeque<Seq>,
}

/// What another exit point had in its window.
#[derive(Clone, Debug, Default)]
pub(super) struct Filled {
    /// What was lost and not yet signalled.
    pub(super) lost: Vec<(Gap, Vec<Seq>)>,
    /// The items, in order, and whether they were sent.
    pub(super) items: Vec<(DeliveryItem, bool)>,
}

impl Window {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            ..Self::default()
        }
    }

    /// Appends a notification, unless the client is known to have it.
    pub(super) fn push(
        &mut self,
        now: Time,
        notification: &Arc<Notification>,
        hits: Vec<Hit>,
        seen: Seen,
    ) {
        let item = DeliveryItem::Notification {
            notification: Arc::clone(notification),
            hits,
        };
        let item = Item::new(now, item, seen);
        if self.has_processed(&item) {
            return;
        }
        if is_up_to(&self.sent, item.place()) {
            self.note_sent(item);
        } else {
            self.queue_bytes += item.bytes;
            self.queue.push_back(item);
        }
    }

    /// Whether more waits than may wait.
    pub(super) fn is_over_limit(&self) -> bool {
        self.queue_bytes > QUEUE_BYTES || self.queue.len() > QUEUE_DELIVERIES
    }

    /// The same where another exit point delivers: what is in flight there waits here.
    pub(super) fn is_over_limit_of_copy(&self) -> bool {
        self.queue_bytes > QUEUE_BYTES + IN_FLIGHT_BYTES
            || self.queue.len() > QUEUE_DELIVERIES + IN_FLIGHT_DELIVERIES
    }

    /// Whether the oldest that waits is older than `age`.
    pub(super) fn is_older_than(&self, now: Time, age: Duration) -> bool {
        self.queue
            .front()
            .is_some_and(|oldest| now.since(oldest.queued_at) > age)
    }

    /// Gives up the oldest that waits. `is_copy`: another exit point may have sent it.
    pub(super) fn lose_oldest(&mut self, is_copy: bool) {
        let Some(item) = self.queue.pop_front() else {
            return;
        };
        self.queue_bytes -= item.bytes;
        let gap = item.as_gap();
        self.lost_count += u64::from(item.is_notification());
        let sent = (item.was_sent || is_copy).then_some(gap.last);
        self.note_lost(gap, sent.as_slice());
    }

    /// Moves the next item into flight, if there is room, and hands it out. `wants` says, after a subscription has
    /// ended, whether a hit still counts. Nothing goes out that depends on an operation from `bound` on, also not by
    /// what it leaves out.
    pub(super) fn next_to_send(
        &mut self,
        now: Time,
        (seen, bound): (Seen, Option<u64>),
        wants: impl Fn(Hit) -> bool,
    ) -> Option<DeliveryItem> {
        if self.in_flight.len() >= IN_FLIGHT_DELIVERIES || self.in_flight_bytes >= IN_FLIGHT_BYTES {
            return None;
        }
        if let Some((_, lost)) = self.lost.pop_first() {
            let mut item = Item::new(now, DeliveryItem::Gap(lost.gap), seen);
            item.was_sent = true;
            return Some(self.launch(item));
        }
        while let Some(front) = self.queue.front() {
            let is_older = front.seen.removals != seen.removals;
            if bound.is_some_and(|bound| is_older || front.seen.operations >= bound) {
                return None;
            }
            let Some(mut item) = self.queue.pop_front() else {
                break;
            };
            self.queue_bytes -= item.bytes;
            if is_older && !item.retain(&wants) {
                continue;
            }
            item.was_sent = true;
            return Some(self.launch(item));
        }
        None
    }

    /// The client has processed up to these.
    pub(super) fn acknowledge(&mut self, cursors: &[Cursor]) {
        self.note_cursors(cursors);
        while let Some(item) = self.in_flight.front()
            && self.has_processed(item)
        {
            self.in_flight_bytes -= item.bytes;
            self.in_flight.pop_front();
        }
    }

    /// Another exit point delivers, and says that the client has processed up to these.
    pub(super) fn safe(&mut self, cursors: &[Cursor]) {
        self.note_cursors(cursors);
        while let Some(item) = self.queue.front()
            && self.has_processed(item)
        {
            self.queue_bytes -= item.bytes;
            self.queue.pop_front();
        }
        self.trim_lost(&self.cursors.clone());
    }

    /// The connection is gone: what was in flight waits again.
    pub(super) fn take_back(&mut self) {
        self.sent.clear();
        while let Some(item) = self.in_flight.pop_back() {
            self.in_flight_bytes -= item.bytes;
            self.queue_bytes += item.bytes;
            self.queue.push_front(item);
        }
    }

    /// The client is back and has processed up to `cursors`: what it has is not sent again. Up to `sent` it was sent
    /// over this very connection, by another exit point: that is in flight.
    pub(super) fn resume(&mut self, cursors: &[Cursor], sent: &[Cursor]) {
        self.take_back();
        self.note_cursors(cursors);
        if self.rules.broken(Rule::CutByOwnCursor) {
            self.cut_by_place();
        } else {
            self.cut();
        }
        self.trim_lost(&self.cursors.clone());
        if !sent.is_empty() {
            self.take_for_sent(sent);
        }
    }

    /// What an access point stamped from `first` on comes again under another stamp: it counts as never released. What
    /// the client has of it, it knows by its cursor.
    pub(super) fn take_back_from(&mut self, access_point: Incarnation, first: Seq) {
        let stays = |item: &Item| {
            let (of, last) = item.place();
            of != access_point || last < first || !item.is_notification()
        };
        self.in_flight.retain(stays);
        self.queue.retain(stays);
        let bytes = |items: &VecDeque<Item>| items.iter().map(|item| item.bytes).sum();
        (self.in_flight_bytes, self.queue_bytes) = (bytes(&self.in_flight), bytes(&self.queue));
        if let Some(sent) = self.sent.get_mut(&access_point) {
            *sent = Seq(first.0 - 1).min(*sent);
        }
    }

    /// What another exit point had of notifications stamped before this epoch: all of it lies before what is here, and
    /// what is here of those comes twice, or was acknowledged there.
    pub(super) fn fill(&mut self, (now, before): (Time, Epoch), filled: Filled) {
        let mut own = core::mem::take(&mut self.queue);
        own.retain(|item| !item.is_notification() || !item.is_stamped_before(before));
        self.queue_bytes = 0;
        let mut given_up: BTreeMap<Incarnation, Seq> = BTreeMap::new();
        for (gap, _) in &filled.lost {
            raise(&mut given_up, gap.access_point, gap.last);
        }
        for (item, was_sent) in filled.items {
            if let DeliveryItem::Gap(gap) = &item {
                raise(&mut given_up, gap.access_point, gap.last);
            }
            let mut item = Item::new(now, item, Seen::default());
            item.was_sent = was_sent;
            self.queue.push_back(item);
        }
        self.trim_lost(&given_up);
        self.lose_before_lost();
        own.retain(|item| !is_up_to(&given_up, item.place()));
        for (gap, sent) in filled.lost {
            self.note_lost(gap, &sent);
        }
        if self.rules.broken(Rule::FillBeforeOwn) {
            own.append(&mut self.queue);
            self.queue = own;
        } else {
            self.queue.append(&mut own);
        }
        self.queue_bytes = self.queue.iter().map(|item| item.bytes).sum();
        self.cut();
        self.trim_lost(&self.cursors.clone());
    }

    /// Looks at everything that waits: only hits that are wanted stay.
    pub(super) fn retain(&mut self, seen: Seen, wants: impl Fn(Hit) -> bool) {
        self.queue.retain_mut(|item| {
            item.seen = seen;
            let stays = item.retain(&wants);
            if !stays {
                self.queue_bytes -= item.bytes;
            }
            stays
        });
    }

    /// What another exit point does not have: everything stamped before this epoch, and all that was lost.
    pub(super) fn pieces(&self, before: Epoch) -> impl Iterator<Item = FillPiece> {
        let lost = self.lost.values().map(|lost| FillPiece::Lost {
            gap: lost.gap,
            sent: lost.sent.iter().copied().collect(),
        });
        let items = self.in_flight.iter().chain(&self.queue);
        let items = items.filter(move |item| item.is_stamped_before(before));
        lost.chain(items.map(|item| FillPiece::Item {
            item: item.item.clone(),
            was_sent: item.was_sent,
        }))
    }

    /// How far the client has processed.
    pub(super) fn cursors(&self) -> Vec<Cursor> {
        let cursors = self.cursors.iter();
        cursors
            .map(|(&access_point, &seq)| Cursor { access_point, seq })
            .collect()
    }

    /// The client has processed up to these; nothing is looked at yet.
    pub(super) fn note_cursors(&mut self, cursors: &[Cursor]) {
        for cursor in cursors {
            raise(&mut self.cursors, cursor.access_point, cursor.seq);
        }
    }

    /// Which rules hold for it.
    pub(super) fn rules(&self) -> Rules {
        self.rules
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

    fn has_processed(&self, item: &Item) -> bool {
        is_up_to(&self.cursors, item.place())
    }

    /// Everything that waits is cut by the cursor of its own access point.
    fn cut(&mut self) {
        let cursors = &self.cursors;
        self.queue.retain(|item| {
            let stays = !is_up_to(cursors, item.place());
            if !stays {
                self.queue_bytes -= item.bytes;
            }
            stays
        });
    }

    /// As if the client had processed in the order of this queue.
    fn cut_by_place(&mut self) {
        let last = self
            .queue
            .iter()
            .rposition(|item| is_up_to(&self.cursors, item.place()));
        for item in self.queue.drain(..last.map_or(0, |last| last + 1)) {
            self.queue_bytes -= item.bytes;
        }
    }

    /// What was sent already goes into flight, without being sent again; also what comes here only later.
    fn take_for_sent(&mut self, sent: &[Cursor]) {
        for cursor in sent {
            raise(&mut self.sent, cursor.access_point, cursor.seq);
        }
        for item in core::mem::take(&mut self.queue) {
            if is_up_to(&self.sent, item.place()) {
                self.queue_bytes -= item.bytes;
                self.note_sent(item);
            } else {
                self.queue.push_back(item);
            }
        }
        self.trim_lost(&self.sent.clone());
    }

    fn note_sent(&mut self, mut item: Item) {
        item.was_sent = true;
        self.in_flight_bytes += item.bytes;
        self.in_flight.push_back(item);
    }

    fn note_lost(&mut self, gap: Gap, sent: &[Seq]) {
        let lost = self.lost.entry(gap.access_point).or_insert(Lost {
            gap: Gap { count: 0, ..gap },
            sent: VecDeque::new(),
        });
        lost.gap.first = lost.gap.first.min(gap.first);
        lost.gap.last = lost.gap.last.max(gap.last);
        lost.gap.count += gap.count;
        lost.sent.extend(sent);
        while lost.sent.len() > QUEUE_DELIVERIES {
            lost.sent.pop_front();
        }
    }

    /// Where something was lost here, what lies before it in the same order is lost with it.
    fn lose_before_lost(&mut self) {
        for item in core::mem::take(&mut self.queue) {
            let (access_point, seq) = item.place();
            if !self.lost.contains_key(&access_point) {
                self.queue.push_back(item);
                continue;
            }
            let gap = item.as_gap();
            self.lost_count += u64::from(item.is_notification());
            self.note_lost(gap, &[seq]);
        }
    }

    /// Nothing up to these is lost: the client has it, or has been told.
    fn trim_lost(&mut self, bounds: &BTreeMap<Incarnation, Seq>) {
        self.lost.retain(|access_point, lost| {
            let bound = bounds.get(access_point).copied().unwrap_or_default();
            let before = lost.sent.len();
            lost.sent.retain(|seq| *seq > bound);
            lost.gap.count -= (before - lost.sent.len()) as u64;
            lost.gap.first = lost.gap.first.max(bound.next());
            lost.gap.count > 0 && lost.gap.first <= lost.gap.last
        });
    }
}

impl Item {
    fn new(now: Time, item: DeliveryItem, seen: Seen) -> Self {
        let bytes = match &item {
            DeliveryItem::Notification { notification, hits } => {
                notification.content.bytes() + hits.len() * size_of::<Hit>()
            }
            DeliveryItem::Gap(_) => 0,
        };
        Self {
            item,
            bytes: bytes + DELIVERY_OVERHEAD_BYTES,
            queued_at: now,
            seen,
            was_sent: false,
        }
    }

    /// The cursor that says whether the client has it.
    fn place(&self) -> (Incarnation, Seq) {
        match &self.item {
            DeliveryItem::Notification { notification, .. } => {
                (notification.stamp.access_point, notification.stamp.seq)
            }
            DeliveryItem::Gap(gap) => (gap.access_point, gap.last),
        }
    }

    /// What the client is told if it is lost.
    fn as_gap(&self) -> Gap {
        match &self.item {
            DeliveryItem::Gap(gap) => *gap,
            DeliveryItem::Notification { notification, .. } => Gap {
                access_point: notification.stamp.access_point,
                first: notification.stamp.seq,
                last: notification.stamp.seq,
                count: 1,
            },
        }
    }

    fn is_notification(&self) -> bool {
        matches!(self.item, DeliveryItem::Notification { .. })
    }

    /// Drops hits that do not count any more; whether something is left.
    fn retain(&mut self, wants: impl Fn(Hit) -> bool) -> bool {
        match &mut self.item {
            DeliveryItem::Notification { hits, .. } => {
                hits.retain(|hit| wants(*hit));
                !hits.is_empty()
            }
            DeliveryItem::Gap(_) => true,
        }
    }

    /// A gap has no stamp of its own.
    fn is_stamped_before(&self, epoch: Epoch) -> bool {
        match &self.item {
            DeliveryItem::Notification { notification, .. } => notification.stamp.epoch < epoch,
            DeliveryItem::Gap(_) => true,
        }
    }
}

fn raise(cursors: &mut BTreeMap<Incarnation, Seq>, access_point: Incarnation, seq: Seq) {
    let known = cursors.entry(access_point).or_default();
    *known = seq.max(*known);
}

fn is_up_to(cursors: &BTreeMap<Incarnation, Seq>, (access_point, seq): (Incarnation, Seq)) -> bool {
    cursors.get(&access_point).is_some_and(|last| seq <= *last)
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
            window.push(Time(seq), &notification(seq), [hit].into(), Seen::default());
        }
        window
    }

    /// What the next items are: a notification's number, or a gap's first, last and count.
    fn sent(window: &mut Window, count: usize) -> Vec<(u64, u64, u64)> {
        let next = |_| {
            let item = window.next_to_send(Time(0), (Seen::default(), None), |_| true)?;
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
        window.resume(&cursor(2), &[]);
        assert_eq!(sent(&mut window, 9), [(3, 3, 0), (4, 4, 0), (5, 5, 0)]);
        window.acknowledge(&cursor(5));
        assert_eq!(window.size(), (0, 0));
    }

    #[test]
    fn the_oldest_that_waits_is_lost_with_a_gap() {
        let mut window = window(1..=5);
        sent(&mut window, 1);
        window.lose_oldest(false);
        window.lose_oldest(false);
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
            window.lose_oldest(false);
        }
        window.resume(&cursor(2), &[]);
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
        let seen = Seen {
            removals: 1,
            operations: 0,
        };
        let next = window.next_to_send(Time(0), (seen, None), |_| false);
        assert_eq!(next, None);
        assert_eq!(window.size(), (0, 0));
    }
}
