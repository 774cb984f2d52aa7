//! Who opens a publisher, who asks for one, and where it may be: what handing over and keeping publishers have in common.

use alloc::vec::Vec;

use gomera_model::id::weight;
use gomera_model::lane::{AccessPointFrame, ConnectionPointFrame, Handover, LaneFrame};
use gomera_model::silbo::{Acknowledgement, Refusal, RefusalCode};
use gomera_model::{Generation, Incarnation, Layer, PublisherId, Time, Topology};

use crate::effect::Effects;

/// Another access point that asks for a publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asker {
    pub(super) to: Incarnation,
    /// Over which connection it goes on there.
    pub(super) generation: Generation,
}

/// The access points that there are.
#[derive(Clone, Debug)]
pub(super) struct Neighbours {
    pub(super) own: Incarnation,
    pub(super) listed: Vec<Incarnation>,
    /// The highest incarnation that the topology names: higher ones are new, and not heard of yet.
    pub(super) highest: Incarnation,
}

/// A publisher that wants to go on here and is known elsewhere.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) opening: Opening,
    /// Whether that connection still is there.
    pub(super) is_wanted: bool,
    pub(super) asked: Elsewhere,
    pub(super) since: Time,
    /// Who asked here meanwhile, for a newer connection.
    pub(super) next: Option<Asker>,
}

/// Another access point that has a publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Elsewhere {
    /// It is there.
    Listed(Incarnation),
    /// It will be, in a topology that is not here yet.
    Unheard(Incarnation),
    /// It is there and may know: who is named has left, and passed on what it knew.
    Searched(Incarnation),
}

/// What a connection point says when it opens a publisher.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    pub(super) publisher: PublisherId,
    pub(super) generation: Generation,
    pub(super) acknowledgement: Acknowledgement,
    pub(super) connection_point: Incarnation,
    /// The access point that welcomed the publisher last.
    pub(super) welcomed_by: Option<Incarnation>,
}

impl Elsewhere {
    pub(super) fn point(self) -> Incarnation {
        match self {
            Self::Listed(point) | Self::Unheard(point) | Self::Searched(point) => point,
        }
    }
}

impl Waiting {
    /// The connection has ended. The answer is waited for all the same: it may be all that is known of the publisher.
    pub(super) fn close(&mut self, generation: Generation) {
        if self.opening.generation == generation {
            self.is_wanted = false;
        }
    }

    /// A newer connection has come.
    pub(super) fn refuse(&mut self, effects: &mut Effects) {
        if self.is_wanted {
            self.is_wanted = false;
            let refusal = taken_over("a newer connection of this publisher has come");
            refuse_opening(&self.opening, refusal, effects);
        }
    }

    /// The newest connection that was heard of.
    pub(super) fn newest(&self) -> Generation {
        let next = self.next.map(|next| next.generation);
        next.unwrap_or(self.opening.generation)
    }

    /// A question while the answer to the own one is on its way: what can be said at once, if anything.
    pub(super) fn asked_by(&mut self, asker: Asker, effects: &mut Effects) -> Option<Handover> {
        if asker.generation <= self.newest() {
            return Some(Handover::Newer);
        }
        self.refuse(effects);
        if let Some(older) = self.next.replace(asker) {
            send_answer(older, self.opening.publisher, Handover::Newer, effects);
        }
        None
    }
}

impl Neighbours {
    /// Nobody is known yet.
    pub(super) fn new(own: Incarnation) -> Self {
        Self {
            own,
            listed: Vec::new(),
            highest: own,
        }
    }

    pub(super) fn learn(&mut self, topology: &Topology) {
        self.listed = topology.incarnations(Layer::AccessPoints).collect();
        let named = topology
            .instances
            .iter()
            .map(|instance| instance.incarnation);
        let named = named.chain(topology.retired.iter().copied());
        self.highest = named.fold(self.highest, Incarnation::max);
    }

    pub(super) fn is_listed(&self, point: Incarnation) -> bool {
        self.listed.contains(&point)
    }

    /// Who served the publisher before this one came, and the others in the order of their weight; the one that follows.
    pub(super) fn search(&self, id: PublisherId, after: Option<Incarnation>) -> Option<Elsewhere> {
        let weight = |point: Incarnation| (weight(id.0, point), point);
        let others = self.listed.iter().copied();
        others
            .filter(|point| *point != self.own)
            .filter(|point| after.is_none_or(|after| weight(*point) < weight(after)))
            .max_by_key(|point| weight(*point))
            .map(Elsewhere::Searched)
    }

    /// Where another access point is; none if it has left, or is this one.
    pub(super) fn find(&self, point: Incarnation) -> Option<Elsewhere> {
        if point == self.own {
            None
        } else if self.is_listed(point) {
            Some(Elsewhere::Listed(point))
        } else {
            (point > self.highest).then_some(Elsewhere::Unheard(point))
        }
    }
}

pub(super) fn send_answer(
    asker: Asker,
    publisher: PublisherId,
    handover: Handover,
    effects: &mut Effects,
) {
    let answer = AccessPointFrame::HandedOver {
        publisher,
        generation: asker.generation,
        handover,
    };
    effects.send(asker.to, LaneFrame::AccessPoint(answer));
}
/// The publisher cannot be served.
pub(super) fn refuse_opening(opening: &Opening, refusal: Refusal, effects: &mut Effects) {
    let refused = ConnectionPointFrame::PublisherRefused {
        publisher: opening.publisher,
        generation: opening.generation,
        refusal,
    };
    effects.send(
        opening.connection_point,
        LaneFrame::ConnectionPoint(refused),
    );
}

pub(super) fn taken_over(reason: &str) -> Refusal {
    Refusal {
        code: RefusalCode::TakenOver,
        reason: reason.into(),
    }
}
