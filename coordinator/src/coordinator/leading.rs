//! Leading an operation: what a phase tells, when the next one is written, what is repeated.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use gomera_model::control::Control;
use gomera_model::{Incarnation, Instance, Time};

use super::{Coordinator, Held, Settled, State, Then, Versions, Writing};
use crate::document::{Path, Put, Version, WriteError, WriteId};
use crate::effect::{Effect, Effects};
use crate::limits::{HISTORY_MAX, REPEAT_AFTER, RETIRED_MAX};
use crate::operation::{Committing, Ended, Operation, Orders, Phase, Step};
use crate::record::{AbortReason, OperationRecord};
use crate::rules::Rule;
use crate::stored::{self, OperationImage};
use crate::wholeness::Missing;

impl Coordinator {
    /// The documents are known to say this: starts, tells and stops whom that concerns, and goes on.
    pub(super) fn settle(&mut self, now: Time, settled: Settled, effects: &mut Effects) {
        let before = self.topology.replace(Arc::clone(&settled.held.topology));
        let moved_on = before.is_some_and(|before| before.epoch != settled.held.topology.epoch);
        self.under_way = (settled.phase.under_way()).map(|operation| operation.record.clone());
        self.draining.clone_from(&settled.held.draining);
        if let Phase::Rest(Some(ended)) = &settled.phase {
            self.stop(ended, effects);
            self.remember(ended.record().clone());
        }
        let tells_topology = matches!(settled.phase, Phase::Draining(_));
        self.state = State::Settled(Box::new(settled));
        self.fail_with_hosts();
        self.stop_strangers(effects);
        self.forget_strangers();
        self.start_missing(effects);
        if moved_on && !tells_topology {
            self.tell_topology(effects);
        }
        self.give_orders(effects);
        self.repeat_later(now, effects);
        self.note();
        self.go_on(now, effects);
    }

    /// A write has succeeded.
    pub(super) fn succeeded(&mut self, now: Time, versions: &[Version], effects: &mut Effects) {
        let State::Writing(writing) = core::mem::replace(&mut self.state, State::Waiting) else {
            unreachable!("the outcome of a write belongs to a write");
        };
        let before = writing.versions;
        let versions = match (versions, before) {
            (&[topology, operation], _) => Versions {
                topology,
                operation,
            },
            (&[operation], Some(before)) => Versions {
                operation,
                ..before
            },
            (versions, _) => panic!(
                "{} versions for another number of documents",
                versions.len()
            ),
        };
        let phase = match writing.then {
            Then::Enter(phase) => phase,
            Then::Commit(committing) => Phase::Draining(committing.committed(now)),
        };
        // At rest something else may be written beside the last one.
        if let (Phase::Rest(Some(ended)), Some(_)) = (&phase, &self.under_way) {
            self.stats.count_ended(ended.record());
        }
        let settled = Settled {
            held: writing.held,
            versions,
            phase,
        };
        self.settle(now, settled, effects);
    }

    /// Whether a write that failed in this way is taken for one that succeeded: never, but where a rule is taken away.
    pub(super) fn takes_for_done(&self, error: WriteError) -> bool {
        self.rules.broken(match error {
            WriteError::Conflict => Rule::HeedConflicts,
            WriteError::Unknown => Rule::ReadAfterUnknown,
        })
    }

    /// The versions that a write leads to if it succeeds.
    pub(super) fn versions_hoped_for(&self) -> Vec<Version> {
        let State::Writing(writing) = &self.state else {
            return Vec::new();
        };
        let next = |version: Version| Version(version.0 + 1);
        match (writing.versions, &writing.then) {
            (None, _) => Vec::from([Version(0); 2]),
            (Some(before), Then::Commit(_)) => [before.topology, before.operation].map(next).into(),
            (Some(before), Then::Enter(_)) => Vec::from([next(before.operation)]),
        }
    }

    /// Takes the next step, if it is settled and one can be taken.
    pub(super) fn go_on(&mut self, now: Time, effects: &mut Effects) {
        self.recover(now, effects);
        self.go_on_with_row(now, effects);
        self.go_on_with_draining(now, effects);
        self.serve(now, effects);
        if let Some(why) = self.reason_to_abort() {
            self.give_up(now, why, effects);
        }
        self.step(now, effects);
        self.go_on_with_row(now, effects);
        self.go_on_with_draining(now, effects);
        self.found_anew(effects);
    }

