//! Matcher: holds a partition of all filters in one index, and matches every notification against it.
//!
//! A hit counts only where its slot is this matcher's own under the stamped epoch, so slots may lie in two matchers
//! at once while they move.
//!
//! ```text
//!           Prepare          Topology(e+1)          FLIP of every AP       dropped
//!  Settled ─────────► Moving ─────────────► Flipping ────────────────► Dropping ──────► Settled
//!     ▲                 │ copies, follows, ends                           ▲
//!     └── dropped ── Dropping ◄──Abort                                    │
//!     └───────────────── Topology(e+1), nothing planned ─► Flipping ──────┘
//! ```
//!
//! A further topology may come at any time: then there are several changes in flight, and they end in their order.
//! Where the owner of gained slots was lost, nothing of the new epoch is looked at before the exit points have compared
//! what is here with what their sessions have there.

mod closing;
mod holdings;
mod lane;
mod operation;
mod pace;
mod restore;
mod snapshot;
mod standby;
mod stats;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use gomera_matching::{CpuLevel, Hits, Index, SlotSet};
use gomera_model::control::{Control, Plan};
use gomera_model::lane::{ExitPointFrame, LaneFrame, Matched, MatcherFrame};
use gomera_model::operation::{Change, SubscriptionOperation};
use gomera_model::{
    Attributes, Epoch, Incarnation, Layer, Notification, SessionId, Time, Topology,
};

use crate::effect::Effects;
use crate::epochs::Epochs;
use crate::rules::{Rule, Rules};
use closing::{Closing, Dropping};
use lane::Lane;
use operation::Moving;
use restore::Restoring;
use standby::Standing;

pub use pace::CopyRate;
pub use stats::MatcherStats;

/// A matcher.
#[derive(Clone, Debug)]
pub struct Matcher {
    incarnation: Incarnation,
    rules: Rules,
    index: Index,
    epochs: Epochs,
    /// Own slots under each kept epoch.
    own: BTreeMap<Epoch, SlotSet>,
    /// The lanes from access points.
    lanes: BTreeMap<Incarnation, Lane>,
    /// What is planned and not in force.
    moving: Option<Moving>,
    /// A plan that came while something of an earlier one was left; it is confirmed when nothing is.
    next_plan: Option<Arc<Plan>>,
    /// What is in force and that not every access point stamps, oldest first.
    changes: VecDeque<Closing>,
    dropping: Dropping,
    /// Slots whose owner was lost.
    restoring: Option<Restoring>,
    /// What is held twice.
    standing: Standing,
    copy_rate: CopyRate,
    /// Reused between batches.
    hits: Hits,
    stats: MatcherStats,
}

impl Matcher {
    /// One that knows nothing yet; its first input is the topology. `seed` keys its hash tables.
    #[must_use]
    pub fn new(incarnation: Incarnation, seed: u64, level: CpuLevel) -> Self {
        Self {
            incarnation,
            rules: Rules::default(),
            index: Index::new(seed, level),
            epochs: Epochs::default(),
            own: BTreeMap::new(),
            lanes: BTreeMap::new(),
            moving: None,
            next_plan: None,
            changes: VecDeque::new(),
            dropping: Dropping::default(),
            restoring: None,
            standing: Standing::default(),
            copy_rate: CopyRate::default(),
            hits: Hits::default(),
            stats: MatcherStats::default(),
        }
    }

    /// With another rate limit of copies than the usual one.
    #[must_use]
    pub fn with_copy_rate(mut self, rate: CopyRate) -> Self {
        self.copy_rate = rate;
        self
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
        frame: MatcherFrame,
        effects: &mut Effects,
    ) {
        if self.epochs.retires(from) && !self.rules.broken(Rule::RefuseRetired) {
            self.stats.refused_frames += 1;
            return;
        }
        match frame {
            MatcherFrame::Open(open) => {
                self.lanes.entry(from).or_insert_with(|| Lane::new(open));
            }
            MatcherFrame::Notifications(_)
            | MatcherFrame::Operation(_)
            | MatcherFrame::Close(_)
            | MatcherFrame::NothingMore(_)
            | MatcherFrame::Flip { .. }
            | MatcherFrame::Restart { .. } => self.in_lane(now, from, frame, effects),
            MatcherFrame::Differing { epoch, slots } => self.differing((from, epoch), &slots),
            MatcherFrame::Restore {
                epoch,
                subscriptions,
            } => self.restored((from, epoch), &subscriptions),
            MatcherFrame::RestoreEnd(epoch) => self.compared(now, (from, epoch), effects),
            MatcherFrame::Standby(frame) => self.standby_says(from, frame, effects),
            MatcherFrame::Chunk {
                operation,
                subscriptions,
            } => self.chunk(from, operation, &subscriptions, effects),
            MatcherFrame::ChunkTaken(operation) => self.chunk_taken(from, operation, effects),
            MatcherFrame::Follow { operation, taken } => self.follow(operation, &taken),
            MatcherFrame::End(operation) => self.end(from, operation, effects),
        }
    }

    /// The coordinator says something.
    pub fn control(&mut self, now: Time, control: Control, effects: &mut Effects) {
        match control {
            Control::Topology(topology) => self.topology(now, &topology, effects),
            Control::Prepare(plan) => self.prepare(plan, effects),
            Control::Copy(operation) => self.copy(operation, effects),
            Control::Close(operation) => self.close(operation, effects),
            Control::Abort(operation) => self.abort(now, operation, effects),
        }
    }

    /// No further input is waiting: the next chunk may go, the next few subscriptions may be dropped.
    pub fn turn_ended(&mut self, now: Time, effects: &mut Effects) {
        self.send_chunks(now, effects);
        self.send_to_standbys(now, effects);
        self.drop_some(now, effects);
    }

