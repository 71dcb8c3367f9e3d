//! One connection: which protocol it speaks, its requests and their answers, its end.
//!
//! The first bytes are peeked at, not read, under the first-byte deadline: a silent connection
//! owns a socket and a small task and no buffer. What starts with `PRI` is HTTP/2 with prior
//! knowledge, anything else HTTP/1 (hyper-util's `auto` does the same by reading, but its future
//! has the size of both and its wait has no deadline). Nothing here looks inside a request.
//!
//! A panic in an endpoint is answered with an empty 500 and ends nothing else; the surfaces dress
//! panics further out, this is the net below them.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{StatusCode, header};
use http_body_util::combinators::BoxBody;
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use poem::{
    Addr, Endpoint, IntoResponse, Request, Response,
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use tokio_util::sync::CancellationToken;

use super::{
    accept::Limits,
    leftover::Leftover,
    seldom::Seldom,
    slots::Slot,
    tasks::{Refused, Tasks, UntilSent},
    wire::{Activity, Busy, Wire, given_up},
};

/// How long to wait for the rest when one or two bytes could still become either protocol.
const UNDECIDED: Duration = Duration::from_millis(20);
/// How long a drain waits for the first byte of whoever has just connected.
const LAST_CALL: Duration = Duration::from_millis(500);

/// What all connections of one listener share.
pub(crate) struct Shared<E> {
    pub(crate) endpoint: E,
    pub(crate) limits: Limits,
    pub(crate) tasks: Tasks,
    pub(crate) http1: http1::Builder,
    pub(crate) http2: http2::Builder<Tasks>,
}

#[derive(Clone, Copy)]
enum Protocol {
    Http1,
    Http2,
}

type Answer = Pin<Box<dyn Future<Output = Result<http::Response<Watched>, Infallible>> + Send>>;

/// Serves a connection until it closes, fails, is drained or is cut.
pub(crate) async fn serve<E>(shared: Arc<Shared<E>>, tcp: TcpStream, remote: SocketAddr, slot: Slot)
where
    E: Endpoint + 'static,
{
    let protocol = tokio::select! {
        biased;
        first = timeout(shared.limits.first_byte, first_bytes(&tcp)) => match first {
            Ok(Ok(Some(protocol))) => protocol,
            Ok(_) => return,
            Err(_) => return drop(given_up("first_byte", "nothing was sent")),
        },
        () = last_call(shared.tasks.drain()) => return,
    };
    let Ok(local) = tcp.local_addr() else { return };
    let activity = Arc::new(Activity::default());
    let wire = Wire::new(tcp, shared.limits.deadlines(), activity.clone(), slot);
    let ended = match protocol {
        Protocol::Http1 => http1(&shared, wire, &activity, local, remote).await,
        Protocol::Http2 => Box::pin(http2(&shared, wire, &activity, local, remote)).await,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, peer = %remote, "connection ended early");
    }
}

/// The end of a connection on which nothing has come when the server is told to go. Whoever has just
/// connected is about to send its request, and would not know that nobody has read it.
async fn last_call(drain: &CancellationToken) {
    drain.cancelled().await;
    sleep(LAST_CALL).await;
}

/// Which protocol the peer begins with; `None` when it closed without a byte.
async fn first_bytes(tcp: &TcpStream) -> io::Result<Option<Protocol>> {
    const PRIOR_KNOWLEDGE: &[u8] = b"PRI";
    loop {
        let mut first = [0; PRIOR_KNOWLEDGE.len()];
        let seen = tcp.peek(&mut first).await?;
        let seen = &first[..seen];
        if seen.is_empty() {
            return Ok(None);
        }
        if !PRIOR_KNOWLEDGE.starts_with(seen) {
            return Ok(Some(Protocol::Http1));
        }
        if seen.len() == PRIOR_KNOWLEDGE.len() {
            return Ok(Some(Protocol::Http2));
        }
        sleep(UNDECIDED).await;
    }
}

async fn http1<E>(
    shared: &Arc<Shared<E>>,
    wire: Wire,
    activity: &Arc<Activity>,
    local: SocketAddr,
    remote: SocketAddr,
) -> hyper::Result<()>
where
    E: Endpoint + 'static,
{
    let service = service_fn(|request| answer(shared, activity, local, remote, request));
    let connection = shared.http1.serve_connection(TokioIo::new(wire), service).with_upgrades();
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        ended = connection.as_mut() => return ended,
        () = Seldom::new(shared.tasks.drain().cancelled()) => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = shared.tasks.cut().cancelled() => Ok(()),
    }
}

