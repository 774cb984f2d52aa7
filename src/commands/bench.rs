//! `gomera bench`: how fast a part is, alone.

use std::fmt::{self, Display};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{Common, Console, Exit};
use crate::bench_match::{self, MEASURED, Options, Report};
use crate::cpu;

/// What `bench` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// The matching index, by CPU time on one thread.
    Match(MatchArguments),
}

/// What `bench match` takes.
#[derive(Clone, Debug, Args)]
struct MatchArguments {
    /// Subscriptions, one {"id": …, "filter": …} a line.
    #[arg(long, value_name = "FILE")]
    subscriptions: PathBuf,
    /// Notifications, one {"attrs": {…}} a line.
    #[arg(long, value_name = "FILE")]
    events: PathBuf,
    /// What matches.
    #[arg(long, value_enum, default_value_t = Engine::Index)]
    engine: Engine,
    /// Delete and insert again so many random subscriptions before matching is measured.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    churn: usize,
    /// Delete and insert again so many a second while matching is measured.
    #[arg(long, value_name = "R", default_value_t = 0, hide_default_value = true)]
    churn_rate: u64,
    /// Move so many subscriptions to a second index.
    #[arg(
        long = "move",
        value_name = "K",
        default_value_t = 0,
        hide_default_value = true
    )]
    moved: usize,
    /// Measure how fast an index is filled from canonical forms.
    #[arg(long)]
    load: bool,
    #[command(flatten)]
    common: Common,
}

/// What matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// The index that the matchers use.
    Index,
    /// Every filter is asked of every notification.
    Scan,
}

/// Measures.
pub(super) fn run(arguments: &Arguments, console: &mut Console) -> Exit {
    let Command::Match(arguments) = &arguments.command;
    arguments.common.start_log();
    match bench_match::run(&options(arguments)) {
        Ok(report) if arguments.common.json => console.json(&report),
        Ok(report) => console.text(&ForPeople(&report).to_string()),
        Err(error) => return console.fail(&error),
    }
    Exit::Done
}

fn options(arguments: &MatchArguments) -> Options {
    Options {
        subscriptions: arguments.subscriptions.clone(),
        events: arguments.events.clone(),
        engine: match arguments.engine {
            Engine::Index => bench_match::Engine::Index,
            Engine::Scan => bench_match::Engine::Scan,
        },
        churn: arguments.churn,
        churn_rate: arguments.churn_rate,
        moved: arguments.moved,
        load: arguments.load,
        level: cpu::level(),
        measured: MEASURED,
    }
}

/// A figure a line, with its unit.
struct ForPeople<'a>(&'a Report);

impl Display for ForPeople<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The names of the JSON are the names here: there is one list of them.
        match serde_json::to_value(self.0) {
            Ok(serde_json::Value::Object(figures)) => {
                for (name, figure) in figures {
                    writeln!(f, "{name:<32} {figure}")?;
                }
                Ok(())
            }
            Ok(_) | Err(_) => Err(fmt::Error),
        }
    }
}
