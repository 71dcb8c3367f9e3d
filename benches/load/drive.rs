//! Driving a server with many clients: each back to back, or all at a fixed rate.
//!
//! At a fixed rate a latency counts from the moment the request was due, not from the moment a
//! client was free to send it: a server that stalls answers late to everyone who meant to ask
//! meanwhile, and the figures say so.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{
    sync::{Mutex, mpsc},
    task::JoinSet,
};

use crate::{
    client::{Connection, Repeated},
    figures::{Latency, Measure},
    server::{Process, own_cpu},
};

/// How long and how fast to drive.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) seconds: f64,
    /// Requests a second over all clients; `None` for each client back to back.
    pub(crate) rate: Option<f64>,
}

/// No measurement makes more operations than this, however long it may take.
pub(crate) const MOST: u64 = 5_000_000;

/// Sends each client's request over and over on a connection of its own, and measures.
///
/// # Errors
/// If a connection cannot be opened, or the first answer on one is not 200: then there is nothing
/// to measure. Later refusals and breaks count as failures.
pub(crate) async fn drive(
    server: &Process,
    requests: &[Arc<[u8]>],
    plan: Plan,
) -> io::Result<Measure> {
    drive_all(&[server], requests, plan, None).await
}

/// Is told of each answer when it has come: its body.
pub(crate) type Witness = Arc<dyn Fn(&[u8]) + Send + Sync>;

/// The same with several servers, over which the clients are spread evenly.
///
/// # Errors
/// As [`drive`].
pub(crate) async fn drive_all(
    servers: &[&Process],
    requests: &[Arc<[u8]>],
    plan: Plan,
    witness: Option<Witness>,
) -> io::Result<Measure> {
    let addresses: Vec<_> = servers.iter().map(|server| server.address).collect();
    let connections = warm(&addresses, requests).await?;
    let tally = Arc::new(Tally {
        latency: Latency::new(),
        failures: AtomicU64::new(0),
        left: AtomicU64::new(MOST),
        witness,
    });
    let cpu_of_all = || servers.iter().map(|server| server.cpu()).sum::<f64>();
    let (cpu, own) = (cpu_of_all(), own_cpu());
    let began = Instant::now();
    let until = began + Duration::from_secs_f64(plan.seconds);
    let due = plan.rate.map(|rate| Arc::new(Mutex::new(schedule(began, until, rate))));
    let mut clients = JoinSet::new();
    for (connection, request) in connections.into_iter().zip(requests) {
        let (request, tally) = (Repeated::new(request.clone()), tally.clone());
        match &due {
            None => clients.spawn(closed(connection, request, until, tally)),
            Some(due) => clients.spawn(open(connection, request, due.clone(), tally)),
        };
    }
    // An open loop that cannot keep up would otherwise work off its queue for ever.
    let limit = Duration::from_secs_f64(plan.seconds * 2.0 + 10.0);
    let all = async { while clients.join_next().await.is_some() {} };
    if tokio::time::timeout(limit, all).await.is_err() {
        tally.failures.fetch_add(1, Relaxed);
    }
    Ok(Measure {
        latency: tally.latency.clone(),
        failures: tally.failures.load(Relaxed),
        wall: began.elapsed(),
        server_cpu: cpu_of_all() - cpu,
        client_cpu: own_cpu() - own,
    })
}

/// What the clients of one measurement share; each adds to it after each answer.
struct Tally {
    latency: Latency,
    failures: AtomicU64,
    /// How many more operations may be made.
    left: AtomicU64,
    witness: Option<Witness>,
}

impl Tally {
    /// Counts an operation that is about to start; false once they are used up.
    fn take(&self) -> bool {
        let left = self.left.load(Relaxed);
        self.left.store(left.saturating_sub(1), Relaxed);
        left > 0
    }

    /// Notes how an operation went; false if the connection is of no more use.
    fn note(&self, began: Instant, outcome: &io::Result<(u16, &[u8])>) -> bool {
        match outcome {
            Ok((200, body)) => {
                self.latency.record(began.elapsed());
                if let Some(witness) = &self.witness {
                    witness(body);
                }
            }
            _ => {
                self.failures.fetch_add(1, Relaxed);
            }
        }
        outcome.is_ok()
    }
}

async fn closed(
    mut connection: Connection,
    mut request: Repeated,
    until: Instant,
    tally: Arc<Tally>,
) {
    let mut now = Instant::now();
    while now < until && tally.take() && tally.note(now, &connection.call(request.next()).await) {
        now = Instant::now();
    }
}

async fn open(
    mut connection: Connection,
    mut request: Repeated,
    due: Arc<Mutex<mpsc::UnboundedReceiver<Instant>>>,
    tally: Arc<Tally>,
) {
    loop {
        // The guard goes before the request: only the waiting is one at a time.
        let next = due.lock().await.recv().await;
        let Some(next) = next else { return };
        if !tally.take() || !tally.note(next, &connection.call(request.next()).await) {
            return;
        }
    }
}

/// Says when each request is due, from a thread: the runtime's timer counts whole milliseconds.
fn schedule(began: Instant, until: Instant, rate: f64) -> mpsc::UnboundedReceiver<Instant> {
    let (sender, receiver) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for index in 0..MOST {
            let due = began + Duration::from_secs_f64(index as f64 / rate);
            if due > until {
                return;
            }
            let ahead = due.saturating_duration_since(Instant::now());
            // Shorter pauses cost more than they tell; what is due within one goes out together.
            if ahead > Duration::from_micros(100) {
                thread::sleep(ahead);
            }
            if sender.send(due).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Opens all connections and makes one call on each that is not measured.
async fn warm(addresses: &[SocketAddr], requests: &[Arc<[u8]>]) -> io::Result<Vec<Connection>> {
    let mut openings = JoinSet::new();
    for (request, address) in requests.iter().zip(addresses.iter().cycle()) {
        let (mut request, address) = (Repeated::new(request.clone()), *address);
        openings.spawn(async move {
            let mut connection = Connection::open(address).await?;
            let (status, body) = connection.call(request.next()).await?;
            match status {
                200 => Ok(connection),
                _ => Err(refused(status, body)),
            }
        });
    }
    openings.join_all().await.into_iter().collect()
}

/// The error for an answer that the measurement cannot go on with.
pub(crate) fn refused(status: u16, body: &[u8]) -> io::Error {
    let body = String::from_utf8_lossy(&body[..body.len().min(500)]);
    io::Error::other(format!("the server answered {status}: {body}"))
}