    /// Gives the operation up, if it is settled and can be.
    pub(super) fn give_up(&mut self, now: Time, why: AbortReason, effects: &mut Effects) {
        let Some(mut settled) = self.unsettle(now) else {
            return;
        };
        if let Some(operation) = settled.phase.uncommitted() {
            settled.held.give_up_draining(operation, why);
        }
        let aborted = if self.rules.broken(Rule::AbortBeforeCommit) {
            settled.phase.abort_anyway(why, now)
        } else {
            settled.phase.abort(why, now)
        };
        match aborted {
            Ok(ended) => {
                settled.held.note_ended(&ended);
                let phase = Phase::Rest(Some(ended));
                self.write(settled.held, settled.versions, phase, effects);
            }
            Err(phase) => {
                settled.phase = phase;
                self.state = State::Settled(settled);
            }
        }
    }

    /// Writes the operation's document, and enters the phase when that has succeeded.
    pub(super) fn write(
        &mut self,
        held: Held,
        versions: Versions,
        phase: Phase,
        effects: &mut Effects,
    ) {
        let puts = Vec::from([versions.put(&held, phase.operation())]);
        if self.rules.broken(Rule::WriteBeforeTelling) {
            self.tell(&phase.orders(), effects);
        }
        let writing = Writing {
            id: self.next_write(),
            held,
            versions: Some(versions),
            then: Then::Enter(phase),
        };
        self.send(writing, puts, effects);
    }

    /// Writes both documents, if the topology is still the one that the plan was made for.
    fn commit(
        &mut self,
        now: Time,
        (mut held, versions): (Held, Versions),
        committing: Committing,
        effects: &mut Effects,
    ) {
        let operation = committing.operation();
        self.under_way = Some(operation.record.clone());
        let is_first = operation.committed == 0;
        held.topology = Arc::new(committing.topology().clone());
        let topology = Put {
            path: Path::Topology,
            expected: Some(if is_first {
                operation.planned_at
            } else {
                versions.topology
            }),
            bytes: stored::write(&*held.topology),
        };
        let draining = Phase::Draining(committing.clone().committed(now));
        let puts = Vec::from([topology, versions.put(&held, draining.operation())]);
        if self.rules.broken(Rule::WriteBeforeTelling) {
            self.tell(&draining.orders(), effects);
        }
        let writing = Writing {
            id: self.next_write(),
            held,
            versions: Some(versions),
            then: Then::Commit(committing),
        };
        self.send(writing, puts, effects);
    }

    pub(super) fn send(&mut self, writing: Writing, puts: Vec<Put>, effects: &mut Effects) {
        let id = writing.id;
        self.stats.writes += 1;
        self.state = State::Writing(Box::new(writing));
        effects.push(Effect::Write { id, puts });
    }

    pub(super) fn next_write(&mut self) -> WriteId {
        self.last_write.0 += 1;
        self.last_write
    }

    /// Tells again who is awaited, and asks again for what is not read.
    pub(super) fn repeat(&mut self, now: Time, effects: &mut Effects) {
        self.read_on(now, effects);
        let State::Settled(settled) = &self.state else {
            return;
        };
        if !settled.phase.is_rest() {
            let reminders = self.orders_of(|phase| phase.reminders(&self.reports));
            self.start_missing(effects);
            self.tell(&reminders, effects);
            self.repeat_later(now, effects);
        }
    }

    /// Whether something will have to be told or read again.
    pub(super) fn repeats(&self) -> bool {
        match &self.state {
            State::Waiting | State::Writing(_) => false,
            State::Reading(_) => true,
            State::Settled(settled) => !settled.phase.is_rest(),
        }
    }

    /// An instance is there: it learns the topology, and what its phase asks of it.
    pub(super) fn welcome(&mut self, instance: Incarnation, effects: &mut Effects) {
        if let Some(topology) = &self.topology {
            effects.tell(instance, Control::Topology(Arc::clone(topology)));
        }
        let State::Settled(settled) = &self.state else {
            return;
        };
        let joins = |operation: &Operation| {
            let mut joining = operation.joining.iter();
            joining.any(|joining| joining.incarnation == instance)
        };
        if settled.phase.under_way().is_some_and(joins) {
            return self.give_orders(effects);
        }
        let mut orders = self.orders_of(Phase::orders);
        for order in &mut orders {
            order.to.retain(|to| *to == instance);
        }
        self.tell(&orders, effects);
    }

    /// An instance has ended though it should not have.
    pub(super) fn fail(&mut self, instance: Incarnation) {
        self.running.remove(&instance);
        self.failed.insert(instance);
    }

    /// Whatever ran on hosts that are gone has ended.
    pub(super) fn fail_with_hosts(&mut self) {
        let hosts = core::mem::take(&mut self.hosts_gone);
        let there = self.known().filter(|known| hosts.contains(&known.host));
        for instance in there.map(|known| known.incarnation).collect::<Vec<_>>() {
            self.fail(instance);
        }
    }

