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

mod join;
mod list;
mod operation;
mod session;
mod sessions;
mod stats;
mod window;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use gomera_model::control::Control;
use gomera_model::lane::{
    AccessPointFrame, Attach, ConnectionPointFrame, Delivery, ExitPointFrame, LaneFrame, Matched,
};
use gomera_model::operation::SubscriptionOperation;
use gomera_model::silbo::RefusalCode;
use gomera_model::{Cursor, Epoch, Generation, Incarnation, Seq, SessionId, Time};

use crate::effect::{Effect, Effects};
use crate::epochs::Epochs;
use crate::limits::SWEEP_INTERVAL;
use crate::routing;
use crate::rules::{Rule, Rules};
use join::{Join, Pending};
use operation::Phase;
use session::{Session, Verdict};
use sessions::Sessions;

pub use stats::ExitPointStats;

/// An exit point.
#[derive(Debug)]
pub struct ExitPoint {
    rules: Rules,
    epochs: Epochs,
    phase: Phase,
    /// One for each access point.
    joins: BTreeMap<Incarnation, Join>,
    /// What waits for a topology, by the matcher whose lane it came in.
    stalled: BTreeMap<Incarnation, Vec<ExitPointFrame>>,
    sessions: Sessions,
    /// Registrations of new owners, in order, until the old ones have passed every FLIP.
    early: Vec<(Incarnation, SubscriptionOperation)>,
    /// Deliveries of this turn, by connection point.
    deliveries: BTreeMap<Incarnation, Vec<Delivery>>,
    /// Whether a sweep is asked for.
    sweeps: bool,
    stats: ExitPointStats,
}

impl ExitPoint {
    /// One that knows nothing yet; its first input is the topology. `seed` keys its hash tables.
    #[must_use]
    pub fn new(_: Incarnation, seed: u64) -> Self {
        Self {
            rules: Rules::default(),
            epochs: Epochs::default(),
            phase: Phase::Settled,
            joins: BTreeMap::new(),
            stalled: BTreeMap::new(),
            sessions: Sessions::new(seed),
            early: Vec::new(),
            deliveries: BTreeMap::new(),
            sweeps: false,
            stats: ExitPointStats::default(),
        }
    }

