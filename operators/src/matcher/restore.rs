//! A slot whose owner was lost: the exit points send what their sessions have there, and until all have done so nothing
//! of the new epoch is matched and no operation is taken.

use gomera_model::lane::MatcherFrame;
use gomera_model::operation::StoredSubscription;
use gomera_model::{Epoch, Incarnation, Time};

use super::Matcher;
use crate::effect::Effects;
use crate::rules::Rule;

impl Matcher {
    /// Part of what an exit point has, or that this was all. What comes before the topology that it belongs to waits.
    pub(super) fn restoring(
        &mut self,
        now: Time,
        from: Incarnation,
        frame: MatcherFrame,
        effects: &mut Effects,
    ) {
        match frame {
            MatcherFrame::Restore { epoch, .. } | MatcherFrame::RestoreEnd(epoch)
                if epoch > self.epochs.newest_epoch() =>
            {
                self.early_restores.push((from, frame));
            }
            MatcherFrame::Restore { subscriptions, .. } => self.install_stored(&subscriptions),
            MatcherFrame::RestoreEnd(epoch) => {
                for change in &mut self.changes {
                    if change.epoch <= epoch {
                        change.restoring.remove(&from);
                    }
                }
                self.resume_lanes(now, effects);
                self.finish_changes(now, effects);
            }
            MatcherFrame::Open(_)
            | MatcherFrame::Notifications(_)
            | MatcherFrame::Operation(_)
            | MatcherFrame::Close(_)
            | MatcherFrame::Flip { .. }
            | MatcherFrame::Restart { .. }
            | MatcherFrame::Chunk { .. }
            | MatcherFrame::ChunkTaken(_)
            | MatcherFrame::Follow { .. }
            | MatcherFrame::End(_)
            | MatcherFrame::NothingMore(_) => unreachable!("these restore nothing"),
        }
    }

    /// Whether what is stamped with this epoch has to wait until slots are restored.
    pub(super) fn is_restoring(&self, epoch: Epoch) -> bool {
        let mut changes = self.changes.iter();
        !self.rules.broken(Rule::RestoreBeforeMatching)
            && changes.any(|change| change.epoch <= epoch && !change.restoring.is_empty())
    }

    /// Installs what is stored elsewhere, unless something newer is here.
    pub(super) fn install_stored(&mut self, subscriptions: &[StoredSubscription]) {
        self.index
            .insert_many(subscriptions)
            .expect("an access point made the canonical form from a filter");
    }
}
