//! The checker is fed histories that are right, and such that are wrong in one way each.

use std::time::Duration;

use gomera_model::Attributes;

use super::*;
use crate::readings::Reading;

const READINGS: u32 = 60;
const PUBLISHERS: usize = 3;
const SUBSCRIBERS: usize = 4;
const FILTERS: u32 = 25;

/// What stands for the reference evaluator: about one pair in seven.
fn satisfies(filter: u32, reading: u32) -> bool {
    (filter * 31 + reading * 17).is_multiple_of(7)
}

/// A delivery: subscriber, publisher, seq, numbers of subscriptions.
type Delivery = (usize, u16, u32, Vec<u32>);

struct World {
    schedule: Schedule,
    published: Vec<u32>,
    subscriptions: Vec<u32>,
    deliveries: Vec<Delivery>,
}

impl World {
    /// A run in which all is right.
    fn right() -> Self {
        let readings: Vec<Reading> = (0..READINGS)
            .map(|ship| Reading {
                ship,
                attributes: Attributes::empty(),
            })
            .collect();
        let schedule = Schedule::new(&readings, PUBLISHERS, 1_000, Duration::from_millis(300));
        let published: Vec<u32> = (0..PUBLISHERS)
            .map(|publisher| schedule.publications_of(publisher))
            .collect();
        let mut deliveries = Vec::new();
        for index in 0..published[0] {
            for publisher in 0..3 {
                for subscriber in 0..SUBSCRIBERS {
                    let reading = schedule.reading(usize::from(publisher), index);
                    let first = u32::try_from(subscriber).unwrap() * FILTERS;
                    let hits: Vec<u32> = (0..FILTERS)
                        .filter(|position| satisfies(first + position, reading))
                        .map(|position| 100 + position)
                        .collect();
                    if !hits.is_empty() {
                        deliveries.push((subscriber, publisher, index + 1, hits));
                    }
                }
            }
        }
        Self {
            schedule,
            published,
            subscriptions: (100..100 + FILTERS).collect(),
            deliveries,
        }
    }

    fn judge(&self, scope: &Scope) -> Verdict {
        let mut arrivals = vec![Arrivals::new(); SUBSCRIBERS];
        for (at, (subscriber, publisher, seq, hits)) in (0..).zip(&self.deliveries) {
            arrivals[*subscriber].push(at, *publisher, *seq, hits.iter().copied());
        }
        let subscribers: Vec<Subscriber<'_>> = arrivals
            .iter()
            .map(|arrivals| Subscriber {
                subscriptions: &self.subscriptions,
                arrivals,
            })
            .collect();
        let history = History {
            schedule: &self.schedule,
            published: &self.published,
            subscribers: &subscribers,
        };
        let judge = Judge {
            prepare: &|reading| reading,
            satisfies: &|filter, reading| satisfies(filter, *reading),
        };
        check(&history, scope, 1, &judge)
    }

    /// Where in the list some delivery from the middle stands.
    fn middle(&self) -> usize {
        self.deliveries.len() / 2
    }
}

/// The four counts: lost, doubled, unfounded, out of order.
fn counts(world: &World) -> [u64; 4] {
    let verdict = world.judge(&Scope::All);
    let faults = verdict.examples.iter().map(|finding| finding.fault);
    let counts = [
        verdict.lost,
        verdict.doubled,
        verdict.unfounded,
        verdict.out_of_order,
    ];
    assert_eq!(faults.count() as u64, counts.iter().sum::<u64>().min(10));
    assert_eq!(verdict.is_clean(), counts == [0; 4]);
    counts
}

#[test]
fn a_right_history_is_clean_and_every_pair_of_it_is_checked() {
    let verdict = World::right().judge(&Scope::All);
    assert!(verdict.is_clean(), "{verdict:?}");
    assert_eq!(verdict.notifications, 300);
    assert_eq!(verdict.exhaustive, 300);
    assert_eq!(verdict.checked, 300 * 4 * u64::from(FILTERS));
}

#[test]
fn a_missing_delivery_is_lost_for_each_of_its_subscriptions() {
    let mut world = World::right();
    let middle = world.middle();
    let (_, _, _, hits) = world.deliveries.remove(middle);
    assert_eq!(counts(&world), [hits.len() as u64, 0, 0, 0]);
}

