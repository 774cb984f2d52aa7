//! What a matcher holds.

use super::Matcher;
use crate::holdings::Holdings;

impl Matcher {
    /// Adds what it holds now.
    pub fn holdings(&self, holdings: &mut Holdings) {
        let stalled = self.lanes.values().map(|lane| lane.stalled_frames()).sum();
        holdings.passing("frames behind a FLIP", stalled);
        holdings.passing("plans", usize::from(self.moving.is_some()));
        holdings.passing("further plans", usize::from(self.next_plan.is_some()));
        holdings.passing("changes under way", self.changes.len());
        holdings.passing("things to drop", usize::from(self.dropping.is_under_way()));
        holdings.passing("slots to restore", usize::from(self.restoring.is_some()));
        let early = self.standing.early_frames();
        holdings.passing("parts for a standby that came early", early);
        let unsent = self.standing.slots_to_send();
        holdings.passing("slots that a standby lacks", unsent);
        holdings.staying("epochs kept", self.epochs.iter().count(), 1);
        holdings.staying("tables kept", self.own.len(), 1);
    }
}
