//! A count-min sketch: about how often each value of a facet was seen. Never too low before it forgets, sometimes too
//! high.

use alloc::boxed::Box;

use crate::facets::FacetId;
use crate::table::{low, mix};

/// Counts of (facet, value).
#[derive(Clone)]
pub(crate) struct Sketch {
    counts: Box<[[u16; WIDTH]; 2]>,
}

/// Counters in a row of the sketch: 64 KiB for both rows.
const WIDTH: usize = 16_384;

impl Sketch {
    pub(crate) fn new() -> Self {
        Self {
            counts: Box::new([[0; WIDTH]; 2]),
        }
    }

    /// Counts once more. When a counter is full, all are halved.
    pub(crate) fn add(&mut self, facet: FacetId, value: u32) {
        let mut is_full = false;
        for (row, place) in self.counts.iter_mut().zip(places(facet, value)) {
            row[place] += 1;
            is_full |= row[place] == u16::MAX;
        }
        if is_full {
            self.halve();
        }
    }

    /// About how often.
    pub(crate) fn count(&self, facet: FacetId, value: u32) -> u32 {
        let [first, second] = places(facet, value);
        self.counts[0][first].min(self.counts[1][second]).into()
    }

    /// Forgets half of everything.
    pub(crate) fn halve(&mut self) {
        for count in self.counts.as_flattened_mut() {
            *count /= 2;
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.counts)
    }
}

impl core::fmt::Debug for Sketch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Sketch")
    }
}

fn places(facet: FacetId, value: u32) -> [usize; 2] {
    let hash = mix(0, u64::from(facet.0), u64::from(value));
    [low(hash) as usize % WIDTH, (hash >> 32) as usize % WIDTH]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_kept_apart_and_halved_when_full() {
        let mut sketch = Sketch::new();
        for value in 0..100 {
            for _ in 0..=value {
                sketch.add(FacetId(1), value);
            }
        }
        assert!((0..100).all(|value| sketch.count(FacetId(1), value) > value));
        for _ in 0..40_000 {
            sketch.add(FacetId(2), 7);
            sketch.add(FacetId(2), 7);
        }
        assert!((30_000..60_000).contains(&sketch.count(FacetId(2), 7)));
    }
}
