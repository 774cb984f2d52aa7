//! What a verification found, for people and programs.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use gomera_loadgen::measurement::Percentiles;
use gomera_loadgen::verify::judge::{Fault, Figures, StepResult, Verdict};
use gomera_loadgen::verify::story::seconds;
use serde_json::{Map, Value, json};

use crate::commands::Exit;
use crate::demo::report::{milliseconds, thousands};

/// What was found.
#[derive(Debug)]
pub(super) struct Report {
    /// `name=value` lines that say what the run was.
    pub(super) run: String,
    pub(super) verdict: Verdict,
    /// Some violations, told in full.
    pub(super) stories: Vec<String>,
    /// How long the check took.
    pub(super) took: Duration,
}

impl Report {
    pub(super) fn exit(&self) -> Exit {
        let was_refused =
            |step: &StepResult| matches!(outcome(step).0, "impossible" | "not_accepted");
        match (
            self.verdict.is_clean(),
            self.verdict.steps.iter().any(was_refused),
        ) {
            (false, _) => Exit::Negative,
            (true, true) => Exit::Failed,
            (true, false) => Exit::Done,
        }
    }

    /// For programs; `kept` is where the records are, if they are.
    pub(super) fn to_json(&self, kept: Option<&Path>) -> Value {
        let figures = &self.verdict.figures;
        let ms = |ns: u64| Duration::from_nanos(ns).as_secs_f64() * 1e3;
        let latency = |p: Percentiles| json!({"p50": ms(p.p50_ns), "p99": ms(p.p99_ns), "p999": ms(p.p999_ns), "max": ms(p.max_ns)});
        let epochs = figures
            .epochs
            .map(|(first, last)| json!({"first": first, "last": last}));
        let survives = figures.survives.as_ref();
        json!({
            "run": self.described(),
            "notifications": figures.notifications,
            "acknowledged": figures.acknowledged,
            "deliveries": figures.deliveries,
            "pairs_checked": figures.pairs_checked,
            "pairs_true": figures.pairs_true,
            "subscriptions": {
                "made": figures.subscriptions_made,
                "replaced": figures.subscriptions_replaced,
                "removed": figures.subscriptions_removed,
            },
            "reconnects": {
                "publishers": figures.reconnects_publishers,
                "subscribers": figures.reconnects_subscribers,
            },
            "resumed_fresh": figures.resumed_fresh,
            "gaps_signalled": figures.gaps_signalled,
            "gap_deliveries": figures.gap_deliveries,
            "excused": {
                "by_gaps": figures.excused_by_gaps,
                "by_lost_sessions": figures.excused_by_lost_sessions,
            },
            "repeats_dropped": figures.repeats_dropped,
            "latency_ms": figures.latency.map(latency),
            "silence_ms": {"max": ms(figures.silence_max_ns), "median": ms(figures.silence_median_ns)},
            "epochs": epochs,
            "survives": survives.map(|(first, last)| json!({"first": first, "last": last})),
            "scale": self.verdict.steps.iter().map(step_json).collect::<Vec<_>>(),
            "check_seconds": self.took.as_secs_f64(),
            "complete": figures.is_complete,
            "records": kept,
            "verdict": self.counts(),
            "violations": self.stories,
        })
    }

    fn described(&self) -> Value {
        let pairs = self.run.lines().filter_map(|line| line.split_once('='));
        let value = |text: &str| {
            text.parse::<serde_json::Number>()
                .map_or_else(|_| json!(text), Value::Number)
        };
        let fields = pairs.map(|(name, text)| match name {
            "run" => (name.to_owned(), json!(text)),
            _ => (name.to_owned(), value(text)),
        });
        Value::Object(fields.collect())
    }

    fn counts(&self) -> Value {
        let count = |fault| self.verdict.findings.count(fault);
        let mut counts = Map::new();
        counts.insert("clean".to_owned(), json!(self.verdict.is_clean()));
        for fault in Fault::ALL {
            counts.insert(fault.name().to_owned(), json!(count(fault)));
        }
        let holes = count(Fault::HoleAtStart) + count(Fault::HoleAtEnd);
        counts.insert("holes".to_owned(), json!(holes));
        Value::Object(counts)
    }

    /// For people.
    pub(super) fn text(&self, kept: Option<&Path>) -> String {
        let figures = &self.verdict.figures;
        let mut text = String::new();
        let mut line = |name: &str, what: String| {
            let _ = writeln!(text, "  {name:<15}{what}");
        };
        line(
            "published",
            format!(
                "{} notifications, {} acknowledged",
                thousands(figures.notifications),
                thousands(figures.acknowledged)
            ),
        );
        line("delivered", thousands(figures.deliveries));
        line("latency", latency(figures.latency));
        line(
            "subscriptions",
            format!(
                "{} made, {} replaced, {} removed",
                thousands(figures.subscriptions_made),
                thousands(figures.subscriptions_replaced),
                thousands(figures.subscriptions_removed)
            ),
        );
        line("connections", connections(figures));
        line(
            "silence",
            format!(
                "longest {}, median of the sessions' longest {}",
                milliseconds(Some(figures.silence_max_ns)),
                milliseconds(Some(figures.silence_median_ns))
            ),
        );
        if let Some((first, last)) = figures.epochs {
            line("topology", topology(first, last, figures));
        }
        for step in &self.verdict.steps {
            line("scaled", step_text(step));
        }
        line(
            "checked",
            format!(
                "{} pairs of a notification and a filter, {} of them true, in {:.1} s",
                thousands(figures.pairs_checked),
                thousands(figures.pairs_true),
                self.took.as_secs_f64()
            ),
        );
        if !figures.is_complete {
            line(
                "",
                "the records are not whole: the run was cut off".to_owned(),
            );
        }
        if let Some(kept) = kept {
            line("records", kept.display().to_string());
        }
        line("verdict", self.verdict_text());
        text + &self.told()
    }

