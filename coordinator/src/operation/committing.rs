//! The commit of a step: one transaction over both documents. From the first on the operation only goes forward.

use alloc::boxed::Box;

use gomera_model::{Time, Topology};

use super::{Draining, Operation};
use crate::record::PhaseName;

/// The transaction is on its way. If it fails, the documents say what is true; nothing goes back from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Committing(Box<Operation>);

impl Committing {
    pub(super) fn new(mut operation: Box<Operation>, now: Time) -> Self {
        operation.enter(PhaseName::Commit, now);
        Self(operation)
    }

    /// The operation that is being committed.
    pub(crate) fn operation(&self) -> &Operation {
        &self.0
    }

    /// The topology that it writes.
    pub(crate) fn topology(&self) -> &Topology {
        self.0
            .following()
            .expect("nothing is committed without a step")
    }

    /// The next phase, when the transaction is known to have succeeded; before that, what it writes.
    pub(crate) fn committed(mut self, now: Time) -> Draining {
        self.0.committed += 1;
        Draining::new(self.0, now)
    }
}
