//! What was stamped and not yet released by every exit point.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;

use gomera_model::{Incarnation, Layer, Notification, Seq, Topology};

/// Stamped notifications in the order of `seq`, and how far each exit point is.
#[derive(Debug, Default)]
pub(super) struct Retained {
    /// The last that every exit point has released.
    released: Seq,
    outstanding: VecDeque<Outstanding>,
    marks: BTreeMap<Incarnation, Seq>,
    /// Exit points that are gone from the topology and have yet to release what was stamped before: up to here.
    leaving: BTreeMap<Incarnation, Seq>,
}

/// A notification that some exit point has not released.
#[derive(Debug)]
pub(super) struct Outstanding {
    /// Kept whole: the death of a matcher makes it go out again.
    pub(super) notification: Arc<Notification>,
    /// How many subscriptions it matched, as far as exit points have told.
    pub(super) matched: u32,
}

impl Retained {
    /// Takes the next notification.
    pub(super) fn push(&mut self, notification: Arc<Notification>) {
        assert_eq!(notification.stamp.seq, self.next(), "seq has no gaps");
        self.outstanding.push_back(Outstanding {
            notification,
            matched: 0,
        });
    }

    /// The exit points of this topology count from now on. A new one need not release what was stamped before; one that is
    /// gone counts until it has, because only it knows what that matched. One that is retired has nothing more to say.
    pub(super) fn wait_for(&mut self, next: &Topology) {
        let before = Seq(self.next().0 - 1);
        let is_retired = |point: &Incarnation| next.retired.binary_search(point).is_ok();
        for (point, mark) in &self.marks {
            if next.instance(*point).is_none() && *mark < before {
                self.leaving.entry(*point).or_insert(before);
            }
        }
        self.leaving.retain(|point, _| !is_retired(point));
        let leaving = &self.leaving;
        self.marks
            .retain(|point, _| next.instance(*point).is_some() || leaving.contains_key(point));
        for point in next.incarnations(Layer::ExitPoints) {
            self.marks.entry(point).or_insert(before);
        }
    }

    /// Whether an exit point that is gone has yet to release something.
    pub(super) fn waits_for_leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    /// An exit point has released up to `seq`. One that does not count is not heard.
    pub(super) fn released(&mut self, point: Incarnation, seq: Seq, matched: &[(Seq, u32)]) {
        let next = self.next();
        let Some(mark) = self.marks.get_mut(&point) else {
            return;
        };
        assert!(seq < next, "nobody releases what was not stamped");
        *mark = seq.max(*mark);
        if self.leaving.get(&point).is_some_and(|last| last <= mark) {
            self.leaving.remove(&point);
            self.marks.remove(&point);
        }
        for &(seq, count) in matched {
            let Some(index) = seq.0.checked_sub(self.released.0 + 1) else {
                continue;
            };
            let index = usize::try_from(index).expect("an index into memory");
            self.outstanding[index].matched += count;
        }
    }

    /// Takes out the oldest notification if every exit point has released it.
    pub(super) fn pop(&mut self) -> Option<Outstanding> {
        let released = self.marks.values().min()?;
        if *released <= self.released {
            return None;
        }
        self.released = self.released.next();
        self.outstanding.pop_front()
    }

    /// The number that the next notification gets.
    pub(super) fn next(&self) -> Seq {
        Seq(self.released.0 + self.outstanding.len() as u64 + 1)
    }

    /// How many are kept.
    pub(super) fn len(&self) -> usize {
        self.outstanding.len()
    }
}
