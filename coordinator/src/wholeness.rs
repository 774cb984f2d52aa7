//! Whether everything is held as often as it shall be, and what the placement of it survives.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use gomera_model::{HostId, Incarnation, Layer, OperationId, Topology};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::host::{HostEntry, layer_name};

/// Why not everything is whole: what would have to happen before the next death may come.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Missing {
    /// The documents have not been read yet.
    #[error("the topology has not been read yet")]
    Topology,
    /// Somebody is dead, and the epoch without it is not written yet.
    #[error("instance {0} was lost and is not replaced yet")]
    Lost(Incarnation),
    /// Somebody is not known to run.
    #[error("instance {0} does not run yet")]
    NotRunning(Incarnation),
    /// An operation is under way, be it one that replaces somebody: until it is done not everybody has read the epoch,
    /// has copies, is filled, or has heard that all is released.
    #[error("operation {operation} is under way and awaits instances {awaited:?}")]
    Operation {
        /// Which.
        operation: OperationId,
        /// Whom it awaits.
        awaited: Vec<Incarnation>,
    },
}

/// What a placement survives, when everything is whole.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Survives {
    /// What is in one instance only is lost with it.
    #[default]
    Nothing,
    /// The death of any one instance.
    Instance,
    /// The death of any one host.
    Host,
}

/// Why a placement survives no more than it does.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Weakness {
    /// Session slots without a backup.
    #[error("{0} session slots have no backup: exit points on two hosts are needed")]
    Unpaired(usize),
    /// Session slots with both exit points on one host.
    #[error("{0} session slots have both exit points on one host")]
    Together(usize),
    /// No host may run followers.
    #[error("no host may run {}", layer_name(*.0))]
    NoHost(Layer),
    /// One host only may run followers.
    #[error("only host {host} may run {}", layer_name(*.layer))]
    OnlyHost {
        /// Which.
        host: HostId,
        /// Which layer.
        layer: Layer,
    },
    /// One host only may lead, or none.
    #[error("fewer than two hosts may lead")]
    Leaders,
}

/// What a placement survives, and why no more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survival {
    /// What.
    pub survives: Survives,
    /// Why no more; empty if it is the most there is.
    pub why: Vec<Weakness>,
}

impl Survival {
    /// Of a topology on these hosts, some of which are being emptied.
    #[must_use]
    pub fn of(
        topology: &Topology,
        hosts: &BTreeMap<HostId, HostEntry>,
        draining: &BTreeSet<HostId>,
    ) -> Self {
        let points = topology.exit_points_of.iter();
        let host = |who| topology.instance(who).map(|instance| instance.host);
        let alone = points.clone().filter(|points| points.backup.is_none());
        let together = points.filter(|points| {
            let backup = points.backup.and_then(host);
            backup.is_some() && backup == host(points.primary)
        });
        let (alone, together) = (alone.count(), together.count());
        let mut why = Vec::new();
        why.extend((alone > 0).then_some(Weakness::Unpaired(alone)));
        why.extend((together > 0).then_some(Weakness::Together(together)));
        let mut staying: Vec<_> = hosts.values().collect();
        staying.retain(|host| !draining.contains(&host.id));
        for layer in Layer::ALL {
            let mut able = staying.iter().filter(|host| host.layers.contains(&layer));
            why.extend(match (able.next(), able.next()) {
                (None, _) => Some(Weakness::NoHost(layer)),
                (Some(only), None) => Some(Weakness::OnlyHost {
                    host: only.id,
                    layer,
                }),
                (Some(_), Some(_)) => None,
            });
        }
        let leaders = staying.iter().filter(|host| host.coordinates).count();
        why.extend((leaders < 2).then_some(Weakness::Leaders));
        let survives = why.iter().map(Weakness::leaves).min();
        Self {
            survives: survives.unwrap_or(Survives::Host),
            why,
        }
    }
}

impl Weakness {
    /// What is survived in spite of it.
    fn leaves(&self) -> Survives {
        match self {
            Self::Unpaired(_) | Self::NoHost(_) => Survives::Nothing,
            Self::Together(_) | Self::OnlyHost { .. } | Self::Leaders => Survives::Instance,
        }
    }
}

impl Survives {
    /// Its name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Instance => "instance",
            Self::Host => "host",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString};

    use super::*;
    use crate::host::Layout;
    use crate::plan;

    fn check(hosts: &[HostEntry], count: u32, draining: &[u64], expected: Survives) -> String {
        let hosts: BTreeMap<_, _> = hosts.iter().map(|host| (host.id, host.clone())).collect();
        let topology = plan::first(&Layout::of_each(count), &hosts).unwrap();
        let draining = draining.iter().copied().map(HostId).collect();
        let survival = Survival::of(&topology, &hosts, &draining);
        assert_eq!(survival.survives, expected, "{survival:?}");
        let why: Vec<_> = survival.why.iter().map(ToString::to_string).collect();
        why.join("; ")
    }

    fn hosts(count: u64) -> Vec<HostEntry> {
        (1..=count).map(HostId).map(HostEntry::of_all).collect()
    }

    #[test]
    fn one_process_survives_nothing() {
        let why = check(&hosts(1), 2, &[], Survives::Nothing);
        assert!(
            why.starts_with("4096 session slots have no backup"),
            "{why}"
        );
    }

    #[test]
    fn pairs_on_two_hosts_that_may_do_everything_survive_a_host() {
        assert_eq!(check(&hosts(2), 2, &[], Survives::Host), "");
        assert_eq!(check(&hosts(3), 4, &[], Survives::Host), "");
    }

    #[test]
    fn one_exit_point_survives_nothing_however_many_hosts_there_are() {
        check(&hosts(3), 1, &[], Survives::Nothing);
    }

    #[test]
    fn a_role_of_one_host_is_lost_with_it() {
        let mut poor = hosts(2);
        poor[1].layers.retain(|layer| *layer != Layer::Matchers);
        let why = check(&poor, 2, &[], Survives::Instance);
        assert_eq!(why, "only host 1 may run matchers");
        let mut led = hosts(2);
        led[0].coordinates = false;
        let why = check(&led, 2, &[], Survives::Instance);
        assert_eq!(why, "fewer than two hosts may lead");
    }

    #[test]
    fn a_host_that_is_emptied_is_no_refuge() {
        check(&hosts(3), 3, &[3], Survives::Host);
        let why = check(&hosts(2), 2, &[2], Survives::Instance);
        assert!(why.starts_with("only host 1 may run"), "{why}");
        check(&hosts(2), 2, &[1, 2], Survives::Nothing);
    }

    #[test]
    fn a_pair_on_one_host_survives_an_instance() {
        let all: BTreeMap<_, _> = hosts(2).into_iter().map(|host| (host.id, host)).collect();
        let mut topology = plan::first(&Layout::of_each(2), &all).unwrap();
        for instance in &mut topology.instances {
            instance.host = HostId(1);
        }
        let survival = Survival::of(&topology, &all, &BTreeSet::new());
        assert_eq!(survival.survives, Survives::Instance);
        assert_eq!(survival.why, [Weakness::Together(4096)]);
    }
}
