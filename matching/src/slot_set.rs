//! A set of slots: what a matcher owns under an epoch.

use core::fmt;

use alloc::boxed::Box;

use gomera_model::{SLOTS, SlotId};

const WORDS: usize = SLOTS / 64;

/// A set of slots, 512 bytes whatever is in it.
#[derive(Clone, PartialEq, Eq)]
pub struct SlotSet {
    words: Box<[u64; WORDS]>,
    len: usize,
}

impl SlotSet {
    /// No slot.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            words: Box::new([0; WORDS]),
            len: 0,
        }
    }

    /// Every slot.
    #[must_use]
    pub fn full() -> Self {
        Self {
            words: Box::new([u64::MAX; WORDS]),
            len: SLOTS,
        }
    }

    /// Puts a slot in; whether it was new.
    pub fn insert(&mut self, slot: SlotId) -> bool {
        let new = !self.contains(slot);
        self.words[slot.index() / 64] |= 1 << (slot.index() % 64);
        self.len += usize::from(new);
        new
    }

    /// Takes a slot out; whether it was there.
    pub fn remove(&mut self, slot: SlotId) -> bool {
        let there = self.contains(slot);
        self.words[slot.index() / 64] &= !(1 << (slot.index() % 64));
        self.len -= usize::from(there);
        there
    }

    /// Whether a slot is in it.
    #[must_use]
    pub fn contains(&self, slot: SlotId) -> bool {
        self.words[slot.index() / 64] >> (slot.index() % 64) & 1 == 1
    }

    /// How many slots are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no slot is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether every slot is in it: then nothing needs to be asked.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len == SLOTS
    }

    /// The slots, ascending.
    pub fn iter(&self) -> impl Iterator<Item = SlotId> {
        SlotId::all().filter(|&slot| self.contains(slot))
    }
}

impl Default for SlotSet {
    fn default() -> Self {
        Self::empty()
    }
}

impl FromIterator<SlotId> for SlotSet {
    fn from_iter<I: IntoIterator<Item = SlotId>>(slots: I) -> Self {
        let mut set = Self::empty();
        set.extend(slots);
        set
    }
}

impl Extend<SlotId> for SlotSet {
    fn extend<I: IntoIterator<Item = SlotId>>(&mut self, slots: I) {
        for slot in slots {
            self.insert(slot);
        }
    }
}

impl fmt::Debug for SlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn slots_go_in_and_out() {
        let mut set = SlotSet::empty();
        assert!(set.insert(SlotId(0)));
        assert!(set.insert(SlotId(4095)));
        assert!(!set.insert(SlotId(4095)));
        assert_eq!(set.len(), 2);
        assert_eq!(set.iter().collect::<Vec<_>>(), [SlotId(0), SlotId(4095)]);
        assert!(set.remove(SlotId(0)));
        assert!(!set.remove(SlotId(0)));
        assert!(!set.contains(SlotId(0)));
        assert_eq!(set, [SlotId(4095)].into_iter().collect());
    }

    #[test]
    fn the_full_set_has_every_slot() {
        let all: SlotSet = SlotId::all().collect();
        assert!(all.is_full());
        assert_eq!(all, SlotSet::full());
        assert!(SlotSet::empty().is_empty());
    }
}
