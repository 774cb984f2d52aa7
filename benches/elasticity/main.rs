//! What anybody notices when matchers scale: `cargo bench --bench elasticity -- --help`.
//!
//! A broker in this process with real QUIC on loopback, publishers in an open loop, subscribers with content filters,
//! and a prober that subscribes and unsubscribes all the time. Most subscriptions do not match: they have the same
//! shapes as the others, and ask for ships elsewhere, so that a notification has as many hits among a million
//! subscriptions as among ten thousand.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench says what it found"
)]

mod elsewhere;
mod prober;
mod report;
mod setting;

use std::process::ExitCode;

use clap::Parser;
use gomera_model::control::Strategy;
use gomera_operators::limits::COPY_RATE;

/// The same as the broker's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures operations of matchers under load.
#[derive(Clone, Debug, Parser)]
struct Arguments {
    /// Subscriptions that are stored, one or several numbers.
    #[arg(long, value_delimiter = ',', default_value = "10000,1000000")]
    subscriptions: Vec<usize>,
    /// Runs of each setting; a run is 1 → 3 matchers and back.
    #[arg(long, default_value_t = 20)]
    runs: usize,
    /// Subscriptions a second that are copied to each new owner, one or several; 0 is without limit.
    #[arg(long, value_delimiter = ',', default_values_t = [COPY_RATE, 0])]
    copy_rate: Vec<u32>,
    /// `live`, `buffered`, or both.
    #[arg(long, value_delimiter = ',', default_value = "live,buffered", value_parser = strategy)]
    strategy: Vec<Strategy>,
    /// Notifications a second.
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    /// One JSON object for each operation, besides the table.
    #[arg(long)]
    json: bool,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn strategy(name: &str) -> Result<Strategy, String> {
    match name {
        "live" => Ok(Strategy::Live),
        "buffered" => Ok(Strategy::Buffered),
        _ => Err("there are live and buffered".to_owned()),
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let measured = runtime
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(measure(&arguments)));
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(arguments: &Arguments) -> Result<(), setting::Failure> {
    let mut all = Vec::new();
    for &subscriptions in &arguments.subscriptions {
        for &copy_rate in &arguments.copy_rate {
            let setting = setting::Setting {
                subscriptions,
                copy_rate,
                rate: arguments.rate,
            };
            let stage = setting::Stage::set(setting).await?;
            for &strategy in &arguments.strategy {
                for run in 0..arguments.runs {
                    for matchers in setting::OUT_AND_IN {
                        let operation = stage.operation(strategy, matchers).await?;
                        eprintln!("{setting}, run {}: {operation}", run + 1);
                        if arguments.json {
                            println!("{}", operation.json(setting));
                        }
                        all.push((setting, operation));
                    }
                }
            }
            stage.clear().await;
        }
    }
    println!("{}", report::table(&all));
    Ok(())
}
