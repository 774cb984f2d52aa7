//! `gomera publish`: a file or standard input, line by line, each acknowledged.

mod feed;
mod input;
mod pace;
mod run;
mod tally;

use std::io;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gomera_client::{BuildError, OpenError};
use gomera_model::silbo::Acknowledgement;

use self::feed::Feed;
use self::input::{Format, InputError, Source};
use self::pace::Pace;
use self::run::Run;
use super::servers::{self, Servers};
use super::{Common, Console, Exit};
use crate::records::TypeOverride;

/// What `publish` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// The file; `-` for standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// How it is laid out [default: what its name says, else ndjson].
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The type of a column, whatever it holds: string, int, float, bool, timestamp. May be given several times.
    #[arg(long = "type", value_name = "COLUMN:TYPE")]
    types: Vec<TypeOverride>,
    /// Notifications a second, each at its time, whether or not the one before is acknowledged [default: as fast as
    /// they are taken].
    #[arg(long, value_name = "N")]
    rate: Option<Pace>,
    /// Print each acknowledgement as it comes.
    #[arg(long)]
    acks: bool,
    /// What an acknowledgement shall mean.
    #[arg(long, value_enum, default_value_t = Meaning::Joined)]
    acknowledgement: Meaning,
    #[command(flatten)]
    servers: Servers,
    #[command(flatten)]
    common: Common,
}

/// What an acknowledgement means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Meaning {
    /// An access point has it: one copy.
    Received,
    /// Every exit point has released it.
    Joined,
    /// It is stored: comes with a later version.
    Durable,
}

impl From<Meaning> for Acknowledgement {
    fn from(meaning: Meaning) -> Self {
        match meaning {
            Meaning::Received => Self::Received,
            Meaning::Joined => Self::Joined,
            Meaning::Durable => Self::Durable,
        }
    }
}

/// Why nothing could be published.
#[derive(Debug, thiserror::Error)]
enum PublishFailure {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Signals(#[from] io::Error),
}

/// Publishes.
pub(super) fn run(arguments: &Arguments, console: &mut Console) -> Exit {
    arguments.common.start_log();
    if arguments.acknowledgement == Meaning::Durable {
        console
            .error(&"--acknowledgement durable: nothing is stored in this version; take `joined`");
        return Exit::WrongUsage;
    }
    let runtime = match servers::runtime() {
        Ok(runtime) => runtime,
        Err(error) => return console.fail(&error),
    };
    match runtime.block_on(publish(arguments, console)) {
        Ok(exit) => exit,
        Err(failure) => console.fail(&failure),
    }
}

async fn publish(arguments: &Arguments, console: &mut Console) -> Result<Exit, PublishFailure> {
    let source = Source {
        file: &arguments.file,
        format: arguments.format.unwrap_or(Format::of(&arguments.file)),
        types: &arguments.types,
    };
    let client = arguments.servers.client(&arguments.common)?;
    let feed = Feed::new(source.open()?, arguments.rate);
    let publisher = client
        .publisher()
        .acknowledgement(arguments.acknowledgement.into())
        .open_with_events()
        .await?;
    let run = Run::new(publisher, feed, arguments.acks);
    let exit = run.go(console).await?;
    client.close().await;
    Ok(exit)
}
