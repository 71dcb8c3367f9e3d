//! The accept loop: connections up to a cap, each under deadlines, and a drain that ends them.
//!
//! poem's own server has no head deadline, no connection cap, no TCP_NODELAY, spins when
//! descriptors run out and forgets upgraded connections at shutdown; so the loop is ours, around
//! any poem endpoint, HTTP/1.1 and HTTP/2 with prior knowledge on one port.
//!
//! At the cap the loop stops accepting and lets the backlog wait. Accepting and closing would
//! answer sooner, but turns every client's retry into work at the worst moment; a full backlog
//! costs nothing here and is what load balancers take as a sign to go elsewhere. One address is another
//! matter: beyond its share its connections are closed, so that the backlog is there for all others.
//!
//! When `accept` fails for want of resources (EMFILE, ENFILE, ENOMEM) the loop pauses, longer each
//! time, and counts it in `server_accept_errors_total`; a peer that was gone before it was
//! accepted is nobody's error.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::FutureExt;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioTimer;
use poem::Endpoint;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::OwnedSemaphorePermit,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use super::{
    connection::{self, Shared},
    slots::Slots,
    tasks::Tasks,
    wire::Deadlines,
};

/// The first and the longest pause after a failed accept.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How long cut tasks get to be dropped.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What one client may take of the server's time and memory.
#[derive(Clone, Debug)]
pub struct Limits {
    /// From the accepted connection to its first byte. Default 10 s.
    pub first_byte: Duration,
    /// From the first byte of a request head to its last; on HTTP/2, to the first request.
    /// Default 10 s.
    pub header: Duration,
    /// How long a connection may wait between two requests. Default 75 s, longer than the 60 s
    /// for which the usual proxies keep theirs, so that the proxy is the one to close.
    pub idle: Duration,
    /// How long a write may go without a byte taken by the peer. Default 30 s.
    pub write_stall: Duration,
    /// Connections at a time, upgraded ones included. Default 20 000; the process needs a
    /// descriptor for each.
    pub max_connections: usize,
    /// How many of them one address may hold ([`counted`](super::slots::counted)); more are closed
    /// at once. Default 5 000.
    pub max_connections_per_address: usize,
    /// The longest request head. Default 16 KiB; longer ones are answered 431.
    pub max_header_bytes: usize,
    /// What hyper may buffer of one connection, in and out; at least 8 KiB. Default 64 KiB.
    pub max_buffer_bytes: usize,
    /// Streams at a time on one HTTP/2 connection. Default 32: each costs some 9 KiB, refused or not, and
    /// whoever wants more opens another connection, of which an address has its share.
    pub max_streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(10),
            header: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            write_stall: Duration::from_secs(30),
            max_connections: 20_000,
            max_connections_per_address: 5_000,
            max_header_bytes: 16 * 1024,
            max_buffer_bytes: 64 * 1024,
            max_streams: 32,
        }
    }
}

impl Limits {
    pub(crate) fn deadlines(&self) -> Deadlines {
        Deadlines { header: self.header, idle: self.idle, write_stall: self.write_stall }
    }

    fn http1(&self) -> http1::Builder {
        let mut builder = http1::Builder::new();
        // Heads are timed by the wire; see there.
        builder
            .header_read_timeout(None)
            .max_header_size(self.max_header_bytes)
            .max_buf_size(self.max_buffer_bytes.max(8 * 1024));
        builder
    }

    fn http2(&self, tasks: Tasks) -> http2::Builder<Tasks> {
        let mut builder = http2::Builder::new(tasks);
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10))
            .max_concurrent_streams(self.max_streams)
            .max_header_list_size(u32::try_from(self.max_header_bytes).unwrap_or(u32::MAX))
            .max_send_buf_size(self.max_buffer_bytes)
            .initial_stream_window_size(128 * 1024)
            .initial_connection_window_size(512 * 1024);
        builder
    }
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Drained {
    /// Every connection and upgrade ended by itself.
    Clean,
    /// This many tasks were still running at the end of the grace, and were cut.
    Cut(usize),
}

