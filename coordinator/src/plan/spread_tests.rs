//! Whatever hosts come, whatever is asked: nothing is held twice on one host, all is even, and nothing moves in vain.

use std::string::{String, ToString};

use proptest::prelude::*;

use super::*;

/// Hosts that there are, and those that are being emptied.
#[derive(Clone, Debug, Default)]
struct Site {
    hosts: BTreeMap<HostId, HostEntry>,
    draining: BTreeSet<HostId>,
}

/// What happens next.
#[derive(Clone, Debug)]
enum Event {
    /// A host comes: its zone, its cores.
    Comes(u8, u32),
    /// One of those that are there is to be emptied, if another one is left.
    Drains(usize),
    /// A layer shall have so many.
    Scale(usize, u32),
}

impl Site {
    fn of(hosts: &[(u8, u32)]) -> Self {
        let mut site = Self::default();
        hosts
            .iter()
            .for_each(|&(zone, cores)| site.come(zone, cores));
        site
    }

    fn come(&mut self, zone: u8, cores: u32) {
        let last = self.hosts.keys().next_back().copied();
        let id = last.unwrap_or_default().next();
        let zone = ["", "a", "b", "c"][usize::from(zone)].to_string();
        let entry = HostEntry {
            zone,
            cores,
            ..HostEntry::of_all(id)
        };
        self.hosts.insert(id, entry);
    }

    fn taking(&self) -> impl Iterator<Item = &HostEntry> + Clone {
        let hosts = self.hosts.values();
        hosts.filter(|host| !self.draining.contains(&host.id))
    }

    fn first(&self, count: u32) -> Topology {
        let layout = Layout {
            matcher_replicas: 1,
            ..Layout::of_each(count)
        };
        first(&layout, &self.hosts).unwrap()
    }

    fn change(&self, topology: &Topology, layer: Layer, count: u32) -> Option<Change> {
        let wish = Wish {
            layer,
            count,
            shares: Shares::Weighted(&[]),
        };
        self.wish(topology, wish)
    }

    fn wish(&self, topology: &Topology, wish: Wish<'_>) -> Option<Change> {
        let ground = Ground {
            topology,
            hosts: &self.hosts,
            draining: &self.draining,
            last: topology.instances.last().unwrap().incarnation,
            ended: &[],
        };
        change(ground, wish).unwrap()
    }

    fn cores(&self, host: HostId) -> usize {
        usize::try_from(self.hosts[&host].cores).unwrap()
    }
}

/// How many of a layer each host has that takes instances.
fn per_host(site: &Site, topology: &Topology, layer: Layer) -> BTreeMap<HostId, usize> {
    let on = |host| topology.layer(layer).filter(|i| i.host == host).count();
    site.taking().map(|host| (host.id, on(host.id))).collect()
}

fn zones<'a>(of: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    of.map(ToString::to_string).collect()
}

/// Of a layer, everybody is where a new one may be, every zone has one, every host has one, and moving one from one host
/// to another would make nothing better.
fn check_spread(site: &Site, topology: &Topology, layer: Layer) {
    let members: Vec<_> = topology.layer(layer).collect();
    let counts = per_host(site, topology, layer);
    assert_eq!(counts.values().sum::<usize>(), members.len(), "{counts:?}");
    let all_zones = zones(site.taking().map(|host| &*host.zone));
    let its_zones = zones(members.iter().map(|member| &*member.zone));
    assert_eq!(its_zones.len(), all_zones.len().min(members.len()));
    let in_zones = layer == Layer::ExitPoints && all_zones.len() > 1;
    for zone in all_zones.iter().filter(|_| in_zones) {
        let there = members.iter().filter(|member| member.zone == **zone);
        assert!(there.count() <= members.len().div_ceil(2));
    }
    for (one, here) in &counts {
        for (other, there) in counts.iter().filter(|_| *here > 1) {
            let zone = |host| &site.hosts[host].zone;
            if in_zones && zone(one) != zone(other) {
                continue;
            }
            assert!(*there > 0, "{layer:?} {counts:?}");
            let is_half = layer == Layer::ExitPoints && there + 1 > members.len().div_ceil(2);
            let (own, others) = (site.cores(*one), site.cores(*other));
            assert!(
                here * others <= (there + 1) * own || is_half || in_zones,
                "{layer:?} {counts:?}"
            );
        }
    }
}

