//! What those see who only look: the topology, the hosts, the operations.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gomera_coordinator::OperationRecord;
use gomera_model::{HostId, OperationId, Topology};
use serde::{Deserialize, Serialize};

use crate::zookeeper::HostDocument;

/// What the coordinator knows, for those who only look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// The topology in force, once there is one.
    pub topology: Option<Arc<Topology>>,
    /// Operations that are remembered, oldest first; the one under way is the last.
    pub operations: Vec<OperationRecord>,
    /// The one under way.
    pub under_way: Option<OperationId>,
    /// Whether every instance of the topology runs.
    pub is_ready: bool,
    /// Whether the documents can be read and written.
    pub is_available: bool,
    /// The hosts that there are, by id.
    pub hosts: Vec<HostDocument>,
    /// Who leads, if anybody is known to.
    pub leader: Option<HostId>,
}

/// The latest view, and those who wait for another one.
#[derive(Debug, Default)]
pub(crate) struct Window {
    view: Mutex<Arc<View>>,
    changed: Condvar,
}

impl Window {
    pub(crate) fn look(&self) -> Arc<View> {
        Arc::clone(&self.view.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until a view is as wished; `None` if that takes too long.
    pub(crate) fn wait_for(
        &self,
        wish: impl Fn(&View) -> bool,
        within: Duration,
    ) -> Option<Arc<View>> {
        let deadline = Instant::now() + within;
        let mut view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        while !wish(&view) {
            let rest = deadline.checked_duration_since(Instant::now())?;
            let woken = self.changed.wait_timeout(view, rest);
            view = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        Some(Arc::clone(&view))
    }

    pub(super) fn show(&self, view: View) {
        *self.view.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
        self.changed.notify_all();
    }
}
