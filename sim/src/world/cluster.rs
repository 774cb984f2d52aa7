//! The hosts, who of them leads, and the store that they share.
//!
//! ```text
//!                     ┌────────────────────────── ensemble ──────────────────────────┐
//!                  Store, Write                                                 Store, Write
//!                     │ News, Written                                               │
//!   host 1: coordinator while it leads ══════════════ Word ══════════════ host 2: does what it is told
//!                     │ Order                                                       │ Order
//!                 instances ─── Report ──► their host ─── Word ──► whoever leads    instances
//! ```
//!
//! What is modelled is the driver of the broker: `src/broker/coordination/` and `src/zookeeper/`. One process alone has the
//! embedded store, leads for ever, and nothing of this can go wrong.

use std::collections::{BTreeMap, BTreeSet};

use gomera_coordinator::rules::Rules as Offices;
use gomera_coordinator::{
    Coordinator, Effects, HostEntry, Layout, OperationRecord, Path, RequestId, Settings, Version,
    WriteId,
};
use gomera_model::control::Report;
use gomera_model::{Epoch, HostId, Incarnation, Layer, Time, Topology};

use super::ensemble::{Ensemble, Leader, Lease, Term};
use crate::scenario::{Forgery, Options, Scenario};

/// All hosts and what they stand on.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) hosts: BTreeMap<HostId, Host>,
    pub(super) ensemble: Ensemble,
    /// Whether the store can fail; else there is one process, with its own.
    pub(super) has_ensemble: bool,
    pub(super) settings: Settings,
    pub(super) forgery: Option<Forgery>,
    pub(super) offices: Offices,
    /// The coordinator that led last, while nobody does: what was known then is still shown.
    pub(super) last: Option<Box<Coordinator>>,
    requests: u64,
    /// The highest epoch that anybody was told.
    pub(super) told: Epoch,
    /// When.
    pub(super) told_at: Time,
}

/// One host: its session with the store, and its part in the coordination.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) entry: HostEntry,
    /// Its session with the store, as far as it knows.
    pub(super) lease: Option<Lease>,
    pub(super) is_connected: bool,
    /// What is read for the coordinator, and the version that it has.
    pub(super) observed: BTreeMap<Path, Option<Version>>,
    /// What it has asked for since.
    pub(super) unread: BTreeSet<Path>,
    /// Who leads, as was told last.
    pub(super) told_leader: Option<Leader>,
    /// Which hosts there are, as was told last.
    pub(super) told_hosts: BTreeMap<HostId, HostEntry>,
    /// When everything is read again without a hint.
    pub(super) looks_at: Option<Time>,
    /// The highest term that it has heard of.
    pub(super) term: Term,
    /// Whom it reports to.
    pub(super) leader: Option<Leader>,
    /// The hosts that there are, for a coordinator.
    pub(super) known_hosts: BTreeMap<HostId, HostEntry>,
    pub(super) leading: Option<Leading>,
    /// Its last write when it led before.
    pub(super) last_write: WriteId,
    /// The last report of each kind of each instance here.
    pub(super) reports: BTreeMap<Incarnation, Vec<Report>>,
}

/// The coordinator of a host that leads, or believes that it does.
#[derive(Debug)]
pub(super) struct Leading {
    pub(super) coordinator: Coordinator,
    pub(super) effects: Effects,
    pub(super) wish: Option<Time>,
    pub(super) term: Term,
}

impl Cluster {
    pub(super) fn new(scenario: &Scenario, options: &Options) -> Self {
        let has_ensemble = scenario.faults.has_ensemble || scenario.hosts > 1;
        // With one host that runs instances, another one may lead in its place.
        let spares = u64::from(has_ensemble && scenario.hosts == 1);
        let ids = (1..=scenario.hosts + spares).map(HostId);
        let hosts = ids.map(|id| {
            let runs = id.0 <= scenario.hosts;
            let layers = if runs {
                Layer::ALL.to_vec()
            } else {
                Vec::new()
            };
            (id, Host::new(id, layers))
        });
        let mut ensemble = Ensemble::new();
        ensemble.checks_versions = options.forgery != Some(Forgery::Unversioned);
        Self {
            hosts: hosts.collect(),
            ensemble,
            has_ensemble,
            settings: settings(scenario, spares),
            forgery: options.forgery,
            offices: options.offices,
            last: None,
            requests: 0,
            told: Epoch(0),
            told_at: Time(0),
        }
    }

