//! What the processor can do, for the matching index.

use gomera_matching::CpuLevel;

/// The widest vector instructions that the index knows and this processor has.
#[must_use]
pub fn level() -> CpuLevel {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
            return CpuLevel::Avx512;
        }
        if is_x86_feature_detected!("avx2") {
            return CpuLevel::Avx2;
        }
    }
    CpuLevel::Scalar
}
