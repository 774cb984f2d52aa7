//! The publishers of an access point: who they are, what was taken from each, how much of each may be outstanding.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::vec::Vec;

use gomera_model::lane::{AccessPointFrame, ConnectionPointFrame, LaneFrame, Share};
use gomera_model::silbo::{Acknowledgement, Refusal, RefusalCode};
use gomera_model::{Generation, Incarnation, LookupMap, PublisherId, PublisherSeq, Time};

use super::opening::{Asker, Neighbours, Opening, Waiting, refuse_opening, taken_over};
use super::waits_for_release;
use crate::effect::Effects;
use crate::limits::{
    PUBLISHERS_MAX, PUBLISHERS_REMEMBERED_MAX, REFUSALS_REMEMBERED_MAX, SHARE_BYTES_MAX,
    SHARE_PUBLICATIONS_MAX, WINDOW_BYTES, WINDOW_NOTIFICATIONS,
};
use crate::rules::Rules;

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

/// One publisher.
#[derive(Clone, Debug)]
pub(super) struct Publisher {
    /// The newest connection; older ones lose.
    pub(super) generation: Generation,
    acknowledgement: Acknowledgement,
    pub(super) connection_point: Incarnation,
    pub(super) standing: Standing,
    /// The last publication that was taken.
    pub(super) last: PublisherSeq,
    /// The last publication up to which every one was released by every exit point, or refused.
    released: PublisherSeq,
    /// How many were admitted and are not released.
    pub(super) waiting: u64,
    /// What was refused last, the oldest first: said again when the publisher comes back, for it may not have heard.
    pub(super) refused: VecDeque<(PublisherSeq, Refusal)>,
    /// Matches of what was released and not yet acknowledged, in order.
    pub(super) matched: Vec<u32>,
    /// Whether an acknowledgement is due at the end of the turn.
    is_due: bool,
}

/// Where a publisher stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Standing {
    /// It has a connection. While its connection point moves it, another access point may ask for it before the word
    /// that the connection has gone on there is here.
    Open { asked_by: Option<Asker> },
    /// Its connection has ended; another one may come.
    Closed,
    /// It goes on at another access point, which is answered when everything is released. Over the same connection:
    /// what is released is acknowledged until then.
    HandingOver {
        asker: Asker,
        is_same_connection: bool,
    },
    /// That access point has what is known of it.
    HandedOver(Incarnation),
}

/// All publishers of an access point.
#[derive(Clone, Debug)]
pub(super) struct Publishers {
    pub(super) window: Window,
    pub(super) rules: Rules,
    pub(super) neighbours: Neighbours,
    pub(super) known: LookupMap<PublisherId, Publisher>,
    /// Publishers that want to go on here, and of which another access point has been asked.
    pub(super) waiting: BTreeMap<PublisherId, Waiting>,
    /// Publishers of which another access point has asked and was not answered yet.
    pub(super) asked: BTreeSet<PublisherId>,
    /// Open ones, ascending: few enough, and seldom walked.
    connection_points: Vec<(Incarnation, usize)>,
    /// Publishers without a connection, the one that closed first at the front. Those that came back are skipped.
    pub(super) closed: VecDeque<(PublisherId, Generation)>,
    /// Publishers with an acknowledgement due, in the order in which that was found.
    due: Vec<PublisherId>,
}

impl Publishers {
    pub(super) fn new(own: Incarnation, seed: u64) -> Self {
        Self {
            window: Window::default(),
            rules: Rules::default(),
            neighbours: Neighbours::new(own),
            known: LookupMap::new(seed),
            waiting: BTreeMap::new(),
            asked: BTreeSet::new(),
            connection_points: Vec::new(),
            closed: VecDeque::new(),
            due: Vec::new(),
        }
    }

    /// How many are open.
    pub(super) fn open_count(&self) -> usize {
        self.connection_points.iter().map(|(_, count)| count).sum()
    }

