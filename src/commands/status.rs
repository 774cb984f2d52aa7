//! `gomera status`: who is there, what they do, and what is under way.

use std::fmt::Write;
use std::thread;
use std::time::Duration;

use clap::Args;
use gomera_model::{InstanceId, Layer, SLOTS};
use serde::Serialize;

use super::admin::{AdminAddress, AdminClient, AdminFailure};
use super::operations::describe;
use super::{Common, Console, Exit};
use crate::admin::{
    HostReport, InstanceLoad, InstanceReport, LoadReport, OverloadReport, TopologyReport,
};

/// What `status` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// Show it again every second.
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    admin: AdminAddress,
    #[command(flatten)]
    common: Common,
}

/// What there is to show.
#[derive(Debug, Serialize)]
struct Status {
    topology: TopologyReport,
    load: LoadReport,
}

/// Shows it once, or until nobody reads it any more.
pub(super) fn run(arguments: &Arguments, console: &mut Console) -> Exit {
    arguments.common.start_log();
    let client = AdminClient::new(&arguments.admin);
    loop {
        let status = match look(&client) {
            Ok(status) => status,
            Err(failure) => return console.fail(&failure),
        };
        match arguments.common.json {
            true => console.json(&status),
            false if arguments.watch => console.text(&format!("{CLEAR}{}", describe_all(&status))),
            false => console.text(&describe_all(&status)),
        }
        if !arguments.watch || console.reader_gone() {
            return Exit::Done;
        }
        thread::sleep(Duration::from_secs(1));
    }
}

/// Clears a terminal's screen and goes to its upper left corner.
const CLEAR: &str = "\x1b[2J\x1b[H";

fn look(client: &AdminClient) -> Result<Status, AdminFailure> {
    Ok(Status {
        topology: client.get("/v1/topology")?,
        load: client.get("/v1/load")?,
    })
}

fn describe_all(status: &Status) -> String {
    let Status { topology, load } = status;
    let mut text = String::new();
    let ready = if topology.ready { "ready" } else { "not ready" };
    let _ = writeln!(
        text,
        "epoch {}, {ready}; the placement survives: {}",
        topology.epoch, topology.survives
    );
    for why in &topology.survives_why {
        let _ = writeln!(text, "  {why}");
    }
    if let Some(missing) = &topology.missing {
        let _ = writeln!(text, "not everything is whole: {missing}");
    }
    text += &describe_standbys(status);
    if !topology.available {
        let _ = writeln!(
            text,
            "the coordinator's store does not answer: nothing is scaled, all flows on"
        );
    }
    for host in &topology.hosts {
        text += &describe_host(host);
    }
    let _ = writeln!(
        text,
        "\n{:<20} {:>5} {:>12} {:>8} {:>9} {:>9} {:>6} {:>10}",
        "instance", "slots", "notifications", "cpu", "turn p50", "turn p99", "queue", "held"
    );
    text += &describe_instances(status);
    text += &describe_overload(&load.overload);
    if let Some(operation) = &topology.operation {
        let _ = write!(text, "\n{}", describe(operation));
    }
    text
}

/// Every instance in a line: what runs on this host as measured, what runs elsewhere by its place. Last come those that
/// run here and are in no topology yet, or no more.
fn describe_instances(Status { topology, load }: &Status) -> String {
    let mut unlisted: Vec<&InstanceLoad> = load.instances.iter().collect();
    let mut text = String::new();
    for (&layer, instances) in &topology.layers {
        for instance in instances {
            let is_it = |load: &&InstanceLoad| load.incarnation == instance.incarnation;
            match unlisted.iter().position(is_it) {
                Some(here) => text += &line(unlisted.remove(here)),
                None => text += &line_elsewhere(layer, instance, &topology.hosts),
            }
        }
    }
    text.extend(unlisted.into_iter().map(line));
    text
}

/// How much of the subscriptions another matcher has too; nothing where that is not wanted.
fn describe_standbys(Status { topology, load }: &Status) -> String {
    let Some(standbys) = topology.standbys else {
        return String::new();
    };
    let matchers = load.instances.iter();
    let matchers = matchers.filter(|instance| instance.layer == Layer::Matchers);
    let (mut sent, mut own) = (0, 0);
    for matcher in matchers {
        sent += matcher.slots_stood_by;
        own += matcher.slots.unwrap_or(0);
    }
    let mut text = format!(
        "standbys: for {standbys} of {SLOTS} subscription slots; of the {own} whose matcher runs on this host, {sent} are sent whole\n"
    );
    if let Some(why) = &topology.standbys_why {
        let _ = writeln!(text, "  {why}");
    }
    text
}

