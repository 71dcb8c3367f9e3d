//! The empty server: poem with nothing behind it, the limit of whatever answers through poem.
//!
//! `/empty/{n}` reads the body and answers n bytes; `/stream/{pieces}/{pace}/{words}/{pad}` sends
//! the words of a story on a schedule; `/idle/sse` and `/idle/ws` wait; `/fanout/sse` and `/fanout/ws` give on
//! what is posted to `/fanout`. The socket option that
//! sends small writes at once is set, which poem leaves unset: without it a paced stream waits for
//! the other side's delayed acknowledgements, and the limit would be too easy.

use std::{
    io::{self, Read},
    net::SocketAddr,
    time::Duration,
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, stream};
use poem::{
    Body, EndpointExt, Error, Request, Response, Route, Server, Upgraded,
    endpoint::make,
    get,
    http::{StatusCode, uri::Scheme},
    listener::{Acceptor, TcpAcceptor},
    post,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{net::TcpStream, runtime, sync::broadcast, time};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message, Utf8Bytes,
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};

use crate::story;

/// Serves until standard input ends.
pub(crate) fn serve(address: SocketAddr) -> io::Result<()> {
    std::thread::spawn(|| {
        // Whatever ends the reading, our parent is gone.
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::bind(address).await?;
        let acceptor = AtOnce(TcpAcceptor::from_tokio(listener)?);
        Server::new_with_acceptor(acceptor).run(routes()).await
    })
}

fn routes() -> impl EndpointExt {
    let filler = Bytes::from(vec![b'x'; 1 << 20]);
    let (said, _) = broadcast::channel::<Bytes>(64);
    Route::new()
        .at("/readyz", get(make(|_| async { Ok::<_, Error>(Response::default()) })))
        .at(
            "/empty/:bytes",
            get(make({
                let filler = filler.clone();
                move |request| sized(request, filler.clone())
            }))
            .post(make(move |request| sized(request, filler.clone()))),
        )
        .at("/stream/:pieces/:pace/:words/:pad", post(make(paced)))
        .at("/idle/sse", get(make(idle_events)))
        .at("/idle/ws", get(make(idle_socket)))
        .at(
            "/fanout",
            post(make({
                let said = said.clone();
                move |request| tell(request, said.clone())
            })),
        )
        .at(
            "/fanout/sse",
            get(make({
                let said = said.clone();
                move |_| told_events(said.subscribe())
            })),
        )
        .at("/fanout/ws", get(make(move |request| told_socket(request, said.subscribe()))))
}

async fn sized(mut request: Request, filler: Bytes) -> Result<Response, Error> {
    let bytes: usize = request.path_params()?;
    request.take_body().into_bytes().await?;
    let body = filler.slice(..bytes.min(filler.len()));
    Ok(Response::builder().content_type("application/json").body(body))
}

/// The story as events, one piece every `pace` milliseconds, each with `pad` bytes beside its text.
async fn paced(mut request: Request) -> Result<Response, Error> {
    let (pieces, pace, words, pad): (usize, u64, usize, usize) = request.path_params()?;
    request.take_body().into_bytes().await?;
    let story = story::Story::new(pieces * words);
    let pace = Duration::from_millis(pace.max(1));
    let clock = time::interval_at(time::Instant::now() + pace, pace);
    let events = stream::unfold((0, clock, story), move |(at, mut clock, story)| async move {
        if at == pieces {
            return None;
        }
        // No timer before the first piece: even one that is due takes until the next millisecond.
        if at > 0 {
            clock.tick().await;
        }
        let text = story.words(at * words, words);
        let event =
            format!("id: {:0<pad$}\nevent: chunk\ndata: {{\"text\":\"{text}\"}}\n\n", at % 10);
        Some((Ok::<_, io::Error>(Bytes::from(event)), (at + 1, clock, story)))
    });
    Ok(events_answer(Body::from_bytes_stream(events)))
}

