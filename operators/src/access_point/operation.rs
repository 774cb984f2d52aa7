//! What an access point does in each phase of an operation.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;

use gomera_matching::SlotSet;
use gomera_model::control::{Plan, Report, Strategy};
use gomera_model::lane::{LaneFrame, MatcherFrame, Open, Publication};
use gomera_model::operation::SubscriptionOperation;
use gomera_model::{
    Attributes, Epoch, Incarnation, Layer, OperationId, PublisherId, Seq, Time, Topology,
};

use super::{AccessPoint, send_to_owner};
use crate::effect::{Effect, Effects};
use crate::rules::Rule;

/// Where an access point stands.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// Before the first topology.
    Starting,
    /// No operation is under way.
    Flowing {
        /// In force.
        topology: Arc<Topology>,
    },
    /// Knows the plan, has lanes to everyone in it.
    Prepared {
        /// In force.
        topology: Arc<Topology>,
        /// What is planned.
        plan: Arc<Plan>,
    },
    /// Holds operations on moving slots.
    Closed {
        /// In force.
        topology: Arc<Topology>,
        /// What is planned.
        plan: Arc<Plan>,
        /// The slots that move.
        moving: SlotSet,
        /// What is held, in order, with the time since.
        held: Vec<(Time, SubscriptionOperation)>,
    },
    /// Strategy `buffered`, after FLIP: keeps publications until what was held is taken up.
    Buffering {
        /// In force.
        topology: Arc<Topology>,
        /// New owners that have not said so.
        taking_up: BTreeSet<Incarnation>,
        /// What is kept, in order; bounded by the publishers' shares.
        publications: Vec<Kept>,
        /// Since when.
        since: Time,
        /// A plan that came meanwhile; it is confirmed when publications go on.
        next: Option<Arc<Plan>>,
    },
}

/// A publication that waits to be stamped.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) publisher: PublisherId,
    pub(super) publication: Publication,
    pub(super) flat: Attributes,
}

impl Phase {
    /// The topology in force.
    pub(super) fn topology(&self) -> &Arc<Topology> {
        match self {
            Self::Starting => panic!("the first input of an instance is a topology"),
            Self::Flowing { topology }
            | Self::Prepared { topology, .. }
            | Self::Closed { topology, .. }
            | Self::Buffering { topology, .. } => topology,
        }
    }

    /// Whether the topology in force says that an instance must no longer be listened to.
    pub(super) fn retires(&self, instance: Incarnation) -> bool {
        match self {
            Self::Starting => false,
            Self::Flowing { topology }
            | Self::Prepared { topology, .. }
            | Self::Closed { topology, .. }
            | Self::Buffering { topology, .. } => topology.is_retired(instance),
        }
    }

    /// The epoch in force; zero before the first.
    pub(super) fn epoch(&self) -> Epoch {
        match self {
            Self::Starting => Epoch(0),
            Self::Flowing { .. }
            | Self::Prepared { .. }
            | Self::Closed { .. }
            | Self::Buffering { .. } => self.topology().epoch,
        }
    }

