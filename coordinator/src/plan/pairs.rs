//! The pairs of exit points: who is primary and backup of each session slot, and by which tables a change gets there.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use gomera_model::control::Move;
use gomera_model::topology::ExitPoints;
use gomera_model::{Incarnation, Instance, SlotId};

use super::slots;

/// The table that the members shall have: primaries by their shares; backups on another host than their primary, in
/// another zone where there is one, as evenly as that allows. Without a second host there are none.
pub(super) fn target(
    present: &[ExitPoints],
    members: &[&Instance],
    shares: &[(Incarnation, u32)],
) -> Vec<ExitPoints> {
    let primaries: Vec<_> = present.iter().map(|points| points.primary).collect();
    let primaries = slots::rebalance(&primaries, shares);
    paired(present, &primaries, members)
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

/// The table with these primaries, and backups for all of them.
pub(super) fn paired(
    present: &[ExitPoints],
    primaries: &[Incarnation],
    members: &[&Instance],
) -> Vec<ExitPoints> {
    let mut backups = Backups::new(members, primaries.len());
    let mut table: Vec<ExitPoints> = (primaries.iter().zip(present))
        .map(|(&primary, before)| ExitPoints {
            primary,
            backup: backups.keep(primary, *before),
            further: None,
        })
        .collect();
    for points in &mut table {
        if points.backup.is_none() {
            points.backup = backups.lightest(points.primary);
        }
    }
    for points in &mut table {
        backups.relieve(points);
    }
    table
}

/// The tables from one to another, one epoch each: by turns somebody is named further and filled, then takes its place.
/// Nobody gives up a slot before who follows has been filled.
pub(super) fn steps(present: &[ExitPoints], target: &[ExitPoints]) -> Vec<Vec<ExitPoints>> {
    let mut steps = Vec::new();
    let mut now = present.to_vec();
    while now != target {
        let pairs = || now.iter().zip(target);
        let named: Vec<_> = pairs().map(|(now, target)| name(*now, *target)).collect();
        if named != now {
            steps.push(named.clone());
        }
        now = (named.iter().zip(target))
            .map(|(named, target)| swap(*named, *target))
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
fn swap(named: ExitPoints, target: ExitPoints) -> ExitPoints {
    if missing(named, target).next().is_none() {
        return target;
    }
    // Its backup is still to be filled. Until then one of the old pair is.
    let kept = named.backup.filter(|backup| *backup != target.primary);
    let old = Some(named.primary).filter(|primary| *primary != target.primary);
    ExitPoints {
        primary: target.primary,
        backup: kept.or(old),
        further: None,
    }
}

/// How many slots each member backs up, and who may back up whom.
struct Backups {
    /// Found once for each primary: slots are many, and members few.
    able: BTreeMap<Incarnation, Vec<Incarnation>>,
    load: BTreeMap<Incarnation, usize>,
    /// An even share.
    share: usize,
}

impl Backups {
    fn new(members: &[&Instance], slots: usize) -> Self {
        let able = members
            .iter()
            .map(|member| (member.incarnation, able(members, member)));
        Self {
            able: able.collect(),
            load: BTreeMap::new(),
            share: slots.div_ceil(members.len().max(1)),
        }
    }

    /// The present backup, or the old primary where the roles changed, if it may go on.
    fn keep(&mut self, primary: Incarnation, before: ExitPoints) -> Option<Incarnation> {
        let kept = [before.backup, Some(before.primary)].into_iter().flatten();
        let able = self.able(primary);
        let backup = kept.into_iter().find(|kept| able.contains(kept))?;
        *self.load.entry(backup).or_default() += 1;
        Some(backup)
    }

    /// Who has the fewest of those who may.
    fn lightest(&mut self, primary: Incarnation) -> Option<Incarnation> {
        let able = self.able(primary).iter().copied();
        let backup = able.min_by_key(|who| (self.load_of(*who), *who))?;
        *self.load.entry(backup).or_default() += 1;
        Some(backup)
    }

    /// Hands a slot on if its backup has more than its share and somebody else less.
    fn relieve(&mut self, points: &mut ExitPoints) {
        let Some(backup) = points.backup else {
            return;
        };
        if self.load_of(backup) <= self.share {
            return;
        }
        let able = self.able(points.primary).iter().copied();
        let lighter = able.min_by_key(|who| (self.load_of(*who), *who));
        if let Some(lighter) = lighter.filter(|who| self.load_of(*who) < self.share) {
            *self.load.entry(backup).or_default() -= 1;
            *self.load.entry(lighter).or_default() += 1;
            points.backup = Some(lighter);
        }
    }

    fn load_of(&self, who: Incarnation) -> usize {
        self.load.get(&who).copied().unwrap_or(0)
    }

    fn able(&self, primary: Incarnation) -> &[Incarnation] {
        self.able.get(&primary).map_or(&[], Vec::as_slice)
    }
}

/// Who may back a primary up: who is in another zone, or else at least on another host.
fn able(members: &[&Instance], primary: &Instance) -> Vec<Incarnation> {
    let elsewhere = |is_far: &dyn Fn(&Instance) -> bool| -> Vec<Incarnation> {
        let far = members.iter().filter(|member| is_far(member));
        far.map(|member| member.incarnation).collect()
    };
    let zones = elsewhere(&|member| member.zone != primary.zone);
    if zones.is_empty() {
        elsewhere(&|member| member.host != primary.host)
    } else {
        zones
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec;

    use gomera_model::{HostId, InstanceId, Layer, SLOTS};
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
    fn check_steps(present: &[ExitPoints], target: &[ExitPoints]) -> usize {
        let steps = steps(present, target);
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
        assert_eq!(check_steps(&alone(1), &wanted), 2);
        assert_eq!(moves(&alone(1), &wanted)[0].slots.len(), SLOTS / 2);
    }

    #[test]
    fn with_a_second_host_every_slot_has_a_pair() {
        let wanted = table(&alone(1), &[member(1, 1, ""), member(2, 2, "")]);
        let backed = |points: &ExitPoints| {
            points.all().collect::<Vec<_>>().len() == 2 && points.backup != Some(points.primary)
        };
        assert!(wanted.iter().all(backed));
        check_steps(&alone(1), &wanted);
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
            check_steps(&present, &wanted);
            prop_assert_eq!(&table(&wanted, &after), &wanted, "what is as wished stays");
        }
    }
}