    /// Whether it is known whom the documents name.
    pub(super) fn knows_documents(&self) -> bool {
        match self.state {
            State::Waiting | State::Reading(_) => false,
            State::Writing(_) | State::Settled(_) => true,
        }
    }

    /// Brings the figures of the operation under way up to date.
    pub(super) fn note(&mut self) {
        if let State::Settled(settled) = &mut self.state {
            settled.phase.note(&self.reports);
            self.under_way = (settled.phase.under_way()).map(|operation| operation.record.clone());
        }
    }

    /// Everyone whom the documents name: of the topology, and of the operation under way.
    pub(super) fn known(&self) -> impl Iterator<Item = &Instance> {
        let (held, phase) = match &self.state {
            State::Waiting | State::Reading(_) => (None, None),
            State::Writing(writing) => (Some(&writing.held), writing.then.operation()),
            State::Settled(settled) => (Some(&settled.held), settled.phase.under_way()),
        };
        let of_operation =
            phase.map(|operation| operation.joining.iter().chain(&operation.leaving));
        held.map(|held| held.topology.instances.iter())
            .into_iter()
            .flatten()
            .chain(of_operation.into_iter().flatten())
    }

    pub(super) fn is_known(&self, instance: Incarnation) -> bool {
        self.known().any(|known| known.incarnation == instance)
    }

    /// Whom the operation under way awaits.
    pub(super) fn awaited(&self) -> Vec<Incarnation> {
        match &self.state {
            State::Settled(settled) => {
                let awaited = settled.phase.awaited(&self.reports);
                awaited.into_iter().collect()
            }
            State::Waiting | State::Reading(_) | State::Writing(_) => Vec::new(),
        }
    }

    /// What is missing where no operation is under way. The last one was only done when nothing was, so it is enough
    /// that everybody runs.
    pub(super) fn missing_at_rest(&self) -> Option<Missing> {
        if let Some(failed) = self.failed_member() {
            return Some(Missing::Lost(failed));
        }
        let Some(topology) = &self.topology else {
            return Some(Missing::Topology);
        };
        let mut instances = topology.instances.iter();
        let absent = instances.find(|instance| !self.running.contains(&instance.incarnation));
        absent.map(|absent| Missing::NotRunning(absent.incarnation))
    }

    /// An instance of the topology that has failed.
    pub(super) fn failed_member(&self) -> Option<Incarnation> {
        let topology = self.topology.as_ref()?;
        let mut failed = self.failed.iter().copied();
        failed.find(|failed| topology.instance(*failed).is_some())
    }

    fn step(&mut self, now: Time, effects: &mut Effects) {
        let Some(mut settled) = self.unsettle(now) else {
            return;
        };
        match settled.phase.step(now, &self.reports) {
            Step::Stay(phase) => {
                settled.phase = phase;
                self.state = State::Settled(settled);
            }
            Step::Enter(phase) => {
                if let Phase::Rest(Some(ended)) = &phase {
                    settled.held.note_ended(ended);
                }
                self.write(settled.held, settled.versions, phase, effects);
            }
            Step::Commit(committing) => {
                let held = settled.held;
                self.commit(now, (held, settled.versions), committing, effects);
            }
        }
    }

    /// Takes the state out if it is settled.
    pub(super) fn unsettle(&mut self, now: Time) -> Option<Box<Settled>> {
        match core::mem::replace(&mut self.state, State::Waiting) {
            State::Settled(settled) => {
                self.unsettled_at = now;
                Some(settled)
            }
            state @ (State::Waiting | State::Reading(_) | State::Writing(_)) => {
                self.state = state;
                None
            }
        }
    }

    fn reason_to_abort(&self) -> Option<AbortReason> {
        let State::Settled(settled) = &self.state else {
            return None;
        };
        let operation = settled.phase.uncommitted()?;
        if operation.planned_at != settled.versions.topology {
            return Some(AbortReason::TopologyChanged);
        }
        let lost = &operation.plan.lost;
        let mut failed = self.failed.iter();
        let failed = failed.find(|failed| !lost.contains(failed));
        failed.map(|failed| AbortReason::InstanceFailed(*failed))
    }

    fn give_orders(&self, effects: &mut Effects) {
        self.tell(&self.orders_of(Phase::orders), effects);
    }

    /// None are given before everyone is there of whom they speak.
    fn orders_of(&self, of: impl Fn(&Phase) -> Vec<Orders>) -> Vec<Orders> {
        match &self.state {
            State::Settled(settled) if self.all_joined(&settled.phase) => of(&settled.phase),
            State::Settled(_) | State::Waiting | State::Reading(_) | State::Writing(_) => {
                Vec::new()
            }
        }
    }

    fn tell(&self, orders: &[Orders], effects: &mut Effects) {
        for Orders { control, to } in orders {
            for to in to.intersection(&self.running) {
                effects.tell(*to, control.clone());
            }
        }
    }

