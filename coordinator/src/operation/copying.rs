//! Phase *copy*: old owners stream what moves to the new ones.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;

use gomera_model::control::Control;
use gomera_model::{Incarnation, Time};

use super::{Closing, Operation, Orders};
use crate::record::PhaseName;
use crate::reports::Reports;

/// Live: awaits that every old owner has copied what it gives, behind live traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Copying(pub(super) Box<Operation>);

impl Copying {
    pub(super) fn new(mut operation: Box<Operation>, now: Time) -> Self {
        operation.enter(PhaseName::Copy, now);
        Self(operation)
    }

    /// The next phase, when all is copied.
    pub(crate) fn copied(mut self, now: Time, reports: &Reports) -> Result<Closing, Self> {
        if !self.awaited(reports).is_empty() {
            return Err(self);
        }
        self.0.note_copied(reports);
        Ok(Closing::new(self.0, now))
    }

    pub(super) fn orders(&self) -> Orders {
        copy(&self.0)
    }

    pub(super) fn awaited(&self, reports: &Reports) -> BTreeSet<Incarnation> {
        uncopied(&self.0, reports)
    }
}

/// Old owners that have not copied all they give.
pub(super) fn uncopied(operation: &Operation, reports: &Reports) -> BTreeSet<Incarnation> {
    let mut givers = operation.givers();
    givers.retain(|giver| !reports.copied(*giver, operation.id()));
    givers
}

/// What the old owners are told.
pub(super) fn copy(operation: &Operation) -> Orders {
    Orders {
        control: Control::Copy(operation.id()),
        to: operation.givers(),
    }
}
