//! The systemd unit: it is one, it starts the binary with settings that exist, and it is let do
//! little.

use std::path::Path;
use std::process::Command;

use clap::CommandFactory as _;
use parlor::role::Arguments;

use crate::harness::server::BINARY;

const UNIT: &str = include_str!("../../../deploy/systemd/parlor.service");
const INSTALLED: &str = "/usr/local/bin/parlor";
/// What `systemd-analyze security` may find at most, of 100 (10.0 is "unsafe").
const EXPOSURE: &str = "25";

#[test]
fn the_unit_starts_the_binary_with_flags_that_it_knows() {
    let line = UNIT.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("a command");
    let mut words = line.split(' ');
    assert_eq!(words.next(), Some(INSTALLED));
    let known = Arguments::command().try_get_matches_from(std::iter::once("parlor").chain(words));
    assert!(known.is_ok(), "{line}: {}", known.expect_err("refused"));
}

#[test]
fn systemd_takes_the_unit_and_finds_it_hardened() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no systemd-analyze here");
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let unit = dir.path().join("parlor.service");
    // It looks for the program, which need not be installed here.
    std::fs::write(&unit, UNIT.replace(INSTALLED, BINARY)).expect("written");
    let run = |arguments: &[&str], unit: &Path| {
        let ran = Command::new("systemd-analyze").args(arguments).arg(unit).output().expect("run");
        let said = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
        assert!(ran.status.success(), "systemd-analyze {arguments:?}: {said}");
        said
    };
    let said = run(&["verify"], &unit);
    assert!(said.trim().is_empty(), "{said}");
    run(&["security", "--offline=true", "--no-pager", "--threshold", EXPOSURE], &unit);
}
