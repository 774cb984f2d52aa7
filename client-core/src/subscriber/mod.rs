//! The subscriber's side: its session, its subscriptions, how far it is, and what must not be shown twice.

mod progress;
mod requests;

use alloc::vec::Vec;

use gomera_model::lane::{FilterText, OverflowPolicy};
use gomera_model::limits::{FILTER_BYTES_MAX, SUBSCRIPTIONS_PER_SESSION_MAX, TEXT_BYTES_MAX};
use gomera_model::silbo::{ClientFrame, Connect, Deliver, Refusal, RefusalCode, ServerFrame};
use gomera_model::{
    Duration, Gap, Generation, OperationNumber, SessionId, SessionToken, SubscriptionNumber, Time,
};

use crate::connection::{Connection, Loss, close};
use crate::effect::{Effect, Effects};
use crate::limits::{ACKNOWLEDGE_AFTER, ACKNOWLEDGE_DELIVERIES, REQUESTS_MAX};
use crate::stats::SubscriberStats;

use self::progress::{Novelty, Progress};
use self::requests::{Answer, Requests};

/// What a subscriber is made of.
#[derive(Clone, Debug)]
pub struct SubscriberConfig {
    /// What happens at the limits of the session's window.
    pub policy: OverflowPolicy,
    /// Deliveries after which it says how far it is.
    pub acknowledge_deliveries: u32,
    /// Time after which it says how far it is.
    pub acknowledge_after: Duration,
    /// For the jitter between attempts to connect, and the key of hash tables.
    pub seed: u64,
    /// Whether the application is told of what it is not shown ([`SubscriberEvent::Dropped`]): for those who check the
    /// broker, which this machine otherwise makes look better than it is.
    pub tells_dropped: bool,
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
            tells_dropped: false,
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

/// Why a delivery, or a part of it, was not shown to the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// It was not beyond the cursor of its access point.
    Cursor,
    /// It was not beyond the last number of its publisher.
    Publisher,
    /// The application had ended these subscriptions.
    Unsubscribed,
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
    /// A delivery that is not shown, or those of its subscriptions that are not; only if the config asks for it.
    Dropped {
        /// What came.
        delivery: Deliver,
        /// Why it is not shown.
        reason: DropReason,
    },
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
    /// The filter's text, or the name of its dialect, is longer than the limit.
    #[error("a filter of {bytes} bytes is longer than the limit of {FILTER_BYTES_MAX}")]
    FilterTooLong {
        /// How long it is.
        bytes: usize,
    },
    /// The number is beyond what a session may have.
    #[error("subscription number {0} is beyond the limit of a session")]
    NumberTooHigh(SubscriptionNumber),
    /// The subscriber is over.
    #[error("the subscriber has ended")]
    Ended,
}

/// The subscriber's machine.
///
/// Operations are sent in the order of their numbers, some thousand ahead of their answers. After a resume those
/// unanswered are sent again; after the loss of a session, everything that was confirmed and then those unanswered.
#[derive(Debug)]
pub struct SubscriberCore {
    config: SubscriberConfig,
    connection: Connection,
    session: Option<(SessionId, SessionToken)>,
    /// Whether there was a session before the present one, or the one to come.
    lost_session: bool,
    was_welcomed: bool,
    requests: Requests,
    progress: Progress,
    acknowledging: Acknowledging,
    stats: SubscriberStats,
}

/// The broker's answer to a hello.
struct Welcome {
    connection: Generation,
    session: SessionId,
    token: SessionToken,
    resumed: bool,
}

/// What the broker has not been told yet of how far this is.
#[derive(Debug)]
enum Acknowledging {
    Nothing,
    /// So many deliveries; at the time at the latest it will be told.
    Some {
        deliveries: u32,
        until: Time,
    },
}

impl SubscriberCore {
    /// One that has not begun.
    #[must_use]
    pub fn new(config: SubscriberConfig) -> Self {
        Self {
            connection: Connection::new(config.seed),
            session: None,
            lost_session: false,
            was_welcomed: false,
            requests: Requests::new(),
            progress: Progress::new(config.seed),
            acknowledging: Acknowledging::Nothing,
            stats: SubscriberStats::default(),
            config,
        }
    }

