//! The networks of the hosts: a namespace for each, and a router between them that drops what it is told to.
//!
//! ```text
//!   host 1 (10.77.1.2) ──┐                    ┌── 10.77.0.1: ZooKeeper
//!   host 2 (10.77.2.2) ──┼── this namespace ──┤
//!   host 3 (10.77.3.2) ──┘    (routes, drops) └── 10.77.N.1: the clients, as host N sees them
//! ```
//!
//! Where no namespaces can be made, all share one address each on loopback, and nothing can be cut.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

/// Where hosts and ZooKeeper are.
#[derive(Debug)]
pub(crate) struct Network {
    has_namespaces: bool,
    cut: BTreeSet<(Place, Place)>,
}

/// An end of a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// A host, by its number from 1.
    Host(usize),
    /// All of ZooKeeper.
    Store,
}

impl Network {
    /// Lays the ways for so many hosts. Expects to be in a namespace of its own for networks and mounts, if any.
    pub(crate) fn lay(hosts: usize) -> Self {
        let has_namespaces = std::env::var_os("TORTURE_NAMESPACES").is_some() && lay(hosts);
        Self {
            has_namespaces,
            cut: BTreeSet::new(),
        }
    }

    /// Whether ways can be cut.
    pub(crate) fn can_be_cut(&self) -> bool {
        self.has_namespaces
    }

    /// The address of a place.
    pub(crate) fn address(&self, place: Place) -> String {
        match (self.has_namespaces, place) {
            (true, Place::Host(number)) => format!("10.77.{number}.2"),
            (true, Place::Store) => "10.77.0.1".to_owned(),
            (false, Place::Host(number)) => {
                // Another one than that of another run on this machine, most likely.
                format!("127.77.{}.{number}", std::process::id() % 250 + 1)
            }
            (false, Place::Store) => "127.0.0.1".to_owned(),
        }
    }

    /// What a program is started with, so that it runs on a host.
    pub(crate) fn command(&self, host: usize, program: &str) -> Command {
        if !self.has_namespaces {
            return Command::new(program);
        }
        let mut command = Command::new(IP);
        command.args(["netns", "exec", &format!("host{host}"), program]);
        command
    }

    /// Drops everything on its way from the one to the other, from now on.
    pub(crate) fn cut(&mut self, from: Place, to: Place) {
        if self.has_namespaces && self.cut.insert((from, to)) {
            self.rule("add", (from, to));
        }
    }

    /// Lets everything through again.
    pub(crate) fn mend(&mut self) {
        for way in std::mem::take(&mut self.cut) {
            self.rule("del", way);
        }
    }

    fn rule(&self, verb: &str, (from, to): (Place, Place)) {
        let (from, to) = (self.address(from), self.address(to));
        let rule = [
            "rule",
            verb,
            "from",
            &from,
            "to",
            &to,
            "pref",
            "5",
            "blackhole",
        ];
        assert!(
            run(&rule),
            "a rule of this namespace can be changed: {rule:?}"
        );
    }
}

const IP: &str = "/usr/sbin/ip";

fn lay(hosts: usize) -> bool {
    // The kernel's own rule for local addresses comes first otherwise, and nothing to ZooKeeper could be dropped.
    let all = [
        "link set lo up",
        "rule add pref 100 lookup local",
        "rule del pref 0",
        "addr add 10.77.0.1/32 dev lo",
    ];
    let begun = all.iter().all(|line| run(&words(line)));
    let forwards = fs::write("/proc/sys/net/ipv4/ip_forward", "1").is_ok();
    begun && forwards && (1..=hosts).all(lay_to)
}

fn lay_to(host: usize) -> bool {
    let lines = [
        format!("netns add host{host}"),
        format!("link add way{host} type veth peer name way netns host{host}"),
        format!("addr add 10.77.{host}.1/24 dev way{host}"),
        format!("link set way{host} up"),
        format!("-n host{host} link set lo up"),
        format!("-n host{host} addr add 10.77.{host}.2/24 dev way"),
        format!("-n host{host} link set way up"),
        format!("-n host{host} route add default via 10.77.{host}.1"),
    ];
    lines.iter().all(|line| run(&words(line)))
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

fn run(arguments: &[&str]) -> bool {
    let mut command = Command::new(IP);
    let done = command.args(arguments).stdin(Stdio::null()).status();
    done.is_ok_and(|status| status.success())
}
