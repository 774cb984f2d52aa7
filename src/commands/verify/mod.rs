//! `gomera verify`: proves the contract against a running broker, from outside.

mod plan;
mod report;
mod watching;

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use gomera_loadgen::live::Live;
use gomera_loadgen::verify::clients::{ClientsError, Load, run as run_clients};
use gomera_loadgen::verify::judge::{Rules, check};
use gomera_loadgen::verify::record::Record;
use gomera_loadgen::verify::story::tell;
use gomera_loadgen::verify::trail::{CLUSTER_FILE, Files, TrailError};

use super::servers::Servers;
use super::{Common, Console, Exit};
use crate::demo::report::thousands;
use plan::Step;
use report::Report;
use watching::Watching;

/// What `verify` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    servers: Servers,
    /// The admin ports of hosts, asked in turn for the topology and to scale: URLs, separated by commas.
    #[arg(long, value_name = "URL,URL…", default_value = "http://127.0.0.1:7455")]
    admin: String,
    /// For how long notifications are published.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    /// What is scaled meanwhile, evenly spaced: steps separated by semicolons, as in
    /// "matchers=3;matchers=1,exit-points=2". A step that is refused because another operation is under way, or because
    /// the store does not answer, is asked for again.
    #[arg(long, value_name = "PLAN", value_parser = plan::parse)]
    scale: Option<plan::Plan>,
    /// Notifications a second, of all publishers together.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: u32,
    /// Publishing connections.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    publishers: u16,
    /// Subscribing connections.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=5_000))]
    subscribers: u16,
    /// Filters, of all subscribers together; two for each at least.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    filters: u32,
    /// Subscriptions that are made, replaced or ended a second, of all subscribers together.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    changes: u32,
    /// Seconds for which what is missing is waited for, after the last that came.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    patience: u32,
    /// Where every client's record is written and kept [default: a temporary directory, kept if anything is found].
    #[arg(long, value_name = "DIR")]
    records: Option<PathBuf>,
    /// Only checks records that are there; nothing is connected.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["records", "scale"])]
    check: Option<PathBuf>,
    /// A signalled gap is no violation. It covers as many deliveries as it signals.
    #[arg(long)]
    allow_gaps: bool,
    /// A session that is gone is no violation, whatever the placement is said to survive.
    #[arg(long)]
    allow_lost_sessions: bool,
    /// How many violations are told in full.
    #[arg(long, value_name = "N", default_value_t = 5)]
    stories: usize,
    /// Decides what is published and asked for [default: at random].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    common: Common,
}

