//! Any of the phases behind one face, for the machine that holds one of them.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use gomera_model::control::Strategy;
use gomera_model::{Incarnation, Instance, Time};

use super::{
    Closing, ClosingFirst, Committing, Confirmed, Copying, CopyingClosed, Drained, Draining, Ended,
    Operation, Orders, Preparing,
};
use crate::record::{AbortReason, PhaseName};
use crate::reports::Reports;

/// Where an operation is, as far as the documents are known to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// None is under way; the last one, if there was any.
    Rest(Option<Ended>),
    /// See [`Preparing`].
    Preparing(Preparing),
    /// See [`Copying`].
    Copying(Copying),
    /// See [`Closing`].
    Closing(Closing),
    /// See [`ClosingFirst`].
    ClosingFirst(ClosingFirst),
    /// See [`CopyingClosed`].
    CopyingClosed(CopyingClosed),
    /// See [`Draining`].
    Draining(Draining),
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Somebody is awaited.
    Stay(Phase),
    /// Write the operation's document, then enter this.
    Enter(Phase),
    /// Write both documents in one transaction.
    Commit(Committing),
}

impl Phase {
    /// The phase that a document stands in.
    pub(crate) fn resume(operation: Option<Box<Operation>>, now: Time) -> Self {
        let Some(operation) = operation.map(|operation| operation.resumed(now)) else {
            return Self::Rest(None);
        };
        match (operation.record.phase, operation.plan.strategy) {
            (PhaseName::Prepare, _) => Self::Preparing(Preparing(operation)),
            (PhaseName::Copy, Strategy::Live) => Self::Copying(Copying(operation)),
            (PhaseName::Close, Strategy::Live) => Self::Closing(Closing(operation)),
            (PhaseName::Close, Strategy::Buffered) => Self::ClosingFirst(ClosingFirst(operation)),
            (PhaseName::Copy, Strategy::Buffered) => Self::CopyingClosed(CopyingClosed(operation)),
            (PhaseName::Commit, _) => unreachable!("such a document is refused when it is read"),
            (PhaseName::Drain | PhaseName::Fill, _) => Self::Draining(Draining(operation)),
            (PhaseName::Done | PhaseName::Aborted, _) => Self::Rest(Some(Ended(operation))),
        }
    }

    /// The step that the reports allow.
    pub(crate) fn step(self, now: Time, reports: &Reports) -> Step {
        match self {
            rest @ Self::Rest(_) => Step::Stay(rest),
            Self::Preparing(phase) => match phase.confirmed(now, reports) {
                Ok(Confirmed::Live(next)) => Step::Enter(Self::Copying(next)),
                Ok(Confirmed::Buffered(next)) => Step::Enter(Self::ClosingFirst(next)),
                Ok(Confirmed::Uncopied(next)) => Step::Commit(next),
                Err(phase) => Step::Stay(Self::Preparing(phase)),
            },
            Self::Copying(phase) => match phase.copied(now, reports) {
                Ok(next) => Step::Enter(Self::Closing(next)),
                Err(phase) => Step::Stay(Self::Copying(phase)),
            },
            Self::Closing(phase) => match phase.ended(now, reports) {
                Ok(next) => Step::Commit(next),
                Err(phase) => Step::Stay(Self::Closing(phase)),
            },
            Self::ClosingFirst(phase) => Step::Enter(Self::CopyingClosed(phase.told(now))),
            Self::CopyingClosed(phase) => match phase.copied_and_ended(now, reports) {
                Ok(next) => Step::Commit(next),
                Err(phase) => Step::Stay(Self::CopyingClosed(phase)),
            },
            Self::Draining(phase) => match phase.drained(now, reports) {
                Ok(Drained::Next(operation)) => Step::Commit(Committing::new(operation, now)),
                Ok(Drained::Ended(ended)) => Step::Enter(Self::Rest(Some(ended))),
                Err(phase) => Step::Stay(Self::Draining(phase)),
            },
        }
    }

    /// Gives it up: before the commit only. After it, and where none is under way, the phase stays what it is.
    pub(crate) fn abort(self, why: AbortReason, now: Time) -> Result<Ended, Self> {
        Ok(match self {
            Self::Preparing(phase) => phase.0.abort(why, now),
            Self::Copying(phase) => phase.0.abort(why, now),
            Self::Closing(phase) => phase.0.abort(why, now),
            Self::ClosingFirst(phase) => phase.0.abort(why, now),
            Self::CopyingClosed(phase) => phase.0.abort(why, now),
            stays @ (Self::Rest(_) | Self::Draining(_)) => return Err(stays),
        })
    }

