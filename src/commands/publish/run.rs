//! One run: records in, acknowledgements out, both at once.

use std::io;
use std::time::Duration;

use gomera_client::{PublishError, Publisher, PublisherEvent, PublisherEvents, TryPublishError};
use gomera_model::{Body, Content, Timestamp};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep_until, timeout};

use super::feed::Feed;
use super::tally::Tally;
use crate::commands::servers::OUTPUT_BYTES;
use crate::commands::{Console, Exit};
use crate::records::Record;

/// A publisher, what it shall publish, and what came of it.
#[derive(Debug)]
pub(super) struct Run {
    publisher: Publisher,
    events: PublisherEvents,
    feed: Feed,
    tally: Tally,
    /// Whether acknowledgements are printed.
    prints: bool,
    /// What is to be printed as soon as nothing else is at hand.
    output: String,
    /// Nothing can be published before something is acknowledged.
    is_full: bool,
    /// A connection was lost.
    was_lost: bool,
    /// The publisher cannot go on.
    is_over: bool,
    /// Interrupted: what was sent is waited for until then.
    until: Option<Instant>,
}

/// Lines published between two looks at what was acknowledged.
const LINES_AT_ONCE: usize = 256;
/// After an interrupt what was sent is waited for, but not longer than this.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(10);

impl Run {
    /// Begins.
    pub(super) fn new(
        (publisher, events): (Publisher, PublisherEvents),
        feed: Feed,
        prints: bool,
    ) -> Self {
        Self {
            publisher,
            events,
            feed,
            tally: Tally::default(),
            prints,
            output: String::new(),
            is_full: false,
            was_lost: false,
            is_over: false,
            until: None,
        }
    }

    /// Publishes everything, waits for what was sent, and sums it up.
    pub(super) async fn go(mut self, console: &mut Console) -> io::Result<Exit> {
        let mut interrupts = signal(SignalKind::interrupt())?;
        while !self.is_done() && !console.reader_gone() {
            let until = self.until.unwrap_or_else(Instant::now);
            tokio::select! {
                event = self.events.next() => self.events_came(event, console).await,
                () = self.feed.ready(), if !self.is_full && !self.feed.is_over() => {
                    self.publish(console);
                }
                _ = interrupts.recv() => self.interrupted(console),
                () = sleep_until(until), if self.until.is_some() => self.is_over = true,
            }
        }
        Ok(self.close(console).await)
    }

    fn is_done(&self) -> bool {
        self.is_over || (self.feed.is_over() && self.tally.waiting() == 0)
    }

    /// Publishes what is due, as far as there is room.
    fn publish(&mut self, console: &mut Console) {
        for _ in 0..LINES_AT_ONCE {
            if self.is_full || self.is_over {
                break;
            }
            let Some((record, at)) = self.feed.take() else {
                break;
            };
            self.publish_record(record, at, console);
        }
    }

    fn publish_record(&mut self, record: Record, at: Timestamp, console: &mut Console) {
        let line = record.line;
        let attributes = match record.attributes {
            Ok(attributes) => attributes,
            Err(error) => return self.broken(line, &error.to_string(), console),
        };
        let content = Content {
            attributes,
            body: Body::None,
        };
        match self.publisher.try_publish_at(at, content) {
            Ok(seq) => {
                self.tally.sent(line, seq);
                self.feed.published();
            }
            Err(TryPublishError::WindowFull(content)) => {
                let attributes = Ok(content.attributes);
                self.feed.give_back(Record { line, attributes });
                self.is_full = true;
            }
            Err(TryPublishError::Publish(PublishError::Ended(_))) => self.is_over = true,
            Err(TryPublishError::Publish(error)) => self.broken(line, &error.to_string(), console),
            Err(error) => self.broken(line, &error.to_string(), console),
        }
    }

    fn broken(&mut self, line: u64, reason: &str, console: &mut Console) {
        self.tally.broken();
        console.error(&format!("line {line}: {reason}"));
    }

    /// Takes this event and all that are at hand, then prints.
    async fn events_came(&mut self, first: Option<PublisherEvent>, console: &mut Console) {
        self.is_full = false;
        let mut next = Some(first);
        while let Some(event) = next {
            let Some(event) = event else {
                self.is_over = true;
                break;
            };
            self.event(event, console);
            if self.output.len() >= OUTPUT_BYTES {
                self.print(console);
            }
            next = tokio::select! {
                biased;
                event = self.events.next() => Some(event),
                () = std::future::ready(()) => None,
            };
        }
        self.print(console);
    }

    fn event(&mut self, event: PublisherEvent, console: &mut Console) {
        match event {
            PublisherEvent::Connected => {
                if self.was_lost {
                    console.progress("connected again");
                }
            }
            PublisherEvent::Disconnected => {
                self.was_lost = true;
                console.progress("the connection is lost; trying again");
            }
            PublisherEvent::Acknowledged { seq, matched } => {
                let id = self.publisher.id();
                let acknowledged = self.tally.acknowledged(id, seq, matched);
                if let (Some(acknowledged), true) = (acknowledged, self.prints) {
                    self.output += &acknowledged.to_string();
                    self.output.push('\n');
                }
            }
            PublisherEvent::Refused { seq, refusal } => {
                let line = self.tally.refused(seq).unwrap_or_default();
                console.error(&format!("line {line}: {}", refusal.reason));
            }
            PublisherEvent::Ended(refusal) => {
                console.error(&refusal.reason);
                self.is_over = true;
            }
        }
    }

    fn interrupted(&mut self, console: &mut Console) {
        if self.until.is_some() {
            self.is_over = true;
            return;
        }
        console.progress("interrupted; waiting for what was sent");
        self.feed.stop();
        self.until = Some(Instant::now() + ACKNOWLEDGED_WITHIN);
    }

    fn print(&mut self, console: &mut Console) {
        if !self.output.is_empty() {
            console.text(&self.output);
            self.output.clear();
        }
    }

    async fn close(self, console: &mut Console) -> Exit {
        console.json(&self.tally.summary(self.publisher.id()));
        if self.tally.waiting() == 0 {
            // All is acknowledged; whether the broker hears the goodbye does not matter.
            let _ = timeout(ACKNOWLEDGED_WITHIN, self.publisher.finish()).await;
        }
        match self.tally.is_clean() && !self.is_over {
            true => Exit::Done,
            false => Exit::Failed,
        }
    }
}
