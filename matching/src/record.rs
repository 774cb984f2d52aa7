//! The record of a subscription: where its postings lie, and its filter in canonical form.
//!
//! ```text
//! record := length:varint  rows:varint  row*  canonical
//! row    := shape:varint  facet:varint  target:varint  keys:varint  (first:varint second:varint?)*
//! target := 0 (straight to the subscription) | 1 + offset of the row
//! ```
//!
//! The second value stands only where the shape has two facets.

use alloc::vec::Vec;

use gomera_model::operation::CanonicalFilter;
use gomera_model::varint;

use crate::access::{Key, Shape};
use crate::arena::Arena;
use crate::bucket::Target;
use crate::facets::FacetId;

/// Where a posting lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) key: Key,
    pub(crate) facet: FacetId,
    pub(crate) target: Target,
}

/// All records.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    bytes: Arena<u8, 8>,
    scratch: Vec<u8>,
}

impl Records {
    pub(crate) fn new() -> Self {
        Self {
            bytes: Arena::new(),
            scratch: Vec::new(),
        }
    }

    /// Puts a record; its offset.
    pub(crate) fn insert(&mut self, locations: &[Location], canonical: &[u8]) -> u32 {
        self.scratch.clear();
        let rows = || locations.chunk_by(|one, other| one.is_of_row(other));
        varint::put(&mut self.scratch, rows().count() as u64);
        rows().for_each(|row| put_row(&mut self.scratch, row));
        let mut head = Vec::with_capacity(4);
        varint::put(&mut head, (self.scratch.len() + canonical.len()) as u64);
        let (second, third) = (head.len(), head.len() + self.scratch.len());
        let length = third + canonical.len();
        let offset = self.bytes.allocate(length);
        let bytes = self.bytes.get_mut(offset, length);
        bytes[..second].copy_from_slice(&head);
        bytes[second..third].copy_from_slice(&self.scratch);
        bytes[third..].copy_from_slice(canonical);
        offset
    }

    /// Gives the memory of a record back.
    pub(crate) fn remove(&mut self, offset: u32) {
        let (head, body) = self.split(offset);
        let length = head + body.len();
        self.bytes.free(offset, length);
    }

    /// Where the postings of a subscription's record lie.
    pub(crate) fn locations(&self, offset: u32, handle: u32, out: &mut Vec<Location>) {
        let (_, mut body) = self.split(offset);
        for _ in 0..take(&mut body) {
            take_row(&mut body, handle, |location| out.push(location));
        }
    }

    /// The canonical form of the filter.
    pub(crate) fn canonical(&self, offset: u32) -> CanonicalFilter {
        let (_, mut body) = self.split(offset);
        for _ in 0..take(&mut body) {
            take_row(&mut body, 0, |_| {});
        }
        CanonicalFilter(body.to_vec().into())
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.bytes() + self.scratch.capacity()
    }

    /// The length of the head, and the body.
    fn split(&self, offset: u32) -> (usize, &[u8]) {
        let tail = self.bytes.tail(offset);
        let mut rest = tail;
        let length = take(&mut rest) as usize;
        (tail.len() - rest.len(), &rest[..length])
    }
}

impl Location {
    /// Whether two locations differ in nothing but the values of their keys.
    fn is_of_row(&self, other: &Self) -> bool {
        let shape = |location: &Self| (location.key.shape, location.facet, location.target.0);
        shape(self) == shape(other)
    }
}

fn put_row(out: &mut Vec<u8>, row: &[Location]) {
    let Location { key, facet, target } = row[0];
    let offset = match target.handle() {
        Some(_) => 0,
        None => u64::from(target.0) + 1,
    };
    let head = [key.shape.0.into(), facet.0.into(), offset, row.len() as u64];
    head.into_iter().for_each(|number| varint::put(out, number));
    for Location { key, .. } in row {
        varint::put(out, key.first.into());
        if key.shape.is_pair() {
            varint::put(out, key.second.into());
        }
    }
}

fn take_row(body: &mut &[u8], handle: u32, mut out: impl FnMut(Location)) {
    let shape = Shape(take(body));
    let facet = FacetId(take(body));
    let target = match take(body) {
        0 => Target::subscription(handle),
        offset => Target::row(offset - 1),
    };
    for _ in 0..take(body) {
        let first = take(body);
        let second = if shape.is_pair() { take(body) } else { 0 };
        let key = Key {
            shape,
            first,
            second,
        };
        out(Location { key, facet, target });
    }
}

fn take(body: &mut &[u8]) -> u32 {
    varint::take(body)
        .and_then(|number| u32::try_from(number).ok())
        .expect("a record reads as it was written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_read_as_they_were_written() {
        let mut records = Records::new();
        let location = Location {
            key: Key {
                shape: Shape(7),
                first: 300,
                second: u32::MAX,
            },
            facet: FacetId(9),
            target: Target::subscription(5),
        };
        let long = [3; 100_000];
        let some = [(0, &b""[..]), (1, b"abc"), (3, &long[..])];
        let offsets = some.map(|(count, bytes)| records.insert(&[location].repeat(count), bytes));
        for ((count, bytes), offset) in some.into_iter().zip(offsets) {
            let mut locations = Vec::new();
            records.locations(offset, 5, &mut locations);
            assert_eq!(locations, [location].repeat(count));
            assert_eq!(records.canonical(offset).0, bytes);
            records.remove(offset);
        }
    }
}
