//! The whole run: how much flows, and how long it takes.

use gomera_loadgen::measurement::{Bucket, Percentiles};

use super::super::report::{BUCKET_NS, Report, milliseconds, thousands, whole};
use super::chart::{Plot, Scale, chart, latency_label, put, step_ns, text};

/// Throughput above, latency below, over the same time; operations are shaded in both.
pub(super) fn draw(report: &Report) -> String {
    let time = 0..report
        .timeline
        .last()
        .map_or(1, |bucket| bucket.start_ns + BUCKET_NS);
    let rates = report
        .timeline
        .iter()
        .map(|bucket| per_second(bucket.arrived));
    let flow = Plot::new(62.0, 130.0, time.clone(), Scale::linear(rates));
    let latencies = report.timeline.iter().filter_map(|bucket| bucket.latency);
    let latencies = latencies.flat_map(|latency| [ms(latency.p50_ns), ms(latency.max_ns)]);
    let latency = Plot::new(240.0, 250.0, time.clone(), Scale::logarithmic(latencies));

    let mut out = String::new();
    flow.value_axis(&mut out, "a second", whole);
    latency.value_axis(
        &mut out,
        "latency, by when it was due (logarithmic)",
        latency_label,
    );
    let step = step_ns(time.end, 10);
    latency.time_axis(&mut out, (0, step), |index| seconds_label(index, step));
    operations(&mut out, report, [&flow, &latency]);
    draw_flow(&mut out, report, &flow);
    draw_latency(&mut out, report, &latency);
    for bucket in &report.timeline {
        let span = bucket.start_ns..bucket.start_ns + BUCKET_NS;
        let tip = tip(bucket);
        flow.probe(&mut out, &span, &tip);
        latency.probe(&mut out, &span, &tip);
    }
    chart(524.0, "Throughput and latency over time", &out)
}

fn operations(out: &mut String, report: &Report, plots: [&Plot; 2]) {
    for operation in &report.operations {
        for plot in plots {
            plot.band(out, "band", &operation.span_ns);
        }
        let middle = (operation.span_ns.start + operation.span_ns.end) / 2;
        let x = plots[0].x(middle);
        let length = milliseconds(Some(operation.span_ns.end - operation.span_ns.start));
        text(out, "middle title", (x, 16.0), &operation.title());
        text(out, "middle", (x, 32.0), &format!("in {length}"));
    }
}

fn draw_flow(out: &mut String, report: &Report, plot: &Plot) {
    let middle = |bucket: &Bucket| bucket.start_ns + BUCKET_NS / 2;
    let whole = &report.timeline;
    let arrived: Vec<(u64, f64)> = whole
        .iter()
        .map(|bucket| (middle(bucket), per_second(bucket.arrived)))
        .collect();
    plot.area(out, "flow", &arrived);
    plot.series(
        out,
        "flow",
        arrived.iter().map(|(at, rate)| (*at, Some(*rate))),
    );
    let published = whole
        .iter()
        .map(|bucket| (middle(bucket), Some(per_second(bucket.published))));
    plot.series(out, "p50", published);
    let last = |of: fn(&Bucket) -> u64| whole.last().map_or(0.0, |bucket| per_second(of(bucket)));
    plot.names(
        out,
        vec![
            (last(|bucket| bucket.arrived), "deliveries", "flow"),
            (last(|bucket| bucket.published), "notifications", "p50"),
        ],
    );
}

fn draw_latency(out: &mut String, report: &Report, plot: &Plot) {
    type Percentile = fn(Percentiles) -> u64;
    let lines: [(&str, Percentile); 3] = [
        ("max", |latency| latency.max_ns),
        ("p99", |latency| latency.p99_ns),
        ("p50", |latency| latency.p50_ns),
    ];
    let mut names = Vec::new();
    for (name, of) in lines {
        let value = |bucket: &Bucket| bucket.latency.map(|latency| ms(of(latency)));
        let points = report.timeline.iter();
        plot.series(
            out,
            name,
            points.map(|bucket| (bucket.start_ns + BUCKET_NS / 2, value(bucket))),
        );
        if let Some(last) = report.timeline.iter().rev().find_map(value) {
            names.push((last, name, name));
        }
    }
    plot.names(out, names);
}

fn tip(bucket: &Bucket) -> String {
    let mut tip = format!(
        "{} s\n{} notifications, {} deliveries",
        seconds(bucket.start_ns),
        thousands(bucket.published),
        thousands(bucket.arrived)
    );
    if let Some(latency) = bucket.latency {
        put(
            &mut tip,
            format_args!(
                "\np50 {}, p99 {}, max {}",
                milliseconds(Some(latency.p50_ns)),
                milliseconds(Some(latency.p99_ns)),
                milliseconds(Some(latency.max_ns))
            ),
        );
    }
    tip
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a bucket are far below 2^52"
)]
fn per_second(count: u64) -> f64 {
    count as f64 * (1e9 / BUCKET_NS as f64)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a run is far shorter than 2^52 ns"
)]
fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

fn seconds(ns: u64) -> String {
    format!("{}.{}", ns / 1_000_000_000, ns / 100_000_000 % 10)
}

fn seconds_label(index: i64, step_ns: u64) -> String {
    let ns = index.unsigned_abs() * step_ns;
    if step_ns >= 1_000_000_000 {
        return format!("{} s", ns / 1_000_000_000);
    }
    format!("{} s", seconds(ns))
}
