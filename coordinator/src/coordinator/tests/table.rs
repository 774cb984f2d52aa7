//! Every state against every input, compared with a table on file, so that the pictures stay true.
//!
//! `GOMERA_WRITE_TABLES=1 cargo test -p gomera-coordinator` writes the table anew; read the difference before it is
//! committed.

use std::fmt::Write as _;
use std::format;
use std::string::String;
use std::vec::Vec;

use gomera_model::Epoch;
use gomera_model::control::Strategy;

use super::super::*;
use super::world::{HOST, Input, World, matchers};
use crate::document::Put;

const STATES: [&str; 17] = [
    "waiting",
    "reading",
    "writing rest",
    "rest",
    "writing preparing",
    "preparing",
    "writing copying",
    "copying",
    "writing closing",
    "closing",
    "writing closing first",
    "writing copying closed",
    "copying closed",
    "committing",
    "draining",
    "writing done",
    "writing aborted",
];

const INPUTS: [&str; 14] = [
    "started",
    "host",
    "document, as known",
    "document, newer",
    "written",
    "conflict",
    "unknown outcome",
    "instance started",
    "instance failed",
    "host gone",
    "reports",
    "scale",
    "abort",
    "wake",
];

#[test]
fn every_state_meets_every_input_as_the_table_says() {
    let mut table = String::from("# state | input | next state | effects\n");
    for state in STATES {
        table.push('\n');
        for input in INPUTS {
            let mut world = reach(state);
            world.seen.clear();
            give(&mut world, input);
            let (next, effects) = (name(&world), counted(&world.seen));
            let next = if next == state { "=".into() } else { next };
            writeln!(table, "{state} | {input} | {next} | {effects}").unwrap();
        }
    }
    if std::env::var_os("GOMERA_WRITE_TABLES").is_some() {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src/coordinator/tests/table.txt"
        );
        std::fs::write(file, &table).unwrap();
    }
    for (on_file, now) in include_str!("table.txt").lines().zip(table.lines()) {
        assert_eq!(on_file, now);
    }
    assert_eq!(
        include_str!("table.txt").lines().count(),
        table.lines().count()
    );
}

/// A world in this state, nothing else on its way.
fn reach(state: &str) -> World {
    if state == "waiting" {
        let mut world = World::running();
        world.coordinator = Coordinator::new(super::world::settings());
        return world;
    }
    if state == "writing rest" || state == "reading" {
        let mut world = World::empty();
        world.input(|c, now, e| c.started(now, e));
        if state == "writing rest" {
            world.input(|c, now, e| c.host(now, super::world::host(), e));
        }
        return until(world, state);
    }
    let mut world = World::running();
    if state == "rest" {
        return world;
    }
    let mut scale = matchers(2);
    if state.contains("first") || state.contains("closed") {
        scale.strategy = Strategy::Buffered;
    }
    world.scale(1, scale);
    if state == "writing aborted" {
        world = until(world, "preparing");
        world.abort(2, 1);
    }
    until(world, state)
}

fn until(mut world: World, state: &str) -> World {
    while name(&world) != state {
        assert!(world.step(), "{state} is never reached");
    }
    world.lively = false;
    // Who is told has answered nothing yet, but all run.
    let mut inputs = core::mem::take(&mut world.inputs);
    inputs.retain(|input| matches!(input, Input::Started(_)));
    world.inputs = inputs;
    if !matches!(world.coordinator.state, State::Writing(_)) {
        world.run_inputs();
    }
    world.inputs.clear();
    world
}

