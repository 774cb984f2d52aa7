//! The publishers of an access point: who they are, what was taken from each, how much of each may be outstanding.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;

use gomera_model::lane::{ConnectionPointFrame, LaneFrame, Share};
use gomera_model::silbo::{Acknowledgement, Refusal, RefusalCode};
use gomera_model::{Generation, Incarnation, LookupMap, PublisherId, PublisherSeq};

use super::waits_for_release;
use crate::effect::Effects;
use crate::limits::{
    PUBLISHERS_MAX, PUBLISHERS_REMEMBERED_MAX, REFUSALS_REMEMBERED_MAX, SHARE_BYTES_MAX,
    SHARE_PUBLICATIONS_MAX, WINDOW_BYTES, WINDOW_NOTIFICATIONS,
};

/// How much an access point admits that not every exit point has released; shared by its publishers.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Notifications.
    pub notifications: u32,
    /// Bytes of their content.
    pub bytes: u64,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            notifications: WINDOW_NOTIFICATIONS,
            bytes: WINDOW_BYTES,
        }
    }
}

/// What a connection point says when it opens a publisher.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    pub(super) publisher: PublisherId,
    pub(super) generation: Generation,
    pub(super) acknowledgement: Acknowledgement,
    pub(super) connection_point: Incarnation,
}

/// One publisher.
#[derive(Debug)]
pub(super) struct Publisher {
    generation: Generation,
    acknowledgement: Acknowledgement,
    pub(super) connection_point: Incarnation,
    is_open: bool,
    /// The last publication that was taken.
    pub(super) last: PublisherSeq,
    /// The last publication up to which every one was released by every exit point, or refused.
    released: PublisherSeq,
    /// How many were admitted and are not released.
    waiting: u64,
    /// What was refused last, the oldest first: said again when the publisher comes back, for it may not have heard.
    refused: VecDeque<(PublisherSeq, Refusal)>,
    /// Matches of what was released and not yet acknowledged, in order.
    matched: Vec<u32>,
    /// Whether an acknowledgement is due at the end of the turn.
    is_due: bool,
}

/// All publishers of an access point.
#[derive(Debug)]
pub(super) struct Publishers {
    pub(super) window: Window,
    known: LookupMap<PublisherId, Publisher>,
    /// Open ones, ascending: few enough, and seldom walked.
    connection_points: Vec<(Incarnation, usize)>,
    /// Publishers without a connection, the one that closed first at the front. Those that came back are skipped.
    closed: VecDeque<(PublisherId, Generation)>,
    /// Publishers with an acknowledgement due, in the order in which that was found.
    due: Vec<PublisherId>,
}

impl Publishers {
    pub(super) fn new(seed: u64, window: Window) -> Self {
        Self {
            window,
            known: LookupMap::new(seed),
            connection_points: Vec::new(),
            closed: VecDeque::new(),
            due: Vec::new(),
        }
    }

    /// How many are open.
    pub(super) fn open_count(&self) -> usize {
        self.connection_points.iter().map(|(_, count)| count).sum()
    }

    /// A publisher begins, or goes on over a newer connection.
    pub(super) fn open(&mut self, opening: Opening, effects: &mut Effects) {
        if let Err(refusal) = self.may_open(opening) {
            let refused = ConnectionPointFrame::PublisherRefused {
                publisher: opening.publisher,
                generation: opening.generation,
                refusal,
            };
            return effects.send(
                opening.connection_point,
                LaneFrame::ConnectionPoint(refused),
            );
        }
        self.end_older_connection(opening.publisher, effects);
        let share = self.share();
        self.count(opening.connection_point, 1);
        self.tell_share(share, effects);
        let share = self.share();
        let publisher = self
            .known
            .get_or_insert_with(opening.publisher, || Publisher::new(opening));
        publisher.generation = opening.generation;
        publisher.acknowledgement = opening.acknowledgement;
        publisher.connection_point = opening.connection_point;
        publisher.is_open = true;
        let opened = ConnectionPointFrame::PublisherOpened {
            publisher: opening.publisher,
            generation: opening.generation,
            last: publisher.last,
            share,
        };
        self.note_due(opening.publisher);
        effects.send(opening.connection_point, LaneFrame::ConnectionPoint(opened));
    }

