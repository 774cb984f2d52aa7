//! The clients of a run: they publish, subscribe, change their minds, and write everything down.
//!
//! ```text
//! preparing ── all is subscribed ──► flowing ── the time is over ──► ending ── all has come ──► over
//!                                    published at a pace             what is not acknowledged
//!                                    filters come, change and go     is waited for; then marks
//! ```
//!
//! At the end every publisher publishes marks that every subscriber waits for: since what one publisher publishes
//! comes in order, everything before the mark has come with it, or never will.

mod publishing;
mod subscribing;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gomera_client::{Client, OpenError};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::record::Record;
use super::trail::{RUN_FILE, publisher_file, subscriber_file};
use crate::live::Live;

/// What is asked of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// The name of the run; notifications and filters carry it.
    pub run: String,
    /// Decides what is published and asked for.
    pub seed: u64,
    /// Publishing connections.
    pub publishers: usize,
    /// Subscribing connections.
    pub subscribers: usize,
    /// Subscriptions of all subscribers together, two for each at least.
    pub filters: usize,
    /// Notifications a second, of all publishers together.
    pub rate_per_second: u32,
    /// Subscriptions that are made, replaced or ended a second, of all subscribers together.
    pub changes_per_second: u32,
    /// How long notifications are published.
    pub duration: Duration,
    /// How long what is missing is waited for after the last that came.
    pub patience: Duration,
}

/// Why the clients could not begin, or not write down what they did.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientsError {
    /// A client could not connect.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The records cannot be written.
    #[error("cannot write the records: {0}")]
    Record(#[from] io::Error),
    /// The subscriptions were not acknowledged within [`Load::patience`].
    #[error("not everything was subscribed within {} s", patience.as_secs())]
    NotSubscribed {
        /// How long that was waited for.
        patience: Duration,
    },
    /// A client's task panicked.
    #[error("a client did not end: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Preparing,
    /// Since this moment.
    Flowing(Instant),
    Ending,
    Over,
}

/// What a subscriber tells whoever leads the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// All that is to be there at the start is subscribed.
    Subscribed,
    /// Every publisher's mark has come, or nothing will come any more.
    Complete,
}

/// Lets a load run, with a record of each client in `directory`; times count from `start`. `flowing` is told when
/// notifications begin to flow. The clients are spread over those given.
///
/// # Errors
///
/// If a client cannot connect or subscribe at the start, or the records cannot be written. What goes wrong later is
/// in the records.
pub async fn run(
    clients: &[Client],
    load: &Load,
    (directory, start): (&Path, Instant),
    live: &Arc<Live>,
    flowing: impl FnOnce(Instant),
) -> Result<(), ClientsError> {
    describe(load, directory, start)?;
    let (phase, phases) = watch::channel(Phase::Preparing);
    let (words, mut heard) = mpsc::unbounded_channel();
    let mut subscribing: JoinSet<Result<(), ClientsError>> = JoinSet::new();
    for index in 0..load.subscribers {
        let record = Record::create(&directory.join(subscriber_file(index)), start)?;
        let client = clients[index % clients.len()].clone();
        let subscribed = subscribing::Task {
            load: load.clone(),
            index,
            record,
            words: words.clone(),
            live: Arc::clone(live),
            phases: phases.clone(),
        };
        subscribing.spawn(subscribed.run(client));
    }
    drop(words);
    listen(&mut heard, load, Word::Subscribed, &mut subscribing, || 0).await?;
    let mut publishing: JoinSet<Result<(), ClientsError>> = JoinSet::new();
    for index in 0..load.publishers {
        let record = Record::create(&directory.join(publisher_file(index)), start)?;
        let client = clients[index % clients.len()].clone();
        let (publisher, events) = client.publisher().open_with_events().await?;
        let task = publishing::Task {
            load: load.clone(),
            index,
            record: Arc::new(record),
            live: Arc::clone(live),
            phases: phases.clone(),
        };
        publishing.spawn(task.run(publisher, events));
    }
    let begin = Instant::now();
    flowing(begin);
    // Nobody listens any more only if all clients have ended.
    let _ = phase.send(Phase::Flowing(begin));
    tokio::time::sleep(load.duration).await;
    let _ = phase.send(Phase::Ending);
    let progress = || {
        let counts = live.counts();
        counts.acknowledged + counts.deliveries
    };
    match listen(&mut heard, load, Word::Complete, &mut subscribing, progress).await {
        // What is missing the records will tell.
        Ok(()) | Err(ClientsError::NotSubscribed { .. }) => {}
        Err(error) => return Err(error),
    }
    tokio::time::sleep(STRAGGLERS_WITHIN).await;
    let _ = phase.send(Phase::Over);
    for mut tasks in [publishing, subscribing] {
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
    }
    Ok(())
}

/// Waits until every subscriber has said a word; not for ever, where nothing goes on.
async fn listen(
    heard: &mut mpsc::UnboundedReceiver<Word>,
    load: &Load,
    word: Word,
    tasks: &mut JoinSet<Result<(), ClientsError>>,
    progress: impl Fn() -> u64,
) -> Result<(), ClientsError> {
    let mut left = load.subscribers;
    let (mut since, mut before) = (Instant::now(), progress());
    while left > 0 {
        tokio::select! {
            said = heard.recv() => {
                let Some(said) = said else {
                    // All have ended, and said so in their records.
                    return Err(ClientsError::NotSubscribed { patience: load.patience });
                };
                left -= usize::from(said == word);
                since = Instant::now();
            }
            Some(ended) = tasks.join_next() => ended??,
            () = tokio::time::sleep(LOOK_EVERY) => {
                let now = progress();
                if std::mem::replace(&mut before, now) != now {
                    since = Instant::now();
                }
                if since.elapsed() > load.patience {
                    return Err(ClientsError::NotSubscribed { patience: load.patience });
                }
            }
        }
    }
    Ok(())
}

/// What the run is, for whoever finds its records.
fn describe(load: &Load, directory: &Path, start: Instant) -> io::Result<()> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let unix = since.map_or(0.0, |since| since.as_secs_f64()) - start.elapsed().as_secs_f64();
    let text = format!(
        "run={}\nstarted_unix_seconds={unix:.3}\nseed={}\npublishers={}\nsubscribers={}\nfilters={}\nrate={}\nchanges={}\nseconds={}\n",
        load.run,
        load.seed,
        load.publishers,
        load.subscribers,
        load.filters,
        load.rate_per_second,
        load.changes_per_second,
        load.duration.as_secs_f64(),
    );
    std::fs::write(directory.join(RUN_FILE), text)
}

/// How long deliveries that should not come are waited for.
const STRAGGLERS_WITHIN: Duration = Duration::from_millis(300);
/// How often it is looked whether anything goes on.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a client takes to say good-bye, at most.
const FINISH_WITHIN: Duration = Duration::from_secs(2);
