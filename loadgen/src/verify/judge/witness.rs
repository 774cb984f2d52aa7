//! A walk through what one subscriber recorded: what came for which subscription, and what is wrong by itself.

use std::collections::{BTreeMap, BTreeSet};

use hdrhistogram::Histogram;

use super::Allowances;
use super::bits::Bits;
use super::finding::{Fault, Finding, Findings};
use super::lives::Standing;
use crate::measurement::histogram;
use crate::verify::trail::{Arrival, Entry, Publisher, Shown, Stamp, TrailError, entries};

/// What all walks share.
#[derive(Debug)]
pub(super) struct Ground<'a> {
    pub(super) publishers: &'a [Publisher<'a>],
    pub(super) indexes: BTreeMap<u64, usize>,
    pub(super) counts: Vec<u32>,
    /// From the first publication to the last: silence counts within.
    pub(super) flow: std::ops::Range<u64>,
}

/// What a span of notifications is excused by: they need not have come.
#[derive(Clone, Debug)]
pub(super) struct Excuse {
    pub(super) kind: Excusing,
    /// By publisher: the last that came before, and the first that counts again, as numbers from 1.
    pub(super) from: Vec<u32>,
    pub(super) to: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excusing {
    /// A signalled gap, of so many deliveries.
    Gap(u64),
    /// A session was lost, and all is subscribed again.
    Fresh,
}

/// What one subscriber's file says.
#[derive(Debug)]
pub(super) struct Witness<'a> {
    pub(super) standings: BTreeMap<u32, Standing<'a>>,
    /// By publisher: what came at all.
    pub(super) seen: Vec<Bits>,
    pub(super) excuses: Vec<Excuse>,
    /// What came, but was dropped by the library although it had not come before.
    pub(super) dropped: BTreeSet<(usize, u32)>,
    pub(super) findings: Findings,
    pub(super) tally: Tally,
    pub(super) latencies: Histogram<u64>,
    /// When another epoch was first seen in a stamp.
    pub(super) epochs: Vec<(u64, u64)>,
    pub(super) repeats: Vec<Repeat>,
}

/// What is counted of one subscriber.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) deliveries: u64,
    pub(super) repeats: u64,
    pub(super) made: u64,
    pub(super) replaced: u64,
    pub(super) removed: u64,
    pub(super) reconnects: u64,
    pub(super) fresh: u64,
    pub(super) gaps: u64,
    pub(super) gap_deliveries: u64,
    pub(super) silence_max: u64,
    pub(super) is_finished: bool,
}

/// A delivery that had come before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repeat {
    pub(super) publisher: usize,
    pub(super) index: u32,
    pub(super) at: u64,
    pub(super) connection: u32,
    pub(super) stamp: Stamp,
}

type Came = (u64, u32, Stamp);

/// The walk.
struct Walk<'w, 'a> {
    ground: &'w Ground<'a>,
    allowances: &'w Allowances<'w>,
    subscriber: usize,
    witness: Witness<'a>,
    /// By publisher: the latest that came, from 1.
    latest: Vec<u32>,
    /// By publisher: excuses that end with the next that comes.
    open: Vec<Vec<usize>>,
    connection: u32,
    /// The delivery whose ended subscriptions came just before the rest of it.
    parted: Option<(usize, u32)>,
    arrived: u64,
    disconnected: u64,
    epoch: u64,
}

