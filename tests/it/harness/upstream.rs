//! What bots call: a server on a free port that answers as it is told, piece by piece, and knows
//! what it was asked.
//!
//! HTTP/1.1 by hand, a connection for each request: it must be able to break off anywhere, and to
//! see that the caller has gone.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::wait::eventually;

/// A request, read whole.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a body of JSON")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What is answered.
#[derive(Clone)]
pub enum Answer {
    Whole {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// 200, chunk by chunk.
    Pieces {
        headers: Vec<(&'static str, String)>,
        pieces: Vec<Piece>,
    },
    /// Nothing, until the caller goes.
    Never,
}

/// A piece of a streamed answer.
#[derive(Clone)]
pub enum Piece {
    Bytes(Vec<u8>),
    /// Waits until a permit is added.
    Gate(Arc<Semaphore>),
    /// Breaks the connection.
    Cut,
}

impl Answer {
    pub fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self::Whole { status, headers, body: body.to_string() }
    }

    pub fn events(pieces: Vec<Piece>) -> Self {
        Self::typed("text/event-stream", pieces)
    }

    /// Pieces of a type that they need not be of; an empty type is none.
    pub fn typed(content_type: &str, pieces: Vec<Piece>) -> Self {
        let typed = !content_type.is_empty();
        let headers = typed.then(|| ("content-type", content_type.to_owned()));
        Self::Pieces { headers: headers.into_iter().collect(), pieces }
    }

    /// The same under one header more.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        match &mut self {
            Self::Whole { headers, .. } | Self::Pieces { headers, .. } => {
                headers.push((name, value.to_owned()));
            }
            Self::Never => {}
        }
        self
    }

    /// A completion in pieces, as OpenAI streams one.
    pub fn completion(texts: &[&str]) -> Self {
        let mut pieces: Vec<_> = texts.iter().map(|text| Piece::delta(text)).collect();
        pieces.extend([Piece::finish("stop"), Piece::done()]);
        Self::events(pieces)
    }
}

impl Piece {
    pub fn text(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }

    pub fn delta(text: &str) -> Self {
        Self::chunk(&json!({ "choices": [{ "index": 0, "delta": { "content": text },
            "finish_reason": null }] }))
    }

    pub fn finish(reason: &str) -> Self {
        Self::chunk(&json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] }))
    }

    pub fn chunk(chunk: &Value) -> Self {
        Self::text(&format!("data: {chunk}\n\n"))
    }

    pub fn done() -> Self {
        Self::text("data: [DONE]\n\n")
    }
}

type Script = dyn Fn(usize, &Request) -> Answer + Send + Sync;

/// A running upstream; it ends with its test.
pub struct Upstream {
    port: u16,
    asked: Arc<Mutex<Vec<Request>>>,
    /// Callers that went before they had their answer.
    left: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Upstream {
    /// Answers the requests, counted from zero, as `script` says.
    pub async fn start(script: impl Fn(usize, &Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (asked, left) = (Arc::<Mutex<Vec<Request>>>::default(), Arc::new(AtomicUsize::new(0)));
        let (script, heard, gone): (Arc<Script>, _, _) =
            (Arc::new(script), asked.clone(), left.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, heard, gone) = (script.clone(), heard.clone(), gone.clone());
                tokio::spawn(async move {
                    if serve(stream, &*script, &heard).await.is_none() {
                        gone.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        Self { port, asked, left, task }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn asked(&self) -> Vec<Request> {
        self.asked.lock().expect("no panic").clone()
    }

    /// The request of this number, which must come.
    pub async fn request(&self, number: usize) -> Request {
        let found = async || self.asked().get(number).cloned();
        eventually("the upstream is asked", found).await
    }

    /// Awaits that a caller goes without the whole answer.
    pub async fn is_left(&self) {
        let gone = async || (self.left.load(Ordering::SeqCst) > 0).then_some(());
        eventually("the caller has gone", gone).await;
    }
}

/// Serves one request; none when the caller went before its end.
async fn serve(mut stream: TcpStream, script: &Script, asked: &Mutex<Vec<Request>>) -> Option<()> {
    let request = read(&mut stream).await?;
    let answer = {
        let mut asked = asked.lock().expect("no panic");
        let answer = script(asked.len(), &request);
        asked.push(request);
        answer
    };
    match answer {
        Answer::Whole { status, headers, body } => {
            let headers = lines(&headers);
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
            );
            write(&mut stream, &(head + &body)).await?;
        }
        Answer::Pieces { headers, pieces } => {
            let headers = lines(&headers);
            let head = format!(
                "HTTP/1.1 200 OK\r\n{headers}transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
            );
            write(&mut stream, &head).await?;
            for piece in pieces {
                match piece {
                    Piece::Bytes(bytes) => {
                        write(&mut stream, &format!("{:x}\r\n", bytes.len())).await?;
                        stream.write_all(&bytes).await.ok()?;
                        write(&mut stream, "\r\n").await?;
                    }
                    Piece::Cut => return Some(()),
                    Piece::Gate(gate) => tokio::select! {
                        permit = gate.acquire() => permit.expect("a gate stays").forget(),
                        () = gone(&mut stream) => return None,
                    },
                }
            }
            write(&mut stream, "0\r\n\r\n").await?;
        }
        Answer::Never => {
            gone(&mut stream).await;
            return None;
        }
    }
    stream.shutdown().await.ok()
}

fn lines(headers: &[(&'static str, String)]) -> String {
    headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
}

async fn write(stream: &mut TcpStream, text: &str) -> Option<()> {
    stream.write_all(text.as_bytes()).await.ok()
}

/// Returns when the caller closes.
async fn gone(stream: &mut TcpStream) {
    let mut buffer = [0; 64];
    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut lines = text.lines();
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: BTreeMap<_, _> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let mut body = bytes.split_off(head + 4);
    let chunked = headers.get("transfer-encoding").is_some_and(|kind| kind == "chunked");
    let length = headers.get("content-length").and_then(|length| length.parse().ok());
    let whole = |body: &[u8]| match length {
        _ if chunked => body.ends_with(b"0\r\n\r\n"),
        Some(length) => body.len() >= length,
        None => true,
    };
    while !whole(&body) {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Request { method, path, headers, body })
}
