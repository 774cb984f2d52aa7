//! The measures of a running instance, in its thread's hands: no other thread touches them.

use std::time::Duration;

use gomera_model::{Incarnation, Instance};
use gomera_operators::Operator;
use hdrhistogram::Histogram;

use super::measured::{ClientsStats, Counts, Measured, Spread};

/// The measures.
pub(super) struct Gauge {
    instance: Instance,
    turns: u64,
    frames: u64,
    turn: Recent,
    wait: Recent,
}

impl Gauge {
    pub(super) fn new(instance: Instance) -> Self {
        Self {
            instance,
            turns: 0,
            frames: 0,
            turn: Recent::new(),
            wait: Recent::new(),
        }
    }

    pub(super) fn incarnation(&self) -> Incarnation {
        self.instance.incarnation
    }

    /// A turn has ended.
    pub(super) fn turn(&mut self, took: Duration, frames: usize, waited: Duration) {
        self.turns += 1;
        self.frames += u64::try_from(frames).unwrap_or(u64::MAX);
        self.turn.record(took);
        self.wait.record(waited);
    }

    pub(super) fn read(
        &self,
        operator: &Operator,
        (waiting, waiting_age): (usize, Duration),
        clients: ClientsStats,
    ) -> Measured {
        Measured {
            instance: self.instance.clone(),
            counts: match operator {
                Operator::ConnectionPoint(point) => Counts::ConnectionPoint(point.stats()),
                Operator::AccessPoint(point) => Counts::AccessPoint(point.stats()),
                Operator::Matcher(matcher) => Counts::Matcher(matcher.stats()),
                Operator::ExitPoint(point) => Counts::ExitPoint(point.stats()),
            },
            clients,
            turns: self.turns,
            frames: self.frames,
            turn: self.turn.spread(),
            wait: self.wait.spread(),
            waiting,
            waiting_age,
            cpu: thread_cpu(),
        }
    }
}

/// Durations of the last one or two spans of [`SPAN_VALUES`] values.
struct Recent {
    present: Histogram<u64>,
    past: Histogram<u64>,
}

/// Values of one span: a percentile of 99 over half of it still stands on hundreds of values.
const SPAN_VALUES: u64 = 1 << 16;
/// The longest duration that is told apart.
const LONGEST: Duration = Duration::from_secs(60);

impl Recent {
    fn new() -> Self {
        let nanos = u64::try_from(LONGEST.as_nanos()).unwrap_or(u64::MAX);
        let empty = Histogram::new_with_bounds(1, nanos, 2);
        let empty = empty.expect("the bounds are constants that a histogram takes");
        Self {
            present: empty.clone(),
            past: empty,
        }
    }

    fn record(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.present.saturating_record(nanos);
        if self.present.len() >= SPAN_VALUES {
            std::mem::swap(&mut self.present, &mut self.past);
            self.present.reset();
        }
    }

    fn spread(&self) -> Spread {
        let mut both = self.past.clone();
        if both.add(&self.present).is_err() {
            // Both have the same bounds, so that adding cannot fail; the present alone would be true as well.
            both = self.present.clone();
        }
        Spread {
            p50: Duration::from_nanos(both.value_at_quantile(0.5)),
            p99: Duration::from_nanos(both.value_at_quantile(0.99)),
            max: Duration::from_nanos(both.max()),
        }
    }
}

/// Processor time of the calling thread, as Linux tells it.
fn thread_cpu() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos = text.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}
