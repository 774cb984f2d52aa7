//! What an exit point holds.

use gomera_model::{Incarnation, Seq};

use super::ExitPoint;
use crate::holdings::Holdings;
use crate::limits::{IN_FLIGHT_BYTES, IN_FLIGHT_DELIVERIES, QUEUE_BYTES, QUEUE_DELIVERIES};

impl ExitPoint {
    /// Whether it has released what an access point stamped up to there, or need not.
    #[must_use]
    pub fn has_released(&self, access_point: Incarnation, seq: Seq) -> bool {
        let join = self.joins.get(&access_point);
        join.is_none_or(|join| join.last_released() >= seq)
    }

    /// Adds what it holds now.
    pub fn holdings(&self, holdings: &mut Holdings) {
        let pending = self.joins.values().map(|join| join.pending_count()).sum();
        holdings.passing("notifications that are joined", pending);
        let stalled = self.stalled.values().map(alloc::vec::Vec::len).sum();
        holdings.passing("frames that wait for a topology", stalled);
        holdings.passing("epochs that are not through", self.closings.len());
        holdings.passing("fills", self.fills.len());
        holdings.passing("clients that wait for their session", self.waiting.len());
        holdings.passing("ends of sessions that wait", self.byes.len());
        holdings.passing("sessions that wait for the backup", self.unconfirmed.len());
        holdings.passing("registrations that came early", self.early.len());
        let early = self.early_questions.len();
        holdings.passing("questions of new owners", early);
        holdings.passing("deliveries of a turn", self.deliveries.len());
        holdings.staying("epochs kept", self.epochs.iter().count(), 1);
        let (deliveries, bytes) = self.sessions.largest();
        // One more has been put in when the oldest is given up.
        let most = QUEUE_DELIVERIES + IN_FLIGHT_DELIVERIES + 1;
        holdings.kept("deliveries of a session", deliveries, most);
        let most = QUEUE_BYTES + 2 * IN_FLIGHT_BYTES;
        holdings.kept("bytes of a session", bytes, most);
    }
}
