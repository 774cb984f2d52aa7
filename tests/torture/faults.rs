//! What can go wrong, chosen by chance, done and undone.

use std::fmt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::chance::Chance;
use crate::ensemble::Ensemble;
use crate::fleet::Fleet;
use crate::load::Load;
use crate::network::Place;
use crate::options::Options;

/// A fault, with how long it lasts.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    /// The place that it hits, if it hits one.
    pub(crate) site: usize,
    /// The other end of a way that is cut.
    other: usize,
    lasts: Duration,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Kill,
    KillLeader,
    Terminate,
    Stop,
    StopBriefly,
    StopLeader,
    Isolate,
    IsolateBriefly,
    CutPair,
    CutOneWay,
    CutStore,
    StoreLeaderKilled,
    StoreLeaderStopped,
    StoreWithoutQuorum,
    SleepySubscriber,
    StoppedSubscriber,
    DeadSubscriber,
    Nothing,
}

/// All of them, with how often each is drawn.
const KINDS: [(Kind, usize); 17] = [
    (Kind::Kill, 8),
    (Kind::KillLeader, 4),
    (Kind::Terminate, 2),
    (Kind::Stop, 4),
    (Kind::StopBriefly, 2),
    (Kind::StopLeader, 2),
    (Kind::Isolate, 3),
    (Kind::IsolateBriefly, 2),
    (Kind::CutPair, 1),
    (Kind::CutOneWay, 1),
    (Kind::CutStore, 2),
    (Kind::StoreLeaderKilled, 1),
    (Kind::StoreLeaderStopped, 1),
    (Kind::StoreWithoutQuorum, 1),
    (Kind::SleepySubscriber, 2),
    (Kind::StoppedSubscriber, 2),
    (Kind::DeadSubscriber, 2),
];

/// A host that is killed for a measurement stays away until the others have taken over.
const TAKEOVER_MS: (u64, u64) = (6_000, 6_000);

/// What has to be undone.
#[derive(Debug, Default)]
pub(crate) struct Damage {
    killed: Vec<usize>,
    stopped: Vec<usize>,
    store_killed: Vec<usize>,
    store_stopped: Vec<usize>,
    subscriber: Option<Child>,
}

impl Fault {
    /// Draws one that can be had here.
    pub(crate) fn draw(chance: &mut Chance, options: &Options, fleet: &Fleet) -> Self {
        let is_wanted =
            |kind: Kind| options.only.is_empty() || options.only.contains(&kind.to_string());
        let drawn: Vec<Kind> = match options.takeovers {
            true => vec![Kind::Kill],
            false => KINDS
                .iter()
                .filter(|(kind, _)| is_wanted(*kind))
                .flat_map(|(kind, weight)| std::iter::repeat_n(*kind, *weight))
                .collect(),
        };
        let kind = if drawn.is_empty() {
            Kind::Nothing
        } else {
            *chance.one_of(&drawn)
        };
        let count = fleet.sites.len();
        // The death of a host on which nothing runs says nothing.
        let mut busy = fleet.busy();
        if let Some(role) = &options.role {
            busy.retain(|index| fleet.sites[*index].has_role(role));
        }
        let wants_busy = options.takeovers || chance.below(5) > 0;
        let site = match wants_busy && !busy.is_empty() {
            true => *chance.one_of(&busy),
            false => chance.below(count),
        };
        let other = (site + 1 + chance.below(count - 1)) % count;
        let (from, to) = match options.takeovers {
            true => TAKEOVER_MS,
            false => kind.lasts_ms(),
        };
        let lasts = Duration::from_millis(chance.between(from, to));
        Self {
            kind,
            site,
            other,
            lasts,
        }
    }

