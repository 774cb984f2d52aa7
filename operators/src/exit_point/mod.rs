//! Exit point: joins what the matchers found for a notification, releases in the order of `seq`, and is the home of
//! sessions: subscription list, window, cursor, queue.
//!
//! ```text
//!  Hits ──► Join (one per access point) ── every matcher of the stamp is that far ──► release
//!                                                                                       │
//!             Deliveries to the connection point ◄── pump ◄── queue of each session ◄───┘
//! ```
//!
//! ```text
//!           Topology(e+1)            FLIP of every AP through every matcher,
//!  Settled ───────────────► Closing ─── and all before it released ─────────► Settled
//! ```

mod attachment;
mod confirm;
mod fill;
mod holdings;
mod join;
mod list;
mod loss;
mod operation;
mod pair;
mod restore;
mod roles;
mod session;
mod sessions;
mod stats;
mod window;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use gomera_model::control::Control;
use gomera_model::lane::{
    AccessPointFrame, BackupFrame, ConnectionPointFrame, Delivery, ExitPointFrame, LaneFrame,
    Matched,
};
use gomera_model::operation::{Hit, SubscriptionOperation};
use gomera_model::silbo::RefusalCode;
use gomera_model::{
    Cursor, Epoch, Incarnation, Notification, OperationNumber, Seq, SessionId, SubscriptionId, Time,
};

use crate::effect::{Effect, Effects};
use crate::epochs::Epochs;
use crate::limits::SWEEP_INTERVAL;
use crate::routing;
use crate::rules::{Rule, Rules};
use attachment::{Connection, Waiting};
use fill::Fill;
use join::{Join, Pending};
use operation::Closing;
use restore::Question;
use roles::Roles;
use session::{Session, Verdict};
use sessions::Sessions;

pub use stats::ExitPointStats;

/// An exit point.
#[derive(Clone, Debug)]
pub struct ExitPoint {
    own: Incarnation,
    rules: Rules,
    epochs: Epochs,
    /// Epochs whose predecessors are not through, oldest first.
    closings: VecDeque<Closing>,
    /// What it is for each session slot.
    roles: Roles,
    /// What it ships to exit points that are newly named for its slots.
    fills: Vec<Fill>,
    /// One for each access point.
    joins: BTreeMap<Incarnation, Join>,
    /// What waits for a topology, by the matcher whose lane it came in.
    stalled: BTreeMap<Incarnation, Vec<ExitPointFrame>>,
    sessions: Sessions,
    /// Clients that came before their session is this one's to deliver.
    waiting: Vec<Waiting>,
    /// The same for those that have ended their session elsewhere.
    byes: Vec<Connection>,
    /// Sessions whose clients have processed more in this turn.
    progressed: BTreeSet<SessionId>,
    /// Sessions with operations that the backup has not confirmed.
    unconfirmed: BTreeSet<SessionId>,
    /// New sessions that the backup does not know yet, with the epochs of their attachments.
    unannounced: BTreeMap<SessionId, Epoch>,
    /// What was taken in this turn as a backup, by primary.
    confirmations: BTreeMap<Incarnation, Vec<(SubscriptionId, OperationNumber)>>,
    /// Registrations of new owners, in order, until the old ones have passed every FLIP.
    early: Vec<(Incarnation, SubscriptionOperation)>,
    /// What this exit point itself takes away, until a matcher has done so: it may be lost with its access point.
    removing: BTreeMap<SubscriptionId, SubscriptionOperation>,
    /// Deliveries of this turn, by connection point.
    deliveries: BTreeMap<Incarnation, Vec<Delivery>>,
    /// What primaries said of lost access points in a topology that is not here yet.
    early_marks: Vec<(Incarnation, Epoch, Vec<Cursor>)>,
    /// What new owners of slots asked under a topology that is not here yet.
    early_questions: Vec<Question>,
    /// When the next sweep is due, if one is asked for.
    sweeps: Option<Time>,
    stats: ExitPointStats,
}

impl ExitPoint {
    /// One that knows nothing yet; its first input is the topology. `seed` keys its hash tables.
    #[must_use]
    pub fn new(incarnation: Incarnation, seed: u64) -> Self {
        Self {
            own: incarnation,
            rules: Rules::default(),
            epochs: Epochs::default(),
            closings: VecDeque::new(),
            roles: Roles::new(incarnation),
            fills: Vec::new(),
            joins: BTreeMap::new(),
            stalled: BTreeMap::new(),
            sessions: Sessions::new(seed),
            waiting: Vec::new(),
            byes: Vec::new(),
            progressed: BTreeSet::new(),
            unconfirmed: BTreeSet::new(),
            unannounced: BTreeMap::new(),
            confirmations: BTreeMap::new(),
            early: Vec::new(),
            removing: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            early_marks: Vec::new(),
            early_questions: Vec::new(),
            sweeps: None,
            stats: ExitPointStats::default(),
        }
    }

