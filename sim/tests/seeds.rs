//! Two thousand seeds, with everything that goes wrong with hosts and store: no promise is broken, the same seed gives the
//! same bytes, and every fault hits every phase of an operation of every layer.
//!
//! A test reports as soon as its part is done; the last of them looks at what all have reached.

use std::ops::RangeInclusive;
use std::sync::{LazyLock, Mutex};

use gomera_model::Layer;
use gomera_sim::{Mortal, Options, Reach, run};

/// Every so many seeds one is run twice, with all that is done taken into a number.
const COMPARED_EVERY: u64 = 10;
/// Parts of all the seeds, each a test.
const PARTS: u64 = 4;
const SEEDS: u64 = 2000;

/// What the parts that are done have reached, and how many of them there are.
static TOTAL: LazyLock<Mutex<(Reach, u64)>> = LazyLock::new(Mutex::default);

/// Runs seeds, some of them twice.
fn check(seeds: RangeInclusive<u64>) {
    let plain = Options::default();
    let digested = Options {
        is_digested: true,
        ..plain
    };
    let mut part = Reach::default();
    for seed in seeds {
        let is_compared = seed % COMPARED_EVERY == 0;
        let options = if is_compared { &digested } else { &plain };
        let verdict = run(seed, options);
        let repeat = format!("cargo run --release -p gomera-sim -- --seed {seed} --trace");
        let is_kept = verdict.breaches.is_empty();
        assert!(is_kept, "{:#?}\n{repeat}", verdict.breaches);
        if is_compared {
            let again = run(seed, options);
            assert_eq!(verdict.digest, again.digest, "not the same bytes: {repeat}");
            assert_ne!(verdict.digest, 0, "nothing was compared");
        }
        part += &verdict.reach;
    }
    let mut total = TOTAL.lock().expect("a part that failed has said so");
    total.0 += &part;
    total.1 += 1;
    if total.1 == PARTS {
        assert_reached(&total.0, SEEDS);
    }
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
        total.successions,
        total.stale_orders,
        total.outages_flowing,
    ];
    assert!(rare.iter().all(|&count| count > 0), "{total}");
    let layers = total.phases.keys().map(|(layer, _)| *layer);
    let mut layers: Vec<_> = layers.collect();
    layers.dedup();
    assert_eq!(layers, Layer::ALL, "{total}");
    assert_eq!(total.misses(), [], "faults that never hit a phase\n{total}");
}

#[test]
fn seeds_1_to_500() {
    check(1..=500);
}

#[test]
fn seeds_501_to_1000() {
    check(501..=1000);
}

#[test]
fn seeds_1001_to_1500() {
    check(1001..=1500);
}

#[test]
fn seeds_1501_to_2000() {
    check(1501..=SEEDS);
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
    check_death_with(0, (seed, scaled), mortal, hosts)
}

fn check_death_with(
    matcher_replicas: u32,
    (seed, scaled): (u64, Layer),
    mortal: Mortal,
    hosts: u64,
) -> Reach {
    let options = Options {
        matcher_replicas,
        focus: Some(scaled),
        hosts: Some(hosts),
        deaths: Some(2),
        mortal: Some(mortal),
        is_calm: true,
        ..Options::default()
    };
    let verdict = run(seed, &options);
    let repeat = format!(
        "seed {seed}, {hosts} hosts, {scaled:?} scaled, {mortal:?} mortal, {matcher_replicas} replicas"
    );
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

/// The same where another matcher stands by for each slot.
#[test]
fn a_matcher_dies_for_which_another_one_stands_by() {
    let mut total = Reach::default();
    for (hosts, seeds) in [(2, 1..=25), (3, 26..=35)] {
        for scaled in Layer::ALL {
            for mortal in [Mortal::Layer(Layer::Matchers), Mortal::Hosts] {
                for seed in seeds.clone() {
                    total += &check_death_with(1, (seed, scaled), mortal, hosts);
                }
            }
        }
    }
    assert!(total.deaths > 50, "{total}");
    assert!(total.hosts_lost > 50, "{total}");
    assert!(total.stood_by > 1_000, "{total}");
    assert!(total.followed_by_standby > 1_000, "{total}");
    assert!(total.compared > 100, "{total}");
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
        (91, ConnectionPoints, Mortal::Layer(Matchers)),
        (1, ExitPoints, Mortal::Layer(Matchers)),
        (1, ExitPoints, Mortal::Layer(AccessPoints)),
        (20, ExitPoints, Mortal::Layer(ConnectionPoints)),
        (66, ExitPoints, Mortal::Layer(Matchers)),
        (45, ExitPoints, Mortal::Layer(ConnectionPoints)),
        (246, Matchers, Mortal::Hosts),
    ];
    for (seed, scaled, mortal) in seeds {
        check_death(seed, scaled, mortal, 2);
    }
    check_death_with(1, (93, ExitPoints), Mortal::Hosts, 3);
}
