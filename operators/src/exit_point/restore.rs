//! A matcher was lost, and who owns its slots now says what it holds there of the sessions that this exit point delivers. It
//! is told what differs, slot by slot: nothing, if it stood by for them; everything, if it is new.
//!
//! The list of the session decides, as it is when the question comes. Behind the epoch in which the matcher was lost nothing
//! of these slots is registered before the new owner has heard everybody.

use alloc::vec;
use alloc::vec::Vec;

use gomera_matching::SlotSet;
use gomera_model::lane::{LaneFrame, MatcherFrame};
use gomera_model::operation::{Digest, StoredSubscription};
use gomera_model::{Epoch, Incarnation, SLOTS, SlotId, SubscriptionId};

use super::ExitPoint;
use super::session::Session;
use crate::effect::Effects;
use crate::limits::RESTORE_SUBSCRIPTIONS;

/// A question: who asks, under which epoch, and what it holds.
pub(super) type Question = (Incarnation, Epoch, Vec<(SlotId, Digest)>);

impl ExitPoint {
    /// A new owner of slots asks what differs. What is asked under an epoch that is not here yet waits for it; what was asked
    /// under an older one is asked again by who reads the newest.
    pub(super) fn compare(&mut self, question: Question, effects: &mut Effects) {
        let (owner, epoch, theirs) = question;
        let newest = self.epochs.newest_epoch();
        if epoch > newest {
            self.early_questions.push((owner, epoch, theirs));
            return;
        }
        if epoch < newest {
            return;
        }
        let asked = theirs.iter().map(|(slot, _)| *slot).collect();
        let ours = self.digests(&asked);
        let differing: SlotSet = (theirs.iter())
            .filter(|(slot, digest)| ours[slot.index()] != *digest)
            .map(|(slot, _)| *slot)
            .collect();
        if !differing.is_empty() {
            self.send_differing((owner, epoch), &differing, effects);
        }
        let end = MatcherFrame::RestoreEnd(epoch);
        effects.send(owner, LaneFrame::Matcher(end));
    }

    /// A topology has come: what was asked before it is answered.
    pub(super) fn take_early_questions(&mut self, effects: &mut Effects) {
        for question in core::mem::take(&mut self.early_questions) {
            if !self.epochs.retires(question.0) {
                self.compare(question, effects);
            }
        }
    }

    fn send_differing(
        &self,
        (owner, epoch): (Incarnation, Epoch),
        differing: &SlotSet,
        effects: &mut Effects,
    ) {
        let frame = MatcherFrame::Differing {
            epoch,
            slots: differing.iter().collect(),
        };
        effects.send(owner, LaneFrame::Matcher(frame));
        let stored = self.delivered_sessions();
        let stored = stored.flat_map(|(id, session)| session.stored(id));
        let stored: Vec<StoredSubscription> = stored
            .filter(|stored| differing.contains(stored.id.slot()))
            .collect();
        for part in stored.chunks(RESTORE_SUBSCRIPTIONS) {
            let frame = MatcherFrame::Restore {
                epoch,
                subscriptions: part.to_vec(),
            };
            effects.send(owner, LaneFrame::Matcher(frame));
        }
    }

    /// What the sessions that this exit point delivers have in these slots; nothing for any other.
    fn digests(&self, asked: &SlotSet) -> Vec<Digest> {
        let mut digests = vec![Digest::default(); SLOTS];
        for (session, of) in self.delivered_sessions() {
            for hit in of.live() {
                let number = hit.number;
                let id = SubscriptionId { session, number };
                let slot = id.slot();
                if asked.contains(slot) {
                    digests[slot.index()].add(id, hit.operation);
                }
            }
        }
        digests
    }

    /// The sessions that the newest topology gives to this exit point.
    fn delivered_sessions(&self) -> impl Iterator<Item = (gomera_model::SessionId, &Session)> {
        let newest = self.epochs.newest();
        let ids = self.sessions.ids().into_iter();
        ids.filter(|id| newest.primary(*id) == self.own)
            .filter_map(|id| Some((id, self.sessions.get(id)?)))
    }
}
