//! A host is emptied, whatever happens meanwhile.

use std::string::ToString;
use std::vec::Vec;

use gomera_model::HostId;

use super::super::*;
use super::world::{Fate, Input, World, matchers, wish};
use crate::record::{AbortReason, Outcome};
use crate::request::{Answer, Impossible};

/// The one that is emptied.
const GOING: HostId = HostId(2);

fn world(hosts: u64) -> World {
    let hosts: Vec<_> = (1..=hosts).map(HostId).map(HostEntry::of_all).collect();
    World::running_on(&hosts)
}

fn on(world: &World, host: HostId) -> u32 {
    let topology = world.topology();
    let there = topology.instances.iter().filter(|one| one.host == host);
    u32::try_from(there.count()).unwrap()
}

/// It is empty, as many of each layer run as before, and both of each pair are apart if there are two other hosts.
fn assert_emptied(world: &World) {
    world.assert_in_order();
    assert_eq!(on(world, GOING), 0);
    let topology = world.topology();
    let layout = super::world::settings().layout;
    for (layer, count) in layout.counts {
        assert_eq!(topology.layer(layer).count(), count as usize, "{layer:?}");
    }
    assert!(topology.instances.iter().all(|one| !one.leaving));
    let survival = crate::Survival::of(&topology, &world.coordinator.hosts, &[GOING].into());
    let expected = if world.hosts.len() > 2 {
        crate::Survives::Host
    } else {
        crate::Survives::Nothing
    };
    assert_eq!(survival.survives, expected, "{survival:?}");
}

#[test]
fn a_host_is_emptied_by_an_operation_a_layer_and_takes_nothing_more() {
    let mut world = world(3);
    let before = on(&world, GOING);
    assert!(before > 0);
    world.drain(1, GOING.0);
    world.run();
    let host = GOING;
    let answer = Answer::Draining {
        host,
        instances: before,
    };
    assert_eq!(world.last_answer(), &answer);
    assert_emptied(&world);
    let records: Vec<_> = world.coordinator.operations().collect();
    assert!(!records.is_empty());
    for record in &records {
        assert_eq!(
            (record.drains, record.outcome),
            (Some(GOING), Outcome::Done)
        );
    }
    let operations = records.len();
    world.drain(2, GOING.0);
    let instances = 0;
    assert_eq!(world.last_answer(), &Answer::Draining { host, instances });
    world.scale(3, matchers(9));
    world.run();
    assert_eq!(on(&world, GOING), 0);
    assert_eq!(world.coordinator.operations().count(), operations + 1);
    assert_eq!(
        world.coordinator.stats().operations_done,
        operations as u64 + 1
    );
}

#[test]
fn two_hosts_may_lose_one_and_one_may_not() {
    let mut world = world(2);
    world.drain(1, GOING.0);
    world.run();
    assert_emptied(&world);
    world.drain(2, 1);
    let Answer::Impossible(why) = world.last_answer() else {
        panic!("{:?}", world.last_answer());
    };
    assert_eq!(
        why.to_string(),
        "host 1 is the last that may run connection_points: it cannot be emptied"
    );
}

#[test]
fn what_cannot_be_emptied_is_refused_by_name() {
    let mut poor = HostEntry::of_all(HostId(1));
    poor.layers.retain(|layer| *layer != Layer::Matchers);
    poor.coordinates = false;
    let mut world = World::running_on(&[poor, HostEntry::of_all(GOING)]);
    world.drain(1, 7);
    assert_eq!(world.last_answer(), &Answer::NoSuchHost(HostId(7)));
    world.drain(2, GOING.0);
    let why = Impossible::LastHost {
        host: GOING,
        layer: Layer::Matchers,
    };
    assert_eq!(world.last_answer(), &Answer::Impossible(why));
    let mut able = HostEntry::of_all(HostId(3));
    able.coordinates = false;
    world.input(|c, now, e| c.host(now, able, e));
    world.drain(3, GOING.0);
    let why = Impossible::LastCoordinator(GOING);
    assert_eq!(world.last_answer(), &Answer::Impossible(why));
    assert!(world.coordinator.draining().is_empty());
    world.lively = false;
    world.scale(4, matchers(2));
    world.drain(5, GOING.0);
    world.run_inputs();
    assert_eq!(world.last_answer(), &Answer::Busy(OperationId(1)));
}

