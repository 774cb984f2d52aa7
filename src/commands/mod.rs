//! The command line. A command is a file here: its arguments, and a function `run` that ends with an [`Exit`].
//!
//! To add one: its module, its variant, its arm in `dispatch`.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::settings;

mod admin;
mod bench;
mod console;
mod demo;
mod filter;
mod host;
mod operations;
mod publish;
mod scale;
mod serve;
mod servers;
mod status;
mod subscribe;
mod verify;

pub use console::Console;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked.
    Done,
    /// It could not.
    Failed,
    /// It was asked wrongly.
    WrongUsage,
    /// The check that it exists to make came out negative.
    Negative,
    /// The others took this host for dead and do what it did, and it could not begin anew by itself.
    Replaced,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::WrongUsage => 2,
            Exit::Negative => 3,
            Exit::Replaced => 4,
        })
    }
}

/// An elastic content-based publish/subscribe broker.
#[derive(Debug, Parser)]
#[command(name = "gomera", version, propagate_version = true)]
struct Gomera {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the main job alone: broker, clients, real readings, scaling, checker; ends with a report.
    Demo(demo::Arguments),
    /// Run a host of the broker until it is told to stop.
    Serve(serve::Arguments),
    /// Publish a file, or standard input.
    Publish(publish::Arguments),
    /// Print what arrives for one or several filters.
    Subscribe(subscribe::Arguments),
    /// Prove the contract against a running broker: publish, subscribe, scale, and check what came.
    Verify(verify::Arguments),
    /// Ask what a filter means, without a broker.
    Filter(filter::Arguments),
    /// Measure a part alone.
    Bench(bench::Arguments),
    /// Ask for another number of instances of a layer.
    Scale(scale::Arguments),
    /// Show who is there, what they do, and what is under way.
    Status(status::Arguments),
    /// Show operations, or give one up.
    Operations(operations::Arguments),
    /// Show the hosts, or let one go.
    Host(host::Arguments),
}

fn dispatch(command: Command, console: &mut Console) -> Exit {
    match command {
        Command::Demo(arguments) => demo::run(&arguments, console),
        Command::Serve(arguments) => serve::run(&arguments, console),
        Command::Publish(arguments) => publish::run(&arguments, console),
        Command::Subscribe(arguments) => subscribe::run(&arguments, console),
        Command::Verify(arguments) => verify::run(&arguments, console),
        Command::Filter(arguments) => filter::run(&arguments, console),
        Command::Bench(arguments) => bench::run(&arguments, console),
        Command::Scale(arguments) => scale::run(&arguments, console),
        Command::Status(arguments) => status::run(&arguments, console),
        Command::Operations(arguments) => operations::run(&arguments, console),
        Command::Host(arguments) => host::run(&arguments, console),
    }
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// File with a section for each command: its flags by their names, with `_` for `-`.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where certificates and data are [default: $XDG_DATA_HOME/gomera, or ~/.local/share/gomera].
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Print JSON: one object, or one a line.
    #[arg(long)]
    pub json: bool,
    /// What goes to standard error: error, warn, info, debug, trace, or a list such as `warn,gomera=debug`.
    #[arg(long, value_name = "LEVELS", default_value = "warn")]
    pub log: String,
}

impl Common {
    /// The data directory: as given, or the usual place of the user's data.
    #[must_use]
    pub fn data_directory(&self) -> PathBuf {
        let given = self.data_dir.clone();
        let usual = || {
            let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
            let xdg = set("XDG_DATA_HOME").map(PathBuf::from);
            let home = || set("HOME").map(|home| PathBuf::from(home).join(".local/share"));
            xdg.or_else(home).unwrap_or_else(|| PathBuf::from("."))
        };
        given.unwrap_or_else(|| usual().join("gomera"))
    }

    /// Lets warnings, or what `--log` asks for, go to standard error. For the start of a command.
    pub fn start_log(&self) {
        let filter = tracing_subscriber::EnvFilter::new(&self.log);
        // A second start in one process is a test's: the first one stays.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .try_init();
    }
}

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    run(std::env::args_os().collect(), &mut Console::standard()).into()
}

/// Runs a command: its arguments with the program's name first, and where it prints.
pub fn run(arguments: Vec<OsString>, console: &mut Console) -> Exit {
    let command = match settings::with_defaults(Gomera::command(), &arguments, std::env::vars_os())
    {
        Ok(command) => command,
        Err(error) => {
            console.error(&error);
            return Exit::WrongUsage;
        }
    };
    let parsed = command
        .try_get_matches_from(arguments)
        .and_then(|matches| Gomera::from_arg_matches(&matches));
    match parsed {
        Ok(gomera) => dispatch(gomera.command, console),
        Err(error) => usage(&error, console),
    }
}

/// Help and versions go to standard output and are no error.
fn usage(error: &clap::Error, console: &mut Console) -> Exit {
    if error.use_stderr() {
        console.error(&error.render());
        return Exit::WrongUsage;
    }
    console.text(&error.render().to_string());
    Exit::Done
}

/// A name of the code as words: `ExitPoints` as `exit points`.
fn words(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_hangs_together() {
        Gomera::command().debug_assert();
    }
}
