//! Numbers and symbols as 32 bits that keep their order, so that every test of the index is two integer comparisons.
//!
//! A notification's number lies between two neighbouring 32-bit floats, `low` and `high`, the same one where it is
//! one itself. A bound is rounded towards the inside of its interval. Then `from <= high && low <= to` is exact
//! wherever `low == high`; elsewhere it is exact except where a bound touches (`from == high` or `to == low`):
//! such a hit is *unsure*, and the whole filter is asked.

use crate::table::low;

/// A value of a notification, seen from one facet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Not above the value.
    pub(crate) low: u32,
    /// Not below the value.
    pub(crate) high: u32,
    /// Its bit in a set of small values; none, if it has none.
    pub(crate) bit: u64,
}

/// The values that a test wants. Empty, if `from > to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval {
    /// The least.
    pub(crate) from: u32,
    /// The greatest.
    pub(crate) to: u32,
}

/// Small values: whole numbers, and symbols, from 0 up to here have a place in a set of bits.
pub(crate) const BITS: u32 = 64;

/// A number in all of its bits, so that equal numbers, and only they, have equal bytes: an integer, or a float that
/// is none.
pub(crate) type Identity = [u8; 9];

/// The identity of a whole number.
pub(crate) fn identity_of_int(value: i64) -> Identity {
    tagged(0, value.cast_unsigned())
}

/// The identity of a finite number.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a whole number within the range of an i64, which is looked at before"
)]
pub(crate) fn identity_of_float(value: f64) -> Identity {
    /// The first float beyond an `i64`.
    const END: f64 = 9_223_372_036_854_775_808.0;
    let is_whole = (-END..END).contains(&value) && libm::trunc(value) == value;
    if is_whole {
        identity_of_int(value as i64)
    } else {
        tagged(1, value.to_bits())
    }
}

/// The identity of a point in time, which is no number.
pub(crate) fn identity_of_time(value: i64) -> Identity {
    tagged(2, value.cast_unsigned())
}

/// The whole number, or the point in time, that an identity was made of.
pub(crate) fn int_of(identity: Identity) -> i64 {
    bits_of(identity).cast_signed()
}

/// The float that an identity was made of.
#[expect(
    clippy::cast_precision_loss,
    reason = "a whole number that was a float before"
)]
pub(crate) fn float_of(identity: Identity) -> f64 {
    if identity[0] == 0 {
        int_of(identity) as f64
    } else {
        f64::from_bits(bits_of(identity))
    }
}

fn bits_of(identity: Identity) -> u64 {
    let [_, bits @ ..] = identity;
    u64::from_le_bytes(bits)
}

fn tagged(tag: u8, bits: u64) -> Identity {
    let mut identity = [tag; 9];
    identity[1..].copy_from_slice(&bits.to_le_bytes());
    identity
}

/// Up to here every whole number is a 32-bit float.
pub(crate) const DENSE: u64 = 1 << 24;

/// Below every value.
const BOTTOM: u32 = 1;
/// Above every value.
const TOP: u32 = u32::MAX - 1;

impl Cell {
    /// No value: no interval holds it.
    pub(crate) const MISSING: Self = Self {
        low: u32::MAX,
        high: 0,
        bit: 0,
    };

    /// A value that has a 32-bit form of its own.
    pub(crate) const fn exact(value: u32) -> Self {
        Self {
            low: value,
            high: value,
            bit: 0,
        }
    }

    /// A symbol.
    #[inline]
    pub(crate) fn symbol(symbol: u32) -> Self {
        Self {
            bit: bit(symbol),
            ..Self::exact(symbol)
        }
    }