/// An event stream with nothing but a comment every 15 seconds.
async fn idle_events(_: Request) -> Result<Response, Error> {
    let pause = Duration::from_secs(15);
    let clock = time::interval_at(time::Instant::now() + pause, pause);
    let comments = stream::unfold(clock, |mut clock| async move {
        clock.tick().await;
        Some((Ok::<_, io::Error>(Bytes::from_static(b":\n\n")), clock))
    });
    let start = stream::iter([Ok(Bytes::from_static(b"retry: 1000\n\n"))]);
    Ok(events_answer(Body::from_bytes_stream(start.chain(comments))))
}

/// The least that a WebSocket reads at a time; the library's own 128 KiB would be zeroed, and so
/// stay resident, for every connection.
const READ: usize = 4_096;

/// A WebSocket that answers each message with an `ok` and pings every 20 seconds.
async fn idle_socket(request: Request) -> Result<Response, Error> {
    upgraded(request, |mut socket: Socket| async move {
        let pause = Duration::from_secs(20);
        let mut clock = time::interval_at(time::Instant::now() + pause, pause);
        loop {
            let answer = tokio::select! {
                message = socket.next() => match message {
                    Some(Ok(Message::Text(_))) => Message::text(r#"{"type":"ok"}"#),
                    Some(Ok(_)) => continue,
                    _ => return,
                },
                _ = clock.tick() => Message::Ping(Bytes::new()),
            };
            if socket.send(answer).await.is_err() {
                return;
            }
        }
    })
}

/// Gives on what is posted.
async fn tell(mut request: Request, said: broadcast::Sender<Bytes>) -> Result<Response, Error> {
    let body = request.take_body().into_bytes().await?;
    // That nobody reads is no error.
    let _ = said.send(body);
    Ok(Response::default())
}

/// An event stream of what is said.
async fn told_events(said: broadcast::Receiver<Bytes>) -> Result<Response, Error> {
    let events = stream::unfold(said, |mut said| async move {
        let event = said.recv().await.ok()?;
        Some((Ok::<_, io::Error>(event), said))
    });
    let start = stream::iter([Ok(Bytes::from_static(b"retry: 1000\n\n"))]);
    Ok(events_answer(Body::from_bytes_stream(start.chain(events))))
}

/// A WebSocket that tells what is said, and answers each message with an `ok`.
async fn told_socket(
    request: Request,
    mut said: broadcast::Receiver<Bytes>,
) -> Result<Response, Error> {
    upgraded(request, |mut socket: Socket| async move {
        loop {
            let message = tokio::select! {
                message = socket.next() => match message {
                    Some(Ok(Message::Text(_))) => Message::text(r#"{"type":"ok"}"#),
                    Some(Ok(_)) => continue,
                    _ => return,
                },
                said = said.recv() => match said.map(Utf8Bytes::try_from) {
                    Ok(Ok(text)) => Message::Text(text),
                    _ => return,
                },
            };
            if socket.send(message).await.is_err() {
                return;
            }
        }
    })
}

type Socket = WebSocketStream<Upgraded>;

/// Upgraded by hand, in the way of poem's own `websocket` feature, which the package leaves off.
fn upgraded<F>(
    request: Request,
    talk: impl FnOnce(Socket) -> F + Send + 'static,
) -> Result<Response, Error>
where
    F: Future<Output = ()> + Send,
{
    let key = request.header("sec-websocket-key").unwrap_or_default();
    let accept = derive_accept_key(key.as_bytes());
    let upgrade = request.take_upgrade()?;
    runtime::Handle::current().spawn(async move {
        let Ok(io) = upgrade.await else { return };
        let small = WebSocketConfig::default().read_buffer_size(READ);
        talk(WebSocketStream::from_raw_socket(io, Role::Server, Some(small)).await).await;
    });
    Ok(Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", accept)
        .finish())
}

fn events_answer(body: Body) -> Response {
    Response::builder()
        .content_type("text/event-stream")
        .header("cache-control", "no-cache")
        .body(body)
}

/// An acceptor whose connections send small writes at once.
struct AtOnce(TcpAcceptor);

impl Acceptor for AtOnce {
    type Io = TcpStream;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.0.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(TcpStream, LocalAddr, RemoteAddr, Scheme)> {
        let accepted = self.0.accept().await?;
        accepted.0.set_nodelay(true)?;
        Ok(accepted)
    }
}
