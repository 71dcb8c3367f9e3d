//! The control socket itself: whose it is, how long it is there, and what may come through it.

use std::os::unix::fs::{FileTypeExt as _, PermissionsExt};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::harness::Server;
use crate::harness::wait::within;

fn socket(dir: &Path) -> PathBuf {
    dir.join("control.sock")
}

async fn list(dir: &Path) -> String {
    let (done, said) = Server::command(dir, &["account", "list"]).await;
    assert!(done, "{said}");
    said
}

#[tokio::test]
async fn the_socket_is_its_owners_and_goes_with_the_server() {
    let mut server = Server::start().await;
    let path = socket(server.dir());
    let about = std::fs::symlink_metadata(&path).expect("a socket");
    assert!(about.file_type().is_socket());
    assert_eq!(about.permissions().mode() & 0o777, 0o600);
    let listed = list(server.dir()).await;
    server.kill().await;
    assert!(path.exists(), "a killed server leaves it");
    assert_eq!(list(server.dir()).await, listed, "a command finds that nobody is there");
    server.restart().await;
    assert_eq!(list(server.dir()).await, listed, "what was left is replaced");
    server.terminate().await;
    assert!(!path.exists(), "a drained server takes it along");
    assert_eq!(list(server.dir()).await, listed);
}

#[tokio::test]
async fn a_directory_with_a_long_path_has_one_too() {
    let home = tempfile::tempdir().expect("a directory");
    let dir = home.path().join("d".repeat(120)).join("e".repeat(120));
    std::fs::create_dir_all(&dir).expect("made");
    let _server = Server::open(&dir, &[]).await;
    assert!(socket(&dir).exists());
    assert!(list(&dir).await.contains("Demo"));
}

/// Says something through the socket; what comes back, if anything does.
async fn say(dir: &Path, bytes: &[u8]) -> Option<Value> {
    let asking = async {
        let mut stream = UnixStream::connect(socket(dir)).await.expect("connected");
        stream.write_all(bytes).await.ok();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok();
        answer
    };
    let answer = within("an answer or an end", asking).await;
    serde_json::from_slice(answer.get(4..)?).ok()
}

fn frame(value: &Value) -> Vec<u8> {
    let text = value.to_string();
    let length = u32::try_from(text.len()).expect("short").to_be_bytes();
    [&length[..], text.as_bytes()].concat()
}

#[tokio::test]
async fn what_is_no_order_is_refused_and_the_server_goes_on() {
    let server = Server::start().await;
    let dir = server.dir();
    let asked = json!({ "version": 1, "order": "list_accounts" });
    let told = say(dir, &frame(&asked)).await.expect("an answer");
    assert_eq!(told["answer"]["done"]["accounts"]["accounts"][0]["name"], "Demo", "{told}");
    for other in [
        json!({ "version": 99, "order": "list_accounts" }),
        json!({ "version": 1, "order": "drop_everything" }),
        json!({ "version": 1, "order": { "list_keys": { "account": null, "more": 1 } } }),
        json!([]),
    ] {
        let told = say(dir, &frame(&other)).await.expect("an answer");
        let problem = told["answer"]["failed"].as_str().expect("a refusal");
        assert!(problem.contains("another release"), "{other}: {told}");
    }
    assert_eq!(say(dir, &[0xff; 64]).await, None, "a frame that is too long");
    assert_eq!(say(dir, b"GET / HTTP/1.1\r\n\r\n").await, None);
    assert!(list(dir).await.contains("Demo"));
}
