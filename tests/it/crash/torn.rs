//! A data directory as a power cut may leave it, and one that two processes want.
//!
//! The log ends in a batch that was cut short; the server must open, lose nothing that was acknowledged,
//! and hold views that equal their log.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::process::Stdio;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use super::judge::history;
use crate::harness::Server;
use crate::harness::server::parlor;
use crate::harness::wait::within;

#[tokio::test]
async fn a_log_that_ends_in_garbage_loses_nothing() {
    const SEED: u64 = 7;
    let mut random = StdRng::seed_from_u64(SEED);
    let dir = tempfile::tempdir().expect("a directory");
    let mut server = Server::open(dir.path(), &[]).await;
    for round in 0..8 {
        let (id, said) = talk(&server, 5).await;
        server.kill().await;
        let segment = newest_segment(dir.path());
        let end = written(&segment);
        let garbage: Vec<u8> = match round {
            0 => vec![0xff; 4_096],
            // A batch that begins as others do and was not finished.
            1 | 2 => {
                let whole = std::fs::read(&segment).expect("readable");
                whole[..random.random_range(20..400)].to_vec()
            }
            _ => (0..random.random_range(1..4_096)).map(|_| random.random()).collect(),
        };
        let mut file = OpenOptions::new().write(true).open(&segment).expect("it is there");
        file.seek(SeekFrom::Start(end)).expect("a place");
        file.write_all(&garbage).expect("written");
        drop(file);
        server.restart().await;

        let stored = history(&server.client(), &id).await;
        assert_eq!(stored, said, "garbage {round} (seed {SEED}) takes nothing away");
        let next = server.client().say(Some(&id), "what are your opening hours?").await;
        assert_eq!(next["intent"], "business_hours", "it goes on");
    }
    server.terminate().await;
    verify(dir.path()).await;
}

#[tokio::test]
async fn a_second_process_is_refused_and_the_first_goes_on() {
    let server = Server::start().await;
    let (id, said) = talk(&server, 3).await;
    let dir = server.dir();
    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["repair", "--accept-loss"]] {
        let output = run(dir, arguments).await;
        let (out, error) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {out}{error}");
        let dir = dir.display().to_string();
        assert!(
            error.contains("in use by another parlor process") && error.contains(&dir),
            "{arguments:?} must say what is wrong and where: {error}"
        );
        assert_eq!(out, "", "{arguments:?} did nothing");
    }
    assert_eq!(history(&server.client(), &id).await, said, "the first was not disturbed");
    let next = server.client().say(Some(&id), "what are your opening hours?").await;
    assert_eq!(next["intent"], "business_hours");
}

/// Says so many things in a new conversation; gives its whole history.
pub(super) async fn talk(server: &Server, count: usize) -> (String, Vec<(Value, Value)>) {
    let client = server.client();
    let first = client.say(None, "where is my order? #0").await;
    let id = first["conversation_id"].as_str().expect("an id").to_owned();
    for number in 1..count {
        client.say(Some(&id), &format!("where is my order? #{number}")).await;
    }
    let said = history(&client, &id).await;
    assert_eq!(said.len(), 2 * count);
    (id, said)
}

/// The segment that is written now: the highest number.
pub(super) fn newest_segment(dir: &Path) -> PathBuf {
    let names = std::fs::read_dir(dir.join("log/events")).expect("a folder");
    let names = names.map(|entry| entry.expect("it").path());
    let segments = names.filter(|path| path.extension().is_some_and(|ending| ending == "seg"));
    segments.max().expect("a segment")
}

/// How much of a segment is written; the rest is zeros.
pub(super) fn written(segment: &Path) -> u64 {
    let bytes = std::fs::read(segment).expect("readable");
    let last = bytes.iter().rposition(|byte| *byte != 0).expect("something is written");
    last as u64 + 1
}

async fn run(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = parlor();
    command.args(arguments).arg("--data-dir").arg(dir).stdin(Stdio::null()).kill_on_drop(true);
    within("the second process' end", command.output()).await.expect("it runs")
}

pub(super) async fn verify(dir: &Path) {
    let (equal, said) = Server::command(dir, &["verify"]).await;
    assert!(equal && said.contains("equal"), "views and log agree: {said}");
}

#[tokio::test]
async fn verify_and_rebuild_make_no_directory_that_is_not_there() {
    let parent = tempfile::tempdir().expect("a temporary directory");
    let dir = parent.path().join("none");
    for command in ["verify", "rebuild"] {
        let (done, text) = Server::command(&dir, &[command]).await;
        assert!(
            !done && text.contains("there is nothing in the data directory"),
            "{command}: {text}"
        );
        assert!(!dir.exists(), "{command} must not make {}", dir.display());
    }
}
