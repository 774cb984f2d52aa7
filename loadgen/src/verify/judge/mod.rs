//! The verdict on a run, from its records alone.
//!
//! First every subscriber's file is walked through: what came, in which order, and what is wrong by itself. Then every
//! notification is held against every subscription (`pairs`), with filters evaluated by verify's own evaluator and
//! with bounds for when a filter was in force (`lives`). What is missing and covered by a signalled gap or by the loss
//! of a session is excused, as far as that goes.

mod bits;
mod finding;
mod lives;
mod pairs;
#[cfg(test)]
mod tests;
mod witness;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use hdrhistogram::Histogram;

use super::content::is_mark;
use super::predicate::Predicate;
use super::trail::{Cluster, Fate, Files, Publication, Publisher, TrailError};
use super::value::Columns;
use crate::measurement::{Percentiles, histogram};
pub use finding::{Fault, Finding, Findings};
use pairs::{Examination, Examined, Excusable, Question};
use witness::{Excusing, Ground, Tally, Witness};

/// What counts as a violation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Gaps that the broker signals are none.
    pub allow_gaps: bool,
    /// Sessions that are gone are none. Without this they are, once the placement has said that it survives something.
    pub allow_lost_sessions: bool,
}

/// What came of a run.
#[derive(Debug)]
pub struct Verdict {
    /// What is wrong.
    pub findings: Findings,
    /// What was counted.
    pub figures: Figures,
    /// The steps of the plan: what was asked when (nanoseconds after the start), and when it ended how.
    pub steps: Vec<StepResult>,
}

/// One step of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepResult {
    /// As it was written.
    pub plan: String,
    /// When it was first asked for.
    pub asked_ns: u64,
    /// When it was over, and how; none if the run ended before.
    pub ended: Option<(u64, String)>,
}

/// The numbers of a run.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Published.
    pub notifications: u64,
    /// Of these, acknowledged.
    pub acknowledged: u64,
    /// Shown to subscribers.
    pub deliveries: u64,
    /// Pairs of a notification and a filter in force that were evaluated.
    pub pairs_checked: u64,
    /// Of these, pairs that were to be delivered.
    pub pairs_true: u64,
    /// Subscriptions that were made.
    pub subscriptions_made: u64,
    /// Subscriptions that got another filter.
    pub subscriptions_replaced: u64,
    /// Subscriptions that were ended.
    pub subscriptions_removed: u64,
    /// Connections that were made again, of publishers and of subscribers.
    pub reconnects_publishers: u64,
    /// The same of subscribers.
    pub reconnects_subscribers: u64,
    /// Sessions that were gone when their client came back, whether that is a violation or not.
    pub resumed_fresh: u64,
    /// Gaps that were signalled, whether that is a violation or not.
    pub gaps_signalled: u64,
    /// Deliveries that were lost in them, as signalled.
    pub gap_deliveries: u64,
    /// Pairs that did not come and are covered by a gap.
    pub excused_by_gaps: u64,
    /// Pairs that did not come and are covered by the loss of a session.
    pub excused_by_lost_sessions: u64,
    /// Deliveries that came again and were dropped by the client library.
    pub repeats_dropped: u64,
    /// From when a notification was due to its arrival.
    pub latency: Option<Percentiles>,
    /// The longest silence of each session while notifications were published: the longest of all, and the median.
    pub silence_max_ns: u64,
    /// The median of the sessions' longest silences.
    pub silence_median_ns: u64,
    /// Epochs that were seen, the first and the last.
    pub epochs: Option<(u64, u64)>,
    /// What the placement said to survive, at first and at last; none if nobody could be asked.
    pub survives: Option<(String, String)>,
    /// Whether all records are whole.
    pub is_complete: bool,
}

impl Verdict {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        Fault::ALL
            .iter()
            .all(|fault| self.findings.count(*fault) == 0)
    }
}

/// What is no violation, and when the topology changed.
#[derive(Debug)]
struct Allowances<'a> {
    gaps: bool,
    lost_sessions: bool,
    cluster: &'a Cluster<'a>,
    /// When another topology was seen, by anybody.
    changes: Vec<u64>,
}

