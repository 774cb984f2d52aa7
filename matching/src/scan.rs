//! The only module with `unsafe`: vector instructions, and fetching ahead.
//!
//! [`Scanner`] compares one value with columns of bounds and collects the targets of those that hold it. It can only be
//! made for a level that the processor has, so that calling its kernels is sound.

#![allow(
    unsafe_code,
    reason = "intrinsics; each block has its proof, and the tests compare all levels"
)]

use alloc::vec::Vec;

use crate::cell::Cell;
use crate::level::CpuLevel;

/// Bounds and targets, side by side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Columns<'a> {
    pub(crate) from: &'a [u32],
    pub(crate) to: &'a [u32],
    pub(crate) targets: &'a [u32],
}

/// Compares values with columns, with the instructions of a level that the processor has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scanner {
    level: CpuLevel,
}

impl Scanner {
    /// # Panics
    ///
    /// If the processor does not have the level: the driver must ask it first.
    pub(crate) fn new(level: CpuLevel) -> Self {
        assert!(has(level), "the processor has no {level:?}");
        Self { level }
    }

    /// Appends to `out` the targets of all intervals with `from <= cell.high` and `cell.low <= to`.
    #[inline]
    pub(crate) fn select(self, columns: Columns<'_>, cell: Cell, out: &mut Vec<u32>) {
        let len = columns.targets.len();
        assert_eq!(columns.from.len(), len, "a column has a bound a target");
        assert_eq!(columns.to.len(), len, "a column has a bound a target");
        out.reserve(len + LANES_MAX);
        match self.level {
            CpuLevel::Scalar => select_scalar(columns, cell, out),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level is one that the processor has (`new`), the columns are of one length, and `out` has
            // room for as many targets and a vector more; all three are asserted above.
            CpuLevel::Avx2 => unsafe { x86::select_avx2(columns, cell, out) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as for AVX2.
            CpuLevel::Avx512 => unsafe { x86::select_avx512(columns, cell, out) },
            #[cfg(not(target_arch = "x86_64"))]
            CpuLevel::Avx2 | CpuLevel::Avx512 => select_scalar(columns, cell, out),
        }
    }
}

/// Asks for a cache line before it is needed.
#[inline]
pub(crate) fn fetch<T>(item: &T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: fetching ahead reads nothing that the program sees, and the address is that of a reference.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(
            core::ptr::from_ref(item).cast(),
        );
    }
    #[cfg(any(not(target_arch = "x86_64"), miri))]
    let _ = item;
}

/// Targets that a kernel may write beyond the last one that it keeps.
const LANES_MAX: usize = 16;

