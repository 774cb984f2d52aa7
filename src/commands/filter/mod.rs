//! `gomera filter`: what a filter means, without a broker.

mod case;
mod check;
mod engine;
mod explain;
mod test;

use std::fmt;

use clap::{Args, Subcommand};
use gomera_filter::{Dialect, Filter, FilterError};
use serde::Serialize;

use super::{Common, Console, Exit};

/// What `filter` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Parses a filter and says what the index can do with it. Exit code 3 if it cannot be parsed.
    Check(check::Arguments),
    /// Says what a filter makes of a notification, clause by clause.
    Explain(explain::Arguments),
    /// Runs a file of cases, one JSON object a line.
    Test(test::Arguments),
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments, console: &mut Console) -> Exit {
    match &arguments.command {
        Command::Check(arguments) => check::run(arguments, console),
        Command::Explain(arguments) => explain::run(arguments, console),
        Command::Test(arguments) => test::run(arguments, console),
    }
}

/// A filter as it stands on the command line.
#[derive(Clone, Debug, Args)]
struct FilterArgument {
    /// The filter.
    #[arg(value_name = "FILTER", allow_hyphen_values = true)]
    filter: String,
    /// The language it is written in: sql, jms, amqp-sql, cesql, mqtt.
    #[arg(long, value_name = "DIALECT", default_value = "sql")]
    dialect: Dialect,
    #[command(flatten)]
    common: Common,
}

impl FilterArgument {
    /// Parses it; what is wrong with it has been told otherwise.
    fn parse(&self, console: &mut Console) -> Option<Filter> {
        match Filter::parse(self.dialect, &self.filter) {
            Ok(filter) => Some(filter),
            Err(error) if self.common.json => {
                console.json(&Refused::new(&error));
                None
            }
            Err(error) => {
                console.error(&Pointed {
                    error: &error,
                    text: &self.filter,
                });
                None
            }
        }
    }
}

/// Why a filter was refused, for programs.
#[derive(Serialize)]
struct Refused {
    accepted: bool,
    error: String,
    kind: &'static str,
    /// From 1.
    column: usize,
}

impl Refused {
    fn new(error: &FilterError) -> Self {
        Self {
            accepted: false,
            error: error.to_string(),
            kind: error.kind.name(),
            column: error.position.column + 1,
        }
    }
}

/// Why a filter was refused, for people, with a finger on the place.
struct Pointed<'a> {
    error: &'a FilterError,
    text: &'a str,
}

impl fmt::Display for Pointed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.error, self.error.caret(self.text))
    }
}
