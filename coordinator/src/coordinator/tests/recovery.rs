//! Somebody dies: at rest, and at every step of an operation of every layer.

use std::vec::Vec;

use gomera_model::Epoch;

use super::super::*;
use super::world::{World, wish};
use crate::record::{AbortReason, Outcome};

fn all(world: &World) -> Vec<Incarnation> {
    let topology = world.topology();
    topology.instances.iter().map(|i| i.incarnation).collect()
}

fn count(world: &World, layer: Layer) -> u32 {
    u32::try_from(world.topology().layer(layer).count()).unwrap()
}

#[test]
fn whoever_dies_at_rest_is_followed_by_one_of_its_kind() {
    for who in all(&World::running()) {
        let mut world = World::running();
        let before = world.topology();
        world.kill(who);
        world.run();
        world.assert_in_order();
        let after = world.topology();
        let dead = before.instance(who).unwrap();
        assert_eq!(after.epoch, Epoch(2));
        assert!(after.instance(who).is_none() && after.is_retired(who));
        for layer in Layer::ALL {
            assert_eq!(after.layer(layer).count(), before.layer(layer).count());
        }
        let is_cut = dead.layer == Layer::Matchers;
        assert_eq!(after.cut, Epoch(2 * u64::from(is_cut)));
        assert_eq!(world.record(1).lost, [who]);
        assert!(
            after
                .instances
                .iter()
                .any(|i| i.id == dead.id && i.layer == dead.layer)
        );
    }
}

#[test]
fn a_whole_host_is_one_epoch() {
    let mut world = World::running();
    for who in all(&world) {
        world.kill(who);
    }
    // Everybody is reported before anything else is looked at.
    let known: Vec<_> = all(&world);
    for who in known {
        world.coordinator.fail(who);
    }
    world.run();
    world.assert_in_order();
    assert_eq!(world.topology().epoch, Epoch(2));
    assert_eq!(world.record(1).lost.len(), 7);
}

/// The operation reaches what was asked for, whoever dies whenever: given up before the commit, gone on with after it.
#[test]
fn an_operation_survives_any_death_at_any_step() {
    for layer in Layer::ALL {
        for victim in 0..10 {
            for steps in (0..).step_by(3) {
                let mut world = World::running();
                world.scale(1, wish([(layer, 3)]));
                let ended = (0..steps).any(|_| !world.step());
                let running: Vec<_> = world.running.iter().copied().collect();
                let Some(&who) = running.get(victim) else {
                    break;
                };
                world.kill(who);
                world.run();
                world.assert_in_order();
                assert!(!all(&world).contains(&who), "{layer:?} {victim} {steps}");
                let first = world.record(1).outcome;
                let wanted = match first {
                    Outcome::Done | Outcome::Interrupted { .. } => 3,
                    Outcome::Aborted { why } => {
                        assert_eq!(why, AbortReason::InstanceFailed(who));
                        count(&World::running(), layer)
                    }
                    Outcome::Running => panic!("it ended"),
                };
                assert_eq!(count(&world, layer), wanted, "{layer:?} {victim} {steps}");
                if ended {
                    break;
                }
            }
        }
    }
}

#[test]
fn who_dies_during_a_recovery_is_replaced_with_the_first() {
    for steps in 0..12 {
        let mut world = World::running();
        let victims = all(&world);
        world.kill(victims[2]);
        for _ in 0..steps {
            world.step();
        }
        world.kill(victims[5]);
        world.run();
        world.assert_in_order();
        let now = all(&world);
        assert!(!now.contains(&victims[2]) && !now.contains(&victims[5]));
        assert_eq!(now.len(), victims.len(), "after {steps} steps");
    }
}

#[test]
fn without_a_host_for_a_follower_it_waits_for_one() {
    let mut world = World::running();
    let victim = world
        .topology()
        .incarnations(Layer::Matchers)
        .next()
        .unwrap();
    let host = world.topology().instances[0].host;
    world.input(|c, now, effects| c.host_gone(now, host, effects));
    world.kill(victim);
    world.run_inputs();
    assert_eq!(world.topology().epoch, Epoch(1));
    for who in all(&world) {
        world.kill(who);
    }
    world.input(|c, now, effects| c.host(now, super::world::host(), effects));
    world.run();
    world.assert_in_order();
    assert!(world.topology().epoch >= Epoch(2));
}
