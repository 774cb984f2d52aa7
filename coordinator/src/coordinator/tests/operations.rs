//! Operations when all goes well.

use std::vec;
use std::vec::Vec;

use gomera_model::Epoch;
use gomera_model::control::Strategy;

use super::super::*;
use super::world::{Input, World, host, matchers, summary};
use crate::record::{Outcome, PhaseName};
use crate::request::Answer;

fn phases(record: &OperationRecord) -> Vec<PhaseName> {
    record.phases.iter().map(|phase| phase.phase).collect()
}

/// The first topology: connection points 1, 2; access points 3, 4; matcher 5; exit points 6, 7.
#[test]
fn an_empty_store_is_laid_out_and_everyone_learns_it() {
    let mut world = World::empty();
    world.lead();
    world.run();
    world.assert_in_order();
    assert_eq!(world.topology().epoch, Epoch(1));
    let told = summary(&world.told);
    assert_eq!(told, vec![("topology", vec![1, 2, 3, 4, 5, 6, 7])]);
}

#[test]
fn nothing_is_laid_out_before_its_host_is_there() {
    let mut world = World::empty();
    world.input(|c, now, e| c.started(now, e));
    while world.step() {}
    assert_eq!(world.writes, 0);
    world.input(|c, now, e| c.host(now, host(), e));
    world.run();
    world.assert_in_order();
}

