//! What a run reached. A run in which nothing was in flight at a commit proves nothing about operations: it is void.

use core::fmt;
use core::ops::AddAssign;
use std::collections::BTreeMap;

use gomera_coordinator::PhaseName;
use gomera_model::control::Report;
use gomera_model::lane::{ExitPointFrame, LaneFrame, MatcherFrame, StandbyFrame};
use gomera_model::{Epoch, Layer, OperationNumber};

use crate::checker::{Bounds, History};
use crate::faults::Fault;

macro_rules! reach {
    ($($(#[$doc:meta])* $name:ident: $words:literal,)*) => {
        /// Counts of what happened in a run, or in many.
        #[derive(Clone, Debug, Default)]
        pub struct Reach {
            $($(#[$doc])* pub $name: u64,)*
            newest_stamp: Epoch,
            /// How often each fault hit each phase of an operation of each layer.
            pub hits: BTreeMap<(Fault, Layer, PhaseName), u64>,
            /// How often each fault came, also where no operation was under way.
            pub faults: BTreeMap<Fault, u64>,
            /// How often operations of each layer entered each phase.
            pub phases: BTreeMap<(Layer, PhaseName), u64>,
            /// The most that one instance ever held of each kind.
            pub marks: BTreeMap<&'static str, usize>,
        }

        impl AddAssign<&Self> for Reach {
            fn add_assign(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
                add(&mut self.hits, &other.hits);
                add(&mut self.faults, &other.faults);
                add(&mut self.phases, &other.phases);
                for (what, count) in &other.marks {
                    let mark = self.marks.entry(what).or_default();
                    *mark = (*mark).max(*count);
                }
            }
        }

        impl fmt::Display for Reach {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(writeln!(f, "{:>12}  {}", self.$name, $words)?;)*
                self.table(f)
            }
        }
    };
}

reach! {
    /// Turns.
    steps: "steps",
    /// What the turns took in.
    inputs: "inputs",
    /// Notifications published.
    published: "notifications published",
    /// Notifications received by sessions.
    delivered: "deliveries",
    /// Subscribes, replaces and unsubscribes.
    requested: "subscription operations",
    /// Epochs committed.
    commits: "operations of the cluster committed",
    /// Operations aborted before their commit.
    aborted: "operations of the cluster aborted",
    /// Abort requests that came after the commit or after the end.
    aborts_too_late: "aborts refused as too late",
    /// Scalings refused because one was under way.
    refused_busy: "scalings refused while one was under way",
    /// Dry runs.
    dry_runs: "dry runs",
    /// Requests that the coordinator could not answer.
    unavailable: "requests answered with 'unavailable'",
    /// Notifications stamped and not acknowledged at a commit, of all commits.
    in_flight: "notifications in flight at a commit",
    /// Subscription operations under way at a commit, of all commits.
    operations_in_flight: "subscription operations under way at a commit",
    /// Notifications stamped with an old epoch when another access point had flipped already.
    stamped_late: "notifications stamped with the old epoch after another access point had flipped",
    /// Subscription operations held from close to flip.
    held: "subscription operations held from close to flip",
    /// Chunks of copies.
    chunks: "chunks copied",
    /// Subscriptions in them.
    copied: "subscriptions copied",
    /// Operations that followed a copy.
    followed: "subscription operations that followed a copy",
    /// FLIP markers in lanes.
    flips: "FLIPs",
    /// Times that a publisher's window was full.
    windows_full: "times a publisher had to wait for its window",
    /// Coordinators followed by another one.
    successions: "coordinators succeeded by another one",
    /// Orders of leaders that led no longer.
    stale_orders: "orders of leaders that led no longer, refused",
    /// Times that two documents did not belong together, or could not be read.
    unreadable: "readings of two documents between which something was written",
    /// Times without a quorum during which things were published, asked for, and answered.
    outages_flowing: "times without a quorum in which all flowed",
    /// Operations with the strategy `buffered`.
    buffered: "operations with the strategy 'buffered'",
    /// Instances that died.
    deaths: "instances that died",
    /// Hosts that were lost, with all that ran there.
    hosts_lost: "hosts that were lost",
    /// Instances that were taken for dead and ran on for a while.
    zombies: "instances that were taken for dead, and ran on",
    /// Deaths while an operation was not committed.
    deaths_before_commit: "deaths during an operation before its commit",
    /// Deaths while an operation was committed and not done.
    deaths_after_commit: "deaths during an operation after its commit",
    /// Access points that began again behind a cut.
    restarts: "RESTARTs",
    /// Subscriptions restored by exit points.
    restored: "subscriptions restored by exit points",
    /// Subscriptions sent to standbys in parts of slots.
    stood_by: "subscriptions sent to standbys",
    /// Operations that followed to standbys.
    followed_by_standby: "operations that followed to standbys",
    /// Subscriptions that new owners of a lost one's slots held already, in all they told exit points.
    compared: "subscriptions held where an owner was lost",
    /// Connections lost.
    losses: "connections lost",
    /// Publications sent twice.
    repeats: "publications sent twice",
    /// Sessions resumed.
    resumes: "sessions resumed",
    /// Runs in which nothing was in flight at any commit.
    void: "void runs: nothing in flight at any commit",
}

impl Reach {
    /// Something is sent in a lane.
    pub(crate) fn frame(&mut self, frame: &LaneFrame) {
        match frame {
            LaneFrame::Matcher(MatcherFrame::Chunk { subscriptions, .. }) => {
                self.chunks += 1;
                self.copied += subscriptions.len() as u64;
            }
            LaneFrame::Matcher(MatcherFrame::Follow { .. }) => self.followed += 1,
            LaneFrame::Matcher(MatcherFrame::Standby(StandbyFrame::Parts { slots, .. })) => {
                let parts = slots.iter();
                self.stood_by += parts
                    .map(|part| part.subscriptions.len() as u64)
                    .sum::<u64>();
            }
            LaneFrame::Matcher(MatcherFrame::Standby(StandbyFrame::Follow { .. })) => {
                self.followed_by_standby += 1;
            }
            LaneFrame::ExitPoint(ExitPointFrame::Compare { slots, .. }) => {
                let held = slots.iter().map(|(_, digest)| u64::from(digest.count));
                self.compared += held.sum::<u64>();
            }
            LaneFrame::Matcher(MatcherFrame::Flip { .. })
            | LaneFrame::ExitPoint(ExitPointFrame::Flip { .. }) => self.flips += 1,
            LaneFrame::Matcher(MatcherFrame::Restart { .. }) => self.restarts += 1,
            LaneFrame::Matcher(MatcherFrame::Restore { subscriptions, .. }) => {
                self.restored += subscriptions.len() as u64;
            }
            LaneFrame::Matcher(_)
            | LaneFrame::ExitPoint(_)
            | LaneFrame::AccessPoint(_)
            | LaneFrame::ConnectionPoint(_) => {}
        }
    }

    /// A notification goes to a matcher.
    pub(crate) fn stamp(&mut self, epoch: Epoch) {
        if epoch < self.newest_stamp {
            self.stamped_late += 1;
        }
        self.newest_stamp = self.newest_stamp.max(epoch);
    }

    /// An instance reports.
    pub(crate) fn report(&mut self, report: &Report) {
        if let Report::Flipped { held, .. } = report {
            self.held += held;
        }
    }

    /// A topology is told for the first time; the first of all is no change.
    pub(crate) fn commit(&mut self, history: &History, is_first: bool) {
        if is_first {
            return;
        }
        self.commits += 1;
        let published = history.publishers().flat_map(|(_, published)| published);
        let open = published.filter(|p| p.stamp.is_some() && p.acknowledged.is_none());
        self.in_flight += open.count() as u64;
        let operations = history.sessions().flat_map(|(_, s)| &s.operations);
        let under_way =
            operations.filter(|o| o.answered.is_none() && o.number > OperationNumber(0));
        self.operations_in_flight += under_way.count() as u64;
    }

    /// An operation enters a phase.
    pub(crate) fn enter(&mut self, layer: Layer, phase: PhaseName) {
        *self.phases.entry((layer, phase)).or_default() += 1;
    }

    /// A fault comes, in this phase of an operation if one is under way.
    pub(crate) fn hit(&mut self, fault: Fault, phase: Option<(Layer, PhaseName)>) {
        *self.faults.entry(fault).or_default() += 1;
        if let Some((layer, phase)) = phase {
            *self.hits.entry((fault, layer, phase)).or_default() += 1;
        }
    }

    /// Faults that never hit a phase that operations were in.
    #[must_use]
    pub fn misses(&self) -> Vec<(Fault, Layer, PhaseName)> {
        let phases = self.phases.keys();
        let all = phases.flat_map(|&(layer, phase)| Fault::ALL.map(|fault| (fault, layer, phase)));
        all.filter(|which| can_hit(*which) && !self.hits.contains_key(which))
            .collect()
    }

    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in Fault::ALL {
            let count = self.faults.get(&fault).copied().unwrap_or(0);
            writeln!(f, "{count:>12}  {}", fault.words())?;
        }
        writeln!(f, "\nThe most that one instance held:")?;
        for (what, count) in &self.marks {
            writeln!(f, "{count:>12}  {what}")?;
        }
        if self.hits.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nWhat hit which phase of an operation:")?;
        for &(layer, phase) in self.phases.keys() {
            let hits = Fault::ALL.map(|fault| self.hits.get(&(fault, layer, phase)).copied());
            let hits = hits.map(|hits| format!("{:>7}", hits.unwrap_or(0)));
            writeln!(
                f,
                "{:>18} {:<8}{}",
                format!("{layer:?}"),
                format!("{phase:?}"),
                hits.concat()
            )?;
        }
        writeln!(
            f,
            "{:>27}{}",
            "",
            Fault::ALL
                .map(|fault| format!("{:>7}", fault.short()))
                .concat()
        )
    }

    /// The run is over.
    pub(crate) fn finish(&mut self, history: &History, bounds: &Bounds) {
        self.marks.clone_from(bounds.marks());
        self.published = history.publishers().map(|(_, p)| p.len() as u64).sum();
        for (_, session) in history.sessions() {
            self.delivered += session.deliveries.len() as u64;
            self.requested += session.operations.len() as u64;
        }
        self.void = u64::from(self.in_flight == 0);
    }
}

fn add<K: Copy + Ord>(sum: &mut BTreeMap<K, u64>, more: &BTreeMap<K, u64>) {
    for (key, count) in more {
        *sum.entry(*key).or_default() += count;
    }
}

/// A fault of a write hits the phase in which something is written. What leaves these is the commit, which counts as a phase
/// of its own.
fn can_hit((fault, layer, phase): (Fault, Layer, PhaseName)) -> bool {
    let is_left_by_commit = match phase {
        PhaseName::Fill => true,
        PhaseName::Prepare => layer != Layer::Matchers,
        PhaseName::Copy
        | PhaseName::Close
        | PhaseName::Commit
        | PhaseName::Drain
        | PhaseName::Done
        | PhaseName::Aborted => false,
    };
    let is_of_write = match fault {
        Fault::UnheardWrite | Fault::LostWrite | Fault::LateWrite | Fault::LateAnswer => true,
        Fault::LeaseLost
        | Fault::LeaderDeath
        | Fault::NoQuorum
        | Fault::WatchLost
        | Fault::InstancePause
        | Fault::HostPause
        | Fault::Stall => false,
    };
    !(is_left_by_commit && is_of_write)
}
