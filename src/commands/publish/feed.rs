//! What is to be published next, and when.

use gomera_model::Timestamp;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep_until};

use super::pace::Pace;
use crate::broker::wall_clock;
use crate::records::Record;

/// Records, each at its time.
#[derive(Debug)]
pub(super) struct Feed {
    records: Receiver<Record>,
    is_over: bool,
    next: Option<Record>,
    pace: Option<Pace>,
    /// When the first was due, by both clocks.
    began: Option<(Instant, Timestamp)>,
    published: u64,
}

impl Feed {
    /// Begins; the first record is due at once.
    pub(super) fn new(records: Receiver<Record>, pace: Option<Pace>) -> Self {
        Self {
            records,
            is_over: false,
            next: None,
            pace,
            began: None,
            published: 0,
        }
    }

    /// Whether there will be nothing more.
    pub(super) fn is_over(&self) -> bool {
        self.is_over && self.next.is_none()
    }

    /// Reads no further.
    pub(super) fn stop(&mut self) {
        self.is_over = true;
        self.next = None;
        self.records.close();
    }

    /// Waits until a record is there and due, or there are no more. Safe to be dropped while it waits.
    pub(super) async fn ready(&mut self) {
        if self.next.is_none() {
            self.next = self.records.recv().await;
            self.is_over = self.next.is_none();
        }
        let due = self.due();
        if let (Some(_), Some((due, _))) = (&self.next, due) {
            sleep_until(due).await;
        }
    }

    /// A record that is there and due, and when it was meant to be sent.
    pub(super) fn take(&mut self) -> Option<(Record, Timestamp)> {
        if self.next.is_none() {
            self.next = self.records.try_recv().ok();
        }
        let at = match self.due() {
            Some((due, at)) if due <= Instant::now() => at,
            Some(_) => return None,
            None => wall_clock(),
        };
        self.next.take().map(|record| (record, at))
    }

    /// A record could not be published yet: it comes again.
    pub(super) fn give_back(&mut self, record: Record) {
        self.next = Some(record);
    }

    /// A record was published: the next one has the next time.
    pub(super) fn published(&mut self) {
        self.published += 1;
    }

    /// When the next record is due, by both clocks, if there is a pace.
    fn due(&mut self) -> Option<(Instant, Timestamp)> {
        let pace = self.pace?;
        let now = || (Instant::now(), wall_clock());
        let (began, began_at) = *self.began.get_or_insert_with(now);
        let after = pace.due(self.published);
        let nanos = i64::try_from(after.as_nanos()).unwrap_or(i64::MAX);
        let due = began.checked_add(after)?;
        Some((due, Timestamp(began_at.0.saturating_add(nanos))))
    }
}

#[cfg(test)]
mod tests {
    use gomera_model::Attributes;
    use tokio::sync::mpsc;

    use super::*;

    fn feed(lines: u64, pace: Option<&str>) -> Feed {
        let (sender, records) = mpsc::channel(8);
        for line in 1..=lines {
            let attributes = Ok(Attributes::empty());
            sender.try_send(Record { line, attributes }).unwrap();
        }
        Feed::new(records, pace.map(|pace| pace.parse().unwrap()))
    }

    #[test]
    fn without_a_pace_everything_is_due_at_once() {
        let mut feed = feed(2, None);
        let (first, _) = feed.take().unwrap();
        assert_eq!(first.line, 1);
        feed.give_back(first);
        assert_eq!(feed.take().unwrap().0.line, 1);
        assert_eq!(feed.take().unwrap().0.line, 2);
        assert!(feed.take().is_none());
        assert!(!feed.is_over(), "nobody has seen the end yet");
    }

    #[tokio::test]
    async fn with_a_pace_each_has_its_time_however_late_it_is() {
        let mut feed = feed(3, Some("50"));
        feed.ready().await;
        let (_, first) = feed.take().unwrap();
        feed.published();
        assert!(feed.take().is_none(), "the second is due 20 ms later");
        feed.ready().await;
        let (_, second) = feed.take().unwrap();
        assert_eq!(second.0 - first.0, 20_000_000);
    }

    #[tokio::test]
    async fn the_end_is_known_when_it_was_waited_for() {
        let mut feed = feed(1, None);
        feed.ready().await;
        feed.take().unwrap();
        feed.ready().await;
        assert!(feed.is_over());
    }
}
