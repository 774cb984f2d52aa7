//! The clock of an open loop: says how much is due, and never waits for anybody.

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::schedule::Schedule;

/// Tells each publisher how many of its publications are due by now. It has a thread of its own, because the timers of
/// the runtime are only exact to a millisecond.
#[derive(Debug)]
pub struct Pacer {
    thread: JoinHandle<()>,
}

impl Pacer {
    /// Starts the clock: the first publication is due at `start`. The receivers are in the order of the publishers.
    ///
    /// # Errors
    ///
    /// When the operating system gives no further thread.
    pub fn start(
        schedule: &Schedule,
        start: Instant,
    ) -> std::io::Result<(Self, Vec<watch::Receiver<u32>>)> {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..schedule.publishers())
            .map(|_| watch::channel(0))
            .unzip();
        let schedule = schedule.clone();
        let thread = thread::Builder::new()
            .name("pacer".to_owned())
            .spawn(move || pace(&schedule, start, &senders))?;
        Ok((Self { thread }, receivers))
    }

    /// Waits until everything is due, or nobody listens any more.
    pub fn join(self) {
        // A panic of the thread has been reported by the thread.
        let _ = self.thread.join();
    }
}

fn pace(schedule: &Schedule, start: Instant, publishers: &[watch::Sender<u32>]) {
    let mut next = start;
    loop {
        thread::sleep(next.saturating_duration_since(Instant::now()));
        let now_ns = nanos(start.elapsed());
        let mut next_ns = u64::MAX;
        for (publisher, due) in publishers.iter().enumerate() {
            let count = schedule.due_within(publisher, &(0..now_ns + 1)).end;
            due.send_if_modified(|due| std::mem::replace(due, count) != count);
            if count < schedule.publications_of(publisher) && !due.is_closed() {
                next_ns = next_ns.min(schedule.due_ns(publisher, count));
            }
        }
        if next_ns == u64::MAX {
            return;
        }
        next = (start + Duration::from_nanos(next_ns)).max(Instant::now() + TURN_MIN);
    }
}

/// Nanoseconds of a duration, up to the end of a `u64`, which is centuries away.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The pacer rests so long at least: at high rates it says several at once instead of taking a core.
const TURN_MIN: Duration = Duration::from_micros(100);

#[cfg(test)]
mod tests {
    use gomera_model::Attributes;

    use super::*;
    use crate::readings::Reading;

    fn schedule(rate_per_second: u32, duration: Duration) -> Schedule {
        let readings: Vec<Reading> = (0..20)
            .map(|ship| Reading {
                ship,
                attributes: Attributes::empty(),
            })
            .collect();
        Schedule::new(&readings, 2, rate_per_second, duration)
    }

    #[test]
    fn everything_becomes_due_and_nothing_too_early() {
        let schedule = schedule(10_000, Duration::from_millis(50));
        let start = Instant::now();
        let (pacer, mut publishers) = Pacer::start(&schedule, start).unwrap();
        for (publisher, due) in publishers.iter_mut().enumerate() {
            while *due.borrow_and_update() < schedule.publications_of(publisher) {
                let count = *due.borrow();
                let elapsed = nanos(start.elapsed());
                assert!(count == 0 || schedule.due_ns(publisher, count - 1) <= elapsed);
                thread::yield_now();
            }
        }
        assert!(start.elapsed() >= Duration::from_millis(49));
        pacer.join();
    }

    #[test]
    fn the_pacer_ends_when_nobody_listens() {
        let schedule = schedule(100, Duration::from_secs(3_600));
        let (pacer, publishers) = Pacer::start(&schedule, Instant::now()).unwrap();
        drop(publishers);
        pacer.join();
    }
}