    /// With a rule of the protocol taken away.
    #[must_use]
    pub fn with_rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
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
        match frame {
            ExitPointFrame::Hits { .. }
            | ExitPointFrame::Registration(_)
            | ExitPointFrame::Flip { .. } => self.matcher_says(now, from, frame, effects),
            ExitPointFrame::Attach(attach) => self.attach(now, from, attach, effects),
            ExitPointFrame::Detach {
                session,
                generation,
            } => self.sessions.detach(now, session, generation),
            ExitPointFrame::EndSession {
                session,
                generation,
            } => {
                if self.sessions.is_attached(session, generation) {
                    self.end_session(session, RefusalCode::Ended, effects);
                }
            }
            ExitPointFrame::Acknowledge {
                session,
                generation,
                cursors,
            } => self.acknowledge(now, (session, generation), &cursors),
        }
    }

    /// The coordinator says something.
    pub fn control(&mut self, now: Time, control: Control, effects: &mut Effects) {
        match control {
            Control::Topology(topology) => self.topology(now, &topology, effects),
            Control::Prepare(_) | Control::Copy(_) | Control::Close(_) | Control::Abort(_) => {}
        }
    }

    /// No further input is waiting: deliveries go out, access points hear how far this one is.
    pub fn turn_ended(&mut self, _: Time, effects: &mut Effects) {
        self.finish_closing(effects);
        let epoch = self.epochs.newest().epoch;
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

    /// A time that it asked for has come: what has grown too old goes.
    pub fn wake(&mut self, now: Time, effects: &mut Effects) {
        self.sweeps = false;
        for session in self.sessions.ids() {
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
        stats.sessions = self.sessions.len() as u64;
        self.sessions.count(&mut stats);
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
        self.phase.name()
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
                self.registration(from, *operation, effects);
            }
            ExitPointFrame::Flip {
                access_point,
                epoch,
                first,
            } => self.flipped(now, (from, access_point), epoch, first, effects),
            ExitPointFrame::Attach(_)
            | ExitPointFrame::Detach { .. }
            | ExitPointFrame::EndSession { .. }
            | ExitPointFrame::Acknowledge { .. } => {
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
        let Some(join) = self.joins.get_mut(&access_point) else {
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
        join.done(matcher, done);
        let released = join.release(&self.epochs, under_stamp, held_back);
        for pending in released {
            self.deliver(now, pending, effects);
        }
    }

    /// A notification is released: every session gets it once, with its subscriptions that matched.
    fn deliver(&mut self, now: Time, mut pending: Pending, effects: &mut Effects) {
        let checks_list = !self.rules.broken(Rule::OnlyListed);
        let stamp = pending.notification.stamp;
        let mut count = 0;
        pending.merge();
        for (id, mut hits) in pending.sessions {
            let Some(session) = self.sessions.get_mut(id) else {
                continue;
            };
            if checks_list {
                hits.retain(|hit| session.wants(*hit));
            }
            if hits.is_empty() {
                continue;
            }
            count += u32::try_from(hits.len()).expect("bounded by SUBSCRIPTIONS_PER_SESSION_MAX");
            match session.queue(now, &pending.notification, hits) {
                Verdict::Keep => self.pump(now, id),
                Verdict::TooSlow | Verdict::Expired => {
                    self.end_session(id, RefusalCode::TooSlow, effects);
                }
            }
        }
        self.stats.released += 1;
        if count > 0
            && let Some(join) = self.joins.get_mut(&stamp.access_point)
        {
            join.matched(stamp.seq, count);
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
    pub(super) fn register(&mut self, operation: SubscriptionOperation, effects: &mut Effects) {
        let id = operation.session();
        let Some(session) = self.sessions.get_mut(id) else {
            return self.register_orphan(&operation, effects);
        };
        let correction = session.register(&operation);
        self.stats.registrations += 1;
        if let Some((connection_point, generation)) = session.attachment() {
            let answered = ConnectionPointFrame::Answered {
                session: id,
                generation,
                operation: operation.number,
                refused: None,
            };
            self.send_behind_deliveries(connection_point, answered, effects);
        }
        if let Some(correction) = correction {
            self.unsubscribe([correction].into(), effects);
        }
    }

    /// A subscription of a session that has ended meanwhile has to go again.
    fn register_orphan(&mut self, operation: &SubscriptionOperation, effects: &mut Effects) {
        if let Some(removal) = session::removal_of(operation) {
            self.stats.orphans += 1;
            self.unsubscribe([removal].into(), effects);
        }
    }

    fn attach(&mut self, now: Time, from: Incarnation, attach: Attach, effects: &mut Effects) {
        let (id, generation) = (attach.session, attach.generation);
        match self.sessions.attach(from, &attach) {
            Ok(attached) => {
                if let Some((connection_point, generation)) = attached.replaced {
                    let detached = ConnectionPointFrame::Detached {
                        session: id,
                        generation,
                        code: RefusalCode::TakenOver,
                    };
                    self.send_behind_deliveries(connection_point, detached, effects);
                }
                let frame = ConnectionPointFrame::Attached {
                    session: id,
                    generation,
                    resumed: attached.resumed,
                };
                self.send_behind_deliveries(from, frame, effects);
                self.pump(now, id);
                self.ask_for_sweep(now, effects);
            }
            Err(code) => {
                self.stats.attachments_refused += 1;
                let frame = ConnectionPointFrame::Detached {
                    session: id,
                    generation,
                    code,
                };
                self.send_behind_deliveries(from, frame, effects);
            }
        }
    }

    fn acknowledge(
        &mut self,
        now: Time,
        (id, generation): (SessionId, Generation),
        cursors: &[Cursor],
    ) {
        if !self.sessions.is_attached(id, generation) {
            return;
        }
        if let Some(session) = self.sessions.get_mut(id) {
            session.acknowledge(cursors);
            self.pump(now, id);
        }
    }

    /// The session is no more: its connection is told, its subscriptions go.
    fn end_session(&mut self, id: SessionId, code: RefusalCode, effects: &mut Effects) {
        let Some(session) = self.sessions.remove(id) else {
            return;
        };
        session.bury(&mut self.stats);
        if code == RefusalCode::TooSlow {
            self.stats.disconnected_slow += 1;
        }
        if let Some((connection_point, generation)) = session.attachment() {
            let detached = ConnectionPointFrame::Detached {
                session: id,
                generation,
                code,
            };
            self.send_behind_deliveries(connection_point, detached, effects);
        }
        let removals: Vec<SubscriptionOperation> = session.removals(id).collect();
        if !removals.is_empty() {
            self.unsubscribe(removals, effects);
        }
        let frame = AccessPointFrame::SessionEnded(id);
        let access_point = routing::of_session(self.epochs.newest(), id);
        effects.send(access_point, LaneFrame::AccessPoint(frame));
    }

    /// Takes subscriptions away, all of one session, by the way of every operation.
    fn unsubscribe(&mut self, operations: Vec<SubscriptionOperation>, effects: &mut Effects) {
        let session = operations[0].session();
        let access_point = routing::of_session(self.epochs.newest(), session);
        let frame = AccessPointFrame::Unsubscribe(operations);
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
        if !self.sweeps && self.sessions.len() > 0 {
            self.sweeps = true;
            effects.push(Effect::WakeAt(now + SWEEP_INTERVAL));
        }
    }
}
