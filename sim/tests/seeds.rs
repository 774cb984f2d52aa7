//! A thousand seeds, each run twice: no promise is broken, the same seed gives the same bytes, and enough is reached.

use std::ops::RangeInclusive;

use gomera_model::Layer;
use gomera_sim::{Mortal, Options, Reach, run};

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

/// Whoever can die.
const MORTALS: [Mortal; 5] = [
    Mortal::Layer(Layer::ConnectionPoints),
    Mortal::Layer(Layer::AccessPoints),
    Mortal::Layer(Layer::Matchers),
    Mortal::Layer(Layer::ExitPoints),
    Mortal::Hosts,
];

/// Two deaths a run, the second when everything is whole again, while this layer is scaled.
fn check_deaths(scaled: Layer) {
    let mut total = Reach::default();
    for (hosts, seeds) in [(2, 1..=25), (3, 26..=35)] {
        for mortal in MORTALS {
            for seed in seeds.clone() {
                total += &check_death(seed, scaled, mortal, hosts);
            }
        }
    }
    assert!(total.deaths > 100, "{total}");
    assert!(total.hosts_lost > 10, "{total}");
    assert!(total.zombies > 10, "{total}");
    assert!(total.deaths_before_commit > 0, "{total}");
    assert!(total.deaths_after_commit > 0, "{total}");
}

fn check_death(seed: u64, scaled: Layer, mortal: Mortal, hosts: u64) -> Reach {
    let options = Options {
        focus: Some(scaled),
        hosts: Some(hosts),
        deaths: Some(2),
        mortal: Some(mortal),
        ..Options::default()
    };
    let verdict = run(seed, &options);
    let repeat = format!("seed {seed}, {hosts} hosts, {scaled:?} scaled, {mortal:?} mortal");
    assert!(
        verdict.breaches.is_empty(),
        "{repeat}: {:#?}",
        verdict.breaches
    );
    verdict.reach
}

#[test]
fn somebody_dies_while_matchers_are_scaled() {
    check_deaths(Layer::Matchers);
}

#[test]
fn somebody_dies_while_connection_points_are_scaled() {
    check_deaths(Layer::ConnectionPoints);
}

#[test]
fn somebody_dies_while_access_points_are_scaled() {
    check_deaths(Layer::AccessPoints);
}

#[test]
fn somebody_dies_while_exit_points_are_scaled() {
    check_deaths(Layer::ExitPoints);
}

/// Seeds in which a fault was found, two hosts, two deaths each.
#[test]
fn faults_of_recovery_that_were_mended() {
    use Layer::{AccessPoints, ConnectionPoints, ExitPoints, Matchers};
    let seeds = [
        (3, Matchers, Mortal::Layer(Matchers)),
        (7, Matchers, Mortal::Layer(ExitPoints)),
        (47, Matchers, Mortal::Layer(AccessPoints)),
        (56, Matchers, Mortal::Layer(AccessPoints)),
        (75, Matchers, Mortal::Hosts),
        (47, ConnectionPoints, Mortal::Layer(ExitPoints)),
        (63, ConnectionPoints, Mortal::Layer(AccessPoints)),
        (1, ExitPoints, Mortal::Layer(Matchers)),
        (1, ExitPoints, Mortal::Layer(AccessPoints)),
        (20, ExitPoints, Mortal::Layer(ConnectionPoints)),
        (66, ExitPoints, Mortal::Layer(Matchers)),
    ];
    for (seed, scaled, mortal) in seeds {
        check_death(seed, scaled, mortal, 2);
    }
}
