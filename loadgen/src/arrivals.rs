//! What arrived at one subscriber: appended as it comes, 16 bytes a delivery and 4 a subscription that matched.

/// One delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When, nanoseconds after the start of the run.
    pub at_ns: u64,
    /// Its place in what its publisher published, from 1.
    pub seq: u32,
    /// Who published it, as an index into the publishers of the run; [`STRANGER`] if it is none of them.
    pub publisher: u16,
    hits: u16,
}

/// The publisher of a delivery that no publisher of the run has sent.
pub const STRANGER: u16 = u16::MAX;

/// The deliveries of one subscriber, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Arrivals {
    arrivals: Vec<Arrival>,
    /// The numbers of the subscriptions that matched, one delivery's after the other's.
    hits: Vec<u32>,
}

impl Arrivals {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a delivery.
    ///
    /// # Panics
    ///
    /// If more than 65,535 subscriptions matched: more than a subscriber of the load generator has.
    pub fn push(&mut self, at_ns: u64, publisher: u16, seq: u32, hits: impl Iterator<Item = u32>) {
        let before = self.hits.len();
        self.hits.extend(hits);
        let hits = u16::try_from(self.hits.len() - before)
            .expect("a subscriber has fewer than 65,536 subscriptions");
        self.arrivals.push(Arrival {
            at_ns,
            seq,
            publisher,
            hits,
        });
    }

    /// Each delivery with the numbers of the subscriptions that matched.
    pub fn iter(&self) -> impl Iterator<Item = (Arrival, &[u32])> {
        let mut rest = &self.hits[..];
        self.arrivals.iter().map(move |&arrival| {
            let (hits, after) = rest.split_at(usize::from(arrival.hits));
            rest = after;
            (arrival, hits)
        })
    }

    /// How many deliveries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.arrivals.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deliveries_come_back_with_their_own_hits() {
        let mut arrivals = Arrivals::new();
        arrivals.push(5, 1, 1, [3, 9].into_iter());
        arrivals.push(6, 0, 7, [].into_iter());
        arrivals.push(7, 2, 8, [4].into_iter());
        let found: Vec<(u64, Vec<u32>)> = arrivals
            .iter()
            .map(|(arrival, hits)| (arrival.at_ns, hits.to_vec()))
            .collect();
        assert_eq!(found, [(5, vec![3, 9]), (6, vec![]), (7, vec![4])]);
    }
}
