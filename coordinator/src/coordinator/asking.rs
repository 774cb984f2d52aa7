//! Requests: each is answered once, from what the documents say.
//!
//! A request that has to be written stays in the queue until it is settled what the documents say then; so its answer
//! is the same whether the write succeeded, failed, or succeeded though it seemed to have failed.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use gomera_model::control::{Move, Plan};
use gomera_model::time::Timestamp;
use gomera_model::{Epoch, HostId, Incarnation, Layer, OperationId, Time, Topology};

use super::{Coordinator, Settled, State};
use crate::effect::{Effect, Effects};
use crate::expectation::{Pace, expect};
use crate::limits::{
    INSTANCES_MAX, PATIENCE, RETRY_AFTER, TEXT_BYTES_MAX, WAITING_MAX, WEIGHT_MAX,
};
use crate::operation::{Made, Operation, Phase, Preparing};
use crate::plan::Change;
use crate::record::{
    AbortReason, Expectation, OperationRecord, Outcome, PhaseName, Resize, Wishes,
};
use crate::request::{Answer, DryRun, Impossible, RequestId, ScaleRequest};
use crate::rules::Rule;
use crate::wholeness::Missing;

/// A request.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    Scale {
        request: RequestId,
        scale: Box<ScaleRequest>,
        /// The operation that was written for it, successfully or not.
        tried: Option<OperationId>,
    },
    Abort {
        request: RequestId,
        operation: OperationId,
    },
    Drain {
        request: RequestId,
        host: HostId,
    },
}

/// A request that waits until it is settled.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    ask: Ask,
    until: Time,
}

impl Ask {
    fn request(&self) -> RequestId {
        match self {
            Self::Scale { request, .. }
            | Self::Abort { request, .. }
            | Self::Drain { request, .. } => *request,
        }
    }
}

impl Coordinator {
    /// Answers now, or as soon as it is settled.
    pub(super) fn ask(&mut self, now: Time, ask: Ask, effects: &mut Effects) {
        let hopeless = match self.state {
            State::Waiting => true,
            State::Reading(_) | State::Writing(_) => now.since(self.unsettled_at) > PATIENCE,
            State::Settled(_) => false,
        };
        if hopeless || self.waiting.len() >= WAITING_MAX {
            return effects.answer(ask.request(), unavailable());
        }
        let until = now + PATIENCE;
        self.waiting.push_back(Waiting { ask, until });
        self.go_on(now, effects);
        if !self.waiting.is_empty() {
            effects.push(Effect::WakeAt(until));
        }
    }

    /// Answers what can be answered.
    pub(super) fn serve(&mut self, now: Time, effects: &mut Effects) {
        while let State::Settled(_) = &self.state {
            let Some(Waiting { ask, until }) = self.waiting.pop_front() else {
                return;
            };
            if self.waits_to_be_whole(&ask) {
                return self.waiting.push_front(Waiting { ask, until });
            }
            let unanswered = match ask {
                Ask::Scale {
                    request,
                    scale,
                    tried,
                } => match self.begin_or_answer(now, &scale, tried, effects) {
                    Ok(begun) => Some(Ask::Scale {
                        request,
                        scale,
                        tried: Some(begun),
                    }),
                    Err(answer) => {
                        effects.answer(request, answer);
                        None
                    }
                },
                Ask::Abort { request, operation } => match self.abort_answer(operation) {
                    Some(answer) => {
                        effects.answer(request, answer);
                        None
                    }
                    None => {
                        self.give_up(now, AbortReason::Requested, effects);
                        Some(Ask::Abort { request, operation })
                    }
                },
                Ask::Drain { request, host } => match self.drain_answer(host) {
                    Some(answer) => {
                        effects.answer(request, answer);
                        None
                    }
                    None => {
                        self.note_draining(now, host, effects);
                        Some(Ask::Drain { request, host })
                    }
                },
            };
            if let Some(ask) = unanswered {
                self.waiting.push_front(Waiting { ask, until });
            }
        }
    }

