//! How fast a matcher copies what moves, and drops what it has given away.

use gomera_model::Duration;

use crate::limits::{CHUNK_SUBSCRIPTIONS_MAX, CHUNKS_PER_SECOND, COPY_RATE, DROP_FACTOR};

/// The rate limit of copies: subscriptions a second to each new owner, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyRate(Option<u32>);

impl CopyRate {
    /// So many subscriptions a second; at least one.
    #[must_use]
    pub fn limited(subscriptions_per_second: u32) -> Self {
        Self(Some(subscriptions_per_second.max(1)))
    }

    /// As fast as both ends can.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self(None)
    }

    /// The limit, if there is one.
    #[must_use]
    pub const fn subscriptions_per_second(self) -> Option<u32> {
        self.0
    }

    /// Subscriptions in a chunk, and the least time from one chunk to the next.
    pub(super) fn copying(self) -> Pace {
        Pace::of(self.0)
    }

    /// Subscriptions dropped at once, and the rest behind them.
    pub(super) fn dropping(self) -> Pace {
        Pace::of(self.0.map(|rate| rate.saturating_mul(DROP_FACTOR)))
    }
}

impl Default for CopyRate {
    fn default() -> Self {
        Self(Some(COPY_RATE))
    }
}

/// So many at once, then a rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) at_once: usize,
    pub(super) rest: Duration,
}

impl Pace {
    fn of(rate: Option<u32>) -> Self {
        let Some(rate) = rate else {
            return Self {
                at_once: CHUNK_SUBSCRIPTIONS_MAX,
                rest: Duration::ZERO,
            };
        };
        let at_once = rate.div_ceil(CHUNKS_PER_SECOND);
        let at_once = at_once.min(u32::try_from(CHUNK_SUBSCRIPTIONS_MAX).unwrap_or(u32::MAX));
        Self {
            at_once: at_once as usize,
            rest: Duration::from_secs(1) * at_once / rate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rate: CopyRate, at_once: usize, rest_us: u64) {
        let rest = Duration::from_micros(rest_us);
        assert_eq!(rate.copying(), Pace { at_once, rest });
    }

    #[test]
    fn a_rate_is_kept_by_small_chunks_and_short_rests() {
        check(CopyRate::default(), 8, 1_000);
        check(CopyRate::limited(0), 1, 1_000_000);
        check(CopyRate::limited(100), 1, 10_000);
        check(CopyRate::limited(100_000), 100, 1_000);
        check(CopyRate::limited(2_560_000), 256, 100);
        check(CopyRate::unlimited(), 256, 0);
        let dropping = CopyRate::default().dropping();
        assert_eq!(
            (dropping.at_once, dropping.rest),
            (32, Duration::from_millis(1))
        );
    }
}
