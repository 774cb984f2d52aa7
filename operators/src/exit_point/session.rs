//! One session: who may resume it, where its client is, what it subscribed to, what it has to get.
//!
//! ```text
//!  nothing ──Attach──────────────────────────────────────────────► Whole
//!  nothing ──Session, Registration or Hits──► Partial ── filled ─► Whole
//! ```
//!
//! `Partial` is a session at an exit point that is being filled: what comes of it is kept, and looked at when it is known
//! what was before. While it is not known whose it is either, it is a *shell*.

use alloc::sync::Arc;
use alloc::vec::Vec;

use gomera_model::lane::{Attach, DeliveryItem, FillPiece, Identity, OverflowPolicy};
use gomera_model::operation::{Change, Hit, StoredSubscription, SubscriptionOperation};
use gomera_model::{
    Cursor, Epoch, Generation, Incarnation, Notification, OperationNumber, Seq, SessionId,
    SessionToken, SubscriptionId, SubscriptionNumber, Time,
};

use super::confirm::Confirmation;
use super::list::SubscriptionList;
use super::stats::ExitPointStats;
use super::window::{Filled, Seen, Window};
use crate::limits::{QUEUE_AGE_CONNECTED, QUEUE_AGE_OFFLINE};
use crate::rules::{Rule, Rules};

/// A session.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// `None`: a shell.
    identity: Option<Identity>,
    client: Client,
    holding: Holding,
    list: SubscriptionList,
    window: Window,
    /// What the backup of its slot has yet to take.
    pub(super) confirmation: Confirmation,
}

/// Where the client is.
#[derive(Clone, Copy, Debug)]
enum Client {
    /// Behind this connection point, which knew this epoch when it said so.
    Attached(Incarnation, Epoch),
    /// Away since then, or with another exit point.
    Away(Time),
}

/// How much of the session is here.
#[derive(Clone, Debug)]
enum Holding {
    /// Everything.
    Whole,
    /// What came since this exit point is named for the slot.
    Partial(Partial),
}

/// What is put together when everything is here.
#[derive(Clone, Debug, Default)]
struct Partial {
    /// Registrations, in order.
    taken: Vec<SubscriptionOperation>,
    /// What was filled so far.
    filled: Filled,
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
    /// One whose client is here.
    pub(super) fn new(rules: Rules, connection_point: Incarnation, attach: &Attach) -> Self {
        Self {
            identity: Some(identity_of(attach)),
            client: Client::Attached(connection_point, attach.epoch),
            holding: Holding::Whole,
            list: SubscriptionList::default(),
            window: Window::new(rules),
            confirmation: Confirmation::default(),
        }
    }

    /// One of which nothing is known yet.
    pub(super) fn shell(rules: Rules, now: Time, is_whole: bool) -> Self {
        Self {
            identity: None,
            client: Client::Away(now),
            holding: if is_whole {
                Holding::Whole
            } else {
                Holding::Partial(Partial::default())
            },
            list: SubscriptionList::default(),
            window: Window::new(rules),
            confirmation: Confirmation::default(),
        }
    }

    /// It is known whose it is.
    pub(super) fn identify(&mut self, identity: Identity) {
        self.identity = Some(identity);
    }

    /// The session has ended elsewhere. Answers whether a subscription may be left that came here, and not there before
    /// the end: then it is a shell again, until it is known who takes it away. What ended is remembered too: a matcher may
    /// take a late operation on it still.
    pub(super) fn ended(&mut self, now: Time) -> bool {
        self.identity = None;
        self.client = Client::Away(now);
        self.window = Window::new(self.window.rules());
        match &self.holding {
            Holding::Whole => !self.list.is_empty(),
            Holding::Partial(partial) => !partial.taken.is_empty(),
        }
    }

