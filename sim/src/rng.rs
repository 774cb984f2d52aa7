//! The one source of chance in a run: xoshiro256**, seeded by splitmix64. The same seed gives the same run.

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// The stream of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut x = seed;
        Self {
            state: core::array::from_fn(|_| splitmix(&mut x)),
        }
    }

    /// A stream of its own, so that what one part draws does not shift what another one draws.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self::new(self.bits())
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }

    /// A number below `bound`.
    ///
    /// # Panics
    ///
    /// If the bound is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "there is no number below zero");
        let wide = u128::from(self.bits()) * u128::from(bound);
        u64::try_from(wide >> 64).expect("the upper half of 128 bits")
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// The index of one of `count` things.
    pub fn index(&mut self, count: usize) -> usize {
        let bound = u64::try_from(count).expect("a count fits 64 bits");
        usize::try_from(self.below(bound)).expect("it is below a usize")
    }

    /// One of several things.
    pub fn pick<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.index(things.len())]
    }

    /// True `times` out of a thousand.
    pub fn per_mille(&mut self, times: u64) -> bool {
        self.below(1000) < times
    }

    /// A position chosen by weight; `None` if all weights are zero.
    pub fn weighted(&mut self, weights: &[u64]) -> Option<usize> {
        let total: u64 = weights.iter().sum();
        if total == 0 {
            return None;
        }
        let mut rest = self.below(total);
        weights.iter().position(|&weight| {
            let here = rest < weight;
            rest = rest.saturating_sub(weight);
            here
        })
    }
}

fn splitmix(x: &mut u64) -> u64 {
    *x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *x;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_stream() {
        let draw = |seed| {
            let mut rng = Rng::new(seed);
            (0..100).map(|_| rng.bits()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn splitmix_gives_its_published_first_numbers() {
        let mut x = 1_234_567;
        assert_eq!(splitmix(&mut x), 6_457_827_717_110_365_317);
        assert_eq!(splitmix(&mut x), 3_203_168_211_198_807_973);
    }

    #[test]
    fn weights_are_kept() {
        let mut rng = Rng::new(1);
        let mut seen = [0_u32; 4];
        for _ in 0..4000 {
            seen[rng.weighted(&[1, 0, 3, 0]).unwrap()] += 1;
        }
        assert_eq!((seen[1], seen[3]), (0, 0));
        assert!((800..1200).contains(&seen[0]), "{seen:?}");
        assert_eq!(rng.weighted(&[0, 0]), None);
    }

    #[test]
    fn between_reaches_both_ends_and_no_further() {
        let mut rng = Rng::new(2);
        let drawn: Vec<u64> = (0..1000).map(|_| rng.between(3, 5)).collect();
        assert_eq!(drawn.iter().min(), Some(&3));
        assert_eq!(drawn.iter().max(), Some(&5));
    }
}
