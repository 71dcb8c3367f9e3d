//! The `parlor` binary: arguments, then one role.

use std::process::ExitCode;

use clap::Parser;
use parlor::role::{Arguments, run};

/// A message is many small allocations on two threads. Against the system's allocator: fewer
/// instructions per message, and idle connections no larger (benches/load, `send` and `idle`).
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("parlor: {error}");
            ExitCode::FAILURE
        }
    }
}
