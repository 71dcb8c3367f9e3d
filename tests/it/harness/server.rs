//! The real binary as a child process.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use super::http::Client;
use super::wait::within;

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_parlor");

/// A running server; it is killed by its own id when dropped.
pub struct Server {
    child: Child,
    address: String,
    dir: PathBuf,
    flags: Vec<String>,
    /// Held so that the directory lives as long as the server.
    temporary: Option<Arc<TempDir>>,
}

impl Server {
    /// Starts with the demo account on a free port and an empty data directory.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with more flags.
    pub async fn start_with(flags: &[&str]) -> Self {
        let temporary = Arc::new(tempfile::tempdir().expect("a temporary directory"));
        let mut server = Self::open(temporary.path(), flags).await;
        server.temporary = Some(temporary);
        server
    }

    /// Starts on a data directory that the caller keeps.
    pub async fn open(dir: &Path, flags: &[&str]) -> Self {
        let flags: Vec<_> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let (child, address) = launch(dir, "127.0.0.1:0", &flags).await;
        Self { child, address, dir: dir.to_owned(), flags, temporary: None }
    }

    /// `127.0.0.1:port`
    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("the server runs")
    }

    /// A credential of the demo account, by its name in `credentials.json`.
    pub fn credential(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.dir.join("credentials.json")).expect("credentials");
        let credentials: Value = serde_json::from_str(&text).expect("JSON");
        credentials[name].as_str().expect("a credential of that name").to_owned()
    }

    /// A client with the demo account's AeroChat key.
    pub fn client(&self) -> Client {
        self.client_with(&self.credential("aerochat_api_key"))
    }

    /// A client with another AeroChat key.
    pub fn client_with(&self, key: &str) -> Client {
        Client::new(&format!("http://{}", self.address)).with("X-AeroChat-API-Key", key)
    }

    /// A client without a credential.
    pub fn stranger(&self) -> Client {
        Client::new(&format!("http://{}", self.address))
    }

    /// kill -9, as a power cut for the process.
    pub async fn kill(&mut self) {
        self.child.start_kill().expect("the server runs");
        within("the killed server's end", self.child.wait()).await.expect("it ends");
    }

    /// SIGTERM; returns when the server has drained and ended.
    pub async fn terminate(&mut self) {
        self.signal_terminate();
        let status = within("the drained server's end", self.child.wait()).await.expect("it ends");
        assert!(status.success(), "a drained server ends with success, not {status}");
    }

    /// SIGTERM, without waiting.
    pub fn signal_terminate(&self) {
        use rustix::process::{Pid, Signal, kill_process};
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a pid");
        kill_process(pid, Signal::TERM).expect("the signal is sent");
    }

    /// Starts again on the same data directory and port.
    pub async fn restart(&mut self) {
        let (child, address) = launch(&self.dir, &self.address.clone(), &self.flags).await;
        self.child = child;
        self.address = address;
    }

    /// Runs `parlor` with arguments and `--data-dir`; gives what it printed.
    pub async fn command(dir: &Path, arguments: &[&str]) -> (bool, String) {
        let run = parlor().args(arguments).arg("--data-dir").arg(dir).stdin(Stdio::null()).output();
        let output = within("a parlor command", run).await.expect("it runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    /// Makes another account while the server is down; gives its AeroChat key.
    pub async fn create_account(dir: &Path, name: &str, more: &[&str]) -> String {
        let arguments = [&["account", "create", "--name", name], more].concat();
        let (done, text) = Self::command(dir, &arguments).await;
        assert!(done, "account create: {text}");
        let credentials: Value = serde_json::from_str(&text).expect("credentials");
        credentials["aerochat_api_key"].as_str().expect("a key").to_owned()
    }
}

/// The binary, without the settings of whoever runs the tests.
pub fn parlor() -> Command {
    let mut command = Command::new(BINARY);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PARLOR_") {
            command.env_remove(name);
        }
    }
    command
}

async fn launch(dir: &Path, listen: &str, flags: &[String]) -> (Child, String) {
    let mut child = parlor()
        .args(["serve", "--listen", listen, "--data-dir"])
        .arg(dir)
        .args(flags)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the server starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut stderr = child.stderr.take().expect("piped");
    let first = within("the server's first line", lines.next_line()).await.expect("readable");
    let Some(first) = first else {
        let mut said = String::new();
        stderr.read_to_string(&mut said).await.ok();
        panic!("the server did not start: {said}");
    };
    let address = first.rsplit("http://").next().expect("an address").to_owned();
    // Both pipes are read on, so that the server never waits for us.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    tokio::spawn(async move {
        let mut lines = BufReader::new(stderr).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            eprintln!("{line}");
        }
    });
    (child, address)
}