impl<'a> Witness<'a> {
    /// Reads a subscriber's file.
    pub(super) fn walk(
        ground: &Ground<'a>,
        allowances: &Allowances<'_>,
        (subscriber, text): (usize, &'a str),
    ) -> Result<Self, TrailError> {
        let bits = || {
            ground
                .counts
                .iter()
                .map(|count| Bits::new(*count))
                .collect()
        };
        let publishers = ground.counts.len();
        let mut walk = Walk {
            ground,
            allowances,
            subscriber,
            witness: Self {
                standings: BTreeMap::new(),
                seen: bits(),
                excuses: Vec::new(),
                dropped: BTreeSet::new(),
                findings: Findings::default(),
                tally: Tally::default(),
                latencies: histogram(),
                epochs: Vec::new(),
                repeats: Vec::new(),
            },
            latest: vec![0; publishers],
            open: vec![Vec::new(); publishers],
            connection: 1,
            parted: None,
            arrived: ground.flow.start,
            disconnected: 0,
            epoch: 0,
        };
        for entry in entries(subscriber, text) {
            let (_, at, entry) = entry?;
            walk.take(at, entry);
        }
        walk.silence(ground.flow.end);
        walk.witness
            .judge_repeats((subscriber, text), ground, allowances)?;
        Ok(walk.witness)
    }

    /// A repeat is nothing wrong where a connection or a topology was replaced. Else it is, if it is the same stamp.
    fn judge_repeats(
        &mut self,
        (subscriber, text): (usize, &str),
        ground: &Ground<'_>,
        allowances: &Allowances<'_>,
    ) -> Result<(), TrailError> {
        // Of each notification that came again: when it came, over which connection, with which stamp.
        let mut before: BTreeMap<(usize, u32), Vec<Came>> = BTreeMap::new();
        for repeat in &self.repeats {
            before.insert((repeat.publisher, repeat.index), Vec::new());
        }
        if before.is_empty() {
            return Ok(());
        }
        let mut connection = 1;
        for entry in entries(subscriber, text) {
            let (_, at, entry) = entry?;
            connection += u32::from(matches!(entry, Entry::Attached { .. }));
            let Entry::Arrived(arrival) = entry else {
                continue;
            };
            if let Some((publisher, index)) = ground.find(&arrival)
                && let Some(times) = before.get_mut(&(publisher, index))
            {
                times.push((at, connection, arrival.stamp));
            }
        }
        for repeat in std::mem::take(&mut self.repeats) {
            let times = &before[&(repeat.publisher, repeat.index)];
            let same = times.iter().find(|(at, connection, stamp)| {
                *at < repeat.at && (*connection, *stamp) == (repeat.connection, repeat.stamp)
            });
            let Some((first, _, _)) = same else { continue };
            if !allowances.changed_within(*first, repeat.at) {
                self.findings.push(Finding {
                    subscriber: Some(subscriber),
                    publisher: Some(repeat.publisher),
                    seq: Some(repeat.index + 1),
                    at: Some(repeat.at),
                    ..Finding::new(Fault::Doubled)
                });
            }
        }
        Ok(())
    }

    /// The excuses for not having got a notification.
    pub(super) fn excuses(&self, publisher: usize, index: u32) -> impl Iterator<Item = usize> {
        let seq = index + 1;
        let excuses = self.excuses.iter().enumerate();
        let was_seen = self.seen[publisher].contains(index);
        excuses.filter_map(move |(place, excuse)| {
            let is_within = excuse.from[publisher] < seq && seq < excuse.to[publisher];
            let may = match excuse.kind {
                Excusing::Gap(_) => !was_seen,
                Excusing::Fresh => true,
            };
            (is_within && may).then_some(place)
        })
    }
}

impl Ground<'_> {
    /// Which notification it is, if it was published: publisher, and index from 0.
    pub(super) fn find(&self, arrival: &Arrival<'_>) -> Option<(usize, u32)> {
        let publisher = *self.indexes.get(&arrival.publisher)?;
        let index = u32::try_from(arrival.seq.checked_sub(1)?).ok()?;
        (index < self.counts[publisher]).then_some((publisher, index))
    }
}

