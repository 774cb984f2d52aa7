//! Sets of a publisher's notifications.

/// Which of a publisher's notifications, as indexes from 0.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub(super) fn new(count: u32) -> Self {
        Self(vec![0; (count as usize).div_ceil(64)])
    }

    /// Adds one; whether it was new.
    pub(super) fn insert(&mut self, index: u32) -> bool {
        let word = &mut self.0[index as usize / 64];
        let before = *word;
        *word |= 1 << (index % 64);
        *word != before
    }

    pub(super) fn contains(&self, index: u32) -> bool {
        self.0
            .get(index as usize / 64)
            .is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// Whether any of a span is in it.
    pub(super) fn any(&self, span: &std::ops::Range<u32>) -> bool {
        let mut at = span.start;
        while at < span.end {
            if at.is_multiple_of(64) && span.end - at >= 64 {
                if self.0[at as usize / 64] != 0 {
                    return true;
                }
                at += 64;
            } else {
                if self.contains(at) {
                    return true;
                }
                at += 1;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_searched_to_its_ends_and_not_beyond() {
        let mut bits = Bits::new(300);
        assert!(bits.insert(130) && !bits.insert(130));
        for (span, expected) in [
            (0..130, false),
            (0..131, true),
            (130..131, true),
            (131..300, false),
            (64..200, true),
            (5..5, false),
        ] {
            assert_eq!(bits.any(&span), expected, "{span:?}");
        }
        assert!(bits.contains(130) && !bits.contains(129) && !bits.contains(9_999));
    }
}
