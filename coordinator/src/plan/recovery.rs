//! Who takes the place of the dead. What they owned goes to one follower each, so that nothing else moves; a slot for which
//! a matcher stood by goes to that one.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use gomera_model::{Incarnation, Instance, Layer, SlotId, Topology};

use super::{Change, Ground, NoHost, Placement, pairs, slots, standbys, with_and_without};

/// Plans the epoch without the dead. Where no host may run a follower, who is left of the layer shares what they owned;
/// where nobody is left, there is no plan. Some of the dead may have left the topology before: what they had to finish
/// counts as lost.
pub(crate) fn recover(ground: Ground<'_>, dead: &[Instance]) -> Result<Change, NoHost> {
    let topology = ground.topology;
    let lost: Vec<_> = dead.iter().map(|dead| dead.incarnation).collect();
    let survivors = with_and_without(&topology.instances, &[], dead);
    let bereaved = Topology {
        instances: survivors.clone(),
        ..topology.clone()
    };
    let followers = followers(ground, &bereaved, dead)?;
    let joining: Vec<_> = followers.values().cloned().collect();
    let mut next = super::following(ground);
    next.instances = with_and_without(&survivors, &joining, &[]);
    for instance in &mut next.instances {
        instance.leaving = false;
    }
    next.retired = super::retire(&next.retired, &lost);
    if dead.iter().any(|dead| dead.layer == Layer::Matchers) {
        next.cut = next.epoch;
    }
    next.matcher_of = matchers_without(topology, &next, &followers);
    next.standby_of = standbys(&next, &topology.standby_of);
    let follower = |of| {
        followers.get(&of).map_or_else(
            || anybody(&next, Layer::ExitPoints),
            |follower| follower.incarnation,
        )
    };
    let table = pairs::without(&topology.exit_points_of, &lost, follower);
    let steps = exit_point_steps(next, table);
    Ok(Change {
        layer: dead.first().map_or(Layer::Matchers, |dead| dead.layer),
        steps,
        moves: Vec::new(),
        joining,
        leaving: dead.to_vec(),
    })
}

/// One for each of the dead that the topology still lists, where a host may run it.
fn followers(
    ground: Ground<'_>,
    bereaved: &Topology,
    dead: &[Instance],
) -> Result<BTreeMap<Incarnation, Instance>, NoHost> {
    let mut placement = Placement::of(Ground {
        topology: bereaved,
        ..ground
    })
    .or_draining();
    let mut followers = BTreeMap::new();
    for instance in dead {
        if ground.topology.instance(instance.incarnation).is_none() {
            continue;
        }
        let layer = instance.layer;
        let count = ground.topology.layer(layer).count();
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        match placement.instance((layer, count), instance.id) {
            Some(follower) => {
                followers.insert(instance.incarnation, follower);
            }
            None if bereaved.layer(instance.layer).next().is_none() => return Err(NoHost),
            None => {}
        }
    }
    Ok(followers)
}

/// The owners after the dead: their standbys, else their followers. What neither has is shared evenly by who is left; nobody
/// gives anything away, because nobody copies it.
fn matchers_without(
    topology: &Topology,
    next: &Topology,
    followers: &BTreeMap<Incarnation, Instance>,
) -> Vec<Incarnation> {
    let is_there = |who: &Incarnation| next.instance(*who).is_some();
    let heir = |slot| {
        let owner = topology.matcher(slot);
        let follower = || followers.get(&owner).map(|follower| follower.incarnation);
        let standby = || topology.standby(slot).filter(is_there);
        let owner = Some(owner).filter(is_there);
        owner.or_else(standby).or_else(follower)
    };
    let heirs: Vec<_> = SlotId::all().map(heir).collect();
    let orphans = heirs.iter().filter(|heir| heir.is_none());
    let orphans: Vec<_> = orphans.map(|_| Incarnation::default()).collect();
    let shares: Vec<_> = (next.incarnations(Layer::Matchers))
        .map(|matcher| (matcher, 1))
        .collect();
    let mut shared = slots::rebalance(&orphans, &shares).into_iter();
    let owner = |heir: Option<Incarnation>| heir.or_else(|| shared.next());
    let owners = heirs.into_iter().map(owner);
    owners
        .map(|owner| owner.expect("one for each that nobody else has"))
        .collect()
}

/// The epochs in which the survivors go on and new backups are named, filled and swapped in.
fn exit_point_steps(mut next: Topology, table: Vec<super::ExitPoints>) -> Vec<Topology> {
    let members: Vec<_> = next.layer(Layer::ExitPoints).collect();
    let primaries: Vec<_> = table.iter().map(|points| points.primary).collect();
    let target = pairs::paired(&table, &primaries, &members);
    let tables = pairs::steps(&table, &target, &next.instances);
    if tables.is_empty() {
        next.exit_points_of = table;
        return [next].into();
    }
    let mut steps = Vec::new();
    for table in tables {
        next.exit_points_of = table;
        steps.push(next.clone());
        next.epoch = next.epoch.next();
    }
    steps
}

fn anybody(topology: &Topology, layer: Layer) -> Incarnation {
    let mut all = topology.incarnations(layer);
    all.next().expect("a layer without anybody has no plan")
}