    /// Gives it up even behind the commit: only where that rule is taken away.
    pub(crate) fn abort_anyway(self, why: AbortReason, now: Time) -> Result<Ended, Self> {
        match self {
            Self::Draining(phase) => Ok(phase.0.abort(why, now)),
            phase @ (Self::Rest(_)
            | Self::Preparing(_)
            | Self::Copying(_)
            | Self::Closing(_)
            | Self::ClosingFirst(_)
            | Self::CopyingClosed(_)) => phase.abort(why, now),
        }
    }

    /// Brings the figures of the record up to date.
    pub(crate) fn note(&mut self, reports: &Reports) {
        match self {
            Self::Rest(_) | Self::Preparing(_) | Self::ClosingFirst(_) => {}
            Self::Copying(phase) => phase.0.note_copied(reports),
            Self::Closing(phase) => phase.0.note_copied(reports),
            Self::CopyingClosed(phase) => phase.0.note_copied(reports),
            Self::Draining(phase) => phase.note(reports),
        }
    }

    /// The operation under way or the last one.
    pub(crate) fn operation(&self) -> Option<&Operation> {
        match self {
            Self::Rest(last) => last.as_ref().map(|ended| &*ended.0),
            Self::Preparing(phase) => Some(&phase.0),
            Self::Copying(phase) => Some(&phase.0),
            Self::Closing(phase) => Some(&phase.0),
            Self::ClosingFirst(phase) => Some(&phase.0),
            Self::CopyingClosed(phase) => Some(&phase.0),
            Self::Draining(phase) => Some(&phase.0),
        }
    }

    /// The operation under way.
    pub(crate) fn under_way(&self) -> Option<&Operation> {
        self.operation().filter(|_| !self.is_rest())
    }

    /// The operation under way, as long as it can be aborted.
    pub(crate) fn uncommitted(&self) -> Option<&Operation> {
        match self {
            Self::Rest(_) | Self::Draining(_) => None,
            Self::Preparing(_)
            | Self::Copying(_)
            | Self::Closing(_)
            | Self::ClosingFirst(_)
            | Self::CopyingClosed(_) => self.operation(),
        }
    }

    /// Who was to be stopped by a recovery that was given up, and was not.
    pub(crate) fn unstopped(&self) -> &[Instance] {
        match self {
            Self::Rest(last) => last.as_ref().map_or(&[], Ended::unstopped),
            Self::Preparing(_)
            | Self::Copying(_)
            | Self::Closing(_)
            | Self::ClosingFirst(_)
            | Self::CopyingClosed(_)
            | Self::Draining(_) => &[],
        }
    }

    /// Whether none is under way.
    pub(crate) fn is_rest(&self) -> bool {
        matches!(self, Self::Rest(_))
    }

    /// What is told when the phase begins, in this order.
    pub(crate) fn orders(&self) -> Vec<Orders> {
        match self {
            Self::Rest(last) => last.iter().filter_map(Ended::orders).collect(),
            Self::Preparing(phase) => vec![phase.orders()],
            Self::Copying(phase) => vec![phase.orders()],
            Self::Closing(phase) => vec![phase.orders()],
            Self::ClosingFirst(phase) => vec![phase.orders()],
            Self::CopyingClosed(phase) => phase.orders().into(),
            Self::Draining(phase) => vec![phase.orders()],
        }
    }

    /// What is told again while it lasts: to whoever is awaited; where others are awaited than were told, to all.
    pub(crate) fn reminders(&self, reports: &Reports) -> Vec<Orders> {
        let awaited = self.awaited(reports);
        if awaited.is_empty() {
            return Vec::new();
        }
        let mut orders = self.orders();
        for order in &mut orders {
            let slow: BTreeSet<Incarnation> = &order.to & &awaited;
            if !slow.is_empty() {
                order.to = slow;
            }
        }
        orders
    }

    /// Whom it awaits.
    pub(crate) fn awaited(&self, reports: &Reports) -> BTreeSet<Incarnation> {
        match self {
            Self::Rest(_) | Self::ClosingFirst(_) => BTreeSet::new(),
            Self::Preparing(phase) => phase.awaited(reports),
            Self::Copying(phase) => phase.awaited(reports),
            Self::Closing(phase) => phase.awaited(reports),
            Self::CopyingClosed(phase) => phase.awaited(reports),
            Self::Draining(phase) => phase.awaited(reports),
        }
    }
}
