//! The README's shell commands, run as a reader runs them: top to bottom, in one shell, beside a
//! server.

use std::path::Path;

use tokio::process::Command;

use crate::harness::Server;
use crate::harness::server::BINARY;
use crate::harness::wait::within_time;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
/// What the README's server listens on.
const USUAL: &str = "127.0.0.1:8080";
/// A block with a command that begins so builds, installs or starts what this test has or cannot
/// have.
const BUILDS: [&str; 13] = [
    "cargo",
    "./test.sh",
    "docker",
    "helm",
    "kubectl",
    "sudo",
    "apt",
    "apt-get",
    "git",
    "pip",
    "npm",
    "go",
    "systemctl",
];
/// A block with one of these needs the server stopped.
const ALONE: [&str; 2] = ["parlor verify", "parlor rebuild"];

/// The blocks of a document that are marked as shell.
fn blocks(text: &str) -> Vec<&str> {
    let begun = text.split("\n```sh\n").skip(1);
    begun.map(|rest| rest.split("\n```").next().expect("a first part")).collect()
}

/// Whether this test can run a block: nothing in it is left out, it needs no cluster, and builds
/// nothing.
fn can_run(block: &str) -> bool {
    let builds = |line: &str| {
        let first = line.split_whitespace().next().unwrap_or_default();
        BUILDS.contains(&first)
    };
    !block.contains('…') && !block.contains("--engine cluster") && !block.lines().any(builds)
}

/// Runs a script in a directory, with `parlor` on the path; fails with all that it said.
async fn run(script: &str, dir: &Path) {
    let bin = Path::new(BINARY).parent().expect("a folder");
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display());
    // An answer that is an error must not pass for a good one, not in a pipe either. That the other end
    // reads no more (23), and that a feed has no end (28), is meant.
    let whole = format!(
        "set -eu\n\
         curl() {{\n\
           local code=0\n\
           command curl --silent --show-error --fail-with-body --max-time 20 \"$@\" || code=$?\n\
           case $code in 0|23|28) ;; *) echo \"curl $*: $code\" >>curl.failed ;; esac\n\
           return $code\n\
         }}\n\
         set -x\n{script}\n\
         if [ -e curl.failed ]; then cat curl.failed >&2; exit 1; fi\n"
    );
    let mut command = Command::new("bash");
    command.args(["-c", &whole]).current_dir(dir).env_clear();
    command.env("PATH", path).env("HOME", dir).kill_on_drop(true);
    let patience = std::time::Duration::from_secs(120);
    let output = within_time(patience, "the README's commands", command.output()).await;
    let output = output.expect("bash runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "README.md: a command failed:\n{said}\n{printed}");
}

#[tokio::test]
async fn the_readmes_commands_run_from_top_to_bottom() {
    let readme = std::fs::read_to_string(README).expect("README.md");
    let home = tempfile::tempdir().expect("a directory");
    let mut server = Server::open(&home.path().join("data"), &[]).await;
    let blocks: Vec<_> = blocks(&readme).into_iter().filter(|block| can_run(block)).collect();
    let stops = |block: &&str| ALONE.iter().any(|command| block.contains(command));
    let (alone, beside): (Vec<_>, Vec<_>) = blocks.into_iter().partition(stops);
    for command in ["account create", "account set", "key issue", "bot deploy", "curl "] {
        assert!(beside.iter().any(|block| block.contains(command)), "README.md shows {command}");
    }
    assert!(!alone.is_empty(), "README.md shows how to verify");
    run(&beside.join("\n").replace(USUAL, server.address()), home.path()).await;
    server.terminate().await;
    run(&alone.join("\n"), home.path()).await;
}

#[test]
fn blocks_are_told_apart_by_what_is_in_them() {
    let text = "a\n\n```sh\nparlor key list\n```\n\n```json\n{}\n```\n\n```sh\ncargo run\n```\n";
    let found = blocks(text);
    assert_eq!(found, ["parlor key list", "cargo run"]);
    assert_eq!(found.iter().map(|block| can_run(block)).collect::<Vec<_>>(), [true, false]);
    assert!(!can_run("curl http://x/cv_…") && !can_run("parlor serve --engine cluster"));
}
