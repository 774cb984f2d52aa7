//! What an instance took, up to orders that make no difference.
//!
//! Two inputs commute where either order leaves the instance the same and puts the same into every queue, or the same
//! two things in another order, which then are told apart by the queues themselves. Everything is taken to depend on
//! everything, except:
//!
//! - at a matcher, the streams of two access points, save that a FLIP and a notification do not commute, because the
//!   last FLIP changes what the matcher holds;
//! - at an exit point, hits and FLIPs of two access points, unless one of them released something or said something to
//!   a session: then its place is told;
//! - the topology and a FLIP, which waits for it;
//! - CLOSE, or the word to send it, and notifications or publications; so too the word to copy, or that a chunk was
//!   taken, or END.
//!
//! Sequences that differ by such exchanges only have the same layers (Foata's normal form): in the first all that
//! depends on nothing before it, in the next all that depends on something in the first, and so on.

use std::hash::{DefaultHasher, Hash, Hasher};

use gomera_model::Incarnation;
use gomera_model::control::Control;
use gomera_model::lane::{AccessPointFrame, ExitPointFrame, LaneFrame, MatcherFrame};

/// Inputs in layers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    inputs: Vec<(u64, Input)>,
    number: u64,
}

/// An input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input {
    /// What it is and where it came from, as one number.
    pub(crate) content: u64,
    pub(crate) topic: Topic,
}

/// What an input is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    /// OPEN, or hits: of the stream of an access point.
    Stream(Incarnation),
    /// Notifications of an access point for a matcher.
    Notifications(Incarnation),
    /// The FLIP of an access point.
    Flip(Incarnation),
    /// CLOSE, or the word to send it.
    Close,
    /// The course of a copy, but not what is copied.
    Copying,
    /// A publication for an access point.
    Publication,
    /// The topology.
    Topology,
    /// It depends on everything.
    Everything,
}

impl Trace {
    /// Takes an input.
    pub(crate) fn take(&mut self, input: Input) {
        let before = self.inputs.iter();
        let before = before.filter(|(_, earlier)| !earlier.topic.commutes(input.topic));
        let layer = before.map(|(layer, _)| layer + 1).max().unwrap_or(0);
        self.inputs.push((layer, input));
        self.number = self.number.wrapping_add(number(&(layer, input.content)));
    }

    /// One number for all sequences that come to the same.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }
}

impl Topic {
    /// What a frame is about.
    pub(crate) fn of(from: Incarnation, frame: &LaneFrame) -> Self {
        match frame {
            LaneFrame::Matcher(MatcherFrame::Open(_)) => Self::Stream(from),
            LaneFrame::Matcher(MatcherFrame::Notifications(_)) => Self::Notifications(from),
            LaneFrame::Matcher(MatcherFrame::Flip { .. }) => Self::Flip(from),
            LaneFrame::Matcher(MatcherFrame::Close(_)) => Self::Close,
            LaneFrame::Matcher(MatcherFrame::ChunkTaken(_) | MatcherFrame::End(_)) => Self::Copying,
            LaneFrame::AccessPoint(AccessPointFrame::Publish { .. }) => Self::Publication,
            LaneFrame::ExitPoint(ExitPointFrame::Hits { access_point, .. }) => {
                Self::Stream(*access_point)
            }
            LaneFrame::ExitPoint(ExitPointFrame::Flip { access_point, .. }) => {
                Self::Flip(*access_point)
            }
            LaneFrame::Matcher(_)
            | LaneFrame::ExitPoint(_)
            | LaneFrame::ConnectionPoint(_)
            | LaneFrame::AccessPoint(_) => Self::Everything,
        }
    }

    /// What a word of the coordinator is about.
    pub(crate) fn of_order(control: &Control) -> Self {
        match control {
            Control::Topology(_) => Self::Topology,
            Control::Copy(_) => Self::Copying,
            Control::Close(_) => Self::Close,
            Control::Prepare(_) | Control::Abort(_) => Self::Everything,
        }
    }

    fn commutes(self, other: Self) -> bool {
        self.goes_before(other) || other.goes_before(self)
    }

    /// Half of the table: the rest follows from its symmetry.
    fn goes_before(self, other: Self) -> bool {
        match (self, other) {
            (Self::Notifications(_), Self::Flip(_)) | (Self::Flip(_), Self::Notifications(_)) => {
                false
            }
            (
                Self::Stream(one) | Self::Notifications(one) | Self::Flip(one),
                Self::Stream(another) | Self::Notifications(another) | Self::Flip(another),
            ) => one != another,
            (Self::Close, Self::Close | Self::Copying | Self::Publication)
            | (Self::Close | Self::Copying, Self::Stream(_) | Self::Notifications(_))
            | (Self::Topology, Self::Flip(_)) => true,
            (
                Self::Stream(_)
                | Self::Notifications(_)
                | Self::Flip(_)
                | Self::Close
                | Self::Copying
                | Self::Publication
                | Self::Topology
                | Self::Everything,
                _,
            ) => false,
        }
    }
}

/// Anything as one number.
pub(crate) fn number(thing: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    thing.hash(&mut hasher);
    hasher.finish()
}
