//! A publisher changes its access point: the new one asks the one that has it, which refuses older connections from then
//! on, waits until everything it took is released, and answers with what it knows. Only then the new one welcomes.
//!
//! ```text
//!   new one:  nothing ── OpenPublisher that names another ──► Waiting ── HandedOver ──► Open
//!                                                           HandOver │
//!                                                                    ▼
//!   old one:  Open ─── ClosePublisher ──► Closed ── all released ──► HandedOver(to the new one)
//! ```
//!
//! Who is asked for what it has handed over names the one that has it. While an answer is on its way here, a further
//! question waits for it. A connection waits only for older connections and for the old one's part of itself, so no circle
//! of access points ever waits.
//!
//! One that leaves passes on what it knows of publishers that have no connection, to those that serve them from then on.
//! Who is asked for a publisher by the name of one that has left, and knows nothing, asks those that may.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use gomera_model::lane::{AccessPointFrame, Handed, Handover, LaneFrame};
use gomera_model::{Epoch, Generation, Incarnation, PublisherId, Time, Topology};

use super::opening::{Asker, Elsewhere, Opening, Waiting, send_answer};
use super::publishers::{Publisher, Publishers, Standing};
use crate::effect::{Effect, Effects};
use crate::limits::{PASSED_ON_PER_FRAME, UNHEARD_WITHIN};
use crate::routing;
use crate::rules::{Rule, Rules};

impl Publishers {
    /// Which other access point has what is known of the publisher; none, if that is this one or nobody.
    pub(super) fn whereabouts(&self, opening: &Opening) -> Option<Elsewhere> {
        if let Some(waiting) = self.waiting.get(&opening.publisher) {
            return Some(waiting.asked);
        }
        let named = opening.welcomed_by.and_then(|by| self.neighbours.find(by));
        named.or_else(|| self.trail(opening))
    }

    /// The same where the client's word leads nowhere.
    fn trail(&self, opening: &Opening) -> Option<Elsewhere> {
        let known = self.known.get(&opening.publisher);
        let is_lost = match known.map(|publisher| publisher.standing) {
            Some(Standing::HandedOver(to)) => match self.neighbours.find(to) {
                Some(elsewhere) => return Some(elsewhere),
                None => true,
            },
            Some(Standing::Open { .. } | Standing::Closed | Standing::HandingOver { .. }) => false,
            None => opening.welcomed_by.is_some(),
        };
        let first = self.neighbours.search(opening.publisher, None);
        first.filter(|_| is_lost)
    }

    /// Asks for the publisher; it is welcomed with the answer.
    pub(super) fn ask(
        &mut self,
        now: Time,
        opening: Opening,
        elsewhere: Elsewhere,
        effects: &mut Effects,
    ) {
        let before = self.waiting.get_mut(&opening.publisher);
        if let Some(older) = before {
            older.refuse(effects);
        }
        match elsewhere {
            Elsewhere::Listed(point) | Elsewhere::Searched(point) => {
                send_question(point, &opening, effects);
            }
            Elsewhere::Unheard(_) => effects.push(Effect::WakeAt(now + UNHEARD_WITHIN)),
        }
        let next = self.waiting.remove(&opening.publisher);
        if let Some(asker) = next.and_then(|older| older.next) {
            send_answer(asker, opening.publisher, Handover::Newer, effects);
        }
        let waiting = Waiting {
            opening,
            is_wanted: true,
            asked: elsewhere,
            since: now,
            next: None,
        };
        self.waiting.insert(opening.publisher, waiting);
    }

    /// Another access point asks for a publisher.
    pub(super) fn hand_over(
        &mut self,
        to: Incarnation,
        (id, generation): (PublisherId, Generation),
        effects: &mut Effects,
    ) {
        let asker = Asker { to, generation };
        let answer = match self.waiting.get_mut(&id) {
            Some(waiting) => waiting.asked_by(asker, effects),
            None => self.asked_by(id, asker, effects),
        };
        if let Some(handover) = answer {
            send_answer(asker, id, handover, effects);
        }
    }

