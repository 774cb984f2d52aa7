//! What goes to sessions.

use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::SessionId;
use crate::notification::Notification;
use crate::operation::Hit;
use crate::session::{Gap, Generation};

/// What goes to one session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Whose.
    pub session: SessionId,
    /// To which connection.
    pub generation: Generation,
    /// What.
    pub item: DeliveryItem,
}

/// One item of a session's ordered output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryItem {
    /// A notification with the session's subscriptions that matched.
    Notification {
        /// What.
        notification: Arc<Notification>,
        /// Which of the session's subscriptions matched, ascending by number.
        hits: Vec<Hit>,
    },
    /// Something was lost here.
    Gap(Gap),
}
