//! The pairs of exit points: who is primary and backup of each session slot, and by which tables a change gets there.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;

use gomera_model::control::Move;
use gomera_model::topology::ExitPoints;
use gomera_model::{HostId, Incarnation, Instance, SlotId};

use super::slots;

/// The table that the members shall have: primaries by their shares; backups on another host than their primary, in
/// another zone where there is one, as evenly as that allows. Without a second host there are none.
pub(super) fn target(
    present: &[ExitPoints],
    members: &[&Instance],
    shares: &[(Incarnation, u32)],
) -> Vec<ExitPoints> {
    let primaries = slots::rebalance(&primaries(present), shares);
    paired(present, &primaries, members)
}

/// The primary of every slot.
pub(super) fn primaries(table: &[ExitPoints]) -> Vec<Incarnation> {
    table.iter().map(|points| points.primary).collect()
}

/// The table after these have died: their backups deliver, and who died alone is followed by whoever takes its place.
/// Nobody is named anew, and who was being filled begins again.
pub(super) fn without(
    present: &[ExitPoints],
    dead: &[Incarnation],
    follower: impl Fn(Incarnation) -> Incarnation,
) -> Vec<ExitPoints> {
    let alive = |who: Option<Incarnation>| who.filter(|who| !dead.contains(who));
    let survivors = present.iter().map(|points| {
        let backup = alive(points.backup);
        let primary = alive(Some(points.primary));
        ExitPoints {
            primary: primary
                .or(backup)
                .unwrap_or_else(|| follower(points.primary)),
            backup: backup.filter(|_| primary.is_some()),
            further: None,
        }
    });
    survivors.collect()
}

/// The table with these primaries, and backups for all of them: on another host, in another zone where there are two, no
/// member with more than the evenest share that this allows. Who is backup now stays so within that.
pub(super) fn paired(
    present: &[ExitPoints],
    primaries: &[Incarnation],
    members: &[&Instance],
) -> Vec<ExitPoints> {
    let mut backups = Backups::new(members, primaries);
    if backups.is_one_domain() {
        return primaries.iter().copied().map(super::alone).collect();
    }
    for (slot, before) in present.iter().enumerate() {
        backups.keep(slot, *before);
    }
    for slot in 0..primaries.len() {
        backups.fill(slot);
    }
    let table = primaries.iter().zip(backups.of_slot);
    table
        .map(|(&primary, backup)| ExitPoints {
            primary,
            backup,
            further: None,
        })
        .collect()
}

/// The tables from one to another, one epoch each: by turns somebody is named further and filled, then takes its place.
/// Nobody gives up a slot before who follows has been filled. `instances`: everybody of the tables, and where they are.
pub(super) fn steps(
    present: &[ExitPoints],
    target: &[ExitPoints],
    instances: &[Instance],
) -> Vec<Vec<ExitPoints>> {
    let mut steps = Vec::new();
    let mut now = present.to_vec();
    while now != target {
        let pairs = || now.iter().zip(target);
        let named: Vec<_> = pairs().map(|(now, target)| name(*now, *target)).collect();
        if named != now {
            steps.push(named.clone());
        }
        now = (named.iter().zip(target))
            .map(|(named, target)| swap(*named, *target, instances))
            .collect();
        steps.push(now.clone());
    }
    steps
}

/// What has to be filled, ordered by (from, to): from the primary that fills it.
pub(super) fn moves(present: &[ExitPoints], target: &[ExitPoints]) -> Vec<Move> {
    let mut moving: BTreeMap<(Incarnation, Incarnation), Vec<SlotId>> = BTreeMap::new();
    for (slot, (now, target)) in SlotId::all().zip(present.iter().zip(target)) {
        for to in missing(*now, *target) {
            moving.entry((now.primary, to)).or_default().push(slot);
        }
    }
    let moves = moving.into_iter();
    moves
        .map(|((from, to), slots)| Move { from, to, slots })
        .collect()
}

/// Those of the target that do not hold the slot yet, the primary first.
fn missing(now: ExitPoints, target: ExitPoints) -> impl Iterator<Item = Incarnation> {
    target
        .all()
        .filter(move |wanted| now.all().all(|holds| holds != *wanted))
}

fn name(now: ExitPoints, target: ExitPoints) -> ExitPoints {
    ExitPoints {
        further: missing(now, target).next(),
        ..now
    }
}

/// The roles as near to the target as those who hold the slot allow.
fn swap(named: ExitPoints, target: ExitPoints, instances: &[Instance]) -> ExitPoints {
    if missing(named, target).next().is_none() {
        return target;
    }
    // Its backup is still to be filled. Until then one of the old pair is: one on another host, if there is one.
    let old = [named.backup, Some(named.primary)].into_iter().flatten();
    let old = old.filter(|old| *old != target.primary);
    let host = host_of(target.primary, instances);
    ExitPoints {
        primary: target.primary,
        backup: old.min_by_key(|old| host_of(*old, instances) == host),
        further: None,
    }
}

