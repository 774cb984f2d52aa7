//! The checker: was everything delivered that should have been, once, in order, and nothing else?
//!
//! It shares nothing with the broker's matching: whether a filter is satisfied it asks of whoever calls it, who asks
//! the reference evaluator. A *pair* is a notification and a filter. In the part of the run that is checked
//! exhaustively every pair is evaluated; elsewhere every pair that was delivered, and a random sample of the others.

mod evidence;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::arrivals::Arrivals;
use crate::random::Random;
use crate::schedule::Schedule;
use evidence::Evidence;

/// What happened in a run.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    /// What was to be published.
    pub schedule: &'a Schedule,
    /// How much of it each publisher has published and had acknowledged.
    pub published: &'a [u32],
    /// Who received.
    pub subscribers: &'a [Subscriber<'a>],
}

/// One subscriber of the run.
#[derive(Clone, Copy, Debug)]
pub struct Subscriber<'a> {
    /// The numbers of its subscriptions, in the order of its filters.
    pub subscriptions: &'a [u32],
    /// What came.
    pub arrivals: &'a Arrivals,
}

/// How much is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every pair of the run.
    All,
    /// Every pair of what was due within this span of nanoseconds after the start; elsewhere what was delivered,
    /// and [`SAMPLE_PERCENT`] of the rest.
    Window(Range<u64>),
}

/// How many of a hundred pairs outside of the window are looked at although nothing was delivered.
pub const SAMPLE_PERCENT: usize = 2;

/// What the checker found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Pairs that were evaluated.
    pub checked: u64,
    /// Notifications of which every pair was evaluated.
    pub exhaustive: u64,
    /// Notifications in all.
    pub notifications: u64,
    /// Pairs that should have been delivered and were not.
    pub lost: u64,
    /// Deliveries, or subscriptions within one, that came again.
    pub doubled: u64,
    /// Pairs that were delivered although the filter is not satisfied, or that nobody published or asked for.
    pub unfounded: u64,
    /// Deliveries after a later one of the same publisher.
    pub out_of_order: u64,
    /// Some of them, for people.
    pub examples: Vec<Finding>,
}

impl Verdict {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.unfounded == 0 && self.out_of_order == 0
    }

    fn count(&mut self, finding: Finding) {
        match finding.fault {
            Fault::Lost => self.lost += 1,
            Fault::Doubled => self.doubled += 1,
            Fault::Unfounded => self.unfounded += 1,
            Fault::OutOfOrder => self.out_of_order += 1,
        }
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(finding);
        }
    }

    fn add(&mut self, other: Self) {
        self.checked += other.checked;
        self.exhaustive += other.exhaustive;
        self.notifications += other.notifications;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.unfounded += other.unfounded;
        self.out_of_order += other.out_of_order;
        self.examples.extend(other.examples);
        self.examples.sort_unstable();
        self.examples.truncate(EXAMPLES_MAX);
    }
}

/// One thing that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What.
    pub fault: Fault,
    /// The notification's publisher, as an index.
    pub publisher: u16,
    /// Its place in what that publisher published, from 1.
    pub seq: u32,
    /// The subscriber, as an index.
    pub subscriber: usize,
    /// The number of the subscription, where it is about one.
    pub subscription: Option<u32>,
}

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It should have come and did not.
    Lost,
    /// It came again.
    Doubled,
    /// It should not have come.
    Unfounded,
    /// It came after a later one.
    OutOfOrder,
}

/// Who knows whether a filter is true.
#[derive(Clone, Copy)]
pub struct Judge<'a, P> {
    /// Lays a reading (as an index) out for many questions.
    pub prepare: &'a (dyn Fn(u32) -> P + Sync),
    /// Whether a filter (as an index over the filters of all subscribers, one after the other) is true for it.
    pub satisfies: &'a (dyn Fn(u32, &P) -> bool + Sync),
}

impl<P> fmt::Debug for Judge<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judge").finish_non_exhaustive()
    }
}

