//! The processes under measurement: the real `parlor`, and this binary again as an empty server.
//!
//! Each runs in its own process on a free port of 127.0.0.1, so that its memory and its CPU time
//! can be read from `/proc`, and is killed by its pid when dropped. The data directory is a fresh
//! one, outliving the process where a measurement restarts it.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use tempfile::TempDir;

use crate::{
    client::{Connection, request},
    drive::refused,
};

/// How many ticks of `/proc/<pid>/stat` make a second: fixed by Linux's ABI.
const TICKS: f64 = 100.0;

/// The variable that names another server's executable.
pub(crate) const PROGRAM_VARIABLE: &str = "PARLOR_BIN";

/// All clients of a bench are of one address and one account, and many read with one credential.
const OF_ONE_ADDRESS: [&str; 12] = [
    "--max-connections-per-address",
    "20000",
    "--max-readers-per-token",
    "20000",
    "--max-readers-per-address",
    "20000",
    "--max-readers-per-conversation",
    "20000",
    "--max-turns-per-account",
    "20000",
    "--max-calls-per-account",
    "20000",
];

/// What every measurement needs to know about the run.
pub(crate) struct Setting {
    /// The server's executable.
    pub(crate) program: PathBuf,
    /// Where data directories are made; must be on the disk that is to be measured.
    pub(crate) directory: PathBuf,
}

impl Setting {
    /// The server's program, with nothing to read; it takes its variables for settings, so ours
    /// is none of them.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        // No pace, unless a bench is about one.
        command.env_remove(PROGRAM_VARIABLE).env("PARLOR_PACE", "0").stdin(Stdio::null());
        command
    }

    /// Runs the server's program to its end; what it printed, and what it said besides.
    ///
    /// # Errors
    /// If it fails; what it said is the message.
    #[cfg(feature = "cluster")]
    pub(crate) fn run(&self, arguments: &[&str], more: &[String]) -> io::Result<(String, String)> {
        let output = self.command().args(arguments).args(more).output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (printed, said) = (text(&output.stdout), text(&output.stderr));
        if output.status.success() {
            return Ok((printed, said));
        }
        let what = arguments.join(" ");
        Err(io::Error::other(format!("`{what}` failed ({}): {said}", output.status)))
    }

    /// A fresh directory that is removed when dropped.
    pub(crate) fn fresh(&self) -> io::Result<TempDir> {
        tempfile::Builder::new().prefix("parlor-load-").tempdir_in(&self.directory)
    }
}

