//! Server-sent events as a response that the documents know.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use poem::{IntoResponse, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::MetaSchemaRef;
use poem_openapi::types::Type;

use crate::server::sse::{Event, event_stream_response, with_heartbeat, write_event};

/// A comment is sent after so much silence, so that proxies keep the stream open.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a client shall wait before it reconnects.
pub(super) const RETRY: Duration = Duration::from_secs(1);

/// A stream of server-sent events.
pub(super) struct EventStream(Response);

impl EventStream {
    /// Sends what `stream` gives, with heartbeats in its silences.
    pub(super) fn new(stream: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        Self(event_stream_response(with_heartbeat(stream, HEARTBEAT)))
    }
}

impl Payload for EventStream {
    const CONTENT_TYPE: &'static str = "text/event-stream";

    fn check_content_type(content_type: &str) -> bool {
        content_type.starts_with(Self::CONTENT_TYPE)
    }

    fn schema_ref() -> MetaSchemaRef {
        String::schema_ref()
    }
}

impl IntoResponse for EventStream {
    fn into_response(self) -> Response {
        self.0
    }
}

/// Whether a caller asks for a stream rather than for JSON.
pub(super) fn is_wanted(accept: Option<&str>) -> bool {
    let named = |part: &str| part.split(';').next().map(str::trim) == Some("text/event-stream");
    accept.is_some_and(|accept| accept.split(',').any(named))
}

/// One event on the wire; its parts are ours and can be said.
pub(super) fn event(id: &str, name: &str, data: &str) -> Bytes {
    let mut out = BytesMut::with_capacity(id.len() + name.len() + data.len() + 32);
    let event = Event { id: Some(id), event: Some(name), data: Some(data), retry: None };
    if let Err(error) = write_event(&mut out, &event) {
        tracing::error!(%error, "an event was dropped");
    }
    out.freeze()
}

/// How a stream begins: with the time to wait before reconnecting.
pub(super) fn opening() -> Bytes {
    let mut out = BytesMut::new();
    let retry = Event { retry: Some(RETRY), ..Event::default() };
    if let Err(error) = write_event(&mut out, &retry) {
        tracing::error!(%error, "a stream's opening was dropped");
    }
    out.freeze()
}
