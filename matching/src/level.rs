//! What the processor can do, as the driver has found it.

/// The vector instructions that the index may use. Every level gives the same answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CpuLevel {
    /// None: runs everywhere.
    #[default]
    Scalar,
    /// AVX2, eight bounds at a time.
    Avx2,
    /// AVX-512 (F and VL), sixteen bounds at a time.
    Avx512,
}
