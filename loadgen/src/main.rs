//! The binary `gomera-loadgen`: real readings at a steady rate against a running broker, and what became of them.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use gomera_client::Client;
use gomera_loadgen::fleet::{Fleet, Outcome};
use gomera_loadgen::live::{Counts, Live};
use gomera_loadgen::measurement::Percentiles;
use gomera_loadgen::schedule::Schedule;
use gomera_loadgen::{filters, readings};
use serde_json::json;

/// Publish real ship reports in an open loop, and measure their deliveries from when they were due.
#[derive(Debug, Parser)]
#[command(name = "gomera-loadgen", version)]
struct Arguments {
    /// The broker, or several of one cluster with commas between them.
    #[arg(long, value_name = "URL,URL…", default_value = "silbo://localhost")]
    server: String,
    /// Whose signature under the broker's certificate is believed [default: ca.pem in the data directory of `gomera`].
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Publishing connections.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    publishers: u16,
    /// Notifications a second, of all publishers together.
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    rate: u32,
    /// For how long.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Subscribing connections.
    #[arg(long, value_name = "N", default_value_t = 50)]
    subscribers: u16,
    /// Content filters, of all subscribers together.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    filters: u32,
    /// Decides the filters.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(result) => {
            // Who does not read the result has no use for a complaint either.
            let _ = writeln!(std::io::stdout(), "{result}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<String, Box<dyn Error>> {
    let readings: Arc<[_]> = readings::bundled()?.into();
    let filters = filters::derive(&readings, arguments.filters as usize, arguments.seed);
    let length = Duration::from_secs(arguments.seconds.into());
    let publishers = usize::from(arguments.publishers);
    let schedule = Schedule::new(&readings, publishers, arguments.rate, length);
    let ca = arguments.ca.clone().unwrap_or_else(usual_ca);
    let client = Client::builder()
        .server(&arguments.server)?
        .ca_file(ca)?
        .build()?;
    let subscribers = usize::from(arguments.subscribers);
    let fleet = Fleet::connect(&client, publishers, subscribers, &filters, false).await?;
    let live = fleet.live();
    let start = Instant::now() + HEAD_START;
    let watching = tokio::spawn(watch(Arc::clone(&live), start));
    let outcome = fleet.run(readings, &schedule, start).await;
    watching.abort();
    client.close().await;
    Ok(result(arguments, &outcome?, &live))
}

/// Says every second where it is.
async fn watch(live: Arc<Live>, start: Instant) {
    let mut every = tokio::time::interval_at((start + SECOND).into(), SECOND);
    loop {
        every.tick().await;
        let counts = live.counts();
        let latency = live.recent_latency().unwrap_or_default();
        // Who cannot hear it needs not be told.
        let _ = writeln!(
            std::io::stderr(),
            "{:4} s  {} published  {} acknowledged  {} delivered  p50 {:.2} ms  p99 {:.2} ms",
            start.elapsed().as_secs(),
            counts.published,
            counts.acknowledged,
            counts.deliveries,
            ms(latency.p50_ns),
            ms(latency.p99_ns),
        );
    }
}

fn result(arguments: &Arguments, outcome: &Outcome, live: &Live) -> String {
    let counts = live.counts();
    let latency = live.latency();
    if arguments.json {
        return to_json(arguments, outcome, (counts, latency)).to_string();
    }
    let Counts {
        acknowledged,
        deliveries,
        hits,
        ..
    } = counts;
    let latency = latency.unwrap_or_default();
    format!(
        "  notifications {acknowledged} acknowledged, offered {} a second for {} s\n  \
         deliveries    {deliveries}, for {hits} subscriptions\n  \
         latency       p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, max {:.2} ms\n  \
         reconnects    {}\n  lost in gaps  {}",
        arguments.rate,
        arguments.seconds,
        ms(latency.p50_ns),
        ms(latency.p99_ns),
        ms(latency.p999_ns),
        ms(latency.max_ns),
        outcome.reconnects,
        outcome.gaps,
    )
}

fn to_json(
    arguments: &Arguments,
    outcome: &Outcome,
    (counts, latency): (Counts, Option<Percentiles>),
) -> serde_json::Value {
    json!({
        "offered_per_second": arguments.rate,
        "seconds": arguments.seconds,
        "notifications": counts.acknowledged,
        "deliveries": counts.deliveries,
        "hits": counts.hits,
        "latency_ms": latency.map(|latency| json!({
            "p50": ms(latency.p50_ns),
            "p99": ms(latency.p99_ns),
            "p999": ms(latency.p999_ns),
            "max": ms(latency.max_ns),
        })),
        "reconnects": outcome.reconnects,
        "repeats_dropped": outcome.repeats_dropped,
        "lost_in_gaps": outcome.gaps,
    })
}

/// Where a broker of this user keeps its authority.
fn usual_ca() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let xdg = set("XDG_DATA_HOME").map(PathBuf::from);
    let home = || set("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    let data = xdg.or_else(home).unwrap_or_else(|| PathBuf::from("."));
    data.join("gomera").join("ca.pem")
}

/// Nanoseconds as milliseconds, to the microsecond.
#[expect(
    clippy::cast_precision_loss,
    reason = "a run is far shorter than 2^52 µs"
)]
fn ms(ns: u64) -> f64 {
    (ns as f64 / 1e3).round() / 1e3
}

const SECOND: Duration = Duration::from_secs(1);
/// From when all is subscribed to the first publication.
const HEAD_START: Duration = Duration::from_millis(200);