    fn tell_topology(&self, effects: &mut Effects) {
        if let Some(topology) = &self.topology {
            for to in &self.running {
                effects.tell(*to, Control::Topology(Arc::clone(topology)));
            }
        }
    }

    fn all_joined(&self, phase: &Phase) -> bool {
        phase.uncommitted().is_none_or(|operation| {
            let mut joining = operation.joining.iter();
            joining.all(|joining| self.running.contains(&joining.incarnation))
        })
    }

    fn start_missing(&self, effects: &mut Effects) {
        let known = self.known();
        let gone = |who| self.running.contains(who) || self.failed.contains(who);
        for instance in known.filter(|instance| !gone(&instance.incarnation)) {
            effects.push(Effect::Start(instance.clone()));
        }
    }

    fn stop(&mut self, ended: &Ended, effects: &mut Effects) {
        if self.rules.broken(Rule::StopTheSuperfluous) {
            return;
        }
        for instance in ended.superfluous() {
            self.running.remove(&instance.incarnation);
            effects.push(Effect::Stop(instance.clone()));
        }
    }

    /// Whether an instance that reports should not run any more: the documents name it no longer, and nobody stops it
    /// because of what they say. Its operation is over, and the leader that gave the word to stop it led no longer. One with
    /// a number that is not given yet belongs to a plan of somebody who leads by now.
    pub(super) fn is_to_stop(&self, instance: Incarnation) -> bool {
        let State::Settled(settled) = &self.state else {
            return false;
        };
        let is_it = |one: &Instance| one.incarnation == instance;
        let stopped = match &settled.phase {
            Phase::Rest(Some(ended)) => ended.superfluous(),
            Phase::Rest(None)
            | Phase::Preparing(_)
            | Phase::Copying(_)
            | Phase::Closing(_)
            | Phase::ClosingFirst(_)
            | Phase::CopyingClosed(_)
            | Phase::Draining(_) => &[],
        };
        instance <= settled.held.counters.incarnation
            && !self.is_known(instance)
            && !stopped.iter().any(is_it)
            && !settled.phase.unstopped().iter().any(is_it)
            && !self.rules.broken(Rule::StopStrangers)
    }

    /// Stops who reported while the documents were read, and is not named by them.
    fn stop_strangers(&self, effects: &mut Effects) {
        let strangers = self.reports.of().filter(|of| self.is_to_stop(*of));
        for stranger in strangers {
            effects.push(Effect::StopStranger(stranger));
        }
    }

    pub(super) fn remember(&mut self, record: OperationRecord) {
        self.history.retain(|past| past.id != record.id);
        self.history.push_back(record);
        if self.history.len() > HISTORY_MAX {
            self.history.pop_front();
        }
    }

    fn forget_strangers(&mut self) {
        let known: BTreeSet<_> = self.known().map(|instance| instance.incarnation).collect();
        self.running.retain(|running| known.contains(running));
        // A recovery that is tried again has to know who of them is dead.
        let unstopped: BTreeSet<_> = match &self.state {
            State::Settled(settled) => settled.phase.unstopped().iter(),
            State::Waiting | State::Reading(_) | State::Writing(_) => [].iter(),
        }
        .map(|instance| instance.incarnation)
        .collect();
        self.failed
            .retain(|failed| known.contains(failed) || unstopped.contains(failed));
        self.loads.retain(|of, _| known.contains(of));
        self.reports.keep(|from| known.contains(&from));
    }

    fn repeat_later(&mut self, now: Time, effects: &mut Effects) {
        if self.under_way.is_some() {
            self.repeat_at = now + REPEAT_AFTER;
            effects.push(Effect::WakeAt(self.repeat_at));
        }
    }
}

impl Held {
    fn note_ended(&mut self, ended: &Ended) {
        let superfluous = ended.superfluous().iter();
        self.ended
            .extend(superfluous.map(|instance| instance.incarnation));
        let surplus = self.ended.len().saturating_sub(RETIRED_MAX);
        self.ended.drain(..surplus);
    }
}

impl Versions {
    /// The operation's document, if it is still what was read.
    fn put(self, held: &Held, operation: Option<&Operation>) -> Put {
        let image = OperationImage {
            counters: held.counters,
            ended: &held.ended,
            draining: &held.draining,
            operation,
        };
        Put {
            path: Path::Operation,
            expected: Some(self.operation),
            bytes: stored::write(&image),
        }
    }
}

impl Then {
    fn operation(&self) -> Option<&Operation> {
        match self {
            Self::Enter(phase) => phase.under_way(),
            Self::Commit(committing) => Some(committing.operation()),
        }
    }
}
