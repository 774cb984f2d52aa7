//! One fault after the other.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use gomera_model::{HostId, Layer};

use crate::chance::Chance;
use crate::ensemble::Ensemble;
use crate::faults::{Fault, Kind};
use crate::fleet::Fleet;
use crate::load::{Load, lock};
use crate::network::{Network, Place};
use crate::options::{Layout, Options};
use crate::report::{Report, Round};
use crate::verifying::{Found, Verifying};

/// Everything has settled within this after a fault has ended, on a machine with other work.
const SETTLE_WITHIN: Duration = Duration::from_secs(40);
/// What was published is acknowledged, and what was acknowledged delivered, within this when everything has settled.
const DELIVER_WITHIN: Duration = Duration::from_secs(20);
/// Who falls silent later than this after a fault does so for another reason: suspicion takes no longer.
const FALLS_SILENT_WITHIN: Duration = Duration::from_millis(2500);
/// What is compared with it: the silence before a fault, and before one that is measured, for as long as that takes.
const QUIET: Duration = Duration::from_millis(300);
const QUIET_OF_TAKEOVER: Duration = Duration::from_secs(6);
/// Every layer, with the least and the most of it that is asked for, and the phases that its operations have.
const LAYERS: [(&str, usize, usize, &[&str]); 4] = [
    ("connection_points", 2, 3, &["prepare", "commit", "drain"]),
    ("access_points", 1, 3, &["prepare", "commit", "drain"]),
    (
        "matchers",
        1,
        3,
        &["prepare", "copy", "close", "commit", "drain"],
    ),
    ("exit_points", 2, 3, &["prepare", "commit", "fill", "drain"]),
];

/// Everything that runs.
#[derive(Debug)]
pub(crate) struct Torture {
    options: Options,
    chance: Chance,
    store: Ensemble,
    fleet: Fleet,
    load: Option<Load>,
    verifying: Option<Verifying>,
    verified: u64,
    home: PathBuf,
    clusters: usize,
    report: Report,
}