    /// The client is here over a newer connection, or comes from another exit point with its old one. Answers the older
    /// one if it is still there.
    pub(super) fn resume(
        &mut self,
        connection_point: Incarnation,
        attach: &Attach,
    ) -> Option<(Incarnation, Generation)> {
        let replaced = self.attachment();
        self.identity = Some(identity_of(attach));
        self.client = Client::Attached(connection_point, attach.epoch);
        let sent = attach.moved.as_ref().map_or(&[][..], |moved| &moved.sent);
        self.window.resume(&attach.cursors, sent);
        replaced.filter(|(_, generation)| *generation != attach.generation)
    }

    /// The client's connection is gone.
    pub(super) fn detach(&mut self, now: Time, generation: Generation) {
        if self.attachment().is_some() && self.generation() == generation {
            self.leave(now);
        }
    }

    /// The client is away from here, whatever its connection.
    pub(super) fn leave(&mut self, now: Time) {
        self.client = Client::Away(now);
        self.window.take_back();
    }

    /// Takes an operation into the list; what has to be taken back at its matcher, if it came too late.
    pub(super) fn register(
        &mut self,
        operation: &SubscriptionOperation,
    ) -> Option<SubscriptionOperation> {
        if let Holding::Partial(partial) = &mut self.holding {
            partial.taken.push(operation.clone());
            return None;
        }
        let correction = self.list.correction(operation);
        self.list.take(operation);
        correction
    }

    /// Takes a piece of what another exit point has.
    pub(super) fn fill(&mut self, (now, before): (Time, Epoch), piece: FillPiece) {
        let Holding::Partial(partial) = &mut self.holding else {
            return;
        };
        match piece {
            FillPiece::Session {
                identity,
                cursors,
                newest,
            } => {
                self.identity = Some(identity);
                self.window.note_cursors(&cursors);
                self.list.restore_newest(newest);
            }
            FillPiece::Subscription {
                number,
                newest,
                live,
            } => self.list.restore(number, newest, live),
            FillPiece::Lost { gap, sent } => partial.filled.lost.push((gap, sent)),
            FillPiece::Item { item, was_sent } => partial.filled.items.push((item, was_sent)),
            FillPiece::End => self.complete(now, before),
        }
    }

    /// Everything is here: puts what was filled before what came meanwhile.
    pub(super) fn complete(&mut self, now: Time, before: Epoch) {
        let Holding::Partial(partial) = core::mem::replace(&mut self.holding, Holding::Whole)
        else {
            return;
        };
        for operation in &partial.taken {
            self.list.take(operation);
        }
        self.window.fill((now, before), partial.filled);
        let seen = self.seen();
        let list = &self.list;
        self.window.retain(seen, |hit| list.wants(hit));
    }

    /// All of it that an exit point does not have which takes part from this epoch on.
    pub(super) fn pieces(&self, before: Epoch) -> Vec<FillPiece> {
        let Some(identity) = self.identity else {
            return Vec::new();
        };
        let first = FillPiece::Session {
            identity,
            cursors: self.window.cursors(),
            newest: self.list.newest(),
        };
        core::iter::once(first)
            .chain(self.list.pieces())
            .chain(self.window.pieces(before))
            .chain([FillPiece::End])
            .collect()
    }

    /// Queues a notification with what matched.
    pub(super) fn queue(
        &mut self,
        now: Time,
        notification: &Arc<Notification>,
        hits: Vec<Hit>,
    ) -> Verdict {
        let seen = self.seen();
        self.window.push(now, notification, hits, seen);
        while self.window.is_over_limit() {
            if self.policy() == OverflowPolicy::Disconnect {
                return Verdict::TooSlow;
            }
            self.window.lose_oldest(false);
        }
        Verdict::Keep
    }

    /// Queues what another exit point delivers; what it loses here is lost here alone.
    pub(super) fn queue_copy(
        &mut self,
        now: Time,
        notification: &Arc<Notification>,
        hits: Vec<Hit>,
    ) {
        let seen = self.seen();
        self.window.push(now, notification, hits, seen);
        while self.window.is_over_limit_of_copy() {
            self.window.lose_oldest(true);
        }
    }

