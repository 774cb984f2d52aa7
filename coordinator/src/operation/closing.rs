//! Phase *close*: access points hold operations on moving slots and send CLOSE.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;

use gomera_model::control::Control;
use gomera_model::{Incarnation, Time};

use super::{Committing, Operation, Orders};
use crate::record::PhaseName;
use crate::reports::Reports;

/// Live: awaits END at every new owner; then all that the old owners took is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Closing(pub(super) Box<Operation>);

impl Closing {
    pub(super) fn new(mut operation: Box<Operation>, now: Time) -> Self {
        operation.enter(PhaseName::Close, now);
        Self(operation)
    }

    /// The next phase, when END has come everywhere.
    pub(crate) fn ended(self, now: Time, reports: &Reports) -> Result<Committing, Self> {
        if !self.awaited(reports).is_empty() {
            return Err(self);
        }
        Ok(Committing::new(self.0, now))
    }

    pub(super) fn orders(&self) -> Orders {
        close(&self.0)
    }

    pub(super) fn awaited(&self, reports: &Reports) -> BTreeSet<Incarnation> {
        unended(&self.0, reports)
    }
}

/// New owners to whom END has not come from everywhere.
pub(super) fn unended(operation: &Operation, reports: &Reports) -> BTreeSet<Incarnation> {
    let mut takers = operation.takers();
    takers.retain(|taker| !reports.ended(*taker, operation.id()));
    takers
}

/// What the access points are told.
pub(super) fn close(operation: &Operation) -> Orders {
    Orders {
        control: Control::Close(operation.id()),
        to: operation.access_points(),
    }
}
