//! Where instances go.
//!
//! A layer is spread so that, in this order: no zone has more than half of the exit points where there are two zones, nor
//! a host where there is one zone, because every pair needs one from elsewhere; every zone has one; every host has one;
//! who has more cores has more. Who is there already stays where nothing of that speaks against it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::cmp::{Ordering, Reverse};

use gomera_model::{HostId, Incarnation, Instance, InstanceId, Layer};

use super::{Ground, NoHost};
use crate::host::HostEntry;

/// Places instances.
#[derive(Debug)]
pub(super) struct Placement<'a> {
    hosts: &'a BTreeMap<HostId, HostEntry>,
    draining: &'a BTreeSet<HostId>,
    /// Whether a host that is being emptied is better than none.
    takes_draining: bool,
    counts: BTreeMap<(HostId, Option<Layer>), u32>,
    last: Incarnation,
}

/// Who of a layer stays, who goes, and who comes; each in the order of incarnations.
#[derive(Debug, Default)]
pub(super) struct Spread {
    pub(super) staying: Vec<Instance>,
    pub(super) joining: Vec<Instance>,
    pub(super) leaving: Vec<Instance>,
}

/// Those of a layer that are there and have no place yet, on each host with the highest id first.
type Present = BTreeMap<HostId, Vec<Instance>>;

/// How a host suits the next instance: the least takes it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    is_draining: bool,
    has_half: bool,
    zone_has_one: bool,
    host_has_one: bool,
    of_layer: Load,
    is_new: bool,
    /// The place of the one that is there and need not move.
    stays: Option<InstanceId>,
    of_all: Load,
    host: HostId,
}

/// So many instances on so many cores.
#[derive(Clone, Copy, Debug)]
struct Load {
    instances: u32,
    cores: u32,
}

impl<'a> Placement<'a> {
    /// Of a cluster in which nothing runs yet; `last` is the last incarnation given so far.
    pub(super) fn empty(
        hosts: &'a BTreeMap<HostId, HostEntry>,
        draining: &'a BTreeSet<HostId>,
        last: Incarnation,
    ) -> Self {
        Self {
            hosts,
            draining,
            takes_draining: false,
            counts: BTreeMap::new(),
            last,
        }
    }

    /// Beside what runs already.
    pub(super) fn of(ground: Ground<'a>) -> Self {
        let mut placement = Self::empty(ground.hosts, ground.draining, ground.last);
        for instance in &ground.topology.instances {
            placement.count(instance.host, instance.layer);
        }
        placement
    }

    /// Who has died needs a follower, on a host that is being emptied if there is no other.
    pub(super) fn or_draining(mut self) -> Self {
        self.takes_draining = true;
        self
    }

    /// A new instance beside those that are there, if some host may run it; the layer will have `count`.
    pub(super) fn instance(
        &mut self,
        (layer, count): (Layer, u32),
        id: InstanceId,
    ) -> Option<Instance> {
        let host = self.best(layer, count, &Present::new())?;
        self.count(host, layer);
        Some(self.new_instance(layer, id, host))
    }

    /// `count` instances, as many of them as possible where they are. Whoever is on a host that is being emptied goes.
    pub(super) fn spread(
        &mut self,
        (layer, count): (Layer, u32),
        there: &[Instance],
    ) -> Result<Spread, NoHost> {
        let mut spread = Spread::default();
        let mut present = Present::new();
        for instance in there {
            self.counts.remove(&(instance.host, Some(layer)));
            if let Some(all) = self.counts.get_mut(&(instance.host, None)) {
                *all = all.saturating_sub(1);
            }
            match self.draining.contains(&instance.host) {
                true => spread.leaving.push(instance.clone()),
                false => {
                    let on_host = present.entry(instance.host).or_default();
                    on_host.push(instance.clone());
                    on_host.sort_by_key(|instance| Reverse(instance.id));
                }
            }
        }
        let taken: BTreeSet<_> = there.iter().map(|instance| instance.id).collect();
        let mut free = (0..).map(InstanceId).filter(|id| !taken.contains(id));
        for _ in 0..count {
            let host = self.best(layer, count, &present).ok_or(NoHost)?;
            self.count(host, layer);
            match present.get_mut(&host).and_then(Vec::pop) {
                Some(instance) => spread.staying.push(instance),
                None => {
                    let id = free.next().unwrap_or_default();
                    spread.joining.push(self.new_instance(layer, id, host));
                }
            }
        }
        spread.leaving.extend(present.into_values().flatten());
        for part in [&mut spread.staying, &mut spread.leaving] {
            part.sort_by_key(|instance| instance.incarnation);
        }
        Ok(spread)
    }

