//! `parlor verify` beside a server: the log is read while it is written, and damage is found there.

use std::path::Path;

use futures_util::future::join_all;

use super::judge::history;
use super::torn::{newest_segment, talk, verify};
use crate::harness::Server;
use crate::harness::server::run;

/// Runs the command; gives its exit code and what it said.
async fn verified(dir: &Path) -> (Option<i32>, String) {
    let output = run(&["verify", "--data-dir", dir.to_str().expect("UTF-8")]).await;
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

/// The log is whole, and it is said that the views were not looked at; gives the events that were read.
async fn is_whole(dir: &Path) -> u64 {
    let (code, said) = verified(dir).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("not compared") && said.contains("parlor rebuild"), "{said}");
    let (_, told) = said.split_once("Events: ").expect("the log of events is told of");
    told.split(' ').next().and_then(|count| count.parse().ok()).expect("a count")
}

/// A server that has begun a segment beside one that is sealed.
async fn with_a_sealed_segment(dir: &Path) -> Server {
    let mut server = Server::open(dir, &[]).await;
    talk(&server, 10).await;
    server.terminate().await;
    server.restart().await;
    assert!(dir.join("log/events/00000001.seal").exists(), "the first segment is sealed");
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_verified_beside_a_server_under_load() {
    let home = tempfile::tempdir().expect("a directory");
    let mut server = with_a_sealed_segment(home.path()).await;
    let load = join_all((0..8).map(|_| talk(&server, 100)));
    let verifying = async {
        let (mut before, mut grown) = (is_whole(home.path()).await, 0);
        while grown < 5 {
            let now = is_whole(home.path()).await;
            assert!(now >= before, "events are gone: {now} of {before}");
            grown += u32::from(now > before);
            before = now;
        }
    };
    let (talks, ()) = tokio::join!(load, verifying);
    for (id, said) in &talks {
        assert_eq!(history(&server.client(), id).await, *said);
    }
    // Two events a question, one to begin with, and two that made the contact and the talk.
    let all = is_whole(home.path()).await;
    assert!(all >= 8 * 2 * 100, "all that was said is seen, not {all} events");
    server.terminate().await;
    verify(home.path()).await;
}

#[tokio::test]
async fn a_flipped_bit_is_found_beside_the_server_and_nothing_is_written() {
    let home = tempfile::tempdir().expect("a directory");
    let mut server = with_a_sealed_segment(home.path()).await;
    let (id, said) = talk(&server, 3).await;
    let newest = newest_segment(home.path());
    let first = home.path().join("log/events/00000001.seg");
    for segment in [first, newest] {
        let whole = std::fs::read(&segment).expect("readable");
        let (at, name) = (600, segment.file_name().expect("a name").to_string_lossy());
        let mut bytes = whole.clone();
        bytes[at] ^= 0x20;
        std::fs::write(&segment, &bytes).expect("written");
        let (code, told) = verified(home.path()).await;
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains(&*name) && told.contains("byte"), "{name}: {told}");
        assert!(std::fs::read(&segment).expect("readable") == bytes, "nothing is written");
        std::fs::write(&segment, whole).expect("written");
        is_whole(home.path()).await;
    }
    assert_eq!(history(&server.client(), &id).await, said, "the server was not disturbed");
    server.terminate().await;
    verify(home.path()).await;
}
