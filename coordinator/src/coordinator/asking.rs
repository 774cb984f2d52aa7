//! Requests: each is answered once, from what the documents say.
//!
//! A request that has to be written stays in the queue until it is settled what the documents say then; so its answer
//! is the same whether the write succeeded, failed, or succeeded though it seemed to have failed.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use gomera_model::control::{Plan, Strategy};
use gomera_model::time::Timestamp;
use gomera_model::{Layer, OperationId, Time, Topology};

use super::{Coordinator, Settled, State};
use crate::effect::{Effect, Effects};
use crate::expectation::expect;
use crate::limits::{INSTANCES_MAX, PATIENCE, RETRY_AFTER, TEXT_BYTES_MAX, WAITING_MAX};
use crate::operation::{Made, Operation, Phase, Preparing};
use crate::plan::{self, Change};
use crate::record::{AbortReason, OperationRecord, Outcome, PhaseName, Resize};
use crate::request::{Answer, DryRun, Impossible, RequestId, ScaleRequest};

/// A request.
#[derive(Debug)]
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
}

/// A request that waits until it is settled.
#[derive(Debug)]
pub(super) struct Waiting {
    ask: Ask,
    until: Time,
}

impl Ask {
    fn request(&self) -> RequestId {
        match self {
            Self::Scale { request, .. } | Self::Abort { request, .. } => *request,
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
            };
            if let Some(ask) = unanswered {
                self.waiting.push_front(Waiting { ask, until });
            }
        }
    }

    /// Who has waited too long for the store is told to come again.
    pub(super) fn expire(&mut self, now: Time, effects: &mut Effects) {
        let (patient, expired): (Vec<_>, Vec<_>) =
            (self.waiting.drain(..)).partition(|waiting| waiting.until > now);
        self.waiting = patient.into();
        for Waiting { ask, .. } in expired {
            effects.answer(ask.request(), unavailable());
        }
        if let Some(next) = self.waiting.iter().map(|waiting| waiting.until).min() {
            effects.push(Effect::WakeAt(next));
        }
    }

    /// An operation whose topology changed under it is planned anew, whoever leads now.
    pub(super) fn plan_again(&mut self, now: Time, effects: &mut Effects) {
        let State::Settled(settled) = &self.state else {
            return;
        };
        let Phase::Rest(Some(last)) = &settled.phase else {
            return;
        };
        let why = AbortReason::TopologyChanged;
        if last.record().outcome == (Outcome::Aborted { why }) {
            let scale = last.record().asked_again();
            if let Ok(change) = self.decide(settled, &scale) {
                self.begin(now, &scale, change, effects);
            }
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
        let change = self.decide(settled, scale)?;
        Ok(self.begin(now, scale, change, effects))
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
        let mut newest_first = self.operations().rev();
        match newest_first.find(|record| record.idempotency_key.as_ref() == Some(key)) {
            Some(record) if record.wants_what(scale) => {
                Err(Answer::Accepted(Box::new(record.clone())))
            }
            Some(record) => Err(Answer::Impossible(Impossible::KeyUsed(record.id))),
            None => Ok(()),
        }
    }

    /// What would have to be done, or why nothing is.
    fn decide(&self, settled: &Settled, scale: &ScaleRequest) -> Result<Change, Answer> {
        let impossible = Answer::Impossible;
        let topology = &*settled.held.topology;
        let count = |layer| u32::try_from(topology.layer(layer).count()).unwrap_or(u32::MAX);
        check_layers(scale, count).map_err(impossible)?;
        if scale.strategy == Strategy::Buffered && !self.settings.buffered {
            return Err(impossible(Impossible::BufferedLater));
        }
        if let Some(operation) = settled.phase.under_way() {
            return Err(Answer::Busy(operation.id()));
        }
        if let Some(failed) = self.failed_member() {
            return Err(impossible(Impossible::NotWhole(failed)));
        }
        let matchers = scale.layers.get(&Layer::Matchers).copied();
        let Some(matchers) = matchers else {
            return Err(Answer::Unchanged);
        };
        let last = settled.held.counters.incarnation;
        let change =
            plan::resize_matchers(topology, matchers, &self.hosts, last, &settled.held.ended)
                .ok_or(impossible(Impossible::NoHost(Layer::Matchers)))?;
        if change.moves.is_empty() {
            return Err(Answer::Unchanged);
        }
        if scale.dry_run {
            return Err(Answer::Plan(Box::new(
                self.dry_run(settled, scale, &change),
            )));
        }
        Ok(change)
    }

    fn dry_run(&self, settled: &Settled, scale: &ScaleRequest, change: &Change) -> DryRun {
        let topology = &settled.held.topology;
        let mut newest_first = self.history.iter().rev();
        let last = newest_first.find(|record| record.outcome == Outcome::Done);
        DryRun {
            layers: resizes(settled, change),
            strategy: scale.strategy,
            epoch: change.next.epoch,
            slots_moved: slots(change),
            expected: expect(&change.moves, topology, &self.loads, last),
        }
    }

    fn begin(
        &mut self,
        now: Time,
        scale: &ScaleRequest,
        change: Change,
        effects: &mut Effects,
    ) -> OperationId {
        let settled = self.unsettle(now);
        let mut settled = settled.expect("a request is served when it is settled");
        let id = settled.held.counters.operation.next();
        let record = OperationRecord::new(id, scale, resizes(&settled, &change), slots(&change));
        let held = &mut settled.held;
        held.counters.operation = id;
        if let Some(newest) = change.joining.last() {
            held.counters.incarnation = newest.incarnation;
        }
        let retired = &held.topology.retired;
        held.ended.retain(|ended| !retired.contains(ended));
        let made = Made {
            plan: Plan {
                operation: id,
                layer: Layer::Matchers,
                strategy: scale.strategy,
                next: change.next,
                then: Vec::new(),
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
        if settled.phase.uncommitted().is_some_and(|o| o.id() == id) {
            return None;
        }
        Some(match self.operation(id).map(|record| record.outcome) {
            Some(Outcome::Running | Outcome::Done) => Answer::TooLate(id),
            Some(Outcome::Aborted { .. }) => Answer::Aborted(id),
            None => Answer::NoSuchOperation(id),
        })
    }
}

impl OperationRecord {
    fn new(
        id: OperationId,
        scale: &ScaleRequest,
        layers: BTreeMap<Layer, Resize>,
        slots_moved: u64,
    ) -> Self {
        Self {
            id,
            layers,
            strategy: scale.strategy,
            reason: scale.reason.clone(),
            idempotency_key: scale.idempotency_key.clone(),
            started_unix_ns: scale.asked_at.0,
            phase: PhaseName::Prepare,
            phases: Vec::new(),
            slots_moved,
            subscriptions_moved: 0,
            bytes_moved: 0,
            operations_held: 0,
            held_ns_max: 0,
            outcome: Outcome::Running,
        }
    }

    /// Whether the same is wanted, whenever it was asked for. A layer that keeps its number is not in the record.
    fn wants_what(&self, scale: &ScaleRequest) -> bool {
        let asked =
            |(layer, resize): (&Layer, &Resize)| scale.layers.get(layer) == Some(&resize.to);
        self.strategy == scale.strategy && self.layers.iter().all(asked)
    }

    /// Whether it was written for this very request.
    fn was_asked_by(&self, scale: &ScaleRequest) -> bool {
        self.started_unix_ns == scale.asked_at.0
            && self.idempotency_key == scale.idempotency_key
            && self.reason == scale.reason
            && self.wants_what(scale)
    }

    /// The request that it came from.
    fn asked_again(&self) -> ScaleRequest {
        let layers = self.layers.iter();
        ScaleRequest {
            layers: layers.map(|(layer, resize)| (*layer, resize.to)).collect(),
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

fn check_layers(scale: &ScaleRequest, present: impl Fn(Layer) -> u32) -> Result<(), Impossible> {
    if scale.layers.is_empty() {
        return Err(Impossible::Nothing);
    }
    for (&layer, &asked) in &scale.layers {
        let max = INSTANCES_MAX;
        if asked == 0 {
            return Err(Impossible::None(layer));
        }
        if asked > max {
            return Err(Impossible::TooMany { layer, asked, max });
        }
        if layer != Layer::Matchers && asked != present(layer) {
            return Err(Impossible::LayerLater(layer));
        }
    }
    Ok(())
}

fn resizes(settled: &Settled, change: &Change) -> BTreeMap<Layer, Resize> {
    let count = |topology: &Topology| {
        u32::try_from(topology.layer(Layer::Matchers).count()).unwrap_or(u32::MAX)
    };
    let (from, to) = (count(&settled.held.topology), count(&change.next));
    BTreeMap::from([(Layer::Matchers, Resize { from, to })])
}

fn slots(change: &Change) -> u64 {
    change
        .moves
        .iter()
        .map(|moved| moved.slots.len() as u64)
        .sum()
}

fn unavailable() -> Answer {
    let retry_after = RETRY_AFTER;
    Answer::Unavailable { retry_after }
}