/// Why a verification did not come to its verdict.
#[derive(Debug, thiserror::Error)]
enum VerifyError {
    #[error(transparent)]
    Client(#[from] gomera_client::BuildError),
    #[error(transparent)]
    Clients(#[from] ClientsError),
    #[error("cannot write the records: {0}")]
    Records(#[from] std::io::Error),
    #[error(transparent)]
    Trail(#[from] TrailError),
    #[error("interrupted; the records are in {}", .0.display())]
    Interrupted(PathBuf),
}

/// Runs it, and ends with [`Exit::Negative`] if anything breaks the contract.
pub(super) fn run(arguments: &Arguments, console: &mut Console) -> Exit {
    arguments.common.start_log();
    match verify(arguments, console) {
        Ok(exit) => exit,
        Err(error) => console.fail(&error),
    }
}

fn verify(arguments: &Arguments, console: &mut Console) -> Result<Exit, VerifyError> {
    if let Some(directory) = &arguments.check {
        let report = judge(arguments, directory)?;
        return Ok(finish(arguments, report, Some(directory), console));
    }
    let seed = arguments.seed.unwrap_or_else(drawn);
    let run = format!("{:08x}", drawn() >> 32);
    let directory = match &arguments.records {
        Some(directory) => directory.clone(),
        None => std::env::temp_dir().join(format!("gomera-verify-{run}")),
    };
    fs::create_dir_all(&directory)?;
    let load = load(arguments, run, seed);
    record(arguments, &load, &directory, console)?;
    console.passing("checking the records");
    let report = judge(arguments, &directory)?;
    let is_kept = arguments.records.is_some() || !report.verdict.is_clean();
    if !is_kept {
        fs::remove_dir_all(&directory)?;
    }
    let directory = is_kept.then_some(directory);
    Ok(finish(arguments, report, directory.as_deref(), console))
}

fn load(arguments: &Arguments, run: String, seed: u64) -> Load {
    Load {
        run,
        seed,
        publishers: arguments.publishers.into(),
        subscribers: arguments.subscribers.into(),
        filters: arguments.filters as usize,
        rate_per_second: arguments.rate,
        changes_per_second: arguments.changes,
        duration: Duration::from_secs(arguments.seconds.into()),
        patience: Duration::from_secs(arguments.patience.into()),
    }
}

/// Lets the clients run, and writes down what the cluster does meanwhile.
fn record(
    arguments: &Arguments,
    load: &Load,
    directory: &Path,
    console: &mut Console,
) -> Result<(), VerifyError> {
    let start = Instant::now();
    let cluster = Arc::new(Record::create(&directory.join(CLUSTER_FILE), start)?);
    let steps: Vec<Step> = arguments
        .scale
        .iter()
        .flat_map(|plan| plan.0.clone())
        .collect();
    let watching = Watching::start(&arguments.admin, &cluster, (steps, load.duration))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CLIENT_THREADS)
        .thread_name("clients")
        .enable_all()
        .build()?;
    let ran = runtime.block_on(until_interrupted(
        arguments,
        (load, directory, start),
        &watching,
        console,
    ));
    watching.stop();
    cluster.flush()?;
    // Who was interrupted waits for nobody.
    runtime.shutdown_background();
    ran
}

async fn until_interrupted(
    arguments: &Arguments,
    (load, directory, start): (&Load, &Path, Instant),
    watching: &Watching,
    console: &mut Console,
) -> Result<(), VerifyError> {
    let clients = arguments.servers.clients(&arguments.common)?;
    let live = Arc::new(Live::new());
    let running = run_clients(&clients, load, (directory, start), &live, |begin| {
        watching.flowing(begin)
    });
    tokio::pin!(running);
    let mut ticks = tokio::time::interval(TELL_EVERY);
    loop {
        tokio::select! {
            ended = &mut running => {
                ended?;
                break;
            }
            _ = tokio::signal::ctrl_c() => return Err(VerifyError::Interrupted(directory.to_owned())),
            _ = ticks.tick() => console.passing(progress(&live, start)),
        }
    }
    for client in &clients {
        client.close().await;
    }
    Ok(())
}

fn progress(live: &Live, start: Instant) -> String {
    let counts = live.counts();
    format!(
        "{:5.1} s  {} published  {} acknowledged  {} delivered",
        start.elapsed().as_secs_f64(),
        thousands(counts.published),
        thousands(counts.acknowledged),
        thousands(counts.deliveries),
    )
}

/// Reads the records and gives the verdict.
fn judge(arguments: &Arguments, directory: &Path) -> Result<Report, VerifyError> {
    let begun = Instant::now();
    let files = Files::read(directory)?;
    let rules = Rules {
        allow_gaps: arguments.allow_gaps,
        allow_lost_sessions: arguments.allow_lost_sessions,
    };
    let verdict = check(&files, rules)?;
    let took = begun.elapsed();
    let told = verdict.findings.kept().take(arguments.stories);
    let stories = told
        .map(|finding| tell(&files, finding))
        .collect::<Result<_, _>>()?;
    Ok(Report {
        run: files.description().to_owned(),
        verdict,
        stories,
        took,
    })
}

fn finish(
    arguments: &Arguments,
    report: Report,
    kept: Option<&Path>,
    console: &mut Console,
) -> Exit {
    match arguments.common.json {
        true => console.json(&report.to_json(kept)),
        false => console.text(&report.text(kept)),
    }
    report.exit()
}

/// A number of every process's own; nobody needs to be unable to guess it.
fn drawn() -> u64 {
    RandomState::new().hash_one("verify")
}

/// Threads of the clients: what a few dozen connections need at the usual rate is less than one core.
const CLIENT_THREADS: usize = 2;
/// How often it is told where the run is.
const TELL_EVERY: Duration = Duration::from_secs(1);
