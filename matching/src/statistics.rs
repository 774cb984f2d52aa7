//! What the traffic looks like: how often a facet is there, how often it has a value, and how its numbers are spread.
//! Learnt as it goes, and forgotten at the same pace.

use alloc::vec::Vec;

use crate::cell::Interval;
use crate::facets::FacetId;
use crate::frame::Frame;
use crate::sketch::Sketch;

/// Learnt from the notifications, one in [`STRIDE`] after the first ones.
#[derive(Clone)]
pub(crate) struct Statistics {
    /// Notifications seen, sampled or not.
    seen: u64,
    /// Notifications sampled, halved together with all counts.
    samples: f32,
    facets: Vec<FacetStatistics>,
    values: Sketch,
}

#[derive(Clone, Copy, Debug)]
struct FacetStatistics {
    present: f32,
    /// Values seen lately, in no order.
    values: [u32; VALUES],
    next: u32,
}

/// Values that are kept of a facet.
const VALUES: usize = 32;
/// Each so many notifications one is sampled.
const STRIDE: u64 = 16;
/// So many are all sampled at first.
const FIRST: u64 = 1024;
/// Samples after which all counts are halved.
const FORGET_AT: f32 = 32_768.0;
/// What is assumed without any traffic counts like so many samples.
const BELIEF: f32 = 64.0;

impl Statistics {
    pub(crate) fn new() -> Self {
        Self {
            seen: 0,
            samples: 0.0,
            facets: Vec::new(),
            values: Sketch::new(),
        }
    }

    /// Learns from a notification, if it is one of the sample.
    #[inline]
    pub(crate) fn learn(&mut self, frame: &Frame) {
        self.seen += 1;
        if self.seen <= FIRST || self.seen.is_multiple_of(STRIDE) {
            self.sample(frame);
        }
    }

    /// Notifications seen so far.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// What part of the notifications has the facet with this value; `prior` is the guess without any traffic.
    pub(crate) fn share(&self, facet: FacetId, value: u32, prior: f32) -> f32 {
        self.share_of_all(facet, &[value], prior)
    }

    /// The same for several values together.
    pub(crate) fn share_of_all(&self, facet: FacetId, values: &[u32], prior: f32) -> f32 {
        if self.samples <= 0.0 {
            return prior;
        }
        let counts = values.iter().map(|&value| self.values.count(facet, value));
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let count = counts.sum::<u32>() as f32;
        (count + BELIEF * prior) / (self.samples + BELIEF)
    }

    /// What part of the notifications lies in the interval.
    pub(crate) fn share_inside(&self, facet: FacetId, interval: Interval, prior: f32) -> f32 {
        let Some(known) = self
            .facets
            .get(facet.index())
            .filter(|known| known.next > 0)
        else {
            return (BELIEF * prior) / (self.samples + BELIEF);
        };
        let kept = (known.next as usize).min(VALUES);
        let inside = known.values[..kept]
            .iter()
            .filter(|value| interval.from <= **value && **value <= interval.to)
            .count();
        #[expect(clippy::cast_precision_loss, reason = "32 at most")]
        let part = (inside as f32 + 0.5) / (kept as f32 + 1.0);
        (known.present * part + BELIEF * prior) / (self.samples + BELIEF)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.values.bytes() + self.facets.capacity() * size_of::<FacetStatistics>()
    }

    fn sample(&mut self, frame: &Frame) {
        if self.samples >= FORGET_AT {
            self.forget();
        }
        self.samples += 1.0;
        for &facet in frame.present() {
            if self.facets.len() <= facet.index() {
                self.facets.resize(facet.index() + 1, FacetStatistics::NONE);
            }
            let value = frame.cell(facet).low;
            self.facets[facet.index()].put(value);
            self.values.add(facet, value);
        }
    }

    fn forget(&mut self) {
        self.samples /= 2.0;
        for facet in &mut self.facets {
            facet.present /= 2.0;
        }
        self.values.halve();
    }
}

impl FacetStatistics {
    const NONE: Self = Self {
        present: 0.0,
        values: [0; VALUES],
        next: 0,
    };

    fn put(&mut self, value: u32) {
        self.present += 1.0;
        self.values[self.next as usize % VALUES] = value;
        self.next = self.next.wrapping_add(1).max(1);
    }
}

impl core::fmt::Debug for Statistics {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Statistics({} seen)", self.seen)
    }
}

#[cfg(test)]
mod tests {
    use gomera_model::AttributesBuilder;

    use super::*;
    use crate::facets::{FacetKind, Facets};
    use crate::symbols::Symbols;

    #[test]
    fn shares_come_near_what_was_seen() {
        let (mut facets, mut symbols) = (Facets::new(1), Symbols::new(2));
        let number = facets.acquire("n", FacetKind::Number);
        let text = facets.acquire("t", FacetKind::Text);
        let often = symbols.acquire(b"often");
        let mut statistics = Statistics::new();
        let mut frame = Frame::new();
        for n in 0..1000 {
            let word = if n % 4 == 0 { "seldom" } else { "often" };
            let builder = AttributesBuilder::new().with("n", n).with("t", word);
            frame.read(&builder.build().unwrap(), &facets, &symbols);
            statistics.learn(&frame);
        }
        let share = statistics.share(text, often, 0.0);
        assert!((0.6..0.8).contains(&share), "{share}");
        let all = statistics.share_inside(number, Interval::ALL, 0.0);
        assert!(all > 0.85, "{all}");
        let none = Interval::less(crate::cell::Cell::of_int(0));
        let none = statistics.share_inside(number, none, 0.0);
        assert!(none < 0.05, "{none}");
    }
}