    /// Whether something is to begin that has to wait until everybody runs.
    fn waits_to_be_whole(&self, ask: &Ask) -> bool {
        let begins = match ask {
            Ask::Scale { scale, .. } => !scale.dry_run,
            Ask::Abort { .. } | Ask::Drain { .. } => false,
        };
        let is_awaited = || match self.missing_at_rest() {
            Some(Missing::NotRunning(_)) => true,
            None | Some(Missing::Topology | Missing::Lost(_) | Missing::Operation { .. }) => false,
        };
        begins && self.under_way.is_none() && is_awaited()
    }

    /// Who has waited too long, for the store or for an instance, is told to come again.
    pub(super) fn expire(&mut self, now: Time, effects: &mut Effects) {
        let (patient, expired): (Vec<_>, Vec<_>) =
            (self.waiting.drain(..)).partition(|waiting| waiting.until > now);
        self.waiting = patient.into();
        for Waiting { ask, .. } in expired {
            let is_settled = matches!(self.state, State::Settled(_));
            let missing = self.missing().filter(|_| is_settled);
            effects.answer(ask.request(), missing.map_or_else(unavailable, not_whole));
        }
        if let Some(next) = self.waiting.iter().map(|waiting| waiting.until).min() {
            effects.push(Effect::WakeAt(next));
        }
    }

    /// Begins an operation, which is not written yet, or says what the answer is.
    fn begin_or_answer(
        &mut self,
        now: Time,
        scale: &ScaleRequest,
        tried: Option<OperationId>,
        effects: &mut Effects,
    ) -> Result<OperationId, Answer> {
        let State::Settled(settled) = &self.state else {
            return Err(unavailable());
        };
        self.known_answer(scale, tried)?;
        let next = self.decide(settled, scale, &scale.wishes.layers)?;
        Ok(self.begin(now, scale, (next, None), effects))
    }

    /// Whether the request has been answered before, or has been written.
    fn known_answer(&self, scale: &ScaleRequest, tried: Option<OperationId>) -> Result<(), Answer> {
        check_texts(scale).map_err(Answer::Impossible)?;
        if scale.dry_run {
            return Ok(());
        }
        let written = tried.and_then(|tried| self.operation(tried));
        if let Some(record) = written.filter(|record| record.was_asked_by(scale)) {
            return Err(Answer::Accepted(Box::new(record.clone())));
        }
        let Some(key) = &scale.idempotency_key else {
            return Ok(());
        };
        let mut oldest_first = self.operations();
        match oldest_first.find(|record| record.idempotency_key.as_ref() == Some(key)) {
            Some(record) if record.wants_what(scale) => {
                Err(Answer::Accepted(Box::new(record.clone())))
            }
            Some(record) => Err(Answer::Impossible(Impossible::KeyUsed(record.id))),
            None => Ok(()),
        }
    }

    /// The first operation of those that the layers need, or why there is none.
    pub(super) fn decide(
        &self,
        settled: &Settled,
        scale: &ScaleRequest,
        layers: &BTreeMap<Layer, u32>,
    ) -> Result<Next, Answer> {
        let impossible = Answer::Impossible;
        check_wishes(&scale.wishes).map_err(impossible)?;
        if let Some(operation) = settled.phase.under_way() {
            return Err(Answer::Busy(operation.id()));
        }
        if let Some(failed) = self.failed_member() {
            return Err(not_whole(Missing::Lost(failed)));
        }
        let row = self.row(settled, scale, layers).map_err(impossible)?;
        let mut changes = row.into_iter();
        let Some((change, from)) = changes.next() else {
            return Err(Answer::Unchanged);
        };
        let rest: Vec<_> = changes.collect();
        if scale.dry_run {
            let all: Vec<_> = core::iter::once((change, from)).chain(rest).collect();
            return Err(Answer::Plan(Box::new(self.dry_run(scale, &all))));
        }
        let counts = rest.iter().map(|(change, _)| change.layer);
        let then = counts.map(|layer| (layer, layers[&layer])).collect();
        Ok(Next {
            change,
            from,
            then,
            lost: Vec::new(),
            drains: None,
        })
    }

