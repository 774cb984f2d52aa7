//! The record of a subscription: where its postings lie, and what is kept of its filter.
//!
//! ```text
//! record := length:varint  head:varint  whole:varint?  row*  kept
//! head   := twice the number of rows, and 1 more where the whole filter is a condition, `whole`
//! row    := column:varint  target:varint?  shape:varint  first:varint?  second:varint?
//! column := 0, or 2 + twice the number of the test that is compared in the bucket; and 1 more where a target follows,
//!           the offset of the row that the postings lead to, instead of straight to the subscription
//! ```
//!
//! The keys of a row are the values that its first and its second test want: as many as its shape has facets. Tests are
//! numbered by the plan of the filter.

use alloc::vec::Vec;

use gomera_model::varint;

use crate::access::Shape;
use crate::arena::Arena;
use crate::posting::Target;

/// Where the postings of a row lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) target: Target,
    pub(crate) shape: Shape,
    /// The test that is compared in the bucket.
    pub(crate) column: Option<u16>,
    /// The tests whose values are the keys, in the order of the shape.
    pub(crate) keys: [u16; 2],
}

/// All records.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    bytes: Arena<u8, 4>,
    scratch: Vec<u8>,
}

/// A record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    /// The condition that asks the whole filter.
    pub(crate) whole: Option<u32>,
    rows: u32,
    body: &'a [u8],
}

impl Records {
    pub(crate) fn new() -> Self {
        Self {
            bytes: Arena::new(),
            scratch: Vec::new(),
        }
    }

    /// Puts a record; its offset.
    pub(crate) fn insert(&mut self, whole: Option<u32>, rows: &[Location], kept: &[u8]) -> u32 {
        let body = &mut self.scratch;
        body.clear();
        varint::put(body, 2 * rows.len() as u64 + u64::from(whole.is_some()));
        if let Some(whole) = whole {
            varint::put(body, whole.into());
        }
        for row in rows {
            row.put(body);
        }
        body.extend_from_slice(kept);
        let (mut head, mut width) = ([0; 10], 1);
        let mut left = body.len();
        while left >= 0x80 {
            head[width - 1] = left.to_le_bytes()[0] | 0x80;
            (left, width) = (left >> 7, width + 1);
        }
        head[width - 1] = left.to_le_bytes()[0];
        let length = width + body.len();
        let offset = self.bytes.allocate(length);
        let bytes = self.bytes.get_mut(offset, length);
        bytes[..width].copy_from_slice(&head[..width]);
        bytes[width..].copy_from_slice(body);
        offset
    }

    /// Gives the memory of a record back.
    pub(crate) fn remove(&mut self, offset: u32) {
        let (head, body) = self.split(offset);
        let length = head + body.len();
        self.bytes.free(offset, length);
    }

    pub(crate) fn get(&self, offset: u32) -> Record<'_> {
        let (_, mut body) = self.split(offset);
        let head = take(&mut body);
        let whole = (head & 1 == 1).then(|| take(&mut body));
        Record {
            whole,
            rows: head / 2,
            body,
        }
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

impl<'a> Record<'a> {
    /// Reads the rows into `out`; what is kept of the filter.
    pub(crate) fn read(&self, handle: u32, out: &mut Vec<Location>) -> &'a [u8] {
        let mut body = self.body;
        for _ in 0..self.rows {
            out.push(Location::take(&mut body, handle));
        }
        body
    }

    /// What is kept of the filter.
    pub(crate) fn kept(&self) -> &'a [u8] {
        let mut body = self.body;
        for _ in 0..self.rows {
            Location::take(&mut body, 0);
        }
        body
    }
}

impl Location {
    fn put(&self, out: &mut Vec<u8>) {
        let column = self.column.map_or(0, |column| u64::from(column) + 1);
        let is_row = self.target.handle().is_none();
        varint::put(out, 2 * column + u64::from(is_row));
        if is_row {
            varint::put(out, self.target.0.into());
        }
        varint::put(out, self.shape.0.into());
        for key in &self.keys[..self.shape.facets()] {
            varint::put(out, (*key).into());
        }
    }

    fn take(body: &mut &[u8], handle: u32) -> Self {
        let head = take(body);
        let target = if head & 1 == 1 {
            Target::row(take(body))
        } else {
            Target::subscription(handle)
        };
        let column = (head / 2).checked_sub(1).map(test);
        let shape = Shape(take(body));
        let mut keys = [0; 2];
        for key in &mut keys[..shape.facets()] {
            *key = test(take(body));
        }
        Self {
            target,
            shape,
            column,
            keys,
        }
    }
}

fn test(number: u32) -> u16 {
    u16::try_from(number).expect(WRITTEN)
}

fn take(body: &mut &[u8]) -> u32 {
    if let [byte @ ..0x80, rest @ ..] = *body {
        *body = rest;
        return u32::from(*byte);
    }
    varint::take(body)
        .and_then(|number| u32::try_from(number).ok())
        .expect(WRITTEN)
}

const WRITTEN: &str = "a record reads as it was written";

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    #[test]
    fn records_read_as_they_were_written() {
        let mut records = Records::new();
        let location = Location {
            target: Target::subscription(5),
            shape: Shape(7),
            column: Some(3),
            keys: [300, 0],
        };
        let row = Location {
            target: Target::row(70_000),
            shape: Shape::ROOT,
            column: None,
            keys: [0, 0],
        };
        let long = [3; 100_000];
        let some = [
            (None, vec![], &b""[..]),
            (Some(900), vec![location], b"abc"),
            (None, vec![location, row, location], &long[..]),
        ];
        let offsets = some
            .each_ref()
            .map(|(whole, rows, kept)| records.insert(*whole, rows, kept));
        for ((whole, rows, kept), offset) in some.iter().zip(offsets) {
            let record = records.get(offset);
            let mut read = Vec::new();
            assert_eq!(record.whole, *whole);
            assert_eq!(record.read(5, &mut read), *kept);
            assert_eq!((&read, record.kept()), (rows, *kept));
            records.remove(offset);
        }
    }
}