/// Both of every pair are apart as far as can be.
fn check_pairs(topology: &Topology) {
    let members: Vec<_> = topology.layer(Layer::ExitPoints).collect();
    let hosts: BTreeSet<_> = members.iter().map(|member| member.host).collect();
    let zones = zones(members.iter().map(|member| &*member.zone));
    for points in &topology.exit_points_of {
        let primary = topology.instance(points.primary).unwrap();
        let backup = points.backup.and_then(|backup| topology.instance(backup));
        assert_eq!(backup.is_some(), hosts.len() > 1);
        if let Some(backup) = backup {
            assert_ne!(primary.host, backup.host);
            assert!(zones.len() < 2 || primary.zone != backup.zone);
        }
    }
}

/// Who may stand by for a matcher: whoever is apart from it.
fn able(topology: &Topology, owner: Incarnation) -> Vec<Incarnation> {
    let members: Vec<_> = topology.layer(Layer::Matchers).collect();
    let is_zoned = zones(members.iter().map(|member| &*member.zone)).len() > 1;
    let owner = topology.instance(owner).unwrap();
    let is_apart = |member: &&&Instance| match is_zoned {
        true => member.zone != owner.zone,
        false => member.host != owner.host,
    };
    let able = members.iter().filter(is_apart);
    able.map(|member| member.incarnation).collect()
}

/// Every slot has a standby apart from its owner, as far as can be, and what one owner has is shared evenly.
fn check_standbys(topology: &Topology) {
    assert_eq!(topology.check(), Ok(()));
    assert_eq!(topology.matcher_replicas, 1);
    let owners: BTreeSet<_> = topology.matcher_of.iter().copied().collect();
    for owner in owners {
        let able = able(topology, owner);
        let own: Vec<_> = topology.slots_of(owner).collect();
        let mut counts: BTreeMap<_, usize> = able.iter().map(|one| (*one, 0)).collect();
        for slot in &own {
            let standby = topology.standby(*slot);
            assert_eq!(standby.is_some(), !able.is_empty());
            if let Some(standby) = standby {
                *counts.get_mut(&standby).expect("apart from the owner") += 1;
            }
        }
        let most = counts.values().max().copied().unwrap_or(0);
        let least = counts.values().min().copied().unwrap_or(0);
        assert!(most - least <= 1, "{counts:?}");
    }
}

/// Nobody else stands by for a slot that could stay with whom it has: as many as the shares allow stay.
fn check_kept(before: &Topology, after: &Topology) {
    let owners: BTreeSet<_> = after.matcher_of.iter().copied().collect();
    for owner in owners {
        let able = able(after, owner);
        let own: Vec<_> = after.slots_of(owner).collect();
        let share = own.len() / able.len().max(1);
        for standby in able {
            let had = own
                .iter()
                .filter(|slot| before.standby(**slot) == Some(standby));
            let kept = had
                .clone()
                .filter(|slot| after.standby(**slot) == Some(standby));
            assert!(kept.count() >= had.count().min(share));
        }
    }
}

/// On the way no pair is on one host that was not so before.
fn check_way(before: &Topology, change: &Change) {
    let is_apart = |topology: &Topology, points: &ExitPoints| {
        let host = |who| topology.instance(who).unwrap().host;
        let backup = points.backup.map(host);
        backup.is_some_and(|backup| backup != host(points.primary))
    };
    let all_apart = |topology: &Topology| {
        let mut points = topology.exit_points_of.iter();
        points.all(|points| is_apart(topology, points))
    };
    check_kept(before, change.outcome());
    for step in &change.steps {
        assert_eq!(step.check(), Ok(()));
        check_standbys(step);
        assert!(!all_apart(before) || !all_apart(change.outcome()) || all_apart(step));
    }
}

