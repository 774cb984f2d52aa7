//! One publisher: keeps to its pace whatever happens, and marks the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gomera_client::{Publisher, PublisherEvent, PublisherEvents};
use gomera_model::{Body, Content};
use tokio::sync::watch;
use tokio::time::timeout;

use super::{ClientsError, FINISH_WITHIN, Load, Phase};
use crate::live::Live;
use crate::pacer::nanos;
use crate::verify::content::{Author, Draft, attributes, digest};
use crate::verify::record::{Record, one_line};
use crate::verify::value::write_attributes;

/// A publisher's part of a run.
pub(super) struct Task {
    pub(super) load: Load,
    pub(super) index: usize,
    pub(super) record: Arc<Record>,
    pub(super) live: Arc<Live>,
    pub(super) phases: watch::Receiver<Phase>,
}

impl Task {
    pub(super) async fn run(
        self,
        publisher: Publisher,
        events: PublisherEvents,
    ) -> Result<(), ClientsError> {
        self.record.say(format_args!("o {:x}", publisher.id().0));
        let ordinary = Arc::new(AtomicU64::new(u64::MAX));
        let hearing = Hearing {
            record: Arc::clone(&self.record),
            live: Arc::clone(&self.live),
            ordinary: Arc::clone(&ordinary),
        };
        let mut heard = tokio::spawn(hearing.hear(events));
        let record = Arc::clone(&self.record);
        self.publish(&publisher, &ordinary).await;
        // What is not acknowledged by now is waited for no longer; the record tells.
        let _ = timeout(FINISH_WITHIN, publisher.finish()).await;
        // Whoever finishes tells all that has come before.
        if timeout(FINISH_WITHIN, &mut heard).await.is_err() {
            heard.abort();
        }
        record.say(format_args!("f"));
        record.flush()?;
        Ok(())
    }

    async fn publish(mut self, publisher: &Publisher, ordinary: &AtomicU64) {
        let seed = self.load.seed.wrapping_add(1_000 + self.index as u64);
        let mut author = Author::new(&self.load.run, seed);
        let Some(begin) = self.begin().await else {
            return;
        };
        let mut seq = 0;
        for turn in 0.. {
            let due = begin + self.due(turn);
            tokio::select! {
                biased;
                phase = self.phases.wait_for(|phase| matches!(phase, Phase::Ending | Phase::Over)) => {
                    drop(phase);
                    break;
                }
                () = tokio::time::sleep_until(due.into()) => {}
            }
            seq += 1;
            let draft = author.notification();
            if !self.publish_one(publisher, seq, (due, &draft)).await {
                return;
            }
        }
        ordinary.store(seq, Ordering::SeqCst);
        self.settle(publisher).await;
        while *self.phases.borrow() != Phase::Over {
            seq += 1;
            if !self
                .publish_one(publisher, seq, (Instant::now(), &author.end()))
                .await
            {
                return;
            }
            let is_over = self.phases.wait_for(|phase| *phase == Phase::Over);
            let _ = timeout(MARK_EVERY, is_over).await;
        }
    }

    /// When notifications begin to flow.
    async fn begin(&mut self) -> Option<Instant> {
        let phase = self
            .phases
            .wait_for(|phase| *phase != Phase::Preparing)
            .await;
        match *phase.ok()? {
            Phase::Flowing(begin) => Some(begin),
            Phase::Preparing | Phase::Ending | Phase::Over => None,
        }
    }

    /// When a notification of this publisher is due: publishers take turns.
    fn due(&self, turn: u64) -> Duration {
        let of_all = turn * self.load.publishers as u64 + self.index as u64;
        Duration::from_nanos(of_all.saturating_mul(NANOS) / u64::from(self.load.rate_per_second))
    }

    /// Whether there is sense in going on.
    async fn publish_one(
        &mut self,
        publisher: &Publisher,
        seq: u64,
        (due, draft): (Instant, &Draft),
    ) -> bool {
        let attributes = attributes(draft);
        let digest = digest(attributes.encoded());
        let mut text = String::new();
        write_attributes(&mut text, draft);
        let late = nanos(due.elapsed());
        let now = self.record.now();
        let due = now.saturating_sub(late);
        self.record
            .say_at(now, format_args!("p {seq} {due} {digest:x}{text}"));
        self.live.published();
        let content = Content {
            attributes,
            body: Body::None,
        };
        tokio::select! {
            published = publisher.publish(content) => match published {
                Ok(given) => {
                    assert_eq!(given.0, seq, "the library numbers from 1, without a hole");
                    true
                }
                Err(error) => {
                    self.record.say(format_args!("e {}", one_line(&error.to_string())));
                    false
                }
            },
            _ = self.phases.wait_for(|phase| *phase == Phase::Over) => false,
        }
    }

    /// Waits until all is acknowledged, or the run is over.
    async fn settle(&mut self, publisher: &Publisher) {
        tokio::select! {
            // Who has ended has said so.
            _ = publisher.flush() => {}
            _ = self.phases.wait_for(|phase| *phase == Phase::Over) => {}
        }
    }
}

/// Writes down what becomes of what was published.
struct Hearing {
    record: Arc<Record>,
    live: Arc<Live>,
    /// The last that is not a mark; marks do not show that anything goes on.
    ordinary: Arc<AtomicU64>,
}

impl Hearing {
    async fn hear(self, mut events: PublisherEvents) {
        let Self {
            record,
            live,
            ordinary,
        } = self;
        let mut was_welcomed = false;
        while let Some(event) = events.next().await {
            match event {
                PublisherEvent::Acknowledged { seq, matched } => {
                    if seq.0 <= ordinary.load(Ordering::SeqCst) {
                        live.acknowledged();
                    }
                    record.say(format_args!("a {} {}", seq.0, matched.unwrap_or(0)));
                }
                PublisherEvent::Refused { seq, refusal } => {
                    record.say(format_args!("r {} {}", seq.0, one_line(&refusal.reason)));
                }
                PublisherEvent::Connected if was_welcomed => record.say(format_args!("c")),
                PublisherEvent::Connected => was_welcomed = true,
                PublisherEvent::Disconnected => record.say(format_args!("d")),
                // That it was ended from here is said at the end.
                PublisherEvent::Ended(refusal)
                    if refusal.code == gomera_model::silbo::RefusalCode::Ended => {}
                PublisherEvent::Ended(refusal) => {
                    record.say(format_args!("e {}", one_line(&refusal.reason)));
                }
            }
        }
    }
}

const NANOS: u64 = 1_000_000_000;
/// How often the end is marked: a session that was lost meanwhile hears of the next one.
const MARK_EVERY: Duration = Duration::from_secs(1);
