//! Publishers at a connection point: the publish streams. Each has a share of its access point's window; beyond it its
//! stream is not read, and nobody else's waits.

use gomera_model::lane::{AccessPointFrame, ConnectionPointFrame, Publication, Share};
use gomera_model::silbo::{Acknowledgement, Refusal, ServerFrame};
use gomera_model::{Generation, Incarnation, PublisherId, PublisherSeq};

use super::connection::{Connection, Flow, Publish, PublishStage, Welcome};
use super::{ConnectionId, ConnectionPoint, Stream, to_access_point};
use crate::effect::{Effect, Effects};
use crate::routing;

impl ConnectionPoint {
    /// A publisher wants to begin or to go on.
    pub(super) fn open_publisher(
        &mut self,
        connection: ConnectionId,
        (publisher, generation): (PublisherId, Generation),
        (acknowledgement, welcomed_by): (Acknowledgement, Option<Incarnation>),
        effects: &mut Effects,
    ) {
        let key = (publisher, generation);
        let state = self.connections.entry(connection).or_default();
        if state.publish.is_some() || self.publishers.contains(&key) {
            return self.refuse(
                connection,
                "one publisher a connection, and a higher generation at each",
                effects,
            );
        }
        let access_point = routing::of_publisher(self.epochs.newest(), publisher);
        self.publishers.insert(key, connection);
        state.publish = Some(Publish {
            publisher,
            generation,
            acknowledgement,
            access_point,
            stage: PublishStage::Opening,
        });
        let open = AccessPointFrame::OpenPublisher {
            publisher,
            generation,
            acknowledgement,
            welcomed_by,
        };
        to_access_point(access_point, open, effects);
    }

    /// A publication: it goes out with the others of this turn.
    pub(super) fn publish(
        &mut self,
        connection: ConnectionId,
        publication: Publication,
        effects: &mut Effects,
    ) {
        let state = self.connections.get_mut(&connection);
        let Some(flow) = state.and_then(flow_of) else {
            return self.refuse(connection, "`PublisherOpened` is awaited first", effects);
        };
        if flow.gathered.is_empty() {
            self.gathered.push(connection);
        }
        let bytes = publication.content.bytes() as u64;
        flow.outstanding.take(publication.seq, bytes);
        flow.gathered.push(publication);
        self.stats.publications += 1;
        self.pause_if_full(connection, effects);
    }

    /// A publication that cannot be accepted: its access point says so, behind those before it.
    pub(super) fn unacceptable(
        &mut self,
        connection: ConnectionId,
        seq: PublisherSeq,
        refusal: Refusal,
        effects: &mut Effects,
    ) {
        let state = self.connections.get_mut(&connection);
        let publish = state.and_then(|state| state.publish.as_mut());
        let Some(publish) = publish.filter(|publish| publish.is_welcome()) else {
            return self.refuse(connection, "`PublisherOpened` is awaited first", effects);
        };
        if let Some(flow) = publish.flow() {
            flow.outstanding.take(seq, 0);
        }
        let refuse = AccessPointFrame::Refuse {
            publisher: publish.publisher,
            generation: publish.generation,
            seq,
            refusal,
        };
        let frames = publish.take_gathered().into_iter().chain([refuse]);
        match &mut publish.stage {
            PublishStage::Opening => {}
            PublishStage::Open(_) => {
                frames.for_each(|frame| to_access_point(publish.access_point, frame, effects));
            }
            PublishStage::Moving(moving) => moving.kept.extend(frames),
        }
        self.pause_if_full(connection, effects);
    }

    /// Sends what was gathered. What a publisher on its way to another access point has gathered waits.
    pub(super) fn flush(&mut self, effects: &mut Effects) {
        for connection in core::mem::take(&mut self.gathered) {
            let state = self.connections.get_mut(&connection);
            let Some(publish) = state.and_then(|state| state.publish.as_mut()) else {
                continue;
            };
            if let PublishStage::Open(_) = publish.stage
                && let Some(frame) = publish.take_gathered()
            {
                to_access_point(publish.access_point, frame, effects);
            }
        }
    }

    /// An access point says something of its publishers.
    pub(super) fn access_point_says(
        &mut self,
        from: Incarnation,
        frame: ConnectionPointFrame,
        effects: &mut Effects,
    ) {
        match frame {
            ConnectionPointFrame::PublisherOpened {
                publisher,
                generation,
                last,
                share,
            } => {
                let welcome = Welcome { last, share };
                self.publisher_opened(from, (publisher, generation), welcome, effects);
            }
            ConnectionPointFrame::Published {
                publisher,
                generation,
                last,
                matched,
            } => {
                let frame = ServerFrame::Published { last, matched };
                self.settled(from, (publisher, generation), frame, effects);
            }
            ConnectionPointFrame::PublicationRefused {
                publisher,
                generation,
                seq,
                refusal,
            } => {
                self.stats.publications_refused += 1;
                let frame = ServerFrame::PublicationRefused { seq, refusal };
                self.settled(from, (publisher, generation), frame, effects);
            }
            ConnectionPointFrame::PublisherRefused {
                publisher,
                generation,
                refusal,
            } => self.publisher_refused(from, (publisher, generation), refusal, effects),
            ConnectionPointFrame::Share(share) => self.share(from, share, effects),
            ConnectionPointFrame::Answered { .. }
            | ConnectionPointFrame::Attached { .. }
            | ConnectionPointFrame::Detached { .. }
            | ConnectionPointFrame::Deliveries(_) => {
                unreachable!("the caller sorts frames by what they are about")
            }
        }
    }

