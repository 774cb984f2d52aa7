//! The subscriber.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use gomera_client_core::{
    Attachment, DropReason, Effects, RequestError, RequestNumber, SubscriberConfig, SubscriberCore,
    SubscriberEvent, SubscriberStats,
};
use gomera_model::lane::{FilterText, OverflowPolicy};
use gomera_model::silbo::{Deliver, Refusal, ServerFrame};
use gomera_model::{Gap, Generation, SessionId, SubscriptionNumber, Time};

use crate::client::Client;
use crate::engine::{Engine, Machine};
use crate::error::{EndedError, OpenError, SubscribeError};
use crate::limits::{EVENTS_MAX, EVENTS_WHILE_ASKING_MAX};
use crate::random;

/// The dialect of a filter that is given as text alone.
const NATIVE_DIALECT: &str = "sql";

/// A session with its subscriptions, and what is delivered to it.
///
/// Whoever has one takes its events, always: what is not taken waits here, then at the broker, and is lost there with
/// a signalled gap in the end. Dropping it ends the session.
#[derive(Debug)]
pub struct Subscriber {
    engine: Arc<Engine<Receiving>>,
    taken: VecDeque<Event>,
}

impl Subscriber {
    /// Subscribes. The answer is awaited if the future is; it gives the number by which deliveries name the
    /// subscription. Many may be under way at once:
    ///
    /// ```
    /// # async fn subscribe(subscriber: &mut gomera_client::Subscriber) -> Result<(), gomera_client::SubscribeError> {
    /// let fast = subscriber.subscribe("speed > 20");
    /// let far = subscriber.subscribe("NOT BBOX(position, -18, 27, -13, 30)");
    /// let (fast, far) = (fast.await?, far.await?);
    /// # let _ = (fast, far);
    /// # Ok(())
    /// # }
    /// ```
    pub fn subscribe(&mut self, filter: impl Into<Filter>) -> Subscribing {
        let filter = filter.into().0;
        self.ask(|machine, effects| {
            let number = machine.free_number();
            let request = machine.core.subscribe(number, filter, effects);
            (number, request)
        })
    }

    /// Gives a subscription another filter, or makes one with a number of one's own choice; who does that does not
    /// use [`Subscriber::subscribe`]. If it is refused, the filter before stays in force.
    pub fn replace(
        &mut self,
        number: SubscriptionNumber,
        filter: impl Into<Filter>,
    ) -> Subscribing {
        let filter = filter.into().0;
        self.ask(|machine, effects| (number, machine.core.subscribe(number, filter, effects)))
    }

    /// Ends a subscription. From this call on nothing is delivered for it.
    pub fn unsubscribe(&mut self, number: SubscriptionNumber) -> Subscribing {
        let watches = self.engine.with(|machine| {
            if !machine.watches {
                drop_hits(&mut machine.events, number);
            }
            machine.watches
        });
        if !watches {
            drop_hits(&mut self.taken, number);
        }
        self.ask(|machine, effects| (number, machine.core.unsubscribe(number, effects)))
    }

    /// The next event, waited for; `None` after the last one. Safe to be dropped while it waits.
    pub async fn next(&mut self) -> Option<Event> {
        while self.taken.is_empty() {
            let taken = self.engine.wait_until(Receiving::take_events).await;
            self.engine.events_taken();
            self.taken = taken?;
        }
        self.taken.pop_front()
    }

    /// Ends the session with its subscriptions, and closes the connection.
    pub async fn finish(self) -> SubscriberStats {
        self.engine.end().await;
        self.stats()
    }

    /// What it counted.
    #[must_use]
    pub fn stats(&self) -> SubscriberStats {
        self.engine.with(|machine| *machine.core.stats())
    }

    /// The session; another one after [`Attachment::Fresh`].
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        self.engine.with(|machine| machine.core.session())
    }

    /// Drops the present connection and opens another one, for who knows that the network is another now.
    pub fn reconnect(&self) {
        self.engine.cut();
    }

    fn ask(
        &mut self,
        ask: impl FnOnce(
            &mut Receiving,
            &mut Effects<SubscriberEvent>,
        ) -> (SubscriptionNumber, Result<RequestNumber, RequestError>),
    ) -> Subscribing {
        let asked = self.engine.input(|machine, _, effects| {
            let (number, request) = ask(machine, effects);
            let answer = match request {
                Ok(request) => Ok(machine.wait_for_answer(request)),
                Err(error) => Err(machine.error(error)),
            };
            Subscribing {
                number,
                answer: answer.map_err(Some),
            }
        });
        // While an answer is awaited, more events may wait.
        self.engine.events_taken();
        asked
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.engine
            .input(|machine, _, effects| machine.end(effects));
    }
}