fn give(world: &mut World, input: &str) {
    let id = world.coordinator.last_write;
    match input {
        "started" => world.input(|c, now, e| c.started(now, e)),
        "host" => world.input(|c, now, e| c.host(now, super::world::host(), e)),
        "document, as known" => give_document(world),
        "document, newer" => {
            if let Some(stored) = world.store.read(Path::Operation).stored {
                let put = Put {
                    path: Path::Operation,
                    expected: Some(stored.version),
                    bytes: stored.bytes,
                };
                world.store.write(&[put]).unwrap();
            }
            give_document(world);
        }
        "written" => {
            let both = match &world.coordinator.state {
                State::Writing(w) => w.versions.is_none() || matches!(w.then, Then::Commit(_)),
                State::Waiting | State::Reading(_) | State::Settled(_) => false,
            };
            let versions = [Version(70), Version(71)][usize::from(!both)..].to_vec();
            world.input(|c, now, e| c.written(now, id, Ok(versions), e));
        }
        "conflict" => world.input(|c, now, e| c.written(now, id, Err(WriteError::Conflict), e)),
        "unknown outcome" => {
            world.input(|c, now, e| c.written(now, id, Err(WriteError::Unknown), e));
        }
        "instance started" => world.input(|c, now, e| c.started_instance(now, Incarnation(5), e)),
        "instance failed" => world.input(|c, now, e| c.failed(now, Incarnation(5), e)),
        "host gone" => world.input(|c, now, e| c.host_gone(now, HOST, e)),
        "reports" => give_reports(world),
        "scale" => world.scale(8, matchers(4)),
        "abort" => world.abort(9, 1),
        "wake" => {
            world.now = world.coordinator.repeat_at.max(world.now);
            world.input(Coordinator::wake);
        }
        other => panic!("no input {other}"),
    }
}

fn give_document(world: &mut World) {
    let document = world.store.read(Path::Operation);
    world.input(|c, now, e| c.document(now, document, e));
}

/// Everything that can be awaited, until that leads on.
fn give_reports(world: &mut World) {
    let (operation, epoch, before) = (OperationId(1), Epoch(2), name(world));
    let copied = Default::default();
    let flipped = Report::Flipped {
        epoch,
        held: 0,
        held_ns_max: 0,
    };
    let ended = Report::Ended(operation);
    let copied = Report::Copied { operation, copied };
    let wanted = match before.as_str() {
        "preparing" => Vec::from([Report::Confirmed(operation)]),
        "copying" => Vec::from([copied]),
        "closing" => Vec::from([ended]),
        "copying closed" => Vec::from([ended, copied]),
        _ => Vec::from([
            flipped,
            Report::Drained(epoch),
            Report::Joined(epoch),
            Report::Filled(epoch),
            Report::Settled(epoch),
        ]),
    };
    for report in wanted {
        for from in 1..=8 {
            if name(world) == before {
                world.report(from, report.clone());
            }
        }
    }
}

fn name(world: &World) -> String {
    match &world.coordinator.state {
        State::Waiting => "waiting".into(),
        State::Reading(_) => "reading".into(),
        State::Settled(settled) => phase(&settled.phase).into(),
        State::Writing(writing) => match &writing.then {
            Then::Commit(_) => "committing".into(),
            Then::Enter(Phase::Rest(Some(ended))) => {
                let aborted = ended.record().phase == crate::PhaseName::Aborted;
                let end = if aborted { "aborted" } else { "done" };
                format!("writing {end}")
            }
            Then::Enter(next) => format!("writing {}", phase(next)),
        },
    }
}

fn phase(phase: &Phase) -> &'static str {
    match phase {
        Phase::Rest(_) => "rest",
        Phase::Preparing(_) => "preparing",
        Phase::Copying(_) => "copying",
        Phase::Closing(_) => "closing",
        Phase::ClosingFirst(_) => "closing first",
        Phase::CopyingClosed(_) => "copying closed",
        Phase::Draining(_) => "draining",
    }
}

/// Effects in order, equal neighbours counted.
fn counted(effects: &[String]) -> String {
    let runs = effects.chunk_by(|a, b| a == b).map(|run| match run.len() {
        1 => run[0].clone(),
        count => format!("{count} × {}", run[0]),
    });
    runs.collect::<Vec<_>>().join(", ")
}
