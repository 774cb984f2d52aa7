//! What a run took: the latency of every delivery, from when its publication was due.

use std::ops::Range;

use hdrhistogram::Histogram;

use crate::arrivals::Arrivals;
use crate::schedule::Schedule;

/// One delivery in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Delivery {
    /// When its publication was due, nanoseconds after the start.
    pub due_ns: u64,
    /// When it arrived, nanoseconds after the start.
    pub at_ns: u64,
}

impl Delivery {
    /// How long it took, nanoseconds.
    #[must_use]
    pub fn latency_ns(self) -> u64 {
        self.at_ns.saturating_sub(self.due_ns)
    }
}

/// What became of the publications that were due in one piece of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// When it begins, nanoseconds after the start.
    pub start_ns: u64,
    /// Publications that were due in it.
    pub published: u64,
    /// Deliveries that arrived in it.
    pub arrived: u64,
    /// Latencies of the deliveries of what was due in it, if there was one.
    pub latency: Option<Percentiles>,
}

/// Latencies in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Percentiles {
    /// Half were faster.
    pub p50_ns: u64,
    /// 99 of 100 were faster.
    pub p99_ns: u64,
    /// 999 of 1,000 were faster.
    pub p999_ns: u64,
    /// The slowest.
    pub max_ns: u64,
}

impl Percentiles {
    /// Those of a histogram of nanoseconds; none if nothing was recorded.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Option<Self> {
        (!histogram.is_empty()).then(|| Self {
            p50_ns: histogram.value_at_quantile(0.5),
            p99_ns: histogram.value_at_quantile(0.99),
            p999_ns: histogram.value_at_quantile(0.999),
            max_ns: histogram.max(),
        })
    }
}

/// A histogram of nanoseconds, exact to three digits, up to an hour; what took longer counts as an hour.
///
/// # Panics
///
/// Never: an hour and three digits are within what a histogram can do.
#[must_use]
pub fn histogram() -> Histogram<u64> {
    const HOUR_NS: u64 = 3_600_000_000_000;
    Histogram::new_with_max(HOUR_NS, 3)
        .expect("an hour and three digits are within what a histogram can do")
}

/// All deliveries of a run.
#[derive(Clone, Debug, Default)]
pub struct Measurement {
    /// In the order in which they were due.
    deliveries: Vec<Delivery>,
}

impl Measurement {
    /// Puts together what the subscribers recorded. What nobody published is left to the checker.
    #[must_use]
    pub fn new<'a>(schedule: &Schedule, recorded: impl IntoIterator<Item = &'a Arrivals>) -> Self {
        let mut deliveries = Vec::new();
        for (arrival, _) in recorded.into_iter().flat_map(Arrivals::iter) {
            let publisher = usize::from(arrival.publisher);
            let known = publisher < schedule.publishers() && arrival.seq > 0;
            if known {
                deliveries.push(Delivery {
                    due_ns: schedule.due_ns(publisher, arrival.seq - 1),
                    at_ns: arrival.at_ns,
                });
            }
        }
        deliveries.sort_unstable();
        Self { deliveries }
    }

    /// How many deliveries there were.
    #[must_use]
    pub fn len(&self) -> usize {
        self.deliveries.len()
    }

    /// Whether there was none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }

    /// The latencies of all.
    #[must_use]
    pub fn latency(&self) -> Option<Percentiles> {
        percentiles(&self.deliveries)
    }

    /// When the last one arrived, nanoseconds after the start.
    #[must_use]
    pub fn last_arrival_ns(&self) -> Option<u64> {
        self.deliveries.iter().map(|delivery| delivery.at_ns).max()
    }

    /// The deliveries of what was due in a span.
    #[must_use]
    pub fn due_within(&self, span_ns: &Range<u64>) -> &[Delivery] {
        let before = |ns| self.deliveries.partition_point(|d| d.due_ns < ns);
        let (start, end) = (before(span_ns.start), before(span_ns.end));
        &self.deliveries[start.min(end)..end]
    }

    /// The gap of a span: the greatest latency of what was due in it. None if nothing of it was delivered.
    #[must_use]
    pub fn gap_ns(&self, span_ns: &Range<u64>) -> Option<u64> {
        let latencies = self.due_within(span_ns).iter().map(|d| d.latency_ns());
        latencies.max()
    }

    /// The run in pieces of one length.
    ///
    /// # Panics
    ///
    /// If the length is 0.
    #[must_use]
    pub fn timeline(&self, schedule: &Schedule, end_ns: u64, length_ns: u64) -> Vec<Bucket> {
        let count = usize::try_from(end_ns.div_ceil(length_ns)).unwrap_or(usize::MAX);
        let mut arrived = vec![0; count];
        for delivery in &self.deliveries {
            let index = usize::try_from(delivery.at_ns / length_ns).unwrap_or(usize::MAX);
            if let Some(arrived) = arrived.get_mut(index) {
                *arrived += 1;
            }
        }
        let bucket = |(start_ns, arrived)| {
            let span = start_ns..start_ns + length_ns;
            let published = (0..schedule.publishers())
                .map(|publisher| schedule.due_within(publisher, &span).len() as u64)
                .sum();
            Bucket {
                start_ns,
                published,
                arrived,
                latency: percentiles(self.due_within(&span)),
            }
        };
        (0..)
            .step_by(step(length_ns))
            .zip(arrived)
            .map(bucket)
            .collect()
    }
}

