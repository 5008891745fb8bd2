//! The `signalbox` program.

use std::process::ExitCode;

/// A message is made of many small pieces that one thread allocates and another frees; that is
/// what this allocator is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    signalbox::cli::main()
}
