//! `gomera scale`: another number of instances.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use clap::{Args, ValueEnum};
use gomera_coordinator::{OperationRecord, Outcome};
use gomera_model::Layer;
use gomera_model::control::Strategy;
use serde_json::Value;
use ureq::http::StatusCode;

use super::admin::{AdminAddress, AdminClient, AdminFailure};
use super::operations::describe;
use super::{Common, Console, Exit};
use crate::admin::{OperationsReport, ScaleBody};

/// What `scale` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// How many instances a layer shall have, as in matchers=3 (connection-points, access-points, matchers,
    /// exit-points).
    #[arg(required = true, value_name = "LAYER=COUNT", value_parser = parse_wish)]
    layers: Vec<(Layer, u32)>,
    /// Shares the slots of a layer by these weights, one an instance in the order of their ids, as in
    /// matchers=2,1,1 (matchers, exit-points); evenly without.
    #[arg(long, value_name = "LAYER=WEIGHT,…", value_parser = parse_weights)]
    weights: Vec<(Layer, Vec<u32>)>,
    /// How.
    #[arg(long, value_enum, default_value_t = StrategyName::Live)]
    strategy: StrategyName,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Wait until the operation is over.
    #[arg(long)]
    wait: bool,
    /// Why, for the record.
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    admin: AdminAddress,
    #[command(flatten)]
    common: Common,
}

/// How a layer changes.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum StrategyName {
    /// Copy behind live traffic, then close: nothing waits but operations on moving slots, for milliseconds.
    Live,
    /// Close, then copy.
    Buffered,
}

pub(super) fn parse_wish(text: &str) -> Result<(Layer, u32), String> {
    let (layer, count) = parse_layer(text, "LAYER=COUNT")?;
    let count = count
        .parse()
        .map_err(|_| format!("`{count}` is no number of instances"))?;
    Ok((layer, count))
}

fn parse_weights(text: &str) -> Result<(Layer, Vec<u32>), String> {
    let (layer, weights) = parse_layer(text, "LAYER=WEIGHT,…")?;
    let weights = weights.split(',').map(str::parse);
    let weights = weights
        .collect::<Result<_, _>>()
        .map_err(|_| format!("`{text}` has a weight that is no number"))?;
    Ok((layer, weights))
}

fn parse_layer<'a>(text: &'a str, form: &str) -> Result<(Layer, &'a str), String> {
    let Some((name, rest)) = text.split_once('=') else {
        return Err(format!("it is not of the form {form}"));
    };
    let layer = match name.replace('_', "-").as_str() {
        "connection-points" => Layer::ConnectionPoints,
        "access-points" => Layer::AccessPoints,
        "matchers" => Layer::Matchers,
        "exit-points" => Layer::ExitPoints,
        _ => {
            return Err(format!(
                "`{name}` is no layer: there are connection-points, access-points, matchers, exit-points"
            ));
        }
    };
    Ok((layer, rest))
}

/// Asks, and waits if it shall.
pub(super) fn run(arguments: &Arguments, console: &mut Console) -> Exit {
    arguments.common.start_log();
    let layers: BTreeMap<_, _> = arguments.layers.iter().copied().collect();
    let weights: BTreeMap<_, _> = arguments.weights.iter().cloned().collect();
    if (layers.len(), weights.len()) != (arguments.layers.len(), arguments.weights.len()) {
        console.error(&"a layer is named twice");
        return Exit::WrongUsage;
    }
    let body = ScaleBody {
        layers,
        weights,
        strategy: match arguments.strategy {
            StrategyName::Live => Strategy::Live,
            StrategyName::Buffered => Strategy::Buffered,
        },
        dry_run: arguments.dry_run,
        reason: arguments.reason.clone(),
    };
    match ask(arguments, &body, console) {
        Ok(exit) => exit,
        Err(failure) => console.fail(&failure),
    }
}

