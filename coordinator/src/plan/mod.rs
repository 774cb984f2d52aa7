//! From a topology and a wish to the next topology: who comes, who goes, which slots move.
//!
//! Nothing moves that need not: who stays keeps what it has up to an even share, and only the rest changes hands. The
//! same topology and wish always give the same plan.

mod slots;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use gomera_model::control::Move;
use gomera_model::topology::ExitPoints;
use gomera_model::{
    Epoch, HostId, Incarnation, Instance, InstanceId, Layer, SLOTS, SlotId, Topology,
};

use crate::host::{HostEntry, Layout};
use crate::limits::RETIRED_MAX;

/// Another number of instances of one layer, planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The topology after it.
    pub(crate) next: Topology,
    /// What moves, ordered by (from, to).
    pub(crate) moves: Vec<Move>,
    /// Who has to be started for it, in the order of incarnations.
    pub(crate) joining: Vec<Instance>,
    /// Who can be stopped after it, in the order of incarnations.
    pub(crate) leaving: Vec<Instance>,
}

/// Plans another number of matchers; `None` if no host may run one that is needed. `last` is the last incarnation
/// given so far, `ended` those that ended and are not retired yet.
pub(crate) fn resize_matchers(
    topology: &Topology,
    count: u32,
    hosts: &BTreeMap<HostId, HostEntry>,
    last: Incarnation,
    ended: &[Incarnation],
) -> Option<Change> {
    let (staying, leaving) = split(topology, Layer::Matchers, count);
    let mut placement = Placement::of(topology, hosts, last);
    let mut joining = Vec::new();
    for id in free_ids(&staying).take(count as usize - staying.len()) {
        joining.push(placement.instance(Layer::Matchers, id)?);
    }
    let members: Vec<_> = (staying.iter().chain(&joining))
        .map(|instance| instance.incarnation)
        .collect();
    let matcher_of = slots::rebalance(&topology.matcher_of, &members);
    let moves = moves(&topology.matcher_of, &matcher_of);
    let next = Topology {
        epoch: topology.epoch.next(),
        instances: with_and_without(&topology.instances, &joining, &leaving),
        retired: retire(&topology.retired, ended),
        matcher_of,
        exit_points_of: topology.exit_points_of.clone(),
    };
    Some(Change {
        next,
        moves,
        joining,
        leaving,
    })
}

/// The topology of a first start, spread over the hosts; `None` if there are fewer than the layout wants, or none for
/// a layer.
pub(crate) fn first(layout: &Layout, hosts: &BTreeMap<HostId, HostEntry>) -> Option<Topology> {
    lay_out(layout, hosts, Incarnation::default())
}

/// The topology that follows one of which nothing is left; `None` as for the first. `last` is the last incarnation given
/// so far, `ended` those that ended and are not retired yet.
pub(crate) fn anew(
    layout: &Layout,
    hosts: &BTreeMap<HostId, HostEntry>,
    before: &Topology,
    last: Incarnation,
    ended: &[Incarnation],
) -> Option<Topology> {
    let gone = before.instances.iter().map(|instance| instance.incarnation);
    let gone: Vec<_> = gone.chain(ended.iter().copied()).collect();
    Some(Topology {
        epoch: before.epoch.next(),
        retired: retire(&before.retired, &gone),
        ..lay_out(layout, hosts, last)?
    })
}

fn lay_out(
    layout: &Layout,
    hosts: &BTreeMap<HostId, HostEntry>,
    last: Incarnation,
) -> Option<Topology> {
    if hosts.len() < layout.hosts_min {
        return None;
    }
    let mut placement = Placement {
        last,
        ..Placement::empty(hosts)
    };
    let mut instances = Vec::new();
    for layer in Layer::ALL {
        let count = layout.counts.get(&layer).copied().unwrap_or(0);
        for id in 0..count {
            instances.push(placement.instance(layer, InstanceId(id))?);
        }
    }
    let exit_points = slots::spread(&incarnations(&instances, Layer::ExitPoints));
    Some(Topology {
        epoch: Epoch(1),
        matcher_of: slots::spread(&incarnations(&instances, Layer::Matchers)),
        exit_points_of: exit_points.into_iter().map(alone).collect(),
        instances,
        retired: Vec::new(),
    })
}

/// Who stays and who goes if a layer shall have `count` instances: the highest places go.
fn split(topology: &Topology, layer: Layer, count: u32) -> (Vec<Instance>, Vec<Instance>) {
    let mut all: Vec<_> = topology.layer(layer).cloned().collect();
    all.sort_by_key(|instance| instance.id);
    let mut leaving = all.split_off(all.len().min(count as usize));
    for part in [&mut all, &mut leaving] {
        part.sort_by_key(|instance| instance.incarnation);
    }
    (all, leaving)
}

/// Places in a layer that nobody has, ascending.
fn free_ids(taken: &[Instance]) -> impl Iterator<Item = InstanceId> + use<> {
    let taken: BTreeSet<_> = taken.iter().map(|instance| instance.id).collect();
    (0..).map(InstanceId).filter(move |id| !taken.contains(id))
}

/// Where new instances go: to the host with the fewest of their layer, then of all, then to the lowest id.
struct Placement<'a> {
    hosts: &'a BTreeMap<HostId, HostEntry>,
    load: BTreeMap<(HostId, Option<Layer>), usize>,
    last: Incarnation,
}

impl<'a> Placement<'a> {
    /// Of a cluster in which nothing runs yet.
    fn empty(hosts: &'a BTreeMap<HostId, HostEntry>) -> Self {
        Self {
            hosts,
            load: BTreeMap::new(),
            last: Incarnation::default(),
        }
    }

    fn of(topology: &Topology, hosts: &'a BTreeMap<HostId, HostEntry>, last: Incarnation) -> Self {
        let mut placement = Self {
            last,
            ..Self::empty(hosts)
        };
        for instance in &topology.instances {
            placement.count(instance.host, instance.layer);
        }
        placement
    }

    fn instance(&mut self, layer: Layer, id: InstanceId) -> Option<Instance> {
        let able = (self.hosts.values()).filter(|host| host.layers.contains(&layer));
        let host = able.min_by_key(|host| {
            let load = |of| self.load.get(&(host.id, of)).copied().unwrap_or(0);
            (load(Some(layer)), load(None), host.id)
        })?;
        let (host, zone): (HostId, String) = (host.id, host.zone.clone());
        self.count(host, layer);
        self.last = self.last.next();
        Some(Instance {
            id,
            incarnation: self.last,
            layer,
            host,
            zone,
            leaving: false,
        })
    }

    fn count(&mut self, host: HostId, layer: Layer) {
        *self.load.entry((host, Some(layer))).or_default() += 1;
        *self.load.entry((host, None)).or_default() += 1;
    }
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

/// An exit point without a backup: there is one host.
fn alone(primary: Incarnation) -> ExitPoints {
    ExitPoints {
        primary,
        backup: None,
        further: None,
    }
}

#[cfg(test)]
mod tests;
