//! The networks of the hosts: a namespace for each, and a router between them that drops what it is told to.
//!
//! ```text
//!   host 1 (10.77.1.2) ──┐                    ┌── 10.77.0.1: ZooKeeper
//!   host 2 (10.77.2.2) ──┼── this namespace ──┤
//!   host 3 (10.77.3.2) ──┘    (routes, drops) └── 10.77.N.1: the clients, as host N sees them
//! ```
//!
//! Where no namespaces can be made, each has an address of its own on loopback, and what goes from one to another, or to
//! ZooKeeper, goes through this process, which drops.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::proxy::Ways;

/// Where hosts and ZooKeeper are.
#[derive(Debug)]
pub(crate) struct Network {
    kind: Kind,
    cut: BTreeSet<(Place, Place)>,
}

#[derive(Debug)]
enum Kind {
    Namespaces,
    Proxies(Arc<Ways>),
}

/// An end of a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// A host, by its number from 1.
    Host(usize),
    /// All of ZooKeeper.
    Store,
}

/// Where hosts take other hosts' connections.
pub(crate) const OPERATOR_PORT: u16 = 7456;

impl Network {
    /// Lays the ways for so many hosts. Expects to be in a namespace of its own for networks and mounts, if any.
    pub(crate) fn lay(hosts: usize) -> Self {
        let asked_for = std::env::var_os("TORTURE_NAMESPACES").is_some();
        let cut = BTreeSet::new();
        if asked_for && lay(hosts) {
            let kind = Kind::Namespaces;
            return Self { kind, cut };
        }
        println!("no namespaces for networks here: what is cut is dropped by a proxy");
        let ways = Arc::<Ways>::default();
        for host in 1..=hosts {
            let at = SocketAddr::new(beside(host), OPERATOR_PORT);
            let to = SocketAddr::new(loopback(host), OPERATOR_PORT);
            ways.datagrams(at, to)
                .expect("addresses of loopback are free");
        }
        let kind = Kind::Proxies(ways);
        Self { kind, cut }
    }

    /// The address of a place.
    pub(crate) fn address(&self, place: Place) -> IpAddr {
        match (&self.kind, place) {
            (Kind::Namespaces, Place::Host(number)) => ip([10, 77, octet(number), 2]),
            (Kind::Namespaces, Place::Store) => ip([10, 77, 0, 1]),
            (Kind::Proxies(_), Place::Host(number)) => loopback(number),
            (Kind::Proxies(_), Place::Store) => ip([127, 0, 0, 1]),
        }
    }

    /// At which address the others reach a host.
    pub(crate) fn reached(&self, host: usize) -> IpAddr {
        match &self.kind {
            Kind::Namespaces => self.address(Place::Host(host)),
            Kind::Proxies(_) => beside(host),
        }
    }

    /// At which addresses a host reaches the servers of ZooKeeper.
    pub(crate) fn store(&self, host: usize, servers: &[SocketAddr]) -> String {
        let servers = servers.iter().map(|server| match &self.kind {
            Kind::Namespaces => server.to_string(),
            Kind::Proxies(ways) => {
                let port = ways.streams(loopback(host), *server);
                format!("127.0.0.1:{}", port.expect("a port of loopback is free"))
            }
        });
        servers.collect::<Vec<_>>().join(",")
    }

    /// What a program is started with, so that it runs on a host.
    pub(crate) fn command(&self, host: usize, program: &str) -> Command {
        match &self.kind {
            Kind::Proxies(_) => Command::new(program),
            Kind::Namespaces => {
                let mut command = Command::new(IP);
                command.args(["netns", "exec", &format!("host{host}"), program]);
                command
            }
        }
    }

    /// Drops everything on its way from the one to the other, from now on.
    pub(crate) fn cut(&mut self, from: Place, to: Place) {
        if self.cut.insert((from, to)) {
            match &self.kind {
                Kind::Namespaces => self.rule("add", (from, to)),
                Kind::Proxies(ways) => ways.cut(self.address(from), self.address(to)),
            }
        }
    }

    /// Lets everything through again.
    pub(crate) fn mend(&mut self) {
        for way in std::mem::take(&mut self.cut) {
            match &self.kind {
                Kind::Namespaces => self.rule("del", way),
                Kind::Proxies(ways) => ways.mend(),
            }
        }
    }

    fn rule(&self, verb: &str, (from, to): (Place, Place)) {
        let [from, to] = [from, to].map(|place| self.address(place).to_string());
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

fn ip(octets: [u8; 4]) -> IpAddr {
    IpAddr::from(octets)
}

fn octet(number: usize) -> u8 {
    u8::try_from(number).expect("there are few hosts")
}

/// Another one than that of another run on this machine, most likely.
fn loopback(host: usize) -> IpAddr {
    let run = u8::try_from(std::process::id() % 250 + 1).unwrap_or(1);
    ip([127, 77, run, octet(host)])
}

/// Where the others reach it through a proxy.
fn beside(host: usize) -> IpAddr {
    let run = u8::try_from(std::process::id() % 250 + 1).unwrap_or(1);
    ip([127, 78, run, octet(host)])
}

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
