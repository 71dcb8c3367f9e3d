//! Event streams: an encoder that a browser reads back unchanged, and what keeps them alive.
//!
//! The encoder follows the parser in the WHATWG HTML standard (server-sent events): data of any
//! kind is split where that parser splits it, so that it is put together again as sent, with
//! `\r\n` and `\r` become `\n` because the format has no other way. An id or a name with a line
//! break or NUL is refused: it would forge fields, or the parser would drop it without a word.
//! poem's own writer does neither.
//!
//! Streams are plain `Stream<Item = Bytes>`, so one encoded event can be shared by all who read.

use std::{
    fmt::Write as _,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http::header;
use pin_project_lite::pin_project;
use poem::{Body, Response};
use tokio::time::{Instant, Sleep, sleep};

/// One event, its parts as the browser shall see them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Event<'a> {
    /// Becomes `lastEventId`, and comes back as `Last-Event-ID`; empty forgets the last one.
    pub id: Option<&'a str>,
    /// The event's type; none or empty is `message`.
    pub event: Option<&'a str>,
    /// The text. Without it nothing is dispatched, though `id` and `retry` are heeded.
    pub data: Option<&'a str>,
    /// How long the client shall wait before it connects again.
    pub retry: Option<Duration>,
}

/// An id or an event's name holds a line break or NUL, which the format cannot carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unspeakable;

impl std::fmt::Display for Unspeakable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an event's id and name must not hold line breaks or NUL")
    }
}

impl std::error::Error for Unspeakable {}

/// Appends one event. Fails, and appends nothing, when the id or the name cannot be said.
pub fn write_event(out: &mut BytesMut, event: &Event<'_>) -> Result<(), Unspeakable> {
    let breaks = |field: &str| field.contains(['\n', '\r', '\0']);
    if event.id.is_some_and(breaks) || event.event.is_some_and(breaks) {
        return Err(Unspeakable);
    }
    out.reserve(event.data.map_or(0, str::len) + 64);
    if let Some(retry) = event.retry {
        // Writing to a buffer cannot fail.
        let _ = writeln!(out, "retry: {}", retry.as_millis());
    }
    if let Some(id) = event.id {
        write_field(out, "id: ", id);
    }
    if let Some(name) = event.event.filter(|name| !name.is_empty()) {
        write_field(out, "event: ", name);
    }
    if let Some(data) = event.data {
        write_lines(out, "data: ", data);
    }
    out.extend_from_slice(b"\n");
    Ok(())
}

/// Appends a comment, which clients skip; it only shows that the connection lives.
pub fn write_comment(out: &mut BytesMut, text: &str) {
    write_lines(out, ": ", text);
    out.extend_from_slice(b"\n");
}

fn write_field(out: &mut BytesMut, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\n");
}

fn write_lines(out: &mut BytesMut, name: &str, text: &str) {
    let mut rest = text;
    while let Some(end) = rest.find(['\n', '\r']) {
        write_field(out, name, &rest[..end]);
        let width = if rest[end..].starts_with("\r\n") { 2 } else { 1 };
        rest = &rest[end + width..];
    }
    write_field(out, name, rest);
}

/// Answers with an event stream. The stream is dropped when the client goes.
pub fn event_stream_response(stream: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    Response::builder()
        .content_type("text/event-stream")
        .header(header::CACHE_CONTROL, "no-store")
        .header("x-accel-buffering", "no")
        .body(Body::from_bytes_stream(stream.map(Ok::<_, std::io::Error>)))
}

/// Adds a comment after every silence of length `every`; clients and proxies then keep waiting.
pub fn with_heartbeat<S>(stream: S, every: Duration) -> WithHeartbeat<S>
where
    S: Stream<Item = Bytes>,
{
    WithHeartbeat { stream, every, silence: sleep(every) }
}

pin_project! {
    /// The stream made by [`with_heartbeat`].
    #[derive(Debug)]
    pub struct WithHeartbeat<S> {
        #[pin]
        stream: S,
        every: Duration,
        #[pin]
        silence: Sleep,
    }
}

impl<S> Stream for WithHeartbeat<S>
where
    S: Stream<Item = Bytes>,
{
    type Item = Bytes;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut this = self.project();
        let item = match this.stream.as_mut().poll_next(cx) {
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(item) => item,
            Poll::Pending => {
                std::task::ready!(std::future::Future::poll(this.silence.as_mut(), cx));
                Some(Bytes::from_static(b":\n\n"))
            }
        };
        this.silence.reset(Instant::now() + *this.every);
        Poll::Ready(item)
    }
}

