//! Real Kafka, Cassandra and OpenSearch, held by `tests/services/services.sh hold`: they live as long
//! as we keep its input open, so that they end with the test process, however that ends.
//!
//! A thread of its own speaks with the script: the handle belongs to no runtime.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit, oneshot};
use tokio::time::timeout;

mod tests;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/services/services.sh");

/// Longer than the script's own patience with a service that starts.
const PATIENCE: Duration = Duration::from_secs(150);

/// How many sets of their own the tests of this process may have at a time, besides the shared one:
/// each takes a gigabyte of memory and ten seconds of CPU to start.
const OWN_AT_A_TIME: usize = 2;

/// One of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Kafka,
    Cassandra,
    OpenSearch,
}

impl Service {
    pub const ALL: [Self; 3] = [Self::Kafka, Self::Cassandra, Self::OpenSearch];

    /// The script's word.
    fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Cassandra => "cassandra",
            Self::OpenSearch => "opensearch",
        }
    }
}

/// Running services and where they are; they end when this is dropped.
pub struct Services {
    /// `127.0.0.1:port`
    pub kafka: String,
    /// `127.0.0.1:port`
    pub cql: String,
    /// `http://127.0.0.1:port`; empty in a set without search.
    pub search: String,
    orders: mpsc::Sender<Order>,
    /// A set of its own holds its turn; the shared one has none.
    turn: Option<SemaphorePermit<'static>>,
}

/// A line for the script, and where its answer goes.
type Order = (String, oneshot::Sender<String>);

impl Services {
    /// One set that the tests of this process share, started when first asked for. Nobody may
    /// break it.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Result<Services, String>> = OnceCell::const_new();
        let services = SHARED.get_or_init(|| Self::started(&Service::ALL, None)).await;
        services.as_ref().unwrap_or_else(|fault| panic!("{fault}"))
    }

    /// A set of its own, for a test that breaks things.
    pub async fn own() -> Self {
        Self::own_of(&Service::ALL).await
    }

    /// The same with some services only, which is quicker.
    pub async fn own_of(services: &[Service]) -> Self {
        static TURNS: Semaphore = Semaphore::const_new(OWN_AT_A_TIME);
        let turn = TURNS.acquire().await.expect("nobody closes it");
        Self::started(services, Some(turn)).await.unwrap_or_else(|fault| panic!("{fault}"))
    }

    /// kill -9.
    pub async fn kill(&self, service: Service) {
        self.order("kill", service).await;
    }

    /// Starts it again on its port and data; returns when it answers.
    pub async fn start(&self, service: Service) {
        self.order("start", service).await;
    }

    /// SIGTERM; returns when it has ended.
    pub async fn stop(&self, service: Service) {
        self.order("stop", service).await;
    }

    /// SIGSTOP: it takes connections and answers nothing.
    pub async fn pause(&self, service: Service) {
        self.order("pause", service).await;
    }

    /// SIGCONT.
    pub async fn cont(&self, service: Service) {
        self.order("cont", service).await;
    }

    async fn order(&self, verb: &str, service: Service) {
        assert!(self.turn.is_some(), "take Services::own() to {verb} {service:?}");
        let (answer, answered) = oneshot::channel();
        let order = format!("{verb} {}", service.name());
        self.orders.send((order.clone(), answer)).expect("the thread lives");
        match timeout(PATIENCE, answered).await {
            Ok(Ok(said)) => assert_eq!(said, "ok", "{order}"),
            Ok(Err(_)) => panic!("the services have ended before: {order}"),
            Err(_) => panic!("gave up waiting for: {order}"),
        }
    }

    async fn started(
        services: &[Service],
        turn: Option<SemaphorePermit<'static>>,
    ) -> Result<Self, String> {
        let mut command = Command::new(SCRIPT);
        command.arg("hold").args(services.iter().map(|service| service.name()));
        if turn.is_none() {
            command.env("SVC_STEADY", "1");
        }
        let (send_first, first) = oneshot::channel();
        let (orders, taken) = mpsc::channel();
        thread::spawn(move || hold(command, send_first, taken));
        let first = match timeout(PATIENCE, first).await {
            Ok(first) => first.unwrap_or_default(),
            Err(_) => return Err("gave up waiting for the services to start".to_owned()),
        };
        let Ok(found) = serde_json::from_str::<Value>(&first) else {
            return Err(format!("the services did not start: {first}"));
        };
        let at = |name| found[name].as_str().unwrap_or_default().to_owned();
        Ok(Self { kafka: at("kafka"), cql: at("cql"), search: at("search"), orders, turn })
    }
}

/// Runs the script: gives its first line, hands on orders until nobody can give any.
fn hold(mut command: Command, first: oneshot::Sender<String>, orders: mpsc::Receiver<Order>) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut script = match command.spawn() {
        Ok(child) => Script::new(child),
        Err(error) => {
            first.send(format!("{SCRIPT}: {error}")).ok();
            return;
        }
    };
    first.send(script.line()).ok();
    for (order, answer) in orders {
        answer.send(script.ask(&order)).ok();
    }
    script.end();
}

struct Script {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Script {
    fn new(mut child: Child) -> Self {
        let stdin = child.stdin.take().expect("piped");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, stdin, stdout }
    }

    /// Its next line; empty when it has ended.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).ok();
        line.trim_end().to_owned()
    }

    fn ask(&mut self, order: &str) -> String {
        match self.stdin.write_all(format!("{order}\n").as_bytes()) {
            Ok(()) => self.line(),
            Err(error) => format!("error {error}"),
        }
    }

    /// The end of its input is what ends it.
    fn end(self) {
        let Self { mut child, stdin, .. } = self;
        drop(stdin);
        child.wait().ok();
    }
}
