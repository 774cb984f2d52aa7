//! `gomera operations`: what is under way, what has been, and giving up.

use std::fmt::Write;
use std::time::Duration;

use clap::Args;
use gomera_coordinator::{OperationRecord, Outcome, PhaseName, PhaseRecord};

use super::admin::{AdminAddress, AdminClient, AdminFailure};
use super::{Common, Console, Exit};
use crate::admin::OperationsReport;

/// What `operations` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// One operation; without it, all that are remembered.
    id: Option<u64>,
    /// Give it up; possible until it is committed.
    #[arg(long, requires = "id")]
    abort: bool,
    #[command(flatten)]
    admin: AdminAddress,
    #[command(flatten)]
    common: Common,
}

/// Shows, or gives up.
pub(super) fn run(arguments: &Arguments, console: &mut Console) -> Exit {
    arguments.common.start_log();
    let client = AdminClient::new(&arguments.admin);
    let done = match arguments.id {
        None => all(&client, arguments.common.json, console),
        Some(id) => one(&client, id, arguments, console),
    };
    match done {
        Ok(()) => Exit::Done,
        Err(failure) => console.fail(&failure),
    }
}

fn all(client: &AdminClient, json: bool, console: &mut Console) -> Result<(), AdminFailure> {
    let report: OperationsReport = client.get("/v1/operations")?;
    if !json && report.operations.is_empty() {
        console.line("there has been no operation yet");
    }
    for record in &report.operations {
        show(record, json, console);
    }
    Ok(())
}

fn one(
    client: &AdminClient,
    id: u64,
    arguments: &Arguments,
    console: &mut Console,
) -> Result<(), AdminFailure> {
    if arguments.abort {
        client.delete(&format!("/v1/operations/{id}"))?;
    }
    let record = client.operation(&id.to_string())?;
    show(&record, arguments.common.json, console);
    Ok(())
}

fn show(record: &OperationRecord, json: bool, console: &mut Console) {
    match json {
        true => console.json(record),
        false => console.text(&describe(record)),
    }
}

/// An operation in a few lines.
pub(super) fn describe(record: &OperationRecord) -> String {
    let mut text = format!("operation {}:", record.id);
    for (layer, resize) in &record.layers {
        let name = format!("{layer:?}");
        let _ = write!(
            text,
            " {} {} → {}",
            super::words(&name),
            resize.from,
            resize.to
        );
    }
    let _ = writeln!(
        text,
        " ({}), {}",
        record.strategy,
        outcome_text(record.outcome)
    );
    for phase in &record.phases {
        let _ = writeln!(text, "  {}", describe_phase(record, phase));
    }
    text += &describe_moved(record);
    if record.operations_held > 0 {
        let longest = Duration::from_nanos(record.held_ns_max);
        let _ = writeln!(
            text,
            "  held {} subscription operations, the longest {longest:.2?}",
            record.operations_held
        );
    }
    for (layer, count) in &record.then {
        let name = format!("{layer:?}");
        let _ = writeln!(text, "  then {} to {count}", super::words(&name));
    }
    if let Some(why) = &record.then_not {
        let _ = writeln!(text, "  what was to follow does not: {why}");
    }
    text
}

/// A phase with how long it took, and how long it was expected to where it is the copy that takes its time.
fn describe_phase(record: &OperationRecord, phase: &PhaseRecord) -> String {
    let name = super::words(&format!("{:?}", phase.phase));
    let took = phase.duration_ns.map(duration);
    let took = took.unwrap_or_else(|| "…".to_owned());
    let copies = phase.phase == PhaseName::Copy;
    match record.expected.filter(|_| copies) {
        Some(expected) => format!("{name:<8} {took} (expected {})", duration(expected.copy_ns)),
        None => format!("{name:<8} {took}"),
    }
}

/// What has moved so far, and how long all of it took.
fn describe_moved(record: &OperationRecord) -> String {
    let mut text = format!("  moved {} slots", record.slots_moved);
    let moved = record.subscriptions_moved;
    let running = record.outcome == Outcome::Running;
    match record
        .expected
        .filter(|all| running && all.subscriptions > 0)
    {
        Some(all) => {
            let percent = (moved.saturating_mul(100) / all.subscriptions).min(100);
            let of = all.subscriptions.max(moved);
            let _ = write!(text, ", {moved} of {of} subscriptions ({percent} %)");
        }
        None => {
            let _ = write!(text, ", {moved} subscriptions");
        }
    }
    let _ = write!(text, ", {} bytes", record.bytes_moved);
    let (took, expected) = (record.duration_ns(), record.expected);
    if !running {
        let _ = write!(text, ", in {}", duration(took));
    }
    if let Some(expected) = expected {
        let _ = write!(text, " (expected {})", duration(expected.duration_ns));
    }
    text + "\n"
}

fn duration(nanos: u64) -> String {
    format!("{:.2?}", Duration::from_nanos(nanos))
}

fn outcome_text(outcome: Outcome) -> String {
    match outcome {
        Outcome::Running => "under way".to_owned(),
        Outcome::Done => "done".to_owned(),
        Outcome::Interrupted { by } => format!("interrupted: operation {by} goes on with it"),
        Outcome::Aborted { why } => format!("given up: {}", super::words(&format!("{why:?}"))),
    }
}
