//! One operation from close by: every notification around it, and its phases.

use std::ops::Range;

use gomera_loadgen::measurement::Delivery;

use super::super::report::{Operation, Phase, milliseconds, phase_name};
use super::chart::{Plot, Scale, chart, latency_label, line, put, step_ns, text};

/// The latencies of what was due around an operation; its phases are shaded and named.
pub(super) fn draw(operation: &Operation) -> String {
    let length = operation.span_ns.end - operation.span_ns.start;
    let around = operation.span_ns.start.saturating_sub(length)..operation.span_ns.end + length;
    let latencies = operation
        .deliveries
        .iter()
        .map(|delivery| ms(delivery.latency_ns()));
    let scale = Scale::logarithmic(latencies);
    let flags = flags(
        &operation.phases,
        &Plot::new(0.0, 0.0, around.clone(), scale),
    );
    let rows = flags.iter().map(|flag| flag.row).fold(0.0, f64::max) + 1.0;
    let plot = Plot::new(rows * FLAG_HEIGHT + 22.0, 210.0, around.clone(), scale);

    let mut out = String::new();
    plot.value_axis(&mut out, "", latency_label);
    let step = step_ns(around.end - around.start, 9);
    plot.time_axis(&mut out, (operation.span_ns.start, step), |index| {
        since_label(index, step)
    });
    for phase in &operation.phases {
        plot.band(&mut out, phase_name(phase.name), &phase.span_ns);
    }
    for flag in &flags {
        flag.draw(&mut out, &plot);
    }
    strokes(&mut out, &operation.deliveries, &plot);
    let before = around.start..operation.span_ns.start;
    gap(&mut out, &plot, (&before, operation.gap_quiet_ns, "soft"));
    gap(
        &mut out,
        &plot,
        (&operation.span_ns, operation.gap_operation_ns, "max"),
    );
    chart(plot.bottom() + 30.0, &operation.title(), &out)
}

/// The name of a phase above its beginning.
struct Flag {
    name: &'static str,
    label: String,
    x: f64,
    row: f64,
}

impl Flag {
    fn draw(&self, out: &mut String, plot: &Plot) {
        let Self {
            name,
            label,
            x,
            row,
        } = self;
        let y = 14.0 + row * FLAG_HEIGHT;
        let color = format!("stroke=\"var(--{name})\"");
        line(out, ("edge", &color), (*x, y - 10.0), (*x, plot.bottom()));
        put(
            out,
            format_args!(
                "<text style=\"fill:var(--{name});font-weight:600\" x=\"{:.1}\" y=\"{y:.1}\">{label}</text>",
                x + 5.0
            ),
        );
    }
}

/// A flag for each phase, each lower than those before it that it would cover.
fn flags(phases: &[Phase], plot: &Plot) -> Vec<Flag> {
    let mut row = 0.0;
    let mut covered = f64::MIN;
    let flag = |phase: &Phase| {
        let length = milliseconds(Some(phase.span_ns.end - phase.span_ns.start));
        let name = phase_name(phase.name);
        let label = format!("{name} {length}");
        let x = plot.x(phase.span_ns.start);
        row = if x > covered { 0.0 } else { row + 1.0 };
        let width = CHARACTER * f64::from(u32::try_from(label.len()).unwrap_or(0));
        covered = covered.max(x + width);
        Flag {
            name,
            label,
            x,
            row,
        }
    };
    phases.iter().map(flag).collect()
}

/// A stroke for each notification, from its fastest delivery to its slowest. Where there are more than can be told
/// apart, one for all that fall on one column.
fn strokes(out: &mut String, deliveries: &[Delivery], plot: &Plot) {
    let column = |delivery: &Delivery| (plot.x(delivery.due_ns) / COLUMN).floor();
    for column in deliveries.chunk_by(|a, b| column(a) == column(b)) {
        let latencies = column.iter().map(|delivery| delivery.latency_ns());
        let (Some(first), Some(fast), Some(slow)) =
            (column.first(), latencies.clone().min(), latencies.max())
        else {
            continue;
        };
        let x = plot.x(first.due_ns);
        let (top, bottom) = (plot.y(ms(slow)), plot.y(ms(fast)));
        line(
            out,
            ("stroke", "stroke=\"var(--flow)\""),
            (x, bottom),
            (x, top - 0.1),
        );
    }
}

/// The gap of a span as a line at its height.
fn gap(out: &mut String, plot: &Plot, (span, gap_ns, color): (&Range<u64>, Option<u64>, &str)) {
    let Some(gap_ns) = gap_ns else {
        return;
    };
    let y = plot.y(ms(gap_ns));
    let (from, to) = (plot.x(span.start), plot.x(span.end));
    let color = format!("stroke=\"var(--{color})\"");
    line(out, ("rule", &color), (from, y), (to, y));
    let label = format!("gap {}", milliseconds(Some(gap_ns)));
    text(
        out,
        "title",
        (from + 5.0, (y - 6.0).max(plot.top() - 4.0)),
        &label,
    );
}

fn since_label(index: i64, step_ns: u64) -> String {
    let sign = if index < 0 { "−" } else { "" };
    let us = index.unsigned_abs() * step_ns / 1_000;
    match us % 1_000 {
        0 => format!("{sign}{} ms", us / 1_000),
        rest => format!("{sign}{}.{} ms", us / 1_000, rest / 100),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a run is far shorter than 2^52 ns"
)]
fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

/// From one row of flags to the next.
const FLAG_HEIGHT: f64 = 15.0;
/// Width of a character of a name, about; rather too much.
const CHARACTER: f64 = 7.6;
/// Width of a stroke's column.
const COLUMN: f64 = 1.4;