#[test]
fn a_successor_goes_on_from_every_step() {
    for steps in 0.. {
        let mut world = world(3);
        world.drain(1, GOING.0);
        let ended = (0..steps).any(|_| !world.step());
        world.lead();
        world.run();
        assert_emptied(&world);
        assert_eq!(world.coordinator.draining(), &BTreeSet::from([GOING]));
        if ended {
            break;
        }
    }
}

#[test]
fn every_write_may_fail_in_every_way() {
    for spared in 0..12 {
        for fate in [
            Fate::Conflict,
            Fate::UnknownDone,
            Fate::UnknownLost,
            Fate::UnknownLate(2),
        ] {
            let mut world = world(3);
            world.fates = (0..spared).map(|_| Fate::Good).collect();
            world.fates.push_back(fate);
            world.drain(1, GOING.0);
            world.run();
            assert_emptied(&world);
            assert!(matches!(world.answers[0].1, Answer::Draining { .. }));
        }
    }
}

/// Whoever dies, on this host or another, is replaced, and the host is empty in the end.
#[test]
fn a_death_meanwhile_is_recovered_from_and_the_emptying_goes_on() {
    for victim in [0, 3, 4, 6, 8] {
        for steps in (0..).step_by(4) {
            let mut world = world(3);
            world.drain(1, GOING.0);
            let ended = (0..steps).any(|_| !world.step());
            let running: Vec<_> = world.running.iter().copied().collect();
            let Some(&who) = running.get(victim) else {
                break;
            };
            world.kill(who);
            world.run();
            // Who is dead before it has joined cannot be started: only then is the emptying given up.
            if !world.coordinator.draining().is_empty() {
                assert_emptied(&world);
            } else {
                world.assert_in_order();
                let mut records = world.coordinator.operations();
                let why = AbortReason::InstanceFailed(who);
                assert!(records.any(|record| record.outcome == Outcome::Aborted { why }));
            }
            if ended {
                break;
            }
        }
    }
}

#[test]
fn who_gives_the_operation_up_gives_the_emptying_up() {
    let mut world = world(3);
    world.drain(1, GOING.0);
    while world.coordinator.under_way().is_none() {
        assert!(world.step());
    }
    world.abort(2, 1);
    world.run();
    assert_eq!(world.last_answer(), &Answer::Aborted(OperationId(1)));
    assert!(world.coordinator.draining().is_empty());
    assert_eq!(world.coordinator.operations().count(), 1);
    world.assert_in_order();
    assert!(on(&world, GOING) > 0);
}

#[test]
fn a_row_is_gone_on_with_before_a_host_is_emptied() {
    let mut world = world(3);
    world.scale(1, wish([(Layer::ExitPoints, 3), (Layer::Matchers, 2)]));
    world.run();
    world.drain(2, GOING.0);
    world.run();
    assert_eq!(on(&world, GOING), 0);
    assert_eq!(world.topology().layer(Layer::Matchers).count(), 2);
    assert_eq!(world.topology().layer(Layer::ExitPoints).count(), 3);
}

#[test]
fn a_topology_that_changed_under_it_is_planned_for_again() {
    let mut world = world(3);
    world.drain(1, GOING.0);
    while world.coordinator.under_way().is_none() {
        assert!(world.step());
    }
    let mut changed = world.topology();
    changed.epoch = changed.epoch.next();
    let stored = world.store.read(Path::Topology).stored.unwrap();
    let put = crate::document::Put {
        path: Path::Topology,
        expected: Some(stored.version),
        bytes: crate::stored::write(&changed),
    };
    world.store.write(&[put]).unwrap();
    world.inputs.push_back(Input::Document(Path::Topology));
    world.run();
    assert_emptied(&world);
}
