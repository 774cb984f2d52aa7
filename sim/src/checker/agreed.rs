//! What is decided is decided once: whatever becomes of leaders and of the store, an epoch is one topology and an operation
//! one plan, nobody is told a topology that was not written, and what is written goes forward.

use std::collections::BTreeMap;
use std::sync::Arc;

use gomera_coordinator::{OperationRecord, Path, PhaseName, Put};
use gomera_model::control::Plan;
use gomera_model::{Epoch, OperationId, Topology};

use super::{Breach, Promise};

/// What was written to the store, and what instances were told.
#[derive(Debug, Default)]
pub struct Decisions {
    written: BTreeMap<Epoch, Topology>,
    newest: Epoch,
    told: BTreeMap<Epoch, Arc<Topology>>,
    plans: BTreeMap<OperationId, Arc<Plan>>,
    phases: BTreeMap<OperationId, PhaseName>,
    breaches: Vec<Breach>,
}

/// What is looked at of the operation's document.
#[derive(serde::Deserialize)]
struct OperationDocument {
    operation: Option<Operation>,
}

#[derive(serde::Deserialize)]
struct Operation {
    record: OperationRecord,
}

impl Decisions {
    /// Documents were written in one transaction.
    pub fn written(&mut self, puts: &[Put]) {
        for put in puts {
            match put.path {
                Path::Topology => match serde_json::from_slice(&put.bytes) {
                    Ok(topology) => self.topology_written(topology),
                    Err(fault) => self.breach(format!("a topology cannot be read: {fault}")),
                },
                Path::Operation => match serde_json::from_slice::<OperationDocument>(&put.bytes) {
                    Ok(document) => {
                        if let Some(operation) = document.operation {
                            self.record_written(&operation.record);
                        }
                    }
                    Err(fault) => self.breach(format!("an operation cannot be read: {fault}")),
                },
            }
        }
    }

    /// The topology of an epoch, as it was written.
    #[must_use]
    pub fn at(&self, epoch: Epoch) -> Option<&Topology> {
        self.written.get(&epoch)
    }

    /// An instance is told a topology.
    pub fn told_topology(&mut self, topology: &Arc<Topology>) {
        let epoch = topology.epoch;
        if let Some(before) = self.told.get(&epoch)
            && Arc::ptr_eq(before, topology)
        {
            return;
        }
        match self.written.get(&epoch) {
            Some(written) if *written == **topology => {}
            Some(_) => self.breach(format!(
                "instances are told another epoch {epoch} than was written"
            )),
            None => self.breach(format!(
                "instances are told epoch {epoch}, which was never written"
            )),
        }
        self.told.insert(epoch, Arc::clone(topology));
    }

    /// An instance is told a plan.
    pub fn told_plan(&mut self, plan: &Arc<Plan>) {
        let operation = plan.operation;
        let before = self.plans.insert(operation, Arc::clone(plan));
        if let Some(before) = before
            && !Arc::ptr_eq(&before, plan)
            && *before != **plan
        {
            self.breach(format!("operation {operation} has two plans"));
        }
    }

    pub(super) fn breaches(&self) -> &[Breach] {
        &self.breaches
    }

    fn topology_written(&mut self, topology: Topology) {
        let epoch = topology.epoch;
        if epoch != self.newest.next() && self.newest != Epoch(0) {
            let newest = self.newest;
            self.breach(format!("epoch {epoch} is written behind epoch {newest}"));
        }
        self.newest = epoch;
        self.written.insert(epoch, topology);
    }

    fn record_written(&mut self, record: &OperationRecord) {
        let (id, phase) = (record.id, record.phase);
        let newest = self.phases.keys().next_back().copied();
        let before = self.phases.insert(id, phase);
        match before {
            None if newest.is_some_and(|newest| newest > id) => {
                self.breach(format!(
                    "operation {id} begins, though a later one was there"
                ));
            }
            None if phase != PhaseName::Prepare => {
                self.breach(format!("operation {id} begins in phase {phase:?}"));
            }
            Some(before) if !may_follow(before, phase) => {
                self.breach(format!("operation {id} goes from {before:?} to {phase:?}"));
            }
            None | Some(_) => {}
        }
    }

    fn breach(&mut self, story: String) {
        self.breaches
            .push(Breach::general(Promise::Disagreed, story));
    }
}

/// Before the commit it goes forward or is given up; behind it, forward only. What has ended stays so.
fn may_follow(before: PhaseName, phase: PhaseName) -> bool {
    match before {
        PhaseName::Prepare | PhaseName::Copy | PhaseName::Close => phase != PhaseName::Prepare,
        PhaseName::Fill | PhaseName::Drain => {
            matches!(phase, PhaseName::Fill | PhaseName::Drain | PhaseName::Done)
        }
        PhaseName::Done | PhaseName::Aborted => phase == before,
        PhaseName::Commit => false,
    }
}
