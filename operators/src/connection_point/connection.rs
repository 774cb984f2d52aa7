//! One client's connection: its two streams.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use gomera_model::lane::{
    AccessPointFrame, OverflowPolicy, Publication, Share, SubscriptionRequest,
};
use gomera_model::limits::CURSORS_MAX;
use gomera_model::silbo::Acknowledgement;
use gomera_model::{
    Cursor, Epoch, Generation, Incarnation, OperationNumber, PublisherId, PublisherSeq, SessionId,
    SessionToken,
};

use super::Stream;

/// A connection with what its streams carry.
#[derive(Clone, Debug, Default)]
pub(super) struct Connection {
    pub(super) control: Option<Control>,
    pub(super) publish: Option<Publish>,
}

/// A control stream.
#[derive(Clone, Debug)]
pub(super) struct Control {
    pub(super) session: SessionId,
    pub(super) token: SessionToken,
    pub(super) generation: Generation,
    pub(super) policy: OverflowPolicy,
    /// Whether the session has to be there already.
    pub(super) resumes: bool,
    /// Where the session lives.
    pub(super) exit_point: Incarnation,
    /// The epoch in which it was sought there.
    pub(super) epoch: Epoch,
    /// The newest epoch that is known here.
    pub(super) knows: Epoch,
    /// Where its operations go.
    pub(super) way: Way,
    pub(super) stage: ControlStage,
    /// How far the client has processed.
    pub(super) processed: Cursors,
    /// How far it was sent over this connection.
    pub(super) sent: Cursors,
    /// Operations that wait for their answer; whole, for some may have to be sent again.
    pub(super) unanswered: BTreeMap<OperationNumber, SubscriptionRequest>,
    /// Operations that came while the session was moving, in order.
    pub(super) held: Vec<SubscriptionRequest>,
    /// Whether the client has ended its session.
    pub(super) says_bye: bool,
}

/// The way of a session's operations. They must not overtake each other: an end that comes behind the next beginning would
/// leave no border between two lives of a subscription.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// To this access point.
    To(Incarnation),
    /// To another one, once those before are answered.
    Turning {
        /// Where those before went.
        from: Incarnation,
        /// Where those that come go.
        to: Incarnation,
        /// Those that came meanwhile.
        held: Vec<SubscriptionRequest>,
    },
}

/// How far a control stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ControlStage {
    /// The exit point has not answered yet.
    Attaching,
    /// It has.
    Attached,
    /// The session has another exit point, which has not answered yet. The client hears nothing of it.
    Moving,
}

/// A cursor for each access point, no more than a client may name.
#[derive(Clone, Debug, Default)]
pub(super) struct Cursors(Vec<Cursor>);

/// A publish stream.
#[derive(Clone, Debug)]
pub(super) struct Publish {
    pub(super) publisher: PublisherId,
    pub(super) generation: Generation,
    pub(super) acknowledgement: Acknowledgement,
    /// Where its publications go.
    pub(super) access_point: Incarnation,
    pub(super) stage: PublishStage,
}

/// How far a publish stream is.
#[derive(Clone, Debug)]
pub(super) enum PublishStage {
    /// The access point has not answered yet.
    Opening,
    /// It has.
    Open(Flow),
    /// Another access point is to take what comes.
    Moving(Moving),
}

/// The flow of one publisher's publications.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) share: Share,
    /// Publications of this turn.
    pub(super) gathered: Vec<Publication>,
    pub(super) outstanding: Outstanding,
    pub(super) is_paused: bool,
}

/// On the way from one access point to another. What was sent to the one before is acknowledged by it, to the last:
/// only then the client hears of the new one, so that no acknowledgement overtakes another.
#[derive(Clone, Debug)]
pub(super) struct Moving {
    /// The access point before.
    pub(super) from: Incarnation,
    /// What that one has not acknowledged yet.
    pub(super) owed: Outstanding,
    /// For what comes meanwhile.
    pub(super) flow: Flow,
    /// What came meanwhile and cannot be gathered with the publications behind it.
    pub(super) kept: Vec<AccessPointFrame>,
    /// What the new access point said.
    pub(super) welcome: Option<Welcome>,
}

/// An access point takes the publications of a publisher.
#[derive(Clone, Copy, Debug)]
pub(super) struct Welcome {
    pub(super) last: PublisherSeq,
    pub(super) share: Share,
}

/// What of a publisher is not acknowledged: number and bytes, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Outstanding {
    publications: VecDeque<(PublisherSeq, u64)>,
    bytes: u64,
}

