//! Any of the four behind one face, for drivers that hold many.

use alloc::boxed::Box;

use gomera_model::control::Control;
use gomera_model::lane::LaneFrame;
use gomera_model::{Epoch, Incarnation, Layer, Time};

use crate::access_point::AccessPoint;
use crate::connection_point::ConnectionPoint;
use crate::effect::Effects;
use crate::exit_point::ExitPoint;
use crate::holdings::Holdings;
use crate::matcher::Matcher;

/// An operator of any layer.
#[derive(Clone, Debug)]
pub enum Operator {
    /// See [`ConnectionPoint`].
    ConnectionPoint(Box<ConnectionPoint>),
    /// See [`AccessPoint`].
    AccessPoint(Box<AccessPoint>),
    /// See [`Matcher`].
    Matcher(Box<Matcher>),
    /// See [`ExitPoint`].
    ExitPoint(Box<ExitPoint>),
}

impl Operator {
    /// A frame has come in the lane from an instance.
    ///
    /// # Panics
    ///
    /// If the frame is meant for another layer: the driver connects lanes by layer.
    pub fn receive(
        &mut self,
        now: Time,
        from: Incarnation,
        frame: LaneFrame,
        effects: &mut Effects,
    ) {
        match (self, frame) {
            (Self::ConnectionPoint(point), LaneFrame::ConnectionPoint(frame)) => {
                point.receive(now, from, frame, effects);
            }
            (Self::AccessPoint(point), LaneFrame::AccessPoint(frame)) => {
                point.receive(now, from, frame, effects);
            }
            (Self::Matcher(matcher), LaneFrame::Matcher(frame)) => {
                matcher.receive(now, from, frame, effects);
            }
            (Self::ExitPoint(point), LaneFrame::ExitPoint(frame)) => {
                point.receive(now, from, frame, effects);
            }
            (operator, frame) => panic!("{:?} was given {frame:?}", operator.layer()),
        }
    }

    /// The coordinator says something.
    pub fn control(&mut self, now: Time, control: Control, effects: &mut Effects) {
        match self {
            Self::ConnectionPoint(point) => point.control(now, control, effects),
            Self::AccessPoint(point) => point.control(now, control, effects),
            Self::Matcher(matcher) => matcher.control(now, control, effects),
            Self::ExitPoint(point) => point.control(now, control, effects),
        }
    }

    /// No further input is waiting: hand over what was gathered.
    pub fn turn_ended(&mut self, now: Time, effects: &mut Effects) {
        match self {
            Self::ConnectionPoint(point) => point.turn_ended(now, effects),
            Self::AccessPoint(point) => point.turn_ended(now, effects),
            Self::Matcher(matcher) => matcher.turn_ended(now, effects),
            Self::ExitPoint(point) => point.turn_ended(now, effects),
        }
    }

    /// A time that it asked for has come.
    pub fn wake(&mut self, now: Time, effects: &mut Effects) {
        match self {
            Self::ConnectionPoint(point) => point.wake(now, effects),
            Self::AccessPoint(point) => point.wake(now, effects),
            Self::Matcher(matcher) => matcher.wake(now, effects),
            Self::ExitPoint(point) => point.wake(now, effects),
        }
    }

    /// The newest epoch that it knows; zero before the first topology.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        match self {
            Self::ConnectionPoint(point) => point.epoch(),
            Self::AccessPoint(point) => point.epoch(),
            Self::Matcher(matcher) => matcher.epoch(),
            Self::ExitPoint(point) => point.epoch(),
        }
    }

    /// Adds what it holds now, of every kind that could grow.
    pub fn holdings(&self, holdings: &mut Holdings) {
        match self {
            Self::ConnectionPoint(point) => point.holdings(holdings),
            Self::AccessPoint(point) => point.holdings(holdings),
            Self::Matcher(matcher) => matcher.holdings(holdings),
            Self::ExitPoint(point) => point.holdings(holdings),
        }
    }

    /// Its layer.
    #[must_use]
    pub fn layer(&self) -> Layer {
        match self {
            Self::ConnectionPoint(_) => Layer::ConnectionPoints,
            Self::AccessPoint(_) => Layer::AccessPoints,
            Self::Matcher(_) => Layer::Matchers,
            Self::ExitPoint(_) => Layer::ExitPoints,
        }
    }
}
