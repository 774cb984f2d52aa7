//! What the coordinators said: written down for the checkers, for the story, and for the comparison of two runs.

use std::sync::Arc;

use gomera_coordinator::{Answer, Effect, Impossible};
use gomera_model::Epoch;
use gomera_model::control::Control;

use super::World;

impl World {
    /// Something is done by an instance or a client.
    pub(super) fn digest_effect(&mut self, effect: &impl core::fmt::Debug) {
        if self.is_digested {
            self.digest.add(effect);
        }
    }

    /// The tables of a topology stand in the documents that are written: they are taken in once, as bytes.
    pub(super) fn digest_coordinator(&mut self, effect: &Effect) {
        if !self.is_digested {
            return;
        }
        match effect {
            Effect::Write { id, puts } => {
                self.digest.add(id);
                for put in puts {
                    self.digest.add(&(put.path, put.expected));
                    self.digest.add_bytes(&put.bytes);
                }
            }
            Effect::Tell {
                to,
                control: Control::Topology(topology),
            } => self.digest.add(&(to, topology.epoch)),
            Effect::Tell {
                to,
                control: Control::Prepare(plan),
            } => self.digest.add(&(to, plan.operation, plan.next.epoch)),
            Effect::Observe(_)
            | Effect::Start(_)
            | Effect::Stop(_)
            | Effect::StopStranger(_)
            | Effect::Tell { .. }
            | Effect::Answer { .. }
            | Effect::WakeAt(_)
            | Effect::Unreadable { .. } => self.digest.add(effect),
        }
    }

    /// An instance is told something.
    pub(super) fn note_told(&mut self, control: &Control) {
        match control {
            Control::Topology(topology) => {
                self.decisions.told_topology(topology);
                if topology.epoch > self.cluster.told {
                    let is_first = self.cluster.told == Epoch(0);
                    self.cluster.told = topology.epoch;
                    self.cluster.told_at = self.now;
                    self.reach.commit(&self.history, is_first);
                    self.story.commits(self.now, topology);
                }
            }
            Control::Prepare(plan) => self.decisions.told_plan(&Arc::clone(plan)),
            Control::Copy(_) | Control::Close(_) | Control::Abort(_) => {}
        }
    }

    pub(super) fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Accepted(record) => self.accepted(&record),
            Answer::Unchanged => {}
            Answer::Busy(_) => self.reach.refused_busy += 1,
            Answer::Aborted(_) => self.reach.aborted += 1,
            Answer::TooLate(_) | Answer::NoSuchOperation(_) => self.reach.aborts_too_late += 1,
            Answer::Plan(_) => self.reach.dry_runs += 1,
            Answer::Unavailable { .. } | Answer::NotWhole { .. } => self.reach.unavailable += 1,
            answer @ (Answer::Draining { .. } | Answer::NoSuchHost(_)) => {
                self.fail(format!("nobody asked for {answer:?}"));
            }
            // Its leader knows no host for it: one that is between two leases is in no list.
            Answer::Impossible(Impossible::NoHost(_)) if self.cluster.has_ensemble => {
                self.reach.unavailable += 1;
            }
            Answer::Impossible(why) => self.fail(format!("a scaling was refused: {why}")),
        }
    }
}