impl Allowances<'_> {
    fn may_lose_session(&self, at: u64) -> bool {
        self.lost_sessions || !self.cluster.survived_something(at)
    }

    /// Whether the topology changed from one moment to another, or shortly before or after.
    fn changed_within(&self, from: u64, to: u64) -> bool {
        let span = from.saturating_sub(CHANGE_NS)..to.saturating_add(CHANGE_NS);
        self.changes.iter().any(|change| span.contains(change))
    }
}

/// Checks a run, on all cores.
///
/// # Errors
///
/// If a record cannot be understood.
///
/// # Panics
///
/// If a thread of ours does.
pub fn check(files: &Files, rules: Rules) -> Result<Verdict, TrailError> {
    let texts: Vec<&String> = files.publishers.iter().collect();
    let publishers = side_by_side(texts.len(), |index| Publisher::read(index, texts[index]))?;
    let cluster = Cluster::read(&files.cluster)?;
    let ground = ground(&publishers);
    let walk = |changes: Vec<u64>| {
        let allowances = Allowances {
            gaps: rules.allow_gaps,
            lost_sessions: rules.allow_lost_sessions,
            cluster: &cluster,
            changes,
        };
        side_by_side(files.subscribers.len(), |index| {
            Witness::walk(&ground, &allowances, (index, &files.subscribers[index]))
        })
    };
    let mut witnesses = walk(changes(&cluster, &[]))?;
    if witnesses
        .iter()
        .any(|w| w.findings.count(Fault::Doubled) > 0)
    {
        // A change that only the stamps tell of may explain them.
        witnesses = walk(changes(&cluster, &witnesses))?;
    }
    let mut columns = Columns::default();
    let predicates = predicates(&witnesses, &mut columns)?;
    let examination = Examination {
        publishers: &publishers,
        witnesses: &witnesses,
        questions: questions(&witnesses, &predicates, &publishers),
        columns: &columns,
    };
    let mut examined = examine(&examination);
    let mut figures = figures(&publishers, &witnesses, &cluster);
    excuse(&witnesses, &mut examined, &mut figures);
    figures.pairs_checked = examined.pairs;
    figures.pairs_true = examined.expected;
    let mut findings = examined.findings;
    publishers_findings(&publishers, &mut findings);
    for witness in witnesses {
        findings.add(witness.findings);
    }
    Ok(Verdict {
        findings,
        figures,
        steps: steps(&cluster),
    })
}

/// Does the same for each of some, on all cores; the results in order.
fn side_by_side<T: Send, E: Send>(
    count: usize,
    work: impl Fn(usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..cores().min(count) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        return;
                    }
                    let result = work(index);
                    let mut done = done.lock().expect("no thread panics while it holds this");
                    done.insert(index, result);
                }
            });
        }
    });
    let done = done
        .into_inner()
        .expect("no thread panicked while it held this");
    done.into_values().collect()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn ground<'a>(publishers: &'a [Publisher<'a>]) -> Ground<'a> {
    let first = publishers.iter().filter_map(|p| p.publications.first());
    let start = first.map(|publication| publication.due).min().unwrap_or(0);
    // The marks at the end are not part of the flow.
    let is_ordinary = |publication: &&Publication<'_>| !is_mark(publication.content);
    let last = publishers
        .iter()
        .filter_map(|p| p.publications.iter().rev().find(is_ordinary));
    let end = last.map(|publication| publication.due).max().unwrap_or(0);
    Ground {
        publishers,
        indexes: publishers
            .iter()
            .map(|publisher| publisher.id)
            .zip(0..)
            .collect(),
        counts: publishers.iter().map(Publisher::count).collect(),
        flow: start..end,
    }
}

/// When another topology than the first was seen, by the admin port or by a stamp.
fn changes(cluster: &Cluster<'_>, witnesses: &[Witness<'_>]) -> Vec<u64> {
    let seen = cluster
        .topologies
        .iter()
        .map(|(at, epoch, _)| (*at, *epoch));
    let stamped = witnesses
        .iter()
        .flat_map(|witness| witness.epochs.iter().copied());
    let all: BTreeSet<(u64, u64)> = seen.chain(stamped).collect();
    let Some(first) = all.iter().map(|(_, epoch)| *epoch).min() else {
        return Vec::new();
    };
    let later = all.into_iter().filter(|(_, epoch)| *epoch > first);
    later.map(|(at, _)| at).collect()
}

