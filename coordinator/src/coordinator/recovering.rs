//! Somebody has died: the next epoch goes on without it. Before anything else is done, and in the middle of an operation
//! that is committed.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use gomera_model::control::Strategy;
use gomera_model::{Incarnation, Instance, Layer, Time};

use super::asking::{Next, count};
use super::{Coordinator, Settled, State};
use crate::effect::Effects;
use crate::operation::{Operation, Phase};
use crate::plan::{self, Change};
use crate::record::{Outcome, Wishes};
use crate::request::ScaleRequest;

impl Coordinator {
    /// Replaces the dead, if there are any and nothing stands against it. An operation that is not committed is given up
    /// first; one that is goes on behind the recovery.
    pub(super) fn recover(&mut self, now: Time, effects: &mut Effects) {
        let State::Settled(settled) = &self.state else {
            return;
        };
        let interrupted = match &settled.phase {
            Phase::Rest(_) => None,
            Phase::Draining(draining) => Some(draining.operation()),
            Phase::Preparing(_)
            | Phase::Copying(_)
            | Phase::Closing(_)
            | Phase::ClosingFirst(_)
            | Phase::CopyingClosed(_) => return,
        };
        let dead = self.dead(settled, interrupted);
        let instances = &settled.held.topology.instances;
        let is_left = |who: &Instance| self.hosts.contains_key(&who.host);
        // Where none of the hosts is left, nothing is left to recover: everything is laid out anew.
        if dead.is_empty() || !instances.iter().any(is_left) {
            return;
        }
        // Without a host for it, it waits for one.
        let Ok(change) = plan::recover(self.ground(&settled.held), &dead) else {
            return;
        };
        let next = self.recovery(settled, (change, &dead), interrupted);
        let scale = request(&next, interrupted, &dead);
        let interrupted = interrupted.map(|operation| operation.record.clone());
        let follows = interrupted.as_ref().map(|record| record.id);
        let id = self.begin(now, &scale, (next, follows), effects);
        if let Some(mut record) = interrupted {
            record.outcome = Outcome::Interrupted { by: id };
            self.remember(record);
        }
    }

    /// Who is known to be dead and is missed: by the topology, or by the operation that had something left to do for it.
    fn dead(&self, settled: &Settled, interrupted: Option<&Operation>) -> Vec<Instance> {
        let topology = &settled.held.topology;
        let leaving = interrupted.into_iter().flat_map(|operation| {
            let lost = &operation.plan.lost;
            let leaving = operation.leaving.iter();
            leaving.filter(|leaving| !lost.contains(&leaving.incarnation))
        });
        let leaving = leaving.chain(settled.phase.unstopped());
        // What is listed no more has something to finish only where notifications stamped before pass it.
        let unlisted = leaving.filter(|leaving| {
            matches!(leaving.layer, Layer::Matchers | Layer::ExitPoints)
                && topology.instance(leaving.incarnation).is_none()
        });
        let instances = topology.instances.iter().chain(unlisted);
        instances
            .filter(|instance| self.failed.contains(&instance.incarnation))
            .cloned()
            .collect()
    }

    /// The recovery with what the interrupted operation had still to stop and to do.
    fn recovery(
        &self,
        settled: &Settled,
        (mut change, dead): (Change, &[Instance]),
        interrupted: Option<&Operation>,
    ) -> Next {
        let topology = &*settled.held.topology;
        let mut then = match &settled.phase {
            // The one before it in the row was a recovery that could not be committed.
            Phase::Rest(Some(last)) if !last.record().lost.is_empty() => last.record().then.clone(),
            Phase::Rest(_)
            | Phase::Preparing(_)
            | Phase::Copying(_)
            | Phase::Closing(_)
            | Phase::ClosingFirst(_)
            | Phase::CopyingClosed(_)
            | Phase::Draining(_) => BTreeMap::new(),
        };
        // A recovery that was given up had still to stop whom the operation before it had.
        let given_up = settled.phase.unstopped();
        let left = interrupted.map_or(given_up, |operation| &operation.leaving);
        // Who was only about to go is needed until the row goes on.
        let stays = |who: &Instance| change.outcome().instance(who.incarnation).is_some();
        let unstopped: Vec<_> = (left.iter())
            .filter(|left| !dead.contains(left) && !stays(left))
            .cloned()
            .collect();
        // Some of them may be lost as well: nothing of theirs is missed.
        let failed = unstopped.iter().map(|left| left.incarnation);
        let failed = failed.filter(|left| self.failed.contains(left));
        let lost = dead.iter().map(|dead| dead.incarnation);
        let lost = lost.chain(failed).collect();
        change.leaving.extend(unstopped);
        change.leaving.sort_by_key(|instance| instance.incarnation);
        if let Some(operation) = interrupted {
            then = operation.record.left_of_row();
        }
        Next {
            change,
            from: topology.clone(),
            then,
            lost,
            drains: None,
        }
    }
}

/// What a recovery stands for in the records: the request that it goes on with, or that all stays as it was.
fn request(next: &Next, interrupted: Option<&Operation>, dead: &[Instance]) -> ScaleRequest {
    let reason = reason(dead);
    if let Some(operation) = interrupted {
        return ScaleRequest {
            reason,
            ..operation.record.asked_again()
        };
    }
    let layers = dead.iter().map(|dead| dead.layer);
    let layers = layers.map(|layer| (layer, count(&next.from, layer)));
    ScaleRequest {
        wishes: Wishes {
            layers: layers.collect(),
            weights: BTreeMap::new(),
        },
        strategy: Strategy::Live,
        dry_run: false,
        reason,
        idempotency_key: None,
        asked_at: Default::default(),
    }
}

fn reason(dead: &[Instance]) -> String {
    let lost: Vec<Incarnation> = dead.iter().map(|dead| dead.incarnation).collect();
    format!("instances {lost:?} were lost")
}
