//! When which subscription is looked at again: a walk over all handles each time the traffic has become four times as
//! much, and later once in a million notifications.

/// Where the walk is.
#[derive(Clone, Debug)]
pub(crate) struct Sweep {
    /// The next handle, while a walk is under way.
    next: Option<u32>,
    /// Notifications after which the next walk begins.
    begins_at: u64,
    /// Notifications to let pass before the next step.
    pause: u32,
}

/// Traffic before the first walk.
const FIRST: u64 = 1024;
/// The longest time between two walks.
const PERIOD: u64 = 1 << 20;
/// A look costs some 100 nanoseconds: one in so many notifications is not felt.
const PAUSE: u32 = 4;
/// A new choice costs some microseconds, as much as so many candidates.
const REST: usize = 1024;

impl Sweep {
    pub(crate) fn new() -> Self {
        Self {
            next: None,
            begins_at: FIRST,
            pause: 0,
        }
    }

    /// The handle to look at now, if any; called once a notification. `seen` notifications came so far, and all
    /// handles lie below `bound`.
    pub(crate) fn step(&mut self, seen: u64, bound: u32) -> Option<u32> {
        if self.pause > 0 {
            self.pause -= 1;
            return None;
        }
        let Some(next) = self.next else {
            if seen >= self.begins_at {
                self.begins_at = seen + (3 * seen).min(PERIOD);
                self.next = Some(0);
            }
            return None;
        };
        if next >= bound {
            self.next = None;
            return None;
        }
        self.next = Some(next + 1);
        self.pause = PAUSE;
        Some(next)
    }

    /// The last step was dear. The next comes when notifications have had more work than it, if each has so many
    /// candidates.
    pub(crate) fn rest(&mut self, candidates: usize) {
        self.pause = u32::try_from(REST / (candidates + 8)).unwrap_or(u32::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_handle_is_looked_at_once_a_walk_and_no_two_in_a_row() {
        let mut sweep = Sweep::new();
        let mut looked_at = 0;
        let mut last = None;
        for seen in 0..4000 {
            if let Some(handle) = sweep.step(seen, 100) {
                assert_eq!(handle, looked_at);
                assert!(last.is_none_or(|last| seen - last > u64::from(PAUSE)));
                (looked_at, last) = (looked_at + 1, Some(seen));
            }
        }
        assert_eq!(looked_at, 100);
    }
}
