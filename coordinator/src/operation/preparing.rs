//! Phase *prepare*: new instances start, all concerned learn the plan.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;

use gomera_model::control::{Control, Strategy};
use gomera_model::{Incarnation, Time};

use super::{ClosingFirst, Committing, Copying, Operation, Orders};
use crate::record::PhaseName;
use crate::reports::Reports;

/// Awaits that whoever takes part confirms the plan: where matchers change, the access points and the matchers of both
/// epochs; else who joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Preparing(pub(super) Box<Operation>);

/// All know the plan; the layer and the strategy say what is next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Confirmed {
    /// Copy, then close.
    Live(Copying),
    /// Close, then copy.
    Buffered(ClosingFirst),
    /// There is nothing to copy before the commit.
    Uncopied(Committing),
}

impl Preparing {
    /// The first phase.
    pub(crate) fn new(mut operation: Box<Operation>, now: Time) -> Self {
        operation.enter(PhaseName::Prepare, now);
        Self(operation)
    }

    /// The next phase, when all have confirmed.
    pub(crate) fn confirmed(self, now: Time, reports: &Reports) -> Result<Confirmed, Self> {
        if !self.awaited(reports).is_empty() {
            return Err(self);
        }
        if !self.0.copies() {
            return Ok(Confirmed::Uncopied(Committing::new(self.0, now)));
        }
        Ok(match self.0.plan.strategy {
            Strategy::Live => Confirmed::Live(Copying::new(self.0, now)),
            Strategy::Buffered => Confirmed::Buffered(ClosingFirst::new(self.0, now)),
        })
    }

    pub(super) fn orders(&self) -> Orders {
        Orders {
            control: Control::Prepare(Arc::clone(&self.0.plan)),
            to: self.0.participants(),
        }
    }

    pub(super) fn awaited(&self, reports: &Reports) -> BTreeSet<Incarnation> {
        let mut awaited = self.0.participants();
        awaited.retain(|who| !reports.confirmed(*who, self.0.id()));
        awaited
    }
}
