//! From a topology and a wish to the topologies that follow: who comes, who goes, which slots move.
//!
//! Nothing moves that need not: who stays keeps what it has up to its share, and only the rest changes hands. The same
//! topology and wish always give the same plan.
//!
//! | layer | epochs of a change |
//! |---|---|
//! | matchers | one: the slots change hands |
//! | exit points | a further one is named for each moving slot; it takes its place; who owns nothing goes |
//! | access points, connection points | new ones are listed, leaving ones are fed no more; who is empty goes |
//! | the dead, of any layer | one, and where backups are named anew those of the exit points |

mod pairs;
mod placement;
mod recovery;
mod slots;
mod standbys;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use gomera_model::control::Move;
use gomera_model::topology::ExitPoints;
use gomera_model::{
    Epoch, HostId, Incarnation, Instance, InstanceId, Layer, SLOTS, SlotId, Topology,
};

use crate::host::{HostEntry, Layout};
use crate::limits::RETIRED_MAX;
use placement::Placement;
use standbys::standbys;

pub(crate) use recovery::recover;

/// A change of one layer, planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Which layer.
    pub(crate) layer: Layer,
    /// The topologies that follow, one epoch each; not empty.
    pub(crate) steps: Vec<Topology>,
    /// What moves, ordered by (from, to).
    pub(crate) moves: Vec<Move>,
    /// Who has to be started for it, in the order of incarnations.
    pub(crate) joining: Vec<Instance>,
    /// Who can be stopped after it, in the order of incarnations.
    pub(crate) leaving: Vec<Instance>,
}

/// What a layer shall be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish<'a> {
    /// Which layer.
    pub(crate) layer: Layer,
    /// How many instances.
    pub(crate) count: u32,
    /// How the slots are shared.
    pub(crate) shares: Shares<'a>,
}

/// How the instances of a layer share its slots.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shares<'a> {
    /// One weight an instance in the order of their ids; evenly if there are none.
    Weighted(&'a [u32]),
    /// As now: who comes gets what those have who go.
    Kept,
}

/// What a plan is made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ground<'a> {
    /// The topology in force.
    pub(crate) topology: &'a Topology,
    /// The hosts that exist.
    pub(crate) hosts: &'a BTreeMap<HostId, HostEntry>,
    /// Those that are being emptied: whatever runs there goes, and nothing comes.
    pub(crate) draining: &'a BTreeSet<HostId>,
    /// The last incarnation given so far.
    pub(crate) last: Incarnation,
    /// Who has ended and is not retired yet.
    pub(crate) ended: &'a [Incarnation],
}

/// No host may run an instance that is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoHost;

impl Change {
    /// The topology after it.
    pub(crate) fn outcome(&self) -> &Topology {
        self.steps.last().expect("a change has a step")
    }
}

/// Plans a change; `None` if everything is as wished already.
pub(crate) fn change(ground: Ground<'_>, wish: Wish<'_>) -> Result<Option<Change>, NoHost> {
    let team = Team::of(ground, wish)?;
    Ok(match wish.layer {
        Layer::Matchers => matchers(ground, wish, team),
        Layer::ExitPoints => exit_points(ground, wish, team),
        Layer::AccessPoints | Layer::ConnectionPoints => unslotted(ground, wish, team),
    })
}

/// Matchers: the slots change hands in one epoch.
fn matchers(ground: Ground<'_>, wish: Wish<'_>, team: Team) -> Option<Change> {
    let topology = ground.topology;
    let matcher_of = slots::rebalance(
        &topology.matcher_of,
        &team.shares(wish, &topology.matcher_of),
    );
    let moves = moves(&topology.matcher_of, &matcher_of);
    if moves.is_empty() && team.is_unchanged() {
        return None;
    }
    let mut next = Topology {
        instances: with_and_without(&topology.instances, &team.joining, &team.leaving),
        matcher_of,
        ..following(ground)
    };
    next.standby_of = standbys(&next, &topology.standby_of);
    Some(team.change(wish.layer, [next].into(), moves))
}

