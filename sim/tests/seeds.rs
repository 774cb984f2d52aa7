//! A thousand seeds, each run twice: no promise is broken, the same seed gives the same bytes, and enough is reached.

use std::ops::RangeInclusive;

use gomera_sim::{Options, Reach, run};

/// Runs seeds, each twice.
fn check(seeds: RangeInclusive<u64>) {
    let options = Options::default();
    let count = seeds.clone().count() as u64;
    let mut total = Reach::default();
    for seed in seeds {
        let first = run(seed, &options);
        let again = run(seed, &options);
        let repeat = format!("cargo run --release -p gomera-sim -- --seed {seed} --trace");
        assert!(first.breaches.is_empty(), "{:#?}\n{repeat}", first.breaches);
        assert_eq!(first.digest, again.digest, "not the same bytes: {repeat}");
        total += &first.reach;
    }
    assert_reached(&total, count);
}

/// What was never reached was never tested.
fn assert_reached(total: &Reach, seeds: u64) {
    assert!(total.void * 4 < seeds, "too many void runs\n{total}");
    assert!(total.commits > seeds, "{total}");
    assert!(total.in_flight > total.commits, "{total}");
    assert!(total.operations_in_flight > total.commits, "{total}");
    let rare = [
        total.aborted,
        total.aborts_too_late,
        total.refused_busy,
        total.stamped_late,
        total.held,
        total.copied,
        total.followed,
        total.windows_full,
        total.losses,
        total.resumes,
        total.repeats,
    ];
    assert!(rare.iter().all(|&count| count > 0), "{total}");
}

#[test]
fn seeds_1_to_250() {
    check(1..=250);
}

#[test]
fn seeds_251_to_500() {
    check(251..=500);
}

#[test]
fn seeds_501_to_750() {
    check(501..=750);
}

#[test]
fn seeds_751_to_1000() {
    check(751..=1000);
}