/// A running child process that serves HTTP.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts the empty server: this executable with `serve-empty`.
    ///
    /// It ends when its standard input does, so it cannot outlive us.
    pub(crate) fn empty() -> io::Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve-empty", &address.to_string()]).stdin(Stdio::piped());
        let process = Self { child: command.spawn()?, address };
        process.wait_ready(Duration::from_secs(20))?;
        Ok(process)
    }

    /// The CPU seconds it has taken, all threads together.
    pub(crate) fn cpu(&self) -> f64 {
        cpu_of(&format!("/proc/{}/stat", self.child.id()))
    }

    /// Its resident memory in bytes.
    pub(crate) fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let line = status.unwrap_or_default();
        let line = line.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.unwrap_or(0) * 1024
    }

    /// The bytes that it has had written to files.
    pub(crate) fn written(&self) -> u64 {
        let io = fs::read_to_string(format!("/proc/{}/io", self.child.id())).unwrap_or_default();
        let of = |name: &str| {
            let line = io.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|bytes| bytes.trim().parse::<u64>().ok()).unwrap_or(0)
        };
        of("write_bytes:").saturating_sub(of("cancelled_write_bytes:"))
    }

    /// Kills it without a warning and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        // Neither can fail in a way that matters: the process is ours, or it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts a server, with what it says in `log`, and waits until it is ready.
    fn launch(mut command: Command, address: SocketAddr, log: &Path) -> io::Result<Self> {
        command.stdout(Stdio::null()).stderr(fs::File::create(log)?);
        let process = Self { child: command.spawn()?, address };
        process.wait_ready(Duration::from_secs(120)).map_err(|error| with_log(&error, log))?;
        Ok(process)
    }

    /// Waits until `/readyz` answers 200; fails if the process ends or the time is up.
    fn wait_ready(&self, limit: Duration) -> io::Result<()> {
        let until = Instant::now() + limit;
        while !is_ready(self.address) {
            if Instant::now() > until || self.has_ended() {
                return Err(io::Error::other("the server did not become ready"));
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn has_ended(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        stat.map_or(true, |stat| stat.rsplit(") ").next().is_none_or(|rest| rest.starts_with('Z')))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What an account's callers show.
pub(crate) struct Account {
    credentials: serde_json::Value,
}

impl Account {
    /// The header line with the credential.
    pub(crate) fn credential(&self) -> String {
        format!("x-aerochat-api-key: {}\r\n", self.of("aerochat_api_key"))
    }

    /// A credential by its name in `credentials.json`.
    pub(crate) fn of(&self, name: &str) -> &str {
        self.credentials[name].as_str().unwrap_or_default()
    }
}

/// A running `parlor` on a data directory.
pub(crate) struct Server {
    process: Process,
    /// The API key of the demo account.
    pub(crate) key: String,
    /// The demo account's public key, for pages.
    pub(crate) site_key: String,
    /// From starting the program to the first 200 of `/readyz`.
    pub(crate) ready_after: Duration,
}

impl Server {
    /// Starts the server on a data directory, which may be empty or left by an earlier one.
    ///
    /// # Errors
    /// If it does not start, is not ready within two minutes, or left no credentials. The end of
    /// what it said is part of the message.
    pub(crate) fn start(setting: &Setting, data: &Path) -> io::Result<Self> {
        Self::start_with(setting, data, &[])
    }

    /// The same with more flags.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub(crate) fn start_with(setting: &Setting, data: &Path, flags: &[&str]) -> io::Result<Self> {
        Self::usual(setting, data, &[&OF_ONE_ADDRESS[..], flags].concat())
    }

    /// The same with the limits that a server usually has.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub(crate) fn usual(setting: &Setting, data: &Path, flags: &[&str]) -> io::Result<Self> {
        fs::create_dir_all(data)?;
        let address = free_address()?;
        let log = data.with_extension("log");
        let mut command = setting.command();
        command.arg("serve").arg("--data-dir").arg(data).arg("--listen").arg(address.to_string());
        command.args(flags);
        let began = Instant::now();
        let process = Process::launch(command, address, &log)?;
        let ready_after = began.elapsed();
        let credentials = fs::read(data.join("credentials.json"))?;
        let credentials: serde_json::Value = serde_json::from_slice(&credentials)?;
        let key = credentials["aerochat_api_key"].as_str().ok_or_else(|| {
            io::Error::other("credentials.json holds no aerochat_api_key for the load to use")
        })?;
        let site_key = credentials["widget_site_key"].as_str().unwrap_or_default();
        Ok(Self { process, key: key.to_owned(), site_key: site_key.to_owned(), ready_after })
    }

    /// Makes another account like the demo's; the server may be running.
    ///
    /// # Errors
    /// If the command fails; what it said is the message.
    pub(crate) fn account(setting: &Setting, data: &Path, name: &str) -> io::Result<Account> {
        let mut command = setting.command();
        command.args(["account", "create", "--template", "demo", "--json", "--name", name]);
        let output = command.arg("--data-dir").arg(data).output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(io::Error::other(format!("`account create` failed: {said}")));
        }
        Ok(Account { credentials: serde_json::from_slice(&output.stdout)? })
    }

    /// Starts a node of a cluster, whose account's API key is known.
    ///
    /// # Errors
    /// If it is not ready within two minutes; the end of what it said is part of the message.
    #[cfg(feature = "cluster")]
    pub(crate) fn node(
        setting: &Setting,
        connection: &[String],
        key: &str,
        log: &Path,
    ) -> io::Result<Self> {
        let address = free_address()?;
        let mut command = setting.command();
        command.args(["serve", "--listen", &address.to_string()]).args(connection);
        command.args(OF_ONE_ADDRESS);
        let began = Instant::now();
        let process = Process::launch(command, address, log)?;
        let (key, site_key, ready_after) = (key.to_owned(), String::new(), began.elapsed());
        Ok(Self { process, key, site_key, ready_after })
    }

    /// Gives the demo account this bot; no server may be running on the data directory.
    ///
    /// # Errors
    /// If the command fails; what it said is the message.
    pub(crate) fn deploy(setting: &Setting, data: &Path, bot: &str) -> io::Result<()> {
        let file = data.with_extension("json");
        fs::write(&file, bot)?;
        let mut command = setting.command();
        command.args(["bot", "deploy", "--data-dir"]).arg(data).arg("--file").arg(&file);
        let output = command.output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(io::Error::other(format!("`bot deploy` failed ({}): {said}", output.status)))
    }

    /// Asks it to end, and waits for that.
    pub(crate) fn stop(mut self) {
        if let Ok(pid) = i32::try_from(self.process.child.id())
            && let Some(pid) = Pid::from_raw(pid)
            && kill_process(pid, Signal::TERM).is_ok()
        {
            let until = Instant::now() + Duration::from_secs(30);
            while !self.process.has_ended() && Instant::now() < until {
                thread::sleep(Duration::from_millis(5));
            }
        }
        self.process.kill();
    }

    /// Ends it as a power cut would: kill -9.
    pub(crate) fn kill(mut self) {
        self.process.kill();
    }

    /// What it has counted, by the name of the metric with its labels.
    ///
    /// # Errors
    /// If it does not say.
    pub(crate) async fn counted(&self) -> io::Result<BTreeMap<String, f64>> {
        let mut connection = Connection::open(self.address).await?;
        let (status, body) = connection.call(&request("GET", "/metrics", "", "")).await?;
        if status != 200 {
            return Err(refused(status, body));
        }
        let text = String::from_utf8_lossy(body);
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let named = lines.filter_map(|line| line.rsplit_once(' '));
        Ok(named.map(|(name, value)| (name.to_owned(), value.parse().unwrap_or(0.0))).collect())
    }

    /// The header line with the credential.
    pub(crate) fn credential(&self) -> String {
        format!("x-aerochat-api-key: {}\r\n", self.key)
    }
}

impl std::ops::Deref for Server {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

/// The CPU seconds this process has taken.
pub(crate) fn own_cpu() -> f64 {
    cpu_of("/proc/self/stat")
}

/// The CPU seconds that all processes of the machine have taken.
#[cfg(feature = "cluster")]
pub(crate) fn cpu_of_machine() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let ticks: Vec<f64> = fields.filter_map(|field| field.parse().ok()).collect();
    // All but waiting: the fourth and the fifth; those after the eighth are counted before.
    let busy = ticks.iter().take(8).enumerate().filter(|(index, _)| !matches!(index, 3 | 4));
    busy.map(|(_, ticks)| ticks).sum::<f64>() / TICKS
}

/// The CPU seconds that another process has taken.
#[cfg(feature = "cluster")]
pub(crate) fn cpu_of_process(pid: u32) -> f64 {
    cpu_of(&format!("/proc/{pid}/stat"))
}

/// Lets this process and its children open as many files as the system allows; says how many.
pub(crate) fn raise_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if setrlimit(Resource::Nofile, raised).is_err() {
        return limit.current.unwrap_or(u64::MAX);
    }
    limit.maximum.unwrap_or(u64::MAX)
}

/// The bytes of all files under a directory, as the disk counts them.
pub(crate) fn size_of(directory: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;

    let mut size = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        // Blocks, not the length: journals are allocated ahead and are mostly holes.
        size += if metadata.is_dir() { size_of(&entry.path())? } else { metadata.blocks() * 512 };
    }
    Ok(size)
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

fn is_ready(address: SocketAddr) -> bool {
    let ask = || -> io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: load\r\nconnection: close\r\n\r\n")?;
        let mut start = [0; 12];
        stream.read_exact(&mut start)?;
        Ok(start.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

fn cpu_of(path: &str) -> f64 {
    let stat = fs::read_to_string(path).unwrap_or_default();
    // The name in parentheses may hold spaces; utime and stime are the 12th and 13th after it.
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    let ticks: f64 =
        fields.split(' ').skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / TICKS
}

fn with_log(error: &io::Error, log: &Path) -> io::Error {
    let log = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = log.lines().rev().take(10).collect();
    let lines: Vec<&str> = lines.into_iter().rev().collect();
    io::Error::other(format!("{error}; it said:\n{}", lines.join("\n")))
}