/// Exit points: named further, filled, swapped, as often as a pair has to change; then who owns nothing goes.
fn exit_points(ground: Ground<'_>, wish: Wish<'_>, team: Team) -> Option<Change> {
    let topology = ground.topology;
    let primaries = pairs::primaries(&topology.exit_points_of);
    let target = pairs::target(
        &topology.exit_points_of,
        &team.members(),
        &team.shares(wish, &primaries),
    );
    if target == topology.exit_points_of && team.is_unchanged() {
        return None;
    }
    let moves = pairs::moves(&topology.exit_points_of, &target);
    let mut now = Topology {
        instances: with_and_without(&topology.instances, &team.joining, &[]),
        ..following(ground)
    };
    let mut steps = Vec::new();
    let everybody = now.instances.clone();
    for table in pairs::steps(&topology.exit_points_of, &target, &everybody) {
        now.exit_points_of = table;
        steps.push(now.clone());
        now.epoch = now.epoch.next();
    }
    if steps.is_empty() || !team.leaving.is_empty() {
        now.instances = with_and_without(&now.instances, &[], &team.leaving);
        steps.push(now);
    }
    Some(team.change(wish.layer, steps, moves))
}

/// Access points and connection points own no slots: new ones are listed, leaving ones empty themselves.
fn unslotted(ground: Ground<'_>, wish: Wish<'_>, team: Team) -> Option<Change> {
    if team.is_unchanged() {
        return None;
    }
    let topology = ground.topology;
    let mut first = Topology {
        instances: with_and_without(&topology.instances, &team.joining, &[]),
        ..following(ground)
    };
    for instance in &mut first.instances {
        instance.leaving = team.leaving.contains(instance);
    }
    let mut steps = Vec::from([first]);
    if !team.leaving.is_empty() {
        let mut last = steps[0].clone();
        last.epoch = last.epoch.next();
        last.instances.retain(|instance| !instance.leaving);
        steps.push(last);
    }
    Some(team.change(wish.layer, steps, Vec::new()))
}

/// Who belongs to a layer before and after.
type Team = placement::Spread;

impl Team {
    fn of(ground: Ground<'_>, wish: Wish<'_>) -> Result<Self, NoHost> {
        let there: Vec<_> = ground.topology.layer(wish.layer).cloned().collect();
        Placement::of(ground).spread((wish.layer, wish.count), &there)
    }

    fn is_unchanged(&self) -> bool {
        self.joining.is_empty() && self.leaving.is_empty()
    }

    fn members(&self) -> Vec<&Instance> {
        self.staying.iter().chain(&self.joining).collect()
    }

    /// Each member with its weight, in the order of incarnations. `owners` has the owner of every slot.
    fn shares(&self, wish: Wish<'_>, owners: &[Incarnation]) -> Vec<(Incarnation, u32)> {
        let mut members = self.members();
        members.sort_by_key(|member| member.id);
        let weights: Vec<u32> = match wish.shares {
            Shares::Weighted(weights) => weights.to_vec(),
            Shares::Kept => members.iter().map(|m| self.kept(m, owners)).collect(),
        };
        let weights = weights.into_iter().chain(core::iter::repeat(1));
        let mut shares: Vec<_> = (members.iter().map(|member| member.incarnation))
            .zip(weights)
            .collect();
        shares.sort_unstable();
        shares
    }

    /// The slots that a member has, or will have of those who go.
    fn kept(&self, member: &Instance, owners: &[Incarnation]) -> u32 {
        let own = |of: &Instance| {
            let own = owners.iter().filter(|owner| **owner == of.incarnation);
            u32::try_from(own.count()).unwrap_or(u32::MAX)
        };
        match self.joining.contains(member) {
            false => own(member),
            true => {
                let heirs = u32::try_from(self.joining.len()).unwrap_or(u32::MAX);
                let left: u32 = self.leaving.iter().map(own).sum();
                (left / heirs).max(1)
            }
        }
    }

    fn change(self, layer: Layer, steps: Vec<Topology>, moves: Vec<Move>) -> Change {
        Change {
            layer,
            steps,
            moves,
            joining: self.joining,
            leaving: self.leaving,
        }
    }
}

/// The next epoch, with nothing else changed but who is retired.
fn following(ground: Ground<'_>) -> Topology {
    let topology = ground.topology;
    Topology {
        epoch: topology.epoch.next(),
        retired: retire(&topology.retired, ground.ended),
        ..topology.clone()
    }
}

