//! Which matcher stands by for which slot: one on another host than the owner, in another zone where there are two.
//!
//! What one owner has is shared evenly by all who may stand by for it, so that many take over when it dies. Whoever stands
//! by already goes on as far as that allows.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;

use gomera_model::{Incarnation, Instance, Layer, SlotId, Topology};

use super::slots;

/// The standbys of a topology; `before` are those of the one before it. Empty if none are wanted, or there can be none.
pub(super) fn standbys(
    next: &Topology,
    before: &[Option<Incarnation>],
) -> Vec<Option<Incarnation>> {
    if next.matcher_replicas == 0 {
        return Vec::new();
    }
    let members: Vec<_> = next.layer(Layer::Matchers).collect();
    let mut slots_of: BTreeMap<Incarnation, Vec<SlotId>> = BTreeMap::new();
    for slot in SlotId::all() {
        slots_of.entry(next.matcher(slot)).or_default().push(slot);
    }
    let mut table = vec![None; next.matcher_of.len()];
    for (owner, own) in slots_of {
        let able: Vec<_> = able(&members, owner).map(|member| (member, 1)).collect();
        if able.is_empty() {
            continue;
        }
        let present = own.iter().map(|slot| before.get(slot.index()).copied());
        // Nobody has the incarnation zero: who is no member has to be replaced.
        let present: Vec<_> = present
            .map(|standby| standby.flatten().unwrap_or_default())
            .collect();
        let standbys = slots::rebalance(&present, &able);
        for (slot, standby) in own.iter().zip(standbys) {
            table[slot.index()] = Some(standby);
        }
    }
    if table.iter().all(Option::is_none) {
        return Vec::new();
    }
    table
}

/// Who may stand by for a matcher: whoever is not in its zone, or, where there is only one, not on its host.
fn able(members: &[&Instance], owner: Incarnation) -> impl Iterator<Item = Incarnation> {
    let zones: BTreeSet<_> = members.iter().map(|member| &member.zone).collect();
    let is_zoned = zones.len() > 1;
    let owner = members.iter().find(|member| member.incarnation == owner);
    let others = members.iter().filter(move |member| {
        owner.is_some_and(|owner| match is_zoned {
            true => owner.zone != member.zone,
            false => owner.host != member.host,
        })
    });
    others.map(|member| member.incarnation)
}