impl Connection {
    /// Whether this access point has something of it, or is to get something.
    pub(super) fn is_bound_to(&self, access_point: Incarnation) -> bool {
        let control = self.control.as_ref();
        let publish = self.publish.as_ref();
        control.is_some_and(|control| control.is_bound_to(access_point))
            || publish.is_some_and(|publish| publish.is_bound_to(access_point))
    }

    /// The streams that are there.
    pub(super) fn streams(&self) -> impl Iterator<Item = Stream> {
        let control = self.control.as_ref().map(|_| Stream::Control);
        let publish = self.publish.as_ref().map(|_| Stream::Publish);
        control.into_iter().chain(publish)
    }
}

impl Cursors {
    /// Raises the cursor of its access point. The one of the oldest access point goes where there are too many.
    pub(super) fn raise(&mut self, cursor: Cursor) {
        let point = |known: &Cursor| known.access_point;
        match self.0.binary_search_by_key(&cursor.access_point, point) {
            Ok(index) => self.0[index].seq = cursor.seq.max(self.0[index].seq),
            Err(index) => {
                self.0.insert(index, cursor);
                if self.0.len() > CURSORS_MAX {
                    self.0.remove(0);
                }
            }
        }
    }

    /// All of them.
    pub(super) fn to_vec(&self) -> Vec<Cursor> {
        self.0.clone()
    }
}

impl Publish {
    /// Whether this access point takes its publications, or still has some of them.
    fn is_bound_to(&self, access_point: Incarnation) -> bool {
        let is_from = match &self.stage {
            PublishStage::Opening | PublishStage::Open(_) => false,
            PublishStage::Moving(moving) => moving.from == access_point,
        };
        is_from || self.access_point == access_point
    }

    /// The flow, once there is one.
    pub(super) fn flow(&mut self) -> Option<&mut Flow> {
        match &mut self.stage {
            PublishStage::Opening => None,
            PublishStage::Open(flow) => Some(flow),
            PublishStage::Moving(moving) => Some(&mut moving.flow),
        }
    }

    /// What this access point, and no other, is to acknowledge; nothing, if it is none that is to say anything.
    pub(super) fn owed_by(&mut self, access_point: Incarnation) -> Option<&mut Outstanding> {
        match &mut self.stage {
            PublishStage::Opening => None,
            PublishStage::Open(flow) => {
                (self.access_point == access_point).then_some(&mut flow.outstanding)
            }
            PublishStage::Moving(moving) => {
                (moving.from == access_point).then_some(&mut moving.owed)
            }
        }
    }

    /// What was gathered, as a frame.
    pub(super) fn take_gathered(&mut self) -> Option<AccessPointFrame> {
        let (publisher, generation) = (self.publisher, self.generation);
        let publications = core::mem::take(&mut self.flow()?.gathered);
        (!publications.is_empty()).then_some(AccessPointFrame::Publish {
            publisher,
            generation,
            publications,
        })
    }
}

impl Flow {
    pub(super) fn new(share: Share) -> Self {
        Self {
            share,
            gathered: Vec::new(),
            outstanding: Outstanding::default(),
            is_paused: false,
        }
    }

    /// Whether the publisher has used its share.
    pub(super) fn is_full(&self) -> bool {
        let outstanding = &self.outstanding;
        outstanding.publications.len() >= self.share.publications as usize
            || outstanding.bytes >= self.share.bytes
    }
}

impl Outstanding {
    /// Something of so many bytes came.
    pub(super) fn take(&mut self, seq: PublisherSeq, bytes: u64) {
        self.publications.push_back((seq, bytes));
        self.bytes += bytes;
    }

    /// Everything up to `last` is acknowledged.
    pub(super) fn acknowledged(&mut self, last: PublisherSeq) {
        while let Some(&(seq, bytes)) = self.publications.front()
            && seq <= last
        {
            self.publications.pop_front();
            self.bytes -= bytes;
        }
    }

    /// One publication was refused by the access point: it is outstanding no more.
    pub(super) fn refused(&mut self, refused: PublisherSeq) {
        if let Ok(index) = self
            .publications
            .binary_search_by_key(&refused, |(seq, _)| *seq)
            && let Some((_, bytes)) = self.publications.remove(index)
        {
            self.bytes -= bytes;
        }
    }

    /// Whether nothing is outstanding.
    pub(super) fn is_empty(&self) -> bool {
        self.publications.is_empty()
    }
}
