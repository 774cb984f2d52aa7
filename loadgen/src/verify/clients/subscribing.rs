//! One subscriber: takes everything at once, writes it down, and changes what it asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use gomera_client::{Attachment, Client, DropReason, Event, Subscriber};
use gomera_model::SubscriptionNumber;
use gomera_model::silbo::{Deliver, RefusalCode};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::{ClientsError, FINISH_WITHIN, Load, Phase, Word};
use crate::live::Live;
use crate::random::Random;
use crate::verify::content::{Author, digest};
use crate::verify::record::{Record, one_line};

/// A subscriber's part of a run.
pub(super) struct Task {
    pub(super) load: Load,
    pub(super) index: usize,
    pub(super) record: Record,
    pub(super) words: mpsc::UnboundedSender<Word>,
    pub(super) live: Arc<Live>,
    pub(super) phases: watch::Receiver<Phase>,
}

/// What a subscription is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Absent,
    Present,
    /// A request is not answered yet; whether it will be there then.
    Asked(bool),
}

struct Subscribing {
    task: Task,
    subscriber: Subscriber,
    author: Author,
    random: Random,
    states: BTreeMap<u32, State>,
    /// What is to be there at the start and is not asked for yet.
    waiting: Vec<(u32, String)>,
    /// Whose mark has come.
    ended: BTreeSet<u64>,
    has_subscribed: bool,
    is_complete: bool,
    line: String,
}

impl Task {
    pub(super) async fn run(self, client: Client) -> Result<(), ClientsError> {
        let subscriber = client.subscriber().watching().open().await?;
        let session = subscriber.session().map_or(0, |session| session.0);
        self.record.say(format_args!("o {session:x}"));
        let seed = self
            .load
            .seed
            .wrapping_mul(31)
            .wrapping_add(self.index as u64);
        let mut author = Author::new(&self.load.run, seed);
        let waiting = first_filters(&mut author, self.filters());
        let subscribing = Subscribing {
            subscriber,
            author,
            random: Random::new(seed ^ 0x5EED),
            states: BTreeMap::new(),
            waiting,
            ended: BTreeSet::new(),
            has_subscribed: false,
            is_complete: false,
            line: String::new(),
            task: self,
        };
        subscribing.run().await
    }

    /// How many filters are this subscriber's own.
    fn filters(&self) -> usize {
        let until = |index| self.load.filters * index / self.load.subscribers;
        (until(self.index + 1) - until(self.index)).max(2)
    }

    /// From one change to the next, if there are any.
    fn change_every(&self) -> Option<Duration> {
        let rate = f64::from(self.load.changes_per_second);
        #[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
        let share = rate / self.load.subscribers as f64;
        (share > 0.0).then(|| Duration::from_secs_f64(1.0 / share))
    }
}

/// The mark's, the pulse's, and others: from the last to the first, to be taken from the end.
fn first_filters(author: &mut Author, count: usize) -> Vec<(u32, String)> {
    let mut filters = vec![(MARK, author.end_filter()), (PULSE, author.pulse_filter())];
    let numbers = (OTHERS..).take(count - 1);
    filters.extend(numbers.map(|number| (number, author.filter())));
    filters.reverse();
    filters
}