    /// Begins: opens the first connection.
    pub fn start(&mut self, now: Time, effects: &mut Effects<SubscriberEvent>) {
        self.connection.start(now, effects);
    }

    /// A connection that was asked for is open.
    pub fn opened(
        &mut self,
        now: Time,
        connection: Generation,
        effects: &mut Effects<SubscriberEvent>,
    ) {
        let _ = now;
        if self.connection.opened(connection, effects) {
            let connect = Connect {
                resume: self.session,
                generation: connection,
                cursors: match self.session {
                    Some(_) => self.progress.cursors(),
                    None => Vec::new(),
                },
                policy: self.config.policy,
            };
            effects.send(connection, ClientFrame::Connect(connect));
        }
    }

    /// A connection could not be opened, or is gone; with the broker's reason if it gave one.
    pub fn closed(
        &mut self,
        now: Time,
        connection: Generation,
        refusal: Option<Refusal>,
        effects: &mut Effects<SubscriberEvent>,
    ) {
        let code = refusal.as_ref().map(|refusal| refusal.code);
        let was_in_use = self.is_in_use(connection);
        let loss = self.connection.lost(now, connection, refusal, effects);
        tell(loss, effects);
        if was_in_use && code == Some(RefusalCode::SessionUnknown) {
            self.lose_session();
            self.leave_current(now, effects);
        }
    }

    /// A frame has come.
    pub fn receive(
        &mut self,
        now: Time,
        connection: Generation,
        frame: ServerFrame,
        effects: &mut Effects<SubscriberEvent>,
    ) {
        let is_current = self.connection.current() == Some(connection);
        if !self.is_in_use(connection) {
            return;
        }
        match frame {
            ServerFrame::Deliver(deliver) if is_current => self.deliver(now, deliver, effects),
            ServerFrame::Answered { operation, refused } if is_current => {
                self.answered(operation, refused, effects);
            }
            ServerFrame::Gap(gap) if is_current => self.gap(now, gap, effects),
            ServerFrame::Connected {
                session,
                token,
                resumed,
            } if !is_current => {
                let welcome = Welcome {
                    connection,
                    session,
                    token,
                    resumed,
                };
                self.welcomed(now, &welcome, effects);
            }
            ServerFrame::Goaway => {
                let loss = self.connection.goaway(now, connection, effects);
                tell(loss, effects);
            }
            ServerFrame::Refused(refusal) => {
                self.closed(now, connection, Some(refusal), effects);
                if !self.connection.has_ended() {
                    close(connection, RefusalCode::Ended, effects);
                }
            }
            ServerFrame::Pong(_) => {}
            ServerFrame::Deliver(_)
            | ServerFrame::Answered { .. }
            | ServerFrame::Gap(_)
            | ServerFrame::Connected { .. }
            | ServerFrame::PublisherOpened { .. }
            | ServerFrame::Published { .. }
            | ServerFrame::PublicationRefused { .. } => {
                self.fail("a frame that does not belong here", effects);
            }
        }
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
        if filter.text.len() > FILTER_BYTES_MAX {
            let bytes = filter.text.len();
            return Err(RequestError::FilterTooLong { bytes });
        }
        if filter.dialect.len() > TEXT_BYTES_MAX {
            let bytes = filter.dialect.len();
            return Err(RequestError::FilterTooLong { bytes });
        }
        self.ask(number, Some(filter), effects)
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
        self.ask(number, None, effects)
    }

    /// The application is done: ends the session with its subscriptions, if a connection is there. Without one the
    /// broker ends it when it has waited long enough.
    pub fn end(&mut self, effects: &mut Effects<SubscriberEvent>) {
        if self.connection.has_ended() {
            return;
        }
        if let Some(connection) = self.connection.current() {
            effects.send(connection, ClientFrame::Bye);
        }
        self.connection.leave(effects);
        let refusal = Refusal::new(RefusalCode::Ended, "the application ended it");
        effects.event(SubscriberEvent::Ended(refusal));
    }