async fn http2<E>(
    shared: &Arc<Shared<E>>,
    wire: Wire,
    activity: &Arc<Activity>,
    local: SocketAddr,
    remote: SocketAddr,
) -> hyper::Result<()>
where
    E: Endpoint + 'static,
{
    activity.untime();
    let service = {
        let (shared, activity) = (shared.clone(), activity.clone());
        service_fn(move |request| answer(&shared, &activity, local, remote, request))
    };
    let connection = shared.http2.serve_connection(TokioIo::new(wire), service);
    let mut connection = pin!(connection);
    let mut drained = pin!(shared.tasks.drain().cancelled());
    let mut clock = pin!(sleep(shared.limits.header));
    let mut idle_since = 0;
    // The pings wake this task often enough to notice that the last stream has ended.
    let unfinished = poll_fn(|cx| {
        if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
            return Poll::Ready(Some(ended));
        }
        if drained.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        if !activity.is_idle() {
            return Poll::Pending;
        }
        if idle_since != activity.begun() {
            idle_since = activity.begun();
            clock.as_mut().reset(Instant::now() + shared.limits.idle);
        }
        clock.as_mut().poll(cx).map(|()| None)
    });
    if let Some(ended) = unfinished.await {
        return ended;
    }
    connection.as_mut().graceful_shutdown();
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => return ended,
            () = shared.tasks.cut().cancelled() => return Ok(()),
            () = sleep(shared.limits.header) => if activity.is_idle() { return Ok(()) },
        }
    }
}

fn answer<E>(
    shared: &Arc<Shared<E>>,
    activity: &Arc<Activity>,
    local: SocketAddr,
    remote: SocketAddr,
    request: http::Request<Incoming>,
) -> Answer
where
    E: Endpoint + 'static,
{
    let busy = activity.begin();
    if !names_one_host(&request) {
        return Box::pin(async move { Ok(not_one_host(busy)) });
    }
    let local = LocalAddr(Addr::SocketAddr(local));
    let remote = RemoteAddr(Addr::SocketAddr(remote));
    let mut request = Request::from((request, local, remote, Scheme::HTTP));
    if request.headers().contains_key(header::UPGRADE) {
        request.extensions_mut().insert(shared.tasks.clone());
    }
    let leftover = Leftover::watch(&mut request);
    let shared = shared.clone();
    Box::pin(async move {
        let answered = AssertUnwindSafe(async { shared.endpoint.call(request).await });
        let mut response = match answered.catch_unwind().await {
            Ok(answered) => {
                answered.map_or_else(|error| error.into_response(), IntoResponse::into_response)
            }
            Err(_) => {
                tracing::error!("an endpoint panicked outside of its own handling of panics");
                Response::builder().status(StatusCode::INTERNAL_SERVER_ERROR).finish()
            }
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            busy.untime();
        }
        let refused = response.extensions_mut().remove::<Refused>();
        match leftover {
            Some(leftover) if refused.is_some_and(|refused| refused.unread) => {
                leftover.abandon(&mut response);
            }
            Some(leftover) => leftover.settle(&mut response).await,
            None => {}
        }
        if let Some(refused) = refused {
            busy.hold_back(refused.retry_after).await;
        }
        let mut response = http::Response::<BoxBody<Bytes, io::Error>>::from(response);
        let held = response.extensions_mut().remove::<UntilSent>();
        Ok(response.map(|body| Watched { body, _busy: busy, _held: held }))
    })
}

/// Whether a request of HTTP/1.1 says once for whom it is (RFC 9112, 3.2). A proxy may read another of
/// two names than we do.
fn names_one_host(request: &http::Request<Incoming>) -> bool {
    request.version() != http::Version::HTTP_11
        || request.headers().get_all(header::HOST).iter().count() == 1
}

fn not_one_host(busy: Busy) -> http::Response<Watched> {
    let response = Response::builder()
        .status(StatusCode::BAD_REQUEST)
        .header(header::CONNECTION, "close")
        .content_type("text/plain; charset=utf-8")
        .body("a request needs one Host header\n");
    let response = http::Response::<BoxBody<Bytes, io::Error>>::from(response);
    response.map(|body| Watched { body, _busy: busy, _held: None })
}

/// An answer's body, whose end is the end of the request.
pub(crate) struct Watched {
    body: BoxBody<Bytes, io::Error>,
    _busy: Busy,
    _held: Option<UntilSent>,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