/// How many slots each has as a primary and as a backup.
fn roles(topology: &Topology) -> (Vec<usize>, Vec<usize>) {
    let members: Vec<_> = topology.incarnations(Layer::ExitPoints).collect();
    let points = topology.exit_points_of.iter();
    let primary = |who: &Incarnation| points.clone().filter(|p| p.primary == *who).count();
    let backup = |who: &Incarnation| points.clone().filter(|p| p.backup == Some(*who)).count();
    (
        members.iter().map(primary).collect(),
        members.iter().map(backup).collect(),
    )
}

/// The least that the busiest backup can have: an even share, or what those of one domain leave to those of the others.
fn least_backups(topology: &Topology) -> usize {
    let members: Vec<_> = topology.layer(Layer::ExitPoints).collect();
    let is_zoned = zones(members.iter().map(|m| &*m.zone)).len() > 1;
    let domain = |one: &Instance| match is_zoned {
        true => one.zone.clone(),
        false => one.host.to_string(),
    };
    let (primaries, _) = roles(topology);
    let even = SLOTS.div_ceil(members.len());
    let all: BTreeSet<_> = members.iter().map(|one| domain(one)).collect();
    let left = all.iter().map(|of| {
        let inside = (members.iter().zip(&primaries)).filter(|(one, _)| domain(one) == *of);
        let outside = members.iter().filter(|one| domain(one) != *of).count();
        let slots: usize = inside.map(|(_, slots)| slots).sum();
        slots.div_ceil(outside.max(1))
    });
    left.max().unwrap_or(0).max(even)
}

fn check_balance(topology: &Topology) {
    let (primaries, backups) = roles(topology);
    let most = |counts: &[usize]| counts.iter().copied().max().unwrap_or(0);
    let least = primaries.iter().copied().min().unwrap_or(0);
    assert!(most(&primaries) - least <= 1, "{primaries:?}");
    let bound = least_backups(topology);
    assert!(most(&backups) <= bound, "{backups:?}, not {bound}");
}

fn check(site: &Site, topology: &Topology) {
    Layer::ALL
        .into_iter()
        .filter(|layer| {
            site.change(topology, *layer, count(topology, *layer))
                .is_none()
        })
        .for_each(|layer| check_spread(site, topology, layer));
    check_pairs(topology);
    check_standbys(topology);
}

fn count(topology: &Topology, layer: Layer) -> u32 {
    u32::try_from(topology.layer(layer).count()).unwrap()
}

fn any_host() -> impl Strategy<Value = (u8, u32)> {
    (0..4_u8, prop_oneof![Just(4_u32), 1..9_u32])
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        1 => any_host().prop_map(|(zone, cores)| Event::Comes(zone, cores)),
        1 => any::<usize>().prop_map(Event::Drains),
        4 => (0..4_usize, 1..10_u32).prop_map(|(layer, count)| Event::Scale(layer, count)),
    ]
}

