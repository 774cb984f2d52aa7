//! `gomera subscribe`: prints what arrives, through reconnects.

mod output;
mod run;

use std::time::Duration;

use clap::{Args, ValueEnum};
use gomera_client::{BuildError, Filter, OpenError, SubscribeError, Subscriber};
use gomera_filter::Dialect;
use gomera_model::SubscriptionNumber;
use gomera_model::lane::OverflowPolicy;

use self::run::{Ends, Run};
use super::servers::{self, Servers};
use super::{Common, Console, Exit};

/// What `subscribe` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// The filters; they are the subscriptions 1, 2, …
    #[arg(value_name = "FILTER", required = true)]
    filters: Vec<String>,
    /// The language they are written in: sql, jms, amqp-sql, cesql, mqtt.
    #[arg(long, value_name = "DIALECT", default_value = "sql")]
    dialect: Dialect,
    /// End after so many notifications.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// End so many seconds after all are subscribed. With --count it is a failure if fewer have arrived by then.
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    for_seconds: Option<Duration>,
    /// What happens when more waits for this session than it may have.
    #[arg(long, value_enum, default_value_t = Policy::Gap)]
    policy: Policy,
    /// Keep the subscription while nobody is connected: comes with a later version.
    #[arg(long, value_name = "NAME")]
    durable: Option<String>,
    #[command(flatten)]
    servers: Servers,
    #[command(flatten)]
    common: Common,
}

/// What happens at the limits of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Policy {
    /// The oldest are lost, and a line says how many.
    Gap,
    /// The session is closed.
    Disconnect,
}

impl From<Policy> for OverflowPolicy {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Gap => Self::Gap,
            Policy::Disconnect => Self::Disconnect,
        }
    }
}

/// Why there is no subscription.
#[derive(Debug, thiserror::Error)]
enum SubscribeFailure {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("filter {number}: {error}")]
    Refused {
        number: SubscriptionNumber,
        error: SubscribeError,
    },
    #[error(transparent)]
    Signals(#[from] std::io::Error),
}

/// Subscribes.
pub(super) fn run(arguments: &Arguments, console: &mut Console) -> Exit {
    arguments.common.start_log();
    if arguments.durable.is_some() {
        console.error(&"--durable: nothing is stored in this version, so no subscription can be");
        return Exit::WrongUsage;
    }
    let runtime = match servers::runtime() {
        Ok(runtime) => runtime,
        Err(error) => return console.fail(&error),
    };
    match runtime.block_on(subscribe(arguments, console)) {
        Ok(exit) => exit,
        Err(failure) => console.fail(&failure),
    }
}

async fn subscribe(arguments: &Arguments, console: &mut Console) -> Result<Exit, SubscribeFailure> {
    let client = arguments.servers.client(&arguments.common)?;
    let policy = arguments.policy.into();
    let mut subscriber = client.subscriber().policy(policy).open().await?;
    let numbers = register(&mut subscriber, arguments).await?;
    let ends = Ends {
        count: arguments.count,
        after: arguments.for_seconds,
    };
    let exit = Run::new(subscriber, numbers, ends).go(console).await?;
    client.close().await;
    Ok(exit)
}

/// Asks for all at once, then waits for all answers. What arrives meanwhile waits.
async fn register(
    subscriber: &mut Subscriber,
    arguments: &Arguments,
) -> Result<Vec<SubscriptionNumber>, SubscribeFailure> {
    let dialect = arguments.dialect.name();
    let asked: Vec<_> = (1..)
        .map(SubscriptionNumber)
        .zip(&arguments.filters)
        .map(|(number, text)| subscriber.replace(number, Filter::in_dialect(dialect, text)))
        .collect();
    let mut numbers = Vec::with_capacity(asked.len());
    for asked in asked {
        let number = asked.number();
        let answer = asked.await;
        numbers.push(answer.map_err(|error| SubscribeFailure::Refused { number, error })?);
    }
    Ok(numbers)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "it must be a number")?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
