//! The disk fails a sync under load, on real files: what waited for it may be gone, whatever later syncs
//! say, and nothing that was acknowledged is.
//!
//! A small library, preloaded into the server, lets the sync of a log segment fail and says which bytes
//! were waiting for it. They are zeroed once the server is killed, as a kernel may have dropped them.

use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::doors::{Doors, Faults, Round};
use super::judge::{Figures, judge};
use super::load::call;
use super::torn::{newest_segment, verify, written};
use crate::harness::Server;
use crate::harness::wait::{eventually, within_time};

/// Of each kind of the load's callers four.
const CALLERS: usize = 16;
/// What the load writes before a sync fails, and after.
const LOADED_BYTES: u64 = 100_000;

/// Bytes that waited for a sync that failed.
#[derive(Debug)]
struct Failed {
    inode: u64,
    from: u64,
    to: u64,
}

/// The library, and the folder through which it is told.
struct Shim(tempfile::TempDir);

impl Shim {
    fn build() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/crash/failing_sync.c");
        let mut compile = Command::new(std::env::var_os("CC").unwrap_or("cc".into()));
        compile.args(["-shared", "-fPIC", "-O1", "-o"]).arg(folder.path().join("shim.so"));
        let done = compile.args([source, "-ldl"]).status();
        assert!(done.is_ok_and(|status| status.success()), "the C compiler makes the library");
        Self(folder)
    }

    fn environment(&self) -> Vec<(String, String)> {
        let path = |name: &str| self.0.path().join(name).display().to_string();
        vec![("LD_PRELOAD".into(), path("shim.so")), ("FAILING_SYNC".into(), path(""))]
    }

    /// So many syncs fail from now on; gives what waited for them.
    async fn fail(&self, syncs: usize) -> Vec<Failed> {
        let path = |name: &str| self.0.path().join(name);
        std::fs::write(path("new"), syncs.to_string()).expect("written");
        std::fs::rename(path("new"), path("order")).expect("renamed");
        let told = async || {
            let told = std::fs::read_to_string(path("failed")).ok()?;
            let failed: Vec<_> = told.lines().filter_map(Failed::read).collect();
            (failed.len() == syncs).then_some(failed)
        };
        eventually("the syncs have failed", told).await
    }
}

impl Failed {
    /// None of a line that is not written to its end.
    fn read(line: &str) -> Option<Self> {
        let mut numbers = line.split(' ').map(|number| number.parse().ok());
        let mut next = || numbers.next().flatten();
        Some(Self { inode: next()?, from: next()?, to: next()? })
    }

    /// Makes the bytes zero, as far as the file is still there and has them.
    fn drop_from(&self, dir: &Path) {
        for entry in std::fs::read_dir(dir.join("log/events")).expect("a folder") {
            let path = entry.expect("an entry").path();
            let found = std::fs::metadata(&path).expect("it is there");
            let to = self.to.min(found.len());
            if found.ino() != self.inode || to <= self.from {
                continue;
            }
            let file = std::fs::OpenOptions::new().write(true).open(&path).expect("ours");
            let zeros = vec![0; usize::try_from(to - self.from).expect("few bytes")];
            file.write_all_at(&zeros, self.from).expect("written");
        }
    }
}

/// Awaits that the load has written some more to the newest segment.
async fn loaded(dir: &Path) {
    let enough = async || (written(&newest_segment(dir)) > LOADED_BYTES).then_some(());
    eventually("the load has written enough", enough).await;
}

async fn loses_nothing_when_syncs_fail(syncs: usize) {
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        return eprintln!("skipped: nothing is preloaded here");
    }
    let (shim, home) = (Shim::build(), tempfile::tempdir().expect("a directory"));
    let dir = home.path();
    let mut server = Server::open_in(dir, &[], shim.environment()).await;
    let (rounds, round) = watch::channel(Round::default());
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        // A write that fails is refused, and tried again.
        let doors = Doors::nodes(vec![server.client()], Faults::Kills, round.clone(), 0);
        callers.spawn(call(number, doors));
    }
    loaded(dir).await;
    let before = newest_segment(dir);
    let failed = shim.fail(syncs).await;
    let client = server.client();
    let said = json!({ "message": "what are your opening hours?" });
    let taken = async || {
        let answer = client.post("/bot/v1/conversations/messages", &said).await;
        assert!(matches!(answer.status, 200 | 503), "{}: {}", answer.status, answer.text);
        (answer.status == 200).then_some(())
    };
    eventually("messages are taken again", taken).await;
    loaded(dir).await;
    assert_ne!(newest_segment(dir), before, "the segment whose sync failed takes no more");
    assert!(server.said().contains("the segment ends there"), "and the log says so");

    server.kill().await;
    failed.iter().for_each(|failed| failed.drop_from(dir));
    server.restart().await;
    rounds.send_replace(Round { number: 1, last: true, over: false });
    let mut figures = Figures::default();
    let patience = Duration::from_secs(120);
    while let Some(ledger) = within_time(patience, "every caller's end", callers.join_next()).await
    {
        let ledger = ledger.expect("a caller is content");
        judge(&[server.client()], &ledger, &mut figures).await;
    }
    println!("{failed:?}: {figures:?}");
    assert!(figures.acknowledged > CALLERS, "the load was load");
    server.terminate().await;
    verify(dir).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_failed_sync_loses_nothing_that_was_acknowledged() {
    loses_nothing_when_syncs_fail(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn syncs_that_fail_again_while_the_log_moves_on_lose_nothing_either() {
    loses_nothing_when_syncs_fail(3).await;
}
