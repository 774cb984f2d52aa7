//! What was stamped and not yet released by every exit point.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use gomera_model::{Epoch, Incarnation, Layer, Notification, Seq, Topology};

/// Stamped notifications in the order of `seq`, and how far each exit point is.
#[derive(Clone, Debug, Default)]
pub(super) struct Retained {
    /// The last that every exit point has released.
    released: Seq,
    outstanding: VecDeque<Outstanding>,
    marks: BTreeMap<Incarnation, Mark>,
    /// What exit points say that have not passed this cut counts no more.
    cut: Epoch,
}

/// How far an exit point is.
#[derive(Clone, Copy, Debug)]
struct Mark {
    released: Seq,
    /// The last that it has to release, if it has left: nothing stamped behind it belongs to it.
    last: Option<Seq>,
}

/// A notification that some exit point has not released.
#[derive(Clone, Debug)]
pub(super) struct Outstanding {
    /// Kept whole: the death of a matcher makes it go out again.
    pub(super) notification: Arc<Notification>,
    /// How many subscriptions it matched, as far as exit points have told.
    pub(super) matched: u32,
}

impl Mark {
    /// Whether it has left and nothing of it is waited for.
    fn is_through(self) -> bool {
        self.last.is_some_and(|last| self.released >= last)
    }
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

    /// The exit points of this topology count from now on. A new one need not release what was stamped before; one that
    /// has left has to release that and nothing more, unless it is retired.
    pub(super) fn wait_for(&mut self, topology: &Topology) {
        let before = Seq(self.next().0 - 1);
        for mark in self.marks.values_mut() {
            mark.last = mark.last.or(Some(before));
        }
        for point in topology.incarnations(Layer::ExitPoints) {
            let mark = self.marks.entry(point).or_insert(Mark {
                released: before,
                last: None,
            });
            mark.last = None;
        }
        self.marks
            .retain(|point, mark| !mark.is_through() && !topology.is_retired(*point));
    }

    /// A matcher was lost: what is not released counts as never stamped, and bears the stamp of this topology from now
    /// on. Answers it, in order. Every exit point begins anew behind what all had released.
    pub(super) fn restart(&mut self, topology: &Topology) -> Vec<Arc<Notification>> {
        self.cut = topology.epoch;
        let mark = Mark {
            released: self.released,
            last: None,
        };
        let exit_points = topology.incarnations(Layer::ExitPoints);
        self.marks = exit_points.map(|point| (point, mark)).collect();
        for outstanding in &mut self.outstanding {
            let mut notification = Notification::clone(&outstanding.notification);
            notification.stamp.epoch = topology.epoch;
            outstanding.notification = Arc::new(notification);
            outstanding.matched = 0;
        }
        let again = self.outstanding.iter();
        again.map(|one| Arc::clone(&one.notification)).collect()
    }

    /// An exit point has released up to `seq`, as it says in its epoch. One that does not count is not heard.
    pub(super) fn released(
        &mut self,
        (point, epoch): (Incarnation, Epoch),
        seq: Seq,
        matched: &[(Seq, u32)],
    ) {
        let next = self.next();
        let Some(mark) = self.marks.get_mut(&point).filter(|_| epoch >= self.cut) else {
            return;
        };
        assert!(seq < next, "nobody releases what was not stamped");
        mark.released = seq.max(mark.released);
        if mark.is_through() {
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
        let released = self.marks.values().map(|mark| mark.released).min()?;
        if released <= self.released {
            return None;
        }
        self.released = self.released.next();
        self.outstanding.pop_front()
    }

    /// The number that the next notification gets.
    pub(super) fn next(&self) -> Seq {
        Seq(self.released.0 + self.outstanding.len() as u64 + 1)
    }

    /// The oldest that is kept, or the next one.
    pub(super) fn first(&self) -> Seq {
        self.released.next()
    }

    /// How many are kept.
    pub(super) fn len(&self) -> usize {
        self.outstanding.len()
    }
}
