//! Operations when a write fails, a leader dies, a second one leads, somebody aborts: at every step.

use std::vec;
use std::vec::Vec;

use gomera_model::control::Strategy;
use gomera_model::{Epoch, HostId};

use super::super::*;
use super::world::{Fate, HOST, Input, World, host, matchers};
use crate::document::Put;
use crate::record::{AbortReason, Outcome, PhaseName};
use crate::request::Answer;

const STRATEGIES: [Strategy; 2] = [Strategy::Live, Strategy::Buffered];

/// Everything bad that may become of a write and still be answered.
const BAD: [Fate; 7] = [
    Fate::Conflict,
    Fate::UnknownDone,
    Fate::UnknownLost,
    Fate::UnknownLate(1),
    Fate::UnknownLate(2),
    Fate::UnknownLate(3),
    Fate::UnknownLate(6),
];

fn begun(strategy: Strategy) -> World {
    let mut world = World::running();
    let mut scale = matchers(3);
    scale.strategy = strategy;
    world.scale(1, scale);
    world
}

fn accepted(world: &World) -> bool {
    matches!(&world.answers[..], [(RequestId(1), Answer::Accepted(record))] if record.id == OperationId(1))
}

/// Whatever becomes of any one write, or of any two in a row: the operation is done, once.
#[test]
fn every_write_of_an_operation_may_fail_in_every_way() {
    for strategy in STRATEGIES {
        for spared in 0..6 {
            for first in BAD {
                for second in BAD.into_iter().chain([Fate::Good]) {
                    let mut world = World::running();
                    world.fates = vec![Fate::Good; spared].into();
                    world.fates.extend([first, second]);
                    let mut scale = matchers(3);
                    scale.strategy = strategy;
                    world.scale(1, scale);
                    world.run();
                    let story = (strategy, spared, first, second);
                    world.assert_in_order();
                    assert!(accepted(&world), "{story:?}: {:?}", world.answers);
                    assert_eq!(world.record(1).outcome, Outcome::Done, "{story:?}");
                    assert_eq!(world.topology().epoch, Epoch(2), "{story:?}");
                    assert_eq!(world.coordinator.operations().count(), 1, "{story:?}");
                }
            }
        }
    }
}

#[test]
fn the_first_start_may_fail_in_every_way() {
    for fate in BAD {
        let mut world = World::empty();
        world.fates.push_back(fate);
        world.lead();
        world.run();
        world.assert_in_order();
        assert_eq!(world.topology().epoch, Epoch(1), "{fate:?}");
    }
}

/// The leader dies after every number of inputs; what it still had to be given is lost with it, but for reports.
#[test]
fn a_successor_continues_from_every_step() {
    for strategy in STRATEGIES {
        let mut phases = Vec::new();
        for steps in 0.. {
            let mut world = begun(strategy);
            let ended = (0..steps).any(|_| !world.step());
            let document = world.store.read(Path::Operation).stored.unwrap();
            let document = crate::stored::read_operation(&document.bytes).unwrap();
            phases.push(document.operation.map(|operation| operation.record.phase));
            world.lead();
            world.run();
            world.assert_in_order();
            // The write of the beginning is carried out at once, so the operation is always there.
            assert_eq!(
                world.record(1).outcome,
                Outcome::Done,
                "after {steps} steps"
            );
            assert_eq!(world.topology().epoch, Epoch(2));
            if ended {
                break;
            }
        }
        use PhaseName::{Close, Copy, Done, Drain, Prepare};
        for phase in [Prepare, Copy, Close, Drain, Done] {
            assert!(
                phases.contains(&Some(phase)),
                "{phase:?} was never met: {phases:?}"
            );
        }
    }
}

/// The same, but what the dying leader wanted to do last is not done either: the write is lost.
#[test]
fn a_successor_continues_where_a_write_never_arrived() {
    for spared in 0..5 {
        let mut world = World::running();
        world.fates = vec![Fate::Good; spared].into();
        world.fates.push_back(Fate::Silent);
        world.scale(1, matchers(3));
        world.run_inputs();
        assert_eq!(world.writes, spared + 1);
        world.lead();
        world.run();
        world.assert_in_order();
        if spared == 0 {
            assert_eq!(world.coordinator.operations().count(), 0);
            assert_eq!(world.topology().epoch, Epoch(1));
        } else {
            assert_eq!(world.record(1).outcome, Outcome::Done);
            assert_eq!(world.topology().epoch, Epoch(2));
        }
    }
}