    /// The next item that may be sent now.
    pub(super) fn next_to_send(&mut self, now: Time) -> Option<DeliveryItem> {
        let seen = self.seen();
        let list = &self.list;
        let holds = !self.window.rules().broken(Rule::HoldUntilConfirmed);
        let bound = self.confirmation.bound().filter(|_| holds);
        self.window
            .next_to_send(now, (seen, bound), |hit| list.wants(hit))
    }

    /// The client has processed up to these.
    pub(super) fn acknowledge(&mut self, cursors: &[Cursor]) {
        self.window.acknowledge(cursors);
    }

    /// Another exit point says that the client has processed up to these.
    pub(super) fn safe(&mut self, cursors: &[Cursor]) {
        self.window.safe(cursors);
    }

    /// Looks for what has grown too old, where another exit point delivers. A shell that nobody names goes.
    pub(super) fn sweep_copy(&mut self, now: Time) -> Verdict {
        if let (None, Client::Away(since)) = (self.identity, self.client)
            && now.since(since) > QUEUE_AGE_OFFLINE
        {
            return Verdict::Expired;
        }
        while self.window.is_older_than(now, QUEUE_AGE_OFFLINE) {
            self.window.lose_oldest(true);
        }
        Verdict::Keep
    }

    /// Looks for what has grown too old.
    pub(super) fn sweep(&mut self, now: Time) -> Verdict {
        let age = match self.client {
            Client::Attached(..) => QUEUE_AGE_CONNECTED,
            Client::Away(since) if now.since(since) > QUEUE_AGE_OFFLINE => {
                return Verdict::Expired;
            }
            Client::Away(_) => QUEUE_AGE_OFFLINE,
        };
        while self.window.is_older_than(now, age) {
            if self.policy() == OverflowPolicy::Disconnect {
                return Verdict::TooSlow;
            }
            self.window.lose_oldest(false);
        }
        Verdict::Keep
    }

    /// The connection that the client is behind.
    pub(super) fn attachment(&self) -> Option<(Incarnation, Generation)> {
        match self.client {
            Client::Attached(connection_point, _) => Some((connection_point, self.generation())),
            Client::Away(_) => None,
        }
    }

    /// The epoch of the attachment; zero if the client is away.
    pub(super) fn attached_in(&self) -> Epoch {
        match self.client {
            Client::Attached(_, epoch) => epoch,
            Client::Away(_) => Epoch(0),
        }
    }

    /// Whose it is; `None` for a shell.
    pub(super) fn identity(&self) -> Option<Identity> {
        self.identity
    }

    /// The newest connection; zero for a shell.
    pub(super) fn generation(&self) -> Generation {
        self.identity
            .map_or(Generation::default(), |identity| identity.generation)
    }

    /// How far the client has processed.
    pub(super) fn cursors(&self) -> Vec<Cursor> {
        self.window.cursors()
    }

    /// Whether this operation of a subscription, or a later one, was taken.
    pub(super) fn has_taken(&self, operation: OperationNumber, number: SubscriptionNumber) -> bool {
        self.list.has_taken(operation, number)
    }

    /// Whether this very operation was the last of its subscription that was taken.
    pub(super) fn is_newest(&self, operation: OperationNumber, number: SubscriptionNumber) -> bool {
        self.list.is_newest(operation, number)
    }

    /// Whether this is its token, compared in constant time.
    pub(super) fn has_token(&self, token: SessionToken) -> bool {
        let Some(identity) = self.identity else {
            return false;
        };
        let pairs = identity.token.0.iter().zip(token.0);
        pairs.fold(0, |differs, (ours, theirs)| differs | (ours ^ theirs)) == 0
    }

    /// Whether a hit counts for this session. Where the list is not known yet each may.
    pub(super) fn wants(&self, hit: Hit) -> bool {
        match self.holding {
            Holding::Whole => self.list.wants(hit),
            Holding::Partial(_) => true,
        }
    }

