//! The pure floors in a library with a panic handler and an allocator of its own.
//!
//! If any of their dependencies drags std in, its panic handler meets this one and the build fails.

#![no_std]

#[cfg(feature = "std-dragged-in")]
extern crate std;

use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;
use core::ptr;

use gomera_client_core as _;
use gomera_coordinator as _;
use gomera_filter as _;
use gomera_matching as _;
use gomera_model as _;
use gomera_operators as _;

/// Has no memory to give. The library is built and never run.
struct Empty;

// SAFETY: null is what an allocator answers when it has nothing; what it never gave is never returned to it.
unsafe impl GlobalAlloc for Empty {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: Empty = Empty;

#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    loop {}
}