/// Abort is asked for after every number of inputs: exactly one of abort and commit wins.
#[test]
fn abort_and_commit_exclude_each_other_at_every_step() {
    for strategy in STRATEGIES {
        let (mut aborted, mut late) = (0, 0);
        for steps in 0.. {
            let mut world = begun(strategy);
            let ended = (0..steps).any(|_| !world.step());
            world.abort(2, 1);
            world.run();
            world.assert_in_order();
            let answer = (world.answers.iter()).find(|(request, _)| *request == RequestId(2));
            let why = AbortReason::Requested;
            match (&answer.unwrap().1, world.topology().epoch) {
                (Answer::Aborted(OperationId(1)), Epoch(1)) => {
                    assert_eq!(world.record(1).outcome, Outcome::Aborted { why });
                    assert!(
                        world
                            .told
                            .iter()
                            .any(|(_, c)| super::world::kind(c) == "abort")
                    );
                    aborted += 1;
                }
                (Answer::TooLate(OperationId(1)), Epoch(2)) => {
                    assert_eq!(world.record(1).outcome, Outcome::Done);
                    late += 1;
                }
                other => panic!("after {steps} steps: {other:?}"),
            }
            world.abort(3, 1);
            assert_eq!(Some(world.last_answer()), answer_of(&world, 2).as_ref());
            if ended {
                break;
            }
        }
        assert!(aborted > 5, "{aborted}");
        assert!(late > 5, "{late}");
    }
}

fn answer_of(world: &World, request: u64) -> Option<Answer> {
    let mut answers = world.answers.iter();
    answers
        .find(|(r, _)| *r == RequestId(request))
        .map(|(_, answer)| answer.clone())
}

/// The write of the abort may fail in every way, too, and the leader may die before it has told anybody.
#[test]
fn the_write_of_an_abort_may_fail_in_every_way() {
    for fate in BAD {
        for steps in 1..12 {
            let mut world = begun(Strategy::Live);
            for _ in 0..steps {
                world.step();
            }
            world.fates.push_back(fate);
            world.abort(2, 1);
            world.run();
            world.assert_in_order();
            let story = (fate, steps);
            let committed = world.topology().epoch == Epoch(2);
            let answer = answer_of(&world, 2);
            let expected = if committed {
                Answer::TooLate(OperationId(1))
            } else {
                Answer::Aborted(OperationId(1))
            };
            assert_eq!(answer, Some(expected), "{story:?}");
        }
    }
}

#[test]
fn a_successor_tells_an_abort_that_nobody_was_told_of() {
    let mut world = begun(Strategy::Live);
    for _ in 0..4 {
        world.step();
    }
    world.lively = false;
    world.run_inputs();
    world.abort(2, 1);
    world.told.clear();
    assert_eq!(world.topology().epoch, Epoch(1));
    world.lead();
    world.run();
    world.assert_in_order();
    let aborts = world
        .told
        .iter()
        .filter(|(_, c)| super::world::kind(c) == "abort");
    assert_eq!(aborts.count(), 3, "both access points and the old owner");
}

/// A second leader works on the same documents, turn about, from every step on. The first was not told that it is none.
#[test]
fn two_leaders_at_once_do_no_harm() {
    for steps in 0..40 {
        let mut world = begun(Strategy::Live);
        for _ in 0..steps {
            world.step();
        }
        let mut inputs = core::mem::take(&mut world.inputs);
        let mut other = core::mem::replace(
            &mut world.coordinator,
            Coordinator::new(super::world::settings()),
        );
        world.lead();
        for _ in 0..400 {
            for _ in 0..2 {
                world.step();
            }
            core::mem::swap(&mut world.coordinator, &mut other);
            core::mem::swap(&mut world.inputs, &mut inputs);
            for _ in 0..3 {
                world.step();
            }
            core::mem::swap(&mut world.coordinator, &mut other);
            core::mem::swap(&mut world.inputs, &mut inputs);
        }
        world.run();
        world.assert_in_order();
        assert_eq!(
            world.record(1).outcome,
            Outcome::Done,
            "after {steps} steps"
        );
        assert_eq!(world.topology().epoch, Epoch(2));
    }
}

/// Somebody else changes the topology while an operation is prepared: it is given up and planned again.
#[test]
fn a_topology_that_changed_is_planned_for_again() {
    use PhaseName::{Close, Copy, Prepare};
    let mut phases = Vec::new();
    for steps in 0.. {
        let mut world = begun(Strategy::Live);
        for _ in 0..steps {
            world.step();
        }
        let mut changed = world.topology();
        if changed.epoch != Epoch(1) {
            break;
        }
        phases.extend(world.coordinator.under_way().map(|record| record.phase));
        changed.epoch = Epoch(2);
        let stored = world.store.read(Path::Topology).stored.unwrap();
        let put = Put {
            path: Path::Topology,
            expected: Some(stored.version),
            bytes: crate::stored::write(&changed),
        };
        world.store.write(&[put]).unwrap();
        if steps % 2 == 0 {
            world.inputs.push_back(Input::Document(Path::Topology));
        }
        world.run();
        world.assert_in_order();
        let why = AbortReason::TopologyChanged;
        assert_eq!(world.record(1).outcome, Outcome::Aborted { why }, "{steps}");
        assert_eq!(world.record(2).outcome, Outcome::Done);
        assert_eq!(world.topology().epoch, Epoch(3));
        assert_eq!(world.topology().layer(Layer::Matchers).count(), 3);
    }
    assert!(
        [Prepare, Copy, Close]
            .iter()
            .all(|phase| phases.contains(phase)),
        "{phases:?}"
    );
}

