//! What was done to the cluster, and what came of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

/// One fault and what followed.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) number: usize,
    pub(crate) fault: String,
    pub(crate) detail: String,
    /// The layer and the phase of the operation that it hit.
    pub(crate) hit: Option<(String, String)>,
    /// From the fault until every subscriber that had fallen silent heard something again: the median of them and the
    /// last one. Nothing, if none had.
    pub(crate) recovered: Option<(Duration, Duration)>,
    /// Subscribers that had fallen silent.
    pub(crate) silent: usize,
    /// The longest silence of one subscriber, before and after.
    pub(crate) silence: (Duration, Duration),
    /// The longest silences, before and after, of each subscriber whom the death of an exit point does not concern.
    pub(crate) bystanders: Vec<(Duration, Duration)>,
    /// From the end of the fault until all hosts were there and nothing was under way.
    pub(crate) settled: Option<Duration>,
    pub(crate) rejoined: usize,
    pub(crate) violations: Vec<String>,
}

/// All rounds.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) rounds: Vec<Round>,
    /// From the start of a host's process until it was ready.
    pub(crate) starts: Vec<Duration>,
    pub(crate) published: u64,
    pub(crate) checked: u64,
    /// Pairs that `gomera verify` has looked at.
    pub(crate) verified_pairs: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) false_ones: u64,
    pub(crate) sessions_lost: u64,
}

impl Round {
    /// Told when it is over.
    pub(crate) fn line(&self) -> String {
        let hit = match &self.hit {
            Some((layer, phase)) => format!("in {phase} of {layer}"),
            None => "at rest".to_owned(),
        };
        let recovered = match self.recovered {
            Some((median, last)) => {
                format!(
                    "{} fell silent, for {} (median), {} (last)",
                    self.silent,
                    ms(median),
                    ms(last)
                )
            }
            None => "nobody fell silent".to_owned(),
        };
        let settled = self.settled.map_or("not settled".to_owned(), |settled| {
            format!("settled in {}", ms(settled))
        });
        let verdict = match self.violations.len() {
            0 => "ok".to_owned(),
            count => format!("{count} VIOLATIONS"),
        };
        format!(
            "{:4} {} {hit}: {recovered}; {settled}; {verdict}",
            self.number, self.detail
        )
    }
}

impl Report {
    pub(crate) fn violations(&self) -> usize {
        self.rounds.iter().map(|round| round.violations.len()).sum()
    }

    /// The whole as a table for people.
    pub(crate) fn table(&self) -> String {
        let mut rows: BTreeMap<(String, String), Vec<&Round>> = BTreeMap::new();
        for round in &self.rounds {
            let phase = round
                .hit
                .as_ref()
                .map_or("at rest", |(_, phase)| phase)
                .to_owned();
            rows.entry((round.fault.clone(), phase))
                .or_default()
                .push(round);
        }
        let mut text = format!(
            "{:22} {:9} {:>6} {:>10} {:>16} {:>16} {:>12}\n",
            "fault",
            "phase",
            "rounds",
            "violations",
            "recovered median",
            "recovered worst",
            "settled"
        );
        for ((fault, phase), rounds) in &rows {
            let lasts = durations(rounds, |round| round.recovered.map(|(_, last)| last));
            let settled = durations(rounds, |round| round.settled);
            let bad = rounds
                .iter()
                .filter(|round| !round.violations.is_empty())
                .count();
            text += &format!(
                "{fault:22} {phase:9} {:6} {bad:10} {:>16} {:>16} {:>12}\n",
                rounds.len(),
                lasts.median(),
                lasts.worst(),
                settled.median(),
            );
        }
        text + &self.summary() + &self.bystanders()
    }

