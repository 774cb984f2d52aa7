//! What a demonstration found, for people and programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use serde_json::{Map, Value, json};

use gomera_coordinator::record::{OperationRecord, PhaseName, Resize};
use gomera_loadgen::checker::{Fault, Finding, SAMPLE_PERCENT, Verdict};
use gomera_loadgen::measurement::{Bucket, Delivery, Measurement, Percentiles};
use gomera_model::Layer;

/// What a demonstration found.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was asked of the broker.
    pub load: Load,
    /// Publications that were acknowledged.
    pub notifications: u64,
    /// Deliveries that arrived.
    pub deliveries: u64,
    /// From the start to the last arrival, nanoseconds.
    pub duration_ns: u64,
    /// From when a publication was due to its delivery; none without a delivery.
    pub latency: Option<Percentiles>,
    /// The run in pieces of [`BUCKET_NS`].
    pub timeline: Vec<Bucket>,
    /// What was scaled, in order.
    pub operations: Vec<Operation>,
    /// How often a client had to connect again.
    pub reconnects: u64,
    /// What the checker says.
    pub verdict: Verdict,
}

/// Length of a piece of the timeline.
pub const BUCKET_NS: u64 = 100_000_000;

/// What is asked of the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Publishing connections.
    pub publishers: usize,
    /// Publications a second, of all publishers together.
    pub rate_per_second: u32,
    /// For so long.
    pub seconds: u32,
    /// Subscribing connections.
    pub subscribers: usize,
    /// Filters of all of them together.
    pub filters: usize,
}

/// One operation of the run.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Instances before and after.
    pub layers: BTreeMap<Layer, Resize>,
    /// From when it was asked for until it was done, nanoseconds after the start of the run.
    pub span_ns: Range<u64>,
    /// Its phases, in order, nanoseconds after the start of the run.
    pub phases: Vec<Phase>,
    /// Slots that changed their owner.
    pub slots_moved: u64,
    /// Subscriptions in them.
    pub subscriptions_moved: u64,
    /// Their bytes in canonical form.
    pub bytes_moved: u64,
    /// The gap of an interval as long as the operation just before it.
    pub gap_quiet_ns: Option<u64>,
    /// The gap of the operation.
    pub gap_operation_ns: Option<u64>,
    /// What was due from one length of the operation before it until one length after it.
    pub deliveries: Vec<Delivery>,
}

/// One phase of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// Which.
    pub name: PhaseName,
    /// When, nanoseconds after the start of the run.
    pub span_ns: Range<u64>,
}

impl Operation {
    /// What the measurement says of an operation; `start_unix_ns` is when the run began by the wall clock.
    #[must_use]
    pub fn new(record: &OperationRecord, start_unix_ns: i64, measurement: &Measurement) -> Self {
        let asked = record.started_unix_ns.saturating_sub(start_unix_ns);
        let asked = u64::try_from(asked).unwrap_or(0);
        let phases: Vec<Phase> = record
            .phases
            .iter()
            .filter_map(|phase| {
                let begin = asked + phase.begin_ns;
                Some(Phase {
                    name: phase.phase,
                    span_ns: begin..begin + phase.duration_ns?,
                })
            })
            .collect();
        let end = phases.last().map_or(asked, |phase| phase.span_ns.end);
        let length = end - asked;
        let before = asked.saturating_sub(length);
        Self {
            layers: record.layers.clone(),
            span_ns: asked..end,
            phases,
            slots_moved: record.slots_moved,
            subscriptions_moved: record.subscriptions_moved,
            bytes_moved: record.bytes_moved,
            gap_quiet_ns: measurement.gap_ns(&(before..asked)),
            gap_operation_ns: measurement.gap_ns(&(asked..end)),
            deliveries: measurement.due_within(&(before..end + length)).to_vec(),
        }
    }

    /// As `matchers 1 → 3`.
    #[must_use]
    pub fn title(&self) -> String {
        let layers = self.layers.iter();
        let parts: Vec<String> = layers
            .map(|(layer, resize)| {
                format!("{} {} → {}", layer_name(*layer), resize.from, resize.to)
            })
            .collect();
        parts.join(", ")
    }

