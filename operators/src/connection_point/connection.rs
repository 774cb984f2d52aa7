//! One client's connection: its two streams.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use gomera_model::lane::{OverflowPolicy, Publication, Share, SubscriptionRequest};
use gomera_model::limits::CURSORS_MAX;
use gomera_model::{
    Cursor, Epoch, Generation, Incarnation, OperationNumber, PublisherId, PublisherSeq, SessionId,
    SessionToken, SubscriptionNumber,
};

use super::Stream;

/// A connection with what its streams carry.
#[derive(Debug, Default)]
pub(super) struct Connection {
    pub(super) control: Option<Control>,
    pub(super) publish: Option<Publish>,
}

/// A control stream.
#[derive(Debug)]
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
    /// Where its operations go.
    pub(super) access_point: Incarnation,
    pub(super) stage: ControlStage,
    /// How far the client has processed.
    pub(super) processed: Cursors,
    /// How far it was sent over this connection.
    pub(super) sent: Cursors,
    /// Operations that wait for their answer, with their subscriptions.
    pub(super) unanswered: BTreeMap<OperationNumber, SubscriptionNumber>,
    /// Operations that came while the session was moving, in order.
    pub(super) held: Vec<SubscriptionRequest>,
    /// Whether the client has ended its session.
    pub(super) says_bye: bool,
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
#[derive(Debug, Default)]
pub(super) struct Cursors(Vec<Cursor>);

/// A publish stream.
#[derive(Debug)]
pub(super) struct Publish {
    pub(super) publisher: PublisherId,
    pub(super) generation: Generation,
    /// Where its publications go.
    pub(super) access_point: Incarnation,
    pub(super) stage: PublishStage,
}

/// How far a publish stream is.
#[derive(Debug)]
pub(super) enum PublishStage {
    /// The access point has not answered yet.
    Opening,
    /// It has.
    Open(Flow),
}

/// The flow of one publisher's publications.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) share: Share,
    /// Publications of this turn.
    pub(super) gathered: Vec<Publication>,
    /// What is not acknowledged: number and bytes.
    outstanding: VecDeque<(PublisherSeq, u64)>,
    bytes: u64,
    pub(super) is_paused: bool,
}

impl Connection {
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

impl Flow {
    pub(super) fn new(share: Share) -> Self {
        Self {
            share,
            gathered: Vec::new(),
            outstanding: VecDeque::new(),
            bytes: 0,
            is_paused: false,
        }
    }

    /// A publication of so many bytes came.
    pub(super) fn take(&mut self, publication: Publication, bytes: u64) {
        self.outstanding.push_back((publication.seq, bytes));
        self.bytes += bytes;
        self.gathered.push(publication);
    }

    /// Everything up to `last` is acknowledged.
    pub(super) fn acknowledged(&mut self, last: PublisherSeq) {
        while let Some(&(seq, bytes)) = self.outstanding.front()
            && seq <= last
        {
            self.outstanding.pop_front();
            self.bytes -= bytes;
        }
    }

    /// One publication was refused by the access point: it is outstanding no more.
    pub(super) fn refused(&mut self, refused: PublisherSeq) {
        if let Ok(index) = self
            .outstanding
            .binary_search_by_key(&refused, |(seq, _)| *seq)
            && let Some((_, bytes)) = self.outstanding.remove(index)
        {
            self.bytes -= bytes;
        }
    }

    /// Whether the publisher has used its share.
    pub(super) fn is_full(&self) -> bool {
        let publications = self.share.publications as usize;
        self.outstanding.len() >= publications || self.bytes >= self.share.bytes
    }
}
