//! Plans are even, minimal and repeatable, from any table.

use std::vec;

use gomera_model::HostId;
use proptest::prelude::*;

use super::*;

fn host(id: u64, layers: &[Layer]) -> HostEntry {
    HostEntry {
        layers: layers.to_vec(),
        ..HostEntry::of_all(HostId(id))
    }
}

fn hosts(entries: &[HostEntry]) -> BTreeMap<HostId, HostEntry> {
    entries
        .iter()
        .map(|entry| (entry.id, entry.clone()))
        .collect()
}

fn one_host() -> BTreeMap<HostId, HostEntry> {
    hosts(&[host(1, &Layer::ALL)])
}

fn start(matchers: u32) -> Topology {
    let mut layout = Layout::of_each(2);
    layout.counts.insert(Layer::Matchers, matchers);
    first(&layout, &one_host()).unwrap()
}

fn newest(topology: &Topology) -> Incarnation {
    topology.instances.last().unwrap().incarnation
}

fn matchers_on(
    (topology, count): (&Topology, u32),
    hosts: &BTreeMap<HostId, HostEntry>,
    last: u64,
    ended: &[Incarnation],
) -> Result<Option<Change>, NoHost> {
    let ground = Ground {
        topology,
        hosts,
        draining: &BTreeSet::new(),
        last: Incarnation(last),
        ended,
    };
    let wish = Wish {
        layer: Layer::Matchers,
        count,
        shares: Shares::Weighted(&[]),
    };
    change(ground, wish)
}

/// A change of matchers, or one that changes nothing.
fn resize(topology: &Topology, count: u32) -> Change {
    let last = newest(topology).max(Incarnation(1000)).0;
    let change = matchers_on((topology, count), &one_host(), last, &[]);
    change.unwrap().unwrap_or_else(|| Change {
        layer: Layer::Matchers,
        steps: vec![Topology {
            epoch: topology.epoch.next(),
            ..topology.clone()
        }],
        moves: vec![],
        joining: vec![],
        leaving: vec![],
    })
}

fn counts(topology: &Topology) -> Vec<usize> {
    let matchers = topology.incarnations(Layer::Matchers);
    matchers.map(|m| topology.slots_of(m).count()).collect()
}

fn even(counts: &[usize]) -> bool {
    counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1
}

/// The fewest slots that must move to an even share, counted without making a plan.
fn fewest(topology: &Topology, members: &BTreeSet<Incarnation>) -> usize {
    let (share, odd) = (SLOTS / members.len(), SLOTS % members.len());
    let owned = |member: &Incarnation| topology.slots_of(*member).count();
    let stay: usize = members.iter().map(|m| owned(m).min(share)).sum();
    let above = members.iter().filter(|m| owned(m) > share).count();
    SLOTS - stay - above.min(odd)
}

fn check(topology: &Topology, count: u32) -> Change {
    let change = resize(topology, count);
    let next = &change.steps[0];
    assert_eq!(next.check(), Ok(()));
    assert_eq!(next.epoch, topology.epoch.next());
    assert_eq!(next.layer(Layer::Matchers).count(), count as usize);
    assert!(even(&counts(next)), "{:?}", counts(next));
    let members: BTreeSet<_> = next.incarnations(Layer::Matchers).collect();
    let moved: usize = change.moves.iter().map(|m| m.slots.len()).sum();
    assert_eq!(moved, fewest(topology, &members));
    assert_eq!(change, resize(topology, count), "the same again");
    assert!(change.moves.is_sorted_by_key(|m| (m.from, m.to)));
    for m in &change.moves {
        assert!(m.slots.is_sorted());
        assert!(m.slots.iter().all(|s| topology.matcher(*s) == m.from));
        assert!(m.slots.iter().all(|s| next.matcher(*s) == m.to));
    }
    for gone in &change.leaving {
        assert!(next.instance(gone.incarnation).is_none());
    }
    change
}

#[test]
fn the_first_topology_is_even_and_in_runs() {
    for matchers in [1, 2, 3, 7, 256] {
        let topology = start(matchers);
        assert_eq!(topology.check(), Ok(()));
        assert_eq!(topology.epoch, Epoch(1));
        assert!(even(&counts(&topology)));
        let runs = topology.matcher_of.chunk_by(|a, b| a == b).count();
        assert_eq!(runs, matchers as usize);
    }
}

