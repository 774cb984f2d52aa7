//! Open addressing with linear probing, grown a segment at a time, so that no insertion pays for all that is there.

use alloc::boxed::Box;
use alloc::vec::Vec;

/// Something that can be told from a place where nothing is.
pub(crate) trait Vacant: Copy {
    /// What stands where nothing is.
    const VACANT: Self;

    fn is_vacant(&self) -> bool;
}

impl Vacant for u32 {
    const VACANT: Self = u32::MAX;

    fn is_vacant(&self) -> bool {
        *self == u32::MAX
    }
}

/// One table: places in a row, found by a hash of 32 bits.
#[derive(Clone, Debug)]
pub(crate) struct Segment<T> {
    places: Box<[T]>,
    len: u32,
}

impl<T: Vacant> Segment<T> {
    pub(crate) fn new() -> Self {
        Self {
            places: Box::default(),
            len: 0,
        }
    }

    /// The place of the item that `is` recognises.
    #[inline]
    pub(crate) fn find(&self, hash: u32, is: impl Fn(&T) -> bool) -> Option<usize> {
        if self.places.is_empty() {
            return None;
        }
        let mut place = self.home(hash);
        loop {
            let item = &self.places[place];
            if item.is_vacant() {
                return None;
            }
            if is(item) {
                return Some(place);
            }
            place = self.after(place);
        }
    }

    #[inline]
    pub(crate) fn at(&self, place: usize) -> &T {
        &self.places[place]
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, place: usize) -> &mut T {
        &mut self.places[place]
    }

    /// Where a search would begin; to fetch it ahead.
    #[inline]
    pub(crate) fn first(&self, hash: u32) -> Option<&T> {
        self.places.get(self.home(hash))
    }

    /// Puts an item that is not there. `hash_of` must give the hash of every item.
    pub(crate) fn insert(&mut self, item: T, hash_of: impl Fn(&T) -> u32) -> usize {
        if (self.len as usize + 1) * 8 > self.places.len() * 7 {
            self.grow(&hash_of);
        }
        self.len += 1;
        self.put(hash_of(&item), item)
    }

    /// Takes the item at a place out, and closes the hole.
    pub(crate) fn remove(&mut self, place: usize, hash_of: impl Fn(&T) -> u32) -> T {
        let removed = self.places[place];
        let mut hole = place;
        let mut next = self.after(place);
        while !self.places[next].is_vacant() {
            let home = self.home(hash_of(&self.places[next]));
            if self.distance(home, next) >= self.distance(hole, next) {
                self.places[hole] = self.places[next];
                hole = next;
            }
            next = self.after(next);
        }
        self.places[hole] = T::VACANT;
        self.len -= 1;
        removed
    }

    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// The items, in the order of their places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().filter(|item| !item.is_vacant())
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.places)
    }

    #[inline]
    fn home(&self, hash: u32) -> usize {
        let scaled = u64::from(hash) * self.places.len() as u64;
        (scaled >> 32) as usize
    }

    #[inline]
    fn after(&self, place: usize) -> usize {
        if place + 1 == self.places.len() {
            0
        } else {
            place + 1
        }
    }

    /// How far `to` lies behind `from`, around the end.
    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from {
            to - from
        } else {
            to + self.places.len() - from
        }
    }

    fn put(&mut self, hash: u32, item: T) -> usize {
        let mut place = self.home(hash);
        while !self.places[place].is_vacant() {
            place = self.after(place);
        }
        self.places[place] = item;
        place
    }

    fn grow(&mut self, hash_of: &impl Fn(&T) -> u32) {
        let len = (self.places.len() + self.places.len() / 4).max(self.places.len() + 4);
        let wider = alloc::vec![T::VACANT; len].into();
        let before = core::mem::replace(&mut self.places, wider);
        for item in before.iter().filter(|item| !item.is_vacant()) {
            self.put(hash_of(item), *item);
        }
    }
}

/// Segments, chosen by the upper half of a hash of 64 bits; the lower half finds the place.
#[derive(Clone, Debug)]
pub(crate) struct Table<T> {
    segments: Vec<Segment<T>>,
}

/// Segments of a table: with a million items one has some 4,000, and growing it takes some 20 microseconds.
const SEGMENTS: usize = 256;

impl<T: Vacant> Table<T> {
    pub(crate) fn new() -> Self {
        Self {
            segments: (0..SEGMENTS).map(|_| Segment::new()).collect(),
        }
    }

    #[inline]
    pub(crate) fn segment(&self, hash: u64) -> &Segment<T> {
        &self.segments[(hash >> 56) as usize]
    }

    #[inline]
    pub(crate) fn segment_mut(&mut self, hash: u64) -> &mut Segment<T> {
        &mut self.segments[(hash >> 56) as usize]
    }

    pub(crate) fn bytes(&self) -> usize {
        self.segments.iter().map(Segment::bytes).sum::<usize>() + SEGMENTS * size_of::<Segment<T>>()
    }
}

/// The half of a hash that finds a place in a segment.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the lower half is what is wanted"
)]
pub(crate) fn low(hash: u64) -> u32 {
    hash as u32
}

/// Mixes two words to a hash; the seed makes it unforeseeable.
#[inline]
pub(crate) fn mix(seed: u64, first: u64, second: u64) -> u64 {
    let folded = fold(first ^ seed, second ^ 0x9E37_79B9_7F4A_7C15);
    fold(folded ^ seed.rotate_left(32), 0xD6E8_FEB8_6659_FD93)
}

#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the two halves of the product are folded together"
)]
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn hash_of(item: &u32) -> u32 {
        low(mix(7, u64::from(*item) % 97, 0))
    }

    #[test]
    fn items_are_found_until_they_are_removed() {
        let mut segment = Segment::<u32>::new();
        let mut model = BTreeSet::new();
        for step in 0_u64..20_000 {
            let item = low(mix(1, step, 2)) % 300;
            let place = segment.find(hash_of(&item), |other| *other == item);
            assert_eq!(place.is_some(), model.contains(&item));
            match place {
                Some(place) => {
                    assert_eq!(segment.remove(place, hash_of), item);
                    model.remove(&item);
                }
                None => {
                    segment.insert(item, hash_of);
                    model.insert(item);
                }
            }
            assert_eq!(segment.len(), model.len());
        }
        assert_eq!(segment.iter().copied().collect::<BTreeSet<_>>(), model);
    }
}