#[test]
fn documents_that_cannot_be_read_are_named_and_waited_for() {
    for (path, bytes) in [
        (Path::Topology, "{}"),
        (Path::Operation, "nonsense"),
        (
            Path::Operation,
            r#"{"counters":{"incarnation":3,"operation":0},"ended":[],"operation":null}"#,
        ),
    ] {
        let mut world = World::running();
        let good = world.store.read(path).stored.unwrap();
        let put = |expected: u64, bytes: &[u8]| Put {
            path,
            expected: Some(Version(expected)),
            bytes: bytes.to_vec(),
        };
        world.store.write(&[put(0, bytes.as_bytes())]).unwrap();
        world.lead();
        world.run_inputs();
        assert_eq!(world.unreadable, [path]);
        assert!(!world.coordinator.is_available());
        world.store.write(&[put(1, &good.bytes)]).unwrap();
        world.run();
        world.assert_in_order();
    }
}

/// Documents come when they come: one that is older than what is known says nothing.
#[test]
fn a_stale_document_is_not_taken() {
    let mut world = begun(Strategy::Live);
    let stale = world.store.read(Path::Operation);
    let phase = |world: &World| world.coordinator.under_way().map(|record| record.phase);
    while phase(&world) != Some(PhaseName::Close) {
        world.step();
    }
    world.inputs.clear();
    world.input(|c, now, e| c.started(now, e));
    world.inputs.clear();
    let topology = world.store.read(Path::Topology);
    world.input(|c, now, e| c.document(now, topology, e));
    world.input(|c, now, e| c.document(now, stale, e));
    assert!(!world.coordinator.is_available());
    world.run();
    world.assert_in_order();
    assert_eq!(world.record(1).outcome, Outcome::Done);
}

#[test]
fn documents_that_vanish_are_not_laid_out_anew() {
    let mut world = World::running();
    world.store = crate::EmbeddedStore::new();
    world.inputs.push_back(Input::Document(Path::Topology));
    world.run_inputs();
    assert_eq!(world.unreadable, [Path::Topology, Path::Operation]);
    assert_eq!(world.writes, 0);
    assert!(world.coordinator.topology().is_some(), "it is still shown");
}

/// Another process on the same machine: another host.
fn second_host() -> HostEntry {
    HostEntry {
        id: HostId(2),
        ..host()
    }
}

#[test]
fn when_nothing_is_left_whoever_is_there_begins_anew() {
    for fate in [
        Fate::Good,
        Fate::Conflict,
        Fate::UnknownDone,
        Fate::UnknownLost,
    ] {
        let mut world = World::running();
        let before = world.topology();
        world.input(|c, now, e| c.host(now, second_host(), e));
        world.run();
        assert_eq!(world.topology(), before, "as long as something is left");
        world.fates.push_back(fate);
        world.input(|c, now, e| c.host_gone(now, HOST, e));
        world.run();
        let after = world.topology();
        assert_eq!(after.epoch, before.epoch.next(), "{fate:?}");
        let newest = before.instances.last().unwrap().incarnation;
        for instance in &after.instances {
            assert_eq!(instance.host, HostId(2));
            assert!(instance.incarnation > newest, "{fate:?}");
        }
        for gone in &before.instances {
            assert!(after.retired.contains(&gone.incarnation));
        }
        assert!(world.coordinator.is_ready(), "{fate:?}");
        world.scale(1, matchers(2));
        world.run();
        assert!(accepted(&world), "{fate:?}");
    }
}

#[test]
fn an_operation_that_lost_everyone_is_in_nobodys_way() {
    for strategy in [Strategy::Live, Strategy::Buffered] {
        let steps = {
            let mut world = begun(strategy);
            let mut steps = 0;
            while world.step() {
                steps += 1;
            }
            steps
        };
        for step in 0..steps {
            let mut world = begun(strategy);
            world.input(|c, now, e| c.host(now, second_host(), e));
            for _ in 0..step {
                world.step();
            }
            world.input(|c, now, e| c.host_gone(now, HOST, e));
            world.run();
            let hosts: BTreeSet<_> = world.topology().instances.iter().map(|i| i.host).collect();
            assert_eq!(hosts, BTreeSet::from([HostId(2)]), "{strategy} {step}");
            assert!(world.coordinator.is_ready(), "{strategy} {step}");
            assert!(world.coordinator.under_way().is_none(), "{strategy} {step}");
        }
    }
}

/// A host that leads again hears of a write that it made when it led before: that is not the outcome of its present one.
#[test]
fn the_outcome_of_an_earlier_write_of_the_same_host_is_nobodys() {
    let mut world = World::running();
    world.fates = vec![Fate::Silent].into();
    world.scale(1, matchers(3));
    let before = world.coordinator.last_write();
    world.lead();
    world.coordinator = world.coordinator.clone().numbering_writes_after(before);
    world.run();
    world.told.clear();
    world.fates = vec![Fate::Silent].into();
    world.scale(2, matchers(2));
    assert!(world.coordinator.last_write() > before);
    world.input(|c, now, effects| c.written(now, before, Ok(vec![Version(1)]), effects));
    world.run();
    assert_eq!(world.told, [], "nothing is written, so nobody is told");
}
