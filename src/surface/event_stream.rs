//! Server-sent events as a response that the documents know.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use mime::Mime;
use poem::http::{Method, Uri, header};
use poem::{Endpoint, IntoResponse, Request, Response, Result};
use poem_openapi::payload::Payload;
use poem_openapi::registry::MetaSchemaRef;
use poem_openapi::types::Type;

use crate::server::json_text::on_one_line;
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

/// Whether a caller takes a stream rather than JSON: it names that, and does not weigh it less than
/// what JSON is taken for (`q`; RFC 9110, section 12.4.2).
fn is_wanted(accept: Option<&str>) -> bool {
    let ranges = accept.unwrap_or_default().split(',');
    let ranges: Vec<Mime> = ranges.filter_map(|range| range.trim().parse().ok()).collect();
    let weight = |named: &str| {
        let range = ranges.iter().find(|range| range.essence_str() == named)?;
        let given = range.get_param("q").and_then(|q| q.as_str().parse::<f32>().ok());
        Some(given.filter(|q| (0.0..=1.0).contains(q)).unwrap_or(1.0))
    };
    // What is named most closely counts.
    let json = ["application/json", "application/*", "*/*"].into_iter().find_map(weight);
    let stream = weight("text/event-stream").unwrap_or(0.0);
    stream > 0.0 && stream >= json.unwrap_or(0.0)
}

/// Leads a request that takes a stream to the path that answers with one: from `…/messages` to
/// `…/messages/stream`. So the documents have one type for each answer, and `Accept` does as well.
pub(super) fn lead_to_stream(request: &mut Request, streams: impl FnOnce(&str) -> bool) {
    let wants = request.method() == Method::POST && is_wanted(request.header(header::ACCEPT));
    let path = request.uri().path();
    if !wants || !streams(path) {
        return;
    }
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    if let Ok(uri) = format!("{path}/stream{query}").parse::<Uri>() {
        *request.uri_mut() = uri;
    }
}

/// An endpoint whose requests are led to their streams.
pub(super) struct Led<E> {
    pub(super) inner: E,
    /// Whether a path has one.
    pub(super) streams: fn(&str) -> bool,
}

impl<E: Endpoint> Endpoint for Led<E> {
    type Output = E::Output;

    fn call(&self, mut request: Request) -> impl Future<Output = Result<E::Output>> + Send {
        lead_to_stream(&mut request, self.streams);
        self.inner.call(request)
    }
}

/// One event on the wire, whose data is JSON; its parts are ours and can be said.
pub(super) fn event(id: &str, name: &str, data: &str) -> Bytes {
    let mut out = BytesMut::with_capacity(id.len() + name.len() + data.len() + 32);
    let data = on_one_line(data);
    let event = Event { id: Some(id), event: Some(name), data: Some(&data), retry: None };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_named_and_weighs_no_less_than_json() {
        for accept in [
            "text/event-stream",
            "TEXT/Event-Stream",
            "text/event-stream, */*",
            "application/json, text/event-stream",
            "application/json;q=0.5, text/event-stream;q=0.9",
            "text/event-stream;q=0.1",
            "text/event-stream;q=0.5, application/*;q=0.4, */*",
            "text/event-stream;q=2, */*;q=0.9",
        ] {
            assert!(is_wanted(Some(accept)), "{accept}");
        }
        for accept in [
            "application/json, text/event-stream;q=0",
            "application/json, text/event-stream;q=0.9",
            "text/event-stream;q=0.1, */*",
            "text/event-stream;q=0.1, application/*;q=0.2",
            "text/*",
            "*/*",
            "",
            "garbage",
        ] {
            assert!(!is_wanted(Some(accept)), "{accept}");
        }
        assert!(!is_wanted(None));
    }
}