#[test]
fn a_missing_subscription_is_lost_and_named() {
    let mut world = World::right();
    let middle = world.middle();
    let (subscriber, publisher, seq, hits) = &mut world.deliveries[middle];
    let lost = Finding {
        fault: Fault::Lost,
        publisher: *publisher,
        seq: *seq,
        subscriber: *subscriber,
        subscription: hits.pop(),
    };
    assert_eq!(world.judge(&Scope::All).examples, [lost]);
}

#[test]
fn a_delivery_that_comes_again_is_doubled() {
    let mut world = World::right();
    let middle = world.middle();
    let again = world.deliveries[middle].clone();
    world.deliveries.insert(middle + 1, again.clone());
    assert_eq!(counts(&world), [0, 1, 0, 0]);
    world.deliveries.push(again);
    assert_eq!(counts(&world), [0, 2, 0, 0]);
}

#[test]
fn a_subscription_that_is_named_twice_is_doubled() {
    let mut world = World::right();
    let middle = world.middle();
    let hits = &mut world.deliveries[middle].3;
    hits.push(hits[0]);
    assert_eq!(counts(&world), [0, 1, 0, 0]);
}

#[test]
fn what_no_filter_asked_for_is_unfounded() {
    let mut world = World::right();
    let middle = world.middle();
    let (subscriber, publisher, seq, hits) = &mut world.deliveries[middle];
    let first = u32::try_from(*subscriber).unwrap() * FILTERS;
    let reading = world.schedule.reading(usize::from(*publisher), *seq - 1);
    let wrong = (0..FILTERS).find(|position| !satisfies(first + position, reading));
    hits.push(100 + wrong.unwrap());
    assert_eq!(counts(&world), [0, 0, 1, 0]);
}

#[test]
fn what_nobody_published_or_subscribed_is_unfounded() {
    let beyond = World::right().published[1] + 1;
    let strangers: [Delivery; 5] = [
        (0, 1, beyond, vec![100]),
        (0, 1, 0, vec![100]),
        (1, 3, 1, vec![100]),
        (2, crate::arrivals::STRANGER, 1, vec![100]),
        (3, 2, 0, vec![]),
    ];
    for stranger in strangers {
        let mut world = World::right();
        world.deliveries.push(stranger);
        assert_eq!(counts(&world), [0, 0, 1, 0]);
    }
    let mut world = World::right();
    let middle = world.middle();
    world.deliveries[middle].3.push(99);
    assert_eq!(counts(&world), [0, 0, 1, 0]);
}

#[test]
fn a_delivery_after_a_later_one_of_its_publisher_is_out_of_order() {
    let mut world = World::right();
    let first = world.middle();
    let (subscriber, publisher, ..) = world.deliveries[first];
    let second = world.deliveries[first + 1..]
        .iter()
        .position(|delivery| (delivery.0, delivery.1) == (subscriber, publisher))
        .unwrap();
    world.deliveries.swap(first, first + 1 + second);
    assert_eq!(counts(&world), [0, 0, 0, 1]);
}

#[test]
fn outside_of_the_window_what_was_delivered_is_checked_and_a_sample_of_the_rest() {
    let window = Scope::Window(100_000_000..200_000_000);
    let verdict = World::right().judge(&window);
    assert!(verdict.is_clean(), "{verdict:?}");
    assert_eq!(verdict.exhaustive, 100);
    let delivered: usize = World::right().deliveries.iter().map(|d| d.3.len()).sum();
    let pairs = 300 * 4 * u64::from(FILTERS);
    assert!(verdict.checked > pairs / 3 + delivered as u64 / 2);
    assert!(verdict.checked < pairs / 2);

    let mut world = World::right();
    world.deliveries[5].3.push(100 + FILTERS - 1);
    world.deliveries[5].3.push(100 + FILTERS - 2);
    assert_ne!(world.judge(&window).unfounded, 0);
}

#[test]
fn the_sample_finds_what_is_lost_in_numbers() {
    let mut world = World::right();
    world.deliveries.retain(|delivery| delivery.2 > 60);
    let all = world.judge(&Scope::All).lost;
    let sampled = world.judge(&Scope::Window(0..0)).lost;
    assert!(all > 1_500, "{all}");
    assert!(
        (all / 100..all / 25).contains(&sampled),
        "{sampled} of {all}"
    );
}