    pub(super) fn next_request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId(self.requests)
    }

    pub(super) fn host(&mut self, id: HostId) -> &mut Host {
        self.hosts.get_mut(&id).expect("hosts are there for ever")
    }

    /// The coordinator of a host, if it leads.
    pub(super) fn leading(&mut self, host: HostId) -> Option<&mut Leading> {
        self.hosts.get_mut(&host)?.leading.as_mut()
    }

    /// Hosts that lead, or believe that they do.
    pub(super) fn leaders(&self) -> Vec<HostId> {
        let hosts = self.hosts.iter();
        let leading = hosts.filter(|(_, host)| host.leading.is_some());
        leading.map(|(id, _)| *id).collect()
    }

    /// The host that came into office last, if it still leads.
    pub(super) fn leader(&self) -> Option<HostId> {
        let hosts = self.hosts.iter();
        let leading = hosts.filter_map(|(id, host)| Some((host.leading.as_ref()?.term, *id)));
        leading.max().map(|(_, id)| id)
    }

    /// The coordinator of that host; while nobody leads, the last one.
    pub(super) fn coordinator(&self) -> Option<&Coordinator> {
        let leading = self
            .leader()
            .and_then(|id| self.hosts[&id].leading.as_ref());
        match leading {
            Some(leading) => Some(&leading.coordinator),
            None => self.last.as_deref(),
        }
    }

    pub(super) fn topology(&self) -> Option<&Topology> {
        self.coordinator()?.topology().map(|topology| &**topology)
    }

    pub(super) fn under_way(&self) -> Option<&OperationRecord> {
        self.coordinator()?.under_way()
    }

    /// Whether every instance of the topology runs, as whoever leads knows.
    pub(super) fn is_ready(&self) -> bool {
        self.leader().is_some() && self.coordinator().is_some_and(Coordinator::is_ready)
    }

    /// The times at which hosts want to be woken: their coordinators, and their keepers.
    pub(super) fn wishes(&self) -> impl Iterator<Item = (HostId, Option<Time>, Option<Time>)> {
        self.hosts.iter().map(|(id, host)| {
            let leading = host.leading.as_ref();
            (*id, leading.and_then(|leading| leading.wish), host.looks_at)
        })
    }
}

impl Host {
    fn new(id: HostId, layers: Vec<Layer>) -> Self {
        Self {
            entry: HostEntry {
                layers,
                ..HostEntry::of_all(id)
            },
            lease: None,
            is_connected: true,
            observed: BTreeMap::new(),
            unread: BTreeSet::new(),
            told_leader: None,
            told_hosts: BTreeMap::new(),
            looks_at: None,
            term: Term::default(),
            leader: None,
            known_hosts: BTreeMap::new(),
            leading: None,
            last_write: WriteId(0),
            reports: BTreeMap::new(),
        }
    }

    /// Remembers what an instance reports.
    pub(super) fn remember(&mut self, from: Incarnation, report: Report) {
        let reports = self.reports.entry(from).or_default();
        let kind = core::mem::discriminant(&report);
        reports.retain(|before| core::mem::discriminant(before) != kind);
        reports.push(report);
    }

    /// Somebody is said to lead. `false` if that is an older one than it has heard of.
    pub(super) fn led_by(&mut self, leader: Leader) -> bool {
        if leader.term < self.term {
            return false;
        }
        self.term = leader.term;
        self.leader = Some(leader);
        true
    }
}

impl Leading {
    pub(super) fn new(cluster: &Cluster, term: Term, last_write: WriteId) -> Self {
        let coordinator = Coordinator::new(cluster.settings.clone())
            .with_rules(cluster.offices)
            .numbering_writes_after(last_write);
        Self {
            coordinator,
            effects: Effects::new(),
            wish: None,
            term,
        }
    }
}

fn settings(scenario: &Scenario, spares: u64) -> Settings {
    let counts = BTreeMap::from([
        (Layer::ConnectionPoints, scenario.connection_points),
        (Layer::AccessPoints, scenario.access_points),
        (Layer::Matchers, scenario.matchers),
        (Layer::ExitPoints, scenario.exit_points),
    ]);
    Settings {
        layout: Layout {
            hosts_min: usize::try_from(scenario.hosts + spares).expect("a small number"),
            counts,
            matcher_replicas: scenario.matcher_replicas,
        },
        copy_rate: None,
    }
}
