//! What stands in the documents, as JSON.
//!
//! ```text
//! /topology    the topology in force
//! /operation   {"counters": {"incarnation", "operation"}, "ended": […], "draining": [hosts],
//!              "operation": null | {the last operation}}
//! ```
//!
//! What was read is valid; what cannot be valid is refused with the reason and never guessed at.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use gomera_model::control::Plan;
use gomera_model::{HostId, Incarnation, Layer, OperationId, Topology};
use serde::{Deserialize, Serialize};

use crate::operation::Operation;
use crate::record::PhaseName;

/// The last ids given. They only rise, also over aborted operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counters {
    /// The last incarnation.
    pub(crate) incarnation: Incarnation,
    /// The last operation.
    pub(crate) operation: OperationId,
}

/// The document of the operation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OperationDocument {
    /// The last ids given.
    pub(crate) counters: Counters,
    /// Who has ended and is not among the topology's retired yet.
    pub(crate) ended: Vec<Incarnation>,
    /// Hosts that are being emptied, or have been.
    #[serde(default)]
    pub(crate) draining: BTreeSet<HostId>,
    /// The operation under way, or the last one.
    pub(crate) operation: Option<Box<Operation>>,
}

/// The same, for writing.
#[derive(Debug, Serialize)]
pub(crate) struct OperationImage<'a> {
    /// The last ids given.
    pub(crate) counters: Counters,
    /// Who has ended and is not among the topology's retired yet.
    pub(crate) ended: &'a [Incarnation],
    /// Hosts that are being emptied, or have been.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) draining: &'a BTreeSet<HostId>,
    /// The operation under way, or the last one.
    pub(crate) operation: Option<&'a Operation>,
}

/// The bytes of a document.
pub(crate) fn write(document: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(document).expect("plain structs with text keys can always be written")
}

/// Reads the document of the topology.
pub(crate) fn read_topology(bytes: &[u8]) -> Result<Topology, String> {
    let topology: Topology = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    topology.check()?;
    Ok(topology)
}

/// Reads the document of the operation.
pub(crate) fn read_operation(bytes: &[u8]) -> Result<OperationDocument, String> {
    let document: OperationDocument =
        serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if let Some(operation) = &document.operation {
        check_plan(&operation.plan)?;
        if operation.record.id != operation.plan.operation {
            return Err("the plan belongs to another operation".into());
        }
        if operation.record.phase == PhaseName::Commit {
            return Err("it stands in a phase that is never written".into());
        }
        if operation.committed > operation.plan.then.len() + 1 {
            return Err("more steps are committed than are planned".into());
        }
        if operation.record.id > document.counters.operation {
            return Err("the operation is newer than the counter of operations".into());
        }
    }
    Ok(document)
}

fn check_plan(plan: &Plan) -> Result<(), String> {
    let mut epoch = plan.next.epoch;
    for step in core::iter::once(&plan.next).chain(&plan.then) {
        step.check()
            .map_err(|fault| format!("in a planned topology, {fault}"))?;
        if step.epoch != epoch {
            return Err("the planned topologies are not one epoch after the other".into());
        }
        epoch = epoch.next();
    }
    if plan.layer != Layer::Matchers {
        return Ok(());
    }
    for moved in &plan.moves {
        let owner = |slot: &gomera_model::SlotId| plan.next.matcher_of.get(slot.index());
        if !(moved.slots.iter()).all(|slot| owner(slot) == Some(&moved.to)) {
            return Err("a slot moves to another matcher than the plan says".into());
        }
    }
    Ok(())
}