    /// The stories, and how many are not told.
    fn told(&self) -> String {
        let mut text = String::new();
        for story in &self.stories {
            let _ = write!(text, "\n{story}");
        }
        let found: u64 = Fault::ALL
            .iter()
            .map(|fault| self.verdict.findings.count(*fault))
            .sum();
        if found > self.stories.len() as u64 {
            let _ = writeln!(
                text,
                "\n{} of {found} violations are told; --stories tells more",
                self.stories.len()
            );
        }
        text
    }

    fn verdict_text(&self) -> String {
        let count = |fault| self.verdict.findings.count(fault);
        let usual = [
            Fault::Lost,
            Fault::Doubled,
            Fault::False,
            Fault::OutOfOrder,
            Fault::HoleAtStart,
            Fault::HoleAtEnd,
        ];
        let is_told = |fault: &Fault| usual.contains(fault) || count(*fault) > 0;
        let counts: Vec<String> = Fault::ALL
            .into_iter()
            .filter(is_told)
            .map(|fault| {
                format!(
                    "{} {}",
                    thousands(count(fault)),
                    fault.name().replace('_', " ")
                )
            })
            .collect();
        let verdict = match self.verdict.is_clean() {
            true => "the contract holds",
            false => "THE CONTRACT IS BROKEN",
        };
        format!("{verdict}: {}", counts.join(", "))
    }
}

fn latency(latency: Option<Percentiles>) -> String {
    let ms = |of: fn(&Percentiles) -> u64| milliseconds(latency.as_ref().map(of));
    format!(
        "p50 {}, p99 {}, p99.9 {}, longest {}",
        ms(|p| p.p50_ns),
        ms(|p| p.p99_ns),
        ms(|p| p.p999_ns),
        ms(|p| p.max_ns)
    )
}

fn connections(figures: &Figures) -> String {
    let mut text = format!(
        "{} reconnects of publishers, {} of subscribers; {} sessions were gone",
        figures.reconnects_publishers, figures.reconnects_subscribers, figures.resumed_fresh
    );
    if figures.gaps_signalled > 0 {
        let _ = write!(
            text,
            "; {} gaps of {} deliveries",
            figures.gaps_signalled,
            thousands(figures.gap_deliveries)
        );
    }
    if figures.repeats_dropped > 0 {
        let _ = write!(
            text,
            "; {} repeats dropped",
            thousands(figures.repeats_dropped)
        );
    }
    let excused = figures.excused_by_gaps + figures.excused_by_lost_sessions;
    if excused > 0 {
        let _ = write!(text, "; {} pairs need not have come", thousands(excused));
    }
    text
}

fn topology(first: u64, last: u64, figures: &Figures) -> String {
    let epochs = match first == last {
        true => format!("epoch {first}"),
        false => format!("epochs {first} to {last}"),
    };
    match &figures.survives {
        None => format!("{epochs}; no admin port has said what the placement survives"),
        Some((first, last)) if first == last => {
            format!("{epochs}; the placement survives: {first}")
        }
        Some((first, last)) => {
            format!("{epochs}; the placement survives: {first}, in the end {last}")
        }
    }
}

/// How a step ended, and how often it was asked for again.
fn outcome(step: &StepResult) -> (&str, u64) {
    let Some((_, how)) = &step.ended else {
        return ("not_over", 0);
    };
    let (outcome, retries) = how.split_once(" retries=").unwrap_or((how, "0"));
    (outcome, retries.parse().unwrap_or(0))
}

fn step_json(step: &StepResult) -> Value {
    let (outcome, retries) = outcome(step);
    let s = |ns: u64| Duration::from_nanos(ns).as_secs_f64();
    json!({
        "plan": step.plan,
        "asked_seconds": s(step.asked_ns),
        "ended_seconds": step.ended.as_ref().map(|(at, _)| s(*at)),
        "outcome": outcome,
        "retries": retries,
    })
}

fn step_text(step: &StepResult) -> String {
    let (outcome, retries) = outcome(step);
    let mut text = format!(
        "{}, asked for at {}: {}",
        step.plan,
        seconds(step.asked_ns),
        outcome.replace('_', " ")
    );
    if let Some((at, _)) = step.ended {
        let _ = write!(
            text,
            " after {}",
            milliseconds(Some(at.saturating_sub(step.asked_ns)))
        );
    }
    if retries > 0 {
        let _ = write!(text, ", refused {retries} times before");
    }
    text
}