/// What a subscriber is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A notification, with those of the subscriptions that matched. Never the same one twice.
    Delivery(Deliver),
    /// Something was lost here: the session was at its limits.
    Gap(Gap),
    /// The connection is lost; another one is being opened.
    Disconnected,
    /// The session is attached again.
    Resumed(Attachment),
    /// After [`Attachment::Fresh`]: everything that could be is subscribed again.
    Resubscribed,
    /// After [`Attachment::Fresh`]: this subscription was refused this time and is gone.
    SubscriptionLost {
        /// Which.
        number: SubscriptionNumber,
        /// Why.
        refusal: Refusal,
    },
    /// A delivery that the application is not shown, or those of its subscriptions that it is not shown; only for a
    /// subscriber that is [watching](SubscriberBuilder::watching).
    Dropped {
        /// What came.
        delivery: Deliver,
        /// Why it is not shown.
        reason: DropReason,
    },
    /// A request was answered, in order with the deliveries; only for a subscriber that is
    /// [watching](SubscriberBuilder::watching).
    Answered {
        /// Of which subscription.
        number: SubscriptionNumber,
        /// Nothing, or why it was refused.
        refused: Option<Refusal>,
    },
    /// The last event: the session is over.
    Ended(Refusal),
}

/// A filter as text. Text alone is in the native dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(FilterText);

impl Filter {
    /// A filter in a dialect: `sql`, `jms`, `amqp-sql`, `cesql` or `mqtt`.
    #[must_use]
    pub fn in_dialect(dialect: &str, text: &str) -> Self {
        Self(FilterText {
            dialect: dialect.into(),
            text: text.into(),
        })
    }
}

impl From<&str> for Filter {
    fn from(text: &str) -> Self {
        Self::in_dialect(NATIVE_DIALECT, text)
    }
}

impl From<String> for Filter {
    fn from(text: String) -> Self {
        Self(FilterText {
            dialect: NATIVE_DIALECT.into(),
            text,
        })
    }
}

/// A subscription being made, replaced or ended. It is under way without being awaited; awaited, it is the answer.
#[derive(Debug)]
#[must_use = "without its answer nobody knows whether it was refused"]
pub struct Subscribing {
    number: SubscriptionNumber,
    /// Where the answer will be; or the error, until it is told.
    answer: Result<Answer, Option<SubscribeError>>,
}

type Answer = oneshot::Receiver<Result<(), SubscribeError>>;

impl Subscribing {
    /// The number of the subscription.
    #[must_use]
    pub fn number(&self) -> SubscriptionNumber {
        self.number
    }
}

impl Future for Subscribing {
    type Output = Result<SubscriptionNumber, SubscribeError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let number = self.number;
        match &mut self.answer {
            Ok(answer) => Pin::new(answer).poll(context).map(|answer| {
                answer
                    .expect("every request is answered, at the end of the subscriber at last")
                    .map(|()| number)
            }),
            Err(error) => Poll::Ready(Err(error.take().expect("polled after it was ready"))),
        }
    }
}

impl Client {
    /// Begins to make a subscriber.
    pub fn subscriber(&self) -> SubscriberBuilder {
        SubscriberBuilder::new(self.clone())
    }
}

/// What a subscriber is made of.
#[derive(Clone, Debug)]
#[must_use]
pub struct SubscriberBuilder {
    client: Client,
    config: SubscriberConfig,
    watches: bool,
}

impl SubscriberBuilder {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            config: SubscriberConfig::new(random::number()),
            watches: false,
        }
    }

    /// Also tells what the library keeps from its application: deliveries that it drops, and the answers to requests in
    /// order with what is delivered. What waits for a subscription when that is ended is still shown. For those who
    /// check a broker.
    pub fn watching(mut self) -> Self {
        self.config.tells_dropped = true;
        self.watches = true;
        self
    }

    /// What happens when more waits for this session than it may have; a signalled gap if this is not called.
    pub fn policy(mut self, policy: OverflowPolicy) -> Self {
        self.config.policy = policy;
        self
    }

    /// Connects, and begins a session.
    ///
    /// # Errors
    ///
    /// If no server can be reached, or the broker refuses.
    pub async fn open(self) -> Result<Subscriber, OpenError> {
        let machine = Receiving {
            core: SubscriberCore::new(self.config),
            was_welcomed: false,
            ended: None,
            events: VecDeque::new(),
            waiting: BTreeMap::new(),
            next_number: SubscriptionNumber(0),
            watches: self.watches,
        };
        Ok(Subscriber {
            engine: Engine::open(self.client, machine).await?,
            taken: VecDeque::new(),
        })
    }
}

/// The machine with its application's side.
#[derive(Debug)]
struct Receiving {
    core: SubscriberCore,
    was_welcomed: bool,
    ended: Option<Refusal>,
    /// Those that wait for the application.
    events: VecDeque<Event>,
    /// Requests whose answers are awaited.
    waiting: BTreeMap<RequestNumber, oneshot::Sender<Result<(), SubscribeError>>>,
    next_number: SubscriptionNumber,
    /// Whether it is told what its application is not.
    watches: bool,
}

