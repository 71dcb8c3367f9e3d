//! A data directory that was damaged behind the server's back. Acknowledged events are never quietly
//! gone: the server says which file, which byte, how many events, and writes nothing; or the views are
//! made anew from the log.

use std::path::{Path, PathBuf};

use super::judge::history;
use super::torn::{newest_segment, talk, verify, written};
use crate::harness::Server;

/// A directory whose server was killed after some conversations.
struct Killed {
    server: Server,
    talks: Vec<(String, Vec<(serde_json::Value, serde_json::Value)>)>,
    _home: tempfile::TempDir,
}

impl Killed {
    async fn make() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let mut server = Server::open(home.path(), &[]).await;
        let mut talks = Vec::new();
        for _ in 0..4 {
            talks.push(talk(&server, 5).await);
        }
        server.kill().await;
        Self { server, talks, _home: home }
    }

    fn dir(&self) -> PathBuf {
        self.server.dir().to_owned()
    }

    /// Starting and verifying fail, say these words, and change nothing.
    async fn is_refused(&self, words: &[&str]) {
        let before = contents(&self.dir().join("log"));
        for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["verify"]] {
            let (done, said) = Server::command(&self.dir(), command).await;
            assert!(!done, "{command:?} is content: {said}");
            for word in words {
                assert!(said.contains(word), "{command:?} says {word}: {said}");
            }
        }
        assert!(contents(&self.dir().join("log")) == before, "something was written");
    }

    /// Everything is there as it was.
    async fn is_whole(&mut self) {
        self.server.restart().await;
        for (id, said) in &self.talks {
            assert_eq!(history(&self.server.client(), id).await, *said);
        }
        self.server.terminate().await;
        verify(&self.dir()).await;
    }
}

/// Every file below a folder with its bytes.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            let bytes = std::fs::read(&path).expect("readable");
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn zeros_in_the_middle_of_the_log_are_refused_and_can_be_accepted() {
    let mut killed = Killed::make().await;
    let segment = newest_segment(&killed.dir());
    let mut bytes = std::fs::read(&segment).expect("readable");
    let blocks = usize::try_from(written(&segment)).expect("small") / 4_096;
    let middle = (blocks / 2).max(1) * 4_096;
    bytes[middle..middle + 4_096].fill(0);
    std::fs::write(&segment, bytes).expect("written");
    let name = segment.file_name().expect("a name").to_string_lossy().into_owned();
    killed.is_refused(&[&name, "byte", "events are at stake", "repair --accept-loss"]).await;

    let (done, said) = Server::command(&killed.dir(), &["repair"]).await;
    assert!(!done && said.contains("--accept-loss"), "{said}");
    let (done, said) = Server::command(&killed.dir(), &["repair", "--accept-loss"]).await;
    assert!(done && said.contains("are lost"), "{said}");
    killed.server.restart().await;
    let client = killed.server.client();
    let mut whole = 0;
    for (id, said) in &killed.talks {
        let answer = client.get(&format!("/bot/v1/conversations/{id}/messages")).await;
        if answer.status == 200 {
            let stored = history(&client, id).await;
            assert!(stored.iter().all(|one| said.contains(one)), "what is there is as it was");
            whole += usize::from(stored.len() == said.len());
        }
    }
    assert!((1..4).contains(&whole), "what is behind the damage is kept: {whole} of 4");
    let (_, more) = talk(&killed.server, 2).await;
    assert_eq!(more.len(), 4, "it goes on");
    killed.server.terminate().await;
    verify(&killed.dir()).await;
    let aside = std::fs::read_dir(killed.dir().join("log")).expect("a folder").count();
    assert!(aside >= 3, "the damaged log is kept aside");
}

#[tokio::test]
async fn a_log_that_is_gone_or_empty_or_cannot_be_read_is_refused() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 4] = [
        ("the log in", |dir| std::fs::remove_dir_all(dir.join("log")).expect("removed")),
        ("the segment is gone", |dir| std::fs::remove_file(newest_segment(dir)).expect("removed")),
        ("", |dir| std::fs::write(newest_segment(dir), "").expect("written")),
        ("the segment's header", |dir| {
            let segment = newest_segment(dir);
            let mut bytes = std::fs::read(&segment).expect("readable");
            bytes[..16].iter_mut().for_each(|byte| *byte ^= 0xff);
            std::fs::write(segment, bytes).expect("written");
        }),
    ];
    for (word, damage) in damages {
        let mut killed = Killed::make().await;
        // Once more, so that the views know what there was.
        killed.server.restart().await;
        killed.server.terminate().await;
        damage(&killed.dir());
        let (done, said) =
            Server::command(&killed.dir(), &["serve", "--listen", "127.0.0.1:0"]).await;
        assert!(!done && said.contains(word), "{word}: {said}");
        let (done, said) = Server::command(&killed.dir(), &["verify"]).await;
        assert!(!done, "verifying is content: {said}");
    }
}

#[tokio::test]
async fn views_that_are_damaged_or_gone_are_made_anew() {
    let mut killed = Killed::make().await;
    let dir = killed.dir();
    std::fs::remove_dir_all(dir.join("views")).expect("removed");
    killed.is_whole().await;
    std::fs::remove_dir_all(dir.join("views/keyspaces")).expect("removed");
    killed.is_whole().await;
    for entry in std::fs::read_dir(dir.join("views")).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            std::fs::write(path, [0xa5; 8_192]).expect("written");
        }
    }
    killed.is_whole().await;
}