    fn to_json(&self) -> Value {
        // A layer that changes in several steps goes through a phase more than once.
        let mut lengths: BTreeMap<&str, u64> = BTreeMap::new();
        for phase in &self.phases {
            let length = phase.span_ns.end - phase.span_ns.start;
            *lengths.entry(phase_name(phase.name)).or_default() += length;
        }
        let phases: Map<String, Value> = (lengths.into_iter())
            .map(|(name, length)| (name.to_owned(), json!(ms(length))))
            .collect();
        json!({
            "layers": self.layers,
            "phases_ms": phases,
            "start_ms": ms(self.span_ns.start),
            "duration_ms": ms(self.span_ns.end - self.span_ns.start),
            "slots_moved": self.slots_moved,
            "subscriptions_moved": self.subscriptions_moved,
            "bytes_moved": self.bytes_moved,
            "gap_quiet_ms": self.gap_quiet_ns.map(ms),
            "gap_operation_ms": self.gap_operation_ns.map(ms),
        })
    }
}

impl Report {
    /// The greatest gap of all intervals before an operation, and of all operations.
    #[must_use]
    pub fn gaps_ns(&self) -> (Option<u64>, Option<u64>) {
        let quiet = self.operations.iter().filter_map(|o| o.gap_quiet_ns).max();
        let operation = self
            .operations
            .iter()
            .filter_map(|o| o.gap_operation_ns)
            .max();
        (quiet, operation)
    }

    /// Notifications a second.
    #[must_use]
    pub fn throughput_per_second(&self) -> f64 {
        per_second(self.notifications, self.duration_ns)
    }

    /// Deliveries a second.
    #[must_use]
    pub fn deliveries_per_second(&self) -> f64 {
        per_second(self.deliveries, self.duration_ns)
    }

    /// The object that `--json` ends with.
    #[must_use]
    pub fn to_json(&self, page: Option<&Path>) -> Value {
        let (quiet, operation) = self.gaps_ns();
        let latency = self.latency;
        let operations: Vec<Value> = self.operations.iter().map(Operation::to_json).collect();
        json!({
            "notifications": self.notifications,
            "deliveries": self.deliveries,
            "throughput_per_second": tenth(self.throughput_per_second()),
            "deliveries_per_second": tenth(self.deliveries_per_second()),
            "latency_ms": {
                "p50": latency.map(|latency| ms(latency.p50_ns)),
                "p99": latency.map(|latency| ms(latency.p99_ns)),
                "p999": latency.map(|latency| ms(latency.p999_ns)),
                "max": latency.map(|latency| ms(latency.max_ns)),
            },
            "gap_ms": {"quiet": quiet.map(ms), "operation": operation.map(ms)},
            "reconnects": self.reconnects,
            "operations": operations,
            "checker": {
                "checked": self.verdict.checked,
                "exhaustive_notifications": self.verdict.exhaustive,
                "lost": self.verdict.lost,
                "doubled": self.verdict.doubled,
                "false": self.verdict.unfounded,
                "out_of_order": self.verdict.out_of_order,
            },
            "page": page,
        })
    }

    /// The report as text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {name:<14}{value}");
        };
        line(
            "notifications",
            format!(
                "{} published and acknowledged, {} a second",
                thousands(self.notifications),
                whole(self.throughput_per_second())
            ),
        );
        line(
            "deliveries",
            format!(
                "{} to {} subscribers, {} a second",
                thousands(self.deliveries),
                self.load.subscribers,
                whole(self.deliveries_per_second())
            ),
        );
        line("latency", self.latency_text());
        for operation in &self.operations {
            line("scaled", operation_text(operation));
            line("", format!("gap {}", gap_text(operation)));
        }
        let (quiet, operation) = self.gaps_ns();
        line(
            "gap",
            format!(
                "quiet {}, operation {}",
                milliseconds(quiet),
                milliseconds(operation)
            ),
        );
        line("reconnects", self.reconnects.to_string());
        line("checker", self.verdict_text());
        line("", self.checked_text());
        for finding in &self.verdict.examples {
            line("", finding_text(finding));
        }
        text
    }

    /// What the checker found, in a line.
    #[must_use]
    pub fn verdict_text(&self) -> String {
        let verdict = &self.verdict;
        format!(
            "{} lost, {} doubled, {} false, {} out of order",
            verdict.lost, verdict.doubled, verdict.unfounded, verdict.out_of_order
        )
    }

    /// What the checker looked at, in a line.
    #[must_use]
    pub fn checked_text(&self) -> String {
        let verdict = &self.verdict;
        let pairs = thousands(verdict.checked);
        if verdict.exhaustive == verdict.notifications {
            return format!("{pairs} pairs of notification and filter checked: all there are");
        }
        format!(
            "{pairs} pairs of notification and filter checked: all of {} notifications around the operations; \
             of the other {} every delivery, and a random {SAMPLE_PERCENT} % of the rest",
            thousands(verdict.exhaustive),
            thousands(verdict.notifications - verdict.exhaustive),
        )
    }

    fn latency_text(&self) -> String {
        let Some(latency) = self.latency else {
            return "nothing was delivered".to_owned();
        };
        format!(
            "p50 {}, p99 {}, p99.9 {}, max {}",
            milliseconds(Some(latency.p50_ns)),
            milliseconds(Some(latency.p99_ns)),
            milliseconds(Some(latency.p999_ns)),
            milliseconds(Some(latency.max_ns))
        )
    }
}

