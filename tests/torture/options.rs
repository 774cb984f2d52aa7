//! What the run shall be: from the command line.

use std::time::Duration;

/// How the run was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Everything that chance decides comes from it.
    pub(crate) seed: u64,
    /// Ends after so many faults.
    pub(crate) faults: usize,
    /// Begins no further round after this.
    pub(crate) time: Duration,
    /// What runs where.
    pub(crate) layout: Layout,
    /// Subscriptions that match nothing, besides those that are checked.
    pub(crate) ballast: usize,
    /// Another matcher stands by for each slot.
    pub(crate) standby: bool,
    /// Only hosts are killed, at rest, and the takeovers are measured.
    pub(crate) takeovers: bool,
    /// Ends at the first violation.
    pub(crate) keep: bool,
    /// Only these faults, if there are any.
    pub(crate) only: Vec<String>,
    /// Takeovers of hosts with this role only.
    pub(crate) role: Option<String>,
}

/// What runs where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Three hosts, each with all layers: the death of a process is the death of a host.
    Hosts,
    /// A host for each instance: the death of a process is the death of one instance.
    Instances,
}

const USAGE: &str = "\
scripts/torture [--seed N] [--faults N] [--minutes N] [--short] [--layout hosts|instances] [--ballast N]
                [--standby] [--takeovers] [--role ROLE] [--only FAULT,…] [--keep]

  --seed N       what chance decides comes from it; another one each time if not given
  --faults N     ends after so many faults (30)
  --minutes N    begins no further round after this (5)
  --short        for a build server: few faults, three minutes
  --layout WHAT  three hosts with all layers, or a host for each instance (hosts)
  --ballast N    subscriptions that match nothing besides (2000)
  --standby      another matcher stands by for each slot (gomera serve --matcher-replicas 1)
  --takeovers    kills hosts at rest, and measures how long deliveries take to go on
  --role ROLE    takeovers of hosts with this role only, as in `gomera serve --roles`
  --only FAULTS  these faults only, with commas between them
  --keep         ends at the first violation";

/// Reads the command line; the usage if it cannot be read, or if that was asked for.
pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        seed: u64::from(std::process::id()) ^ crate::chance::clock_ns(),
        faults: 30,
        time: Duration::from_secs(300),
        layout: Layout::Hosts,
        ballast: 2_000,
        standby: false,
        takeovers: false,
        keep: false,
        only: Vec::new(),
        role: None,
    };
    let mut arguments = arguments;
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| USAGE.to_owned());
        match name.as_str() {
            "--seed" => options.seed = number(&value()?)?,
            "--faults" => {
                options.faults = usize::try_from(number(&value()?)?).unwrap_or(usize::MAX)
            }
            "--minutes" => options.time = Duration::from_secs(60 * number(&value()?)?),
            "--short" => {
                options.faults = 20;
                options.time = Duration::from_secs(180);
            }
            "--layout" => {
                options.layout = match value()?.as_str() {
                    "hosts" => Layout::Hosts,
                    "instances" => Layout::Instances,
                    _ => return Err(USAGE.to_owned()),
                }
            }
            "--ballast" => {
                options.ballast = usize::try_from(number(&value()?)?).unwrap_or(usize::MAX)
            }
            "--standby" => options.standby = true,
            "--takeovers" => options.takeovers = true,
            "--role" => options.role = Some(value()?),
            "--keep" => options.keep = true,
            "--only" => options.only = value()?.split(',').map(str::to_owned).collect(),
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok(options)
}

fn number(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is no number\n{USAGE}"))
}