/// Every filter that was ever asked for, read once.
fn predicates<'a>(
    witnesses: &[Witness<'a>],
    columns: &mut Columns,
) -> Result<BTreeMap<&'a str, Predicate>, TrailError> {
    let standings = witnesses
        .iter()
        .flat_map(|witness| witness.standings.values());
    let mut predicates = BTreeMap::new();
    for text in standings
        .flat_map(|s| &s.lives)
        .filter_map(|life| life.filter)
    {
        if !predicates.contains_key(text) {
            predicates.insert(text, Predicate::parse(text, columns)?);
        }
    }
    Ok(predicates)
}

fn questions<'a>(
    witnesses: &'a [Witness<'a>],
    predicates: &'a BTreeMap<&'a str, Predicate>,
    publishers: &[Publisher<'_>],
) -> Vec<Question<'a>> {
    let standings = witnesses
        .iter()
        .flat_map(|witness| witness.standings.values());
    standings
        .map(|standing| Question {
            standing,
            predicates: standing
                .lives
                .iter()
                .map(|life| life.filter.map(|text| &predicates[text]))
                .collect(),
            segments: publishers
                .iter()
                .enumerate()
                .map(|publisher| standing.segments(publisher))
                .collect(),
        })
        .collect()
}

/// All pairs, block by block and switch by switch, on all cores.
fn examine(examination: &Examination<'_>) -> Examined {
    let mut blocks: Vec<(usize, Range<u32>)> = Vec::new();
    for (publisher, trail) in examination.publishers.iter().enumerate() {
        let count = trail.count();
        let starts = (0..count).step_by(BLOCK as usize);
        blocks.extend(starts.map(|start| (publisher, start..count.min(start + BLOCK))));
    }
    let questions = &examination.questions;
    let parts = side_by_side(blocks.len() + questions.len(), |work| {
        let mut examined = Examined::default();
        match blocks.get(work) {
            Some((publisher, span)) => examination.block(*publisher, span, &mut examined),
            None => {
                let question = &questions[work - blocks.len()];
                for publisher in 0..examination.publishers.len() {
                    examination.switches(question, publisher, &mut examined);
                }
            }
        }
        Ok::<_, std::convert::Infallible>(examined)
    });
    let mut total = Examined::default();
    for part in parts.unwrap_or_default() {
        total.pairs += part.pairs;
        total.expected += part.expected;
        total.findings.add(part.findings);
        total.excusable.extend(part.excusable);
    }
    total
}