#[test]
fn nothing_is_laid_out_before_the_hosts_for_it_exist() {
    let mut layout = Layout::of_each(1);
    assert_eq!(first(&layout, &BTreeMap::new()), None);
    let no_matchers = hosts(&[host(1, &[Layer::ConnectionPoints, Layer::ExitPoints])]);
    assert_eq!(first(&layout, &no_matchers), None);
    layout.hosts_min = 2;
    assert_eq!(first(&layout, &one_host()), None);
    let two = hosts(&[host(1, &Layer::ALL), host(4, &Layer::ALL)]);
    assert!(first(&layout, &two).is_some());
}

#[test]
fn the_first_layout_is_spread_over_the_hosts() {
    let hosts = hosts(&[1, 2, 3].map(|id| host(id, &Layer::ALL)));
    let topology = first(&Layout::of_each(3), &hosts).unwrap();
    for layer in Layer::ALL {
        let there: BTreeSet<_> = topology.layer(layer).map(|i| i.host).collect();
        assert_eq!(there.len(), 3, "one of {layer:?} on each host");
    }
    let topology = first(&Layout::of_each(1), &hosts).unwrap();
    let busiest = hosts.keys().map(|id| {
        let on_host = topology.instances.iter().filter(|i| i.host == *id);
        on_host.count()
    });
    assert_eq!(busiest.max(), Some(2), "four instances over three hosts");
}

#[test]
fn one_to_three_keeps_a_third_and_gives_two_runs() {
    let topology = start(1);
    let change = check(&topology, 3);
    assert_eq!(counts(&change.steps[0]), [1366, 1365, 1365]);
    assert_eq!(
        change.steps[0].matcher_of.chunk_by(|a, b| a == b).count(),
        3
    );
    let back = check(&change.steps[0], 1);
    assert_eq!(back.leaving, change.joining, "the highest places go");
    assert_eq!(back.steps[0].instances, topology.instances);
}

#[test]
fn the_same_number_moves_nothing() {
    let change = check(&start(5), 5);
    assert!(change.moves.is_empty() && change.joining.is_empty() && change.leaving.is_empty());
}

#[test]
fn a_skewed_table_of_the_same_number_is_evened() {
    let mut topology = start(2);
    let poor = topology.matcher_of[SLOTS - 1];
    let rich = topology.matcher_of[0];
    topology.matcher_of[SLOTS - 1000..].fill(rich);
    let change = check(&topology, 2);
    assert!(change.moves.iter().all(|m| m.from == rich && m.to == poor));
}

#[test]
fn places_are_taken_again_and_incarnations_never() {
    let shrunk = check(&start(4), 2).steps.remove(0);
    let grown = matchers_on((&shrunk, 3), &one_host(), 77, &[])
        .unwrap()
        .unwrap();
    let new = &grown.joining[0];
    assert_eq!((new.id, new.incarnation), (InstanceId(2), Incarnation(78)));
}

#[test]
fn new_instances_go_where_there_are_fewest() {
    let all = hosts(&[
        host(1, &Layer::ALL),
        host(2, &Layer::ALL),
        host(3, &[Layer::Matchers]),
        host(4, &[Layer::ExitPoints]),
    ]);
    let change = matchers_on((&start(1), 6), &all, 50, &[]).unwrap().unwrap();
    let at: Vec<_> = change.joining.iter().map(|i| i.host.0).collect();
    assert_eq!(at, vec![2, 3, 2, 3, 1]);
}

#[test]
fn without_a_host_for_matchers_none_is_planned() {
    let none = hosts(&[host(4, &[Layer::ExitPoints])]);
    assert_eq!(matchers_on((&start(1), 2), &none, 50, &[]), Err(NoHost));
    assert!(matchers_on((&start(2), 1), &none, 50, &[]).is_ok());
}

