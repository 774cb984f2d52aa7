//! `gomera host`: the hosts that there are, and letting one go.

use std::thread;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;
use ureq::http::StatusCode;

use super::admin::{AdminAddress, AdminClient, AdminFailure};
use super::status::describe_host;
use super::{Common, Console, Exit};
use crate::admin::{DrainReport, HostReport, TopologyReport};

/// What `host` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Shows the hosts.
    List(List),
    /// Empties a host: others take over what runs there, then its process ends by itself with exit code 0.
    Drain(Drain),
}

/// What `host list` takes.
#[derive(Clone, Debug, Args)]
struct List {
    #[command(flatten)]
    admin: AdminAddress,
    #[command(flatten)]
    common: Common,
}

/// What `host drain` takes.
#[derive(Clone, Debug, Args)]
struct Drain {
    /// Its id, as `host list` shows it.
    id: u64,
    /// Wait until it has ended.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    admin: AdminAddress,
    #[command(flatten)]
    common: Common,
}

/// What a host has come to.
#[derive(Debug, Serialize)]
struct Drained {
    host: u64,
    instances: u32,
    /// Whether it has ended.
    ended: bool,
}

/// Shows, or empties.
pub(super) fn run(arguments: &Arguments, console: &mut Console) -> Exit {
    let done = match &arguments.command {
        Command::List(list) => {
            list.common.start_log();
            show(list, console)
        }
        Command::Drain(drain) => {
            drain.common.start_log();
            empty(drain, console)
        }
    };
    done.unwrap_or_else(|failure| console.fail(&failure))
}

fn show(list: &List, console: &mut Console) -> Result<Exit, AdminFailure> {
    let topology: TopologyReport = AdminClient::new(&list.admin).get("/v1/topology")?;
    for host in &topology.hosts {
        match list.common.json {
            true => console.json(host),
            false => console.text(&describe_host(host)),
        }
    }
    Ok(Exit::Done)
}

fn empty(drain: &Drain, console: &mut Console) -> Result<Exit, AdminFailure> {
    let client = AdminClient::new(&drain.admin);
    let path = format!("/v1/hosts/{}/drain", drain.id);
    let nothing = serde_json::json!({});
    let (_, report): (StatusCode, DrainReport) = client.post(&path, &nothing)?;
    let mut drained = Drained {
        host: drain.id,
        instances: report.instances,
        ended: false,
    };
    let mut given_up = false;
    while drain.wait && !drained.ended && !given_up {
        thread::sleep(LOOK_EVERY);
        match look(&client, drain.id) {
            Ok(None) => drained.ended = true,
            Ok(Some(host)) => {
                given_up = !host.draining;
                progress(&mut drained, &host, console);
            }
            // The host that was asked is the one that goes: when it is empty it answers no more.
            Err(AdminFailure::Unreachable { .. }) if drained.instances == 0 => drained.ended = true,
            Err(failure) => return Err(failure),
        }
    }
    match drain.common.json {
        true => console.json(&drained),
        false => console.text(&describe(&drained, given_up)),
    }
    Ok(match given_up {
        true => Exit::Failed,
        false => Exit::Done,
    })
}

/// The host as it is now, if it is still there.
fn look(client: &AdminClient, id: u64) -> Result<Option<HostReport>, AdminFailure> {
    let topology: TopologyReport = client.get("/v1/topology")?;
    let mut hosts = topology.hosts.into_iter();
    let found = hosts.find(|host| host.id.0 == id);
    Ok(found.filter(|host| host.present || host.instances > 0))
}

fn progress(drained: &mut Drained, host: &HostReport, console: &mut Console) {
    let instances = u32::try_from(host.instances).unwrap_or(u32::MAX);
    if instances != drained.instances {
        drained.instances = instances;
        console.progress(format!("host {}: {instances} instances left", drained.host));
    }
}

fn describe(drained: &Drained, given_up: bool) -> String {
    let Drained {
        host,
        instances,
        ended,
    } = drained;
    match (given_up, ended) {
        (true, _) => format!(
            "host {host} is not emptied: that was given up, see `gomera operations`; {instances} instances are left\n"
        ),
        (false, true) => format!("host {host} is empty and has ended\n"),
        (false, false) => format!(
            "host {host} is being emptied, {instances} instances are left; it ends by itself\n"
        ),
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(200);
