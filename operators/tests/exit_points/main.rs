//! Session slots move from one exit point to another: real operators, lanes of any speed, and clients that notice
//! nothing.

mod chance;
mod crowd;
mod scripted;
mod world;

use gomera_model::Incarnation;
use gomera_model::topology::ExitPoints;
use gomera_operators::Rules;

use chance::{Course, run};
use world::{EXIT_POINTS, Placement, alone};

const OLD: Incarnation = EXIT_POINTS[0];
const NEW: Incarnation = EXIT_POINTS[1];

/// Delivered by one, while another is filled.
fn moving(primary: Incarnation, further: Incarnation) -> ExitPoints {
    ExitPoints {
        further: Some(further),
        ..alone(primary)
    }
}

fn placement(listed: &[Incarnation], slots: &[ExitPoints]) -> Placement {
    Placement {
        listed: listed.to_vec(),
        slots: slots.to_vec(),
    }
}

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
fn nothing_moves() {
    check(
        &[
            placement(&[OLD], &[alone(OLD)]),
            placement(&[OLD], &[alone(OLD)]),
        ],
        200,
    );
}
