//! What a run is doing at this moment, for whoever watches.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use hdrhistogram::Histogram;

use crate::measurement::{Percentiles, histogram};

/// Counters that all clients of a run write and anybody may read.
#[derive(Debug)]
pub struct Live {
    published: AtomicU64,
    acknowledged: AtomicU64,
    deliveries: AtomicU64,
    hits: AtomicU64,
    latencies: Mutex<Latencies>,
}

#[derive(Debug)]
struct Latencies {
    total: Histogram<u64>,
    recent: Histogram<u64>,
}

/// The counters at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Publications that were handed to the client library.
    pub published: u64,
    /// Publications that were acknowledged.
    pub acknowledged: u64,
    /// Deliveries that arrived.
    pub deliveries: u64,
    /// Subscriptions that they were for.
    pub hits: u64,
}

impl Live {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            published: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            deliveries: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            latencies: Mutex::new(Latencies {
                total: histogram(),
                recent: histogram(),
            }),
        }
    }

    /// The counters now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            published: self.published.load(Ordering::Relaxed),
            acknowledged: self.acknowledged.load(Ordering::Relaxed),
            deliveries: self.deliveries.load(Ordering::Relaxed),
            hits: self.hits.load(Ordering::Relaxed),
        }
    }

    /// The latencies since this was last asked; none if nothing arrived.
    pub fn recent_latency(&self) -> Option<Percentiles> {
        let mut guard = self
            .latencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let latencies = &mut *guard;
        let recent = Percentiles::of(&latencies.recent);
        latencies.fold();
        recent
    }

    /// The latencies of the whole run; none if nothing arrived.
    pub fn latency(&self) -> Option<Percentiles> {
        let mut latencies = self
            .latencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        latencies.fold();
        Percentiles::of(&latencies.total)
    }

    pub(crate) fn published(&self) {
        self.published.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn acknowledged(&self) {
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn delivered(&self, hits: usize, latency_ns: Option<u64>) {
        self.deliveries.fetch_add(1, Ordering::Relaxed);
        self.hits.fetch_add(hits as u64, Ordering::Relaxed);
        if let Some(latency_ns) = latency_ns {
            let mut latencies = self
                .latencies
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            latencies.recent.saturating_record(latency_ns);
        }
    }
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}

impl Latencies {
    /// What was recent is now part of the whole only.
    fn fold(&mut self) {
        self.total
            .add(&self.recent)
            .expect("both histograms have the same bounds");
        self.recent.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_latencies_are_forgotten_and_those_of_the_whole_run_are_not() {
        let live = Live::new();
        live.delivered(2, Some(5_000_000));
        let max = |latency: Option<Percentiles>| latency.map(|l| l.max_ns / 1_000_000);
        assert_eq!(max(live.recent_latency()), Some(5));
        assert_eq!(live.recent_latency(), None);
        live.delivered(1, Some(1_000_000));
        assert_eq!(max(live.recent_latency()), Some(1));
        assert_eq!(max(live.latency()), Some(5));
        assert_eq!((live.counts().deliveries, live.counts().hits), (2, 3));
    }
}
