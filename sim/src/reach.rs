//! What a run reached. A run in which nothing was in flight at a commit proves nothing about operations: it is void.

use core::fmt;
use core::ops::AddAssign;

use gomera_model::control::Report;
use gomera_model::lane::{ExitPointFrame, LaneFrame, MatcherFrame};
use gomera_model::{Epoch, OperationNumber};

use crate::checker::History;

macro_rules! reach {
    ($($(#[$doc:meta])* $name:ident: $words:literal,)*) => {
        /// Counts of what happened in a run, or in many.
        #[derive(Clone, Debug, Default)]
        pub struct Reach {
            $($(#[$doc])* pub $name: u64,)*
            newest_stamp: Epoch,
        }

        impl AddAssign<&Self> for Reach {
            fn add_assign(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
            }
        }

        impl fmt::Display for Reach {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(writeln!(f, "{:>12}  {}", self.$name, $words)?;)*
                Ok(())
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

    /// The run is over.
    pub(crate) fn finish(&mut self, history: &History) {
        self.published = history.publishers().map(|(_, p)| p.len() as u64).sum();
        for (_, session) in history.sessions() {
            self.delivered += session.deliveries.len() as u64;
            self.requested += session.operations.len() as u64;
        }
        self.void = u64::from(self.in_flight == 0);
    }
}