    /// Its name, as the drawing has it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Starting => "Starting",
            Self::Flowing { .. } => "Flowing",
            Self::Prepared { .. } => "Prepared",
            Self::Closed { .. } => "Closed",
            Self::Buffering { .. } => "Buffering",
        }
    }

    /// Keeps an operation on a moving slot; hands any other back.
    pub(super) fn hold(
        &mut self,
        now: Time,
        operation: SubscriptionOperation,
    ) -> Option<SubscriptionOperation> {
        match self {
            Self::Closed { moving, held, .. } if moving.contains(operation.subscription.slot()) => {
                held.push((now, operation));
                None
            }
            Self::Starting
            | Self::Flowing { .. }
            | Self::Prepared { .. }
            | Self::Closed { .. }
            | Self::Buffering { .. } => Some(operation),
        }
    }

    /// Whom publications have to wait for after the commit of the plan: nobody, with the strategy `live`.
    fn taking_up(&self, next: &Topology) -> BTreeSet<Incarnation> {
        match self {
            Self::Closed { plan, .. }
                if plan.next == *next && plan.strategy == Strategy::Buffered =>
            {
                plan.moves.iter().map(|moved| moved.to).collect()
            }
            Self::Starting
            | Self::Flowing { .. }
            | Self::Prepared { .. }
            | Self::Closed { .. }
            | Self::Buffering { .. } => BTreeSet::new(),
        }
    }

    fn after_flip(now: Time, next: &Arc<Topology>, taking_up: BTreeSet<Incarnation>) -> Self {
        let topology = Arc::clone(next);
        if taking_up.is_empty() {
            return Self::Flowing { topology };
        }
        Self::Buffering {
            topology,
            taking_up,
            publications: Vec::new(),
            since: now,
            next: None,
        }
    }

    /// Keeps a publication while notifications have to wait; hands it back if they do not.
    pub(super) fn keep(&mut self, kept: Kept) -> Option<Kept> {
        match self {
            Self::Buffering { publications, .. } => {
                publications.push(kept);
                None
            }
            Self::Starting | Self::Flowing { .. } | Self::Prepared { .. } | Self::Closed { .. } => {
                Some(kept)
            }
        }
    }
}

impl AccessPoint {
    /// A topology is in force: stamp it from here on.
    pub(super) fn topology(&mut self, now: Time, next: &Arc<Topology>, effects: &mut Effects) {
        let Phase::Starting = self.phase else {
            match next.epoch.cmp(&self.phase.topology().epoch) {
                Ordering::Greater => self.follow(now, next, effects),
                // A new leader tells what an old one told before: it hears what that one heard.
                Ordering::Equal => {
                    effects.push(Effect::Report(self.flipped.clone()));
                    self.report_emptied(effects);
                    if self.unsettled.is_none() {
                        self.settle_from(self.retained.first());
                    }
                    self.report_settled(effects);
                }
                Ordering::Less => {}
            }
            return;
        };
        self.open_lanes(next.epoch, next.incarnations(Layer::Matchers), effects);
        self.retained.wait_for(next);
        self.flipped = flipped_into(next.epoch);
        self.phase = Phase::Flowing {
            topology: Arc::clone(next),
        };
        self.settle_from(self.retained.next());
        self.take_place(now, next, effects);
        self.report_settled(effects);
    }

    /// Knows the plan and opens lanes to matchers that are new in it.
    pub(super) fn prepare(&mut self, plan: Arc<Plan>, effects: &mut Effects) {
        let topology = Arc::clone(self.phase.topology());
        if plan.next.epoch <= topology.epoch {
            return;
        }
        let is_known = match &mut self.phase {
            Phase::Starting | Phase::Flowing { .. } => false,
            Phase::Prepared { plan: known, .. } | Phase::Closed { plan: known, .. } => {
                known.operation == plan.operation
            }
            Phase::Buffering { next, .. } => {
                *next = Some(plan);
                return;
            }
        };
        effects.push(Effect::Report(Report::Confirmed(plan.operation)));
        if is_known {
            return;
        }
        self.release_held(effects);
        let new = plan
            .next
            .incarnations(Layer::Matchers)
            .filter(|matcher| topology.instance(*matcher).is_none());
        self.open_lanes(topology.epoch, new, effects);
        self.phase = Phase::Prepared { topology, plan };
    }

    /// Holds operations on moving slots from here on, and says so to their owners. A new leader that tells it again
    /// hears from the new owners again: CLOSE goes out a second time, and END follows it.
    pub(super) fn close(&mut self, operation: OperationId, effects: &mut Effects) {
        let (topology, plan) = match &self.phase {
            Phase::Prepared { topology, plan } if plan.operation == operation => (topology, plan),
            Phase::Closed { plan, .. } if plan.operation == operation => {
                return send_close(plan, effects);
            }
            Phase::Starting
            | Phase::Flowing { .. }
            | Phase::Prepared { .. }
            | Phase::Closed { .. }
            | Phase::Buffering { .. } => return,
        };
        send_close(plan, effects);
        let moves = plan.moves.iter();
        let moving = if self.rules.broken(Rule::HoldWhileClosed) {
            SlotSet::empty()
        } else {
            moves
                .flat_map(|moved| moved.slots.iter().copied())
                .collect()
        };
        self.phase = Phase::Closed {
            topology: Arc::clone(topology),
            plan: Arc::clone(plan),
            moving,
            held: Vec::new(),
        };
    }

