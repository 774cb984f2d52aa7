//! The report as one page of HTML: the timeline of throughput and latency, and each operation from close by.
//!
//! It needs nothing but itself: styles and pictures are inside, there is no script, and it follows the reader's
//! preference for light or dark.

mod chart;
mod overview;
#[cfg(test)]
mod tests;
mod zoom;

use std::fmt::Write as _;

use super::report::{Operation, Report, kilobytes, milliseconds, phase_name, thousands, whole};

/// The page.
#[must_use]
pub fn page(report: &Report) -> String {
    let load = report.load;
    let (class, mark) = if report.verdict.is_clean() {
        ("good", "✓")
    } else {
        ("bad", "✗")
    };
    let style = include_str!("page.css");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let version = env!("CARGO_PKG_VERSION");
    format!(
        r#"<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Gomera demonstration</title>
<style>
{style}</style>
<main>
<header>
<div>
<h1>Matchers scale, notifications keep flowing</h1>
<p>Real ship reports over QUIC: {publishers} publishers, {rate} notifications a second for {seconds} s,
{subscribers} subscribers with {filters} content filters. Nobody waits for the operations.</p>
</div>
<div class="verdict {class}">{mark} {verdict}</div>
</header>
{figures}
<section>
<h2>The whole run</h2>
<p>Each point is {bucket} ms. Latency counts from when a notification was due to be sent, not from when it was.</p>
{overview}
</section>
{operations}
{table}
<footer>
<p>{checked}.</p>
<p>Gap: the greatest latency of what was due during the operation, and during as long just before it (quiet).
Clients that had to connect again: {reconnects}.</p>
<p>Gomera {version}, broker and all clients in one process on {cores} cores, loopback.
Readings: MarineCadastre AIS (NOAA and BOEM, public domain), 3 January 2022.</p>
</footer>
</main>
</html>
"#,
        publishers = load.publishers,
        rate = thousands(u64::from(load.rate_per_second)),
        seconds = load.seconds,
        subscribers = load.subscribers,
        filters = thousands(load.filters as u64),
        verdict = report.verdict_text(),
        figures = figures(report),
        bucket = super::report::BUCKET_NS / 1_000_000,
        overview = overview::draw(report),
        operations = report.operations.iter().map(operation).collect::<String>(),
        table = table(&report.operations),
        checked = report.checked_text(),
        reconnects = report.reconnects,
    )
}

fn figures(report: &Report) -> String {
    let (quiet, operation) = report.gaps_ns();
    let latency = |of: fn(&gomera_loadgen::measurement::Percentiles) -> u64| {
        milliseconds(report.latency.as_ref().map(of))
    };
    let flow = |per_second| format!("{} a second", whole(per_second));
    let of_due = "since it was due";
    let figures = [
        (
            "notifications",
            thousands(report.notifications),
            flow(report.throughput_per_second()),
        ),
        (
            "deliveries",
            thousands(report.deliveries),
            flow(report.deliveries_per_second()),
        ),
        (
            "latency p50",
            latency(|latency| latency.p50_ns),
            of_due.to_owned(),
        ),
        (
            "latency p99",
            latency(|latency| latency.p99_ns),
            of_due.to_owned(),
        ),
        (
            "latency p99.9",
            latency(|latency| latency.p999_ns),
            of_due.to_owned(),
        ),
        (
            "latency max",
            latency(|latency| latency.max_ns),
            of_due.to_owned(),
        ),
        (
            "gap, scaling",
            milliseconds(operation),
            "slowest during it".to_owned(),
        ),
        (
            "gap, quiet",
            milliseconds(quiet),
            "as long before".to_owned(),
        ),
    ];
    let mut out = String::from("<dl>");
    for (name, value, note) in figures {
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "<div><dt>{name}</dt><dd>{value}<small>{note}</small></dd></div>"
        );
    }
    out + "</dl>"
}

fn operation(operation: &Operation) -> String {
    format!(
        "<section>\n<h2>{} <small>in {}</small></h2>\n<p>Every notification that was due around it: a stroke from its fastest delivery to \
         its slowest, over when it was due. Time counts from when the operation was asked for.</p>\n{}\n</section>\n",
        operation.title(),
        milliseconds(Some(operation.span_ns.end - operation.span_ns.start)),
        zoom::draw(operation)
    )
}

fn table(operations: &[Operation]) -> String {
    if operations.is_empty() {
        return String::new();
    }
    let mut rows = String::new();
    for operation in operations {
        let phases: Vec<String> = operation
            .phases
            .iter()
            .map(|phase| {
                let length = phase.span_ns.end - phase.span_ns.start;
                format!("{} {}", phase_name(phase.name), milliseconds(Some(length)))
            })
            .collect();
        // Writing to a string cannot fail.
        let _ = write!(
            rows,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            operation.title(),
            milliseconds(Some(operation.span_ns.end - operation.span_ns.start)),
            phases.join(", "),
            thousands(operation.slots_moved),
            thousands(operation.subscriptions_moved),
            kilobytes(operation.bytes_moved),
            milliseconds(operation.gap_quiet_ns),
            milliseconds(operation.gap_operation_ns),
        );
    }
    format!(
        "<section>\n<h2>What was moved</h2>\n<div class=\"wide\"><table><tr><th>operation</th><th>took</th>\
         <th>phases</th><th>slots</th><th>subscriptions</th><th>bytes</th><th>gap before</th><th>gap during</th></tr>\
         {rows}</table></div>\n</section>"
    )
}
