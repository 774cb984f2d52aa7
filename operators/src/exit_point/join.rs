//! The join: what the matchers of a stamp found for one notification, put together and released in the order of `seq`.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use gomera_model::lane::Matched;
use gomera_model::operation::Hit;
use gomera_model::{Epoch, Incarnation, Layer, Notification, Seq, SessionId};

use crate::epochs::Epochs;

/// The join of one access point's notifications.
#[derive(Debug)]
pub(super) struct Join {
    /// Epochs of the stamps, each from its first sequence number on; the oldest that is needed first.
    segments: VecDeque<(Epoch, Seq)>,
    /// How far each matcher is.
    marks: BTreeMap<Incarnation, Seq>,
    /// What matched, from the first that is not released; `None` where nothing has so far.
    pending: VecDeque<Option<Pending>>,
    /// The last released.
    released: Seq,
    /// How far the access point has been told.
    told: Seq,
    /// Matches that the access point has not been told of.
    matched: Vec<(Seq, u32)>,
}

/// One notification on its way out.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) notification: Arc<Notification>,
    /// Sessions with their hits; more than once where several matchers found something, until merged.
    pub(super) sessions: Vec<(SessionId, Vec<Hit>)>,
}

impl Join {
    /// Of an access point whose next stamp is `epoch`, its first sequence number.
    pub(super) fn new(epoch: Epoch) -> Self {
        Self {
            segments: [(epoch, Seq(1))].into(),
            marks: BTreeMap::new(),
            pending: VecDeque::new(),
            released: Seq(0),
            told: Seq(0),
            matched: Vec::new(),
        }
    }

    /// A matcher found these.
    pub(super) fn add(&mut self, matched: Vec<Matched>) {
        for matched in matched {
            let seq = matched.notification.stamp.seq;
            let offset = seq
                .0
                .checked_sub(self.released.0 + 1)
                .expect("nothing is released before every matcher is that far");
            let offset = usize::try_from(offset).expect("an index into memory");
            if self.pending.len() <= offset {
                self.pending.resize_with(offset + 1, || None);
            }
            match &mut self.pending[offset] {
                Some(pending) => pending.sessions.extend(matched.sessions),
                empty @ None => *empty = Some(matched.into()),
            }
        }
    }

    /// A matcher is done up to here.
    pub(super) fn done(&mut self, matcher: Incarnation, seq: Seq) {
        let mark = self.marks.entry(matcher).or_default();
        *mark = seq.max(*mark);
    }

    /// The access point stamps `epoch` from `first` on; the matcher has passed everything before.
    pub(super) fn flipped(&mut self, matcher: Incarnation, epoch: Epoch, first: Seq) {
        if self.segments.iter().all(|(known, _)| *known < epoch) {
            self.segments.push_back((epoch, first));
        }
        self.done(matcher, Seq(first.0 - 1));
    }

    /// Takes out, in order, everything that every matcher of its stamp is done with.
    pub(super) fn release(&mut self, epochs: &Epochs, under_stamp: bool) -> Vec<Pending> {
        let mut out = Vec::new();
        while let Some(last) = self.releasable(epochs, under_stamp) {
            while self.released < last {
                self.released = self.released.next();
                out.extend(self.pending.pop_front().flatten());
            }
            if self.segments.len() > 1 && self.segments[1].1 == self.released.next() {
                self.segments.pop_front();
            }
        }
        out
    }

    /// How far the first segment can be released, if further than it is.
    fn releasable(&self, epochs: &Epochs, under_stamp: bool) -> Option<Seq> {
        let (epoch, _) = self.segments[0];
        let topology = if under_stamp {
            epochs.at(epoch)
        } else {
            epochs.newest()
        };
        let slowest = topology
            .incarnations(Layer::Matchers)
            .map(|matcher| self.marks.get(&matcher).copied().unwrap_or_default())
            .min()?;
        let last = match self.segments.get(1) {
            Some((_, first)) => slowest.min(Seq(first.0 - 1)),
            None => slowest,
        };
        (last > self.released).then_some(last)
    }

    /// So many subscriptions matched a released notification.
    pub(super) fn matched(&mut self, seq: Seq, count: u32) {
        self.matched.push((seq, count));
    }

    /// What the access point has to be told: how far this exit point is, and what matched.
    pub(super) fn news(&mut self) -> Option<(Seq, Vec<(Seq, u32)>)> {
        if self.told == self.released {
            return None;
        }
        self.told = self.released;
        Some((self.released, core::mem::take(&mut self.matched)))
    }

    /// Whether everything stamped before `epoch` is released.
    pub(super) fn has_reached(&self, epoch: Epoch) -> bool {
        self.segments[0].0 >= epoch
    }

    /// Only these matchers count from now on.
    pub(super) fn keep_marks(&mut self, is_there: impl Fn(Incarnation) -> bool) {
        self.marks.retain(|matcher, _| is_there(*matcher));
    }
}

impl Pending {
    /// Puts the hits of each session together, ascending by number, each subscription once.
    pub(super) fn merge(&mut self) {
        let is_merged = self.sessions.is_sorted_by(|a, b| a.0 < b.0);
        if is_merged {
            return;
        }
        self.sessions.sort_by_key(|(session, _)| *session);
        self.sessions.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0;
            if is_same {
                kept.1.append(&mut next.1);
                kept.1.sort_unstable();
            }
            is_same
        });
    }
}

impl From<Matched> for Pending {
    fn from(matched: Matched) -> Self {
        Self {
            notification: matched.notification,
            sessions: matched.sessions,
        }
    }
}
