//! A server on a free port, and raw sockets to try its patience.

use std::{net::SocketAddr, time::Duration};

use parlor::server::accept::{self, Drained, Limits};
use poem::Endpoint;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long anything in these tests may take before it counts as hanging.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) drain: CancellationToken,
    pub(crate) tracker: TaskTracker,
    pub(crate) ended: JoinHandle<Drained>,
}

/// Limits that are all long, for tests that shorten one of them.
pub(crate) fn long() -> Limits {
    Limits {
        first_byte: PATIENCE * 2,
        header: PATIENCE * 2,
        idle: PATIENCE * 2,
        write_stall: PATIENCE * 2,
        ..Limits::default()
    }
}

pub(crate) fn start<E>(endpoint: E, limits: Limits, grace: Duration) -> Server
where
    E: Endpoint + 'static,
{
    let listener = accept::listen(([127, 0, 0, 1], 0).into(), 64 * 1024).expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (drain, tracker) = (CancellationToken::new(), TaskTracker::new());
    let server = accept::serve(listener, endpoint, limits, drain.clone(), tracker.clone(), grace);
    Server { address, drain, tracker, ended: tokio::spawn(server) }
}

impl Server {
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("the server must accept")
    }

    /// Connects and sends.
    pub(crate) async fn say(&self, text: &str) -> TcpStream {
        let mut tcp = self.connect().await;
        tcp.write_all(text.as_bytes()).await.expect("the server must take it");
        tcp
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Drains and says how that ended and how long it took.
    pub(crate) async fn stop(self) -> (Drained, Duration) {
        let begun = Instant::now();
        self.drain.cancel();
        let ended = timeout(PATIENCE, self.ended)
            .await
            .expect("the drain must end")
            .expect("the server must not panic");
        (ended, begun.elapsed())
    }
}

/// Reads until the server closes; returns what came and how long it took.
pub(crate) async fn until_closed(tcp: &mut TcpStream) -> (String, Duration) {
    let begun = Instant::now();
    let mut all = Vec::new();
    // A reset is an end, too.
    let _ = timeout(PATIENCE, tcp.read_to_end(&mut all)).await.expect("must be closed in time");
    (String::from_utf8_lossy(&all).into_owned(), begun.elapsed())
}

/// Reads until what came contains `mark`.
pub(crate) async fn until(tcp: &mut TcpStream, mark: &str) -> String {
    let mut all = String::new();
    while !all.contains(mark) {
        let mut some = [0; 4096];
        let read = timeout(PATIENCE, tcp.read(&mut some));
        let n = read.await.unwrap_or_else(|_| panic!("no {mark:?} in {all:?}")).expect("no error");
        assert!(n > 0, "closed before {mark:?} came; until then {all:?}");
        all.push_str(&String::from_utf8_lossy(&some[..n]));
    }
    all
}
