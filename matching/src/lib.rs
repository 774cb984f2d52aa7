//! The matching index: which subscriptions does a notification satisfy.
//!
//! [`Index`] holds the subscriptions of one matcher, each tagged with its slot; [`Index::match_batch`] answers with
//! [`Hits`], grouped by session. Matching cannot fail, and it depends on nothing but its inputs.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod access;
mod area;
mod arena;
mod bucket;
mod cell;
mod choice;
mod compact;
mod conjunction;
mod coverage;
mod entries;
mod facets;
mod frame;
mod group;
mod hits;
mod index;
#[cfg(target_arch = "x86_64")]
mod kept_first;
mod leaf;
mod level;
mod limits;
mod loose;
mod plain;
mod plan;
mod posting;
mod record;
mod residuals;
mod rows;
mod scan;
mod sketch;
mod slot_set;
mod statistics;
mod sweep;
mod symbols;
mod table;
mod unlike;
mod vocabulary;

pub use coverage::{Coverage, coverage};
pub use hits::Hits;
pub use index::Index;
pub use level::CpuLevel;
pub use slot_set::SlotSet;