/// Lets excuses cover what is missing: a lost session all of it, a gap as many deliveries as it has signalled.
fn excuse(witnesses: &[Witness<'_>], examined: &mut Examined, figures: &mut Figures) {
    let mut missing = std::mem::take(&mut examined.excusable);
    missing.sort_unstable();
    let mut left: Vec<Vec<u64>> = witnesses
        .iter()
        .map(|witness| {
            let excuses = witness.excuses.iter().map(|excuse| match excuse.kind {
                Excusing::Gap(count) => count,
                Excusing::Fresh => u64::MAX,
            });
            excuses.collect()
        })
        .collect();
    let delivery = |missing: &Excusable| (missing.subscriber, missing.publisher, missing.index);
    for pairs in missing.chunk_by(|one, other| delivery(one) == delivery(other)) {
        let (subscriber, publisher, index) = delivery(&pairs[0]);
        let witness = &witnesses[subscriber];
        let left = &mut left[subscriber];
        let by = witness
            .excuses(publisher, index)
            .find(|excuse| left[*excuse] > 0);
        let Some(by) = by else {
            pairs
                .iter()
                .for_each(|pair| examined.findings.push(pair.finding));
            continue;
        };
        match witness.excuses[by].kind {
            Excusing::Gap(_) => {
                left[by] -= 1;
                figures.excused_by_gaps += pairs.len() as u64;
            }
            Excusing::Fresh => figures.excused_by_lost_sessions += pairs.len() as u64,
        }
    }
}

/// What is wrong with publications and publishers themselves.
fn publishers_findings(publishers: &[Publisher<'_>], findings: &mut Findings) {
    for (index, publisher) in publishers.iter().enumerate() {
        let about = |fault, seq: Option<u32>| Finding {
            publisher: Some(index),
            seq,
            ..Finding::new(fault)
        };
        if publisher.ended.is_some() {
            findings.push(about(Fault::ClientEnded, None));
        }
        for (publication, seq) in publisher.publications.iter().zip(1..) {
            match publication.fate {
                Fate::Acknowledged(_) => {}
                Fate::Refused => findings.push(about(Fault::Refused, Some(seq))),
                // A run that was cut off has not waited for it.
                Fate::Pending if publisher.is_finished => {
                    findings.push(about(Fault::Unacknowledged, Some(seq)));
                }
                Fate::Pending => {}
            }
        }
    }
}

fn figures(
    publishers: &[Publisher<'_>],
    witnesses: &[Witness<'_>],
    cluster: &Cluster<'_>,
) -> Figures {
    let publications = || {
        publishers
            .iter()
            .flat_map(|publisher| &publisher.publications)
    };
    let is_acknowledged = |fate: Fate| matches!(fate, Fate::Acknowledged(_));
    let sum = |of: fn(&Tally) -> u64| witnesses.iter().map(|w| of(&w.tally)).sum();
    let again = publishers
        .iter()
        .flat_map(|p| &p.connections)
        .filter(|(_, there)| *there);
    let mut latencies: Histogram<u64> = histogram();
    for witness in witnesses {
        latencies
            .add(&witness.latencies)
            .expect("both histograms have the same bounds");
    }
    let mut silences: Vec<u64> = witnesses.iter().map(|w| w.tally.silence_max).collect();
    silences.sort_unstable();
    let seen = cluster.topologies.iter().map(|(_, epoch, _)| *epoch);
    let epochs: BTreeSet<u64> = seen
        .chain(witnesses.iter().flat_map(|w| w.epochs.iter().map(|e| e.1)))
        .collect();
    let survives = |topology: Option<&(u64, u64, &str)>| {
        topology.map(|(_, _, survives)| (*survives).to_owned())
    };
    Figures {
        notifications: publications().count() as u64,
        acknowledged: publications().filter(|p| is_acknowledged(p.fate)).count() as u64,
        deliveries: sum(|tally| tally.deliveries),
        subscriptions_made: sum(|tally| tally.made),
        subscriptions_replaced: sum(|tally| tally.replaced),
        subscriptions_removed: sum(|tally| tally.removed),
        reconnects_publishers: again.count() as u64,
        reconnects_subscribers: sum(|tally| tally.reconnects),
        resumed_fresh: sum(|tally| tally.fresh),
        gaps_signalled: sum(|tally| tally.gaps),
        gap_deliveries: sum(|tally| tally.gap_deliveries),
        repeats_dropped: sum(|tally| tally.repeats),
        latency: Percentiles::of(&latencies),
        silence_max_ns: silences.last().copied().unwrap_or(0),
        silence_median_ns: silences.get(silences.len() / 2).copied().unwrap_or(0),
        epochs: epochs.first().copied().zip(epochs.last().copied()),
        survives: survives(cluster.topologies.first()).zip(survives(cluster.topologies.last())),
        is_complete: publishers.iter().all(|p| p.is_finished)
            && witnesses.iter().all(|w| w.tally.is_finished),
        ..Figures::default()
    }
}

fn steps(cluster: &Cluster<'_>) -> Vec<StepResult> {
    let steps = cluster.steps.iter().map(|step| StepResult {
        plan: step.plan.to_owned(),
        asked_ns: step.asked,
        ended: step.ended.map(|(at, how)| (at, how.to_owned())),
    });
    steps.collect()
}

/// Notifications that a thread takes at once: their rows stay in its cache.
const BLOCK: u32 = 1_024;
/// A change of the topology is seen by clients and by the admin port within this time.
const CHANGE_NS: u64 = 5_000_000_000;
