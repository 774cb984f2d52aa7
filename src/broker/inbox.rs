//! A queue with many writers and one reader, who takes all that is there at once.
//!
//! Its bound is that of who writes: lanes carry what the operators' windows admit, readers of connections wait until
//! what they handed over was taken.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The queue.
#[derive(Debug)]
pub(crate) struct Inbox<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
}

#[derive(Debug)]
struct State<T> {
    waiting: Vec<T>,
    /// When the first of them came.
    since: Option<Instant>,
    /// Whether the reader has to be woken.
    asleep: bool,
    closed: bool,
}

impl<T> Inbox<T> {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                waiting: Vec::new(),
                since: None,
                asleep: false,
                closed: false,
            }),
            filled: Condvar::new(),
        }
    }

    /// Appends an item; `false`, and the item is gone, if the reader is gone.
    pub(crate) fn push(&self, item: T) -> bool {
        let mut state = self.lock();
        if state.closed {
            return false;
        }
        if state.waiting.is_empty() {
            state.since = Some(Instant::now());
        }
        state.waiting.push(item);
        let wake = std::mem::replace(&mut state.asleep, false);
        drop(state);
        if wake {
            self.filled.notify_one();
        }
        true
    }

    /// Waits until something is there or `until` has come, and takes it all into `items`, which is empty. Tells how
    /// long the first item had waited.
    pub(crate) fn take(&self, items: &mut Vec<T>, until: Option<Instant>) -> Duration {
        assert!(
            items.is_empty(),
            "what was taken before has been worked off"
        );
        let mut state = self.lock();
        while state.waiting.is_empty() && !state.closed {
            let rest = until.map(|until| until.saturating_duration_since(Instant::now()));
            if rest == Some(Duration::ZERO) {
                break;
            }
            state.asleep = true;
            state = self.sleep(state, rest);
            state.asleep = false;
        }
        std::mem::swap(&mut state.waiting, items);
        state
            .since
            .take()
            .map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// The reader goes: what is there and what still comes is nobody's.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.waiting = Vec::new();
        drop(state);
        self.filled.notify_one();
    }

    /// How many items wait, and for how long the first of them has.
    pub(crate) fn waiting(&self) -> (usize, Duration) {
        let state = self.lock();
        let age = state.since.map_or(Duration::ZERO, |since| since.elapsed());
        (state.waiting.len(), age)
    }

    fn sleep<'a>(
        &'a self,
        state: MutexGuard<'a, State<T>>,
        rest: Option<Duration>,
    ) -> MutexGuard<'a, State<T>> {
        match rest {
            None => self
                .filled
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner),
            Some(rest) => {
                let woken = self.filled.wait_timeout(state, rest);
                woken.unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn all_that_is_there_comes_at_once_and_in_order() {
        let inbox = Inbox::new();
        for number in 0..3 {
            assert!(inbox.push(number));
        }
        let mut items = Vec::new();
        inbox.take(&mut items, None);
        assert_eq!(items, [0, 1, 2]);
    }

    #[test]
    fn a_sleeping_reader_wakes_for_each_batch() {
        let (there, back) = (Arc::new(Inbox::new()), Arc::new(Inbox::new()));
        let (reader, answer) = (Arc::clone(&there), Arc::clone(&back));
        let echo = thread::spawn(move || {
            let mut items = Vec::new();
            for _ in 0..1000 {
                reader.take(&mut items, None);
                answer.push(items.drain(..).sum::<u32>());
            }
        });
        let mut items = Vec::new();
        for number in 0..1000 {
            there.push(number);
            back.take(&mut items, None);
            assert_eq!(std::mem::take(&mut items), [number]);
        }
        echo.join().unwrap();
    }

    #[test]
    fn time_passes_and_a_closed_one_takes_nothing() {
        let inbox = Inbox::<u8>::new();
        let mut items = Vec::new();
        inbox.take(&mut items, Some(Instant::now() + Duration::from_millis(1)));
        assert!(items.is_empty());
        inbox.close();
        inbox.take(&mut items, None);
        assert!(!inbox.push(1));
    }
}
