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

/// Bounds of one or several facets, and targets, side by side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Columns<'a, const WIDTH: usize> {
    pub(crate) from: [&'a [u32]; WIDTH],
    pub(crate) to: [&'a [u32]; WIDTH],
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

    /// Appends to `out` the targets whose intervals have `from <= cell.high` and `cell.low <= to` in every column.
    #[inline]
    pub(crate) fn select<const WIDTH: usize>(
        self,
        columns: Columns<'_, WIDTH>,
        cells: [Cell; WIDTH],
        out: &mut Vec<u32>,
    ) {
        let len = columns.targets.len();
        for column in columns.from.iter().chain(&columns.to) {
            assert_eq!(column.len(), len, "a column has a bound a target");
        }
        out.reserve(len + LANES_MAX);
        match self.level {
            CpuLevel::Scalar => select_scalar(columns, cells, out),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level is one that the processor has (`new`), the columns are of one length, and `out` has
            // room for as many targets and a vector more; both are seen to above.
            CpuLevel::Avx2 => unsafe { x86::select_avx2(columns, cells, out) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as for AVX2.
            CpuLevel::Avx512 => unsafe { x86::select_avx512(columns, cells, out) },
            #[cfg(not(target_arch = "x86_64"))]
            CpuLevel::Avx2 | CpuLevel::Avx512 => select_scalar(columns, cells, out),
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

fn select_scalar<const WIDTH: usize>(
    columns: Columns<'_, WIDTH>,
    cells: [Cell; WIDTH],
    out: &mut Vec<u32>,
) {
    for (place, &target) in columns.targets.iter().enumerate() {
        let holds = (0..WIDTH).all(|column| {
            (columns.from[column][place] <= cells[column].high)
                & (cells[column].low <= columns.to[column][place])
        });
        if holds {
            out.push(target);
        }
    }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
fn has(level: CpuLevel) -> bool {
    match level {
        CpuLevel::Scalar => true,
        CpuLevel::Avx2 => x86::has_avx2(),
        CpuLevel::Avx512 => x86::has_avx2() && x86::has_avx512(),
    }
}

/// Miri has the instructions that it is told to have, and no way to ask a processor.
#[cfg(any(not(target_arch = "x86_64"), miri))]
fn has(level: CpuLevel) -> bool {
    match level {
        CpuLevel::Scalar => true,
        CpuLevel::Avx2 => cfg!(target_feature = "avx2"),
        CpuLevel::Avx512 => cfg!(target_feature = "avx512f"),
    }
}

#[cfg(target_arch = "x86_64")]
#[cfg_attr(miri, allow(dead_code, reason = "Miri has no processor to ask"))]
mod x86 {
    use core::arch::x86_64::{
        __cpuid, __cpuid_count, __m256i, __m512i, _mm256_and_si256, _mm256_castsi256_ps,
        _mm256_cmpeq_epi32, _mm256_loadu_si256, _mm256_max_epu32, _mm256_min_epu32,
        _mm256_movemask_ps, _mm256_permutevar8x32_epi32, _mm256_set1_epi32, _mm256_storeu_si256,
        _mm512_mask_cmple_epu32_mask, _mm512_maskz_compress_epi32, _mm512_maskz_loadu_epi32,
        _mm512_set1_epi32, _mm512_storeu_si512, _xgetbv,
    };

    use super::{Cell, Columns, Vec, select_scalar};
    use crate::kept_first::KEPT_FIRST;

    /// Eight at a time.
    ///
    /// # Safety
    ///
    /// The processor has AVX2, the columns have one length, and `out` has room for all targets and 8 more.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn select_avx2<const WIDTH: usize>(
        columns: Columns<'_, WIDTH>,
        cells: [Cell; WIDTH],
        out: &mut Vec<u32>,
    ) {
        const LANES: usize = 8;
        let whole = columns.targets.len() / LANES * LANES;
        let mut written = out.len();
        for start in (0..whole).step_by(LANES) {
            let mut mask = 0xff_u32;
            for (column, cell) in cells.iter().enumerate() {
                let high = _mm256_set1_epi32(cell.high.cast_signed());
                let low = _mm256_set1_epi32(cell.low.cast_signed());
                // SAFETY: `start + 8 <= whole`, which is not beyond the end of any column.
                let (from, to) = unsafe {
                    let from = columns.from[column].as_ptr().add(start);
                    let to = columns.to[column].as_ptr().add(start);
                    (
                        _mm256_loadu_si256(from.cast::<__m256i>()),
                        _mm256_loadu_si256(to.cast::<__m256i>()),
                    )
                };
                let above = _mm256_cmpeq_epi32(_mm256_max_epu32(from, high), high);
                let below = _mm256_cmpeq_epi32(_mm256_min_epu32(low, to), low);
                let both = _mm256_castsi256_ps(_mm256_and_si256(above, below));
                mask &= _mm256_movemask_ps(both).cast_unsigned();
                if mask == 0 {
                    break;
                }
            }
            if mask == 0 {
                continue;
            }
            // SAFETY: the targets reach as far as the bounds. Eight lanes are written from `written` on; at most as many
            // were kept as were read before this step, and `out` has room for all of them and 8 more.
            unsafe {
                let targets = columns.targets.as_ptr().add(start).cast::<__m256i>();
                let order = KEPT_FIRST[mask as usize].as_ptr().cast::<__m256i>();
                let kept = _mm256_permutevar8x32_epi32(
                    _mm256_loadu_si256(targets),
                    _mm256_loadu_si256(order),
                );
                _mm256_storeu_si256(out.as_mut_ptr().add(written).cast::<__m256i>(), kept);
            }
            written += mask.count_ones() as usize;
        }
        // SAFETY: everything up to `written` was written, and it lies within the capacity.
        unsafe { out.set_len(written) };
        select_scalar(rest(columns, whole), cells, out);
    }

    /// Sixteen at a time.
    ///
    /// # Safety
    ///
    /// The processor has AVX-512F, the columns have one length, and `out` has room for all targets and 16 more.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn select_avx512<const WIDTH: usize>(
        columns: Columns<'_, WIDTH>,
        cells: [Cell; WIDTH],
        out: &mut Vec<u32>,
    ) {
        const LANES: usize = 16;
        let high = cells.map(|cell| _mm512_set1_epi32(cell.high.cast_signed()));
        let low = cells.map(|cell| _mm512_set1_epi32(cell.low.cast_signed()));
        let len = columns.targets.len();
        let mut written = out.len();
        for start in (0..len).step_by(LANES) {
            let lanes = u16::MAX >> LANES.saturating_sub(len - start);
            let mut mask = lanes;
            for column in 0..WIDTH {
                // SAFETY: only the lanes are read that lie below `len`, the end of every column.
                let (from, to) = unsafe {
                    let from = columns.from[column].as_ptr().add(start);
                    let to = columns.to[column].as_ptr().add(start);
                    (
                        _mm512_maskz_loadu_epi32(lanes, from.cast::<i32>()),
                        _mm512_maskz_loadu_epi32(lanes, to.cast::<i32>()),
                    )
                };
                mask = _mm512_mask_cmple_epu32_mask(mask, from, high[column]);
                mask = _mm512_mask_cmple_epu32_mask(mask, low[column], to);
                if mask == 0 {
                    break;
                }
            }
            if mask == 0 {
                continue;
            }
            // SAFETY: the targets reach as far as the bounds. Sixteen lanes are written from `written` on; at most as
            // many were kept as were read before this step, and `out` has room for all of them and 16 more.
            unsafe {
                let targets = columns.targets.as_ptr().add(start).cast::<i32>();
                let targets = _mm512_maskz_loadu_epi32(lanes, targets);
                let kept = _mm512_maskz_compress_epi32(mask, targets);
                _mm512_storeu_si512(out.as_mut_ptr().add(written).cast::<__m512i>(), kept);
            }
            written += mask.count_ones() as usize;
        }
        // SAFETY: everything up to `written` was written, and it lies within the capacity.
        unsafe { out.set_len(written) };
    }

    fn rest<const WIDTH: usize>(columns: Columns<'_, WIDTH>, start: usize) -> Columns<'_, WIDTH> {
        Columns {
            from: columns.from.map(|column| &column[start..]),
            to: columns.to.map(|column| &column[start..]),
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
            let bounds = [1, 2, 3, 4].map(|seed| column(seed, len));
            let targets = column(5, len);
            let columns = Columns {
                from: [&bounds[0][..], &bounds[1]],
                to: [&bounds[2][..], &bounds[3]],
                targets: &targets,
            };
            for cell in [
                Cell::exact(500),
                Cell {
                    low: 499,
                    high: 500,
                    ..Cell::MISSING
                },
                Cell::MISSING,
            ] {
                let select = |level| {
                    let mut out = [9].into();
                    Scanner::new(level).select(columns, [cell, Cell::exact(300)], &mut out);
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