impl Receiving {
    /// A number that was not used before. A session that has used them all is told so by the machine.
    fn free_number(&mut self) -> SubscriptionNumber {
        let number = self.next_number;
        self.next_number = SubscriptionNumber(number.0.saturating_add(1));
        number
    }

    fn wait_for_answer(&mut self, request: RequestNumber) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.waiting.insert(request, answer);
        answered
    }

    fn error(&self, error: RequestError) -> SubscribeError {
        match &self.ended {
            Some(refusal) => ended(refusal),
            None => SubscribeError::Request(error),
        }
    }

    /// All events that wait; `None` if there will be no more.
    fn take_events(&mut self) -> Option<Option<VecDeque<Event>>> {
        if !self.events.is_empty() {
            return Some(Some(std::mem::take(&mut self.events)));
        }
        self.ended.is_some().then_some(None)
    }

    fn push(&mut self, event: Event) {
        self.events.push_back(event);
        if self.events.len() >= EVENTS_WHILE_ASKING_MAX {
            self.answer_all(&SubscribeError::EventsNotTaken);
        }
    }

    fn answer(&mut self, request: RequestNumber, refused: Option<Refusal>) {
        if let Some(answer) = self.waiting.remove(&request) {
            // Nobody has to wait for it.
            let _ = answer.send(refused.map_or(Ok(()), |why| Err(SubscribeError::Refused(why))));
        }
    }

    fn answer_all(&mut self, error: &SubscribeError) {
        for (_, answer) in std::mem::take(&mut self.waiting) {
            let _ = answer.send(Err(error.clone()));
        }
    }

    fn connected(&mut self, attachment: Attachment) {
        if self.was_welcomed {
            self.push(Event::Resumed(attachment));
        }
        self.was_welcomed = true;
    }
}

impl Machine for Receiving {
    type Event = SubscriberEvent;

    fn start(&mut self, now: Time, effects: &mut Effects<SubscriberEvent>) {
        self.core.start(now, effects);
    }

    fn opened(
        &mut self,
        now: Time,
        connection: Generation,
        effects: &mut Effects<SubscriberEvent>,
    ) {
        self.core.opened(now, connection, effects);
    }

    fn closed(
        &mut self,
        now: Time,
        connection: Generation,
        refusal: Option<Refusal>,
        effects: &mut Effects<SubscriberEvent>,
    ) {
        self.core.closed(now, connection, refusal, effects);
    }

    fn receive(
        &mut self,
        now: Time,
        connection: Generation,
        frame: ServerFrame,
        effects: &mut Effects<SubscriberEvent>,
    ) {
        self.core.receive(now, connection, frame, effects);
    }

    fn wake(&mut self, now: Time, effects: &mut Effects<SubscriberEvent>) {
        self.core.wake(now, effects);
    }

    fn end(&mut self, effects: &mut Effects<SubscriberEvent>) {
        self.core.end(effects);
    }

    fn event(&mut self, event: SubscriberEvent) {
        match event {
            SubscriberEvent::Connected { attachment, .. } => self.connected(attachment),
            SubscriberEvent::Disconnected => self.push(Event::Disconnected),
            SubscriberEvent::Answered {
                request,
                number,
                refused,
            } => {
                if self.watches {
                    let refused = refused.clone();
                    self.push(Event::Answered { number, refused });
                }
                self.answer(request, refused);
            }
            SubscriberEvent::Dropped { delivery, reason } => {
                self.push(Event::Dropped { delivery, reason });
            }
            SubscriberEvent::Resubscribed => self.push(Event::Resubscribed),
            SubscriberEvent::SubscriptionLost { number, refusal } => {
                self.push(Event::SubscriptionLost { number, refusal });
            }
            SubscriberEvent::Delivery(delivery) => self.push(Event::Delivery(delivery)),
            SubscriberEvent::Gap(gap) => self.push(Event::Gap(gap)),
            SubscriberEvent::Ended(refusal) => {
                self.answer_all(&ended(&refusal));
                self.push(Event::Ended(refusal.clone()));
                self.ended = Some(refusal);
            }
        }
    }

    fn is_full(&self) -> bool {
        let limit = if self.waiting.is_empty() {
            EVENTS_MAX
        } else {
            EVENTS_WHILE_ASKING_MAX
        };
        self.events.len() >= limit
    }

    fn was_welcomed(&self) -> bool {
        self.was_welcomed
    }

    fn ended(&self) -> Option<&Refusal> {
        self.ended.as_ref()
    }
}

fn ended(refusal: &Refusal) -> SubscribeError {
    SubscribeError::Ended(EndedError {
        refusal: refusal.clone(),
    })
}

/// Takes a subscription out of deliveries that wait.
fn drop_hits(events: &mut VecDeque<Event>, number: SubscriptionNumber) {
    events.retain_mut(|event| {
        let Event::Delivery(delivery) = event else {
            return true;
        };
        delivery.hits.retain(|hit| hit.number != number);
        !delivery.hits.is_empty()
    });
}
