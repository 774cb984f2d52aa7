//! What a coordinator counts.

use crate::record::{OperationRecord, Outcome};

/// Counters since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoordinatorStats {
    /// Transactions asked for.
    pub writes: u64,
    /// Transactions that met somebody else's.
    pub conflicts: u64,
    /// Transactions whose outcome was not known.
    pub unknown_outcomes: u64,
    /// Operations that it wrote as done.
    pub operations_done: u64,
    /// Operations that it wrote as aborted.
    pub operations_aborted: u64,
    /// Reports of instances that no document names.
    pub reports_of_strangers: u64,
}

impl CoordinatorStats {
    pub(super) fn count_ended(&mut self, record: &OperationRecord) {
        match record.outcome {
            Outcome::Running | Outcome::Interrupted { .. } => {}
            Outcome::Done => self.operations_done += 1,
            Outcome::Aborted { .. } => self.operations_aborted += 1,
        }
    }
}
