//! The binary `gomera`: everything is in the library, so that tests and the demo use the same.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    gomera::commands::main()
}
