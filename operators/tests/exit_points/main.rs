//! Session slots move from one exit point to another: real operators, lanes of any speed, and clients that notice
//! nothing.

mod chance;
mod crowd;
mod places;
mod scripted;
mod world;

use gomera_operators::Rules;

use chance::{Course, run};
use places::{BACKUP, NEW, OLD, OTHER, moving, pair, pair_and, placement};
use world::{Placement, alone};

fn check(epochs: &[Placement], seeds: u64) {
    for is_lively in [true, false] {
        let course = Course {
            epochs,
            is_lively,
            rules: Rules::default(),
        };
        for seed in 1..=seeds {
            if let Err(fault) = run(seed, course) {
                panic!("seed {seed}, lively: {is_lively}: {fault}");
            }
        }
    }
}

#[test]
fn all_slots_go_from_one_to_another() {
    let epochs = [
        placement(&[OLD], &[alone(OLD)]),
        placement(&[OLD, NEW], &[moving(OLD, NEW)]),
        placement(&[OLD, NEW], &[alone(NEW)]),
        placement(&[NEW], &[alone(NEW)]),
    ];
    check(&epochs, 100);
}

#[test]
fn half_of_the_slots_go_and_come_back() {
    let both = [OLD, NEW];
    let epochs = [
        placement(&[OLD], &[alone(OLD)]),
        placement(&both, &[moving(OLD, NEW), alone(OLD)]),
        placement(&both, &[alone(NEW), alone(OLD)]),
        placement(&both, &[moving(NEW, OLD), moving(OLD, NEW)]),
        placement(&both, &[alone(OLD), alone(NEW)]),
        placement(&both, &[alone(OLD), moving(NEW, OLD)]),
        placement(&both, &[alone(OLD)]),
        placement(&[OLD], &[alone(OLD)]),
    ];
    check(&epochs, 60);
}

#[test]
fn a_pair_changes_first_its_primary_and_then_its_backup() {
    let before = [OLD, BACKUP];
    let three = [OLD, NEW, BACKUP];
    let four = [OLD, NEW, BACKUP, OTHER];
    let epochs = [
        placement(&before, &[pair(OLD, BACKUP)]),
        placement(&three, &[pair_and(OLD, BACKUP, NEW)]),
        placement(&three, &[pair(NEW, BACKUP)]),
        placement(&four, &[pair_and(NEW, BACKUP, OTHER)]),
        placement(&four, &[pair(NEW, OTHER)]),
        placement(&[NEW, OTHER], &[pair(NEW, OTHER)]),
    ];
    check(&epochs, 60);
}

#[test]
fn a_pair_changes_its_roles_and_gets_and_loses_its_backup() {
    let both = [OLD, BACKUP];
    let epochs = [
        placement(&[OLD], &[alone(OLD)]),
        placement(&both, &[pair(OLD, BACKUP), alone(OLD)]),
        placement(&both, &[pair(BACKUP, OLD), moving(OLD, BACKUP)]),
        placement(&both, &[pair(OLD, BACKUP), pair(BACKUP, OLD)]),
        placement(&both, &[alone(OLD), pair(OLD, BACKUP)]),
        placement(&both, &[pair(OLD, BACKUP), alone(BACKUP)]),
    ];
    check(&epochs, 60);
}

#[test]
fn nothing_moves() {
    check(
        &[
            placement(&[OLD], &[alone(OLD)]),
            placement(&[OLD], &[alone(OLD)]),
        ],
        200,
    );
}
