//! Which inbox belongs to which instance. It grows and shrinks while everything runs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use gomera_model::Incarnation;
use gomera_model::lane::LaneFrame;

use super::inbox::Inbox;
use super::input::Input;

/// The inboxes of all instances of this process.
#[derive(Debug, Default)]
pub(crate) struct Router {
    inboxes: RwLock<BTreeMap<Incarnation, Arc<Inbox<Input>>>>,
    dropped: AtomicU64,
}

impl Router {
    pub(crate) fn insert(&self, incarnation: Incarnation, inbox: Arc<Inbox<Input>>) {
        let mut inboxes = self.inboxes.write().unwrap_or_else(PoisonError::into_inner);
        let before = inboxes.insert(incarnation, inbox);
        assert!(before.is_none(), "an incarnation starts once");
    }

    pub(crate) fn remove(&self, incarnation: Incarnation) {
        let mut inboxes = self.inboxes.write().unwrap_or_else(PoisonError::into_inner);
        inboxes.remove(&incarnation);
    }

    pub(crate) fn inbox(&self, incarnation: Incarnation) -> Option<Arc<Inbox<Input>>> {
        let inboxes = self.inboxes.read().unwrap_or_else(PoisonError::into_inner);
        inboxes.get(&incarnation).map(Arc::clone)
    }

    /// Every instance that runs here, ordered by incarnation.
    pub(crate) fn all(&self) -> Vec<(Incarnation, Arc<Inbox<Input>>)> {
        let inboxes = self.inboxes.read().unwrap_or_else(PoisonError::into_inner);
        let copy =
            |(incarnation, inbox): (&Incarnation, &Arc<_>)| (*incarnation, Arc::clone(inbox));
        inboxes.iter().map(copy).collect()
    }

    /// How many frames went to instances that were gone.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// What one instance sends in one turn, gathered by receiver, so that each is woken once.
#[derive(Debug)]
pub(crate) struct Outbox {
    from: Incarnation,
    router: Arc<Router>,
    /// Some receivers, found by looking through them.
    lanes: Vec<Lane>,
}

#[derive(Debug)]
struct Lane {
    to: Incarnation,
    inbox: Arc<Inbox<Input>>,
    frames: Vec<LaneFrame>,
}

impl Outbox {
    pub(crate) fn new(from: Incarnation, router: Arc<Router>) -> Self {
        Self {
            from,
            router,
            lanes: Vec::new(),
        }
    }

    /// Appends a frame to the lane to an instance.
    pub(crate) fn send(&mut self, to: Incarnation, frame: LaneFrame) {
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.to == to) {
            lane.frames.push(frame);
            return;
        }
        match self.router.inbox(to) {
            None => self.count_dropped(1),
            Some(inbox) => self.lanes.push(Lane {
                to,
                inbox,
                frames: vec![frame],
            }),
        }
    }

    /// Hands over what was gathered: one batch to each receiver.
    pub(crate) fn hand_over(&mut self) {
        let (from, mut dropped) = (self.from, 0);
        self.lanes.retain_mut(|lane| {
            if lane.frames.is_empty() {
                return true;
            }
            let frames = std::mem::take(&mut lane.frames);
            let count = frames.len();
            let taken = lane.inbox.push(Input::Frames { from, frames });
            dropped += if taken { 0 } else { count };
            taken
        });
        if dropped > 0 {
            self.count_dropped(dropped);
        }
    }

    fn count_dropped(&self, frames: usize) {
        let frames = u64::try_from(frames).unwrap_or(u64::MAX);
        self.router.dropped.fetch_add(frames, Ordering::Relaxed);
        tracing::debug!(from = %self.from, frames, "frames for an instance that is gone");
    }
}
