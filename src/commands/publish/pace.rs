//! An open loop: each notification has its time, whether or not the one before is acknowledged.

use std::str::FromStr;
use std::time::Duration;

/// Notifications a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pace(f64);

impl Pace {
    /// When a notification is due, counted from 0, since the first.
    pub(super) fn due(self, index: u64) -> Duration {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a count beyond 53 bits is never reached"
        )]
        let index = index as f64;
        Duration::try_from_secs_f64(index / self.0).unwrap_or(Duration::MAX)
    }
}

impl FromStr for Pace {
    type Err = PaceError;

    fn from_str(text: &str) -> Result<Self, PaceError> {
        let rate: f64 = text.parse().map_err(|_| PaceError)?;
        let is_rate = rate.is_finite() && rate > 0.0;
        is_rate.then_some(Self(rate)).ok_or(PaceError)
    }
}

/// Not a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be a number above 0")]
pub(super) struct PaceError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_time() {
        let pace: Pace = "4".parse().unwrap();
        assert_eq!(pace.due(0), Duration::ZERO);
        assert_eq!(pace.due(6), Duration::from_millis(1_500));
        for text in ["0", "-1", "nan", "inf", "x"] {
            assert_eq!(text.parse::<Pace>(), Err(PaceError), "{text}");
        }
    }
}
