//! The topologies that a stamp may still name.

use alloc::sync::Arc;
use alloc::vec::Vec;

use gomera_model::{Epoch, Incarnation, Topology};

/// Topologies from the oldest that a stamp may name to the newest, without a hole.
#[derive(Clone, Debug, Default)]
pub(crate) struct Epochs(Vec<Arc<Topology>>);

impl Epochs {
    /// Takes a newer topology; whether it was newer.
    pub(crate) fn learn(&mut self, topology: &Arc<Topology>) -> bool {
        let is_newer = self
            .0
            .last()
            .is_none_or(|newest| newest.epoch < topology.epoch);
        if is_newer {
            self.0.push(Arc::clone(topology));
        }
        is_newer
    }

    /// No stamp names an epoch before this one any more.
    pub(crate) fn forget_before(&mut self, epoch: Epoch) {
        self.0.retain(|topology| topology.epoch >= epoch);
    }

    /// The newest topology.
    pub(crate) fn newest(&self) -> &Arc<Topology> {
        self.0
            .last()
            .expect("the first input of an instance is a topology")
    }

    /// The newest epoch; zero before the first topology.
    pub(crate) fn newest_epoch(&self) -> Epoch {
        self.0.last().map_or(Epoch(0), |newest| newest.epoch)
    }

    /// The topology of an epoch that a stamp names.
    pub(crate) fn at(&self, epoch: Epoch) -> &Arc<Topology> {
        self.0
            .iter()
            .find(|topology| topology.epoch == epoch)
            .expect("an epoch is kept until no stamp can name it")
    }

    /// Whether the newest topology says that an instance must no longer be listened to, whatever it thinks itself.
    pub(crate) fn retires(&self, instance: Incarnation) -> bool {
        let newest = self.0.last();
        newest.is_some_and(|newest| newest.is_retired(instance))
    }

    /// All that are kept, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Topology>> {
        self.0.iter()
    }

    /// Whether none is known yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