fn ask(
    arguments: &Arguments,
    body: &ScaleBody,
    console: &mut Console,
) -> Result<Exit, AdminFailure> {
    let client = AdminClient::new(&arguments.admin);
    let (status, answer): (_, Value) = client.post("/v1/scale", body)?;
    if status != StatusCode::ACCEPTED {
        match arguments.common.json {
            true => console.json(&answer),
            false => console.text(&without_operation(&answer)),
        }
        return Ok(Exit::Done);
    }
    let mut record = client.operation(&answer["id"].to_string())?;
    if arguments.wait {
        record = wait(&client, record, arguments.common.json, console)?;
        while !record.then.is_empty()
            || matches!(
                record.outcome,
                Outcome::Running | Outcome::Interrupted { .. }
            )
        {
            record = client.next_of_row(&record)?;
            record = wait(&client, record, arguments.common.json, console)?;
        }
    }
    match arguments.common.json {
        true => console.json(&record),
        false => console.text(&describe(&record)),
    }
    Ok(match record.outcome {
        Outcome::Running | Outcome::Done if record.then_not.is_none() => Exit::Done,
        Outcome::Running
        | Outcome::Done
        | Outcome::Interrupted { .. }
        | Outcome::Aborted { .. } => Exit::Failed,
    })
}

/// What a dry run found, or that there is nothing to do.
fn without_operation(answer: &Value) -> String {
    if answer["unchanged"] == true {
        return "everything is as asked for already\n".to_owned();
    }
    let slots = &answer["slots_moved"];
    let expected = &answer["expected"];
    let mut text = format!("would move {slots} slots, to epoch {}\n", answer["epoch"]);
    if let Some(nanos) = expected["duration_ns"].as_u64() {
        let (subscriptions, bytes) = (&expected["subscriptions"], &expected["bytes"]);
        let took = Duration::from_nanos(nanos);
        let founded = match expected["measured"] == true {
            true => "at the rate of the last operation",
            false => "a cautious assumption: nothing has been moved yet",
        };
        text += &format!(
            "with {subscriptions} subscriptions, {bytes} bytes, in about {took:.1?} ({founded})\n"
        );
    }
    text
}

/// Looks at the operation until it is over; each new phase is told.
fn wait(
    client: &AdminClient,
    mut record: OperationRecord,
    json: bool,
    console: &mut Console,
) -> Result<OperationRecord, AdminFailure> {
    const LOOK_EVERY: Duration = Duration::from_millis(20);
    let mut told = 0;
    loop {
        if !json {
            for phase in &record.phases[told.min(record.phases.len())..] {
                console.progress(format!("{:?}", phase.phase).to_lowercase());
            }
            told = record.phases.len();
        }
        if record.outcome != Outcome::Running {
            return Ok(record);
        }
        thread::sleep(LOOK_EVERY);
        record = client.operation(&record.id.to_string())?;
    }
}

impl AdminClient {
    /// The operation that follows in a row, as soon as it has begun; the same one while it has not.
    pub(super) fn next_of_row(
        &self,
        record: &OperationRecord,
    ) -> Result<OperationRecord, AdminFailure> {
        let report: OperationsReport = self.get("/v1/operations")?;
        let mut follows = report.operations.into_iter();
        match follows.find(|next| next.follows == Some(record.id)) {
            Some(next) => Ok(next),
            None => self.operation(&record.id.to_string()),
        }
    }

    /// One operation as it is now.
    pub(super) fn operation(&self, id: &str) -> Result<OperationRecord, AdminFailure> {
        self.get(&format!("/v1/operations/{id}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(Layer, u32)>) {
        assert_eq!(parse_wish(text).ok(), expected, "{text}");
    }

    #[test]
    fn wishes_are_read() {
        check("matchers=3", Some((Layer::Matchers, 3)));
        check("exit-points=2", Some((Layer::ExitPoints, 2)));
        check("exit_points=2", Some((Layer::ExitPoints, 2)));
        check("matcher=3", None);
        check("matchers=-1", None);
        check("matchers", None);
    }
}
