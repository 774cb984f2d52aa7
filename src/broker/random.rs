//! Numbers that nobody can guess.

use rustls::crypto::aws_lc_rs;

/// So many random bytes, fit for secrets.
pub(super) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::default_provider()
        .secure_random
        .fill(&mut bytes)
        .expect("the system's source of randomness works, or nothing here is safe");
    bytes
}