    fn dry_run(&self, scale: &ScaleRequest, row: &[(Change, Topology)]) -> DryRun {
        let expected = row.iter().map(|(change, from)| self.expect(change, from));
        DryRun {
            layers: row
                .iter()
                .map(|(change, from)| resize(change, from))
                .collect(),
            strategy: scale.strategy,
            epoch: row
                .last()
                .map_or(Epoch(0), |(change, _)| change.outcome().epoch),
            slots_moved: row.iter().map(|(change, _)| slots(change)).sum(),
            expected: expected.sum(),
        }
    }

    /// What a change is expected to take: only what matchers give away is copied before it can go on.
    fn expect(&self, change: &Change, from: &Topology) -> Option<Expectation> {
        let moves: &[Move] = match change.layer {
            Layer::Matchers => &change.moves,
            Layer::ConnectionPoints | Layer::AccessPoints | Layer::ExitPoints => &[],
        };
        let pace = self.history.iter().rev().find_map(Pace::measured);
        expect(moves, from, &self.loads, (pace, self.settings.copy_rate))
    }

    pub(super) fn begin(
        &mut self,
        now: Time,
        scale: &ScaleRequest,
        (next, follows): (Next, Option<OperationId>),
        effects: &mut Effects,
    ) -> OperationId {
        let settled = self.unsettle(now);
        let mut settled = settled.expect("a request is served when it is settled");
        let last = settled.held.counters.operation;
        let was_aborted = matches!(&settled.phase, Phase::Rest(Some(ended))
            if matches!(ended.record().outcome, Outcome::Aborted { .. }));
        let id = if was_aborted && self.rules.broken(Rule::FreshOperations) {
            last
        } else {
            last.next()
        };
        let mut record = OperationRecord::new(id, scale, &next, follows);
        record.expected = self.expect(&next.change, &next.from);
        let change = next.change;
        let held = &mut settled.held;
        held.counters.operation = id;
        if let Some(newest) = change.joining.last()
            && !self.rules.broken(Rule::FreshIncarnations)
        {
            held.counters.incarnation = newest.incarnation;
        }
        let retired = &held.topology.retired;
        held.ended.retain(|ended| !retired.contains(ended));
        let mut steps = change.steps.into_iter();
        let made = Made {
            plan: Plan {
                operation: id,
                layer: change.layer,
                strategy: scale.strategy,
                next: steps.next().expect("a change has a step"),
                then: steps.collect(),
                lost: next.lost,
                moves: change.moves,
            },
            planned_at: settled.versions.topology,
            joining: change.joining,
            leaving: change.leaving,
        };
        let phase = Preparing::new(Operation::new(now, record, made), now);
        let phase = Phase::Preparing(phase);
        self.write(settled.held, settled.versions, phase, effects);
        id
    }

    /// `None` if it can be aborted now.
    fn abort_answer(&self, id: OperationId) -> Option<Answer> {
        let State::Settled(settled) = &self.state else {
            return Some(unavailable());
        };
        let abortable = if self.rules.broken(Rule::AbortBeforeCommit) {
            settled.phase.under_way()
        } else {
            settled.phase.uncommitted()
        };
        if abortable.is_some_and(|o| o.id() == id) {
            return None;
        }
        Some(match self.operation(id).map(|record| record.outcome) {
            Some(Outcome::Running | Outcome::Done | Outcome::Interrupted { .. }) => {
                Answer::TooLate(id)
            }
            Some(Outcome::Aborted { .. }) => Answer::Aborted(id),
            None => Answer::NoSuchOperation(id),
        })
    }
}

/// The first operation of a row.
#[derive(Clone, Debug)]
pub(super) struct Next {
    pub(super) change: Change,
    /// The topology that it begins from.
    pub(super) from: Topology,
    /// Layers that follow.
    pub(super) then: BTreeMap<Layer, u32>,
    /// Who is replaced by it.
    pub(super) lost: Vec<Incarnation>,
    /// Which host is emptied by it.
    pub(super) drains: Option<HostId>,
}

