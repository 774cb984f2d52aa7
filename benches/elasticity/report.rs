//! What was seen of the operations, and the table of medians.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write};
use std::hint::black_box;
use std::ops::Range;
use std::time::Instant;

use gomera::demo::report::Operation;
use gomera_coordinator::OperationRecord;
use gomera_loadgen::measurement::{Measurement, Percentiles, histogram};
use gomera_model::Layer;
use serde_json::json;

use crate::prober::Activation;
use crate::setting::{Held, Setting, name};

/// One operation as it was seen from outside.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    strategy: &'static str,
    from: u32,
    to: u32,
    duration_ns: u64,
    phases: Vec<(String, u64)>,
    bytes: u64,
    subscriptions: u64,
    memcpy_ns: u64,
    gap_quiet_ns: u64,
    gap_ns: u64,
    /// The phase in which the slowest was due.
    gap_phase: String,
    p999_quiet_ns: u64,
    p999_ns: u64,
    held: Held,
    operations_held: u64,
    operations_held_ns: u64,
    activation: Percentiles,
    activation_quiet: Percentiles,
    /// How much of its end lies behind the end of the load.
    pub(crate) cut_ns: u64,
    pub(crate) reconnects: u64,
}

impl Observed {
    pub(crate) fn new(
        record: &OperationRecord,
        operation: &Operation,
        measurement: &Measurement,
        held: Held,
    ) -> Self {
        let resize = record.layers.get(&Layer::Matchers);
        let before = before(&operation.span_ns);
        Self {
            strategy: name(record.strategy),
            from: resize.map_or(0, |resize| resize.from),
            to: resize.map_or(0, |resize| resize.to),
            duration_ns: record.duration_ns(),
            phases: phases(record),
            bytes: record.bytes_moved,
            subscriptions: record.subscriptions_moved,
            memcpy_ns: memcpy_ns(record.bytes_moved),
            gap_quiet_ns: operation.gap_quiet_ns.unwrap_or(0),
            gap_ns: operation.gap_operation_ns.unwrap_or(0),
            gap_phase: gap_phase(operation),
            p999_quiet_ns: p999_ns(measurement, &before),
            p999_ns: p999_ns(measurement, &operation.span_ns),
            held,
            operations_held: record.operations_held,
            operations_held_ns: record.held_ns_max,
            activation: Percentiles::default(),
            activation_quiet: Percentiles::default(),
            cut_ns: 0,
            reconnects: 0,
        }
    }

    /// Takes what the prober noted, in the operation and in as long before it.
    pub(crate) fn activations(&mut self, all: &[Activation], start: Instant, span: &Range<u64>) {
        let within = |span: &Range<u64>| {
            let mut took = histogram();
            for one in all {
                let asked = one.asked.saturating_duration_since(start).as_nanos();
                if span.contains(&u64::try_from(asked).unwrap_or(u64::MAX)) {
                    took.saturating_record(u64::try_from(one.took.as_nanos()).unwrap_or(u64::MAX));
                }
            }
            Percentiles::of(&took).unwrap_or_default()
        };
        self.activation = within(span);
        self.activation_quiet = within(&before(span));
    }

    /// One line for programs.
    pub(crate) fn json(&self, setting: Setting) -> String {
        json!({
            "subscriptions": setting.subscriptions, "copy_rate": setting.copy_rate, "rate": setting.rate,
            "strategy": self.strategy, "from": self.from, "to": self.to,
            "duration_ns": self.duration_ns, "phases_ns": self.phases,
            "subscriptions_moved": self.subscriptions, "bytes_moved": self.bytes, "memcpy_ns": self.memcpy_ns,
            "gap_quiet_ns": self.gap_quiet_ns, "gap_operation_ns": self.gap_ns, "gap_phase": self.gap_phase,
            "p999_quiet_ns": self.p999_quiet_ns, "p999_operation_ns": self.p999_ns,
            "notifications_held": self.held.notifications, "notifications_held_ns_max": self.held.longest_ns,
            "operations_held": self.operations_held, "operations_held_ns_max": self.operations_held_ns,
            "activation_p99_ns": self.activation.p99_ns, "activation_max_ns": self.activation.max_ns,
            "activation_quiet_p99_ns": self.activation_quiet.p99_ns,
            "activation_quiet_max_ns": self.activation_quiet.max_ns,
            "reconnects": self.reconnects, "cut_ns": self.cut_ns,
        })
        .to_string()
    }
}

