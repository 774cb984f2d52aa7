//! What is published by whom and when: an open loop, fixed before it starts.
//!
//! Publication `n` of all is due `n / rate` seconds after the start whatever has become of those before, so a broker
//! that stumbles meets all the load that it would meet in life, and latency counts from when a publication was due.

use std::ops::Range;
use std::time::Duration;

use crate::random::Random;
use crate::readings::Reading;

/// The plan of a run. Publishers take turns; a ship's reports come from one publisher, in order.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Of each publisher, the readings that are its own.
    shares: Vec<Vec<u32>>,
    rate_per_second: u32,
    publications: u64,
}

impl Schedule {
    /// Spreads readings over publishers; so many a second of all together, for so long.
    ///
    /// # Panics
    ///
    /// If a publisher has no reading, or the rate is 0.
    #[must_use]
    pub fn new(
        readings: &[Reading],
        publishers: usize,
        rate_per_second: u32,
        duration: Duration,
    ) -> Self {
        assert!(rate_per_second > 0, "a rate is positive");
        let mut shares = vec![Vec::new(); publishers];
        for (index, reading) in (0..).zip(readings) {
            let owner = Random::new(u64::from(reading.ship)).below(publishers);
            shares[owner].push(index);
        }
        assert!(
            shares.iter().all(|share| !share.is_empty()),
            "there are fewer ships than publishers"
        );
        let publications = duration.as_nanos() * u128::from(rate_per_second) / NANOS;
        Self {
            shares,
            rate_per_second,
            publications: u64::try_from(publications).expect("a run ends within a lifetime"),
        }
    }

    /// How many publishers there are.
    #[must_use]
    pub fn publishers(&self) -> usize {
        self.shares.len()
    }

    /// How many publications there are of all publishers together.
    #[must_use]
    pub fn publications(&self) -> u64 {
        self.publications
    }

    /// How many publications a publisher has.
    #[must_use]
    pub fn publications_of(&self, publisher: usize) -> u32 {
        self.due_before(publisher, self.publications)
    }

    /// Which reading a publisher publishes as its `index`th, from 0. It begins anew when they are used up.
    #[must_use]
    pub fn reading(&self, publisher: usize, index: u32) -> u32 {
        let share = &self.shares[publisher];
        share[index as usize % share.len()]
    }

    /// When a publisher's `index`th publication is due, nanoseconds after the start.
    #[must_use]
    pub fn due_ns(&self, publisher: usize, index: u32) -> u64 {
        let turn = u128::from(index) * self.shares.len() as u128 + publisher as u128;
        u64::try_from(turn * NANOS / u128::from(self.rate_per_second))
            .expect("a run ends within a lifetime")
    }

    /// Which of a publisher's publications are due in a span of nanoseconds after the start.
    #[must_use]
    pub fn due_within(&self, publisher: usize, span_ns: &Range<u64>) -> Range<u32> {
        let before = |ns| {
            let turns = (u128::from(ns) * u128::from(self.rate_per_second)).div_ceil(NANOS);
            let turns = u64::try_from(turns).unwrap_or(u64::MAX);
            self.due_before(publisher, turns.min(self.publications))
        };
        before(span_ns.start)..before(span_ns.end)
    }

    /// How many of the first `turns` publications are a publisher's.
    fn due_before(&self, publisher: usize, turns: u64) -> u32 {
        let publishers = self.shares.len() as u64;
        let own = turns.saturating_sub(publisher as u64).div_ceil(publishers);
        u32::try_from(own).expect("a publisher sends fewer than 2^32 in a run")
    }
}

const NANOS: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use gomera_model::Attributes;

    use super::*;

    fn schedule(publishers: usize, rate: u32, duration: Duration) -> Schedule {
        let readings: Vec<Reading> = (0..100)
            .map(|ship| Reading {
                ship: ship % 40,
                attributes: Attributes::empty(),
            })
            .collect();
        Schedule::new(&readings, publishers, rate, duration)
    }

    #[test]
    fn publishers_take_turns_at_an_even_pace() {
        let schedule = schedule(3, 1_000, Duration::from_millis(10));
        assert_eq!(schedule.publications(), 10);
        let mut due: Vec<u64> = (0..3)
            .flat_map(|p| (0..schedule.publications_of(p)).map(move |n| (p, n)))
            .map(|(p, n)| schedule.due_ns(p, n))
            .collect();
        due.sort_unstable();
        let even: Vec<u64> = (0..10).map(|turn| turn * 1_000_000).collect();
        assert_eq!(due, even);
    }

    #[test]
    fn a_span_holds_what_is_due_in_it() {
        let schedule = schedule(3, 700, Duration::from_millis(100));
        let span = 20_000_000..50_000_000;
        for publisher in 0..3 {
            let expected: Vec<u32> = (0..schedule.publications_of(publisher))
                .filter(|&n| span.contains(&schedule.due_ns(publisher, n)))
                .collect();
            let found: Vec<u32> = schedule.due_within(publisher, &span).collect();
            assert_eq!(found, expected);
        }
        assert_eq!(
            schedule.due_within(1, &(0..u64::MAX)),
            0..schedule.publications_of(1)
        );
    }

    #[test]
    fn a_ship_reports_through_one_publisher() {
        let schedule = schedule(4, 1_000, Duration::from_secs(1));
        let ships = |publisher| {
            let share: &Vec<u32> = &schedule.shares[publisher];
            share.iter().map(|reading| reading % 100 % 40).collect()
        };
        let all: Vec<std::collections::BTreeSet<u32>> = (0..4).map(ships).collect();
        assert_eq!(all.iter().map(|ships| ships.len()).sum::<usize>(), 40);
    }
}
