//! Publishers and subscribers that run the whole time, over real connections, and what they have seen.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gomera_client::{Client, Event, Publisher, PublisherEvent, PublisherEvents, Subscriber};
use gomera_model::{AttributesBuilder, Body, Content, ValueRef};
use tokio::runtime::Runtime;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::record::{BUCKETS, Record, SOURCES, Wish};

/// How often each of them publishes.
const PERIOD: Duration = Duration::from_millis(10);
/// Subscribers that are checked.
const SUBSCRIBERS: usize = 16;
/// A connection that is silent for so long is lost: a server that is killed says nothing.
const SILENCE_MAX: Duration = Duration::from_millis(1500);

/// What runs, and what it has seen.
#[derive(Debug)]
pub(crate) struct Load {
    runtime: Runtime,
    sources: Vec<Arc<Source>>,
    pub(crate) records: Vec<Arc<Mutex<Record>>>,
    asleep: Arc<AtomicU64>,
    /// One for each server that it begins with.
    clients: Vec<Client>,
    began: Instant,
}

/// A publisher, from outside.
#[derive(Debug, Default)]
struct Source {
    paused: AtomicBool,
    over: AtomicBool,
    /// The last number that was published.
    published: AtomicU64,
    acknowledged: AtomicU64,
    complaint: Mutex<Option<String>>,
}

impl Load {
    /// Connects everybody, and waits until all subscriptions are acknowledged; then publishes.
    pub(crate) fn start(
        servers: &[String],
        authority: &Path,
        ballast: usize,
    ) -> Result<Self, String> {
        let runtime = Runtime::new().map_err(|error| error.to_string())?;
        let clients = {
            let _inside = runtime.enter();
            // Each begins with another server, so that all hosts have clients.
            let turns = 0..servers.len();
            let lists = turns.map(|turn| [&servers[turn..], &servers[..turn]].concat().join(","));
            let clients = lists.map(|list| client(&list, authority));
            clients.collect::<Result<Vec<_>, _>>()?
        };
        let mut load = Self {
            runtime,
            sources: (0..SOURCES).map(|_| Arc::new(Source::default())).collect(),
            records: Vec::new(),
            asleep: Arc::new(AtomicU64::new(NOBODY)),
            clients,
            began: Instant::now(),
        };
        for number in 0..SUBSCRIBERS {
            let wishes = Wish::of(number);
            let share = ballast / SUBSCRIBERS;
            let subscriber =
                load.runtime
                    .block_on(subscribe(load.client(number), &wishes, share))?;
            let record = Arc::new(Mutex::new(Record::new(number, wishes)));
            load.records.push(Arc::clone(&record));
            let asleep = Arc::clone(&load.asleep);
            load.runtime
                .spawn(listen(subscriber, record, (number, asleep)));
        }
        for (number, source) in load.sources.iter().enumerate() {
            let opening = load
                .client(number)
                .publisher()
                .window(2_000, 1 << 20)
                .open_with_events();
            let opened = load
                .runtime
                .block_on(opening)
                .map_err(|error| error.to_string())?;
            load.runtime
                .spawn(publish(opened, number, Arc::clone(source)));
        }
        Ok(load)
    }

    /// Lets everybody publish, or nobody.
    pub(crate) fn pause(&self, paused: bool) {
        for source in &self.sources {
            source.paused.store(paused, Ordering::SeqCst);
        }
    }