    /// Forgets the plan; what was held goes to the old owners.
    pub(super) fn abort(&mut self, operation: OperationId, effects: &mut Effects) {
        match &mut self.phase {
            Phase::Buffering { next, .. }
                if next.as_ref().map(|plan| plan.operation) == Some(operation) =>
            {
                *next = None;
            }
            Phase::Prepared { plan, .. } | Phase::Closed { plan, .. }
                if plan.operation == operation =>
            {
                self.release_held(effects);
                self.phase = Phase::Flowing {
                    topology: Arc::clone(self.phase.topology()),
                };
            }
            Phase::Starting
            | Phase::Flowing { .. }
            | Phase::Prepared { .. }
            | Phase::Closed { .. }
            | Phase::Buffering { .. } => {}
        }
    }

    /// A further topology is in force. Who is listed in it stamps it.
    fn follow(&mut self, now: Time, next: &Arc<Topology>, effects: &mut Effects) {
        self.end_buffering(now);
        self.flush(effects);
        if next.instance(self.incarnation).is_some() {
            self.flip(now, next, effects);
        } else {
            self.phase = Phase::Flowing {
                topology: Arc::clone(next),
            };
        }
        self.settle_from(self.retained.next());
        self.take_place(now, next, effects);
        self.report_settled(effects);
    }

    /// What is before this has to be released before it is settled in the epoch in force, if it is listed there.
    fn settle_from(&mut self, until: Seq) {
        let own = self.phase.topology().instance(self.incarnation);
        self.unsettled = own.map(|_| until);
    }

    /// Reports when every exit point has released what was stamped when the epoch in force was read; once.
    pub(super) fn report_settled(&mut self, effects: &mut Effects) {
        let first = self.retained.first();
        if self.unsettled.take_if(|until| *until <= first).is_some() {
            effects.push(Effect::Report(Report::Settled(self.epoch())));
        }
    }

    /// Stamps the next epoch from here on: FLIP in every lane of both epochs, then what was held.
    fn flip(&mut self, now: Time, next: &Arc<Topology>, effects: &mut Effects) {
        let present = Arc::clone(self.phase.topology());
        // The epoch of a plan that was given up, of which nothing was heard here, is used again by the next one.
        let are_lanes_open = match &self.phase {
            Phase::Prepared { plan, .. } | Phase::Closed { plan, .. } => plan.next == **next,
            Phase::Starting | Phase::Flowing { .. } | Phase::Buffering { .. } => false,
        };
        let taking_up = self.phase.taking_up(next);
        let joining = next
            .incarnations(Layer::Matchers)
            .filter(|matcher| present.instance(*matcher).is_none());
        if !are_lanes_open {
            self.open_lanes(present.epoch, joining.clone(), effects);
        }
        // Who was lost may have been the last that was waited for.
        self.retained.wait_for(next);
        self.forget_released();
        let marker = self.marker(&present, next);
        for matcher in present.incarnations(Layer::Matchers).chain(joining) {
            effects.send(matcher, LaneFrame::Matcher(marker.clone()));
        }
        if is_cut(&present, next) {
            self.batch = self.retained.restart(next);
            if self.rules.broken(Rule::StampAgain) {
                self.batch.clear();
            }
            self.stats.restamped += self.batch.len() as u64;
        }
        let held = self.take_held();
        self.phase = Phase::after_flip(now, next, taking_up);
        let held_ns_max = held
            .first()
            .map_or(0, |(since, _)| now.0.saturating_sub(since.0));
        self.stats.operations_held += held.len() as u64;
        self.flipped = Report::Flipped {
            epoch: next.epoch,
            held: held.len() as u64,
            held_ns_max,
        };
        effects.push(Effect::Report(self.flipped.clone()));
        let owners = if self.rules.broken(Rule::HeldGoToNewOwner) {
            &present
        } else {
            next
        };
        for (_, operation) in held {
            send_to_owner(owners, operation, effects);
        }
    }

