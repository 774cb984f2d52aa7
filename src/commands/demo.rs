//! `gomera demo`: the main job, alone, with nothing to set up.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use gomera_loadgen::live::Live;
use gomera_model::Layer;

use super::{Common, Console, Exit};
use crate::demo::report::{Load, Report, milliseconds, thousands};
use crate::demo::{DemoError, Settings, Stage, page, run as run_demo};

/// What `demo` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// For how long notifications are published.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,
    /// Notifications a second, of all publishers together.
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: u32,
    /// Publishing connections.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    publishers: u16,
    /// Subscribing connections.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=5_000))]
    subscribers: u16,
    /// Content filters, of all subscribers together.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    filters: u32,
    /// What the checker compares exhaustively.
    #[arg(long, value_enum, default_value_t = Check::Window)]
    check: Check,
    /// Decides the filters and what the checker samples.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Where the page with the timeline is written.
    #[arg(long, value_name = "FILE", default_value = "gomera-demo.html")]
    html: PathBuf,
    #[command(flatten)]
    common: Common,
}

/// How much the checker compares exhaustively.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Check {
    /// Everything around the operations; elsewhere what was delivered, and a sample of the rest.
    Window,
    /// Every notification with every filter.
    All,
}

/// Runs it, and ends with [`Exit::Negative`] if the checker finds anything.
pub(super) fn run(arguments: &Arguments, console: &mut Console) -> Exit {
    arguments.common.start_log();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CLIENT_THREADS)
        .thread_name("clients")
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return console.fail(&format!("cannot start a runtime: {error}")),
    };
    let ended = runtime.block_on(until_interrupted(arguments, console));
    // A checker that was interrupted ends with the process.
    runtime.shutdown_background();
    match ended {
        None => console.fail(&"interrupted"),
        Some(Err(error)) => console.fail(&error),
        Some(Ok(report)) => tell(&report, arguments, console),
    }
}

/// None if somebody does not want to wait for the end.
async fn until_interrupted(
    arguments: &Arguments,
    console: &mut Console,
) -> Option<Result<Report, DemoError>> {
    let settings = settings(arguments);
    let stage = Mutex::new(Stage::Preparing);
    let set = |now: Stage| *stage.lock().expect("nobody panics while holding it") = now;
    let often = if console.is_watched() { OFTEN } else { SELDOM };
    let mut ticks = tokio::time::interval(often);
    let mut progress = Progress::new(&settings, often);
    let running = run_demo(&settings, &set);
    tokio::pin!(running);
    loop {
        tokio::select! {
            report = &mut running => return Some(report),
            _ = tokio::signal::ctrl_c() => return None,
            _ = ticks.tick() => {
                let now = stage.lock().expect("nobody panics while holding it").clone();
                if let Some(line) = progress.line(&now) {
                    console.passing(line);
                }
            }
        }
    }
}

fn settings(arguments: &Arguments) -> Settings {
    Settings {
        load: Load {
            publishers: arguments.publishers.into(),
            rate_per_second: arguments.rate,
            seconds: arguments.seconds,
            subscribers: arguments.subscribers.into(),
            filters: arguments.filters as usize,
        },
        check_all: arguments.check == Check::All,
        seed: arguments.seed,
    }
}

fn tell(report: &Report, arguments: &Arguments, console: &mut Console) -> Exit {
    let written = std::fs::write(&arguments.html, page::page(report));
    let page = written.is_ok().then(|| absolute(&arguments.html));
    if arguments.common.json {
        console.json(&report.to_json(page.as_deref()));
    } else {
        console.text(&report.text());
        if let Some(page) = &page {
            console.line(format!("  {:<14}{}", "timeline", page.display()));
        }
    }
    if let Err(error) = written {
        let path = arguments.html.display();
        return console.fail(&format!("cannot write {path}: {error}"));
    }
    if report.verdict.is_clean() {
        Exit::Done
    } else {
        Exit::Negative
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// What is said while it runs.
struct Progress {
    settings: Settings,
    often: Duration,
    said: &'static str,
    deliveries: u64,
}

impl Progress {
    fn new(settings: &Settings, often: Duration) -> Self {
        Self {
            settings: settings.clone(),
            often,
            said: "",
            deliveries: 0,
        }
    }

    /// The next line, if there is something new to say.
    fn line(&mut self, stage: &Stage) -> Option<String> {
        let load = self.settings.load;
        match stage {
            Stage::Preparing => self.once("reading the ship reports, deriving filters"),
            Stage::Connecting => {
                let said = self.once("connecting")?;
                let filters = thousands(load.filters as u64);
                Some(format!(
                    "{said}: {} publishers, {} subscribers, {filters} filters",
                    load.publishers, load.subscribers
                ))
            }
            Stage::Running(live, start, broker) => {
                let elapsed = start.elapsed().as_secs_f64();
                let topology = broker.topology();
                let matchers = topology.map_or(0, |t| t.layer(Layer::Matchers).count());
                let flow = self.flow(live, *start);
                Some(format!(
                    "{elapsed:5.1} s of {}  {flow}  matchers {matchers}",
                    load.seconds
                ))
            }
            Stage::Checking => self.once("checking what arrived against the reference evaluator"),
        }
    }

    fn once(&mut self, line: &'static str) -> Option<String> {
        let is_new = std::mem::replace(&mut self.said, line) != line;
        is_new.then(|| line.to_owned())
    }

    fn flow(&mut self, live: &Live, start: Instant) -> String {
        let counts = live.counts();
        let before = std::mem::replace(&mut self.deliveries, counts.deliveries);
        let each = self.often.min(start.elapsed()).as_millis().max(1);
        let rate = u128::from(counts.deliveries - before) * 1_000 / each;
        let latency = live.recent_latency();
        format!(
            "{} published  {} delivered, {rate:>6} a second  p50 {}  p99 {}",
            thousands(counts.published),
            thousands(counts.deliveries),
            milliseconds(latency.map(|latency| latency.p50_ns)),
            milliseconds(latency.map(|latency| latency.p99_ns)),
        )
    }
}

/// Threads of the clients: what 54 connections need at the usual rate is less than one core.
const CLIENT_THREADS: usize = 2;
/// How often a watched line is renewed.
const OFTEN: Duration = Duration::from_millis(250);
/// How often a line is printed where all of them stay.
const SELDOM: Duration = Duration::from_secs(1);