fn host_of(who: Incarnation, instances: &[Instance]) -> Option<HostId> {
    let mut instances = instances.iter();
    let instance = instances.find(|instance| instance.incarnation == who);
    instance.map(|instance| instance.host)
}

/// Who backs up which slot. Members of one domain, a zone or else a host, never back each other up.
struct Backups {
    domain_of: BTreeMap<Incarnation, usize>,
    /// The domain of each slot's primary.
    domains: Vec<usize>,
    of_slot: Vec<Option<Incarnation>>,
    load: BTreeMap<Incarnation, usize>,
    /// What nobody has to exceed.
    share: usize,
}

impl Backups {
    fn new(members: &[&Instance], primaries: &[Incarnation]) -> Self {
        let zones: BTreeSet<_> = members.iter().map(|member| &member.zone).collect();
        let hosts: BTreeSet<_> = members.iter().map(|member| member.host).collect();
        let domain = |member: &Instance| match zones.len() {
            1 => hosts.iter().position(|host| *host == member.host),
            _ => zones.iter().position(|zone| **zone == member.zone),
        };
        let domain_of: BTreeMap<_, _> = (members.iter())
            .filter_map(|member| Some((member.incarnation, domain(member)?)))
            .collect();
        let domains = primaries.iter().map(|primary| domain_of[primary]).collect();
        let mut backups = Self {
            domains,
            of_slot: vec![None; primaries.len()],
            load: domain_of.keys().map(|member| (*member, 0)).collect(),
            domain_of,
            share: primaries.len().div_ceil(members.len().max(1)),
        };
        // What those of one domain deliver, the others have to back up.
        for domain in 0..zones.len().max(hosts.len()) {
            let slots = backups.domains.iter().filter(|of| **of == domain).count();
            let others = backups.load.len() - backups.inside(domain).count();
            backups.share = backups.share.max(slots.div_ceil(others.max(1)));
        }
        backups
    }

    /// Whether nobody may back up anybody.
    fn is_one_domain(&self) -> bool {
        let mut all = self.domain_of.values();
        let first = all.next();
        all.all(|domain| Some(domain) == first)
    }

    /// The present backup, or the old primary where the roles changed, if it may go on.
    fn keep(&mut self, slot: usize, before: ExitPoints) {
        let kept = [before.backup, Some(before.primary)].into_iter().flatten();
        let mut able = kept.filter(|kept| {
            let domain = self.domain_of.get(kept);
            domain.is_some_and(|domain| *domain != self.domains[slot]) && self.has_room(*kept)
        });
        if let Some(backup) = able.next() {
            self.assign(slot, backup);
        }
    }

    /// Finds a backup, if it has none yet: who has the fewest. Where all that may are full, one of them hands another
    /// slot on to somebody who may not back up this one.
    fn fill(&mut self, slot: usize) {
        if self.of_slot[slot].is_some() {
            return;
        }
        let domain = self.domains[slot];
        if let Some(backup) = self.lightest(|of| of != domain) {
            return self.assign(slot, backup);
        }
        let (Some(spare), Some(other)) =
            (self.lightest(|of| of == domain), self.handed_on_for(domain))
        else {
            return;
        };
        let backup = self.of_slot[other].expect("it has one to hand on");
        self.unassign(other);
        self.assign(other, spare);
        self.assign(slot, backup);
    }

    /// A slot of another domain that is not backed up in this one.
    fn handed_on_for(&self, domain: usize) -> Option<usize> {
        let is_outside = |backup: Incarnation| self.domain_of[&backup] != domain;
        let slots = self.of_slot.iter().zip(&self.domains);
        let mut slots = slots.enumerate();
        let found =
            slots.find(|(_, (backup, of))| **of != domain && backup.is_some_and(is_outside));
        found.map(|(slot, _)| slot)
    }

    fn lightest(&self, is_able: impl Fn(usize) -> bool) -> Option<Incarnation> {
        let able = self.domain_of.iter().filter(|(_, of)| is_able(**of));
        let with_room = able.map(|(who, _)| *who).filter(|who| self.has_room(*who));
        with_room.min_by_key(|who| (self.load[who], *who))
    }

    fn has_room(&self, who: Incarnation) -> bool {
        self.load[&who] < self.share
    }

    fn assign(&mut self, slot: usize, backup: Incarnation) {
        self.of_slot[slot] = Some(backup);
        *self.load.entry(backup).or_default() += 1;
    }

    fn unassign(&mut self, slot: usize) {
        if let Some(backup) = self.of_slot[slot].take() {
            *self.load.entry(backup).or_default() -= 1;
        }
    }

