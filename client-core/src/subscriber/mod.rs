//! The subscriber's side: its session, its subscriptions, how far it is, and what must not be shown twice.

use gomera_model::lane::{FilterText, OverflowPolicy};
use gomera_model::silbo::{Deliver, Refusal, ServerFrame};
use gomera_model::{Gap, Generation, SessionId, SubscriptionNumber, Time};

use crate::effect::Effects;
use crate::limits::{ACKNOWLEDGE_AFTER, ACKNOWLEDGE_DELIVERIES};

/// What a subscriber is made of.
#[derive(Clone, Debug)]
pub struct SubscriberConfig {
    /// What happens at the limits of the session's window.
    pub policy: OverflowPolicy,
    /// Deliveries after which it says how far it is.
    pub acknowledge_deliveries: u32,
    /// Time after which it says how far it is.
    pub acknowledge_after: gomera_model::Duration,
    /// For the jitter between attempts to connect, and the key of hash tables.
    pub seed: u64,
}

impl SubscriberConfig {
    /// The defaults.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            policy: OverflowPolicy::default(),
            acknowledge_deliveries: ACKNOWLEDGE_DELIVERIES,
            acknowledge_after: ACKNOWLEDGE_AFTER,
            seed,
        }
    }
}

/// One call of the application to subscribe, replace or unsubscribe; its answer names it. Unlike an operation number
/// it survives the loss of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestNumber(pub u64);

/// How a session was attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// For the first time.
    New,
    /// The session was still there: nothing is lost, nothing is doubled.
    Continued,
    /// The session was gone: a new one, in which everything is subscribed again. What was published meanwhile is lost.
    Fresh,
}

/// What a subscriber's application is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubscriberEvent {
    /// The session is attached.
    Connected {
        /// The session.
        session: SessionId,
        /// How.
        attachment: Attachment,
    },
    /// The connection is lost, another one is being opened.
    Disconnected,
    /// The answer to a request. Comes once for each.
    Answered {
        /// Which.
        request: RequestNumber,
        /// Of which subscription.
        number: SubscriptionNumber,
        /// Nothing, or why it was refused; then the subscription is as it was before.
        refused: Option<Refusal>,
    },
    /// After [`Attachment::Fresh`]: everything that could be is subscribed again.
    Resubscribed,
    /// After [`Attachment::Fresh`]: a subscription was refused this time and is gone.
    SubscriptionLost {
        /// Which.
        number: SubscriptionNumber,
        /// Why.
        refusal: Refusal,
    },
    /// A notification, with those of the subscriptions that matched. Never the same one twice.
    Delivery(Deliver),
    /// Something was lost here.
    Gap(Gap),
    /// The session is over and the subscriber will not connect again.
    Ended(Refusal),
}

/// Why a request was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Too many requests are unanswered. Wait for answers.
    #[error("too many requests are not answered yet")]
    TooMany,
    /// No subscription has this number, nor is one being made.
    #[error("there is no subscription {0}")]
    NoSubscription(SubscriptionNumber),
    /// The number is beyond what a session may have.
    #[error("subscription number {0} is beyond the limit of a session")]
    NumberTooHigh(SubscriptionNumber),
    /// The subscriber is over.
    #[error("the subscriber has ended")]
    Ended,
}

/// The subscriber's machine.
#[derive(Debug)]
pub struct SubscriberCore {
    config: SubscriberConfig,
}

impl SubscriberCore {
    /// One that has not begun.
    #[must_use]
    pub fn new(config: SubscriberConfig) -> Self {
        Self { config }
    }

    /// Begins: opens the first connection.
    pub fn start(&mut self, now: Time, effects: &mut Effects<SubscriberEvent>) {
        let _ = (now, effects, &self.config);
    }

    /// A connection that was asked for is open.
    pub fn opened(
        &mut self,
        now: Time,
        connection: Generation,
        effects: &mut Effects<SubscriberEvent>,
    ) {
        let _ = (now, connection, effects);
    }

    /// A connection could not be opened, or is gone; with the broker's reason if it gave one.
    pub fn closed(
        &mut self,
        now: Time,
        connection: Generation,
        refusal: Option<Refusal>,
        effects: &mut Effects<SubscriberEvent>,
    ) {
        let _ = (now, connection, refusal, effects);
    }

    /// A frame has come.
    pub fn receive(
        &mut self,
        now: Time,
        connection: Generation,
        frame: ServerFrame,
        effects: &mut Effects<SubscriberEvent>,
    ) {
        let _ = (now, connection, frame, effects);
    }

    /// The application subscribes, or replaces the filter of a subscription that is there.
    ///
    /// # Errors
    ///
    /// Whatever [`RequestError`] names.
    pub fn subscribe(
        &mut self,
        number: SubscriptionNumber,
        filter: FilterText,
        effects: &mut Effects<SubscriberEvent>,
    ) -> Result<RequestNumber, RequestError> {
        let _ = (number, filter, effects);
        Err(RequestError::Ended)
    }

    /// The application unsubscribes. From now on no delivery names the subscription, until it is made again.
    ///
    /// # Errors
    ///
    /// Whatever [`RequestError`] names.
    pub fn unsubscribe(
        &mut self,
        number: SubscriptionNumber,
        effects: &mut Effects<SubscriberEvent>,
    ) -> Result<RequestNumber, RequestError> {
        let _ = (number, effects);
        Err(RequestError::Ended)
    }

    /// The application is done: ends the session with its subscriptions, if a connection is there.
    pub fn end(&mut self, effects: &mut Effects<SubscriberEvent>) {
        let _ = effects;
    }

    /// A time that it asked for has come.
    pub fn wake(&mut self, now: Time, effects: &mut Effects<SubscriberEvent>) {
        let _ = (now, effects);
    }

    /// The session, once there is one.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        None
    }
}
