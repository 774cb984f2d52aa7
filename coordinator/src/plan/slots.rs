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

/// The table in which the members own the slots evenly, with the fewest moves from the present one. A member gives away
/// its highest slots; takers are filled one after the other in ascending order, so that runs stay long.
pub(super) fn rebalance(owners: &[Incarnation], members: &[Incarnation]) -> Vec<Incarnation> {
    let mut room = shares(owners, members);
    let mut table: Vec<Option<Incarnation>> = (owners.iter())
        .map(|owner| take_room(&mut room, *owner))
        .collect();
    let mut takers = members.iter().copied();
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

/// How many slots each member shall own. The odd ones go to those who have the most now, so that they need not move.
fn shares(owners: &[Incarnation], members: &[Incarnation]) -> BTreeMap<Incarnation, usize> {
    assert!(!members.is_empty(), "somebody must own the slots");
    let (share, odd) = (SLOTS / members.len(), SLOTS % members.len());
    let mut owned: BTreeMap<Incarnation, usize> = members.iter().map(|m| (*m, 0)).collect();
    for owner in owners {
        if let Some(count) = owned.get_mut(owner) {
            *count += 1;
        }
    }
    let mut by_wealth: Vec<_> = owned.into_iter().collect();
    by_wealth.sort_by_key(|(member, count)| (usize::MAX - count, *member));
    let ranked = by_wealth.into_iter().enumerate();
    ranked
        .map(|(rank, (member, _))| (member, share + usize::from(rank < odd)))
        .collect()
}

/// The member, if its share is not full yet; then it is one slot fuller.
fn take_room(room: &mut BTreeMap<Incarnation, usize>, member: Incarnation) -> Option<Incarnation> {
    let left = room.get_mut(&member).filter(|left| **left > 0)?;
    *left -= 1;
    Some(member)
}