/// Binds a listener whose connections hold at most `send_buffer` bytes in the kernel.
///
/// Without that bound a client that does not read ties up several megabytes of kernel memory
/// before its first write fails. Connections inherit the setting from the listener. Fails like
/// `bind` does.
pub fn listen(address: SocketAddr, send_buffer: u32) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(send_buffer)?;
    socket.bind(address)?;
    socket.listen(4096)
}

/// Serves `endpoint` until `drain` is cancelled and all connections have ended or `grace` is over.
///
/// The tracker is this server's alone: the drain closes it and waits until it is empty. Dropping
/// the future stops accepting; running connections go on without it.
pub async fn serve<E>(
    listener: TcpListener,
    endpoint: E,
    limits: Limits,
    drain: CancellationToken,
    tracker: TaskTracker,
    grace: Duration,
) -> Drained
where
    E: Endpoint + 'static,
{
    let tasks = Tasks::new(tracker, drain);
    let slots = Slots::new(limits.max_connections, limits.max_connections_per_address);
    let shared = Arc::new(Shared {
        endpoint,
        http1: limits.http1(),
        http2: limits.http2(tasks.clone()),
        limits,
        tasks: tasks.clone(),
    });
    let drained = tasks.drain().clone();
    let _ = drained.run_until_cancelled(accept(&listener, &shared, &slots)).await;
    // What the kernel has already accepted was promised an answer.
    while let Some(free) = slots.free_now()
        && let Some(Ok((tcp, peer))) = listener.accept().now_or_never()
    {
        admit(&shared, &slots, tcp, peer, free);
    }
    drop(listener);
    finish(&tasks, grace).await
}

async fn accept<E>(listener: &TcpListener, shared: &Arc<Shared<E>>, slots: &Arc<Slots>)
where
    E: Endpoint + 'static,
{
    let mut pause = PAUSE.0;
    loop {
        let Some(free) = slots.free().await else { return };
        match listener.accept().await {
            Ok((tcp, peer)) => {
                pause = PAUSE.0;
                admit(shared, slots, tcp, peer, free);
            }
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                metrics::counter!("parlor_server_accept_errors_total").increment(1);
                tracing::warn!(%error, "cannot accept connections; pausing for {pause:?}");
                sleep(pause).await;
                pause = (pause * 2).min(PAUSE.1);
            }
        }
    }
}

fn admit<E>(
    shared: &Arc<Shared<E>>,
    slots: &Arc<Slots>,
    tcp: TcpStream,
    peer: SocketAddr,
    free: OwnedSemaphorePermit,
) where
    E: Endpoint + 'static,
{
    let Some(slot) = slots.give(free, peer.ip()) else {
        metrics::counter!("parlor_server_connections_refused_total").increment(1);
        tracing::debug!(%peer, "an address has its share of connections already");
        return;
    };
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%error, %peer, "connection was gone before it was served");
        return;
    }
    let span = tracing::debug_span!("connection", %peer);
    let connection = connection::serve(shared.clone(), tcp, peer, slot);
    shared.tasks.spawn_heeding(connection.instrument(span));
}

/// Whether a failed accept says something about the peer and nothing about us.
fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Waits for all tasks until the grace is over, then cuts the rest.
async fn finish(tasks: &Tasks, grace: Duration) -> Drained {
    let tracker = tasks.tracker();
    tracker.close();
    if timeout(grace, tracker.wait()).await.is_ok() {
        return Drained::Clean;
    }
    let left = tracker.len();
    tracing::warn!("{left} tasks outlived the grace of {grace:?} and are cut");
    metrics::counter!("parlor_server_tasks_cut_total").increment(left as u64);
    tasks.cut().cancel();
    let _ = timeout(LAST_WORDS, tracker.wait()).await;
    Drained::Cut(left)
}
