//! The two clocks of a host: a monotonic one for the machines, and the wall clock for records.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gomera_model::Time;
use gomera_model::time::Timestamp;

/// The monotonic clock of one broker; it begins at one second, so that a machine can look back a little.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

const HEAD_START: Duration = Duration::from_secs(1);

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            origin: Instant::now(),
        }
    }

    /// Now, as the machines see it.
    pub(crate) fn now(self) -> Time {
        Time::default() + HEAD_START + self.origin.elapsed()
    }

    /// A machine's time as the operating system sees it.
    pub(crate) fn instant(self, time: Time) -> Instant {
        self.origin + time.since(Time::default() + HEAD_START)
    }
}

/// Nanoseconds of the wall clock since 1970, for records.
pub fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = since.map_or(0, |since| {
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    });
    Timestamp(nanos)
}