    /// With a rule of the protocol taken away.
    #[must_use]
    pub fn with_rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self.sessions = self.sessions.with_rules(rules);
        self.roles.waits_for_yield = !rules.broken(Rule::WaitForYield);
        self.roles.waits_for_matchers = !rules.broken(Rule::WaitForMatchers);
        self
    }

    /// A frame has come in the lane from an instance.
    pub fn receive(
        &mut self,
        now: Time,
        from: Incarnation,
        frame: ExitPointFrame,
        effects: &mut Effects,
    ) {
        if self.epochs.retires(from) && !self.rules.broken(Rule::RefuseRetired) {
            self.stats.refused_frames += 1;
            return;
        }
        match frame {
            ExitPointFrame::Hits { .. }
            | ExitPointFrame::Registration(_)
            | ExitPointFrame::Flip { .. }
            | ExitPointFrame::Restart { .. } => self.matcher_says(now, from, frame, effects),
            ExitPointFrame::Attach(attach) => self.attach(now, from, attach, effects),
            ExitPointFrame::Detach {
                session,
                generation,
            } => self.detach(now, from, (session, generation)),
            ExitPointFrame::EndSession {
                session,
                generation,
            } => self.bye(from, (session, generation), effects),
            ExitPointFrame::Acknowledge {
                session,
                generation,
                cursors,
            } => self.acknowledge(now, from, (session, generation), &cursors),
            ExitPointFrame::Compare { epoch, slots } => {
                self.compare((from, epoch, slots), effects);
            }
            ExitPointFrame::Backup(frame) => self.exit_point_says(now, from, frame, effects),
        }
    }

    /// The coordinator says something.
    pub fn control(&mut self, now: Time, control: Control, effects: &mut Effects) {
        match control {
            Control::Topology(topology) => self.topology(now, &topology, effects),
            Control::Prepare(plan) => self.prepare(&plan, effects),
            Control::Copy(_) | Control::Close(_) | Control::Abort(_) => {}
        }
    }

    /// No further input is waiting: deliveries go out, access points hear how far this one is.
    pub fn turn_ended(&mut self, now: Time, effects: &mut Effects) {
        self.finish_closing(effects);
        self.tell_progress(effects);
        self.send_confirmations(effects);
        self.send_fills(now, effects);
        let epoch = self.epochs.newest_epoch();
        for (&access_point, join) in &mut self.joins {
            if let Some((seq, matched)) = join.news() {
                let frame = AccessPointFrame::Released {
                    epoch,
                    seq,
                    matched,
                };
                effects.send(access_point, LaneFrame::AccessPoint(frame));
            }
        }
        while let Some((connection_point, deliveries)) = self.deliveries.pop_first() {
            let frame = ConnectionPointFrame::Deliveries(deliveries);
            effects.send(connection_point, LaneFrame::ConnectionPoint(frame));
        }
    }

    /// A time that it asked for has come: what has grown too old goes. The end of the turn does what else there is.
    pub fn wake(&mut self, now: Time, effects: &mut Effects) {
        let Some(due) = self.sweeps else {
            return;
        };
        if due > now {
            // A wake fulfils all wishes, also the later ones.
            return effects.push(Effect::WakeAt(due));
        }
        self.sweeps = None;
        for session in self.sessions.ids() {
            if !self.delivers(session.slot()) {
                self.sweep_copy(now, session);
                continue;
            }
            let verdict = self
                .sessions
                .get_mut(session)
                .map(|session| session.sweep(now));
            match verdict {
                Some(Verdict::TooSlow) => self.end_session(session, RefusalCode::TooSlow, effects),
                Some(Verdict::Expired) => {
                    self.stats.sessions_expired += 1;
                    self.end_session(session, RefusalCode::Ended, effects);
                }
                Some(Verdict::Keep) => self.pump(now, session),
                None => {}
            }
        }
        self.ask_for_sweep(now, effects);
    }

    /// The newest epoch that it knows; zero before the first topology.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epochs.newest_epoch()
    }

    /// What it counted.
    #[must_use]
    pub fn stats(&self) -> ExitPointStats {
        let mut stats = self.stats.clone();
        self.sessions
            .count(|session| self.delivers(session.slot()), &mut stats);
        stats
    }

    /// A session's subscriptions and the operations that set them, as its list has them.
    #[must_use]
    pub fn subscriptions(&self, session: SessionId) -> Vec<gomera_model::operation::Hit> {
        self.sessions
            .get(session)
            .map(Session::subscriptions)
            .unwrap_or_default()
    }

    /// Where it stands in a change of topology, as the drawing above names it.
    #[must_use]
    pub fn phase(&self) -> &'static str {
        if self.closings.is_empty() {
            "Settled"
        } else {
            "Closing"
        }
    }

    fn in_order(
        &mut self,
        now: Time,
        from: Incarnation,
        frame: ExitPointFrame,
        effects: &mut Effects,
    ) {
        match frame {
            ExitPointFrame::Hits {
                access_point,
                matched,
                done,
            } => self.hits(now, (from, access_point), matched, done, effects),
            ExitPointFrame::Registration(operation) => {
                self.registration(now, from, *operation, effects);
            }
            ExitPointFrame::Flip {
                access_point,
                epoch,
                first,
            } => self.flipped(now, (from, access_point), epoch, first, effects),
            ExitPointFrame::Restart {
                access_point,
                epoch,
                first,
            } => self.restarted(now, (from, access_point), (epoch, first), effects),
            ExitPointFrame::Attach(_)
            | ExitPointFrame::Detach { .. }
            | ExitPointFrame::EndSession { .. }
            | ExitPointFrame::Acknowledge { .. }
            | ExitPointFrame::Compare { .. }
            | ExitPointFrame::Backup(_) => {
                unreachable!("these do not wait for a place in a matcher's lane")
            }
        }
    }

    fn hits(
        &mut self,
        now: Time,
        (matcher, access_point): (Incarnation, Incarnation),
        matched: Vec<Matched>,
        done: Seq,
        effects: &mut Effects,
    ) {
        let join = self.joins.get_mut(&access_point);
        let Some(join) = join.filter(|join| join.hears(matcher)) else {
            self.stats.refused_frames += 1;
            return;
        };
        if self.rules.broken(Rule::ReleaseInOrder) {
            for matched in matched {
                self.deliver(now, matched.into(), effects);
            }
            self.release(now, (matcher, access_point), done, effects);
            return;
        }
        join.add(matched);
        self.release(now, (matcher, access_point), done, effects);
    }

    /// A matcher is done up to `done`: releases what every matcher of the stamp is done with.
    fn release(
        &mut self,
        now: Time,
        (matcher, access_point): (Incarnation, Incarnation),
        done: Seq,
        effects: &mut Effects,
    ) {
        let under_stamp = !self.rules.broken(Rule::JoinUnderStamp);
        let held_back = self.held_back(access_point);
        let Some(join) = self.joins.get_mut(&access_point) else {
            return;
        };
        if join.hears(matcher) {
            join.done(matcher, done);
        }
        let released = join.release(&self.epochs, under_stamp, held_back);
        for pending in released {
            self.deliver(now, pending, effects);
        }
    }

    /// A notification is released: every session gets it once, with its subscriptions that matched.
    fn deliver(&mut self, now: Time, mut pending: Pending, effects: &mut Effects) {
        let stamp = pending.notification.stamp;
        let stamped = Arc::clone(self.epochs.at(stamp.epoch));
        let mut count = 0;
        pending.merge();
        for (id, hits) in pending.sessions {
            let hits = self.wanted(now, id, hits, effects);
            if hits.is_empty() {
                continue;
            }
            if stamped.exit_points(id.slot()).primary == self.own {
                count += u32::try_from(hits.len()).expect("one hit a subscription of a session");
            }
            self.queue(now, id, (&pending.notification, hits), effects);
        }
        self.stats.released += 1;
        if count > 0
            && let Some(join) = self.joins.get_mut(&stamp.access_point)
        {
            join.matched(stamp.seq, count);
        }
    }

    /// The hits that count for a session. Where its slot is being filled it may not be known yet.
    fn wanted(
        &mut self,
        now: Time,
        id: SessionId,
        mut hits: Vec<Hit>,
        effects: &mut Effects,
    ) -> Vec<Hit> {
        if self.sessions.get(id).is_none() {
            if self.roles.is_bereaved(id.slot()) {
                self.end_unknown(id, &hits, effects);
            }
            if self.roles.is_whole(id.slot()) || self.rules.broken(Rule::KeepShells) {
                return Vec::new();
            }
            self.sessions.get_or_shell(now, id, false);
            self.ask_for_sweep(now, effects);
        }
        if !self.rules.broken(Rule::OnlyListed)
            && let Some(session) = self.sessions.get(id)
        {
            hits.retain(|hit| session.wants(*hit));
        }
        hits
    }

    /// Queues a notification for a session, here to be delivered or as a copy of what another one delivers.
    fn queue(
        &mut self,
        now: Time,
        id: SessionId,
        (notification, hits): (&Arc<Notification>, Vec<Hit>),
        effects: &mut Effects,
    ) {
        let delivers = self.delivers(id.slot());
        let is_named = roles::names(self.epochs.newest().exit_points(id.slot()), self.own);
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        if !delivers {
            if is_named {
                session.queue_copy(now, notification, hits);
            }
            return;
        }
        match session.queue(now, notification, hits) {
            Verdict::Keep => self.pump(now, id),
            Verdict::TooSlow | Verdict::Expired => {
                self.end_session(id, RefusalCode::TooSlow, effects);
            }
        }
    }

    /// Sends what the session's window lets through.
    fn pump(&mut self, now: Time, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let Some((connection_point, generation)) = session.attachment() else {
            return;
        };
        while let Some(item) = session.next_to_send(now) {
            let out = self.deliveries.entry(connection_point).or_default();
            out.push(Delivery {
                session: id,
                generation,
                item,
            });
            self.stats.deliveries += 1;
        }
    }

    /// A matcher took an operation: the list takes it, the client hears of it.
    fn register(&mut self, now: Time, operation: SubscriptionOperation, effects: &mut Effects) {
        let id = operation.session();
        self.has_removed(&operation);
        if self.sessions.get(id).is_none() {
            if self.delivers(id.slot()) {
                return self.register_orphan(&operation, effects);
            }
            if !self.may_be_named(id.slot()) || self.rules.broken(Rule::KeepShells) {
                return;
            }
            self.ask_for_sweep(now, effects);
        }
        let is_whole = self.roles.is_whole(id.slot());
        let session = self.sessions.get_or_shell(now, id, is_whole);
        let was_taken = session.has_taken(operation.number, operation.subscription.number);
        let correction = session.register(&operation);
        self.stats.registrations += 1;
        self.note_confirmation(&operation);
        if self.may_answer(&operation, was_taken) {
            self.answer(id, operation.number, effects);
        }
        if let Some(correction) = correction
            && self.corrects(id.slot())
        {
            self.unsubscribe([correction].into(), effects);
        }
    }

    /// Takes away what a session was subscribed to of which nobody knows whose it is.
    fn end_orphan(&mut self, id: SessionId, effects: &mut Effects) {
        self.unconfirmed.remove(&id);
        let Some(session) = self.sessions.remove(id) else {
            return;
        };
        let removals = session.removals_of_shell(id);
        self.stats.orphans += removals.len() as u64;
        if !removals.is_empty() {
            self.unsubscribe(removals, effects);
        }
    }

    /// A matcher holds subscriptions of a session that was lost with its exit point.
    fn end_unknown(&mut self, session: SessionId, hits: &[Hit], effects: &mut Effects) {
        let removals: Vec<_> = (hits.iter())
            .map(|hit| session::removal_of_hit(session, *hit))
            .collect();
        self.stats.orphans += removals.len() as u64;
        if !removals.is_empty() {
            self.unsubscribe(removals, effects);
        }
    }

    /// A subscription of a session that has ended meanwhile has to go again.
    fn register_orphan(&mut self, operation: &SubscriptionOperation, effects: &mut Effects) {
        if let Some(removal) = session::removal_of(operation) {
            self.stats.orphans += 1;
            self.unsubscribe([removal].into(), effects);
        }
    }

    /// Takes subscriptions away, all of one session, by the way of every operation.
    fn unsubscribe(&mut self, operations: Vec<SubscriptionOperation>, effects: &mut Effects) {
        let session = operations[0].session();
        for operation in &operations {
            self.removing
                .insert(operation.subscription, operation.clone());
        }
        let access_point = routing::of_session(self.epochs.newest(), session);
        let frame = AccessPointFrame::Unsubscribe {
            epoch: self.epochs.newest_epoch(),
            operations,
        };
        effects.send(access_point, LaneFrame::AccessPoint(frame));
    }

    /// Appends a frame to the lane to a connection point, behind the deliveries that this turn has gathered for it.
    fn send_behind_deliveries(
        &mut self,
        connection_point: Incarnation,
        frame: ConnectionPointFrame,
        effects: &mut Effects,
    ) {
        if let Some(deliveries) = self.deliveries.remove(&connection_point)
            && !deliveries.is_empty()
        {
            let before = ConnectionPointFrame::Deliveries(deliveries);
            effects.send(connection_point, LaneFrame::ConnectionPoint(before));
        }
        effects.send(connection_point, LaneFrame::ConnectionPoint(frame));
    }

    fn ask_for_sweep(&mut self, now: Time, effects: &mut Effects) {
        if self.sweeps.is_none() && self.sessions.len() > 0 {
            let due = now + SWEEP_INTERVAL;
            self.sweeps = Some(due);
            effects.push(Effect::WakeAt(due));
        }
    }
}

/// Appends a frame to the lane to another exit point.
fn to_exit_point(to: Incarnation, frame: BackupFrame, effects: &mut Effects) {
    effects.send(to, LaneFrame::ExitPoint(ExitPointFrame::Backup(frame)));
}