fn select_scalar(columns: Columns<'_>, cell: Cell, out: &mut Vec<u32>) {
    let bounds = columns.from.iter().zip(columns.to);
    for ((&from, &to), &target) in bounds.zip(columns.targets) {
        if (from <= cell.high) & (cell.low <= to) {
            out.push(target);
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has(level: CpuLevel) -> bool {
    match level {
        CpuLevel::Scalar => true,
        CpuLevel::Avx2 => x86::has_avx2(),
        CpuLevel::Avx512 => x86::has_avx2() && x86::has_avx512(),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn has(level: CpuLevel) -> bool {
    level == CpuLevel::Scalar
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::{
        __cpuid, __cpuid_count, __m256i, __m512i, _mm256_and_si256, _mm256_castsi256_ps,
        _mm256_cmpeq_epi32, _mm256_loadu_si256, _mm256_max_epu32, _mm256_min_epu32,
        _mm256_movemask_ps, _mm256_set1_epi32, _mm512_cmple_epu32_mask, _mm512_loadu_si512,
        _mm512_mask_cmple_epu32_mask, _mm512_mask_compressstoreu_epi32, _mm512_set1_epi32, _xgetbv,
    };

    use super::{Cell, Columns, Vec, select_scalar};

    /// Eight at a time.
    ///
    /// # Safety
    ///
    /// The processor has AVX2, the columns have one length, and `out` has room for all targets.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn select_avx2(columns: Columns<'_>, cell: Cell, out: &mut Vec<u32>) {
        const LANES: usize = 8;
        let high = _mm256_set1_epi32(cell.high.cast_signed());
        let low = _mm256_set1_epi32(cell.low.cast_signed());
        let whole = columns.targets.len() / LANES * LANES;
        for start in (0..whole).step_by(LANES) {
            // SAFETY: `start + 8 <= whole`, which is not beyond the end of either column.
            let (from, to) = unsafe {
                (
                    _mm256_loadu_si256(columns.from.as_ptr().add(start).cast::<__m256i>()),
                    _mm256_loadu_si256(columns.to.as_ptr().add(start).cast::<__m256i>()),
                )
            };
            let above = _mm256_cmpeq_epi32(_mm256_max_epu32(from, high), high);
            let below = _mm256_cmpeq_epi32(_mm256_min_epu32(low, to), low);
            let both = _mm256_castsi256_ps(_mm256_and_si256(above, below));
            let mut mask = _mm256_movemask_ps(both).cast_unsigned();
            while mask != 0 {
                out.push(columns.targets[start + mask.trailing_zeros() as usize]);
                mask &= mask - 1;
            }
        }
        select_scalar(rest(columns, whole), cell, out);
    }

    /// Sixteen at a time.
    ///
    /// # Safety
    ///
    /// The processor has AVX-512F, the columns have one length, and `out` has room for all targets and 16 more.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn select_avx512(columns: Columns<'_>, cell: Cell, out: &mut Vec<u32>) {
        const LANES: usize = 16;
        let high = _mm512_set1_epi32(cell.high.cast_signed());
        let low = _mm512_set1_epi32(cell.low.cast_signed());
        let whole = columns.targets.len() / LANES * LANES;
        let mut written = out.len();
        for start in (0..whole).step_by(LANES) {
            // SAFETY: `start + 16 <= whole`, which is not beyond the end of either column.
            let (from, to) = unsafe {
                (
                    _mm512_loadu_si512(columns.from.as_ptr().add(start).cast::<__m512i>()),
                    _mm512_loadu_si512(columns.to.as_ptr().add(start).cast::<__m512i>()),
                )
            };
            let above = _mm512_cmple_epu32_mask(from, high);
            let both = _mm512_mask_cmple_epu32_mask(above, low, to);
            if both == 0 {
                continue;
            }
            // SAFETY: the targets reach as far as the bounds; at most as many are written as were read so far, and
            // `out` has room for all of them.
            unsafe {
                let targets =
                    _mm512_loadu_si512(columns.targets.as_ptr().add(start).cast::<__m512i>());
                let end = out.as_mut_ptr().add(written);
                _mm512_mask_compressstoreu_epi32(end.cast::<i32>(), both, targets);
            }
            written += both.count_ones() as usize;
        }
        // SAFETY: everything up to `written` was written, and it lies within the capacity.
        unsafe { out.set_len(written) };
        select_scalar(rest(columns, whole), cell, out);
    }

    fn rest(columns: Columns<'_>, start: usize) -> Columns<'_> {
        Columns {
            from: &columns.from[start..],
            to: &columns.to[start..],
            targets: &columns.targets[start..],
        }
    }

    /// Whether the processor has AVX2, and the operating system keeps its registers.
    pub(super) fn has_avx2() -> bool {
        keeps(0b110) && extended_features() & (1 << 5) != 0
    }

    /// Whether the processor has AVX-512F, and the operating system keeps its registers.
    pub(super) fn has_avx512() -> bool {
        keeps(0b1110_0110) && extended_features() & (1 << 16) != 0
    }

    fn extended_features() -> u32 {
        if __cpuid(0).eax < 7 {
            return 0;
        }
        __cpuid_count(7, 0).ebx
    }

    fn keeps(registers: u64) -> bool {
        const OSXSAVE: u32 = 1 << 27;
        if __cpuid(1).ecx & OSXSAVE == 0 {
            return false;
        }
        // SAFETY: OSXSAVE says that the instruction is there and allowed.
        unsafe { enabled_registers() & registers == registers }
    }

    #[target_feature(enable = "xsave")]
    fn enabled_registers() -> u64 {
        // SAFETY: register 0 always exists where the instruction does.
        unsafe { _xgetbv(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{low, mix};

    fn column(seed: u64, len: u64) -> Vec<u32> {
        (0..len).map(|at| low(mix(seed, at, 0)) % 1000).collect()
    }

    #[test]
    fn every_level_selects_the_same() {
        for len in [0, 1, 7, 8, 15, 16, 17, 100, 1000] {
            let (from, to, targets) = (column(1, len), column(2, len), column(3, len));
            let columns = Columns {
                from: &from,
                to: &to,
                targets: &targets,
            };
            for cell in [
                Cell::exact(500),
                Cell {
                    low: 499,
                    high: 500,
                },
                Cell::MISSING,
            ] {
                let select = |level| {
                    let mut out = [9].into();
                    Scanner::new(level).select(columns, cell, &mut out);
                    out
                };
                let expected = select(CpuLevel::Scalar);
                for level in [CpuLevel::Avx2, CpuLevel::Avx512] {
                    if has(level) {
                        assert_eq!(select(level), expected, "{level:?} {len} {cell:?}");
                    }
                }
            }
        }
    }
}
