//! The clients of a run: publishers that follow a schedule, subscribers that count and record.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gomera_client::{
    Client, EndedError, Event, OpenError, PublishError, Publisher, PublisherEvent, PublisherEvents,
    SubscribeError, Subscriber,
};
use gomera_model::silbo::Refusal;
use gomera_model::{PublisherId, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::arrivals::{Arrivals, STRANGER};
use crate::live::Live;
use crate::pacer::{Pacer, nanos};
use crate::readings::Reading;
use crate::schedule::Schedule;

/// Why the clients could not do their part.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FleetError {
    /// A client could not connect.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A filter was refused.
    #[error("cannot subscribe to {filter}: {error}")]
    Subscribe {
        /// Its text.
        filter: String,
        /// Why.
        error: SubscribeError,
    },
    /// A publication was not taken.
    #[error("cannot publish: {0}")]
    Publish(#[from] PublishError),
    /// A publication was refused by the broker.
    #[error("a publication was refused: {}", .0.reason)]
    Refused(Refusal),
    /// A publisher was ended before all was acknowledged.
    #[error("a publisher has ended: {0}")]
    PublisherEnded(#[from] EndedError),
    /// A subscriber was ended by the broker.
    #[error("a subscriber was ended by the broker")]
    SubscriberEnded,
    /// No thread for the clock.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    /// A client's task panicked.
    #[error("a client did not end: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// Connected and subscribed clients.
#[derive(Debug)]
pub struct Fleet {
    publishers: Vec<(Publisher, PublisherEvents)>,
    subscribers: Vec<(Subscriber, Vec<u32>)>,
    live: Arc<Live>,
    records: bool,
}

/// What became of a run.
#[derive(Debug)]
pub struct Outcome {
    /// How many publications of each publisher were acknowledged: all that it had.
    pub published: Vec<u32>,
    /// What each subscriber received.
    pub received: Vec<Received>,
    /// How often a client had to connect again.
    pub reconnects: u64,
    /// Deliveries that came again and were dropped by the client library.
    pub repeats_dropped: u64,
    /// Gaps that the broker signalled: deliveries lost at a session's limits.
    pub gaps: u64,
}

/// What one subscriber received.
#[derive(Debug, Default)]
pub struct Received {
    /// The numbers of its subscriptions, in the order of its filters.
    pub subscriptions: Vec<u32>,
    /// What came, if it was to be recorded.
    pub arrivals: Arrivals,
}

impl Fleet {
    /// Connects publishers and subscribers, and shares the filters out among the latter: the first part of them to the
    /// first subscriber, and so on. Returns when all is subscribed. If it `records`, every delivery is kept.
    ///
    /// # Errors
    ///
    /// If a client cannot connect or subscribe.
    pub async fn connect(
        client: &Client,
        publishers: usize,
        subscribers: usize,
        filters: &[String],
        records: bool,
    ) -> Result<Self, FleetError> {
        let mut fleet = Self {
            publishers: Vec::with_capacity(publishers),
            subscribers: Vec::with_capacity(subscribers),
            live: Arc::new(Live::new()),
            records,
        };
        for _ in 0..publishers {
            fleet
                .publishers
                .push(client.publisher().open_with_events().await?);
        }
        let mut tasks: JoinSet<Result<_, FleetError>> = JoinSet::new();
        for index in 0..subscribers {
            let part = part(filters.len(), subscribers, index);
            let filters = filters[part].to_vec();
            let client = client.clone();
            tasks.spawn(async move { Ok((index, subscribe(&client, filters).await?)) });
        }
        let mut subscribed: BTreeMap<usize, _> = BTreeMap::new();
        while let Some(task) = tasks.join_next().await {
            let (index, subscriber) = task??;
            subscribed.insert(index, subscriber);
        }
        fleet.subscribers.extend(subscribed.into_values());
        Ok(fleet)
    }

    /// What the run does at this moment.
    #[must_use]
    pub fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live)
    }

    /// Publishes what the schedule says, from `start` on, and waits until everything is acknowledged and what the
    /// broker says has matched has arrived.
    ///
    /// # Errors
    ///
    /// If a client is ended, or something that was published is refused.
    pub async fn run(
        self,
        readings: Arc<[Reading]>,
        schedule: &Schedule,
        start: Instant,
    ) -> Result<Outcome, FleetError> {
        let schedule = Arc::new(schedule.clone());
        let ids = self.publishers.iter().map(|(publisher, _)| publisher.id());
        let publishers: Arc<BTreeMap<PublisherId, u16>> = Arc::new(ids.zip(0..).collect());
        let (stop, stopped) = watch::channel(false);
        let mut receiving = JoinSet::new();
        for (index, (subscriber, subscriptions)) in self.subscribers.into_iter().enumerate() {
            let receiver = Receiver {
                publishers: Arc::clone(&publishers),
                schedule: Arc::clone(&schedule),
                start,
                live: Arc::clone(&self.live),
                arrivals: self.records.then(Arrivals::new),
                gaps: 0,
            };
            let stopped = stopped.clone();
            receiving.spawn(async move {
                let ended = receiver.receive(subscriber, stopped).await?;
                Ok((index, subscriptions, ended))
            });
        }
        let published = publish(self.publishers, readings, &schedule, (start, &self.live)).await?;
        arrive(&self.live, published.hits).await;
        // Who has ended before needs not be told.
        let _ = stop.send(true);
        gather(published, receiving).await
    }
}

/// The share of the `index`th of some: even, and in order.
fn part(length: usize, parts: usize, index: usize) -> std::ops::Range<usize> {
    length * index / parts..length * (index + 1) / parts
}

async fn subscribe(
    client: &Client,
    filters: Vec<String>,
) -> Result<(Subscriber, Vec<u32>), FleetError> {
    let mut subscriber = client.subscriber().open().await?;
    let mut numbers = Vec::with_capacity(filters.len());
    for filters in filters.chunks(SUBSCRIBING_MAX) {
        let under_way: Vec<_> = filters
            .iter()
            .map(|filter| subscriber.subscribe(filter.as_str()))
            .collect();
        for (filter, answer) in filters.iter().zip(under_way) {
            let number = answer.await.map_err(|error| FleetError::Subscribe {
                filter: filter.clone(),
                error,
            })?;
            numbers.push(number.0);
        }
    }
    Ok((subscriber, numbers))
}

/// What the publishers came to.
#[derive(Debug, Default)]
struct Published {
    counts: Vec<u32>,
    /// How many subscriptions matched, as the broker says.
    hits: u64,
    reconnects: u64,
}

async fn publish(
    publishers: Vec<(Publisher, PublisherEvents)>,
    readings: Arc<[Reading]>,
    schedule: &Arc<Schedule>,
    (start, live): (Instant, &Arc<Live>),
) -> Result<Published, FleetError> {
    let (pacer, due) = Pacer::start(schedule, start)?;
    let mut tasks = JoinSet::new();
    for (index, ((publisher, events), due)) in publishers.into_iter().zip(due).enumerate() {
        let replay = Replay {
            index,
            readings: Arc::clone(&readings),
            schedule: Arc::clone(schedule),
            start_unix_ns: unix_ns(start),
            live: Arc::clone(live),
        };
        tasks.spawn(replay.publish(publisher, events, due));
    }
    let mut counts = BTreeMap::new();
    let mut published = Published::default();
    while let Some(task) = tasks.join_next().await {
        let (index, part) = task??;
        counts.insert(index, part.count);
        published.hits += part.hits;
        published.reconnects += part.reconnects;
    }
    pacer.join();
    published.counts = counts.into_values().collect();
    Ok(published)
}

/// One publisher's part of a schedule.
struct Replay {
    index: usize,
    readings: Arc<[Reading]>,
    schedule: Arc<Schedule>,
    start_unix_ns: i64,
    live: Arc<Live>,
}

/// What one publisher came to.
struct Replayed {
    count: u32,
    hits: u64,
    reconnects: u64,
}

impl Replay {
    async fn publish(
        self,
        publisher: Publisher,
        events: PublisherEvents,
        mut due: watch::Receiver<u32>,
    ) -> Result<(usize, Replayed), FleetError> {
        let count = self.schedule.publications_of(self.index);
        let acknowledged = tokio::spawn(acknowledged(events, count, Arc::clone(&self.live)));
        let mut sent = 0;
        while sent < count {
            // A pacer that is gone has said that everything is due.
            let now = match due.changed().await {
                Ok(()) => *due.borrow_and_update(),
                Err(_) => count,
            };
            while sent < now {
                let reading = self.schedule.reading(self.index, sent);
                let content = self.readings[reading as usize].content();
                publisher.publish_at(self.due(sent), content).await?;
                self.live.published();
                sent += 1;
            }
        }
        publisher.flush().await?;
        let hits = acknowledged.await??;
        let stats = publisher.finish().await?;
        let replayed = Replayed {
            count,
            hits,
            reconnects: stats.reconnects,
        };
        Ok((self.index, replayed))
    }

    /// When a publication is due, by the wall clock.
    fn due(&self, index: u32) -> Timestamp {
        let after = self.schedule.due_ns(self.index, index);
        Timestamp(self.start_unix_ns + i64::try_from(after).unwrap_or(i64::MAX))
    }
}

/// Takes acknowledgements until all have come, and says how many subscriptions matched.
async fn acknowledged(
    mut events: PublisherEvents,
    count: u32,
    live: Arc<Live>,
) -> Result<u64, FleetError> {
    let mut left = count;
    let mut hits = 0;
    while left > 0 {
        match events.next().await {
            Some(PublisherEvent::Acknowledged { matched, .. }) => {
                live.acknowledged();
                hits += u64::from(matched.unwrap_or(0));
                left -= 1;
            }
            Some(PublisherEvent::Refused { refusal, .. } | PublisherEvent::Ended(refusal)) => {
                return Err(FleetError::Refused(refusal));
            }
            Some(PublisherEvent::Connected | PublisherEvent::Disconnected) => {}
            None => break,
        }
    }
    Ok(hits)
}

/// Waits until so many hits have arrived; not for ever, because what is lost does not.
async fn arrive(live: &Live, hits: u64) {
    let mut seen = live.counts().hits;
    let mut since = Instant::now();
    while seen < hits && since.elapsed() < ARRIVE_WITHIN {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = live.counts().hits;
        if now != seen {
            seen = now;
            since = Instant::now();
        }
    }
    // What comes beyond that should not, and the checker shall see it.
    tokio::time::sleep(STRAGGLERS_WITHIN).await;
}

/// What a subscriber ended with.
struct Ended {
    arrivals: Arrivals,
    gaps: u64,
    reconnects: u64,
    repeats_dropped: u64,
}

type Receiving = JoinSet<Result<(usize, Vec<u32>, Ended), FleetError>>;

async fn gather(published: Published, mut receiving: Receiving) -> Result<Outcome, FleetError> {
    let mut outcome = Outcome {
        published: published.counts,
        received: Vec::new(),
        reconnects: published.reconnects,
        repeats_dropped: 0,
        gaps: 0,
    };
    let mut received = BTreeMap::new();
    while let Some(task) = receiving.join_next().await {
        let (index, subscriptions, ended) = task??;
        outcome.reconnects += ended.reconnects;
        outcome.repeats_dropped += ended.repeats_dropped;
        outcome.gaps += ended.gaps;
        let arrivals = ended.arrivals;
        received.insert(
            index,
            Received {
                subscriptions,
                arrivals,
            },
        );
    }
    outcome.received = received.into_values().collect();
    Ok(outcome)
}

/// Counts what one subscriber receives, and records it if asked to.
struct Receiver {
    publishers: Arc<BTreeMap<PublisherId, u16>>,
    schedule: Arc<Schedule>,
    start: Instant,
    live: Arc<Live>,
    arrivals: Option<Arrivals>,
    gaps: u64,
}

impl Receiver {
    async fn receive(
        mut self,
        mut subscriber: Subscriber,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<Ended, FleetError> {
        loop {
            tokio::select! {
                biased;
                event = subscriber.next() => match event {
                    Some(event) => self.take(event),
                    None => return Err(FleetError::SubscriberEnded),
                },
                _ = stopped.wait_for(|stopped| *stopped) => break,
            }
        }
        let stats = subscriber.stats();
        // Nobody needs to be told in time: the broker forgets a session whose client is gone.
        let _ = timeout(FINISH_WITHIN, subscriber.finish()).await;
        Ok(Ended {
            arrivals: self.arrivals.unwrap_or_default(),
            gaps: self.gaps,
            reconnects: stats.reconnects,
            repeats_dropped: stats.dropped_by_cursor + stats.dropped_by_publisher,
        })
    }

    fn take(&mut self, event: Event) {
        let at_ns = nanos(self.start.elapsed());
        match event {
            Event::Delivery(delivery) => {
                let publisher = self.publishers.get(&delivery.publisher).copied();
                let seq = u32::try_from(delivery.publisher_seq.0).ok();
                let known = publisher.zip(seq).filter(|(_, seq)| *seq > 0);
                let due = known.map(|(p, seq)| self.schedule.due_ns(usize::from(p), seq - 1));
                let latency = due.map(|due| at_ns.saturating_sub(due));
                self.live.delivered(delivery.hits.len(), latency);
                let (publisher, seq) = known.unwrap_or((STRANGER, 0));
                if let Some(arrivals) = &mut self.arrivals {
                    let hits = delivery.hits.iter().map(|hit| hit.number.0);
                    arrivals.push(at_ns, publisher, seq, hits);
                }
            }
            Event::Gap(gap) => self.gaps += gap.count,
            // What these cost, the checker finds; reconnections are counted by the library.
            Event::Disconnected
            | Event::Resumed(_)
            | Event::Resubscribed
            | Event::SubscriptionLost { .. }
            | Event::Ended(_)
            | _ => {}
        }
    }
}

/// A moment by the wall clock.
fn unix_ns(moment: Instant) -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = since.map_or(0, |since| {
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    });
    let ahead = moment.saturating_duration_since(Instant::now());
    let behind = moment.elapsed();
    let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    now.saturating_add(nanos(ahead))
        .saturating_sub(nanos(behind))
}

/// Subscriptions of one client that are under way at once: well below what a broker takes.
const SUBSCRIBING_MAX: usize = 500;
/// When nothing has arrived for so long, what is missing is lost.
const ARRIVE_WITHIN: Duration = Duration::from_secs(5);
/// How long deliveries that should not come are waited for.
const STRAGGLERS_WITHIN: Duration = Duration::from_millis(300);
/// How often it is looked whether all has arrived.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long a subscriber takes to say good-bye, at most.
const FINISH_WITHIN: Duration = Duration::from_secs(2);
