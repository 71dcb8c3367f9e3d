//! The data directory: who may read it, and what is left alone.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::harness::Server;
use crate::harness::process::{Process, bound_to_us};
use crate::harness::server::BINARY;
use crate::harness::wait::eventually;

/// Everything in a directory, itself first, with what others may do there.
fn rights(dir: &Path) -> Vec<(PathBuf, u32)> {
    let mode = |path: &Path| {
        std::fs::symlink_metadata(path).expect("it is there").permissions().mode() & 0o777
    };
    let (mut all, mut folders) = (vec![(dir.to_owned(), mode(dir))], vec![dir.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("readable") {
            let path = entry.expect("readable").path();
            all.push((path.clone(), mode(&path)));
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    all
}

fn assert_private(dir: &Path) {
    for (path, mode) in rights(dir) {
        assert_eq!(mode & 0o077, 0, "{} is {mode:o}", path.display());
    }
}

/// Starts a server whose umask takes nothing away; it is killed when dropped.
async fn lax(dir: &Path) -> Process {
    let mut command = bound_to_us("sh");
    let script = r#"umask 0; exec "$0" serve --listen 127.0.0.1:0 --data-dir "$1""#;
    command.args(["-c", script, BINARY]).arg(dir);
    let mut process = Process::start(command).await;
    process.first_line().await;
    process
}

#[tokio::test]
async fn the_directory_and_all_in_it_are_its_owners_alone_whatever_the_umask() {
    let home = tempfile::tempdir().expect("a directory");
    let dir = home.path().join("data");
    let server = lax(&dir).await;
    assert!(dir.join("credentials.json").exists() && dir.join("files").is_dir());
    assert!(rights(&dir).len() > 20, "the store is there: {:?}", rights(&dir));
    assert_private(&dir);
    drop(server);
    let (equal, said) = Server::command(&dir, &["verify"]).await;
    assert!(equal, "{said}");
    assert_private(&dir);
}

#[tokio::test]
async fn a_directory_that_others_could_read_is_narrowed_at_the_start() {
    let home = tempfile::tempdir().expect("a directory");
    let dir = home.path().join("data");
    drop(lax(&dir).await);
    for (path, mode) in rights(&dir) {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode | 0o055)).expect("set");
    }
    let server = Server::open(&dir, &[]).await;
    assert_private(&dir);
    eventually("the log says that it was narrowed", async || {
        server.said().contains("others could read the data directory").then_some(())
    })
    .await;
    drop(server);
    let server = Server::open(&dir, &[]).await;
    assert!(!server.said().contains("others could read"), "it is said once: {}", server.said());
}

#[tokio::test]
async fn what_only_looks_makes_nothing_and_says_that_nothing_is_there() {
    let home = tempfile::tempdir().expect("a directory");
    let (absent, empty) = (home.path().join("absent"), home.path().join("empty"));
    std::fs::create_dir(&empty).expect("made");
    for dir in [&absent, &empty] {
        for command in ["verify", "rebuild"] {
            let (done, said) = Server::command(dir, &[command]).await;
            let told = format!("there is nothing in the data directory {}", dir.display());
            assert!(!done && said.contains(&told), "{command}: {said}");
        }
    }
    assert!(!absent.exists() && rights(&empty).len() == 1);
}

#[tokio::test]
async fn verifying_leaves_no_trace_of_its_own_in_the_directory() {
    let mut server = Server::start().await;
    server.client().say(None, "what are your opening hours?").await;
    server.terminate().await;
    let names = |dir: &Path| {
        let mut names: Vec<_> = std::fs::read_dir(dir).expect("readable").collect();
        names.retain(|entry| {
            let name = entry.as_ref().expect("readable").file_name();
            // fjall takes up a new journal when it opens.
            !name.to_string_lossy().ends_with(".jnl")
        });
        let names = names.into_iter().map(|entry| entry.expect("readable").file_name());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    let before = names(server.dir());
    let (equal, said) = Server::command(server.dir(), &["verify"]).await;
    assert!(equal, "{said}");
    assert_eq!(names(server.dir()), before);
}

#[tokio::test]
async fn a_directory_with_something_else_in_it_is_left_alone() {
    let home = tempfile::tempdir().expect("a directory");
    std::fs::write(home.path().join("letter.odt"), "Dear Ada").expect("written");
    std::fs::set_permissions(home.path(), PermissionsExt::from_mode(0o755)).expect("set");
    for arguments in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["verify"],
        &["rebuild"],
        &["account", "create", "--name", "A"],
        &["key", "list"],
    ] {
        let (done, said) = Server::command(home.path(), arguments).await;
        assert!(!done, "{arguments:?}: {said}");
        for told in ["letter.odt", "--data-dir", home.path().to_str().expect("UTF-8")] {
            assert!(said.contains(told), "{arguments:?}: {told}: {said}");
        }
    }
    assert_eq!(rights(home.path()).len(), 2, "nothing was made");
    assert_eq!(rights(home.path())[0].1, 0o755, "and nothing was narrowed");
}