    /// A time that it asked for has come; the end of the turn does the work.
    pub fn wake(&mut self, _: Time, _: &mut Effects) {}

    /// The newest epoch that it knows; zero before the first topology.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epochs.newest_epoch()
    }

    /// What it counted.
    #[must_use]
    pub fn stats(&self) -> MatcherStats {
        MatcherStats {
            subscriptions: self.index.len() as u64,
            standby_subscriptions: self.standing.subscriptions(&self.index) as u64,
            index_bytes: self.index.bytes() as u64,
            slots: self
                .epochs
                .iter()
                .last()
                .and_then(|newest| self.own.get(&newest.epoch))
                .map_or(0, |own| own.len() as u64),
            slots_stood_by: self.standing.slots_sent() as u64,
            ..self.stats.clone()
        }
    }

    /// The index, to look at: what a snapshot of this matcher would hold.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Where it stands in an operation, as the drawing above names it.
    #[must_use]
    pub fn phase(&self) -> &'static str {
        if self.moving.is_some() {
            "Moving"
        } else if !self.changes.is_empty() {
            "Flipping"
        } else if self.dropping.is_under_way() {
            "Dropping"
        } else {
            "Settled"
        }
    }

    /// Matches a batch and tells the exit points of its epoch.
    fn match_batch(
        &mut self,
        access_point: Incarnation,
        batch: &[Arc<Notification>],
        effects: &mut Effects,
    ) {
        let last = batch.last().expect("nobody sends an empty batch");
        let epoch = last.stamp.epoch;
        let flat: Vec<&Attributes> = batch
            .iter()
            .map(|notification| &notification.flat)
            .collect();
        let everything = SlotSet::full();
        let visible = if self.rules.broken(Rule::VisibilityFilter) {
            &everything
        } else {
            &self.own[&epoch]
        };
        self.hits.clear();
        self.index.match_batch(&flat, visible, &mut self.hits);
        self.stats.notifications += batch.len() as u64;
        self.stats.batches += 1;
        let topology = self.epochs.at(epoch);
        let mut matched = group(batch, &self.hits, topology);
        for exit_point in topology.incarnations(Layer::ExitPoints) {
            let matched = matched.remove(&exit_point).unwrap_or_default();
            self.stats.matched += matched.len() as u64;
            let frame = ExitPointFrame::Hits {
                access_point,
                matched,
                done: last.stamp.seq,
            };
            effects.send(exit_point, LaneFrame::ExitPoint(frame));
        }
    }

    /// Takes an operation: installs or removes, follows the copy, registers.
    fn take(&mut self, operation: SubscriptionOperation, effects: &mut Effects) {
        self.install(&operation);
        self.stats.operations += 1;
        self.pass_to_new_owner(&operation, effects);
        self.pass_to_standby(&operation, effects);
        for point in self.listeners(operation.session()) {
            let frame = ExitPointFrame::Registration(operation.clone().into());
            effects.send(point, LaneFrame::ExitPoint(frame));
        }
    }

    /// The exit points that need the registrations of a session: all that a kept epoch names for its slot. The primary
    /// of an epoch before still counts what is stamped with it.
    fn listeners(&self, session: SessionId) -> Vec<Incarnation> {
        let slot = session.slot();
        if self.rules.broken(Rule::RegisterWithAll) {
            return [self.epochs.newest().exit_points(slot).primary].into();
        }
        let mut points: Vec<Incarnation> = self
            .epochs
            .iter()
            .flat_map(|topology| topology.exit_points(slot).all())
            .collect();
        points.sort_unstable();
        points.dedup();
        points
    }

    /// Brings the index to what the operation says, unless it knows a later one.
    fn install(&mut self, operation: &SubscriptionOperation) {
        let known = self.index.operation(operation.subscription);
        if known.is_some_and(|known| known >= operation.number) {
            return;
        }
        match &operation.change {
            Change::Set(filter) => {
                self.index
                    .insert_canonical(operation.subscription, operation.number, filter)
                    .expect("an access point made the canonical form from a filter");
            }
            Change::Unset => {
                self.index.remove(operation.subscription);
            }
        }
    }

    /// Appends a frame to the lane to every exit point that a kept epoch names.
    fn tell_exit_points(&self, frame: &ExitPointFrame, effects: &mut Effects) {
        let mut points: Vec<Incarnation> = self
            .epochs
            .iter()
            .flat_map(|topology| topology.incarnations(Layer::ExitPoints))
            .collect();
        points.sort_unstable();
        points.dedup();
        for point in points {
            effects.send(point, LaneFrame::ExitPoint(frame.clone()));
        }
    }
}

/// The hits of a batch by exit point.
fn group(
    batch: &[Arc<Notification>],
    hits: &Hits,
    topology: &Topology,
) -> BTreeMap<Incarnation, Vec<Matched>> {
    let mut by_exit_point: BTreeMap<Incarnation, Vec<Matched>> = BTreeMap::new();
    for (index, notification) in batch.iter().enumerate() {
        for (session, hits) in hits.sessions(index) {
            for point in topology.exit_points(session.slot()).all() {
                let matched = by_exit_point.entry(point).or_default();
                let entry = (session, hits.to_vec());
                match matched.last_mut() {
                    Some(last) if Arc::ptr_eq(&last.notification, notification) => {
                        last.sessions.push(entry);
                    }
                    Some(_) | None => matched.push(Matched {
                        notification: Arc::clone(notification),
                        sessions: [entry].into(),
                    }),
                }
            }
        }
    }
    by_exit_point
}
