//! The WebSocket handshake (RFC 6455, section 4.2), ending in a counted task.
//!
//! poem's own upgrade spawns tasks that no shutdown knows, has no Origin check and buffers without
//! bound, so this takes only its `OnUpgrade` and does the rest. What follows the handshake is in
//! [`socket`](super::socket). No extension is negotiated; HTTP/2 connections cannot be upgraded
//! here and are told so.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use poem::{Request, Response, error::ResponseError};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};

use super::{socket::Socket, tasks::Tasks};

/// What one WebSocket may take, and how it is kept alive.
#[derive(Clone, Debug)]
pub struct Config {
    /// The longest message a client may send, in one frame or many; longer ones end in Close
    /// 1009. Default 256 KiB: as a body of HTTP, so that the longest text fits in however it is escaped.
    pub max_message: usize,
    /// The longest message we may send, with what is still unsent before it; a longer one is not
    /// sent, and its sender is told. Default 256 KiB.
    pub max_unsent: usize,
    /// The first size of the receive buffer, which a connection that waits keeps; it grows with a message.
    /// Default 1 KiB.
    pub read_buffer: usize,
    /// How often the client is pinged; one that is silent for two such times is closed.
    /// Default 20 s.
    pub ping_every: Duration,
    /// How long the client may take to answer a Close. Default 2 s.
    pub close_wait: Duration,
    /// The subprotocols spoken, best first; the first one the client offers too is agreed on.
    pub protocols: &'static [&'static str],
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_message: 256 * 1024,
            max_unsent: 256 * 1024,
            read_buffer: 1024,
            ping_every: Duration::from_secs(20),
            close_wait: Duration::from_secs(2),
            protocols: &[],
        }
    }
}

impl Config {
    fn wire(&self) -> WebSocketConfig {
        WebSocketConfig::default()
            .max_message_size(Some(self.max_message))
            .max_frame_size(Some(self.max_message))
            .read_buffer_size(self.read_buffer)
            .write_buffer_size(0)
            .max_write_buffer_size(self.max_unsent.max(1))
    }
}

/// Why a request does not become a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It does not ask for one, or asks over HTTP/2: 426.
    NotAsked,
    /// It asks for another version of the protocol: 426 with ours.
    Version,
    /// Its key is missing or is not 16 bytes in base64: 400.
    Key,
    /// Its Origin is not welcome: 403.
    Origin,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotAsked => "this address speaks WebSocket over HTTP/1.1",
            Self::Version => "only version 13 of the WebSocket protocol is spoken here",
            Self::Key => "the header Sec-WebSocket-Key is not valid",
            Self::Origin => "this origin may not open a WebSocket here",
        })
    }
}

impl std::error::Error for Refusal {}

impl ResponseError for Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotAsked | Self::Version => StatusCode::UPGRADE_REQUIRED,
            Self::Key => StatusCode::BAD_REQUEST,
            Self::Origin => StatusCode::FORBIDDEN,
        }
    }

    fn as_response(&self) -> Response {
        let mut response = Response::from((self.status(), self.to_string()));
        if self.status() == StatusCode::UPGRADE_REQUIRED {
            let headers = response.headers_mut();
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response
    }
}

/// Answers the handshake and runs `handler` in a counted task once the connection is upgraded.
///
/// `welcome` judges the Origin; a request without one is no browser's and is let in (what it may
/// do is for its credential to say). Fails with [`Refusal`]. The task is dropped when the grace of
/// a drain ends; see [`Socket::receive`] for what happens before.
pub fn upgrade<H, F>(
    request: &Request,
    config: Config,
    welcome: impl FnOnce(&HeaderValue) -> bool,
    handler: H,
) -> Result<Response, Refusal>
where
    H: FnOnce(Socket) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let headers = request.headers();
    if request.method() != Method::GET
        || !lists(headers, header::CONNECTION, "upgrade")
        || !lists(headers, header::UPGRADE, "websocket")
    {
        return Err(Refusal::NotAsked);
    }
    if only(headers, header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(Refusal::Version);
    }
    let key = only(headers, header::SEC_WEBSOCKET_KEY).ok_or(Refusal::Key)?;
    if STANDARD.decode(key).ok().is_none_or(|key| key.len() != 16) {
        return Err(Refusal::Key);
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    if origins.next().is_some_and(|origin| !welcome(origin)) || origins.next().is_some() {
        return Err(Refusal::Origin);
    }
    let tasks = Tasks::of(request).cloned().ok_or(Refusal::NotAsked)?;
    let upgrade = request.take_upgrade().map_err(|_| Refusal::NotAsked)?;

    let mut response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes()));
    let agreed = |spoken: &&&str| lists(headers, header::SEC_WEBSOCKET_PROTOCOL, spoken);
    if let Some(protocol) = config.protocols.iter().find(agreed) {
        response = response.header(header::SEC_WEBSOCKET_PROTOCOL, *protocol);
    }

    let drain = tasks.drain().clone();
    tasks.spawn(async move {
        // Boxed, so that the upgrade takes no room in the task that lives on after it.
        let open = Box::pin(async move {
            let wire = Some(config.wire());
            let upgraded = upgrade.await.ok()?;
            let stream = WebSocketStream::from_raw_socket(upgraded, Role::Server, wire).await;
            Some(Socket::new(stream, drain, &config))
        });
        let Some(socket) = open.await else { return };
        handler(socket).await;
    });
    Ok(response.finish())
}

/// Whether an Origin is the one this request was sent to, as far as its Host header says.
///
/// Schemes are not compared: where TLS ends elsewhere we do not know our own. An opaque origin
/// (`null`) is nobody's.
pub fn same_origin(request: &Request, origin: &HeaderValue) -> bool {
    let host = only(request.headers(), header::HOST);
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    origin.zip(host).is_some_and(|((_, origin), host)| origin.eq_ignore_ascii_case(host))
}

/// The value of a header that must occur exactly once.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Whether a comma-separated header lists a token.
fn lists(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
}
