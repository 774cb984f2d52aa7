//! Where new instances go.

use alloc::collections::BTreeMap;
use alloc::string::String;

use gomera_model::{HostId, Incarnation, Instance, InstanceId, Layer};

use super::Ground;
use crate::host::HostEntry;

/// Places new instances: in the zone with the fewest of their layer, there on the host with the fewest of it, then of
/// all, then on the lowest id.
#[derive(Debug)]
pub(super) struct Placement<'a> {
    hosts: &'a BTreeMap<HostId, HostEntry>,
    load: BTreeMap<(HostId, Option<Layer>), usize>,
    zones: BTreeMap<(String, Layer), usize>,
    last: Incarnation,
}

impl<'a> Placement<'a> {
    /// Of a cluster in which nothing runs yet; `last` is the last incarnation given so far.
    pub(super) fn empty(hosts: &'a BTreeMap<HostId, HostEntry>, last: Incarnation) -> Self {
        Self {
            hosts,
            load: BTreeMap::new(),
            zones: BTreeMap::new(),
            last,
        }
    }

    /// Beside what runs already.
    pub(super) fn of(ground: Ground<'a>) -> Self {
        let mut placement = Self::empty(ground.hosts, ground.last);
        for instance in &ground.topology.instances {
            placement.count(instance.host, &instance.zone, instance.layer);
        }
        placement
    }

    /// A new instance, if some host may run it.
    pub(super) fn instance(&mut self, layer: Layer, id: InstanceId) -> Option<Instance> {
        let able = (self.hosts.values()).filter(|host| host.layers.contains(&layer));
        let host = able.min_by_key(|host| {
            let load = |of| self.load.get(&(host.id, of)).copied().unwrap_or(0);
            let in_zone = self.zones.get(&(host.zone.clone(), layer));
            let in_zone = in_zone.copied().unwrap_or(0);
            (in_zone, load(Some(layer)), load(None), host.id)
        })?;
        let (host, zone): (HostId, String) = (host.id, host.zone.clone());
        self.count(host, &zone, layer);
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

    fn count(&mut self, host: HostId, zone: &str, layer: Layer) {
        *self.zones.entry((zone.into(), layer)).or_default() += 1;
        *self.load.entry((host, Some(layer))).or_default() += 1;
        *self.load.entry((host, None)).or_default() += 1;
    }
}