    /// Another access point answers.
    pub(super) fn handed_over(
        &mut self,
        from: Incarnation,
        (id, generation): (PublisherId, Generation),
        handover: Handover,
        effects: &mut Effects,
    ) {
        let Some(waiting) = self.waiting.get_mut(&id) else {
            return;
        };
        let is_of_newest =
            waiting.opening.generation == generation && waiting.asked.point() == from;
        match handover {
            Handover::Done(Some(handed)) => {
                self.take_over(id, generation, handed);
                if is_of_newest {
                    self.end_waiting(id, effects);
                }
            }
            Handover::Done(None) if is_of_newest => {
                let next = self.next_to_search(id);
                self.go_on_asking(id, next, effects);
            }
            Handover::Elsewhere(point) if is_of_newest => {
                let next = self.neighbours.find(point);
                self.go_on_asking(id, next, effects);
            }
            Handover::Newer if is_of_newest => {
                waiting.refuse(effects);
                self.end_waiting(id, effects);
            }
            Handover::Done(None) | Handover::Elsewhere(_) | Handover::Newer => {}
        }
    }

    /// Nobody comes back here: those that stay are told what is known of publishers without a connection.
    pub(super) fn pass_on(&mut self, topology: &Topology, effects: &mut Effects) {
        let staying = routing::staying(topology);
        let mut known: BTreeMap<_, Vec<_>> = staying.map(|point| (point, Vec::new())).collect();
        let closed: BTreeSet<_> = self.closed.iter().map(|(id, _)| *id).collect();
        for id in closed {
            let to = routing::of_publisher(topology, id);
            let publisher = self.known.get_mut(&id);
            if let Some(news) = publisher.and_then(|publisher| publisher.pass_on(to))
                && let Some(of_one) = known.get_mut(&to)
            {
                of_one.push((id, news.0, news.1));
            }
        }
        for (to, publishers) in known {
            for chunk in publishers.chunks(PASSED_ON_PER_FRAME) {
                send_memory(to, (chunk.to_vec(), None), effects);
            }
            send_memory(to, (Vec::new(), Some(topology.epoch)), effects);
        }
    }

    /// Another access point, which is leaving, knew this of a publisher that belongs here.
    pub(super) fn recall(&mut self, id: PublisherId, generation: Generation, handover: Handover) {
        let known = self.known.get(&id);
        if known.is_some_and(|known| !known.is_outdone_by(generation)) {
            return;
        }
        match handover {
            Handover::Done(Some(handed)) => self.take_over(id, generation, handed),
            Handover::Elsewhere(point) if self.neighbours.find(point).is_some() => {
                let publisher = self.known.get_or_insert_with(id, Publisher::new);
                publisher.generation = generation;
                publisher.standing = Standing::HandedOver(point);
                self.remember(id);
            }
            Handover::Done(None) | Handover::Elsewhere(_) | Handover::Newer => {}
        }
    }

    /// A topology is in force: who has left answers no more, who has come can be asked.
    pub(super) fn topology(&mut self, topology: &Topology, effects: &mut Effects) {
        self.neighbours.learn(topology);
        for id in self.asked.iter().copied().collect::<Vec<_>>() {
            let asker = self.known.get(&id).and_then(Publisher::asker);
            // One that is not listed yet has come with a later topology.
            if asker.is_none_or(|asker| self.neighbours.find(asker.to).is_none()) {
                self.forget_asker(id);
            }
        }
        for id in self.waiting.keys().copied().collect::<Vec<_>>() {
            self.look_again(id, effects);
        }
    }

    /// Who has not been heard of for so long does not exist, or exists no more.
    pub(super) fn wake(&mut self, now: Time, effects: &mut Effects) {
        for id in self.waiting.keys().copied().collect::<Vec<_>>() {
            let Some(waiting) = self.waiting.get(&id) else {
                continue;
            };
            match waiting.asked {
                Elsewhere::Unheard(_) if now.since(waiting.since) >= UNHEARD_WITHIN => {
                    self.end_waiting(id, effects);
                }
                Elsewhere::Unheard(_) => {
                    effects.push(Effect::WakeAt(waiting.since + UNHEARD_WITHIN));
                }
                Elsewhere::Listed(_) | Elsewhere::Searched(_) => {}
            }
        }
    }

    /// Whether the publisher waits here, or waited, over this connection or a newer one.
    pub(super) fn is_waiting_for(&self, id: PublisherId, generation: Generation) -> bool {
        let waiting = self.waiting.get(&id);
        waiting.is_some_and(|waiting| waiting.newest() >= generation)
    }