impl OperationRecord {
    fn new(
        id: OperationId,
        scale: &ScaleRequest,
        next: &Next,
        follows: Option<OperationId>,
    ) -> Self {
        Self {
            id,
            layers: BTreeMap::from([resize(&next.change, &next.from)]),
            asked: scale.wishes.clone(),
            follows,
            then: next.then.clone(),
            lost: next.lost.clone(),
            drains: next.drains,
            then_not: None,
            strategy: scale.strategy,
            reason: scale.reason.clone(),
            idempotency_key: scale.idempotency_key.clone(),
            started_unix_ns: scale.asked_at.0,
            phase: PhaseName::Prepare,
            phases: Vec::new(),
            slots_moved: slots(&next.change),
            subscriptions_moved: 0,
            bytes_moved: 0,
            expected: None,
            operations_held: 0,
            held_ns_max: 0,
            outcome: Outcome::Running,
        }
    }

    /// Whether the same is wanted, whenever it was asked for.
    fn wants_what(&self, scale: &ScaleRequest) -> bool {
        self.strategy == scale.strategy && self.asked == scale.wishes
    }

    /// Whether it was written for this very request.
    fn was_asked_by(&self, scale: &ScaleRequest) -> bool {
        self.started_unix_ns == scale.asked_at.0
            && self.idempotency_key == scale.idempotency_key
            && self.reason == scale.reason
            && self.wants_what(scale)
    }

    /// What is left of its row, itself included.
    pub(super) fn left_of_row(&self) -> BTreeMap<Layer, u32> {
        let own = self.layers.iter();
        let own = own.map(|(layer, resize)| (*layer, resize.to));
        own.chain(self.then.clone()).collect()
    }

    /// The request that it came from.
    pub(super) fn asked_again(&self) -> ScaleRequest {
        ScaleRequest {
            wishes: self.asked.clone(),
            strategy: self.strategy,
            dry_run: false,
            reason: self.reason.clone(),
            idempotency_key: self.idempotency_key.clone(),
            asked_at: Timestamp(self.started_unix_ns),
        }
    }
}

fn check_texts(scale: &ScaleRequest) -> Result<(), Impossible> {
    let key = scale.idempotency_key.as_deref().unwrap_or_default();
    for (what, text) in [("the reason", &*scale.reason), ("the idempotency key", key)] {
        if text.len() > TEXT_BYTES_MAX {
            let max = TEXT_BYTES_MAX;
            let what = what.into();
            return Err(Impossible::TooLong { what, max });
        }
    }
    Ok(())
}

fn check_wishes(wishes: &Wishes) -> Result<(), Impossible> {
    if wishes.layers.is_empty() {
        return Err(Impossible::Nothing);
    }
    for (&layer, &asked) in &wishes.layers {
        let max = INSTANCES_MAX;
        if asked == 0 {
            return Err(Impossible::None(layer));
        }
        if asked > max {
            return Err(Impossible::TooMany { layer, asked, max });
        }
    }
    for (&layer, weights) in &wishes.weights {
        let max = WEIGHT_MAX;
        let owns_slots = matches!(layer, Layer::Matchers | Layer::ExitPoints);
        let count = wishes.layers.get(&layer).map(|count| *count as usize);
        let fits = owns_slots
            && count == Some(weights.len())
            && weights.iter().all(|weight| (1..=max).contains(weight));
        if !fits {
            return Err(Impossible::Weights { layer, max });
        }
    }
    Ok(())
}

pub(super) fn count(topology: &Topology, layer: Layer) -> u32 {
    u32::try_from(topology.layer(layer).count()).unwrap_or(u32::MAX)
}

fn resize(change: &Change, before: &Topology) -> (Layer, Resize) {
    let layer = change.layer;
    let (from, to) = (count(before, layer), count(change.outcome(), layer));
    (layer, Resize { from, to })
}

fn slots(change: &Change) -> u64 {
    let moves = change.moves.iter();
    moves.map(|moved| moved.slots.len() as u64).sum()
}

fn not_whole(why: Missing) -> Answer {
    let retry_after = RETRY_AFTER;
    Answer::NotWhole { why, retry_after }
}

pub(super) fn unavailable() -> Answer {
    let retry_after = RETRY_AFTER;
    Answer::Unavailable { retry_after }
}
