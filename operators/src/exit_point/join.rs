//! The join: what the matchers of a stamp found for one notification, put together and released in the order of `seq`.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use gomera_model::lane::Matched;
use gomera_model::operation::Hit;
use gomera_model::{Epoch, Incarnation, Layer, Notification, Seq, SessionId};

use crate::epochs::Epochs;

/// The join of one access point's notifications.
#[derive(Clone, Debug)]
pub(super) struct Join {
    /// Epochs of the stamps, each from its first sequence number on; the oldest that is needed first. Empty where it
    /// is not known yet from where on this exit point takes part.
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
    /// The last cut; what a matcher says before its RESTART or FLIP behind it counts no more. Zero if there was none.
    cut: Epoch,
    /// Matchers that have passed one.
    past_cut: BTreeSet<Incarnation>,
    /// The epoch of the last RESTART.
    restarted: Epoch,
}

/// One notification on its way out.
#[derive(Clone, Debug)]
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
            cut: Epoch(0),
            past_cut: BTreeSet::new(),
            restarted: Epoch(0),
        }
    }

    /// The last that was released.
    pub(super) fn last_released(&self) -> Seq {
        self.released
    }

    /// How many notifications are not released, as far as is known here.
    pub(super) fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// Of an access point that stamps already: it begins where the first FLIP says that the next epoch begins.
    pub(super) fn at_flip() -> Self {
        Self {
            segments: VecDeque::new(),
            ..Self::new(Epoch(0))
        }
    }

    /// Whether what a matcher says counts: it is known from where on this exit point takes part, and no cut lies behind
    /// what the matcher says.
    pub(super) fn hears(&self, matcher: Incarnation) -> bool {
        !self.segments.is_empty() && (self.cut == Epoch(0) || self.past_cut.contains(&matcher))
    }

    /// A matcher was lost: what is not released counts no more. What is released and not told is not told under the new
    /// epoch: some of it may come again.
    pub(super) fn cut(&mut self, epoch: Epoch) {
        self.cut = epoch;
        self.told = self.released;
        self.matched.clear();
        self.past_cut.clear();
        self.marks.clear();
        self.pending.clear();
    }

    /// The access point stamps everything from `first` on again with `epoch`; the matcher has passed everything before.
    /// Answers whether that is news: then what was released from `first` on has to be taken back.
    pub(super) fn restarted(&mut self, matcher: Incarnation, epoch: Epoch, first: Seq) -> bool {
        if epoch < self.cut {
            return false;
        }
        let is_news = self.restarted < epoch;
        if is_news {
            self.restarted = epoch;
            self.segments = [(epoch, first)].into();
            self.released = Seq(first.0 - 1);
            self.told = self.released;
            self.marks.clear();
            self.pending.clear();
            self.matched.clear();
        }
        self.past_cut.insert(matcher);
        self.done(matcher, Seq(first.0 - 1));
        is_news
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
        if epoch < self.cut {
            return;
        }
        self.past_cut.insert(matcher);
        if self.segments.is_empty() {
            self.released = Seq(first.0 - 1);
            self.told = self.released;
        }
        if self.segments.iter().all(|(known, _)| *known < epoch) {
            self.segments.push_back((epoch, first));
        }
        self.done(matcher, Seq(first.0 - 1));
    }

    /// Takes out, in order, everything that every matcher of its stamp is done with; nothing of an epoch that is held
    /// back.
    pub(super) fn release(
        &mut self,
        epochs: &Epochs,
        under_stamp: bool,
        held_back: Option<Epoch>,
    ) -> Vec<Pending> {
        let mut out = Vec::new();
        loop {
            self.enter_next_segment();
            if held_back.is_some_and(|held| self.has_reached(held)) {
                return out;
            }
            let Some(last) = self.releasable(epochs, under_stamp) else {
                return out;
            };
            while self.released < last {
                self.released = self.released.next();
                out.extend(self.pending.pop_front().flatten());
            }
        }
    }

    /// Forgets segments of which everything is released.
    fn enter_next_segment(&mut self) {
        while let Some((_, first)) = self.segments.get(1)
            && *first == self.released.next()
        {
            self.segments.pop_front();
        }
    }

    /// How far the first segment can be released, if further than it is.
    fn releasable(&self, epochs: &Epochs, under_stamp: bool) -> Option<Seq> {
        let (epoch, _) = *self.segments.front()?;
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

    /// The last that is released; `None` where it is not known yet from where on this exit point takes part.
    pub(super) fn released(&self) -> Option<Seq> {
        (!self.segments.is_empty()).then_some(self.released)
    }

    /// Whether everything stamped before `epoch` is released.
    pub(super) fn has_reached(&self, epoch: Epoch) -> bool {
        self.segments
            .front()
            .is_some_and(|(first, _)| *first >= epoch)
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

#[cfg(test)]
mod tests {
    use gomera_model::topology::{ExitPoints, Topology};
    use gomera_model::{
        Attributes, Body, Content, HostId, Instance, InstanceId, PublisherId, PublisherSeq, SLOTS,
        Stamp, Timestamp,
    };

    use super::*;

    const ACCESS_POINT: Incarnation = Incarnation(1);
    const EXIT_POINT: Incarnation = Incarnation(2);
    const FIRST: Incarnation = Incarnation(3);
    const SECOND: Incarnation = Incarnation(4);

    fn topology(epoch: u64, matchers: &[Incarnation]) -> Arc<Topology> {
        let instance = |incarnation, layer| Instance {
            id: InstanceId(1),
            incarnation,
            layer,
            host: HostId(1),
            zone: alloc::string::String::new(),
            leaving: false,
        };
        let mut instances = Vec::from([
            instance(ACCESS_POINT, Layer::AccessPoints),
            instance(EXIT_POINT, Layer::ExitPoints),
        ]);
        instances.extend(matchers.iter().map(|m| instance(*m, Layer::Matchers)));
        let exit_points = ExitPoints {
            primary: EXIT_POINT,
            backup: None,
            further: None,
        };
        Arc::new(Topology {
            epoch: Epoch(epoch),
            instances,
            retired: Vec::new(),
            cut: Epoch(0),
            matcher_replicas: 0,
            standby_of: Vec::new(),
            matcher_of: alloc::vec![matchers[0]; SLOTS],
            exit_points_of: alloc::vec![exit_points; SLOTS],
        })
    }

    fn matched(seq: u64, epoch: u64) -> Vec<Matched> {
        let notification = Arc::new(Notification {
            stamp: Stamp {
                access_point: ACCESS_POINT,
                seq: Seq(seq),
                epoch: Epoch(epoch),
            },
            publisher: PublisherId(1),
            publisher_seq: PublisherSeq(seq),
            published_at: Timestamp(0),
            content: Content {
                attributes: Attributes::empty(),
                body: Body::None,
            },
            flat: Attributes::empty(),
        });
        [Matched {
            notification,
            sessions: [(SessionId(seq), Vec::new())].into(),
        }]
        .into()
    }

    fn released(join: &mut Join, epochs: &Epochs) -> Vec<u64> {
        let released = join.release(epochs, true, None);
        released
            .iter()
            .map(|pending| pending.notification.stamp.seq.0)
            .collect()
    }

    #[test]
    fn nothing_is_released_before_every_matcher_is_that_far() {
        let mut epochs = Epochs::default();
        epochs.learn(&topology(1, &[FIRST, SECOND]));
        let mut join = Join::new(Epoch(1));
        join.add(matched(2, 1));
        join.done(FIRST, Seq(3));
        assert!(released(&mut join, &epochs).is_empty());
        join.add(matched(1, 1));
        join.done(SECOND, Seq(2));
        assert_eq!(released(&mut join, &epochs), [1, 2]);
        assert_eq!(join.news(), Some((Seq(2), Vec::new())));
        assert_eq!(join.news(), None);
    }

    #[test]
    fn each_notification_waits_for_the_matchers_of_its_own_stamp() {
        let mut epochs = Epochs::default();
        epochs.learn(&topology(1, &[FIRST]));
        epochs.learn(&topology(2, &[FIRST, SECOND]));
        let mut join = Join::new(Epoch(1));
        join.add(matched(1, 1));
        join.add(matched(2, 2));
        join.done(FIRST, Seq(1));
        assert_eq!(released(&mut join, &epochs), [1], "the second is not asked");
        join.flipped(FIRST, Epoch(2), Seq(2));
        join.done(FIRST, Seq(2));
        assert!(
            released(&mut join, &epochs).is_empty(),
            "the second is asked"
        );
        join.flipped(SECOND, Epoch(2), Seq(2));
        join.done(SECOND, Seq(2));
        assert_eq!(released(&mut join, &epochs), [2]);
        assert!(join.has_reached(Epoch(2)));
    }

    #[test]
    fn what_is_held_back_waits_although_its_own_matchers_are_done() {
        let mut epochs = Epochs::default();
        epochs.learn(&topology(1, &[FIRST, SECOND]));
        epochs.learn(&topology(2, &[FIRST]));
        let mut join = Join::new(Epoch(1));
        join.add(matched(1, 1));
        join.add(matched(2, 2));
        join.flipped(FIRST, Epoch(2), Seq(2));
        join.done(FIRST, Seq(2));
        join.done(SECOND, Seq(1));
        let released = join.release(&epochs, true, Some(Epoch(2)));
        assert_eq!(released.len(), 1, "the leaving matcher may still say more");
        assert_eq!(join.release(&epochs, true, None).len(), 1);
    }

    #[test]
    fn hits_of_several_matchers_become_one_delivery() {
        let mut pending = Pending {
            notification: matched(1, 1)[0].notification.clone(),
            sessions: Vec::new(),
        };
        let hit = |number| Hit {
            number: gomera_model::SubscriptionNumber(number),
            operation: gomera_model::OperationNumber(1),
        };
        pending.sessions = Vec::from([
            (SessionId(2), Vec::from([hit(5)])),
            (SessionId(1), Vec::from([hit(9)])),
            (SessionId(2), Vec::from([hit(4)])),
        ]);
        pending.merge();
        assert_eq!(
            pending.sessions,
            [
                (SessionId(1), Vec::from([hit(9)])),
                (SessionId(2), Vec::from([hit(4), hit(5)])),
            ]
        );
    }
}