/// The topology of a first start, spread over the hosts; `None` if there are fewer than the layout wants, or none for
/// a layer.
pub(crate) fn first(layout: &Layout, hosts: &BTreeMap<HostId, HostEntry>) -> Option<Topology> {
    lay_out(layout, hosts, (&BTreeSet::new(), Incarnation::default()))
}

/// The topology that follows one of which nothing is left; `None` as for the first.
pub(crate) fn anew(layout: &Layout, ground: Ground<'_>) -> Option<Topology> {
    let Ground {
        topology: before,
        hosts,
        draining,
        last,
        ended,
    } = ground;
    let gone = before.instances.iter().map(|instance| instance.incarnation);
    let gone: Vec<_> = gone.chain(ended.iter().copied()).collect();
    let layout = Layout {
        matcher_replicas: before.matcher_replicas,
        ..layout.clone()
    };
    Some(Topology {
        epoch: before.epoch.next(),
        retired: retire(&before.retired, &gone),
        ..lay_out(&layout, hosts, (draining, last))?
    })
}

fn lay_out(
    layout: &Layout,
    hosts: &BTreeMap<HostId, HostEntry>,
    (draining, last): (&BTreeSet<HostId>, Incarnation),
) -> Option<Topology> {
    if hosts.len() < layout.hosts_min {
        return None;
    }
    let mut placement = Placement::empty(hosts, draining, last);
    let mut instances = Vec::new();
    for layer in Layer::ALL {
        let count = layout.counts.get(&layer).copied().unwrap_or(0);
        for id in 0..count {
            instances.push(placement.instance((layer, count), InstanceId(id))?);
        }
    }
    let primaries = slots::spread(&incarnations(&instances, Layer::ExitPoints));
    let alone: Vec<_> = primaries.iter().copied().map(alone).collect();
    let exit_points: Vec<_> = (instances.iter())
        .filter(|instance| instance.layer == Layer::ExitPoints)
        .collect();
    let exit_points_of = pairs::paired(&alone, &primaries, &exit_points);
    let mut topology = Topology {
        epoch: Epoch(1),
        matcher_of: slots::spread(&incarnations(&instances, Layer::Matchers)),
        exit_points_of,
        instances,
        retired: Vec::new(),
        cut: Epoch(0),
        matcher_replicas: layout.matcher_replicas,
        standby_of: Vec::new(),
    };
    topology.standby_of = standbys(&topology, &[]);
    Some(topology)
}

/// What changes hands between two tables, ordered by (from, to).
fn moves(old: &[Incarnation], new: &[Incarnation]) -> Vec<Move> {
    assert_eq!(old.len(), SLOTS, "a topology has an owner for every slot");
    assert_eq!(new.len(), SLOTS, "a plan has an owner for every slot");
    let mut moving: BTreeMap<(Incarnation, Incarnation), Vec<SlotId>> = BTreeMap::new();
    for slot in SlotId::all() {
        let (from, to) = (old[slot.index()], new[slot.index()]);
        if from != to {
            moving.entry((from, to)).or_default().push(slot);
        }
    }
    let moves = moving.into_iter();
    moves
        .map(|((from, to), slots)| Move { from, to, slots })
        .collect()
}

fn with_and_without(old: &[Instance], with: &[Instance], without: &[Instance]) -> Vec<Instance> {
    let mut instances: Vec<_> = (old.iter().filter(|instance| !without.contains(instance)))
        .chain(with)
        .cloned()
        .collect();
    instances.sort_by_key(|instance| instance.incarnation);
    instances
}

/// The newest of those that ended.
fn retire(retired: &[Incarnation], ended: &[Incarnation]) -> Vec<Incarnation> {
    let all: BTreeSet<_> = retired.iter().chain(ended).copied().collect();
    let surplus = all.len().saturating_sub(RETIRED_MAX);
    all.into_iter().skip(surplus).collect()
}

fn incarnations(instances: &[Instance], layer: Layer) -> Vec<Incarnation> {
    let of_layer = instances.iter().filter(|instance| instance.layer == layer);
    of_layer.map(|instance| instance.incarnation).collect()
}

/// An exit point without a backup.
fn alone(primary: Incarnation) -> ExitPoints {
    ExitPoints {
        primary,
        backup: None,
        further: None,
    }
}

#[cfg(test)]
mod spread_tests;
#[cfg(test)]
mod tests;
