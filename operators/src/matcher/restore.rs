//! A slot whose owner was lost: every exit point is told in short what is held here of its sessions, and answers with what
//! differs. Until all have done so nothing of the new epoch is matched and no operation is taken.
//!
//! ```text
//!             Topology             RestoreEnd of every exit point
//!  Settled ──────────► Restoring ────────────────────────────────► Settled
//!                       │     ▲
//!                       └─────┘ Topology: asks again, under the new epoch
//! ```
//!
//! What is held here may be nothing, what is left from an earlier time, or what a standby has: that makes a difference
//! only for how much has to be sent.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use gomera_matching::SlotSet;
use gomera_model::lane::{ExitPointFrame, LaneFrame};
use gomera_model::operation::{Digest, StoredSubscription};
use gomera_model::{Epoch, Incarnation, Layer, SlotId, Time};

use super::Matcher;
use crate::effect::Effects;
use crate::rules::Rule;

/// Slots that have to be restored.
#[derive(Clone, Debug)]
pub(super) struct Restoring {
    /// The epoch under which the exit points are asked: the newest.
    epoch: Epoch,
    /// The oldest change that gave such slots: it waits, and whatever comes behind it.
    since: Epoch,
    slots: SlotSet,
    /// Exit points that have not said all.
    missing: BTreeSet<Incarnation>,
}

impl Matcher {
    /// These slots came with this epoch, and nobody has copied them here.
    pub(super) fn restore(&mut self, epoch: Epoch, slots: &SlotSet) {
        let restoring = self.restoring.get_or_insert_with(|| Restoring {
            epoch,
            since: epoch,
            slots: SlotSet::empty(),
            missing: BTreeSet::new(),
        });
        restoring.slots.extend(slots.iter());
    }

    /// A topology is in force: tells every exit point what is here of the sessions that it delivers now. Answers to what was
    /// asked before count no more.
    pub(super) fn ask_exit_points(&mut self, effects: &mut Effects) {
        let Some(mut restoring) = self.restoring.take() else {
            return;
        };
        let newest = self.epochs.newest();
        let own = &self.own[&newest.epoch];
        let slots = restoring.slots.iter().filter(|slot| own.contains(*slot));
        restoring.slots = slots.collect();
        if restoring.slots.is_empty() || self.rules.broken(Rule::CompareTheCopy) {
            return;
        }
        restoring.epoch = newest.epoch;
        restoring.missing = newest.incarnations(Layer::ExitPoints).collect();
        for (exit_point, slots) in self.digests(&restoring) {
            let frame = ExitPointFrame::Compare {
                epoch: restoring.epoch,
                slots,
            };
            effects.send(exit_point, LaneFrame::ExitPoint(frame));
        }
        self.restoring = Some(restoring);
    }

    /// An exit point has something else in these slots: what is here of its sessions goes.
    pub(super) fn differing(&mut self, of: (Incarnation, Epoch), slots: &[SlotId]) {
        if !self.is_awaited(of) || self.rules.broken(Rule::DropStale) {
            return;
        }
        let newest = self.epochs.newest();
        let mut stale = Vec::new();
        for slot in slots {
            self.index.slot(*slot, &mut stale);
        }
        stale.retain(|id| newest.primary(id.session) == of.0);
        for id in stale {
            self.index.remove(id);
        }
    }

    /// Part of what an exit point has in slots that differ.
    pub(super) fn restored(
        &mut self,
        of: (Incarnation, Epoch),
        subscriptions: &[StoredSubscription],
    ) {
        if self.is_awaited(of) {
            self.stats.restored += subscriptions.len() as u64;
            self.install_stored(subscriptions);
        }
    }

    /// What is here is what an exit point has.
    pub(super) fn compared(&mut self, now: Time, of: (Incarnation, Epoch), effects: &mut Effects) {
        if !self.is_awaited(of) {
            return;
        }
        self.restoring.take_if(|restoring| {
            restoring.missing.remove(&of.0);
            restoring.missing.is_empty()
        });
        if self.restoring.is_none() {
            self.resume_lanes(now, effects);
            self.finish_changes(now, effects);
        }
    }

    /// Whether the change into this epoch waits until slots are restored.
    pub(super) fn waits_for_copies(&self, epoch: Epoch) -> bool {
        let restoring = self.restoring.as_ref();
        restoring.is_some_and(|restoring| restoring.since <= epoch)
    }

    /// Whether what is stamped with this epoch has to wait until slots are restored.
    pub(super) fn is_restoring(&self, epoch: Epoch) -> bool {
        !self.rules.broken(Rule::RestoreBeforeMatching) && self.waits_for_copies(epoch)
    }

    /// Installs what is stored elsewhere, unless something newer is here.
    pub(super) fn install_stored(&mut self, subscriptions: &[StoredSubscription]) {
        self.index
            .insert_many(subscriptions)
            .expect("an access point made the canonical form from a filter");
    }

    /// Whether an exit point was asked under this epoch last, and has not said all.
    fn is_awaited(&self, (from, epoch): (Incarnation, Epoch)) -> bool {
        let restoring = self.restoring.as_ref();
        restoring.is_some_and(|asked| asked.epoch == epoch && asked.missing.contains(&from))
    }

    /// What is here in the slots to restore, for each exit point of the sessions that it delivers.
    fn digests(&self, restoring: &Restoring) -> BTreeMap<Incarnation, Vec<(SlotId, Digest)>> {
        let newest = self.epochs.newest();
        let asked = restoring.missing.iter();
        let mut digests: BTreeMap<_, Vec<_>> = asked.map(|point| (*point, Vec::new())).collect();
        let mut of_slot: BTreeMap<Incarnation, Digest> = BTreeMap::new();
        for slot in restoring.slots.iter() {
            of_slot.clear();
            for (id, operation) in self.index.slot_operations(slot) {
                let digest = of_slot.entry(newest.primary(id.session)).or_default();
                digest.add(id, operation);
            }
            for (exit_point, slots) in &mut digests {
                slots.push((slot, of_slot.get(exit_point).copied().unwrap_or_default()));
            }
        }
        digests
    }
}