impl<'a> Walk<'_, 'a> {
    fn take(&mut self, at: u64, entry: Entry<'a>) {
        match entry {
            Entry::Arrived(arrival) => self.arrived(at, &arrival),
            Entry::Asked { number, filter } => self.asked(at, number, filter),
            Entry::Answered { number, refused } => {
                self.standing(number).answered(at, refused.is_some());
                if refused.is_some() {
                    self.found(Fault::SubscriptionRefused, at, None, Some(number));
                }
            }
            Entry::Gap { count } => self.gap(at, count),
            Entry::Disconnected => self.disconnected = at,
            Entry::Attached { is_fresh, .. } => self.attached(at, is_fresh),
            Entry::Resubscribed => self.resubscribed(at),
            Entry::SubscriptionLost { number, .. } => {
                let latest = self.latest.clone();
                self.standing(number).asked(at, None, &latest);
                self.standing(number).answered(at, false);
                self.found(Fault::SubscriptionRefused, at, None, Some(number));
            }
            Entry::Ended(_) => self.found(Fault::ClientEnded, at, None, None),
            Entry::Finished => self.witness.tally.is_finished = true,
            Entry::Opened { .. } => {}
        }
    }

    fn asked(&mut self, at: u64, number: u32, filter: Option<&'a str>) {
        let was_there = {
            let latest = self.latest.clone();
            let standing = self.standing(number);
            let was_there = standing
                .lives
                .last()
                .is_some_and(|life| life.filter.is_some());
            standing.asked(at, filter, &latest);
            was_there
        };
        let tally = &mut self.witness.tally;
        match (filter.is_some(), was_there) {
            (true, false) => tally.made += 1,
            (true, true) => tally.replaced += 1,
            (false, _) => tally.removed += 1,
        }
    }

    fn arrived(&mut self, at: u64, arrival: &Arrival<'_>) {
        self.stamped(at, arrival.stamp);
        let Some((publisher, index)) = self.ground.find(arrival) else {
            self.stranger(at, arrival);
            return;
        };
        if arrival.digest != self.ground.publishers[publisher].publications[index as usize].digest {
            self.found(Fault::Altered, at, Some((publisher, index)), None);
        }
        let is_new = !self.witness.seen[publisher].contains(index);
        match arrival.shown {
            Shown::Yes | Shown::NotSubscribed => {}
            Shown::NotByCursor | Shown::NotByPublisher if is_new => {
                self.witness.dropped.insert((publisher, index));
                return;
            }
            Shown::NotByCursor | Shown::NotByPublisher => {
                self.witness.tally.repeats += 1;
                self.witness.repeats.push(Repeat {
                    publisher,
                    index,
                    at,
                    connection: self.connection,
                    stamp: arrival.stamp,
                });
                return;
            }
        }
        let is_rest = self.parted.take() == Some((publisher, index));
        if arrival.shown == Shown::NotSubscribed {
            self.parted = Some((publisher, index));
        } else {
            self.shown(at, (publisher, index));
        }
        if is_new {
            self.first(at, (publisher, index));
        } else if !is_rest {
            self.found(Fault::Doubled, at, Some((publisher, index)), None);
            return;
        }
        self.hits(at, arrival, (publisher, index));
    }

    fn stranger(&mut self, at: u64, arrival: &Arrival<'_>) {
        let publisher = self.ground.indexes.get(&arrival.publisher).copied();
        let is_whole = publisher.is_none_or(|p| self.ground.publishers[p].is_finished);
        // What a run that was cut off has published last is not written down.
        if is_whole {
            self.witness.findings.push(Finding {
                subscriber: Some(self.subscriber),
                publisher,
                seq: u32::try_from(arrival.seq).ok(),
                at: Some(at),
                ..Finding::new(Fault::Stranger)
            });
        }
    }

    /// Something that is shown to the application.
    fn shown(&mut self, at: u64, (publisher, index): (usize, u32)) {
        let due = self.ground.publishers[publisher].publications[index as usize].due;
        self.witness.tally.deliveries += 1;
        self.witness
            .latencies
            .saturating_record(at.saturating_sub(due));
        self.silence(at);
    }

    /// Something that had not come before.
    fn first(&mut self, at: u64, (publisher, index): (usize, u32)) {
        let seq = index + 1;
        self.witness.seen[publisher].insert(index);
        if seq < self.latest[publisher] {
            let other = self.latest[publisher];
            self.witness.findings.push(Finding {
                subscriber: Some(self.subscriber),
                publisher: Some(publisher),
                seq: Some(seq),
                at: Some(at),
                other: Some(other),
                ..Finding::new(Fault::OutOfOrder)
            });
        }
        self.latest[publisher] = self.latest[publisher].max(seq);
        for excuse in self.open[publisher].drain(..) {
            self.witness.excuses[excuse].to[publisher] = seq;
        }
    }

    fn hits(&mut self, at: u64, arrival: &Arrival<'_>, (publisher, index): (usize, u32)) {
        let mut before = None;
        for number in arrival.numbers() {
            let which = Some((publisher, index));
            if before.replace(number) == Some(number) {
                self.found(Fault::Doubled, at, which, Some(number));
            } else if !self.witness.standings.contains_key(&number) {
                self.found(Fault::False, at, which, Some(number));
            } else if self.standing(number).is_closed() {
                self.standing(number).late.push((publisher, index));
                self.found(Fault::AfterEnd, at, which, Some(number));
            } else {
                self.standing(number).delivered[publisher].insert(index);
            }
        }
    }

    fn gap(&mut self, at: u64, count: u64) {
        self.witness.tally.gaps += 1;
        self.witness.tally.gap_deliveries += count;
        if !self.allowances.gaps {
            self.found(Fault::Gap, at, None, None);
        }
        let place = self.witness.excuses.len();
        self.witness.excuses.push(Excuse {
            kind: Excusing::Gap(count),
            from: self.latest.clone(),
            to: vec![u32::MAX; self.latest.len()],
        });
        self.open.iter_mut().for_each(|open| open.push(place));
    }

    fn attached(&mut self, at: u64, is_fresh: bool) {
        self.connection += 1;
        self.witness.tally.reconnects += 1;
        if !is_fresh {
            return;
        }
        self.witness.tally.fresh += 1;
        if !self.allowances.may_lose_session(self.disconnected) {
            self.found(Fault::SessionLost, at, None, None);
        }
        self.witness.excuses.push(Excuse {
            kind: Excusing::Fresh,
            from: self.latest.clone(),
            to: vec![u32::MAX; self.latest.len()],
        });
    }

    /// From here on every subscription is there again.
    fn resubscribed(&mut self, at: u64) {
        let publishers = self.ground.publishers;
        let last = self.witness.excuses.iter_mut().rev();
        for excuse in last.filter(|excuse| excuse.kind == Excusing::Fresh) {
            for (to, publisher) in excuse.to.iter_mut().zip(publishers) {
                let before = publisher.publications.partition_point(|p| p.at <= at);
                *to = (*to).min(u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1));
            }
        }
    }

    fn stamped(&mut self, at: u64, stamp: Stamp) {
        if stamp.epoch > self.epoch {
            self.epoch = stamp.epoch;
            self.witness.epochs.push((at, stamp.epoch));
        }
    }

    /// Nothing has come between the last time and this one.
    fn silence(&mut self, at: u64) {
        let flow = &self.ground.flow;
        let at = at.clamp(flow.start, flow.end.max(flow.start));
        let silence = at.saturating_sub(self.arrived);
        let tally = &mut self.witness.tally;
        tally.silence_max = tally.silence_max.max(silence);
        self.arrived = at;
    }

    fn standing(&mut self, number: u32) -> &mut Standing<'a> {
        let (subscriber, counts) = (self.subscriber, &self.ground.counts);
        let new = || Standing::new(subscriber, number, counts);
        self.witness.standings.entry(number).or_insert_with(new)
    }

    fn found(&mut self, fault: Fault, at: u64, which: Option<(usize, u32)>, number: Option<u32>) {
        self.witness.findings.push(Finding {
            subscriber: Some(self.subscriber),
            publisher: which.map(|(publisher, _)| publisher),
            seq: which.map(|(_, index)| index + 1),
            subscription: number,
            at: Some(at),
            ..Finding::new(fault)
        });
    }
}
