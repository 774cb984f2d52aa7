//! What an access point holds.

use super::AccessPoint;
use super::operation::Phase;
use super::presence::Presence;
use crate::holdings::Holdings;
use crate::limits::{PUBLISHERS_MAX, PUBLISHERS_REMEMBERED_MAX};

impl AccessPoint {
    /// Adds what it holds now.
    pub fn holdings(&self, holdings: &mut Holdings) {
        let publishers = &self.publishers;
        // Each publisher may always have one outstanding. A share that was given before others came is not taken back, nor
        // is what came over a connection that is gone; so there may be twice as much as the window says.
        let window = publishers.window.notifications as usize + publishers.known.len();
        let window = 2 * window;
        holdings.bounded("notifications retained", self.retained.len(), window);
        holdings.passing("notifications of a batch", self.batch.len());
        holdings.passing("operations ahead of the topology", self.ahead.len());
        holdings.passing(
            "publishers that wait for their handover",
            publishers.waiting.len(),
        );
        holdings.passing("publishers asked for", publishers.asked.len());
        let remembered = PUBLISHERS_MAX + PUBLISHERS_REMEMBERED_MAX;
        holdings.kept("publishers known", publishers.known.len(), remembered);
        let (held, kept) = match &self.phase {
            Phase::Starting | Phase::Flowing { .. } | Phase::Prepared { .. } => (0, 0),
            Phase::Closed { held, .. } => (held.len(), 0),
            Phase::Buffering { publications, .. } => (0, publications.len()),
        };
        holdings.passing("operations held", held);
        holdings.bounded("publications buffered", kept, window);
        let is_flowing = matches!(self.phase, Phase::Flowing { .. });
        holdings.passing("plans", usize::from(!is_flowing));
        let stalled = match &self.presence {
            Presence::Unlisted(stalled) => stalled.len(),
            Presence::Listed
            | Presence::Leaving
            | Presence::Ending
            | Presence::Emptied
            | Presence::Gone => 0,
        };
        holdings.passing("frames that wait for being listed", stalled);
    }
}
