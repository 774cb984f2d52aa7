//! Which inbox belongs to which instance of this process. It grows and shrinks while everything runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use gomera_model::Incarnation;
use gomera_model::lane::LaneFrame;

use super::inbox::Inbox;
use super::input::Input;
use crate::limits::PARKED_FRAMES_MAX;

/// The inboxes of all instances of this process.
#[derive(Debug, Default)]
pub(crate) struct Router {
    state: RwLock<State>,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    inboxes: BTreeMap<Incarnation, Arc<Inbox<Input>>>,
    /// Who ran here and has ended.
    ended: BTreeSet<Incarnation>,
    /// What other hosts sent to those who will be started here: the word to start them takes another way.
    parked: BTreeMap<Incarnation, Vec<Input>>,
    parked_frames: usize,
}

impl Router {
    /// An instance is there; what came for it before is the first that it gets.
    pub(crate) fn insert(&self, incarnation: Incarnation, inbox: Arc<Inbox<Input>>) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for input in state.parked.remove(&incarnation).unwrap_or_default() {
            state.parked_frames -= frames_in(&input);
            inbox.push(input);
        }
        let before = state.inboxes.insert(incarnation, inbox);
        assert!(before.is_none(), "an incarnation starts once");
    }

    pub(crate) fn remove(&self, incarnation: Incarnation) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.inboxes.remove(&incarnation);
        state.ended.insert(incarnation);
    }

    pub(crate) fn inbox(&self, incarnation: Incarnation) -> Option<Arc<Inbox<Input>>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.inboxes.get(&incarnation).map(Arc::clone)
    }

    /// Whether it ran here and has ended.
    pub(crate) fn has_ended(&self, incarnation: Incarnation) -> bool {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.ended.contains(&incarnation)
    }

    /// Gives frames to an instance that runs here, or will.
    pub(crate) fn deliver(&self, from: Incarnation, to: Incarnation, frames: Vec<LaneFrame>) {
        let count = frames.len();
        let input = Input::Frames { from, frames };
        if let Some(inbox) = self.inbox(to) {
            if !inbox.push(input) {
                self.count_dropped(from, count);
            }
            return;
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(inbox) = state.inboxes.get(&to) {
            // It has come in between.
            inbox.push(input);
        } else if state.ended.contains(&to) || state.parked_frames + count > PARKED_FRAMES_MAX {
            drop(state);
            self.count_dropped(from, count);
        } else {
            state.parked_frames += count;
            state.parked.entry(to).or_default().push(input);
        }
    }

    /// Every instance that runs here, ordered by incarnation.
    pub(crate) fn all(&self) -> Vec<(Incarnation, Arc<Inbox<Input>>)> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let copy =
            |(incarnation, inbox): (&Incarnation, &Arc<_>)| (*incarnation, Arc::clone(inbox));
        state.inboxes.iter().map(copy).collect()
    }

    /// How many frames went to instances that were gone.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(crate) fn count_dropped(&self, from: Incarnation, frames: usize) {
        let count = u64::try_from(frames).unwrap_or(u64::MAX);
        self.dropped.fetch_add(count, Ordering::Relaxed);
        tracing::debug!(%from, frames, "frames for an instance that is gone");
    }
}

fn frames_in(input: &Input) -> usize {
    match input {
        Input::Frames { frames, .. } => frames.len(),
        Input::Control(_) | Input::Client(..) | Input::GoAway | Input::Measure(_) | Input::Stop => {
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use gomera_model::OperationId;
    use gomera_model::lane::MatcherFrame;

    use super::*;

    const FROM: Incarnation = Incarnation(1);
    const TO: Incarnation = Incarnation(2);

    fn frame(number: u64) -> LaneFrame {
        LaneFrame::Matcher(MatcherFrame::End(OperationId(number)))
    }

    fn taken(inbox: &Inbox<Input>) -> Vec<LaneFrame> {
        let mut inputs = Vec::new();
        inbox.take(&mut inputs, Some(std::time::Instant::now()));
        let frames = inputs.into_iter().map(|input| match input {
            Input::Frames { frames, .. } => frames,
            Input::Control(_)
            | Input::Client(..)
            | Input::GoAway
            | Input::Measure(_)
            | Input::Stop => Vec::new(),
        });
        frames.flatten().collect()
    }

    #[test]
    fn what_comes_before_its_receiver_waits_for_it() {
        let router = Router::default();
        router.deliver(FROM, TO, vec![frame(1)]);
        router.deliver(FROM, TO, vec![frame(2)]);
        let inbox = Arc::new(Inbox::new());
        router.insert(TO, Arc::clone(&inbox));
        router.deliver(FROM, TO, vec![frame(3)]);
        assert_eq!(taken(&inbox), [frame(1), frame(2), frame(3)]);
        assert_eq!(router.dropped(), 0);
    }

    #[test]
    fn what_comes_after_its_receiver_is_gone() {
        let router = Router::default();
        router.insert(TO, Arc::new(Inbox::new()));
        router.remove(TO);
        router.deliver(FROM, TO, vec![frame(1)]);
        assert!(router.has_ended(TO));
        assert_eq!(router.dropped(), 1);
        router.deliver(FROM, FROM, vec![frame(1); PARKED_FRAMES_MAX + 1]);
        assert_eq!(router.dropped(), 2 + PARKED_FRAMES_MAX as u64);
    }
}