    fn inside(&self, domain: usize) -> impl Iterator<Item = Incarnation> {
        let inside = self.domain_of.iter().filter(move |(_, of)| **of == domain);
        inside.map(|(who, _)| *who)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec;

    use gomera_model::{InstanceId, Layer, SLOTS};
    use proptest::prelude::*;

    use super::*;

    fn member(incarnation: u64, host: u64, zone: &str) -> Instance {
        Instance {
            id: InstanceId(u32::try_from(incarnation).unwrap()),
            incarnation: Incarnation(incarnation),
            layer: Layer::ExitPoints,
            host: HostId(host),
            zone: zone.to_string(),
            leaving: false,
        }
    }

    fn alone(primary: u64) -> Vec<ExitPoints> {
        let points = ExitPoints {
            primary: Incarnation(primary),
            backup: None,
            further: None,
        };
        vec![points; SLOTS]
    }

    fn table(present: &[ExitPoints], members: &[Instance]) -> Vec<ExitPoints> {
        let members: Vec<_> = members.iter().collect();
        let shares: Vec<_> = members.iter().map(|m| (m.incarnation, 1)).collect();
        target(present, &members, &shares)
    }

    /// Everyone who holds a slot after a step held it before, or was named further in the step before.
    fn check_steps(present: &[ExitPoints], target: &[ExitPoints], instances: &[Instance]) -> usize {
        let steps = steps(present, target, instances);
        let mut before = present.to_vec();
        for step in &steps {
            for (was, is) in before.iter().zip(step) {
                let new: Vec<_> = missing(*was, *is).collect();
                assert!(new.is_empty() || new == [is.further.unwrap_or_default()]);
                assert!(is.backup != Some(is.primary));
                assert!(
                    is.further.is_none() || (is.primary, is.backup) == (was.primary, was.backup)
                );
            }
            before.clone_from(step);
        }
        assert_eq!(before, target);
        steps.len()
    }

    #[test]
    fn one_host_has_no_backups() {
        let wanted = table(&alone(1), &[member(1, 1, ""), member(2, 1, "")]);
        assert!(wanted.iter().all(|points| points.backup.is_none()));
        assert_eq!(check_steps(&alone(1), &wanted, &[]), 2);
        assert_eq!(moves(&alone(1), &wanted)[0].slots.len(), SLOTS / 2);
    }

    #[test]
    fn with_a_second_host_every_slot_has_a_pair() {
        let wanted = table(&alone(1), &[member(1, 1, ""), member(2, 2, "")]);
        let backed = |points: &ExitPoints| {
            points.all().collect::<Vec<_>>().len() == 2 && points.backup != Some(points.primary)
        };
        assert!(wanted.iter().all(backed));
        check_steps(&alone(1), &wanted, &[]);
    }

    #[test]
    fn a_backup_is_in_another_zone_where_there_is_one() {
        let members = [
            member(1, 1, "a"),
            member(2, 2, "a"),
            member(3, 3, "b"),
            member(4, 4, "b"),
        ];
        let zone = |who: Incarnation| &members.iter().find(|m| m.incarnation == who).unwrap().zone;
        for points in table(&alone(1), &members) {
            assert_ne!(zone(points.primary), zone(points.backup.unwrap()));
        }
    }

    #[test]
    fn a_pair_that_moves_is_never_on_one_host() {
        let before = [member(1, 1, ""), member(2, 2, "")];
        let after = [member(3, 2, ""), member(4, 1, "")];
        let pair = |primary, backup| {
            vec![
                ExitPoints {
                    primary: Incarnation(primary),
                    backup: Some(Incarnation(backup)),
                    further: None,
                };
                SLOTS
            ]
        };
        let everybody: Vec<_> = before.iter().chain(&after).cloned().collect();
        for step in steps(&pair(1, 2), &pair(3, 4), &everybody) {
            let backup = step[0].backup.expect("each step has a pair");
            let hosts = [step[0].primary, backup].map(|who| host_of(who, &everybody));
            assert_ne!(hosts[0], hosts[1], "{:?}", step[0]);
        }
    }

    fn any_members() -> impl Strategy<Value = Vec<Instance>> {
        let hosts = prop::collection::btree_map(1..9u64, 1..4u64, 1..6);
        hosts.prop_map(|hosts| {
            let zone = |host| if host == 1 { "a" } else { "b" };
            let members = hosts.into_iter();
            members
                .map(|(who, host)| member(who, host, zone(host)))
                .collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn any_change_gets_there_step_by_step(before in any_members(), after in any_members()) {
            let present = table(&alone(before[0].incarnation.0), &before);
            let wanted = table(&present, &after);
            let everybody: Vec<_> = before.iter().chain(&after).cloned().collect();
            check_steps(&present, &wanted, &everybody);
            prop_assert_eq!(&table(&wanted, &after), &wanted, "what is as wished stays");
        }
    }
}
