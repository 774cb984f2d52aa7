//! What arrives, printed as it comes: at once when little comes, many in one write when much does.

use std::io;
use std::time::Duration;

use gomera_client::{Attachment, Event, Subscriber};
use gomera_model::SubscriptionNumber;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep_until, timeout};

use super::output::Output;
use crate::broker::wall_clock;
use crate::commands::servers::OUTPUT_BYTES;
use crate::commands::{Console, Exit};

/// When it is enough.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    /// After so many notifications.
    pub(super) count: Option<u64>,
    /// After so long.
    pub(super) after: Option<Duration>,
}

/// A subscriber whose filters are registered.
#[derive(Debug)]
pub(super) struct Run {
    subscriber: Subscriber,
    numbers: Vec<SubscriptionNumber>,
    ends: Ends,
    output: Output,
    delivered: u64,
}

/// The broker hears within this time that the session is over; else it finds out by itself.
const GOODBYE_WITHIN: Duration = Duration::from_secs(2);

impl Run {
    /// Begins.
    pub(super) fn new(
        subscriber: Subscriber,
        numbers: Vec<SubscriptionNumber>,
        ends: Ends,
    ) -> Self {
        Self {
            subscriber,
            numbers,
            ends,
            output: Output::default(),
            delivered: 0,
        }
    }

    /// Prints until it is enough.
    pub(super) async fn go(mut self, console: &mut Console) -> io::Result<Exit> {
        let mut interrupts = signal(SignalKind::interrupt())?;
        let mut terminations = signal(SignalKind::terminate())?;
        let until = self
            .ends
            .after
            .and_then(|after| Instant::now().checked_add(after));
        self.output.subscribed(self.numbers.iter().copied());
        self.print(console);
        let exit = loop {
            if self.has_enough() || console.reader_gone() {
                break Exit::Done;
            }
            tokio::select! {
                event = self.subscriber.next() => {
                    if let Some(exit) = self.events_came(event, console).await {
                        break exit;
                    }
                }
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {
                    break self.time_is_up(console);
                }
                _ = interrupts.recv() => break Exit::Done,
                _ = terminations.recv() => break Exit::Done,
            }
        };
        // Whoever does not hear it drops the session after its time.
        let _ = timeout(GOODBYE_WITHIN, self.subscriber.finish()).await;
        Ok(exit)
    }

    /// Takes this event and all that are at hand, then prints. How it ended, if it did.
    async fn events_came(&mut self, first: Option<Event>, console: &mut Console) -> Option<Exit> {
        let mut exit = None;
        let mut next = Some(first);
        while let Some(event) = next {
            exit = match event {
                Some(event) => self.event(event, console),
                None => Some(Exit::Failed),
            };
            if exit.is_some() || self.has_enough() {
                break;
            }
            if self.output.len() >= OUTPUT_BYTES {
                self.print(console);
            }
            next = tokio::select! {
                biased;
                event = self.subscriber.next() => Some(event),
                () = std::future::ready(()) => None,
            };
        }
        self.print(console);
        exit
    }

    fn event(&mut self, event: Event, console: &mut Console) -> Option<Exit> {
        match event {
            Event::Delivery(delivery) => {
                self.delivered += 1;
                self.output.delivery(&delivery, wall_clock());
            }
            Event::Gap(gap) => self.output.gap(&gap),
            Event::Disconnected => console.progress("the connection is lost; trying again"),
            Event::Resumed(attachment) => self.output.resumed(match attachment {
                Attachment::Continued => "continued",
                Attachment::Fresh | Attachment::New => "fresh",
            }),
            Event::Resubscribed => self.output.subscribed(self.numbers.iter().copied()),
            Event::SubscriptionLost { number, refusal } => {
                self.numbers.retain(|kept| *kept != number);
                console.error(&format!("filter {number}: {}", refusal.reason));
            }
            Event::Ended(refusal) => return Some(console.fail(&refusal.reason)),
            // Told only to who watches; this command does not.
            event @ (Event::Dropped { .. } | Event::Answered { .. } | _) => {
                console.progress(format!("not known to this command: {event:?}"));
            }
        }
        None
    }

    fn has_enough(&self) -> bool {
        self.ends.count.is_some_and(|count| self.delivered >= count)
    }

    fn time_is_up(&self, console: &mut Console) -> Exit {
        match self.ends.count {
            Some(count) => console.fail(&format!(
                "{} of {count} notifications have arrived in time",
                self.delivered
            )),
            None => Exit::Done,
        }
    }

    fn print(&mut self, console: &mut Console) {
        let text = self.output.take();
        if !text.is_empty() {
            console.text(&text);
        }
    }
}
