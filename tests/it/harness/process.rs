//! A child process of no runtime: tests with a runtime each can share it, and it ends with the test
//! process, however that ends.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::oneshot;

use super::wait::{eventually, within};

/// A running child; it is killed by its own id when dropped.
pub struct Process {
    child: Child,
    /// How it ended, once somebody has awaited that.
    status: Option<ExitStatus>,
    /// Its first line on standard output, until somebody takes it.
    first: oneshot::Receiver<Option<String>>,
    said: Said,
    /// Comes when it has said its last word.
    silent: oneshot::Receiver<()>,
}

/// The last lines on standard error.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<VecDeque<String>>>);

impl Process {
    /// Starts it.
    pub async fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = start_from_the_lasting_thread(command).await.expect("the process starts");
        // Both pipes are read to their ends, so that the process never waits for us.
        let (send_first, first) = oneshot::channel();
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        thread::spawn(move || {
            send_first.send(lines.next().and_then(Result::ok)).ok();
            lines.for_each(drop);
        });
        let (said, stderr) = (Said::default(), child.stderr.take().expect("piped"));
        let (heard, (ended, silent)) = (said.clone(), oneshot::channel());
        thread::spawn(move || {
            heard.listen(stderr);
            ended.send(()).ok();
        });
        Self { child, status: None, first, said, silent }
    }

    /// Awaits its first line on standard output; fails with what it said on standard error when it
    /// ends without.
    pub async fn first_line(&mut self) -> String {
        match within("a process' first line", &mut self.first).await.expect("taken once") {
            Some(first) => first,
            None => {
                within("a process' last words", &mut self.silent).await.ok();
                panic!("the process did not start: {}", self.said());
            }
        }
    }

    /// The last lines that it said on standard error.
    pub fn said(&self) -> String {
        let last = self.said.0.lock().expect("not poisoned");
        last.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
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

impl Said {
    /// Shows lines as they come, and keeps the last.
    fn listen(&self, stderr: impl Read) {
        const LAST: usize = 500;
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            eprintln!("{line}");
            let mut last = self.0.lock().expect("not poisoned");
            if last.len() == LAST {
                last.pop_front();
            }
            last.push_back(line);
        }
    }
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
