//! Publishers at a connection point: the publish streams. Each has a share of its access point's window; beyond it its
//! stream is not read, and nobody else's waits.

use gomera_model::lane::{AccessPointFrame, ConnectionPointFrame, Publication, Share};
use gomera_model::silbo::{Refusal, ServerFrame};
use gomera_model::{Generation, PublisherId, PublisherSeq};

use super::connection::{Connection, Flow, Publish, PublishStage};
use super::{ConnectionId, ConnectionPoint, Stream, to_access_point};
use crate::effect::{Effect, Effects};
use crate::routing;

impl ConnectionPoint {
    /// A publisher wants to begin or to go on.
    pub(super) fn open_publisher(
        &mut self,
        connection: ConnectionId,
        (publisher, generation): (PublisherId, Generation),
        open: AccessPointFrame,
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
            access_point,
            stage: PublishStage::Opening,
        });
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
        flow.take(publication, bytes);
        self.stats.publications += 1;
        if flow.is_full() && !flow.is_paused {
            flow.is_paused = true;
            self.stats.pauses += 1;
            effects.push(Effect::PausePublisher(connection));
        }
    }

    /// A publication that cannot be accepted: its access point says so, behind those before it.
    pub(super) fn unacceptable(
        &mut self,
        connection: ConnectionId,
        seq: PublisherSeq,
        refusal: Refusal,
        effects: &mut Effects,
    ) {
        self.flush(effects);
        let state = self.connections.get(&connection);
        let Some(publish) = state.and_then(|state| state.publish.as_ref()) else {
            return self.refuse(connection, "`PublisherOpened` is awaited first", effects);
        };
        let frame = AccessPointFrame::Refuse {
            publisher: publish.publisher,
            generation: publish.generation,
            seq,
            refusal,
        };
        to_access_point(publish.access_point, frame, effects);
    }

    /// Sends what was gathered.
    pub(super) fn flush(&mut self, effects: &mut Effects) {
        for connection in core::mem::take(&mut self.gathered) {
            let state = self.connections.get_mut(&connection);
            let Some(publish) = state.and_then(|state| state.publish.as_mut()) else {
                continue;
            };
            if let PublishStage::Open(flow) = &mut publish.stage {
                let frame = AccessPointFrame::Publish {
                    publisher: publish.publisher,
                    generation: publish.generation,
                    publications: core::mem::take(&mut flow.gathered),
                };
                to_access_point(publish.access_point, frame, effects);
            }
        }
    }

    /// An access point says something of its publishers.
    pub(super) fn access_point_says(&mut self, frame: ConnectionPointFrame, effects: &mut Effects) {
        match frame {
            ConnectionPointFrame::PublisherOpened {
                publisher,
                generation,
                last,
                share,
            } => {
                let flow = PublishStage::Open(Flow::new(share));
                self.with_publisher((publisher, generation), effects, |publish| {
                    publish.stage = flow;
                    ServerFrame::PublisherOpened { last }
                });
            }
            ConnectionPointFrame::Published {
                publisher,
                generation,
                last,
                matched,
            } => self.with_publisher((publisher, generation), effects, |publish| {
                if let PublishStage::Open(flow) = &mut publish.stage {
                    flow.acknowledged(last);
                }
                ServerFrame::Published { last, matched }
            }),
            ConnectionPointFrame::PublicationRefused {
                publisher,
                generation,
                seq,
                refusal,
            } => self.publication_refused((publisher, generation), seq, refusal, effects),
            ConnectionPointFrame::PublisherRefused {
                publisher,
                generation,
                refusal,
            } => self.publisher_refused((publisher, generation), refusal, effects),
            ConnectionPointFrame::Share(share) => self.share(share, effects),
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
        let Some(publish) = &gone.publish else {
            return;
        };
        let key = (publish.publisher, publish.generation);
        if self.publishers.remove(&key).is_some() {
            let frame = AccessPointFrame::ClosePublisher {
                publisher: publish.publisher,
                generation: publish.generation,
            };
            to_access_point(publish.access_point, frame, effects);
        }
    }

    fn publication_refused(
        &mut self,
        key: (PublisherId, Generation),
        seq: PublisherSeq,
        refusal: Refusal,
        effects: &mut Effects,
    ) {
        self.stats.publications_refused += 1;
        self.with_publisher(key, effects, |publish| {
            if let PublishStage::Open(flow) = &mut publish.stage {
                flow.refused(seq);
            }
            ServerFrame::PublicationRefused { seq, refusal }
        });
    }

    fn publisher_refused(
        &mut self,
        key: (PublisherId, Generation),
        refusal: Refusal,
        effects: &mut Effects,
    ) {
        if let Some(connection) = self.publishers.remove(&key) {
            self.close(connection, Stream::Publish, refusal, effects);
        } else {
            self.stats.too_late += 1;
        }
    }

    /// Changes a publisher's stream, tells the client, reads on if there is room again.
    fn with_publisher(
        &mut self,
        key: (PublisherId, Generation),
        effects: &mut Effects,
        change: impl FnOnce(&mut Publish) -> ServerFrame,
    ) {
        let connection = self.publishers.get(&key).copied();
        let state = connection.and_then(|id| self.connections.get_mut(&id));
        let publish = state.and_then(|state| state.publish.as_mut());
        let (Some(connection), Some(publish)) = (connection, publish) else {
            self.stats.too_late += 1;
            return;
        };
        let frame = change(publish);
        effects.push(Effect::ToClient {
            connection,
            stream: Stream::Publish,
            frame,
        });
        resume_if_possible(connection, publish, effects);
    }

    fn share(&mut self, share: Share, effects: &mut Effects) {
        for (&connection, state) in &mut self.connections {
            let Some(publish) = &mut state.publish else {
                continue;
            };
            if let PublishStage::Open(flow) = &mut publish.stage {
                flow.share = share;
                resume_if_possible(connection, publish, effects);
            }
        }
    }
}

fn resume_if_possible(connection: ConnectionId, publish: &mut Publish, effects: &mut Effects) {
    if let PublishStage::Open(flow) = &mut publish.stage
        && flow.is_paused
        && !flow.is_full()
    {
        flow.is_paused = false;
        effects.push(Effect::ResumePublisher(connection));
    }
}

fn flow_of(state: &mut Connection) -> Option<&mut Flow> {
    match &mut state.publish.as_mut()?.stage {
        PublishStage::Opening => None,
        PublishStage::Open(flow) => Some(flow),
    }
}