impl Torture {
    /// Starts ZooKeeper, the hosts and the load.
    pub(crate) fn start(options: Options) -> Self {
        let hosts = match options.layout {
            Layout::Hosts => 3,
            Layout::Instances => 9,
        };
        let home =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("torture-{}", options.seed));
        let _ = fs::remove_dir_all(&home);
        let network = Network::lay(hosts);
        let address = network.address(Place::Store);
        let name = format!("torture-{}", options.seed);
        let store = Ensemble::start_at(&name, 3, &address.to_string());
        let mut fleet = Fleet::new(network, options.standby);
        let at = (store.servers(), "/cluster-1");
        fleet.start(options.layout, (&at.0, at.1), &home.join("1"));
        let mut torture = Self {
            chance: Chance::new(options.seed),
            options,
            store,
            fleet,
            load: None,
            verifying: None,
            verified: 0,
            home,
            clusters: 1,
            report: Report::default(),
        };
        torture.fill();
        torture
    }

    /// Runs until there were enough faults, or the time is over.
    pub(crate) fn run(mut self) -> Report {
        let began = Instant::now();
        for number in 1..=self.options.faults {
            if began.elapsed() > self.options.time {
                println!("the time is over");
                break;
            }
            let round = self.round(number);
            println!("{}", round.line());
            for violation in &round.violations {
                println!("     {violation}");
            }
            let is_bad = !round.violations.is_empty();
            self.report.rounds.push(round);
            if is_bad {
                println!("     see {}/{}", self.home.display(), self.clusters);
            }
            if is_bad && self.options.keep {
                return self.end();
            }
            if is_bad {
                self.begin_anew();
            }
        }
        self.end()
    }

    /// One fault, in a phase of an operation or at rest.
    fn round(&mut self, number: usize) -> Round {
        let mut fault = Fault::draw(&mut self.chance, &self.options, &self.fleet);
        let wish = self.wish();
        let beginnings = self.beginnings();
        self.watch();
        thread::sleep(match self.options.takeovers {
            true => QUIET_OF_TAKEOVER,
            false => QUIET,
        });
        self.watch();
        let bystanders = self.bystanders(&fault);
        let hit = wish.and_then(|(layer, count, phase)| self.begin(layer, count, phase));
        let load = self.load.take().expect("it was started");
        let at = Instant::now();
        let damage = fault.inject(&mut self.fleet, &mut self.store, &load);
        self.load = Some(load);
        let is_start = matches!(fault.kind, Kind::Kill | Kind::KillLeader);
        fault.repair(damage, &mut self.fleet, &mut self.store);
        let mut violations = Vec::new();
        if is_start {
            let ready = self.fleet.sites[fault.site].wait_ready(SETTLE_WITHIN);
            self.report.starts.extend(ready);
        }
        let settled = self.settle(&mut violations);
        thread::sleep(Duration::from_millis(200));
        let (silent, recovered, silence) = self.silences(at);
        let bystanders = self.longest_of(&bystanders);
        self.check(&mut violations);
        let found = self.verifying.as_mut().and_then(Verifying::found);
        if let Some(found) = found {
            self.take(found, &mut violations);
            self.verify();
        }
        let rejoined = self
            .beginnings()
            .saturating_sub(beginnings)
            .saturating_sub(usize::from(is_start || fault.kind == Kind::Terminate));
        Round {
            number,
            fault: fault.kind.to_string(),
            detail: fault.to_string(),
            hit,
            recovered,
            silent,
            silence,
            bystanders,
            settled,
            rejoined,
            violations,
        }
    }

    /// Another number of one layer, and the phase in which the fault shall hit; most of the time.
    fn wish(&mut self) -> Option<(&'static str, usize, &'static str)> {
        if self.options.takeovers || self.chance.below(4) == 0 {
            return None;
        }
        let (layer, least, most, phases) = *self.chance.one_of(&LAYERS);
        let phase = *self.chance.one_of(phases);
        let topology = self.fleet.topology()?;
        let present = topology["layers"][layer].as_array().map_or(0, Vec::len);
        let other: Vec<usize> = (least..=most).filter(|count| *count != present).collect();
        Some((layer, *self.chance.one_of(&other), phase))
    }

    /// Begins an operation and waits for a phase of it; which layer it is of, and which phase it is in when the fault
    /// comes. Nothing if it is over by then.
    fn begin(&mut self, layer: &str, count: usize, wanted: &str) -> Option<(String, String)> {
        let strategy = ["live", "live", "buffered"][self.chance.below(3)];
        match self.fleet.scale_until(layer, (count, strategy), wanted) {
            Ok(phase) => Some((layer.replace('_', " "), phase?)),
            Err(why) => {
                println!("     {layer} to {count} ({strategy}): {why}");
                None
            }
        }
    }

    fn settle(&mut self, violations: &mut Vec<String>) -> Option<Duration> {
        for index in 0..self.fleet.sites.len() {
            if self.fleet.has_ended(index) {
                violations.push(format!(
                    "the process of host {} has ended by itself: {}",
                    index + 1,
                    self.last_words(index)
                ));
                self.fleet.kill(index);
                self.fleet.launch(index);
            }
        }
        match self.fleet.settle(SETTLE_WITHIN) {
            Ok(time) => Some(time),
            Err(topology) => {
                let seconds = SETTLE_WITHIN.as_secs();
                violations.push(format!(
                    "nothing has settled after {seconds} s: {}",
                    summary(&topology)
                ));
                None
            }
        }
    }

    /// All that was published is acknowledged, and has come to everybody who wanted it, once and in order.
    fn check(&mut self, violations: &mut Vec<String>) {
        let Some(load) = &self.load else { return };
        load.pause(true);
        if let Err(waiting) = load.wait_acknowledged(DELIVER_WITHIN) {
            violations.push(waiting);
        } else if let Err(missing) = load.wait_delivered(DELIVER_WITHIN) {
            violations.extend(missing);
        }
        for record in &load.records {
            violations.extend(lock(record).take_stories());
        }
        load.pause(false);
    }

    /// How many fell silent, when they were heard of again since `at`, and the longest silences before and after.
    fn silences(&self, at: Instant) -> (usize, Option<(Duration, Duration)>, (Duration, Duration)) {
        let mut ends = Vec::new();
        let mut longest = (Duration::ZERO, Duration::ZERO);
        for record in self.load.iter().flat_map(|load| &load.records) {
            let record = lock(record);
            let (before, after) = record.longest_silences();
            longest = (longest.0.max(before), longest.1.max(after));
            let end = record.heard_again(at, FALLS_SILENT_WITHIN);
            ends.extend(end.map(|end| end - at));
        }
        ends.sort_unstable();
        let recovered = ends.last().map(|last| (ends[ends.len() / 2], *last));
        (ends.len(), recovered, longest)
    }

    /// Subscribers whom the death of an exit point does not concern: another one delivers to them, and their connection
    /// is elsewhere. Nobody, where something else runs on its host too.
    fn bystanders(&self, fault: &Fault) -> Vec<usize> {
        let is_alone = self.options.layout == Layout::Instances && fault.kind == Kind::Kill;
        let host = self.fleet.sites[fault.site].host().map(HostId);
        let (true, Some(topology)) = (is_alone, self.fleet.document()) else {
            return Vec::new();
        };
        let mut all = topology.layer(Layer::ExitPoints);
        let Some(dying) = all.find(|instance| Some(instance.host) == host) else {
            return Vec::new();
        };
        let is_bystander = |session| topology.primary(session) != dying.incarnation;
        let records = self.load.iter().flat_map(|load| &load.records).enumerate();
        let found = records.filter(|(_, record)| lock(record).session.is_some_and(is_bystander));
        found.map(|(number, _)| number).collect()
    }

    /// The longest silence of each of these, before and after.
    fn longest_of(&self, subscribers: &[usize]) -> Vec<(Duration, Duration)> {
        let records = self.load.as_ref().map(|load| &load.records);
        let longest = |number: &usize| Some(lock(records?.get(*number)?).longest_silences());
        subscribers.iter().filter_map(longest).collect()
    }

    /// Another verification, beside the load.
    fn verify(&mut self) {
        self.verified += 1;
        let files = self
            .home
            .join(format!("{}/verify-{}", self.clusters, self.verified));
        let seed = self.chance.number();
        self.verifying =
            (!self.options.takeovers).then(|| Verifying::start(&self.fleet, seed, files));
    }

    fn take(&mut self, found: Found, violations: &mut Vec<String>) {
        self.report.verified_pairs += found.pairs;
        violations.extend(found.violations);
    }

    fn watch(&self) {
        for record in self.load.iter().flat_map(|load| &load.records) {
            lock(record).watch();
        }
    }

    fn beginnings(&self) -> usize {
        self.fleet.sites.iter().map(|site| site.beginnings()).sum()
    }

    fn last_words(&self, index: usize) -> String {
        let log = self
            .home
            .join(format!("{}/host-{}/log", self.clusters, index + 1));
        let text = fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<_> = text.lines().rev().take(3).collect();
        lines.join(" | ")
    }

    /// Whatever was broken is left behind: other hosts, other clients, another path in ZooKeeper.
    fn begin_anew(&mut self) {
        self.empty();
        // It has nobody to wait for any more.
        self.verifying = None;
        self.clusters += 1;
        for index in 0..self.fleet.sites.len() {
            self.fleet.kill(index);
        }
        let home = self.home.join(self.clusters.to_string());
        let (servers, path) = (self.store.servers(), format!("/cluster-{}", self.clusters));
        self.fleet
            .start(self.options.layout, (&servers, &path), &home);
        self.fill();
    }

    fn fill(&mut self) {
        if let Err(topology) = self.fleet.settle(SETTLE_WITHIN) {
            panic!("the cluster does not start: {}", summary(&topology));
        }
        let load = Load::start(
            &self.fleet.servers(),
            &self.fleet.authority(),
            self.options.ballast,
        );
        self.load = Some(load.unwrap_or_else(|error| panic!("the load does not start: {error}")));
        self.verify();
        thread::sleep(Duration::from_millis(500));
    }

    fn empty(&mut self) {
        let Some(load) = self.load.take() else { return };
        let (published, checked) = load.figures();
        self.report.published += published;
        self.report.checked += checked;
        for record in &load.records {
            let record = lock(record);
            self.report.lost += record.lost;
            self.report.doubled += record.doubled;
            self.report.false_ones += record.false_ones;
            self.report.sessions_lost += record.sessions_lost;
        }
        load.stop();
    }

    /// What the hosts of clusters wrote in which nothing went wrong is of no use.
    fn end(mut self) -> Report {
        if let Some(verifying) = self.verifying.take() {
            let mut violations = Vec::new();
            let found = verifying.wait();
            self.take(found, &mut violations);
            for violation in &violations {
                println!("     {violation}");
            }
            if let Some(last) = self.report.rounds.last_mut() {
                last.violations.extend(violations);
            }
        }
        self.empty();
        if self
            .report
            .rounds
            .last()
            .is_none_or(|last| last.violations.is_empty())
        {
            let _ = fs::remove_dir_all(self.home.join(self.clusters.to_string()));
        }
        // Stays, if something is left in it.
        let _ = fs::remove_dir(&self.home);
        std::mem::take(&mut self.report)
    }
}

/// What matters of a topology that is not as it should be.
fn summary(topology: &serde_json::Value) -> String {
    let operation = &topology["operation"];
    let hosts = topology["hosts"].as_array().map_or(0, Vec::len);
    format!(
        "epoch {}, ready {}, available {}, {hosts} hosts, operation {} in {} since {}, lost {}",
        topology["epoch"],
        topology["ready"],
        topology["available"],
        operation["id"],
        operation["phase"],
        operation["started_unix_ns"],
        operation["lost"],
    )
}
