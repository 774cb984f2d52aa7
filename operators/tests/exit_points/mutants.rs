//! Each rule of the exit points is necessary: without it, chance finds something wrong.
//!
//! `cargo test -p gomera-operators --features mutants --test exit_point_mutants`

mod chance;
mod crowd;
mod places;
mod scripted;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use gomera_operators::{Rule, Rules};

use chance::{Course, run};
use places::{BACKUP, NEW, OLD, OTHER, moving, pair, pair_and, placement};
use scripted::wait_for_backup;
use world::alone;

/// The first seed that shows something wrong.
fn caught(rules: Rules, seeds: u64) -> Option<u64> {
    let three = [OLD, NEW, BACKUP];
    let both = [OLD, NEW];
    let epochs = [
        placement(&[OLD, BACKUP], &[alone(OLD), pair(OLD, BACKUP)]),
        placement(&three, &[moving(OLD, NEW), pair_and(OLD, BACKUP, NEW)]),
        placement(&three, &[alone(NEW), pair(NEW, OLD)]),
        placement(&both, &[alone(NEW), pair(NEW, OLD)]),
        placement(&[OLD, NEW, OTHER], &[moving(NEW, OTHER), pair(OLD, NEW)]),
        placement(&[OLD, NEW, OTHER], &[alone(OTHER), pair(OLD, NEW)]),
    ];
    (1..=seeds).find(|seed| {
        [true, false].into_iter().any(|is_lively| {
            let course = Course {
                epochs: &epochs,
                is_lively,
                rules,
            };
            let outcome = catch_unwind(AssertUnwindSafe(|| run(*seed, course)));
            !matches!(outcome, Ok(Ok(())))
        })
    })
}

#[test]
fn every_rule_is_necessary() {
    let rules = [
        Rule::FillBeforeOwn,
        Rule::WaitForYield,
        Rule::WaitForMatchers,
        Rule::CutByOwnCursor,
        Rule::RegisterWithAll,
        Rule::FillAfterJoined,
        Rule::KeepShells,
    ];
    for rule in rules {
        let seed = caught(Rules::without(rule), 300);
        assert!(seed.is_some(), "{rule:?} can be taken away");
    }
    assert_eq!(
        caught(Rules::default(), 60),
        None,
        "with all of them it is right"
    );
}

/// Without deaths nobody notices what the backup has not taken: so this is shown by what the client hears too early.
#[test]
fn what_the_backup_has_not_taken_shows_without_its_rule() {
    let rules = Rules::without(Rule::ConfirmBeforeAnswer);
    assert!(catch_unwind(|| wait_for_backup(rules)).is_err());
}
