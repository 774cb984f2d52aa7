//! The form in which filters travel between operators and are stored: the tree, prefix order, a byte a tag.
//!
//! ```text
//! filter     := version:u8  dialect:u8  expression
//! expression := 0 false | 1 unknown | 2 true | 3 not expression
//!             | 4 and | 5 or | 6 and-then | 7 or-else, each with count:varint expression*
//!             | 16.. predicate
//! operand    := 0 null | 1 false | 2 true | 3 int | 4 float | 5 string | 6 bytes | 7 timestamp | 8 point
//!             | 9 attribute name | 10 path | 11 negate | 12 arithmetic | 13 call | 14 position | 15 condition
//! ```
//!
//! Numbers are varints (signed ones zigzag), floats eight bytes little-endian, texts have their length before them.

mod decode;
mod encode;
pub mod pieces;
mod tag;

pub(crate) use decode::decode;
pub(crate) use encode::encode;
