//! Whether more may come from a stream.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::Notify;

use crate::limits::BATCHES_IN_FLIGHT_MAX;

/// Whether the reader of a stream may hand over another batch.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Batches in flight, and [`PAUSED`].
    state: AtomicU32,
    changed: Notify,
}

/// Set while the machine wants nothing from the stream.
const PAUSED: u32 = 1 << 31;

impl Gate {
    /// The machine has taken a batch.
    pub(crate) fn taken(&self) {
        self.state.fetch_sub(1, Ordering::AcqRel);
        self.changed.notify_one();
    }

    /// The machine wants nothing more for now.
    pub(crate) fn pause(&self) {
        self.state.fetch_or(PAUSED, Ordering::AcqRel);
    }

    /// The machine wants more.
    pub(crate) fn resume(&self) {
        self.state.fetch_and(!PAUSED, Ordering::AcqRel);
        self.changed.notify_one();
    }

    /// Waits until a batch may be handed over, and counts it.
    pub(crate) async fn pass(&self) {
        loop {
            let changed = self.changed.notified();
            // Only this task counts up, so that what it sees can only have become less.
            if self.state.load(Ordering::Acquire) < BATCHES_IN_FLIGHT_MAX {
                self.state.fetch_add(1, Ordering::AcqRel);
                return;
            }
            changed.await;
        }
    }
}
