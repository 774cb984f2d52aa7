//! The record of a subscription: where its postings lie, and its filter in canonical form.
//!
//! ```text
//! record := length:varint  postings:varint  posting*  canonical
//! posting := shape:varint  first:varint  second:varint  facet:varint  target:varint
//! ```

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
#[derive(Debug)]
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
        varint::put(&mut self.scratch, locations.len() as u64);
        for location in locations {
            put_location(&mut self.scratch, location);
        }
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

    /// Where the postings of a record lie.
    pub(crate) fn locations(&self, offset: u32, out: &mut Vec<Location>) {
        let (_, mut body) = self.split(offset);
        for _ in 0..take(&mut body) {
            out.push(take_location(&mut body));
        }
    }

    /// The canonical form of the filter.
    pub(crate) fn canonical(&self, offset: u32) -> CanonicalFilter {
        let (_, mut body) = self.split(offset);
        for _ in 0..take(&mut body) {
            take_location(&mut body);
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

fn put_location(out: &mut Vec<u8>, location: &Location) {
    let Key {
        shape,
        first,
        second,
    } = location.key;
    let numbers = [shape.0, first, second, location.facet.0, location.target.0];
    for number in numbers {
        varint::put(out, u64::from(number));
    }
}

fn take_location(body: &mut &[u8]) -> Location {
    Location {
        key: Key {
            shape: Shape(take(body)),
            first: take(body),
            second: take(body),
        },
        facet: FacetId(take(body)),
        target: Target(take(body)),
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
            records.locations(offset, &mut locations);
            assert_eq!(locations, [location].repeat(count));
            assert_eq!(records.canonical(offset).0, bytes);
            records.remove(offset);
        }
    }
}
