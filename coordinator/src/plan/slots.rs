//! Slots over owners, evenly.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use gomera_model::{Incarnation, SLOTS};

/// Every owner gets one run of slots; their lengths differ by one at most.
pub(super) fn spread(owners: &[Incarnation]) -> Vec<Incarnation> {
    assert!(!owners.is_empty(), "somebody must own the slots");
    let owner = |slot| owners[slot * owners.len() / SLOTS];
    (0..SLOTS).map(owner).collect()
}

/// The table in which the members own the slots by their weights, with the fewest moves from the present one: of all slots,
/// or of some. A member gives away its highest slots; takers are filled one after the other in ascending order, so that
/// runs stay long.
pub(super) fn rebalance(
    owners: &[Incarnation],
    members: &[(Incarnation, u32)],
) -> Vec<Incarnation> {
    let mut room = shares(owners, members);
    let mut table: Vec<Option<Incarnation>> = (owners.iter())
        .map(|owner| take_room(&mut room, *owner))
        .collect();
    let mut takers = members.iter().map(|(member, _)| *member);
    let mut taker = takers.next();
    for entry in table.iter_mut().filter(|entry| entry.is_none()) {
        while let Some(member) = taker {
            *entry = take_room(&mut room, member);
            if entry.is_some() {
                break;
            }
            taker = takers.next();
        }
    }
    let all = table.into_iter();
    all.map(|owner| owner.expect("the shares add up to all slots"))
        .collect()
}

/// How many slots each member shall own. What is left over by rounding goes to those who have the most now above their
/// share, so that it need not move.
fn shares(owners: &[Incarnation], members: &[(Incarnation, u32)]) -> BTreeMap<Incarnation, usize> {
    assert!(!members.is_empty(), "somebody must own the slots");
    let weights: u64 = members.iter().map(|(_, weight)| u64::from(*weight)).sum();
    let share = |weight: u32| {
        let share = owners.len() as u64 * u64::from(weight) / weights.max(1);
        usize::try_from(share).expect("a part of all slots")
    };
    let mut shares: BTreeMap<_, _> = (members.iter())
        .map(|(member, weight)| (*member, share(*weight)))
        .collect();
    let mut owned: BTreeMap<Incarnation, usize> = shares.keys().map(|m| (*m, 0)).collect();
    for owner in owners {
        if let Some(count) = owned.get_mut(owner) {
            *count += 1;
        }
    }
    let mut by_surplus: Vec<_> = owned.into_iter().collect();
    // All slots keep the difference positive: the smallest first is who has the most above its share.
    by_surplus.sort_by_key(|(member, count)| (owners.len() + shares[member] - count, *member));
    let odd = owners.len() - shares.values().sum::<usize>();
    for (member, _) in by_surplus.iter().cycle().take(odd) {
        *shares.get_mut(member).expect("of the same members") += 1;
    }
    shares
}

/// The member, if its share is not full yet; then it is one slot fuller.
fn take_room(room: &mut BTreeMap<Incarnation, usize>, member: Incarnation) -> Option<Incarnation> {
    let left = room.get_mut(&member).filter(|left| **left > 0)?;
    *left -= 1;
    Some(member)
}