#[test]
fn live_tells_each_phase_to_whom_it_concerns() {
    let mut world = World::running();
    world.scale(1, matchers(3));
    world.run();
    world.assert_in_order();
    assert_eq!(
        summary(&world.told),
        vec![
            ("topology", vec![8, 9]),
            ("prepare", vec![3, 4, 5, 8, 9]),
            ("copy", vec![5]),
            ("close", vec![3, 4]),
            ("topology", vec![1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ]
    );
    assert_eq!(world.writes, 5, "prepare, copy, close, commit, done");
    let stats = world.coordinator.stats();
    assert_eq!((stats.operations_done, stats.conflicts), (1, 0));
    let record = world.record(1);
    assert_eq!(record.outcome, Outcome::Done);
    use PhaseName::{Close, Commit, Copy, Drain, Prepare};
    assert_eq!(phases(record), [Prepare, Copy, Close, Commit, Drain]);
    assert!(record.phases.iter().all(|p| p.duration_ns > Some(0)));
    let contiguous =
        |w: &[crate::PhaseRecord]| Some(w[1].begin_ns - w[0].begin_ns) == w[0].duration_ns;
    assert!(
        record.phases.windows(2).all(contiguous),
        "{:?}",
        record.phases
    );
    assert_eq!(
        (record.slots_moved, record.subscriptions_moved),
        (2730, 5460)
    );
    assert_eq!(record.bytes_moved, 54_600);
    assert_eq!((record.operations_held, record.held_ns_max), (7, 4_000));
    assert_eq!(world.topology().epoch, Epoch(2));
}

#[test]
fn leaving_instances_are_told_of_the_end_and_stopped_and_later_retired() {
    let mut world = World::running();
    for (count, epoch) in [(3, 2), (1, 3), (2, 4)] {
        world.told.clear();
        world.scale(epoch, matchers(count));
        world.run();
        world.assert_in_order();
        assert_eq!(world.topology().epoch, Epoch(epoch));
        if count == 1 {
            let told = summary(&world.told);
            assert_eq!(told[1], ("copy", vec![8, 9]));
            assert_eq!(told[3], ("topology", vec![1, 2, 3, 4, 5, 6, 7, 8, 9]));
        }
    }
    assert_eq!(world.topology().retired, [Incarnation(8), Incarnation(9)]);
    assert!(world.running.contains(&Incarnation(10)));
    assert_eq!(world.coordinator.operations().count(), 3);
}

#[test]
fn buffered_closes_before_it_copies() {
    let mut world = World::running();
    let mut scale = matchers(3);
    scale.strategy = Strategy::Buffered;
    world.scale(1, scale);
    world.run();
    world.assert_in_order();
    let record = world.record(1);
    assert_eq!(record.outcome, Outcome::Done);
    use PhaseName::{Close, Commit, Copy, Drain, Prepare};
    assert_eq!(phases(record), [Prepare, Close, Copy, Commit, Drain]);
}

#[test]
fn reports_that_come_twice_change_nothing() {
    let mut world = World::running();
    world.twice = true;
    world.scale(1, matchers(3));
    world.run();
    world.assert_in_order();
    assert_eq!(world.writes, 5);
    let once = world.record(1);
    assert_eq!((once.subscriptions_moved, once.operations_held), (5460, 7));
}

#[test]
fn reports_that_come_early_are_kept() {
    let mut world = World::running();
    world.lively = false;
    world.scale(1, matchers(2));
    world.run_inputs();
    let operation = OperationId(1);
    let copied = Default::default();
    let early = [
        (8, Report::Ended(operation)),
        (5, Report::Copied { operation, copied }),
        (4, Report::Confirmed(operation)),
        (3, Report::Confirmed(operation)),
        (8, Report::Confirmed(operation)),
    ];
    for (from, report) in early {
        world.report(from, report);
        world.run_inputs();
        assert_eq!(world.record(1).phase, PhaseName::Prepare);
    }
    world.report(5, Report::Confirmed(operation));
    world.run_inputs();
    assert_eq!(world.record(1).phase, PhaseName::Drain);
    assert_eq!(world.topology().epoch, Epoch(2));
}

#[test]
fn reports_of_other_operations_epochs_and_instances_do_not_count() {
    let mut world = World::running();
    world.lively = false;
    world.scale(1, matchers(2));
    world.run_inputs();
    for from in [3, 4, 5] {
        world.report(from, Report::Confirmed(OperationId(1)));
    }
    world.report(8, Report::Confirmed(OperationId(0)));
    world.report(99, Report::Confirmed(OperationId(1)));
    world.report(8, Report::Ended(OperationId(1)));
    world.run_inputs();
    assert_eq!(world.record(1).phase, PhaseName::Prepare);
    assert_eq!(world.coordinator.stats().reports_of_strangers, 1);
}

/// The next operation's document says nothing of the one before it; and the leader that gave the word to stop who left
/// led no longer when it came.
#[test]
fn who_reports_and_is_named_by_no_document_is_stopped() {
    let mut world = World::running();
    world.scale(1, matchers(2));
    world.run();
    world.scale(2, matchers(1));
    world.run();
    let left = *world.ended.last().expect("one has left");
    world.lively = false;
    world.scale(3, matchers(2));
    world.run_inputs();
    world.seen.clear();
    world.running.insert(left);
    world.ended.clear();
    world.lead();
    world.report(left.0, Report::Confirmed(OperationId(2)));
    world.run_inputs();
    assert!(world.ended.contains(&left), "{:?}", world.seen);
    // A number that is not given yet is one of a plan that this leader does not know.
    world.seen.clear();
    world.report(99, Report::Confirmed(OperationId(4)));
    world.run_inputs();
    assert!(
        !world.seen.contains(&"stop stranger".into()),
        "{:?}",
        world.seen
    );
}

#[test]
fn who_does_not_answer_is_told_again() {
    let mut world = World::running();
    world.lively = false;
    world.scale(1, matchers(2));
    world.run_inputs();
    world.report(3, Report::Confirmed(OperationId(1)));
    world.told.clear();
    world.now = world.wake_at.take().unwrap();
    world.input(Coordinator::wake);
    world.now = world.wake_at.take().unwrap();
    world.input(Coordinator::wake);
    let again = summary(&world.told);
    assert!(!again.is_empty());
    assert!(
        again
            .iter()
            .all(|(kind, to)| *kind == "prepare" && !to.contains(&3))
    );
}

#[test]
fn an_instance_that_cannot_start_aborts_the_operation() {
    let mut world = World::running();
    world.unstartable.insert(Incarnation(9));
    world.scale(1, matchers(3));
    world.run();
    world.assert_in_order();
    let why = crate::AbortReason::InstanceFailed(Incarnation(9));
    assert_eq!(world.record(1).outcome, Outcome::Aborted { why });
    assert_eq!(world.topology().epoch, Epoch(1));
    world.scale(2, matchers(3));
    world.run();
    world.assert_in_order();
    assert_eq!(world.record(2).outcome, Outcome::Done);
    assert!(
        world.running.contains(&Incarnation(11)),
        "incarnations are never reused"
    );
}

#[test]
fn a_host_that_goes_takes_its_instances_along() {
    let mut world = World::running();
    world.lively = false;
    world.scale(1, matchers(3));
    world.run_inputs();
    world.input(|c, now, e| c.host_gone(now, super::world::HOST, e));
    world.run_inputs();
    assert!(matches!(world.record(1).outcome, Outcome::Aborted { .. }));
    assert!(!world.coordinator.is_ready());
    world.scale(2, matchers(3));
    let Answer::NotWhole { why, .. } = world.last_answer() else {
        panic!("{:?}", world.last_answer());
    };
    assert!(matches!(why, crate::Missing::Lost(_)), "{why}");
}

impl World {
    /// Gives inputs, but lets no time pass.
    pub(super) fn run_inputs(&mut self) {
        while self.step() {}
    }
}

/// An operation is over when everything is whole: also when all has been heard to be released, and everybody has read.
#[test]
fn nothing_begins_before_everything_is_whole() {
    for layer in [Layer::AccessPoints, Layer::ConnectionPoints] {
        let mut world = World::running();
        assert_eq!(world.coordinator.missing(), None);
        let slow = world.topology().incarnations(layer).next().unwrap();
        let is_late = |input: &Input| matches!(input, Input::Report(from, Report::Settled(_)) if *from == slow);
        world.scale(1, matchers(2));
        let mut late = Vec::new();
        while let Some(input) = world.inputs.front() {
            match is_late(input) {
                true => late.extend(world.inputs.pop_front()),
                false => assert!(world.step()),
            }
        }
        assert_eq!(world.topology().epoch, Epoch(2), "it is committed");
        let missing = world.coordinator.missing();
        let awaited = crate::Missing::Operation {
            operation: OperationId(1),
            awaited: vec![slow],
        };
        assert_eq!(missing, Some(awaited), "{layer:?}");
        world.scale(2, matchers(3));
        assert_eq!(world.last_answer(), &Answer::Busy(OperationId(1)));
        world.inputs.extend(late);
        world.run_inputs();
        assert_eq!(world.coordinator.missing(), None);
        assert_eq!(world.record(1).outcome, Outcome::Done);
    }
}

/// Somebody who asks while an instance is still to start waits for it, and is told if that takes too long.
#[test]
fn who_asks_before_everybody_runs_waits() {
    for comes in [true, false] {
        let mut world = World::running();
        world.lead();
        let absent = world.topology().instances[0].incarnation;
        let is_late = |input: &Input| matches!(input, Input::Started(who) if *who == absent);
        while let Some(input) = world.inputs.front() {
            match is_late(input) {
                true => drop(world.inputs.pop_front()),
                false => assert!(world.step()),
            }
        }
        let why = crate::Missing::NotRunning(absent);
        assert_eq!(world.coordinator.missing(), Some(why.clone()));
        world.answers.clear();
        world.scale(1, matchers(2));
        world.run_inputs();
        assert!(world.answers.is_empty() && world.coordinator.under_way().is_none());
        if comes {
            world.inputs.push_back(Input::Started(absent));
            world.run();
            assert!(matches!(world.last_answer(), Answer::Accepted(_)));
            continue;
        }
        world.now = world.now + crate::limits::PATIENCE;
        world.input(Coordinator::wake);
        let retry_after = crate::limits::RETRY_AFTER;
        assert_eq!(world.last_answer(), &Answer::NotWhole { why, retry_after });
    }
}
