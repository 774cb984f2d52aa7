//! A host is emptied: by ordinary operations, one a layer, whoever leads. That it shall be stands in the operation's
//! document; it never takes an instance again.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use gomera_model::control::Strategy;
use gomera_model::{HostId, Layer, Time};

use super::asking::{Next, count};
use super::{Coordinator, Held, Settled, State};
use crate::effect::Effects;
use crate::host::HostEntry;
use crate::limits::DRAINING_MAX;
use crate::operation::Operation;
use crate::plan::{self, Shares, Wish};
use crate::record::{AbortReason, Wishes};
use crate::request::{Answer, Impossible, ScaleRequest};

impl Coordinator {
    /// What is to be answered about the emptying of a host; `None` if it has to be written first, and can be.
    pub(super) fn drain_answer(&self, host: HostId) -> Option<Answer> {
        let State::Settled(settled) = &self.state else {
            return Some(super::asking::unavailable());
        };
        let Some(entry) = self.hosts.get(&host) else {
            return Some(Answer::NoSuchHost(host));
        };
        let held = &settled.held;
        if held.draining.contains(&host) {
            let on_host = held.topology.instances.iter().filter(|i| i.host == host);
            let instances = u32::try_from(on_host.count()).unwrap_or(u32::MAX);
            return Some(Answer::Draining { host, instances });
        }
        if let Some(operation) = settled.phase.under_way() {
            return Some(Answer::Busy(operation.id()));
        }
        self.cannot_spare(held, entry).map(Answer::Impossible)
    }

    /// Writes that a host shall be emptied.
    pub(super) fn note_draining(&mut self, now: Time, host: HostId, effects: &mut Effects) {
        if let Some(mut settled) = self.unsettle(now) {
            let draining = &mut settled.held.draining;
            draining.insert(host);
            // Ids only rise, so the least is the oldest, and long gone.
            while draining.len() > DRAINING_MAX {
                draining.pop_first();
            }
            self.write(settled.held, settled.versions, settled.phase, effects);
        }
    }

    /// Takes the next step of emptying hosts, when nothing else is to be done.
    pub(super) fn go_on_with_draining(&mut self, now: Time, effects: &mut Effects) {
        let State::Settled(settled) = &self.state else {
            return;
        };
        if !settled.phase.is_rest() || self.missing_at_rest().is_some() {
            return;
        }
        if let Some((scale, next)) = self.next_emptying(settled) {
            self.begin(now, &scale, (next, None), effects);
        }
    }

    /// The operation that takes a layer away from a host. Where nobody else may run it any more, it waits.
    fn next_emptying(&self, settled: &Settled) -> Option<(ScaleRequest, Next)> {
        const ORDER: [Layer; 4] = [
            Layer::ExitPoints,
            Layer::Matchers,
            Layer::AccessPoints,
            Layer::ConnectionPoints,
        ];
        let held = &settled.held;
        let topology = &*held.topology;
        let layers = held.draining.iter().flat_map(|host| {
            let has = |layer| topology.layer(layer).any(|i| i.host == *host);
            let layers = ORDER.into_iter().filter(move |layer| has(*layer));
            layers.map(|layer| (*host, layer))
        });
        for (host, layer) in layers {
            let wish = Wish {
                layer,
                count: count(topology, layer),
                shares: Shares::Kept,
            };
            let Ok(Some(change)) = plan::change(self.ground(held), wish) else {
                continue;
            };
            let next = Next {
                change,
                from: topology.clone(),
                then: BTreeMap::new(),
                lost: Vec::new(),
                drains: Some(host),
            };
            return Some((request(host, (layer, wish.count)), next));
        }
        None
    }

    /// Why a host cannot be spared: nobody else that stays may do what it may.
    fn cannot_spare(&self, held: &Held, entry: &HostEntry) -> Option<Impossible> {
        let host = entry.id;
        let staying = || {
            let others = self.hosts.values().filter(|other| other.id != host);
            others.filter(|other| !held.draining.contains(&other.id))
        };
        let mut layers = entry.layers.iter();
        let last = layers.find(|layer| !staying().any(|other| other.layers.contains(layer)));
        if let Some(&layer) = last {
            return Some(Impossible::LastHost { host, layer });
        }
        let leads = |other: &HostEntry| other.coordinates;
        (leads(entry) && !staying().any(leads)).then_some(Impossible::LastCoordinator(host))
    }
}

impl Held {
    /// Whoever gives up an operation that empties a host gives up the emptying, and where one cannot be started in
    /// place of another it would only fail again.
    pub(super) fn give_up_draining(&mut self, operation: &Operation, why: AbortReason) {
        let in_vain = match why {
            AbortReason::Requested => true,
            AbortReason::InstanceFailed(failed) => {
                let mut joining = operation.joining.iter();
                joining.any(|joining| joining.incarnation == failed)
            }
            AbortReason::TopologyChanged => false,
        };
        if let Some(host) = operation.record.drains.filter(|_| in_vain) {
            self.draining.remove(&host);
        }
    }
}

fn request(host: HostId, (layer, count): (Layer, u32)) -> ScaleRequest {
    ScaleRequest {
        wishes: Wishes::from([(layer, count)]),
        strategy: Strategy::Live,
        dry_run: false,
        reason: format!("host {host} is to be emptied"),
        idempotency_key: None,
        asked_at: Default::default(),
    }
}