    /// A whole number.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "the rounding is measured right behind it; a whole float below 2^63 is an i64"
    )]
    pub(crate) fn of_int(value: i64) -> Self {
        /// The first float beyond an `i64`.
        const END: f32 = 9_223_372_036_854_775_808.0;
        let near = value as f32;
        if value.unsigned_abs() <= DENSE {
            return Self {
                bit: u32::try_from(value).map_or(0, bit),
                ..Self::exact(ordered(near))
            };
        }
        // Not through an `i128`: that is a call, which even small numbers would make.
        let order = if near < END {
            (near as i64).cmp(&value)
        } else {
            core::cmp::Ordering::Greater
        };
        Self::around(near, order)
    }

    /// A finite number.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the rounding is measured right behind it"
    )]
    pub(crate) fn of_float(value: f64) -> Self {
        let near = value as f32;
        if (0.0..f64::from(BITS)).contains(&value) && libm::trunc(value) == value {
            return Self::of_int(value as i64);
        }
        let order = f64::from(near).partial_cmp(&value);
        Self::around(near, order.unwrap_or(core::cmp::Ordering::Equal))
    }

    /// The cell of what was rounded to `near`, which compares to it like `order`.
    fn around(near: f32, order: core::cmp::Ordering) -> Self {
        let key = ordered(near);
        match order {
            core::cmp::Ordering::Less => Self {
                low: key,
                high: key + 1,
                bit: 0,
            },
            core::cmp::Ordering::Equal => Self::exact(key),
            core::cmp::Ordering::Greater => Self {
                low: key - 1,
                high: key,
                bit: 0,
            },
        }
    }

    pub(crate) fn is_present(self) -> bool {
        self.low <= self.high
    }

    pub(crate) fn is_exact(self) -> bool {
        self.low == self.high
    }

    /// Whether a whole number has a cell of its own.
    #[inline]
    pub(crate) fn is_own_of(value: i64) -> bool {
        value.unsigned_abs() <= DENSE || Self::of_int(value).is_exact()
    }
}

impl Interval {
    /// Every value there is.
    pub(crate) const ALL: Self = Self {
        from: BOTTOM,
        to: TOP,
    };

    /// No value.
    pub(crate) const NONE: Self = Self {
        from: u32::MAX,
        to: 0,
    };

    /// One value.
    pub(crate) const fn only(value: u32) -> Self {
        Self {
            from: value,
            to: value,
        }
    }

    pub(crate) fn equal(value: Cell) -> Self {
        Self {
            from: value.high,
            to: value.low,
        }
    }

    pub(crate) fn less(value: Cell) -> Self {
        let to = value.low - u32::from(value.is_exact());
        Self { to, ..Self::ALL }
    }

    pub(crate) fn less_or_equal(value: Cell) -> Self {
        let to = value.low;
        Self { to, ..Self::ALL }
    }

    pub(crate) fn greater(value: Cell) -> Self {
        let from = value.high + u32::from(value.is_exact());
        Self { from, ..Self::ALL }
    }

    pub(crate) fn greater_or_equal(value: Cell) -> Self {
        let from = value.high;
        Self { from, ..Self::ALL }
    }

    /// What lies in both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            from: self.from.max(other.from),
            to: self.to.min(other.to),
        }
    }

    /// The smallest interval with all that lies in one of both.
    pub(crate) fn reaching_over(self, other: Self) -> Self {
        Self {
            from: self.from.min(other.from),
            to: self.to.max(other.to),
        }
    }

    /// 0 without a lower bound, 2 with a lower bound alone, 1 with both.
    pub(crate) fn openness(self) -> u8 {
        match self {
            Self { from: BOTTOM, .. } => 0,
            Self { to: TOP, .. } => 2,
            Self { .. } => 1,
        }
    }

    /// The only value in it, if it is one: then it can be looked up.
    pub(crate) fn single(self) -> Option<u32> {
        (self.from == self.to).then_some(self.from)
    }

    /// Whether the value lies in it, or may.
    pub(crate) fn holds(self, cell: Cell) -> bool {
        (self.from <= cell.high) & (cell.low <= self.to)
    }

    /// A set of bits in the place of an interval.
    pub(crate) fn of_bits(bits: u64) -> Self {
        let [low, high] = [bits, bits >> 32].map(low);
        Self {
            from: low,
            to: high,
        }
    }

    /// Whether the value's bit is in the set that stands in the place of the interval.
    #[inline]
    pub(crate) fn has_bit(self, cell: Cell) -> bool {
        let bits = u64::from(self.to) << 32 | u64::from(self.from);
        bits & cell.bit != 0
    }

    /// Whether a value that it holds may lie outside.
    pub(crate) fn is_unsure(self, cell: Cell) -> bool {
        (cell.low != cell.high) & ((self.from == cell.high) | (self.to == cell.low))
    }
}

/// The bit of a small value.
#[inline]
fn bit(value: u32) -> u64 {
    1_u64.checked_shl(value).unwrap_or(0)
}

/// The place of a number's bit, given its cell.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast that does not fit gives another number, whose cell is compared"
)]
pub(crate) fn bit_of_number(value: u32) -> Option<u32> {
    let number = f32::from_bits(value & !(1 << 31)) as u32;
    let cell = Cell::of_int(number.into());
    (number < BITS && cell.low == value).then_some(number)
}