    /// A publisher's connection ended. What was taken from it goes on.
    pub(super) fn close(&mut self, id: PublisherId, generation: Generation, effects: &mut Effects) {
        let Some(publisher) = self.newest(id, generation) else {
            return;
        };
        publisher.is_open = false;
        let connection_point = publisher.connection_point;
        let share = self.share();
        self.count(connection_point, -1);
        self.tell_share(share, effects);
        self.closed.push_back((id, generation));
        self.forget_oldest();
    }

    /// The publisher, if this is its newest connection and open.
    pub(super) fn newest(
        &mut self,
        id: PublisherId,
        generation: Generation,
    ) -> Option<&mut Publisher> {
        self.known
            .get_mut(&id)
            .filter(|publisher| publisher.generation == generation && publisher.is_open)
    }

    /// A publication was admitted: it will be stamped and released.
    pub(super) fn admitted(&mut self, id: PublisherId) {
        if let Some(publisher) = self.known.get_mut(&id) {
            publisher.waiting += 1;
        }
    }

    /// A publication was refused; it counts as acknowledged.
    pub(super) fn refused(
        &mut self,
        id: PublisherId,
        (seq, refusal): (PublisherSeq, Refusal),
        effects: &mut Effects,
    ) {
        let Some(publisher) = self.known.get_mut(&id) else {
            return;
        };
        publisher.say_refused(id, (seq, refusal.clone()), effects);
        publisher.refused.push_back((seq, refusal));
        if publisher.refused.len() > REFUSALS_REMEMBERED_MAX {
            publisher.refused.pop_front();
        }
        publisher.settle();
        self.note_due(id);
    }

    /// A publication was stamped.
    pub(super) fn taken(&mut self, id: PublisherId, seq: PublisherSeq) {
        let share = self.share();
        if let Some(publisher) = self.known.get_mut(&id)
            && !waits_for_release(publisher.acknowledgement)
            && seq <= publisher.received_up_to(share)
        {
            self.note_due(id);
        }
    }

    /// A publication was released by every exit point.
    pub(super) fn released(&mut self, id: PublisherId, seq: PublisherSeq, matched: u32) {
        let Some(publisher) = self.known.get_mut(&id) else {
            return;
        };
        publisher.released = seq;
        publisher.waiting -= 1;
        publisher.settle();
        if waits_for_release(publisher.acknowledgement) {
            publisher.matched.push(matched);
        }
        self.note_due(id);
    }

    /// An acknowledgement of this publisher is due at the end of the turn.
    pub(super) fn note_due(&mut self, id: PublisherId) {
        if let Some(publisher) = self.known.get_mut(&id)
            && !publisher.is_due
        {
            publisher.is_due = true;
            self.due.push(id);
        }
    }

    /// Sends the acknowledgements that are due.
    pub(super) fn acknowledge(&mut self, effects: &mut Effects) {
        let share = self.share();
        for id in self.due.drain(..) {
            let Some(publisher) = self.known.get_mut(&id) else {
                continue;
            };
            publisher.is_due = false;
            if !publisher.is_open {
                continue;
            }
            let last = match publisher.acknowledgement {
                Acknowledgement::Received => publisher.received_up_to(share),
                Acknowledgement::Joined | Acknowledgement::Durable => publisher.released,
            };
            let published = ConnectionPointFrame::Published {
                publisher: id,
                generation: publisher.generation,
                last,
                matched: core::mem::take(&mut publisher.matched),
            };
            effects.send(
                publisher.connection_point,
                LaneFrame::ConnectionPoint(published),
            );
        }
    }

    /// The share of one publisher. It changes when the number of publishers passes a power of two, not each time.
    fn share(&self) -> Share {
        let parts = u32::try_from(self.open_count().next_power_of_two())
            .expect("bounded by PUBLISHERS_MAX");
        Share {
            publications: (self.window.notifications / parts).clamp(1, SHARE_PUBLICATIONS_MAX),
            bytes: (self.window.bytes / u64::from(parts)).clamp(1, SHARE_BYTES_MAX),
        }
    }