    /// A time that it asked for has come.
    pub fn wake(&mut self, now: Time, effects: &mut Effects<SubscriberEvent>) {
        let loss = self.connection.wake(now, effects);
        tell(loss, effects);
        match self.acknowledging {
            Acknowledging::Some { until, .. } if until <= now => self.acknowledge(effects),
            Acknowledging::Some { until, .. } => effects.push(Effect::WakeAt(until)),
            Acknowledging::Nothing => {}
        }
    }

    /// The session, once there is one.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        self.session.map(|(session, _)| session)
    }

    /// How many operations are not answered yet.
    #[must_use]
    pub fn unanswered(&self) -> usize {
        self.requests.unanswered()
    }

    /// What it counted.
    #[must_use]
    pub fn stats(&self) -> &SubscriberStats {
        &self.stats
    }

    fn is_in_use(&self, connection: Generation) -> bool {
        self.connection.current() == Some(connection) || self.connection.is_opening(connection)
    }

    fn ask(
        &mut self,
        number: SubscriptionNumber,
        filter: Option<FilterText>,
        effects: &mut Effects<SubscriberEvent>,
    ) -> Result<RequestNumber, RequestError> {
        if self.connection.has_ended() {
            return Err(RequestError::Ended);
        }
        if number.0 >= SUBSCRIPTIONS_PER_SESSION_MAX {
            return Err(RequestError::NumberTooHigh(number));
        }
        if self.requests.unanswered() >= REQUESTS_MAX {
            return Err(RequestError::TooMany);
        }
        let request = self.requests.ask(number, filter);
        self.send_requests(effects);
        Ok(request)
    }

    fn welcomed(&mut self, now: Time, welcome: &Welcome, effects: &mut Effects<SubscriberEvent>) {
        if !self.connection.welcomed(welcome.connection, effects) {
            return;
        }
        if !welcome.resumed && self.session.is_some() {
            self.lose_session();
        }
        let attachment = match (welcome.resumed, self.lost_session) {
            (true, _) => Attachment::Continued,
            (false, true) => Attachment::Fresh,
            (false, false) => Attachment::New,
        };
        self.session = Some((welcome.session, welcome.token));
        self.lost_session = false;
        self.stats.reconnects += u64::from(self.was_welcomed);
        self.was_welcomed = true;
        effects.event(SubscriberEvent::Connected {
            session: welcome.session,
            attachment,
        });
        if attachment == Attachment::Fresh && !self.requests.is_resubscribing() {
            effects.event(SubscriberEvent::Resubscribed);
        }
        self.requests.repeat();
        self.send_requests(effects);
        self.progress.forget_told();
        self.acknowledging = Acknowledging::Nothing;
        if self.progress.is_untold() {
            self.progressed(now, effects);
        }
    }

    fn lose_session(&mut self) {
        if self.session.take().is_some() {
            self.lost_session = true;
            self.stats.sessions_lost += 1;
            self.requests.begin_again();
            self.progress.forget_access_points();
        }
    }

    /// The session is lost, and with it the connection over which it was used, if there is one still.
    fn leave_current(&mut self, now: Time, effects: &mut Effects<SubscriberEvent>) {
        if let Some(current) = self.connection.current() {
            close(current, RefusalCode::Ended, effects);
            self.closed(now, current, None, effects);
        }
    }

    fn send_requests(&mut self, effects: &mut Effects<SubscriberEvent>) {
        let Some(connection) = self.connection.current() else {
            return;
        };
        while let Some((request, is_repeat)) = self.requests.next() {
            effects.send(connection, ClientFrame::Request(request));
            self.stats.repeated += u64::from(is_repeat);
        }
    }

    fn answered(
        &mut self,
        operation: OperationNumber,
        refused: Option<Refusal>,
        effects: &mut Effects<SubscriberEvent>,
    ) {
        let was_resubscribing = self.requests.is_resubscribing();
        match self.requests.answered(operation, refused.is_some()) {
            Answer::Repeated | Answer::Resubscribed => {}
            Answer::Unknown => {
                return self.fail("an answer to an operation that was not sent", effects);
            }
            Answer::Request(request, number) => effects.event(SubscriberEvent::Answered {
                request,
                number,
                refused,
            }),
            Answer::Lost(number) => {
                let refusal = refused.expect("only what is refused is lost");
                effects.event(SubscriberEvent::SubscriptionLost { number, refusal });
            }
        }
        if was_resubscribing && !self.requests.is_resubscribing() {
            effects.event(SubscriberEvent::Resubscribed);
        }
        self.send_requests(effects);
    }

    fn deliver(&mut self, now: Time, mut deliver: Deliver, effects: &mut Effects<SubscriberEvent>) {
        match self.progress.delivered(&deliver) {
            Novelty::KnownByCursor => {
                self.stats.dropped_by_cursor += 1;
                self.dropped(deliver, DropReason::Cursor, effects);
                return;
            }
            Novelty::KnownByPublisher => {
                self.stats.dropped_by_publisher += 1;
                self.dropped(deliver, DropReason::Publisher, effects);
            }
            Novelty::New => {
                let ended = self.requests.drop_ended(&mut deliver.hits);
                if !ended.is_empty() && self.config.tells_dropped {
                    let delivery = Deliver {
                        hits: ended,
                        ..deliver.clone()
                    };
                    self.dropped(delivery, DropReason::Unsubscribed, effects);
                }
                if deliver.hits.is_empty() {
                    self.stats.dropped_after_unsubscribe += 1;
                } else {
                    self.stats.deliveries += 1;
                    effects.event(SubscriberEvent::Delivery(deliver));
                }
            }
        }
        self.progressed(now, effects);
    }

    fn dropped(
        &self,
        delivery: Deliver,
        reason: DropReason,
        effects: &mut Effects<SubscriberEvent>,
    ) {
        if self.config.tells_dropped {
            effects.event(SubscriberEvent::Dropped { delivery, reason });
        }
    }

    fn gap(&mut self, now: Time, gap: Gap, effects: &mut Effects<SubscriberEvent>) {
        if gap.first > gap.last {
            return self.fail("a gap that ends before it begins", effects);
        }
        if let Some(gap) = self.progress.lost(gap) {
            self.stats.gaps += 1;
            effects.event(SubscriberEvent::Gap(gap));
            self.progressed(now, effects);
        }
    }

    /// Some cursor has moved: the broker is told, at once or later.
    fn progressed(&mut self, now: Time, effects: &mut Effects<SubscriberEvent>) {
        let (deliveries, until) = match self.acknowledging {
            Acknowledging::Some { deliveries, until } => (deliveries + 1, until),
            Acknowledging::Nothing => {
                let until = now + self.config.acknowledge_after;
                effects.push(Effect::WakeAt(until));
                (1, until)
            }
        };
        self.acknowledging = Acknowledging::Some { deliveries, until };
        if deliveries >= self.config.acknowledge_deliveries {
            self.acknowledge(effects);
        }
    }

    fn acknowledge(&mut self, effects: &mut Effects<SubscriberEvent>) {
        self.acknowledging = Acknowledging::Nothing;
        if let Some(connection) = self.connection.current() {
            let cursors = self.progress.tell();
            effects.send(connection, ClientFrame::Acknowledge(cursors));
        }
    }

    /// The broker does not keep to the protocol. Another connection would not help.
    fn fail(&mut self, reason: &'static str, effects: &mut Effects<SubscriberEvent>) {
        self.connection.end(RefusalCode::Malformed, effects);
        let refusal = Refusal::new(RefusalCode::Malformed, reason);
        effects.event(SubscriberEvent::Ended(refusal));
    }
}

fn tell(loss: Loss, effects: &mut Effects<SubscriberEvent>) {
    match loss {
        Loss::Unnoticed => {}
        Loss::Disconnected => effects.event(SubscriberEvent::Disconnected),
        Loss::Ended(refusal) => effects.event(SubscriberEvent::Ended(refusal)),
    }
}

#[cfg(test)]
mod tests;