/// Ends a stream when `end` comes, with a last word such as `retry:` for the clients.
///
/// Events not yet taken are dropped then; a stream that ends by itself says the last word, too.
pub fn ending_with<S, F>(stream: S, end: F, last: Bytes) -> impl Stream<Item = Bytes> + Send
where
    S: Stream<Item = Bytes> + Send,
    F: Future<Output = ()> + Send,
{
    stream.take_until(end).chain(futures_util::stream::once(std::future::ready(last)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::{Bytes, BytesMut};
    use futures_util::{FutureExt, StreamExt, stream};
    use proptest::prelude::*;

    use super::{Event, Unspeakable, with_heartbeat, write_comment, write_event};

    #[derive(Debug, Default, PartialEq)]
    struct Seen {
        id: String,
        event: String,
        data: String,
    }

    /// The parser of the standard, section "Interpreting an event stream"; also returns `retry`.
    fn parse(stream: &[u8]) -> (Vec<Seen>, Option<u64>) {
        let text = String::from_utf8(stream.to_vec()).unwrap();
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let (mut seen, mut retry) = (Vec::new(), None);
        let (mut id, mut event, mut data) = (String::new(), String::new(), String::new());
        // What follows the last line break is not a line, and is dropped.
        let lines = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        for line in lines.split('\n') {
            if line.is_empty() {
                let kind = std::mem::take(&mut event);
                if let Some(data) = std::mem::take(&mut data).strip_suffix('\n') {
                    let event = if kind.is_empty() { "message".to_owned() } else { kind };
                    seen.push(Seen { id: id.clone(), event, data: data.to_owned() });
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut event),
                "data" => data.extend([value, "\n"]),
                "id" if !value.contains('\0') => value.clone_into(&mut id),
                "retry" if value.bytes().all(|b| b.is_ascii_digit()) => retry = value.parse().ok(),
                _ => {}
            }
        }
        (seen, retry)
    }

    /// Text full of what the format cares about.
    fn text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("\n"),
            Just("\r"),
            Just("\r\n"),
            Just("\0"),
            Just("\u{feff}"),
            Just(":"),
            Just(" "),
            Just("data: x"),
            Just("id"),
            Just("ü"),
        ];
        prop_oneof![prop::collection::vec(piece, 0..12).prop_map(|p| p.concat()), any::<String>()]
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_parsed(
            events in prop::collection::vec((text(), text(), text(), any::<u32>(), text()), 1..5),
        ) {
            let mut out = BytesMut::new();
            let (mut expected, mut last_id, mut last_retry) = (Vec::new(), String::new(), None);
            for (id, name, data, retry, comment) in &events {
                let retry = Duration::from_millis((*retry).into());
                let event = Event {
                    id: Some(id),
                    event: Some(name),
                    data: Some(data),
                    retry: Some(retry),
                };
                let before = out.clone();
                let written = write_event(&mut out, &event);
                if [id, name].iter().any(|field| field.contains(['\n', '\r', '\0'])) {
                    prop_assert_eq!(written, Err(Unspeakable));
                    prop_assert_eq!(&out, &before);
                } else {
                    prop_assert_eq!(written, Ok(()));
                    id.clone_into(&mut last_id);
                    last_retry = Some(u64::try_from(retry.as_millis()).unwrap());
                    expected.push(Seen {
                        id: last_id.clone(),
                        event: if name.is_empty() { "message".into() } else { name.clone() },
                        data: data.replace("\r\n", "\n").replace('\r', "\n"),
                    });
                }
                write_comment(&mut out, comment);
            }
            prop_assert_eq!(parse(&out), (expected, last_retry));
        }
    }

    #[test]
    fn an_event_without_data_is_not_dispatched_but_heeded() {
        let mut out = BytesMut::new();
        let retry = Some(Duration::from_secs(3));
        write_event(&mut out, &Event { id: Some("7"), retry, ..Event::default() }).unwrap();
        assert_eq!(&out[..], b"retry: 3000\nid: 7\n\n");
        assert_eq!(parse(&out), (Vec::new(), Some(3000)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_heartbeat_comes_only_after_silence() {
        let (event, every) = (Bytes::from_static(b"data: x\n\n"), Duration::from_secs(15));
        let spoken = event.clone();
        let talk = stream::unfold(0, move |n| {
            let event = spoken.clone();
            async move {
                tokio::time::sleep(Duration::from_secs(if n < 3 { 10 } else { 20 })).await;
                Some((event, n + 1))
            }
        });
        let seen: Vec<_> = with_heartbeat(talk, every).take(7).collect().await;
        let beat = Bytes::from_static(b":\n\n");
        assert_eq!(seen, [&event, &event, &event, &beat, &event, &beat, &event]);
    }

    #[tokio::test]
    async fn the_last_word_is_said_when_the_end_comes() {
        let last = Bytes::from_static(b"retry: 1\n\n");
        let stream = super::ending_with(stream::pending(), std::future::ready(()), last.clone());
        assert_eq!(stream.collect::<Vec<_>>().now_or_never(), Some(vec![last]));
    }
}
