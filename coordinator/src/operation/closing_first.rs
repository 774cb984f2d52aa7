//! Phase *close* of the strategy `buffered`, before *copy*.

use alloc::boxed::Box;

use gomera_model::Time;

use super::closing::close;
use super::{CopyingClosed, Operation, Orders};
use crate::record::PhaseName;

/// Buffered: nothing has been copied yet, and nobody is awaited: the old owners see CLOSE in their lanes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClosingFirst(pub(super) Box<Operation>);

impl ClosingFirst {
    pub(super) fn new(mut operation: Box<Operation>, now: Time) -> Self {
        operation.enter(PhaseName::Close, now);
        Self(operation)
    }

    /// The next phase, as soon as the access points have been told.
    pub(crate) fn told(self, now: Time) -> CopyingClosed {
        CopyingClosed::new(self.0, now)
    }

    pub(super) fn orders(&self) -> Orders {
        close(&self.0)
    }
}