    /// A connection point or another access point says something of a publisher's connections.
    pub(super) fn receive(
        &mut self,
        now: Time,
        from: Incarnation,
        frame: AccessPointFrame,
        effects: &mut Effects,
    ) {
        match frame {
            AccessPointFrame::OpenPublisher {
                publisher,
                generation,
                acknowledgement,
                welcomed_by,
            } => {
                let opening = Opening {
                    publisher,
                    generation,
                    acknowledgement,
                    connection_point: from,
                    welcomed_by,
                };
                self.open(now, opening, effects);
            }
            AccessPointFrame::ClosePublisher {
                publisher,
                generation,
            } => self.close(publisher, generation, effects),
            AccessPointFrame::HandOver {
                publisher,
                generation,
            } => self.hand_over(from, (publisher, generation), effects),
            AccessPointFrame::HandedOver {
                publisher,
                generation,
                handover,
            } => self.handed_over(from, (publisher, generation), handover, effects),
            AccessPointFrame::Publish { .. }
            | AccessPointFrame::Refuse { .. }
            | AccessPointFrame::Request { .. }
            | AccessPointFrame::Unsubscribe { .. }
            | AccessPointFrame::SessionEnded(_)
            | AccessPointFrame::TakenUp(_)
            | AccessPointFrame::Released { .. }
            | AccessPointFrame::Remember { .. }
            | AccessPointFrame::NothingMore(_) => {
                unreachable!("the caller sorts frames by what they are about")
            }
        }
    }

    /// A publisher begins, or goes on: over a newer connection, or over one that another access point has served.
    fn open(&mut self, now: Time, opening: Opening, effects: &mut Effects) {
        if let Err(refusal) = self.may_open(&opening) {
            return refuse_opening(&opening, refusal, effects);
        }
        self.end_older_connection(opening.publisher, effects);
        match self.whereabouts(&opening) {
            Some(elsewhere) => self.ask(now, opening, elsewhere, effects),
            None => self.welcome(opening, effects),
        }
    }

    /// The publisher may publish here.
    pub(super) fn welcome(&mut self, opening: Opening, effects: &mut Effects) {
        let share = self.share();
        self.count(opening.connection_point, 1);
        self.tell_share(share, effects);
        let share = self.share();
        let publisher = self
            .known
            .get_or_insert_with(opening.publisher, Publisher::new);
        publisher.generation = opening.generation;
        publisher.acknowledgement = opening.acknowledgement;
        publisher.connection_point = opening.connection_point;
        publisher.standing = Standing::Open { asked_by: None };
        let opened = ConnectionPointFrame::PublisherOpened {
            publisher: opening.publisher,
            generation: opening.generation,
            last: publisher.last,
            share,
        };
        effects.send(opening.connection_point, LaneFrame::ConnectionPoint(opened));
        for refused in &publisher.refused {
            publisher.say_refused(opening.publisher, refused.clone(), effects);
        }
        self.note_due(opening.publisher);
    }

    /// A publisher's connection ended, or goes on at another access point. What was taken from it goes on.
    fn close(&mut self, id: PublisherId, generation: Generation, effects: &mut Effects) {
        if let Some(waiting) = self.waiting.get_mut(&id) {
            return waiting.close(generation);
        }
        let Some(publisher) = self.newest(id, generation) else {
            return;
        };
        publisher.standing = match publisher.standing {
            Standing::Open {
                asked_by: Some(asker),
            } => Standing::HandingOver {
                asker,
                is_same_connection: true,
            },
            Standing::Open { asked_by: None }
            | Standing::Closed
            | Standing::HandingOver { .. }
            | Standing::HandedOver(_) => Standing::Closed,
        };
        let connection_point = publisher.connection_point;
        self.connection_ended(id, connection_point, effects);
        self.note_due(id);
    }

    /// A publisher has one connection less, and may be forgotten some day.
    pub(super) fn connection_ended(
        &mut self,
        id: PublisherId,
        connection_point: Incarnation,
        effects: &mut Effects,
    ) {
        let share = self.share();
        self.count(connection_point, -1);
        self.tell_share(share, effects);
        self.remember(id);
    }