    /// The subscriptions that are there.
    pub(super) fn subscriptions(&self) -> Vec<Hit> {
        self.live().collect()
    }

    /// The same, one after the other.
    pub(super) fn live(&self) -> impl Iterator<Item = Hit> {
        self.list.live()
    }

    /// The subscriptions that are there, as their matchers hold them.
    pub(super) fn stored(&self, id: SessionId) -> impl Iterator<Item = StoredSubscription> {
        self.list.stored(id)
    }

    /// What an access point stamped from `first` on comes again under another stamp.
    pub(super) fn take_back_from(&mut self, access_point: Incarnation, first: Seq) {
        self.window.take_back_from(access_point, first);
    }

    /// Who delivers had released lost access points up to these, and nothing behind.
    pub(super) fn drop_beyond(&mut self, marks: &[Cursor]) {
        for mark in marks {
            self.window
                .take_back_from(mark.access_point, mark.seq.next());
        }
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

    /// What ends each subscription of which it is known, also once more: a matcher may have taken a late one since, even
    /// under the number that ended it, because who ended the session did not know what its client had asked last.
    pub(super) fn removals_of_shell(&self, id: SessionId) -> Vec<SubscriptionOperation> {
        let ended = self.list.ended().map(|hit| {
            let subscription = SubscriptionId {
                session: id,
                number: hit.number,
            };
            removal(subscription, hit.operation.next())
        });
        self.removals(id).chain(ended).collect()
    }

    /// Adds its present values.
    pub(super) fn count(&self, delivers: bool, stats: &mut ExitPointStats) {
        let (deliveries, bytes) = self.window.size();
        stats.queued_deliveries += deliveries as u64;
        stats.queued_bytes += bytes as u64;
        stats.filter_bytes += self.list.filter_bytes() as u64;
        if !delivers {
            stats.copies += 1;
            return;
        }
        stats.sessions += 1;
        stats.deliveries_lost += self.window.lost_count();
        stats.sessions_behind += u64::from(self.window.is_behind());
        stats.sessions_away += u64::from(self.attachment().is_none());
    }

    /// Deliveries and bytes, waiting or in flight.
    pub(super) fn size(&self) -> (usize, usize) {
        self.window.size()
    }

    fn seen(&self) -> Seen {
        Seen {
            removals: self.list.removals(),
            operations: self.confirmation.count(),
        }
    }

    fn policy(&self) -> OverflowPolicy {
        self.identity
            .map_or(OverflowPolicy::default(), |identity| identity.policy)
    }

    /// Adds the totals that outlive it.
    pub(super) fn bury(&self, stats: &mut ExitPointStats) {
        stats.deliveries_lost += self.window.lost_count();
    }
}

/// What takes away a subscription of a session that nobody knows, as a hit names it.
pub(super) fn removal_of_hit(session: SessionId, hit: Hit) -> SubscriptionOperation {
    let subscription = SubscriptionId {
        session,
        number: hit.number,
    };
    removal(subscription, hit.operation.next())
}

/// What takes back a subscription that was made for a session which is no more.
pub(super) fn removal_of(operation: &SubscriptionOperation) -> Option<SubscriptionOperation> {
    match operation.change {
        Change::Set(_) => Some(removal(operation.subscription, operation.number.next())),
        Change::Unset => None,
    }
}

fn identity_of(attach: &Attach) -> Identity {
    Identity {
        token: attach.token,
        policy: attach.policy,
        generation: attach.generation,
    }
}

/// Nobody asked for it: it says nothing of what the client has been answered, and no tombstone goes for it.
fn removal(subscription: SubscriptionId, number: OperationNumber) -> SubscriptionOperation {
    SubscriptionOperation {
        subscription,
        number,
        unanswered_from: OperationNumber(0),
        change: Change::Unset,
    }
}
