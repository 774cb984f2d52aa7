//! What one subscriber asked for and what came: checked at once, by an evaluation of its own.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use gomera_client::Attachment;
use gomera_model::SessionId;

/// Publishers, each with a number of its own in what it publishes.
pub(crate) const SOURCES: usize = 3;
/// Notifications are dealt out to so many buckets.
pub(crate) const BUCKETS: u64 = 16;
/// A shorter silence is none.
const SILENCE_MIN: Duration = Duration::from_millis(150);
/// Stories kept of one subscriber; the first are the ones that count.
const STORIES_MAX: usize = 5;

/// What a subscription asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    All,
    Source(usize),
    Bucket(u64),
    Below { bucket: u64, source: usize },
    Odd { from: u64, source: usize },
}

impl Wish {
    /// Those of a subscriber, by its number. Everybody wants something of everybody some times a second.
    pub(crate) fn of(subscriber: usize) -> Vec<Self> {
        let source = subscriber % SOURCES;
        let bucket = u64::try_from(subscriber).unwrap_or(0) % BUCKETS;
        match subscriber % 5 {
            0 => vec![Self::All],
            1 => vec![Self::Source(source), Self::Bucket(bucket)],
            2 => vec![
                Self::Below {
                    bucket: bucket + 1,
                    source,
                },
                Self::Bucket(BUCKETS - 1),
            ],
            3 => vec![Self::Bucket(bucket), Self::Bucket((bucket + 5) % BUCKETS)],
            _ => vec![
                Self::Odd {
                    from: bucket,
                    source,
                },
                Self::Source((source + 1) % SOURCES),
            ],
        }
    }

    /// As the broker is told.
    pub(crate) fn filter(self) -> String {
        match self {
            Self::All => "number >= 0".to_owned(),
            Self::Source(source) => format!("source = 'p{source}'"),
            Self::Bucket(bucket) => format!("bucket = {bucket}"),
            Self::Below { bucket, source } => format!("bucket < {bucket} AND source = 'p{source}'"),
            Self::Odd { from, source } => {
                format!(
                    "NOT (bucket < {from} OR bucket IN (0, 2, 4, 6, 8, 10, 12, 14)) AND source = 'p{source}'"
                )
            }
        }
    }

    fn wants(self, source: usize, number: u64) -> bool {
        let its = number % BUCKETS;
        match self {
            Self::All => true,
            Self::Source(wanted) => source == wanted,
            Self::Bucket(bucket) => its == bucket,
            Self::Below {
                bucket,
                source: wanted,
            } => source == wanted && its < bucket,
            Self::Odd {
                from,
                source: wanted,
            } => source == wanted && its >= from && its % 2 == 1,
        }
    }
}

/// What has come to one subscriber.
#[derive(Debug)]
pub(crate) struct Record {
    subscriber: usize,
    /// The session that it has.
    pub(crate) session: Option<SessionId>,
    wishes: Vec<Wish>,
    /// The last number of each publisher that has come, or been found missing.
    last: [u64; SOURCES],
    /// Deliveries that it was told it has lost.
    excused: u64,
    pub(crate) gaps: u64,
    pub(crate) disconnected: u64,
    /// Pairs of a notification and this subscriber that were looked at.
    pub(crate) checked: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) false_ones: u64,
    pub(crate) sessions_lost: u64,
    stories: Vec<String>,
    last_at: Instant,
    /// The longest silence since the watch was started, and before.
    longest: Duration,
    before: Duration,
    /// Silences since the watch was started that anybody would notice: from when to when.
    silences: Vec<(Instant, Instant)>,
}

impl Record {
    pub(crate) fn new(subscriber: usize, wishes: Vec<Wish>) -> Self {
        let now = Instant::now();
        Self {
            subscriber,
            session: None,
            wishes,
            last: [0; SOURCES],
            excused: 0,
            gaps: 0,
            disconnected: 0,
            checked: 0,
            lost: 0,
            doubled: 0,
            false_ones: 0,
            sessions_lost: 0,
            stories: Vec::new(),
            last_at: now,
            longest: Duration::ZERO,
            before: Duration::ZERO,
            silences: Vec::new(),
        }
    }

