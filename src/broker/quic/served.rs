//! What every task of a connection knows.

use std::sync::Arc;
use std::time::Duration;

use gomera_operators::ConnectionId;

use super::super::inbox::Inbox;
use super::super::input::{ClientInput, Input};

/// A connection from its own side.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub(super) id: ConnectionId,
    /// Of its connection point.
    pub(super) inbox: Arc<Inbox<Input>>,
    /// In what time a frame that was begun is finished.
    pub(super) frame_within: Duration,
}

impl Served {
    pub(super) fn push(&self, input: ClientInput) {
        // A connection point that is gone has closed its connections.
        self.inbox.push(Input::Client(self.id, input));
    }
}
