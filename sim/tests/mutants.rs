//! Every rule of the protocol is necessary, and the checkers see when one is taken away.

use gomera_sim::{MUTANTS, Mutant, run};

/// Seeds from 1 until one is caught.
fn check(mutant: &Mutant) {
    let options = mutant.options();
    let caught = (1..=mutant.seeds_max).find(|&seed| !run(seed, &options).breaches.is_empty());
    assert!(
        caught.is_some(),
        "{} was not caught within {} seeds",
        mutant.name,
        mutant.seeds_max
    );
}

#[test]
fn every_other_mutant_is_caught() {
    MUTANTS.iter().step_by(2).for_each(check);
}

#[test]
fn so_are_those_between() {
    MUTANTS.iter().skip(1).step_by(2).for_each(check);
}