/// A host in a line.
pub(super) fn describe_host(host: &HostReport) -> String {
    let mut text = format!("host {}", host.id);
    for (before, part) in [(" ", &host.name), (" in zone ", &host.zone)] {
        if !part.is_empty() {
            text += before;
            text += part;
        }
    }
    if !host.present {
        return text + &format!(" is gone, with {} instances\n", host.instances);
    }
    let up = Duration::from_secs_f64(host.uptime_seconds.max(0.0));
    let leads = if host.leads { ", leads" } else { "" };
    let draining = match (host.draining, host.instances) {
        (false, _) => "",
        (true, 0) => ", empty and about to end",
        (true, _) => ", being emptied",
    };
    let (listening, instances) = (&host.listening, host.instances);
    text + &format!(
        " at silbo://{listening}, up {up:.0?}, {instances} instances{leads}{draining}\n"
    )
}

fn name_of(layer: Layer, id: InstanceId) -> String {
    format!("{} {id}", super::words(&format!("{layer:?}")))
}

fn count_of(slots: Option<usize>) -> String {
    slots.map_or("–".to_owned(), |slots| slots.to_string())
}

/// An instance of which this host measures nothing.
fn line_elsewhere(layer: Layer, instance: &InstanceReport, hosts: &[HostReport]) -> String {
    let host = hosts.iter().find(|host| host.id == instance.host);
    let called = host.map_or("", |host| &host.name);
    let place = match called {
        "" => format!("on host {}", instance.host),
        _ => format!("on host {} {called}", instance.host),
    };
    let (name, slots) = (name_of(layer, instance.id), count_of(instance.slots));
    format!("{name:<20} {slots:>5} {place}\n")
}

fn line(load: &InstanceLoad) -> String {
    let (name, slots) = (name_of(load.layer, load.id), count_of(load.slots));
    let cpu = load
        .cpu_seconds
        .map_or("–".to_owned(), |seconds| format!("{seconds:.1} s"));
    let [p50, p99] = [load.turn_seconds.p50, load.turn_seconds.p99]
        .map(|seconds| format!("{:.0} µs", seconds * 1e6));
    format!(
        "{name:<20} {slots:>5} {:>12} {cpu:>8} {p50:>9} {p99:>9} {:>6} {:>7} KiB\n",
        load.notifications,
        load.queue_length,
        load.bytes / 1024
    )
}

/// What happened at limits, with the policy that was applied.
fn describe_overload(overload: &OverloadReport) -> String {
    let mut text = String::new();
    if overload.deliveries_lost > 0 || overload.sessions_behind > 0 {
        let _ = writeln!(
            text,
            "slow subscribers, policy `gap`: {} deliveries lost with a signalled gap, {} sessions behind now",
            overload.deliveries_lost, overload.sessions_behind
        );
    }
    if overload.sessions_disconnected > 0 {
        let _ = writeln!(
            text,
            "slow subscribers, policy `disconnect`: {} sessions closed",
            overload.sessions_disconnected
        );
    }
    if overload.connections_too_slow > 0 {
        let _ = writeln!(
            text,
            "connections that took too little, policy `too-slow`: {} closed",
            overload.connections_too_slow
        );
    }
    if overload.publisher_pauses > 0 {
        let _ = writeln!(
            text,
            "fast publishers, policy `wait`: their streams were not read {} times",
            overload.publisher_pauses
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_instance_is_shown_wherever_it_runs() {
        let topology = json!({
            "epoch": 3, "survives": "nothing", "ready": true, "available": true, "store": "zookeeper",
            "hosts": [
                {"id": 1, "name": "a", "zone": "", "listening": "", "uptime_seconds": 1.0},
                {"id": 2, "name": "b", "zone": "", "listening": "", "uptime_seconds": 1.0},
            ],
            "layers": {"matchers": [
                {"id": 0, "incarnation": 3, "host": 1, "slots": 2048},
                {"id": 1, "incarnation": 7, "host": 2, "slots": 2048},
            ]},
            "operation": null,
        });
        let load = |id: u64, incarnation: u64| {
            let spread = json!({"p50": 0.0, "p99": 0.0, "max": 0.0});
            json!({
                "layer": "matchers", "id": id, "incarnation": incarnation, "cpu_seconds": 1.5, "turns": 1,
                "frames": 1, "notifications": 42, "turn_seconds": spread, "wait_seconds": spread,
                "queue_length": 0, "queue_age_seconds": 0.0, "slots": 2048, "subscriptions": 0, "bytes": 0,
            })
        };
        let overload = OverloadReport::default();
        let load = json!({"instances": [load(0, 3), load(2, 9)], "overload": overload});
        let status = Status {
            topology: serde_json::from_value(topology).expect("it is one"),
            load: serde_json::from_value(load).expect("it is one"),
        };
        let shown = describe_instances(&status);
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines.len(), 3, "{shown}");
        assert!(
            lines[0].starts_with("matchers 0") && lines[0].contains("42"),
            "{shown}"
        );
        assert!(
            lines[1].starts_with("matchers 1") && lines[1].ends_with("2048 on host 2 b"),
            "{shown}"
        );
        assert!(lines[2].starts_with("matchers 2"), "{shown}");
    }
}