    fn summary(&self) -> String {
        let hits = self
            .rounds
            .iter()
            .filter(|round| round.hit.is_some())
            .count();
        let all: Vec<&Round> = self.rounds.iter().collect();
        let recovered = durations(&all, |round| round.recovered.map(|(_, last)| last));
        let starts = Durations::new(self.starts.clone());
        format!(
            "{} faults, {hits} of them in an operation; {} rejoined by themselves\n\
             deliveries went on after {} (median), {} (worst), where anybody fell silent\n\
             a host was ready after {} (median), {} (worst), of {} starts\n\
             {} notifications, {} pairs checked: {} lost, {} doubled or out of order, {} false, {} sessions lost; \
             {} more by gomera verify\n",
            self.rounds.len(),
            self.rounds
                .iter()
                .map(|round| round.rejoined)
                .sum::<usize>(),
            recovered.median(),
            recovered.worst(),
            starts.median(),
            starts.worst(),
            self.starts.len(),
            self.published,
            self.checked,
            self.lost,
            self.doubled,
            self.false_ones,
            self.sessions_lost,
            self.verified_pairs,
        )
    }

    /// What those noticed of the death of an exit point whom it does not concern.
    fn bystanders(&self) -> String {
        let rounds = self.rounds.iter();
        let all: Vec<_> = rounds.flat_map(|round| &round.bystanders).collect();
        if all.is_empty() {
            return String::new();
        }
        let before = Durations::new(all.iter().map(|(before, _)| *before).collect());
        let after = Durations::new(all.iter().map(|(_, after)| *after).collect());
        let noticed = all.iter().filter(|(before, after)| *after > 2 * *before);
        format!(
            "longest silence of sessions at other exit points than the dead: {} (median), {} (worst); quiet {}, {}; \
             more than twice their own quiet one: {} of {}\n",
            after.median(),
            after.worst(),
            before.median(),
            before.worst(),
            noticed.count(),
            all.len(),
        )
    }

    /// The same for programs.
    pub(crate) fn json(&self, seed: u64) -> Value {
        let rounds: Vec<Value> = self.rounds.iter().map(of_round).collect();
        json!({
            "seed": seed,
            "faults": self.rounds.len(),
            "violations": self.violations(),
            "notifications": self.published,
            "pairs": self.checked,
            "pairs_verified": self.verified_pairs,
            "checker": {
                "lost": self.lost,
                "doubled": self.doubled,
                "false": self.false_ones,
                "sessions_lost": self.sessions_lost,
            },
            "starts_ms": self.starts.iter().map(|start| start.as_millis()).collect::<Vec<_>>(),
            "rounds": rounds,
        })
    }
}

fn of_round(round: &Round) -> Value {
    json!({
        "number": round.number,
        "fault": round.fault,
        "detail": round.detail,
        "layer": round.hit.as_ref().map(|(layer, _)| layer),
        "phase": round.hit.as_ref().map(|(_, phase)| phase),
        "silent": round.silent,
        "recovered_ms": round.recovered.map(|(median, last)| [median.as_millis(), last.as_millis()]),
        "silence_ms": [round.silence.0.as_millis(), round.silence.1.as_millis()],
        "bystanders_ms": round.bystanders.iter()
            .map(|(before, after)| [before.as_millis(), after.as_millis()])
            .collect::<Vec<_>>(),
        "settled_ms": round.settled.map(|settled| settled.as_millis()),
        "rejoined": round.rejoined,
        "violations": round.violations,
    })
}

/// Some times, ordered.
struct Durations(Vec<Duration>);

impl Durations {
    fn new(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Self(all)
    }

    fn median(&self) -> String {
        self.0
            .get(self.0.len() / 2)
            .map_or("–".to_owned(), |time| ms(*time))
    }

    fn worst(&self) -> String {
        self.0.last().map_or("–".to_owned(), |time| ms(*time))
    }
}

fn durations(rounds: &[&Round], of: impl Fn(&Round) -> Option<Duration>) -> Durations {
    Durations::new(rounds.iter().filter_map(|round| of(round)).collect())
}

fn ms(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}