/// The bits of a float in the order of floats; `-0` is `0`.
fn ordered(value: f32) -> u32 {
    const SIGN: u32 = 1 << 31;
    let bits = (value + 0.0).to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn cells() -> Vec<(f64, Cell)> {
        let numbers = [
            -1e300,
            -1e40,
            -3.5,
            -1.0,
            -1e-300,
            -0.0,
            0.0,
            1e-300,
            1e-40,
            0.1,
            0.5,
            1.0,
            21.3,
            21.4,
            16_777_216.0,
            16_777_217.0,
            16_777_218.0,
            1e40,
            1e300,
        ];
        numbers
            .map(|number| (number, Cell::of_float(number)))
            .into()
    }

    /// The verdict of an interval against the truth: sure ones are right, unsure ones cover it.
    fn check(interval: Interval, cell: Cell, truth: bool) {
        if interval.holds(cell) {
            assert!(truth || interval.is_unsure(cell), "{interval:?} {cell:?}");
        } else {
            assert!(!truth, "{interval:?} {cell:?}");
        }
    }

    #[test]
    fn equal_numbers_and_only_they_have_the_same_identity() {
        let dense = 1_i64 << 53;
        assert_eq!(
            identity_of_float(9_007_199_254_740_992.0),
            identity_of_int(dense)
        );
        assert_ne!(
            identity_of_float(9_007_199_254_740_992.0),
            identity_of_int(dense + 1)
        );
        assert_eq!(identity_of_float(-0.0), identity_of_int(0));
        assert_ne!(identity_of_float(0.1), identity_of_float(0.1_f32.into()));
        for value in [0.1, 1e300, 16_777_217.0, -9_007_199_254_740_994.0] {
            assert!(float_of(identity_of_float(value)).total_cmp(&value).is_eq());
        }
        assert_eq!(int_of(identity_of_int(i64::MIN)), i64::MIN);
        assert_ne!(identity_of_time(5), identity_of_int(5));
        assert_ne!(
            identity_of_float(9_223_372_036_854_775_808.0),
            identity_of_int(i64::MAX)
        );
        assert_eq!(
            identity_of_float(-9_223_372_036_854_775_808.0),
            identity_of_int(i64::MIN)
        );
    }

    #[test]
    fn comparisons_are_exact_or_say_that_they_are_unsure() {
        for (value, cell) in cells() {
            for (bound, at) in cells() {
                check(Interval::equal(at), cell, value == bound);
                check(Interval::less(at), cell, value < bound);
                check(Interval::less_or_equal(at), cell, value <= bound);
                check(Interval::greater(at), cell, value > bound);
                check(Interval::greater_or_equal(at), cell, value >= bound);
            }
        }
    }

    #[test]
    fn whole_numbers_beyond_the_floats_stay_apart() {
        let large = (1 << 53) + 1;
        for value in [large - 1, large, large + 1, i64::MAX, i64::MIN, 16_777_217] {
            for bound in [large - 1, large, large + 1, i64::MAX, i64::MIN, 16_777_217] {
                let (cell, at) = (Cell::of_int(value), Cell::of_int(bound));
                check(Interval::equal(at), cell, value == bound);
                check(Interval::greater(at), cell, value > bound);
                check(Interval::less_or_equal(at), cell, value <= bound);
            }
        }
    }

    #[test]
    fn a_missing_value_lies_nowhere() {
        assert!(!Interval::ALL.holds(Cell::MISSING));
        assert!(!Cell::MISSING.is_present());
        assert!(Interval::ALL.holds(Cell::of_float(f64::MAX)));
        assert!(Interval::ALL.holds(Cell::of_float(f64::MIN)));
    }

    #[test]
    fn small_whole_numbers_have_a_bit() {
        for number in 0..BITS {
            let cell = Cell::of_int(number.into());
            assert_eq!(cell.bit, 1 << number);
            assert_eq!(cell, Cell::of_float(number.into()));
            assert_eq!(bit_of_number(cell.low), Some(number));
        }
        for number in [-1.0, 0.5, 64.0, 1e30, -1e30, 1e-40] {
            let cell = Cell::of_float(number);
            assert_eq!(cell.bit, 0);
            assert_eq!(bit_of_number(cell.low), None, "{number}");
        }
        assert_eq!(Cell::of_float(-0.0).bit, 1);
        assert_eq!((Cell::symbol(5).bit, Cell::symbol(500).bit), (1 << 5, 0));
    }

    #[test]
    fn small_whole_numbers_are_exact() {
        for value in [0, 1, -1, 9_999, -16_777_216, 16_777_216] {
            assert!(Cell::of_int(value).is_exact());
            assert_eq!(
                Cell::of_int(value),
                Cell::of_float(f64::from(i32::try_from(value).unwrap()))
            );
        }
    }
}
