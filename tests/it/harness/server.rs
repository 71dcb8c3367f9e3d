//! The real binary as a child process.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use super::http::Client;
use super::ports;
use super::process::{Process, bound_to_us};
use super::wait::{eventually, within};

/// The longest pause between pieces that tests wait for: replies are shown piece by piece, and soon.
const PACE_MS: &str = "30";
/// Flags of a server whose bots' own pace is what a test is about.
pub const PACED: [&str; 2] = ["--pace", "1000"];

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_parlor");

/// A running server, alone with its data directory or a node of a cluster; it is killed by its own
/// id when dropped.
pub struct Server {
    process: Process,
    address: String,
    home: Home,
    /// The binary under test, or an older one.
    binary: String,
    /// What follows `parlor serve --listen …`.
    arguments: Vec<String>,
    /// What its environment has besides.
    environment: Vec<(String, String)>,
    /// Held so that the directory lives as long as the server.
    temporary: Option<Arc<TempDir>>,
}

/// Where a server's data and credentials are.
pub enum Home {
    /// In a directory, as the embedded engine has it.
    Directory(PathBuf),
    /// With a cluster; the credentials are its first account's.
    Cluster(Value),
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
        Self::open_in(dir, flags, Vec::new()).await
    }

    /// The same with more in its environment.
    pub async fn open_in(dir: &Path, flags: &[&str], environment: Vec<(String, String)>) -> Self {
        let data_dir = dir.to_str().expect("a path in UTF-8");
        let arguments = [&["--data-dir", data_dir], flags].concat();
        let arguments = arguments.into_iter().map(str::to_owned).collect();
        let (home, address) = (Home::Directory(dir.to_owned()), ports::address());
        let mut server = Self::begin_of(BINARY, &address, home, arguments, environment).await;
        server.ready().await;
        server
    }

    /// Starts with these arguments on a free port.
    pub async fn launch(home: Home, arguments: Vec<String>) -> Self {
        Self::launch_of(BINARY, home, arguments).await
    }

    /// The same with another binary.
    pub async fn launch_of(binary: &str, home: Home, arguments: Vec<String>) -> Self {
        let address = ports::address();
        let mut server = Self::begin_of(binary, &address, home, arguments, Vec::new()).await;
        server.ready().await;
        server
    }

    /// Starts where it may have to wait until it can serve.
    pub async fn begin(address: &str, home: Home, arguments: Vec<String>) -> Self {
        Self::begin_of(BINARY, address, home, arguments, Vec::new()).await
    }

    async fn begin_of(
        binary: &str,
        address: &str,
        home: Home,
        arguments: Vec<String>,
        environment: Vec<(String, String)>,
    ) -> Self {
        let process = serve(binary, address, &arguments, &environment).await;
        let (address, binary) = (address.to_owned(), binary.to_owned());
        Self { process, address, home, binary, arguments, environment, temporary: None }
    }

    /// Awaits that it says that it can serve.
    pub async fn ready(&mut self) {
        let first = self.process.first_line().await;
        first.rsplit("http://").next().expect("an address").clone_into(&mut self.address);
    }

    /// `127.0.0.1:port`
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The data directory, which a node of a cluster does not have.
    pub fn dir(&self) -> &Path {
        match &self.home {
            Home::Directory(dir) => dir,
            Home::Cluster(_) => panic!("a cluster's node has no data directory"),
        }
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Whether nobody has killed or terminated it.
    pub fn runs(&self) -> bool {
        self.process.runs()
    }

    /// A credential of the demo account by its name in `credentials.json`; of a cluster's first
    /// account by the same name.
    pub fn credential(&self, name: &str) -> String {
        let read = |dir: &PathBuf| {
            let text = std::fs::read_to_string(dir.join("credentials.json")).expect("credentials");
            serde_json::from_str(&text).expect("JSON")
        };
        let credentials: Value = match &self.home {
            Home::Directory(dir) => read(dir),
            Home::Cluster(credentials) => credentials.clone(),
        };
        credentials[name].as_str().expect("a credential of that name").to_owned()
    }

    /// What it has logged lately.
    pub fn said(&self) -> String {
        self.process.said()
    }

    /// Awaits that it has logged all of these words; gives what it has logged lately. What it logs comes to
    /// us in its own time.
    pub async fn says(&self, words: &[&str]) -> String {
        eventually(&format!("the log has {words:?}"), || async {
            let said = self.said();
            words.iter().all(|word| said.contains(word)).then_some(said)
        })
        .await
    }

    /// A client with that account's AeroChat key.
    pub fn client(&self) -> Client {
        self.client_with(&self.credential("aerochat_api_key"))
    }

    /// A client with another AeroChat key.
    pub fn client_with(&self, key: &str) -> Client {
        self.stranger().with("X-AeroChat-API-Key", key)
    }

    /// A client without a credential.
    pub fn stranger(&self) -> Client {
        Client::new(&format!("http://{}", self.address))
    }

    /// kill -9, as a power cut for the process.
    pub async fn kill(&mut self) {
        self.process.kill().await;
    }

    /// SIGTERM; returns when the server has drained and ended.
    pub async fn terminate(&mut self) {
        self.signal_terminate();
        let status = self.process.end().await;
        assert!(status.success(), "a drained server ends with success, not {status}");
    }

    /// SIGTERM, without waiting.
    pub fn signal_terminate(&self) {
        self.process.signal(Signal::TERM);
    }

    /// SIGSTOP: it holds all that it has and does nothing, until [`Self::thaw`].
    pub fn freeze(&self) {
        self.process.signal(Signal::STOP);
    }

    pub fn thaw(&self) {
        self.process.signal(Signal::CONT);
    }

    /// Starts again on the same data and port.
    pub async fn restart(&mut self) {
        self.begin_again().await;
        self.ready().await;
    }

    /// The same where it may have to wait until it can serve.
    pub async fn begin_again(&mut self) {
        let Self { binary, address, arguments, environment, .. } = self;
        self.process = serve(binary, address, arguments, environment).await;
    }

    /// Runs `parlor` with arguments and `--data-dir`; gives what it printed on standard output, and
    /// where it went wrong all that it printed.
    pub async fn command(dir: &Path, arguments: &[&str]) -> (bool, String) {
        let dir = dir.to_str().expect("a path in UTF-8");
        let output = run(&[arguments, &["--data-dir", dir]].concat()).await;
        let done = output.status.success();
        let text = if done { output.stdout } else { [output.stdout, output.stderr].concat() };
        (done, String::from_utf8_lossy(&text).into_owned())
    }
}

/// The binary, without the settings of whoever runs the tests.
pub fn parlor() -> Command {
    without_settings(std::process::Command::new(BINARY)).into()
}

/// Runs `parlor` with arguments to its end.
pub async fn run(arguments: &[&str]) -> Output {
    let mut command = parlor();
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    within("a parlor command", command.output()).await.expect("it runs")
}

fn without_settings(mut command: std::process::Command) -> std::process::Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PARLOR_") {
            command.env_remove(name);
        }
    }
    command
}

/// Starts a server.
async fn serve(
    binary: &str,
    listen: &str,
    arguments: &[String],
    environment: &[(String, String)],
) -> Process {
    let mut command = without_settings(bound_to_us(binary));
    command.envs(environment.iter().cloned());
    command.args(["serve", "--listen", listen]).args(arguments).env("PARLOR_PACE", PACE_MS);
    Process::start(command).await
}