    /// What says in the lanes that the next epoch is stamped from here on, or, where a matcher was lost, that what is not
    /// released comes again with it.
    fn marker(&self, present: &Topology, next: &Topology) -> MatcherFrame {
        if is_cut(present, next) {
            MatcherFrame::Restart {
                epoch: next.epoch,
                first: self.retained.first(),
            }
        } else {
            MatcherFrame::Flip {
                epoch: next.epoch,
                first: self.retained.next(),
            }
        }
    }

    /// Strategy `buffered`: a new owner has taken up what was held; with the last of them publications go on.
    pub(super) fn taken_up(
        &mut self,
        now: Time,
        (from, epoch): (Incarnation, Epoch),
        effects: &mut Effects,
    ) {
        let Phase::Buffering {
            topology,
            taking_up,
            next,
            ..
        } = &mut self.phase
        else {
            return;
        };
        if topology.epoch == epoch {
            taking_up.remove(&from);
        }
        if !taking_up.is_empty() {
            return;
        }
        let next = next.take();
        self.end_buffering(now);
        if let Some(plan) = next {
            self.prepare(plan, effects);
        }
    }

    /// Publications go on, those that were kept first. Also where the next topology comes before everything is taken up:
    /// what was kept is stamped with its own epoch.
    fn end_buffering(&mut self, now: Time) {
        let Phase::Buffering {
            topology,
            publications,
            since,
            ..
        } = &mut self.phase
        else {
            return;
        };
        let kept = core::mem::take(publications);
        if !kept.is_empty() {
            self.stats.publications_held += kept.len() as u64;
            let held = now.0.saturating_sub(since.0);
            self.stats.publications_held_ns_max = held.max(self.stats.publications_held_ns_max);
        }
        self.phase = Phase::Flowing {
            topology: Arc::clone(topology),
        };
        for kept in kept {
            self.stamp(kept);
        }
    }

    /// Sends what is held to the present owners.
    fn release_held(&mut self, effects: &mut Effects) {
        for (_, operation) in self.take_held() {
            send_to_owner(self.phase.topology(), operation, effects);
        }
    }

    fn take_held(&mut self) -> Vec<(Time, SubscriptionOperation)> {
        match &mut self.phase {
            Phase::Closed { held, .. } => core::mem::take(held),
            Phase::Starting
            | Phase::Flowing { .. }
            | Phase::Prepared { .. }
            | Phase::Buffering { .. } => Vec::new(),
        }
    }

    fn open_lanes(
        &self,
        epoch: Epoch,
        matchers: impl Iterator<Item = Incarnation>,
        effects: &mut Effects,
    ) {
        let next = self.retained.next();
        for matcher in matchers {
            let open = MatcherFrame::Open(Open { epoch, next });
            effects.send(matcher, LaneFrame::Matcher(open));
        }
    }
}

/// Whether a matcher was lost from one topology to the other.
fn is_cut(present: &Topology, next: &Topology) -> bool {
    next.cut > present.epoch
}

/// The report of a flip for which nothing was held.
pub(super) fn flipped_into(epoch: Epoch) -> Report {
    Report::Flipped {
        epoch,
        held: 0,
        held_ns_max: 0,
    }
}

/// Sends CLOSE to every owner of a moving slot.
fn send_close(plan: &Plan, effects: &mut Effects) {
    let mut owners: Vec<Incarnation> = plan.moves.iter().map(|moved| moved.from).collect();
    owners.dedup();
    for owner in owners {
        let frame = MatcherFrame::Close(plan.operation);
        effects.send(owner, LaneFrame::Matcher(frame));
    }
}