    /// Does it.
    pub(crate) fn inject(
        &mut self,
        fleet: &mut Fleet,
        store: &mut Ensemble,
        load: &Load,
    ) -> Damage {
        let mut damage = Damage::default();
        if matches!(self.kind, Kind::KillLeader | Kind::StopLeader) {
            self.site = fleet.leader().unwrap_or(self.site);
        }
        let (host, other) = (Place::Host(self.site + 1), Place::Host(self.other + 1));
        match self.kind {
            Kind::Kill | Kind::KillLeader => {
                fleet.kill(self.site);
                damage.killed.push(self.site);
            }
            Kind::Terminate => {
                fleet.signal(self.site, "TERM");
                damage.killed.push(self.site);
            }
            Kind::Stop | Kind::StopBriefly | Kind::StopLeader => {
                fleet.signal(self.site, "STOP");
                damage.stopped.push(self.site);
            }
            Kind::Isolate | Kind::IsolateBriefly => isolate(fleet, self.site),
            Kind::CutPair => cut_both(fleet, host, other),
            Kind::CutOneWay => fleet.network.cut(host, other),
            Kind::CutStore => cut_both(fleet, host, Place::Store),
            Kind::StoreLeaderKilled => {
                damage.store_killed.extend(store.leader());
                damage
                    .store_killed
                    .iter()
                    .for_each(|server| store.kill(*server));
            }
            Kind::StoreLeaderStopped => {
                damage.store_stopped.extend(store.leader());
                damage
                    .store_stopped
                    .iter()
                    .for_each(|server| store.freeze(*server));
            }
            Kind::StoreWithoutQuorum => {
                damage.store_killed.extend([0, 1]);
                damage
                    .store_killed
                    .iter()
                    .for_each(|server| store.kill(*server));
            }
            Kind::SleepySubscriber => load.put_to_sleep(self.site, self.lasts),
            Kind::StoppedSubscriber => damage.subscriber = subscriber(fleet, "STOP"),
            Kind::DeadSubscriber => damage.subscriber = subscriber(fleet, "KILL"),
            Kind::Nothing => {}
        }
        damage
    }

    /// Lets it last, and undoes it.
    pub(crate) fn repair(&self, mut damage: Damage, fleet: &mut Fleet, store: &mut Ensemble) {
        thread::sleep(self.lasts);
        for site in damage.killed.drain(..) {
            fleet.kill(site);
            fleet.launch(site);
        }
        for site in damage.stopped.drain(..) {
            fleet.signal(site, "CONT");
        }
        fleet.network.mend();
        damage
            .store_killed
            .iter()
            .for_each(|server| store.relaunch(*server));
        damage
            .store_stopped
            .iter()
            .for_each(|server| store.thaw(*server));
        if let Some(mut subscriber) = damage.subscriber {
            let _ = subscriber.kill();
            let _ = subscriber.wait();
        }
    }
}

impl Kind {
    /// From and to how long it lasts: short ones must pass unnoticed, long ones must not.
    fn lasts_ms(self) -> (u64, u64) {
        match self {
            Self::Kill | Self::KillLeader => (0, 3_000),
            Self::Terminate => (5_500, 6_000),
            Self::Stop | Self::StopLeader | Self::Isolate => (1_500, 6_000),
            Self::StopBriefly | Self::IsolateBriefly => (50, 600),
            Self::CutPair | Self::CutOneWay => (500, 9_000),
            Self::CutStore => (500, 5_000),
            Self::StoreLeaderKilled | Self::StoreLeaderStopped | Self::StoreWithoutQuorum => {
                (1_000, 5_000)
            }
            Self::SleepySubscriber | Self::StoppedSubscriber | Self::DeadSubscriber => {
                (1_000, 4_000)
            }
            Self::Nothing => (100, 1_000),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for letter in format!("{self:?}").chars() {
            if letter.is_uppercase() && !first {
                f.write_str("-")?;
            }
            first = false;
            write!(f, "{}", letter.to_ascii_lowercase())?;
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, site, lasts) = (self.kind, self.site + 1, self.lasts.as_millis());
        write!(f, "{kind} (host {site}")?;
        if matches!(self.kind, Kind::CutPair | Kind::CutOneWay) {
            write!(f, " and {}", self.other + 1)?;
        }
        write!(f, ", {lasts} ms)")
    }
}

fn isolate(fleet: &mut Fleet, site: usize) {
    let others = (0..fleet.sites.len()).filter(|other| *other != site);
    for other in others
        .map(|other| Place::Host(other + 1))
        .chain([Place::Store])
    {
        cut_both(fleet, Place::Host(site + 1), other);
    }
}

fn cut_both(fleet: &mut Fleet, one: Place, other: Place) {
    fleet.network.cut(one, other);
    fleet.network.cut(other, one);
}

/// Somebody who wants everything, and then takes nothing any more without a word.
fn subscriber(fleet: &Fleet, signal: &str) -> Option<Child> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gomera"));
    command.env_clear().args([
        "subscribe",
        "--json",
        "--server",
        &fleet.servers().join(","),
        "--ca",
    ]);
    command.arg(fleet.authority()).arg("number >= 0");
    let outputs = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let child = outputs.spawn().ok()?;
    thread::sleep(Duration::from_millis(300));
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-s", signal, &id]).status();
    sent.is_ok_and(|sent| sent.success()).then_some(child)
}
