//! Random numbers, from the keys that the system gives to each process's hash maps: no crate is needed for two of
//! them at each start of a client.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// A random number. Not for secrets.
pub(crate) fn number() -> u64 {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    RandomState::new().hash_one(CALLS.fetch_add(1, Ordering::Relaxed))
}