    /// Waits until all that was published is acknowledged; who has not been answered, if that takes too long.
    pub(crate) fn wait_acknowledged(&self, within: Duration) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let waiting = self
                .sources
                .iter()
                .enumerate()
                .find(|(_, source)| !source.is_answered());
            let Some((number, source)) = waiting else {
                return Ok(());
            };
            if let Some(complaint) = source.complaint() {
                return Err(format!("publisher {number}: {complaint}"));
            }
            if began.elapsed() > within {
                let last = source.published.load(Ordering::SeqCst);
                let acknowledged = source.acknowledged.load(Ordering::SeqCst);
                return Err(format!(
                    "publisher {number} has published {last}, of which {acknowledged} were acknowledged, for {} s",
                    within.as_secs()
                ));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until everybody has everything that is acknowledged; what is missing, if that takes too long.
    pub(crate) fn wait_delivered(&self, within: Duration) -> Result<(), Vec<String>> {
        let published: Vec<u64> = self
            .sources
            .iter()
            .map(|source| source.published.load(Ordering::SeqCst))
            .collect();
        let began = Instant::now();
        loop {
            let missing = |record: &Arc<Mutex<Record>>| lock(record).missing(&published);
            let missing: Vec<_> = self.records.iter().filter_map(missing).collect();
            if missing.is_empty() {
                return Ok(());
            }
            if began.elapsed() > within {
                return Err(missing);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Lets one subscriber take nothing for a while.
    pub(crate) fn put_to_sleep(&self, number: usize, time: Duration) {
        let until = u64::try_from((self.began.elapsed() + time).as_millis()).unwrap_or(u64::MAX);
        let who = u64::try_from(number % SUBSCRIBERS).unwrap_or(0);
        self.asleep.store(until << 8 | who, Ordering::SeqCst);
        let asleep = Arc::clone(&self.asleep);
        self.runtime.spawn(async move {
            sleep(time).await;
            asleep.store(NOBODY, Ordering::SeqCst);
        });
    }

    /// Notifications published so far, and pairs of a notification and a subscriber that were checked.
    pub(crate) fn figures(&self) -> (u64, u64) {
        let published = self
            .sources
            .iter()
            .map(|source| source.published.load(Ordering::SeqCst))
            .sum();
        (
            published,
            self.records.iter().map(|record| lock(record).checked).sum(),
        )
    }

    /// Everybody begins with another server.
    fn client(&self, number: usize) -> &Client {
        &self.clients[number % self.clients.len()]
    }

    /// Ends everybody.
    pub(crate) fn stop(self) {
        for source in &self.sources {
            source.over.store(true, Ordering::SeqCst);
        }
        self.runtime.shutdown_timeout(Duration::from_secs(1));
    }
}

impl Source {
    fn is_answered(&self) -> bool {
        self.acknowledged.load(Ordering::SeqCst) == self.published.load(Ordering::SeqCst)
            && self.complaint().is_none()
    }

    fn complaint(&self) -> Option<String> {
        lock(&self.complaint).clone()
    }

    fn complain(&self, why: String) {
        lock(&self.complaint).get_or_insert(why);
    }
}

/// Whoever panics under a lock ends the run anyway.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn client(servers: &str, authority: &Path) -> Result<Client, String> {
    let builder = Client::builder().silence_max(SILENCE_MAX).server(servers);
    let builder = builder.and_then(|builder| builder.ca_file(authority));
    let built = builder.and_then(|builder| builder.build());
    built.map_err(|error| error.to_string())
}

const NOBODY: u64 = 0xFF;

async fn subscribe(client: &Client, wishes: &[Wish], ballast: usize) -> Result<Subscriber, String> {
    let mut subscriber = client
        .subscriber()
        .open()
        .await
        .map_err(|error| error.to_string())?;
    let mut answers: Vec<_> = wishes
        .iter()
        .map(|wish| subscriber.subscribe(wish.filter()))
        .collect();
    for number in 0..ballast {
        let filter = format!("source = 'nobody-{number}' AND number > {number} AND bucket < 12");
        answers.push(subscriber.subscribe(filter));
    }
    for answer in answers {
        let answered = timeout(Duration::from_secs(60), answer).await;
        answered
            .map_err(|_| "no answer to a subscription")?
            .map_err(|error| error.to_string())?;
    }
    Ok(subscriber)
}

async fn listen(
    mut subscriber: Subscriber,
    record: Arc<Mutex<Record>>,
    (own, asleep): (usize, Arc<AtomicU64>),
) {
    let own = u64::try_from(own).unwrap_or(0);
    lock(&record).session = subscriber.session();
    loop {
        while asleep.load(Ordering::SeqCst) & 0xFF == own {
            sleep(Duration::from_millis(20)).await;
        }
        let Some(event) = subscriber.next().await else {
            return lock(&record).note("the session has ended".to_owned());
        };
        let mut record = lock(&record);
        match event {
            Event::Delivery(delivery) => {
                let hits: Vec<u64> = delivery
                    .hits
                    .iter()
                    .map(|hit| u64::from(hit.number.0))
                    .collect();
                let Some((source, number)) = origin(&delivery.content) else {
                    record.note("something was delivered that nobody published".to_owned());
                    continue;
                };
                record.delivered((source, number), &hits);
            }
            Event::Gap(gap) => record.gap(gap.count),
            Event::Disconnected => record.disconnected += 1,
            Event::Resumed(attachment) => {
                record.session = subscriber.session();
                record.resumed(attachment);
            }
            Event::Resubscribed => {}
            Event::SubscriptionLost { number, .. } => {
                record.note(format!("subscription {} is lost", number.0))
            }
            Event::Ended(refusal) => record.note(format!("the session was ended: {refusal:?}")),
            other => record.note(format!("an event that nothing is known of: {other:?}")),
        }
    }
}

fn origin(content: &Content) -> Option<(usize, u64)> {
    let number = |name| match content.attributes.value(name) {
        Some(ValueRef::Int(number)) => u64::try_from(number).ok(),
        _ => None,
    };
    let source = usize::try_from(number("origin")?).ok()?;
    (source < SOURCES).then_some((source, number("number")?))
}

async fn publish(
    (publisher, events): (Publisher, PublisherEvents),
    own: usize,
    source: Arc<Source>,
) {
    tokio::spawn(heed(events, Arc::clone(&source)));
    let mut ticks = interval(PERIOD);
    // What was due while the window was full is published when there is room: the flow is the same on the whole.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut number = 0;
    while !source.over.load(Ordering::SeqCst) {
        ticks.tick().await;
        if source.paused.load(Ordering::SeqCst) {
            continue;
        }
        number += 1;
        source.published.store(number, Ordering::SeqCst);
        if let Err(error) = publisher.publish(content(own, number)).await {
            return source.complain(error.to_string());
        }
    }
}

async fn heed(mut events: PublisherEvents, source: Arc<Source>) {
    while let Some(event) = events.next().await {
        match event {
            PublisherEvent::Acknowledged { .. } => {
                source.acknowledged.fetch_add(1, Ordering::SeqCst);
            }
            PublisherEvent::Refused { .. } | PublisherEvent::Ended(_) => {
                source.complain(format!("{event:?}"))
            }
            PublisherEvent::Connected | PublisherEvent::Disconnected => {}
        }
    }
}

fn content(source: usize, number: u64) -> Content {
    let signed = |number: u64| number.cast_signed();
    let attributes = AttributesBuilder::new()
        .with("source", format!("p{source}").as_str())
        .with("origin", signed(u64::try_from(source).unwrap_or(0)))
        .with("number", signed(number))
        .with("bucket", signed(number % BUCKETS))
        .build();
    let attributes = attributes.expect("four small attributes");
    Content::new(attributes, Body::None).expect("four small attributes")
}