/// Empties a host as an operation a layer does.
fn empty(site: &Site, mut topology: Topology) -> Topology {
    for layer in Layer::ALL {
        let wish = Wish {
            layer,
            count: count(&topology, layer),
            shares: Shares::Kept,
        };
        if let Some(change) = site.wish(&topology, wish) {
            check_way(&topology, &change);
            topology = change.outcome().clone();
            assert!(topology.instances.iter().all(|instance| !instance.leaving));
        }
    }
    let hosts = topology.instances.iter().map(|instance| instance.host);
    assert!(hosts.into_iter().all(|host| !site.draining.contains(&host)));
    topology
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whatever_happens_all_is_apart_and_even(
        hosts in prop::collection::vec(any_host(), 1..6),
        begin in 1..5_u32,
        events in prop::collection::vec(any_event(), 1..8),
    ) {
        let mut site = Site::of(&hosts);
        let mut topology = site.first(begin);
        check(&site, &topology);
        check_balance(&topology);
        for event in events {
            match event {
                Event::Comes(zone, cores) => site.come(zone, cores),
                Event::Drains(which) => {
                    let taking: Vec<_> = site.taking().map(|host| host.id).collect();
                    if taking.len() > 1 {
                        site.draining.insert(taking[which % taking.len()]);
                        topology = empty(&site, topology);
                    }
                }
                Event::Scale(layer, wanted) => {
                    let layer = Layer::ALL[layer];
                    if let Some(change) = site.change(&topology, layer, wanted) {
                        check_way(&topology, &change);
                        topology = change.outcome().clone();
                    }
                    prop_assert_eq!(count(&topology, layer), wanted);
                    prop_assert_eq!(site.change(&topology, layer, wanted), None, "once is enough");
                    check_spread(&site, &topology, layer);
                    if layer == Layer::ExitPoints {
                        check_balance(&topology);
                    }
                }
            }
            check(&site, &topology);
        }
    }

    #[test]
    fn where_no_host_comes_or_goes_nobody_moves_in_vain(
        hosts in prop::collection::vec(any_host(), 1..6),
        begin in 1..5_u32,
        scale in prop::collection::vec((0..4_usize, 1..10_u32), 1..8),
    ) {
        let site = Site::of(&hosts);
        let mut topology = site.first(begin);
        for (layer, wanted) in scale {
            let layer = Layer::ALL[layer];
            let had = count(&topology, layer);
            let Some(change) = site.change(&topology, layer, wanted) else {
                prop_assert_eq!(had, wanted);
                continue;
            };
            prop_assert_eq!(change.joining.len(), wanted.saturating_sub(had) as usize);
            prop_assert_eq!(change.leaving.len(), had.saturating_sub(wanted) as usize);
            topology = change.outcome().clone();
        }
    }
}

#[test]
fn a_new_empty_host_is_used_by_the_next_operation() {
    let mut site = Site::of(&[(0, 4), (0, 4)]);
    let topology = site.first(4);
    site.come(0, 4);
    for layer in Layer::ALL {
        let change = site.change(&topology, layer, 4).unwrap();
        let at: Vec<_> = change.joining.iter().map(|one| one.host).collect();
        assert_eq!(at, [HostId(3)], "one moves there");
        assert_eq!(change.leaving.len(), 1);
        let grown = site.change(&topology, layer, 6).unwrap();
        let at: Vec<_> = grown.joining.iter().map(|one| one.host).collect();
        assert_eq!(at, [HostId(3); 2], "nobody moves");
    }
}

#[test]
fn who_has_more_cores_has_more() {
    let site = Site::of(&[(0, 8), (0, 2), (0, 2)]);
    let topology = site.first(6);
    let of = |layer| -> Vec<usize> { per_host(&site, &topology, layer).into_values().collect() };
    assert_eq!(of(Layer::Matchers), [4, 1, 1]);
    assert_eq!(
        of(Layer::ExitPoints),
        [3, 2, 1],
        "half of the pairs at most"
    );
}

#[test]
fn who_takes_the_place_of_who_goes_takes_its_share() {
    let mut site = Site::of(&[(0, 4), (0, 4), (0, 4)]);
    let topology = site.first(3);
    let wish = Wish {
        layer: Layer::Matchers,
        count: 3,
        shares: Shares::Weighted(&[2, 1, 1]),
    };
    let topology = site.wish(&topology, wish).unwrap().outcome().clone();
    let slots = |topology: &Topology| -> Vec<usize> {
        let matchers = topology.incarnations(Layer::Matchers);
        matchers.map(|one| topology.slots_of(one).count()).collect()
    };
    assert_eq!(slots(&topology), [2048, 1024, 1024]);
    site.draining.insert(HostId(1));
    let wish = Wish {
        shares: Shares::Kept,
        ..wish
    };
    let change = site.wish(&topology, wish).unwrap();
    assert_eq!(slots(change.outcome()), [1024, 1024, 2048]);
    assert_eq!(change.moves.len(), 1, "nobody else gives anything");
}