/// The layer as people say it.
pub(crate) fn layer_name(layer: Layer) -> &'static str {
    match layer {
        Layer::ConnectionPoints => "connection points",
        Layer::AccessPoints => "access points",
        Layer::Matchers => "matchers",
        Layer::ExitPoints => "exit points",
    }
}

/// The phase as programs and people say it.
pub(crate) fn phase_name(phase: PhaseName) -> &'static str {
    match phase {
        PhaseName::Prepare => "prepare",
        PhaseName::Copy => "copy",
        PhaseName::Close => "close",
        PhaseName::Commit => "commit",
        PhaseName::Fill => "fill",
        PhaseName::Drain => "drain",
        PhaseName::Done => "done",
        PhaseName::Aborted => "aborted",
    }
}

/// A number with a mark at every thousand.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number that is not negative, without what is behind the point.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are positive and far below 2^53"
)]
pub(crate) fn whole(number: f64) -> String {
    thousands(number.round() as u64)
}

/// Nanoseconds as milliseconds with a sensible number of digits.
pub(crate) fn milliseconds(ns: Option<u64>) -> String {
    match ns.map(ms) {
        None => "–".to_owned(),
        Some(ms) if ms < 10.0 => format!("{ms:.2} ms"),
        Some(ms) if ms < 100.0 => format!("{ms:.1} ms"),
        Some(ms) => format!("{ms:.0} ms"),
    }
}

/// Bytes for people.
pub(crate) fn kilobytes(bytes: u64) -> String {
    format!("{} KiB", thousands(bytes.div_ceil(1024)))
}

fn operation_text(operation: &Operation) -> String {
    format!(
        "{} in {}: {} slots, {} subscriptions, {} moved",
        operation.title(),
        milliseconds(Some(operation.span_ns.end - operation.span_ns.start)),
        thousands(operation.slots_moved),
        thousands(operation.subscriptions_moved),
        kilobytes(operation.bytes_moved)
    )
}

fn gap_text(operation: &Operation) -> String {
    format!(
        "{} during it, {} in as long before it",
        milliseconds(operation.gap_operation_ns),
        milliseconds(operation.gap_quiet_ns)
    )
}

fn finding_text(finding: &Finding) -> String {
    let what = match finding.fault {
        Fault::Lost => "lost",
        Fault::Doubled => "doubled",
        Fault::Unfounded => "false",
        Fault::OutOfOrder => "out of order",
    };
    let subscription = finding
        .subscription
        .map_or_else(String::new, |number| format!(", subscription {number}"));
    format!(
        "{what}: publisher {}, number {}, subscriber {}{subscription}",
        finding.publisher, finding.seq, finding.subscriber
    )
}

/// Nanoseconds as milliseconds, to the microsecond.
#[expect(
    clippy::cast_precision_loss,
    reason = "a run is far shorter than 2^52 µs"
)]
fn ms(ns: u64) -> f64 {
    (ns as f64 / 1e3).round() / 1e3
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a run are far below 2^52"
)]
fn per_second(count: u64, duration_ns: u64) -> f64 {
    count as f64 / (duration_ns.max(1) as f64 / 1e9)
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
