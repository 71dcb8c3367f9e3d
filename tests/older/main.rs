//! The server as a release that is a type of event and a field older than this one: the feature
//! `older-release` takes them away. `tests/it/cluster/releases.rs` runs it beside the real one.

use std::process::ExitCode;

use clap::Parser;
use parlor::role::{Arguments, run};

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("parlor: {error}");
            ExitCode::FAILURE
        }
    }
}
