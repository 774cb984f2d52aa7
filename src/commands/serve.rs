//! `gomera serve`: a host of the broker.

use clap::Args;

use super::{Common, Console, Exit};

/// What `serve` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
}

/// Runs until told to stop.
pub(super) fn run(arguments: &Arguments, console: &mut Console) -> Exit {
    arguments.common.start_log();
    console.fail(&"this build has no broker yet")
}