impl Subscribing {
    async fn run(mut self) -> Result<(), ClientsError> {
        let mut phases = self.task.phases.clone();
        let every = self.task.change_every();
        let pause = every.unwrap_or(Duration::from_secs(3_600));
        // Subscribers take turns.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "there are fewer than 2^32 subscribers"
        )]
        let first = pause * (self.task.index as u32 + 1) / (self.task.load.subscribers as u32);
        let mut changes = interval_at(Instant::now() + first, pause);
        changes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.ask_first();
        loop {
            tokio::select! {
                biased;
                event = self.subscriber.next() => match event {
                    Some(event) => self.take(event),
                    None => break,
                },
                _ = changes.tick(), if every.is_some() => {
                    if matches!(*self.task.phases.borrow(), Phase::Flowing(_)) {
                        self.change();
                    }
                }
                over = phases.wait_for(|phase| *phase == Phase::Over) => {
                    drop(over);
                    break;
                }
            }
        }
        let record = self.task.record;
        record.say(format_args!("f"));
        record.flush()?;
        // Nobody needs to be told in time: the broker forgets a session whose client is gone.
        let _ = timeout(FINISH_WITHIN, self.subscriber.finish()).await;
        Ok(())
    }

    /// Asks for what is to be there at the start, not for all at once.
    fn ask_first(&mut self) {
        let is_open = |state: &&State| matches!(state, State::Asked(_));
        while self.states.values().filter(is_open).count() < ASKING_MAX {
            match self.waiting.pop() {
                Some((number, filter)) => self.ask(number, Some(filter)),
                None => break,
            }
        }
        let is_answered = self.waiting.is_empty() && !self.states.values().any(|s| is_open(&s));
        if is_answered && !std::mem::replace(&mut self.has_subscribed, true) {
            self.say(Word::Subscribed);
        }
    }

    fn say(&self, word: Word) {
        // Who led the run may have given up.
        let _ = self.task.words.send(word);
    }

    /// Makes, replaces or ends one of those subscriptions that come and go.
    fn change(&mut self) {
        let wandering = self.wandering();
        let number = *self.random.one_of(&wandering);
        match self.states.get(&number).copied().unwrap_or(State::Absent) {
            State::Asked(_) => {}
            State::Present if self.random.below(2) == 0 => self.ask(number, None),
            State::Present | State::Absent => {
                let filter = self.author.filter();
                self.ask(number, Some(filter));
            }
        }
    }

    /// The last of three subscriptions, and one more: the others stay.
    fn wandering(&self) -> Vec<u32> {
        let count = u32::try_from(self.task.filters()).expect("a subscriber has fewer than 2^32");
        let end = OTHERS + count - 1;
        (end - count.div_ceil(3)..=end)
            .filter(|number| *number >= OTHERS)
            .collect()
    }

    fn ask(&mut self, number: u32, filter: Option<String>) {
        self.states.insert(number, State::Asked(filter.is_some()));
        let record = &self.task.record;
        let name = SubscriptionNumber(number);
        // Answers come as events, in order with what is delivered.
        match filter {
            Some(filter) => {
                record.say(format_args!("s {number} {filter}"));
                drop(self.subscriber.replace(name, filter));
            }
            None => {
                record.say(format_args!("u {number}"));
                drop(self.subscriber.unsubscribe(name));
            }
        }
    }

    fn take(&mut self, event: Event) {
        let record = &self.task.record;
        match event {
            Event::Delivery(delivery) => self.arrived("v", &delivery),
            Event::Dropped { delivery, reason } => self.arrived(
                match reason {
                    DropReason::Cursor => "xc",
                    DropReason::Publisher => "xp",
                    DropReason::Unsubscribed => "xu",
                },
                &delivery,
            ),
            Event::Answered { number, refused } => {
                match &refused {
                    None => record.say(format_args!("k {number}")),
                    Some(why) => record.say(format_args!("n {number} {}", one_line(&why.reason))),
                }
                self.answered(number.0, refused.is_some());
            }
            Event::Gap(gap) => record.say(format_args!(
                "g {} {} {} {}",
                gap.access_point.0, gap.first.0, gap.last.0, gap.count
            )),
            Event::Disconnected => record.say(format_args!("d")),
            Event::Resumed(attachment) => {
                let how = match attachment {
                    Attachment::Continued => "continued",
                    Attachment::Fresh | Attachment::New => "fresh",
                };
                let session = self.subscriber.session().map_or(0, |session| session.0);
                record.say(format_args!("c {how} {session:x}"));
            }
            Event::Resubscribed => record.say(format_args!("b")),
            Event::SubscriptionLost { number, refusal } => {
                record.say(format_args!("l {number} {}", one_line(&refusal.reason)));
                self.states.insert(number.0, State::Absent);
            }
            Event::Ended(refusal) if refusal.code == RefusalCode::Ended => {}
            Event::Ended(refusal) => {
                record.say(format_args!("e {}", one_line(&refusal.reason)));
                self.complete();
            }
            other => record.say(format_args!(
                "e an event that is not known here: {}",
                one_line(&format!("{other:?}"))
            )),
        }
    }

    fn answered(&mut self, number: u32, is_refused: bool) {
        let state = self.states.entry(number).or_insert(State::Absent);
        if let State::Asked(is_there) = *state {
            // Of a refused one it is not known here whether there was one before: the next request makes it clear.
            *state = match is_there != is_refused {
                true => State::Present,
                false => State::Absent,
            };
        }
        if !self.has_subscribed {
            self.ask_first();
        }
    }

    fn arrived(&mut self, what: &str, delivery: &Deliver) {
        let record = &self.task.record;
        let at = record.now();
        let stamp = delivery.stamp;
        let digest = digest(delivery.content.attributes.encoded());
        self.line.clear();
        let line = &mut self.line;
        let mut write = |text: std::fmt::Arguments<'_>| {
            line.write_fmt(text).expect("a string takes everything");
        };
        write(format_args!(
            "{what} {} {} {} ",
            stamp.access_point.0, stamp.seq.0, stamp.epoch.0
        ));
        write(format_args!(
            "{:x} {} {digest:x} ",
            delivery.publisher.0, delivery.publisher_seq.0
        ));
        for (place, hit) in delivery.hits.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write(format_args!("{comma}{}:{}", hit.number.0, hit.operation.0));
        }
        record.say_at(at, format_args!("{line}"));
        if what != "v" {
            return;
        }
        if delivery.hits.iter().any(|hit| hit.number.0 == MARK) {
            self.ended.insert(delivery.publisher.0);
            if self.ended.len() >= self.task.load.publishers {
                self.complete();
            }
        } else {
            // The time that it took is worked out from the records.
            self.task.live.delivered(delivery.hits.len(), None);
        }
    }

    fn complete(&mut self) {
        if !std::mem::replace(&mut self.is_complete, true) {
            self.say(Word::Complete);
        }
    }
}

/// The subscription to the marks at the end.
const MARK: u32 = 0;
/// The subscription to a good part of everything.
const PULSE: u32 = 1;
/// All others, from here on.
const OTHERS: u32 = 2;
/// Requests of one subscriber that are under way at once: well below what a broker takes.
const ASKING_MAX: usize = 500;
