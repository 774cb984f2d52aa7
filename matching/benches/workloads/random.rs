//! A small random generator and the distributions of the workloads.

/// The same numbers everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    /// From `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// From 0 to 1.
    pub(crate) fn unit(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap()) / f64::from(u32::MAX)
    }

    /// Bell-shaped around 5000, within 0 to 9999.
    pub(crate) fn bell(&mut self) -> i64 {
        let sum = (0..6).map(|_| self.unit()).sum::<f64>();
        scale(sum / 6.0)
    }

    /// The value that a part `share` of what [`Self::bell`] gives lies below, about.
    pub(crate) fn bell_quantile(share: f64) -> i64 {
        /// Standard deviation of a mean of six.
        const SPREAD: f64 = 0.11785;
        let odds = (share / (1.0 - share)).ln();
        scale(0.5 + SPREAD * odds / 1.702)
    }

    /// `count` different numbers below `bound`.
    pub(crate) fn distinct(&mut self, count: usize, bound: usize) -> Vec<usize> {
        let mut numbers = Vec::with_capacity(count);
        while numbers.len() < count {
            let number = self.below(bound);
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        numbers
    }
}

/// Numbers from 0, each less often than the one before.
pub(crate) struct Zipf {
    cumulated: Vec<f64>,
}

impl Zipf {
    pub(crate) fn new(count: usize, exponent: f64) -> Self {
        let mut sum = 0.0;
        let weights = (1..=count).map(|rank| {
            sum += f64::from(u32::try_from(rank).unwrap()).powf(-exponent);
            sum
        });
        Self {
            cumulated: weights.collect(),
        }
    }

    pub(crate) fn draw(&self, random: &mut Random) -> usize {
        let point = random.unit() * self.cumulated[self.cumulated.len() - 1];
        let place = self.cumulated.partition_point(|&sum| sum < point);
        place.min(self.cumulated.len() - 1)
    }

    /// `count` different ones.
    pub(crate) fn draw_distinct(&self, count: usize, random: &mut Random) -> Vec<usize> {
        let mut numbers = Vec::with_capacity(count);
        while numbers.len() < count {
            let number = self.draw(random);
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        numbers
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it is clamped to 0..9999")]
fn scale(part: f64) -> i64 {
    ((part * 9999.0).round() as i64).clamp(0, 9999)
}
