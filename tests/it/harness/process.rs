//! A child process of no runtime: tests with a runtime each can share it, and it ends with the test
//! process, however that ends.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::oneshot;

use super::wait::{eventually, within};

/// A running child; it is killed by its own id when dropped.
pub struct Process {
    child: Child,
    /// How it ended, once somebody has awaited that.
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts it and awaits its first line on standard output; fails with what it said on standard
    /// error when it ends without.
    pub async fn start(mut command: Command) -> (Self, String) {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = start_from_the_lasting_thread(command).await.expect("the process starts");
        let mut process = Self { child, status: None };
        // Both pipes are read to their ends, so that the process never waits for us.
        let (send_first, first) = oneshot::channel();
        let mut lines = BufReader::new(process.child.stdout.take().expect("piped")).lines();
        thread::spawn(move || {
            send_first.send(lines.next().and_then(Result::ok)).ok();
            lines.for_each(drop);
        });
        let (send_said, said) = oneshot::channel();
        let stderr = process.child.stderr.take().expect("piped");
        thread::spawn(move || send_said.send(show(stderr)).ok());
        match within("a process' first line", first).await.expect("the reader lives") {
            Some(first) => (process, first),
            None => {
                let said = within("the process' last words", said).await.unwrap_or_default();
                panic!("the process did not start: {said}");
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a pid");
        kill_process(pid, signal).expect("the signal is sent");
    }

    /// Whether nobody has ended it.
    pub fn runs(&self) -> bool {
        self.status.is_none()
    }

    /// Awaits its end; gives how it ended.
    pub async fn end(&mut self) -> ExitStatus {
        let status = eventually("the process has ended", || {
            let status = self.child.try_wait().expect("a child can be waited for");
            async move { status }
        })
        .await;
        self.status = Some(status);
        status
    }

    /// kill -9, as a power cut for the process.
    pub async fn kill(&mut self) {
        self.child.kill().expect("the signal is sent");
        self.end().await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            self.child.wait().ok();
        }
    }
}

/// Shows lines as they come; gives the last of them at the end.
fn show(stderr: impl Read) -> String {
    const LAST: usize = 50;
    let mut last = std::collections::VecDeque::new();
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        eprintln!("{line}");
        if last.len() == LAST {
            last.pop_front();
        }
        last.push_back(line);
    }
    Vec::from(last).join("\n")
}

/// A command whose process ends when we do. Where there is no `setpriv` (it is Linux's), one that
/// outlives a test process that is killed.
pub fn bound_to_us(program: impl AsRef<OsStr>) -> Command {
    if !cfg!(target_os = "linux") {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// Linux ends such a process with the thread that started it: a test's thread ends too early.
async fn start_from_the_lasting_thread(command: Command) -> io::Result<Child> {
    type Order = (Command, oneshot::Sender<io::Result<Child>>);
    static ORDERS: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let orders = ORDERS.get_or_init(|| {
        let (orders, taken) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in taken {
                reply.send(command.spawn()).ok();
            }
        });
        orders
    });
    let (reply, started) = oneshot::channel();
    orders.send((command, reply)).expect("the thread lasts");
    within("the process' start", started).await.expect("the thread answers")
}