    fn new_instance(&mut self, layer: Layer, id: InstanceId, host: HostId) -> Instance {
        self.last = self.last.next();
        let zone = self.hosts.get(&host).map(|entry| entry.zone.clone());
        Instance {
            id,
            incarnation: self.last,
            layer,
            host,
            zone: zone.unwrap_or_default(),
            leaving: false,
        }
    }

    /// The host for the next instance of a layer that will have `count`.
    fn best(&self, layer: Layer, count: u32, present: &Present) -> Option<HostId> {
        let able: BTreeMap<HostId, &str> = self.able(layer, present).collect();
        let zones: BTreeSet<&str> = able.values().copied().collect();
        let in_zone = |zone: &str| -> u32 {
            let hosts = able.iter().filter(|(_, of)| **of == zone);
            hosts.map(|(host, _)| self.of_layer(*host, layer)).sum()
        };
        let rank = |(&host, &zone): (&HostId, &&str)| {
            let (there, in_zone) = (self.of_layer(host, layer), in_zone(zone));
            let apart = if zones.len() > 1 { in_zone } else { there };
            let is_apart = layer == Layer::ExitPoints && able.len() > 1;
            let waiting = present.get(&host).and_then(|waiting| waiting.last());
            Rank {
                is_draining: self.draining.contains(&host),
                has_half: is_apart && apart >= count.div_ceil(2),
                zone_has_one: in_zone > 0,
                host_has_one: there > 0,
                // The first of a layer weighs the same everywhere: two big hosts are no reason to pass a small one by.
                of_layer: self.load(host, if there > 0 { there + 1 } else { 0 }),
                is_new: waiting.is_none(),
                stays: waiting.map(|instance| instance.id),
                of_all: self.load(host, self.of_all(host) + 1),
                host,
            }
        };
        able.iter().map(rank).min().map(|best| best.host)
    }

    /// Hosts that may run one more of a layer, or still have one that needs a place; with their zones.
    fn able<'b>(
        &'b self,
        layer: Layer,
        present: &'b Present,
    ) -> impl Iterator<Item = (HostId, &'b str)> {
        let hosts = self.hosts.values();
        let willing = hosts.filter(move |host| {
            let is_spared = self.draining.contains(&host.id) && !self.takes_draining;
            host.layers.contains(&layer) && !is_spared
        });
        let there = present.values().filter_map(|waiting| waiting.last());
        willing
            .map(|host| (host.id, host.zone.as_str()))
            .chain(there.map(|instance| (instance.host, instance.zone.as_str())))
    }

    fn load(&self, host: HostId, instances: u32) -> Load {
        let cores = self.hosts.get(&host).map_or(1, |entry| entry.cores.max(1));
        Load { instances, cores }
    }

    fn count(&mut self, host: HostId, layer: Layer) {
        *self.counts.entry((host, Some(layer))).or_default() += 1;
        *self.counts.entry((host, None)).or_default() += 1;
    }

    fn of_layer(&self, host: HostId, layer: Layer) -> u32 {
        self.counts.get(&(host, Some(layer))).copied().unwrap_or(0)
    }

    fn of_all(&self, host: HostId) -> u32 {
        self.counts.get(&(host, None)).copied().unwrap_or(0)
    }
}

impl Ord for Load {
    fn cmp(&self, other: &Self) -> Ordering {
        let of = |own: &Self, other: &Self| u64::from(own.instances) * u64::from(other.cores);
        of(self, other).cmp(&of(other, self))
    }
}

impl PartialOrd for Load {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Load {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Load {}