/// Checks a run on all cores; `seed` draws the sample.
///
/// # Panics
///
/// If the judge does.
pub fn check<P>(history: &History<'_>, scope: &Scope, seed: u64, judge: &Judge<'_, P>) -> Verdict {
    let mut verdict = Verdict::default();
    let evidence = Evidence::gather(history, &mut verdict);
    let examiner = Examiner {
        history,
        evidence: &evidence,
        exhaustive: exhaustive(history, scope),
        seed,
        judge,
    };
    let next = AtomicUsize::new(0);
    let total = Mutex::new(verdict);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let part = examiner.examine_shares(&next);
                total
                    .lock()
                    .expect("no thread panics while it holds the verdict")
                    .add(part);
            });
        }
    });
    total
        .into_inner()
        .expect("no thread panicked while it held the verdict")
}

/// Of each publisher, the indexes of the publications that are checked exhaustively.
fn exhaustive(history: &History<'_>, scope: &Scope) -> Vec<Range<u32>> {
    (0..history.published.len())
        .map(|publisher| match scope {
            Scope::All => 0..history.published[publisher],
            Scope::Window(span) => history.schedule.due_within(publisher, span),
        })
        .collect()
}

struct Examiner<'a, P> {
    history: &'a History<'a>,
    evidence: &'a Evidence,
    exhaustive: Vec<Range<u32>>,
    seed: u64,
    judge: &'a Judge<'a, P>,
}

impl<P> Examiner<'_, P> {
    /// Takes notifications share by share until none is left.
    fn examine_shares(&self, next: &AtomicUsize) -> Verdict {
        let mut verdict = Verdict::default();
        loop {
            let start = next.fetch_add(SHARE, Ordering::Relaxed);
            let end = (start + SHARE).min(self.evidence.notifications());
            if start >= end {
                return verdict;
            }
            for notification in start..end {
                self.examine(notification, &mut verdict);
            }
        }
    }

    fn examine(&self, notification: usize, verdict: &mut Verdict) {
        let (publisher, index) = self.evidence.publication(notification);
        let reading = self.history.schedule.reading(usize::from(publisher), index);
        let reading = (self.judge.prepare)(reading);
        let satisfies = |filter| (self.judge.satisfies)(filter, &reading);
        let delivered = self.evidence.delivered(notification);
        verdict.notifications += 1;
        verdict.checked += delivered.len() as u64;
        let finding = |fault, filter| self.finding(fault, (publisher, index), filter);
        for &filter in delivered {
            if !satisfies(filter) {
                verdict.count(finding(Fault::Unfounded, filter));
            }
        }
        let look = |filter: u32, verdict: &mut Verdict| {
            if delivered.binary_search(&filter).is_err() {
                verdict.checked += 1;
                if satisfies(filter) {
                    verdict.count(finding(Fault::Lost, filter));
                }
            }
        };
        let filters = self.evidence.filters();
        if self.exhaustive[usize::from(publisher)].contains(&index) {
            verdict.exhaustive += 1;
            (0..filters).for_each(|filter| look(filter, verdict));
        } else {
            self.sample(notification, filters)
                .for_each(|filter| look(filter, verdict));
        }
    }

    /// About [`SAMPLE_PERCENT`] of all filters, other ones for every notification: steps of even length on average.
    fn sample(&self, notification: usize, filters: u32) -> impl Iterator<Item = u32> {
        const STEP_MEAN: usize = 100 / SAMPLE_PERCENT;
        let mut random = Random::new(self.seed ^ (notification as u64).rotate_left(32));
        let mut step = move || {
            u32::try_from(1 + random.below(2 * STEP_MEAN - 1)).expect("a step is below 100")
        };
        let first = step() - 1;
        std::iter::successors(Some(first), move |filter| filter.checked_add(step()))
            .take_while(move |&filter| filter < filters)
    }

    fn finding(&self, fault: Fault, (publisher, index): (u16, u32), filter: u32) -> Finding {
        let (subscriber, position) = self.evidence.subscriber(filter);
        let subscriptions = self.history.subscribers[subscriber].subscriptions;
        Finding {
            fault,
            publisher,
            seq: index + 1,
            subscriber,
            subscription: Some(subscriptions[position]),
        }
    }
}

/// Notifications that a thread takes at once: enough that the counter is no bottleneck, few enough that all cores end
/// together.
const SHARE: usize = 32;
/// Findings that are kept for people to look into.
const EXAMPLES_MAX: usize = 10;
