//! CPU time of this thread, and an allocator that counts.

#![allow(
    unsafe_code,
    reason = "an allocator cannot be written without; it hands everything on to the one of the broker"
)]

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mimalloc::MiMalloc;
use rustix::time::{ClockId, clock_gettime};

/// The allocator of the broker with a counter before it.
pub(crate) struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);

/// Bytes that are allocated now.
pub(crate) fn bytes() -> usize {
    BYTES.load(Ordering::Relaxed)
}

// SAFETY: every call goes to the broker's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: what the caller promises is handed on.
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: what the caller promises is handed on.
        unsafe { MiMalloc.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        BYTES.fetch_add(size, Ordering::Relaxed);
        BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: what the caller promises is handed on.
        unsafe { MiMalloc.realloc(pointer, layout, size) }
    }
}

/// CPU time that this thread has used.
pub(crate) fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap(),
        u32::try_from(time.tv_nsec).unwrap(),
    )
}

/// Runs `pass` over and over for so long; the median of its CPU times.
pub(crate) fn median(limit: Duration, mut pass: impl FnMut()) -> Duration {
    let start = cpu();
    let mut times = Vec::new();
    while times.is_empty() || (cpu() - start < limit && times.len() < 1000) {
        let before = cpu();
        pass();
        times.push(cpu() - before);
    }
    times.sort_unstable();
    times[times.len() / 2]
}