    /// Whether an access point waits for another one, this one among them.
    pub(super) fn is_handing_over(&self) -> bool {
        !self.asked.is_empty() || !self.waiting.is_empty()
    }

    /// A newer connection has come here: who asked for an older one is too late.
    pub(super) fn refuse_asker(&mut self, id: PublisherId, effects: &mut Effects) {
        let asker = self.known.get(&id).and_then(Publisher::asker);
        if let Some(asker) = asker {
            send_answer(asker, id, Handover::Newer, effects);
            self.forget_asker(id);
        }
    }

    fn forget_asker(&mut self, id: PublisherId) {
        self.asked.remove(&id);
        let Some(publisher) = self.known.get_mut(&id) else {
            return;
        };
        match publisher.standing {
            Standing::Open { .. } => publisher.standing = Standing::Open { asked_by: None },
            Standing::HandingOver { .. } => publisher.standing = Standing::Closed,
            Standing::Closed | Standing::HandedOver(_) => {}
        }
    }

    /// A question for a publisher that does not wait for an answer itself: what can be said at once, if anything.
    fn asked_by(
        &mut self,
        id: PublisherId,
        asker: Asker,
        effects: &mut Effects,
    ) -> Option<Handover> {
        let Some(publisher) = self.known.get_mut(&id) else {
            return Some(Handover::Done(None));
        };
        if publisher.generation > asker.generation {
            return Some(Handover::Newer);
        }
        let is_same_connection = publisher.generation == asker.generation;
        if is_same_connection && publisher.asker().is_some_and(|other| other != asker) {
            return Some(Handover::Newer);
        }
        if let Standing::HandedOver(to) = publisher.standing
            && !self.rules.broken(Rule::KnowWhoHasIt)
        {
            publisher.generation = asker.generation;
            self.remember(id);
            return Some(Handover::Elsewhere(to));
        }
        self.begin_handing_over(id, asker, is_same_connection, effects);
        self.asked.insert(id);
        self.note_due(id);
        None
    }

    fn begin_handing_over(
        &mut self,
        id: PublisherId,
        asker: Asker,
        is_same_connection: bool,
        effects: &mut Effects,
    ) {
        let waits_for_close = is_same_connection && !self.rules.broken(Rule::CloseBeforeHandOver);
        let is_unfenced = !is_same_connection && self.rules.broken(Rule::FenceOlderGeneration);
        let Some(publisher) = self.known.get_mut(&id) else {
            return;
        };
        if publisher.is_open() && (waits_for_close || is_unfenced) {
            publisher.standing = Standing::Open {
                asked_by: Some(asker),
            };
            return;
        }
        if !is_same_connection {
            self.end_older_connection(id, effects);
        }
        if let Some(publisher) = self.known.get_mut(&id) {
            publisher.generation = asker.generation;
            publisher.standing = Standing::HandingOver {
                asker,
                is_same_connection,
            };
        }
        self.remember(id);
    }

    /// What another access point knew replaces what was known here.
    fn take_over(&mut self, id: PublisherId, generation: Generation, handed: Handed) {
        let publisher = self.known.get_or_insert_with(id, Publisher::new);
        publisher.generation = publisher.generation.max(generation);
        publisher.standing = Standing::Closed;
        publisher.last = handed.last;
        publisher.refused = handed.refused.into();
        publisher.matched = handed.matched;
        publisher.settle();
        self.remember(id);
    }

    /// Whatever can be known is known: the publisher is welcome, or goes where it is asked for.
    fn end_waiting(&mut self, id: PublisherId, effects: &mut Effects) {
        let Some(waiting) = self.waiting.remove(&id) else {
            return;
        };
        if waiting.is_wanted {
            self.welcome(waiting.opening, effects);
        }
        if let Some(asker) = waiting.next {
            self.hand_over(asker.to, (id, asker.generation), effects);
        }
    }