fn step(length_ns: u64) -> usize {
    usize::try_from(length_ns).expect("a piece of a run is shorter than 2^63 ns")
}

fn percentiles(deliveries: &[Delivery]) -> Option<Percentiles> {
    let mut histogram = histogram();
    for delivery in deliveries {
        histogram.saturating_record(delivery.latency_ns());
    }
    let max_ns = deliveries.iter().map(|d| d.latency_ns()).max()?;
    Percentiles::of(&histogram).map(|rounded| Percentiles { max_ns, ..rounded })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gomera_model::Attributes;

    use super::*;
    use crate::readings::Reading;

    const MS: u64 = 1_000_000;

    /// One publication a millisecond for 100 ms, each delivered after 2 ms; those due from 40 to 50 ms all at 55 ms.
    fn run() -> (Schedule, Measurement) {
        let reading = Reading {
            ship: 1,
            attributes: Attributes::empty(),
        };
        let schedule = Schedule::new(&[reading], 1, 1_000, Duration::from_millis(100));
        let mut arrivals = Arrivals::new();
        for index in 0..100 {
            let due = schedule.due_ns(0, index);
            let held = (40 * MS..50 * MS).contains(&due);
            let at = if held { 55 * MS } else { due + 2 * MS };
            arrivals.push(at, 0, index + 1, [0].into_iter());
        }
        let measurement = Measurement::new(&schedule, [&arrivals]);
        (schedule, measurement)
    }

    #[test]
    fn the_gap_of_a_span_is_its_greatest_latency_from_when_it_was_due() {
        let (_, measurement) = run();
        let gap = |span: Range<u64>| measurement.gap_ns(&(span.start * MS..span.end * MS));
        assert_eq!(gap(0..40), Some(2 * MS));
        assert_eq!(gap(40..50), Some(15 * MS));
        assert_eq!(gap(45..60), Some(10 * MS));
        assert_eq!(gap(200..300), None);
    }

    #[test]
    fn the_timeline_counts_what_was_due_and_what_arrived() {
        let (schedule, measurement) = run();
        let timeline = measurement.timeline(&schedule, 100 * MS, 10 * MS);
        let published: Vec<u64> = timeline.iter().map(|bucket| bucket.published).collect();
        let arrived: Vec<u64> = timeline.iter().map(|bucket| bucket.arrived).collect();
        assert_eq!(published, [10; 10]);
        assert_eq!(arrived, [8, 10, 10, 10, 2, 18, 10, 10, 10, 10]);
        let max = timeline[4].latency.map(|latency| latency.max_ns / MS);
        assert_eq!(max, Some(15));
    }

    #[test]
    fn percentiles_are_those_of_all_deliveries() {
        let (_, measurement) = run();
        let latency = measurement.latency().unwrap();
        assert_eq!((latency.p50_ns + MS / 2) / MS, 2);
        assert!(latency.p99_ns > 13 * MS, "{latency:?}");
    }
}
