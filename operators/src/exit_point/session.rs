//! One session: who may resume it, where its client is, what it subscribed to, what it has to get.

use alloc::sync::Arc;
use alloc::vec::Vec;

use gomera_model::lane::{Attach, DeliveryItem, OverflowPolicy};
use gomera_model::operation::{Change, Hit, SubscriptionOperation};
use gomera_model::{
    Cursor, Generation, Incarnation, Notification, OperationNumber, SessionId, SessionToken,
    SubscriptionId, Time,
};

use super::list::SubscriptionList;
use super::stats::ExitPointStats;
use super::window::Window;
use crate::limits::{QUEUE_AGE_CONNECTED, QUEUE_AGE_OFFLINE};

/// A session.
#[derive(Debug)]
pub(super) struct Session {
    token: SessionToken,
    policy: OverflowPolicy,
    /// The newest connection, here or gone.
    generation: Generation,
    client: Client,
    list: SubscriptionList,
    window: Window,
}

/// Where the client is.
#[derive(Clone, Copy, Debug)]
enum Client {
    /// Behind this connection point.
    Attached(Incarnation),
    /// Away since then.
    Away(Time),
}

/// What becomes of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It stays.
    Keep,
    /// It lost what it had asked not to lose.
    TooSlow,
    /// Its client did not come back.
    Expired,
}

impl Session {
    pub(super) fn new(connection_point: Incarnation, attach: &Attach) -> Self {
        Self {
            token: attach.token,
            policy: attach.policy,
            generation: attach.generation,
            client: Client::Attached(connection_point),
            list: SubscriptionList::default(),
            window: Window::default(),
        }
    }

    /// The client is here over a newer connection. Answers the older one if it is still there.
    pub(super) fn resume(
        &mut self,
        connection_point: Incarnation,
        attach: &Attach,
    ) -> Option<(Incarnation, Generation)> {
        let replaced = self.attachment();
        self.generation = attach.generation;
        self.policy = attach.policy;
        self.client = Client::Attached(connection_point);
        self.window.resume(&attach.cursors);
        replaced
    }

    /// The client's connection is gone.
    pub(super) fn detach(&mut self, now: Time, generation: Generation) {
        if self.attachment().is_some() && self.generation == generation {
            self.client = Client::Away(now);
            self.window.take_back();
        }
    }

    /// Takes an operation into the list; what has to be taken back at its matcher, if it came too late.
    pub(super) fn register(
        &mut self,
        operation: &SubscriptionOperation,
    ) -> Option<SubscriptionOperation> {
        let correction = self.list.correction(operation);
        self.list.take(operation);
        correction
    }

    /// Queues a notification with what matched.
    pub(super) fn queue(
        &mut self,
        now: Time,
        notification: &Arc<Notification>,
        hits: Vec<Hit>,
    ) -> Verdict {
        let removals = self.list.removals();
        self.window.push(now, notification, hits, removals);
        while self.window.is_over_limit() {
            if self.policy == OverflowPolicy::Disconnect {
                return Verdict::TooSlow;
            }
            self.window.lose_oldest();
        }
        Verdict::Keep
    }

    /// The next item that may be sent now.
    pub(super) fn next_to_send(&mut self, now: Time) -> Option<DeliveryItem> {
        let list = &self.list;
        self.window
            .next_to_send(now, list.removals(), |hit| list.wants(hit))
    }

    /// The client has processed up to these.
    pub(super) fn acknowledge(&mut self, cursors: &[Cursor]) {
        self.window.acknowledge(cursors);
    }

    /// Looks for what has grown too old.
    pub(super) fn sweep(&mut self, now: Time) -> Verdict {
        let age = match self.client {
            Client::Attached(_) => QUEUE_AGE_CONNECTED,
            Client::Away(since) if now.since(since) > QUEUE_AGE_OFFLINE => {
                return Verdict::Expired;
            }
            Client::Away(_) => QUEUE_AGE_OFFLINE,
        };
        while self.window.is_older_than(now, age) {
            if self.policy == OverflowPolicy::Disconnect {
                return Verdict::TooSlow;
            }
            self.window.lose_oldest();
        }
        Verdict::Keep
    }

    /// The connection that the client is behind.
    pub(super) fn attachment(&self) -> Option<(Incarnation, Generation)> {
        match self.client {
            Client::Attached(connection_point) => Some((connection_point, self.generation)),
            Client::Away(_) => None,
        }
    }

    /// The newest connection.
    pub(super) fn generation(&self) -> Generation {
        self.generation
    }

    /// Whether this is its token, compared in constant time.
    pub(super) fn has_token(&self, token: SessionToken) -> bool {
        let pairs = self.token.0.iter().zip(token.0);
        pairs.fold(0, |differs, (ours, theirs)| differs | (ours ^ theirs)) == 0
    }

    /// Whether a hit counts for this session.
    pub(super) fn wants(&self, hit: Hit) -> bool {
        self.list.wants(hit)
    }

    /// The subscriptions that are there.
    pub(super) fn subscriptions(&self) -> Vec<Hit> {
        self.list.live().collect()
    }

    /// What ends each subscription that is there.
    pub(super) fn removals(&self, id: SessionId) -> impl Iterator<Item = SubscriptionOperation> {
        let first = self.list.newest().0 + 1;
        let numbers = (first..).map(OperationNumber);
        self.list.live().zip(numbers).map(move |(hit, number)| {
            let subscription = SubscriptionId {
                session: id,
                number: hit.number,
            };
            removal(subscription, number)
        })
    }

    /// Adds its present values.
    pub(super) fn count(&self, stats: &mut ExitPointStats) {
        let (deliveries, bytes) = self.window.size();
        stats.queued_deliveries += deliveries as u64;
        stats.queued_bytes += bytes as u64;
        stats.filter_bytes += self.list.filter_bytes() as u64;
        stats.deliveries_lost += self.window.lost_count();
        stats.sessions_behind += u64::from(self.window.is_behind());
        stats.sessions_away += u64::from(self.attachment().is_none());
    }

    /// Adds the totals that outlive it.
    pub(super) fn bury(&self, stats: &mut ExitPointStats) {
        stats.deliveries_lost += self.window.lost_count();
    }
}

/// What takes back a subscription that was made for a session which is no more.
pub(super) fn removal_of(operation: &SubscriptionOperation) -> Option<SubscriptionOperation> {
    match operation.change {
        Change::Set(_) => Some(removal(operation.subscription, operation.number.next())),
        Change::Unset => None,
    }
}

fn removal(subscription: SubscriptionId, number: OperationNumber) -> SubscriptionOperation {
    SubscriptionOperation {
        subscription,
        number,
        unanswered_from: number,
        change: Change::Unset,
    }
}