    /// A notification has come, for these subscriptions.
    pub(crate) fn delivered(&mut self, (source, number): (usize, u64), hits: &[u64]) {
        let now = Instant::now();
        let since = now - self.last_at;
        self.longest = self.longest.max(since);
        if since > SILENCE_MIN {
            self.silences.push((self.last_at, now));
        }
        self.last_at = now;
        let wanted: Vec<u64> = (0..)
            .zip(&self.wishes)
            .filter(|(_, wish)| wish.wants(source, number))
            .map(|(n, _)| n)
            .collect();
        if hits != wanted {
            self.false_ones += 1;
            self.note(format!(
                "p{source} {number} came for {hits:?}, and was wanted by {wanted:?}"
            ));
        }
        let last = self.last[source];
        if number <= last {
            self.doubled += 1;
            return self.note(format!(
                "p{source} {number} came behind {last}: again, or out of order"
            ));
        }
        self.skip(source, number);
        self.checked += number - last;
        self.last[source] = number;
    }

    /// So many deliveries were lost, and it was told.
    pub(crate) fn gap(&mut self, count: u64) {
        self.gaps += 1;
        self.excused += count;
    }

    pub(crate) fn resumed(&mut self, attachment: Attachment) {
        if attachment == Attachment::Fresh {
            self.sessions_lost += 1;
            self.note("its session was lost, and a new one begun".to_owned());
        }
    }

    /// What of all that was published up to these numbers has not come yet, in words.
    pub(crate) fn missing(&self, published: &[u64]) -> Option<String> {
        let mut text = String::new();
        for (source, last) in published.iter().enumerate() {
            let missing = self.wanted_between(source, (self.last[source] + 1, *last));
            if missing > self.excused {
                let has = self.last[source];
                let _ = write!(text, " {missing} of p{source} behind {has}, of {last};");
            }
        }
        let who = self.subscriber;
        (!text.is_empty()).then(|| {
            format!(
                "subscriber {who} lacks{text} {} times disconnected",
                self.disconnected
            )
        })
    }

    /// Begins to watch for silence: what comes before the next call is the quiet that it is compared with.
    pub(crate) fn watch(&mut self) {
        self.before = std::mem::take(&mut self.longest);
        self.silences.clear();
    }

    /// The longest silence of the quiet, and that since the watch began.
    pub(crate) fn longest_silences(&self) -> (Duration, Duration) {
        (self.before, self.longest)
    }

    /// When it heard something again, if it fell silent at most so long after a moment: longer than anybody would notice,
    /// and than three times its quiet.
    pub(crate) fn heard_again(&self, moment: Instant, within: Duration) -> Option<Instant> {
        let falls = |(from, to): &&(Instant, Instant)| {
            *from <= moment + within && *to > moment && *to - *from > 3 * self.before
        };
        self.silences.iter().rfind(falls).map(|(_, to)| *to)
    }

    pub(crate) fn note(&mut self, story: String) {
        if self.stories.len() < STORIES_MAX {
            self.stories
                .push(format!("subscriber {}: {story}", self.subscriber));
        }
    }

    /// What has gone wrong since this was last asked.
    pub(crate) fn take_stories(&mut self) -> Vec<String> {
        std::mem::take(&mut self.stories)
    }

    /// Everything wanted between the last one and this one has not come.
    fn skip(&mut self, source: usize, number: u64) {
        let last = self.last[source];
        let missing = self.wanted_between(source, (last + 1, number - 1));
        let excused = missing.min(self.excused);
        self.excused -= excused;
        if missing > excused {
            self.lost += missing - excused;
            self.note(format!(
                "{missing} of p{source} between {last} and {number} have not come"
            ));
        }
    }

    fn wanted_between(&self, source: usize, (first, last): (u64, u64)) -> u64 {
        let wanted = |number: &u64| self.wishes.iter().any(|wish| wish.wants(source, *number));
        u64::try_from((first..=last).filter(wanted).count()).unwrap_or(u64::MAX)
    }
}
