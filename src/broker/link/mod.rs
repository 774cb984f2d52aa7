//! What a connection point's thread and the tasks of a client's connection share: nothing but this.

use std::sync::{Mutex, PoisonError};

use gomera_model::silbo::Refusal;
use tokio::sync::Notify;

mod gate;
mod outgoing;

pub(super) use gate::Gate;
pub(super) use outgoing::{End, Outgoing};

/// How a connection point tells a connection's task to close it.
#[derive(Debug, Default)]
pub(crate) struct Link {
    closing: Mutex<Option<Refusal>>,
    changed: Notify,
}

impl Link {
    /// Lets what is queued go out, then closes the connection. The first word counts.
    pub(crate) fn close(&self, refusal: Refusal) {
        let mut closing = self.closing.lock().unwrap_or_else(PoisonError::into_inner);
        closing.get_or_insert(refusal);
        drop(closing);
        self.changed.notify_one();
    }

    pub(crate) async fn closing(&self) -> Refusal {
        loop {
            let changed = self.changed.notified();
            let closing = self
                .closing
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            if let Some(refusal) = closing {
                return refusal;
            }
            changed.await;
        }
    }
}