#[test]
fn the_newest_ended_are_retired() {
    let mut topology = start(1);
    topology.retired = (1000..2000).map(Incarnation).collect();
    let ended = [Incarnation(3000), Incarnation(1999)].into_iter();
    let ended: Vec<_> = ended.chain((2100..2200).map(Incarnation)).collect();
    let change = matchers_on((&topology, 2), &one_host(), 5000, &ended)
        .unwrap()
        .unwrap();
    let retired = &change.steps[0].retired;
    assert_eq!(retired.len(), RETIRED_MAX);
    assert_eq!(retired.first(), Some(&Incarnation(1077)));
    assert_eq!(retired.last(), Some(&Incarnation(3000)));
    assert!(retired.is_sorted_by(|a, b| a < b));
}

/// A layer on one host, from the counts of a first start.
fn change_of(topology: &Topology, layer: Layer, count: u32, weights: &[u32]) -> Option<Change> {
    let hosts = one_host();
    let ground = Ground {
        topology,
        hosts: &hosts,
        draining: &BTreeSet::new(),
        last: Incarnation(1000),
        ended: &[],
    };
    let wish = Wish {
        layer,
        count,
        shares: Shares::Weighted(weights),
    };
    change(ground, wish).unwrap()
}

#[test]
fn weights_share_the_slots() {
    let change = change_of(&start(2), Layer::Matchers, 2, &[3, 1]).unwrap();
    assert_eq!(counts(change.outcome()), [3072, 1024]);
    let skewed = change.outcome();
    assert!(change_of(skewed, Layer::Matchers, 2, &[3, 1]).is_none());
    let even = change_of(skewed, Layer::Matchers, 2, &[]).unwrap();
    assert_eq!(counts(even.outcome()), [2048, 2048]);
}

#[test]
fn exit_points_are_named_then_swapped_and_go_when_they_own_nothing() {
    let topology = start(1);
    let grown = change_of(&topology, Layer::ExitPoints, 3, &[]).unwrap();
    assert_eq!(grown.steps.len(), 2);
    let further = |t: &Topology| {
        t.exit_points_of
            .iter()
            .filter(|p| p.further.is_some())
            .count()
    };
    assert_eq!(further(&grown.steps[0]), 1365);
    assert_eq!(further(&grown.steps[1]), 0);
    let shrunk = change_of(grown.outcome(), Layer::ExitPoints, 1, &[]).unwrap();
    assert_eq!(shrunk.steps.len(), 3);
    let listed = |t: &Topology| t.layer(Layer::ExitPoints).count();
    assert_eq!(
        shrunk.steps.iter().map(listed).collect::<Vec<_>>(),
        [3, 3, 1]
    );
    assert!(change_of(shrunk.outcome(), Layer::ExitPoints, 1, &[]).is_none());
    for (index, step) in grown.steps.iter().chain(&shrunk.steps).enumerate() {
        assert_eq!(step.check(), Ok(()));
        assert_eq!(step.epoch, Epoch(2 + index as u64));
    }
}

#[test]
fn who_owns_no_slots_is_listed_then_fed_no_more_then_gone() {
    for layer in [Layer::AccessPoints, Layer::ConnectionPoints] {
        let grown = change_of(&start(1), layer, 4, &[]).unwrap();
        assert_eq!((grown.steps.len(), grown.joining.len()), (1, 2));
        let shrunk = change_of(grown.outcome(), layer, 1, &[]).unwrap();
        let leaving = |t: &Topology| t.layer(layer).filter(|i| i.leaving).count();
        assert_eq!(shrunk.steps.iter().map(leaving).collect::<Vec<_>>(), [3, 0]);
        assert_eq!(shrunk.outcome().layer(layer).count(), 1);
        assert!(change_of(shrunk.outcome(), layer, 1, &[]).is_none());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any way from count to count, from any table: even, minimal, deterministic.
    #[test]
    fn every_plan_is_even_minimal_and_repeatable(
        begin in 1_u32..40,
        counts in prop::collection::vec(1_u32..40, 1..4),
        skew in prop::collection::vec((0_usize..SLOTS, 0_usize..SLOTS, 0_usize..64), 0..3),
    ) {
        let mut topology = start(begin);
        let members: Vec<_> = topology.incarnations(Layer::Matchers).collect();
        for (a, b, owner) in skew {
            topology.matcher_of[a.min(b)..a.max(b)].fill(members[owner % members.len()]);
        }
        for count in counts {
            topology = check(&topology, count).steps.remove(0);
        }
    }
}