    /// The publisher, if this is its newest connection and open.
    pub(super) fn newest(
        &mut self,
        id: PublisherId,
        generation: Generation,
    ) -> Option<&mut Publisher> {
        self.known
            .get_mut(&id)
            .filter(|publisher| publisher.generation == generation && publisher.is_open())
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

    /// Sends the acknowledgements that are due, and behind them what other access points wait for.
    pub(super) fn acknowledge(&mut self, effects: &mut Effects) {
        let share = self.share();
        for id in self.due.drain(..) {
            let Some(publisher) = self.known.get_mut(&id) else {
                continue;
            };
            publisher.is_due = false;
            publisher.say_published(id, share, effects);
            if publisher.hand_over_if_released(id, self.rules, effects) {
                self.asked.remove(&id);
            }
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

    fn may_open(&self, opening: &Opening) -> Result<(), Refusal> {
        if opening.acknowledgement == Acknowledgement::Durable {
            return Err(Refusal {
                code: RefusalCode::Unsupported,
                reason: "the acknowledgement `durable` comes with storage; use `joined`".into(),
            });
        }
        let known = self.known.get(&opening.publisher);
        if known.is_some_and(|known| !known.may_open(opening.generation))
            || self.is_waiting_for(opening.publisher, opening.generation)
        {
            return Err(taken_over("a newer connection of this publisher is here"));
        }
        if known.is_none() && self.open_count() + self.waiting.len() >= PUBLISHERS_MAX {
            return Err(Refusal {
                code: RefusalCode::LimitReached,
                reason: format!("this access point has {PUBLISHERS_MAX} publishers already"),
            });
        }
        Ok(())
    }

    /// A newer connection has come, here or at another access point: the one before is told, and whoever asked for it.
    pub(super) fn end_older_connection(&mut self, id: PublisherId, effects: &mut Effects) {
        self.refuse_asker(id, effects);
        let Some(publisher) = self.known.get_mut(&id).filter(|known| known.is_open()) else {
            return;
        };
        publisher.standing = Standing::Closed;
        let connection_point = publisher.connection_point;
        let refused = ConnectionPointFrame::PublisherRefused {
            publisher: id,
            generation: publisher.generation,
            refusal: taken_over("a newer connection of this publisher has come"),
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

    /// The publisher has no connection: it is forgotten when so many others have lost theirs later.
    pub(super) fn remember(&mut self, id: PublisherId) {
        if let Some(publisher) = self.known.get(&id) {
            self.closed.push_back((id, publisher.generation));
        }
        if self.closed.len() <= PUBLISHERS_REMEMBERED_MAX {
            return;
        }
        if let Some((id, generation)) = self.closed.pop_front()
            && let Some(publisher) = self.known.get(&id)
            && publisher.generation == generation
            && publisher.is_idle()
        {
            self.known.remove(&id);
        }
    }
}

impl Publisher {
    /// One that has never been welcome here.
    pub(super) fn new() -> Self {
        Self {
            generation: Generation(0),
            acknowledgement: Acknowledgement::default(),
            connection_point: Incarnation(0),
            standing: Standing::Closed,
            last: PublisherSeq(0),
            released: PublisherSeq(0),
            waiting: 0,
            refused: VecDeque::new(),
            matched: Vec::new(),
            is_due: false,
        }
    }

    /// Where nothing waits, everything that was taken is done: what was refused last is not waited for.
    pub(super) fn settle(&mut self) {
        if self.waiting == 0 {
            self.released = self.last;
        }
    }

    /// Whether it has a connection here.
    pub(super) fn is_open(&self) -> bool {
        match self.standing {
            Standing::Open { .. } => true,
            Standing::Closed | Standing::HandingOver { .. } | Standing::HandedOver(_) => false,
        }
    }

    /// Whether nobody waits for anything of it.
    fn is_idle(&self) -> bool {
        match self.standing {
            Standing::Open { .. } | Standing::HandingOver { .. } => false,
            Standing::Closed | Standing::HandedOver(_) => true,
        }
    }

    /// Whether this connection is newer than what is known; or the same, which has been elsewhere meanwhile.
    fn may_open(&self, generation: Generation) -> bool {
        match self.standing {
            Standing::Open { .. } | Standing::Closed | Standing::HandingOver { .. } => {
                generation > self.generation
            }
            Standing::HandedOver(_) => generation >= self.generation,
        }
    }

    /// Acknowledges what is released, if there is a connection that can hear it.
    fn say_published(&mut self, id: PublisherId, share: Share, effects: &mut Effects) {
        match self.standing {
            Standing::Open { .. }
            | Standing::HandingOver {
                is_same_connection: true,
                ..
            } => {}
            Standing::Closed | Standing::HandingOver { .. } | Standing::HandedOver(_) => return,
        }
        let last = match self.acknowledgement {
            Acknowledgement::Received => self.received_up_to(share),
            Acknowledgement::Joined | Acknowledgement::Durable => self.released,
        };
        let published = ConnectionPointFrame::Published {
            publisher: id,
            generation: self.generation,
            last,
            matched: core::mem::take(&mut self.matched),
        };
        effects.send(self.connection_point, LaneFrame::ConnectionPoint(published));
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
