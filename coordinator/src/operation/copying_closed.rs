//! Phase *copy* of the strategy `buffered`, after *close*.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;

use gomera_model::{Incarnation, Time};

use super::closing::{close, unended};
use super::copying::{copy, uncopied};
use super::{Committing, Operation, Orders};
use crate::record::PhaseName;
use crate::reports::Reports;

/// Buffered: awaits the copies and every END behind them. An old owner begins when CLOSE has come to it from every
/// access point, so nothing changes any more in what it copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CopyingClosed(pub(super) Box<Operation>);

impl CopyingClosed {
    pub(super) fn new(mut operation: Box<Operation>, now: Time) -> Self {
        operation.enter(PhaseName::Copy, now);
        Self(operation)
    }

    /// The next phase, when all is copied and ended.
    pub(crate) fn copied_and_ended(
        mut self,
        now: Time,
        reports: &Reports,
    ) -> Result<Committing, Self> {
        if !self.awaited(reports).is_empty() {
            return Err(self);
        }
        self.0.note_copied(reports);
        Ok(Committing::new(self.0, now))
    }

    /// Nobody has told yet that CLOSE was sent, so that is told along with the rest.
    pub(super) fn orders(&self) -> [Orders; 2] {
        [close(&self.0), copy(&self.0)]
    }

    pub(super) fn awaited(&self, reports: &Reports) -> BTreeSet<Incarnation> {
        &uncopied(&self.0, reports) | &unended(&self.0, reports)
    }
}