    fn tell_share(&self, before: Share, effects: &mut Effects) {
        let share = self.share();
        if share == before {
            return;
        }
        for &(connection_point, _) in &self.connection_points {
            let frame = ConnectionPointFrame::Share(share);
            effects.send(connection_point, LaneFrame::ConnectionPoint(frame));
        }
    }

    fn may_open(&self, opening: Opening) -> Result<(), Refusal> {
        if opening.acknowledgement == Acknowledgement::Durable {
            return Err(Refusal {
                code: RefusalCode::Unsupported,
                reason: "the acknowledgement `durable` comes with storage; use `joined`".into(),
            });
        }
        match self.known.get(&opening.publisher) {
            Some(known) if known.generation >= opening.generation => Err(Refusal {
                code: RefusalCode::TakenOver,
                reason: "a newer connection of this publisher is here".into(),
            }),
            Some(_) => Ok(()),
            None if self.open_count() >= PUBLISHERS_MAX => Err(Refusal {
                code: RefusalCode::LimitReached,
                reason: format!("this access point has {PUBLISHERS_MAX} publishers already"),
            }),
            None => Ok(()),
        }
    }

    fn end_older_connection(&mut self, id: PublisherId, effects: &mut Effects) {
        let Some(publisher) = self.known.get_mut(&id).filter(|known| known.is_open) else {
            return;
        };
        publisher.is_open = false;
        let connection_point = publisher.connection_point;
        let refused = ConnectionPointFrame::PublisherRefused {
            publisher: id,
            generation: publisher.generation,
            refusal: Refusal {
                code: RefusalCode::TakenOver,
                reason: "a newer connection of this publisher has come".into(),
            },
        };
        effects.send(connection_point, LaneFrame::ConnectionPoint(refused));
        self.count(connection_point, -1);
    }

    fn count(&mut self, connection_point: Incarnation, change: isize) {
        let points = &mut self.connection_points;
        let index = points.partition_point(|(point, _)| *point < connection_point);
        if points.get(index).map(|(point, _)| *point) != Some(connection_point) {
            points.insert(index, (connection_point, 0));
        }
        points[index].1 = points[index]
            .1
            .checked_add_signed(change)
            .expect("what is closed was open");
        points.retain(|(_, count)| *count > 0);
    }

    fn forget_oldest(&mut self) {
        if self.closed.len() <= PUBLISHERS_REMEMBERED_MAX {
            return;
        }
        if let Some((id, generation)) = self.closed.pop_front()
            && let Some(publisher) = self.known.get(&id)
            && !publisher.is_open
            && publisher.generation == generation
        {
            self.known.remove(&id);
        }
    }
}

impl Publisher {
    fn new(opening: Opening) -> Self {
        Self {
            generation: opening.generation,
            acknowledgement: opening.acknowledgement,
            connection_point: opening.connection_point,
            is_open: false,
            last: PublisherSeq(0),
            released: PublisherSeq(0),
            waiting: 0,
            refused: VecDeque::new(),
            matched: Vec::new(),
            is_due: false,
        }
    }

    /// Where nothing waits, everything that was taken is done: what was refused last is not waited for.
    fn settle(&mut self) {
        if self.waiting == 0 {
            self.released = self.last;
        }
    }

    fn say_refused(
        &self,
        publisher: PublisherId,
        (seq, refusal): (PublisherSeq, Refusal),
        effects: &mut Effects,
    ) {
        let refused = ConnectionPointFrame::PublicationRefused {
            publisher,
            generation: self.generation,
            seq,
            refusal,
        };
        effects.send(self.connection_point, LaneFrame::ConnectionPoint(refused));
    }

    /// How far `received` may be said: no further than one share beyond what is released, so that such a publisher
    /// is bounded like any other.
    fn received_up_to(&self, share: Share) -> PublisherSeq {
        let bound = self
            .released
            .0
            .saturating_add(u64::from(share.publications));
        self.last.min(PublisherSeq(bound))
    }
}