    /// The publisher of a connection that is gone: its access point hears of it.
    pub(super) fn end_publisher_of(&mut self, gone: &Connection, effects: &mut Effects) {
        self.has_unbound = true;
        let Some(publish) = &gone.publish else {
            return;
        };
        let key = (publish.publisher, publish.generation);
        if self.publishers.remove(&key).is_some() {
            to_access_point(publish.access_point, publish.closing(), effects);
        }
    }

    /// The connection and the publish stream of a publisher.
    pub(super) fn publisher(
        &mut self,
        key: (PublisherId, Generation),
    ) -> Option<(ConnectionId, &mut Publish)> {
        let connection = self.publishers.get(&key).copied()?;
        let state = self.connections.get_mut(&connection)?;
        Some((connection, state.publish.as_mut()?))
    }

    fn publisher_opened(
        &mut self,
        from: Incarnation,
        key: (PublisherId, Generation),
        welcome: Welcome,
        effects: &mut Effects,
    ) {
        let Some((connection, publish)) = self.publisher(key) else {
            self.stats.too_late += 1;
            return;
        };
        match &mut publish.stage {
            PublishStage::Opening => {
                publish.stage = PublishStage::Open(Flow::new(welcome.share));
                let frame = ServerFrame::PublisherOpened {
                    last: welcome.last,
                    access_point: from,
                };
                to_publish(connection, frame, effects);
                self.move_publisher(connection, effects);
            }
            PublishStage::Moving(moving) => {
                moving.welcome = Some(welcome);
                self.end_move(connection, effects);
            }
            PublishStage::Open(_) => self.stats.too_late += 1,
        }
    }

    /// Publications are acknowledged or refused by the access point that took them. What another one says, which has
    /// heard of them, is not for the client.
    fn settled(
        &mut self,
        from: Incarnation,
        key: (PublisherId, Generation),
        frame: ServerFrame,
        effects: &mut Effects,
    ) {
        let Some((connection, publish)) = self.publisher(key) else {
            self.stats.too_late += 1;
            return;
        };
        let Some(owed) = publish.owed_by(from) else {
            return;
        };
        if let ServerFrame::Published { last, .. } = &frame {
            owed.acknowledged(*last);
        }
        if let ServerFrame::PublicationRefused { seq, .. } = &frame {
            owed.refused(*seq);
        }
        to_publish(connection, frame, effects);
        resume_if_possible(connection, publish, effects);
        self.end_move(connection, effects);
    }

    fn publisher_refused(
        &mut self,
        from: Incarnation,
        key: (PublisherId, Generation),
        refusal: Refusal,
        effects: &mut Effects,
    ) {
        let Some((connection, publish)) = self.publisher(key) else {
            self.stats.too_late += 1;
            return;
        };
        if publish.access_point == from {
            // It knows that this connection is over; another one, to which the publisher is on its way, does not.
            self.publishers.remove(&key);
        }
        self.close(connection, Stream::Publish, refusal, effects);
    }

    fn share(&mut self, from: Incarnation, share: Share, effects: &mut Effects) {
        for (&connection, state) in &mut self.connections {
            let publish = state.publish.as_mut();
            let Some(publish) = publish.filter(|publish| publish.access_point == from) else {
                continue;
            };
            if let Some(flow) = publish.flow() {
                flow.share = share;
                resume_if_possible(connection, publish, effects);
            }
        }
    }

    fn pause_if_full(&mut self, connection: ConnectionId, effects: &mut Effects) {
        let state = self.connections.get_mut(&connection);
        if let Some(flow) = state.and_then(flow_of)
            && flow.is_full()
            && !flow.is_paused
        {
            flow.is_paused = true;
            self.stats.pauses += 1;
            effects.push(Effect::PausePublisher(connection));
        }
    }
}

impl Publish {
    /// What its access point hears at the end.
    pub(super) fn closing(&self) -> AccessPointFrame {
        AccessPointFrame::ClosePublisher {
            publisher: self.publisher,
            generation: self.generation,
        }
    }

    fn is_welcome(&self) -> bool {
        match self.stage {
            PublishStage::Opening => false,
            PublishStage::Open(_) | PublishStage::Moving(_) => true,
        }
    }
}

/// Reads on if there is room, and an access point to take it.
pub(super) fn resume_if_possible(
    connection: ConnectionId,
    publish: &mut Publish,
    effects: &mut Effects,
) {
    if let PublishStage::Open(flow) = &mut publish.stage
        && flow.is_paused
        && !flow.is_full()
    {
        flow.is_paused = false;
        effects.push(Effect::ResumePublisher(connection));
    }
}

pub(super) fn to_publish(connection: ConnectionId, frame: ServerFrame, effects: &mut Effects) {
    effects.push(Effect::ToClient {
        connection,
        stream: Stream::Publish,
        frame,
    });
}

fn flow_of(state: &mut Connection) -> Option<&mut Flow> {
    state.publish.as_mut()?.flow()
}