impl Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phases: Vec<String> = self
            .phases
            .iter()
            .map(|(phase, nanos)| format!("{phase} {:.1}", ms(*nanos)))
            .collect();
        write!(
            f,
            "{} {} → {}: {:.1} ms ({}), gap {:.2} in {} / quiet {:.2} ms, activation p99 {:.2} max {:.2} ms, held {}",
            self.strategy,
            self.from,
            self.to,
            ms(self.duration_ns),
            phases.join(", "),
            ms(self.gap_ns),
            self.gap_phase,
            ms(self.gap_quiet_ns),
            ms(self.activation.p99_ns),
            ms(self.activation.max_ns),
            self.held.notifications
        )?;
        match self.reconnects {
            0 => Ok(()),
            some => write!(f, ", {some} RECONNECTS"),
        }
    }
}

/// The medians of each setting, strategy and direction.
pub(crate) fn table(all: &[(Setting, Observed)]) -> String {
    let mut groups: BTreeMap<_, Vec<&Observed>> = BTreeMap::new();
    for (setting, operation) in all {
        let key = (*setting, operation.strategy, operation.from < operation.to);
        groups.entry(key).or_default().push(operation);
    }
    let mut text = HEAD.to_owned();
    for ((setting, strategy, is_out), group) in groups {
        let of = |value: fn(&Observed) -> f64| median(group.iter().map(|one| value(one)));
        let worst =
            |value: fn(&Observed) -> f64| group.iter().map(|one| value(one)).fold(0.0, f64::max);
        let _ = writeln!(
            text,
            "| {} | {} | {strategy} | {} | {} | {:.1} | {:.2} | {:.2} | {:.2} | {:.2} | {:.0} | {:.2} / {:.2} | {:.1} / {:.1} | {:.0} |",
            setting.subscriptions,
            if setting.copy_rate == 0 {
                "none".to_owned()
            } else {
                setting.copy_rate.to_string()
            },
            if is_out { "1 → 3" } else { "3 → 1" },
            group.len(),
            of(|o| ms(o.duration_ns)),
            of(|o| ms(o.gap_quiet_ns)),
            of(|o| ms(o.gap_ns)),
            of(|o| ratio(o.gap_ns, o.gap_quiet_ns)),
            of(|o| ms(o.p999_ns) - ms(o.p999_quiet_ns)),
            worst(|o| float(o.held.notifications)),
            of(|o| ms(o.activation_quiet.p99_ns)),
            of(|o| ms(o.activation.p99_ns)),
            of(|o| ms(o.activation.max_ns)),
            worst(|o| ms(o.activation.max_ns)),
            of(|o| ratio(o.duration_ns, o.memcpy_ns)),
        );
    }
    text
}

const HEAD: &str = "\
| subscriptions | copy rate | strategy | matchers | runs | duration ms | gap quiet ms | gap ms | ratio | p99.9 added ms | held | activation p99 quiet / within ms | activation worst: median / max ms | duration ÷ memcpy |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
";

fn before(span: &Range<u64>) -> Range<u64> {
    span.start.saturating_sub(span.end - span.start)..span.start
}

fn phases(record: &OperationRecord) -> Vec<(String, u64)> {
    let named = record.phases.iter().map(|phase| {
        let name = format!("{:?}", phase.phase).to_lowercase();
        (name, phase.duration_ns.unwrap_or(0))
    });
    named.collect()
}

/// In which phase the slowest delivery of the operation was due.
fn gap_phase(operation: &Operation) -> String {
    let within = operation.deliveries.iter();
    let within = within.filter(|delivery| operation.span_ns.contains(&delivery.due_ns));
    let slowest = within.max_by_key(|delivery| delivery.latency_ns());
    let phase = slowest.and_then(|slowest| {
        let mut phases = operation.phases.iter();
        phases.find(|phase| phase.span_ns.contains(&slowest.due_ns))
    });
    phase.map_or_else(String::new, |phase| {
        format!("{:?}", phase.name).to_lowercase()
    })
}

fn p999_ns(measurement: &Measurement, span: &Range<u64>) -> u64 {
    let mut latencies = histogram();
    for delivery in measurement.due_within(span) {
        latencies.saturating_record(delivery.latency_ns());
    }
    Percentiles::of(&latencies).map_or(0, |percentiles| percentiles.p999_ns)
}

/// How long the processor takes to copy so many bytes within memory: the best of some attempts.
fn memcpy_ns(bytes: u64) -> u64 {
    let bytes = usize::try_from(bytes).unwrap_or(0).max(1);
    let (from, mut to) = (vec![1_u8; bytes], vec![0_u8; bytes]);
    let attempt = |_| {
        let began = Instant::now();
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
        began.elapsed().as_nanos()
    };
    let best = (0..5).map(attempt).min().unwrap_or(1);
    u64::try_from(best).unwrap_or(u64::MAX).max(1)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

fn ratio(part: u64, of: u64) -> f64 {
    float(part) / float(of.max(1))
}

fn ms(nanos: u64) -> f64 {
    float(nanos) / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "what is shown has three digits")]
fn float(number: u64) -> f64 {
    number as f64
}