#[test]
fn who_follows_the_dead_is_on_a_host_that_is_emptied_rather_than_nowhere() {
    let mut site = Site::of(&[(0, 4), (0, 4)]);
    let topology = site.first(2);
    site.draining.insert(HostId(2));
    site.hosts.remove(&HostId(1));
    let dead: Vec<_> = (topology.instances.iter())
        .filter(|instance| instance.host == HostId(1))
        .cloned()
        .collect();
    let followers = |site: &Site| -> BTreeSet<HostId> {
        let ground = Ground {
            topology: &topology,
            hosts: &site.hosts,
            draining: &site.draining,
            last: Incarnation(100),
            ended: &[],
        };
        let change = recover(ground, &dead).unwrap();
        change.joining.iter().map(|one| one.host).collect()
    };
    assert_eq!(followers(&site), BTreeSet::from([HostId(2)]));
    site.come(0, 4);
    assert_eq!(followers(&site), BTreeSet::from([HostId(3)]));
}

/// What is planned when all that runs on a host is lost.
fn lose(site: &mut Site, topology: &Topology, host: HostId) -> Topology {
    site.hosts.remove(&host);
    let dead: Vec<_> = (topology.instances.iter())
        .filter(|instance| instance.host == host)
        .cloned()
        .collect();
    let ground = Ground {
        topology,
        hosts: &site.hosts,
        draining: &site.draining,
        last: topology.instances.last().unwrap().incarnation,
        ended: &[],
    };
    let change = recover(ground, &dead).unwrap();
    check_kept(topology, change.outcome());
    change.steps.iter().for_each(check_standbys);
    change.outcome().clone()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn who_stands_by_takes_over_and_nobody_gives_anything_away(
        hosts in prop::collection::vec(any_host(), 2..6),
        begin in 1..7_u32,
        which in any::<usize>(),
        weights in prop::collection::vec(1..5_u32, 6),
    ) {
        let mut site = Site::of(&hosts);
        let wish = Wish {
            layer: Layer::Matchers,
            count: begin,
            shares: Shares::Weighted(&weights[..usize::try_from(begin).unwrap()]),
        };
        let first = site.first(begin);
        let weighted = site.wish(&first, wish);
        let topology = weighted.map_or(first, |change| change.outcome().clone());
        let ids: Vec<_> = site.hosts.keys().copied().collect();
        let lost = ids[which % ids.len()];
        let after = lose(&mut site, &topology, lost);
        check_standbys(&after);
        for slot in SlotId::all() {
            let owner = topology.matcher(slot);
            let standby = topology.standby(slot);
            if topology.instance(owner).unwrap().host != lost {
                prop_assert_eq!(after.matcher(slot), owner);
            } else if let Some(standby) = standby {
                prop_assert_eq!(after.matcher(slot), standby);
            }
        }
    }
}

#[test]
fn what_one_matcher_had_goes_to_many() {
    let mut site = Site::of(&[(0, 4), (0, 4), (0, 4), (0, 4)]);
    let topology = site.first(4);
    let heirs: BTreeMap<_, _> = {
        let after = lose(&mut site, &topology, HostId(1));
        let mut heirs: BTreeMap<Incarnation, usize> = BTreeMap::new();
        for slot in SlotId::all() {
            if after.matcher(slot) != topology.matcher(slot) {
                *heirs.entry(after.matcher(slot)).or_default() += 1;
            }
        }
        heirs
    };
    let shares: Vec<_> = heirs.into_values().collect();
    assert_eq!(shares, [342, 341, 341]);
}

#[test]
fn without_the_wish_nobody_stands_by() {
    let site = Site::of(&[(0, 4), (0, 4)]);
    let topology = first(&Layout::of_each(2), &site.hosts).unwrap();
    assert_eq!(topology.standby_of, []);
    let change = site.change(&topology, Layer::Matchers, 3).unwrap();
    assert_eq!(change.outcome().standby_of, []);
    assert_eq!(change.outcome().matcher_replicas, 0);
}