    fn look_again(&mut self, id: PublisherId, effects: &mut Effects) {
        let Some(asked) = self.waiting.get(&id).map(|waiting| waiting.asked) else {
            return;
        };
        match (asked, self.neighbours.find(asked.point())) {
            (Elsewhere::Listed(_) | Elsewhere::Searched(_), Some(Elsewhere::Listed(_)))
            | (Elsewhere::Unheard(_), Some(Elsewhere::Unheard(_))) => {}
            (Elsewhere::Searched(_), _) => {
                let next = self.next_to_search(id);
                self.go_on_asking(id, next, effects);
            }
            (Elsewhere::Listed(_) | Elsewhere::Unheard(_), next) => {
                self.go_on_asking(id, next, effects);
            }
        }
    }

    /// Who may know, where the one that was asked does not and others are left.
    fn next_to_search(&self, id: PublisherId) -> Option<Elsewhere> {
        match self.waiting.get(&id)?.asked {
            Elsewhere::Searched(point) => self.neighbours.search(id, Some(point)),
            Elsewhere::Listed(_) | Elsewhere::Unheard(_) => None,
        }
    }

    /// Asks another one, or has asked enough.
    fn go_on_asking(&mut self, id: PublisherId, next: Option<Elsewhere>, effects: &mut Effects) {
        let Some(waiting) = self.waiting.get_mut(&id) else {
            return;
        };
        match next {
            Some(next @ (Elsewhere::Listed(point) | Elsewhere::Searched(point))) => {
                waiting.asked = next;
                send_question(point, &waiting.opening, effects);
            }
            Some(Elsewhere::Unheard(_)) | None => self.end_waiting(id, effects),
        }
    }
}

impl Publisher {
    /// Answers who waits for the publisher, once everything is released; whether it did.
    pub(super) fn hand_over_if_released(
        &mut self,
        id: PublisherId,
        rules: Rules,
        effects: &mut Effects,
    ) -> bool {
        if self.waiting > 0 && !rules.broken(Rule::HandOverAfterRelease) {
            return false;
        }
        let asker = match self.standing {
            Standing::HandingOver { asker, .. } => {
                self.standing = Standing::HandedOver(asker.to);
                asker
            }
            Standing::Open {
                asked_by: Some(asker),
            } if rules.broken(Rule::FenceOlderGeneration) => {
                self.standing = Standing::Open { asked_by: None };
                asker
            }
            Standing::Open { .. } | Standing::Closed | Standing::HandedOver(_) => return false,
        };
        let handed = self.take_handed();
        send_answer(asker, id, Handover::Done(Some(handed)), effects);
        true
    }

    /// What another access point is to know of it from now on, if it is idle here.
    fn pass_on(&mut self, to: Incarnation) -> Option<(Generation, Handover)> {
        let handover = match self.standing {
            Standing::Closed => {
                self.standing = Standing::HandedOver(to);
                Handover::Done(Some(self.take_handed()))
            }
            Standing::HandedOver(point) => Handover::Elsewhere(point),
            Standing::Open { .. } | Standing::HandingOver { .. } => return None,
        };
        Some((self.generation, handover))
    }

    /// Whether what another access point knows of it, up to this connection, is newer than what is known here.
    fn is_outdone_by(&self, generation: Generation) -> bool {
        match self.standing {
            Standing::Open { .. } => false,
            Standing::Closed | Standing::HandingOver { .. } => self.generation < generation,
            Standing::HandedOver(_) => self.generation <= generation,
        }
    }

    fn take_handed(&mut self) -> Handed {
        Handed {
            last: self.last,
            refused: self.refused.drain(..).collect(),
            matched: core::mem::take(&mut self.matched),
        }
    }

    /// Who asks for it.
    fn asker(&self) -> Option<Asker> {
        match self.standing {
            Standing::Open { asked_by } => asked_by,
            Standing::HandingOver { asker, .. } => Some(asker),
            Standing::Closed | Standing::HandedOver(_) => None,
        }
    }
}

fn send_question(point: Incarnation, opening: &Opening, effects: &mut Effects) {
    let question = AccessPointFrame::HandOver {
        publisher: opening.publisher,
        generation: opening.generation,
    };
    effects.send(point, LaneFrame::AccessPoint(question));
}

fn send_memory(
    to: Incarnation,
    (publishers, complete): (Vec<(PublisherId, Generation, Handover)>, Option<Epoch>),
    effects: &mut Effects,
) {
    let frame = AccessPointFrame::Remember {
        publishers,
        complete,
    };
    effects.send(to, LaneFrame::AccessPoint(frame));
}
