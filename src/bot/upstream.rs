//! What calls to a bot's upstream share: repetition before anything was answered, time limits, and
//! telling what an answer is.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use super::faults::Found;
use crate::outside::body;
use crate::outside::event_stream::{self, Event};
use crate::outside::{self, Error};

/// The longest reply, in characters.
pub(super) const REPLY_MAX_CHARS: usize = 32_000;
/// The largest answer that is not streamed, in bytes.
pub(super) const ANSWER_MAX: usize = 1 << 20;
/// The largest event of a stream, in bytes.
pub(super) const EVENT_MAX: usize = 256 * 1024;
/// Events without a word in a row, such as those of a model that thinks.
const SILENT_MAX: usize = 100_000;
const NAME_MAX: usize = 80;

/// How long is waited, and how often asked again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) first: Duration,
    pub(super) idle: Duration,
    pub(super) total: Duration,
    pub(super) retries: usize,
}

impl Limits {
    /// Reads limits in milliseconds.
    pub(super) fn read(found: &mut Found, [first, idle, total]: [u64; 3], retries: usize) -> Self {
        found.number("first_chunk_timeout_ms", first, 100, 28_000);
        found.number("idle_timeout_ms", idle, 100, 28_000);
        found.number("total_timeout_ms", total, 100, 280_000);
        found.number("retries", retries as u64, 0, 5);
        let [first, idle, total] = [first, idle, total].map(Duration::from_millis);
        Self { first, idle, total, retries }
    }
}

/// What all definitions with an upstream must keep to.
pub(super) fn check(
    found: &mut Found,
    name: &str,
    (place, url): (&str, &str),
    headers: &BTreeMap<String, String>,
) {
    found.text("name", name, NAME_MAX);
    if !outside::is_url(url) || url.len() > 2_000 {
        found.add(place, "is no URL of http or https");
    }
    found.headers("headers", headers.iter());
}

/// A call with headers of its author's, each instead of the one of that name that we set.
///
/// # Errors
/// For one that cannot be sent, such as one with a line break from a variable.
pub(super) fn with_headers<'h>(
    call: RequestBuilder,
    headers: impl Iterator<Item = (&'h String, &'h String)>,
) -> Result<RequestBuilder, Error> {
    let headers = headers.map(|(name, value)| {
        let read = HeaderName::from_bytes(name.as_bytes()).ok();
        read.zip(HeaderValue::from_str(value).ok())
            .ok_or_else(|| Error::Malformed(format!("the header {name} cannot be sent")))
    });
    Ok(call.headers(headers.collect::<Result<HeaderMap, _>>()?))
}

/// An answer on its way.
pub(super) struct Call {
    limits: Limits,
    began: Instant,
    /// Something was said: the limit between two pieces holds.
    said: bool,
    silent: usize,
    /// Until when the next event is waited for.
    clock: Option<Pin<Box<Sleep>>>,
}

impl Call {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, began: Instant::now(), said: false, silent: 0, clock: None }
    }

    /// Sends until there is an answer: what may pass is tried again, as soon as the upstream allows.
    pub(super) async fn send(
        &self,
        request: impl Fn() -> Result<RequestBuilder, Error>,
    ) -> Result<Response, Error> {
        let until = self.deadline();
        let pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(4))
            .with_max_times(self.limits.retries)
            .with_jitter();
        let work = (|| async { outside::send(request()?).await })
            .retry(pauses)
            .when(Error::is_passing)
            .adjust(|error, pause| {
                let Error::Status { retry_after: Some(after), .. } = error else { return pause };
                let pause = pause?.max(*after);
                // Too late is never: what the upstream has said is told then.
                (Instant::now() + pause < until).then_some(pause)
            });
        timeout_at(until, work).await.map_err(|_| self.too_slow())?
    }

    /// The next event of a stream; none at its end.
    pub(super) async fn next(&mut self, events: &mut Events) -> Result<Option<Event>, Error> {
        self.silent += 1;
        if self.silent > SILENT_MAX {
            return Err(self.too_slow());
        }
        // One timer for all pieces: it is put off, not made anew.
        let deadline = self.deadline();
        let clock = self.clock.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        clock.as_mut().reset(deadline);
        tokio::select! {
            biased;
            event = events.next() => event.transpose(),
            () = clock => Err(self.too_slow()),
        }
    }

    /// Begins to read an answer, and tells what it is.
    pub(super) async fn open(&self, response: Response) -> Result<Opened, Error> {
        let opening = timeout_at(self.deadline(), opened(response)).await;
        opening.map_err(|_| self.too_slow())?
    }

    pub(super) fn said(&mut self) {
        self.said = true;
        self.silent = 0;
    }

    fn deadline(&self) -> Instant {
        let end = self.began + self.limits.total;
        let next = if self.said {
            Instant::now() + self.limits.idle
        } else {
            self.began + self.limits.first
        };
        next.min(end)
    }

    fn too_slow(&self) -> Error {
        Error::TimedOut(if self.said { "the rest of the answer" } else { "the answer" })
    }
}

/// An answer's events.
pub(super) type Events = Pin<Box<dyn Stream<Item = Result<Event, Error>> + Send>>;

/// What an answer is.
pub(super) enum Opened {
    /// All of it: JSON, or what is neither.
    Whole(Vec<u8>),
    Events(Events),
}

/// Tells what an answer is by its first byte. What it says of itself is often wrong, and decides only
/// where the byte may be either.
async fn opened(response: Response) -> Result<Opened, Error> {
    let says_events = media_type(&response) == "text/event-stream";
    let mut rest = body::of(response);
    let mut first = Vec::new();
    let is_blank = |read: &[u8]| read.iter().all(u8::is_ascii_whitespace);
    while is_blank(&first) {
        let Some(piece) = rest.next().await else { break };
        first.extend_from_slice(&piece?);
        if first.len() > ANSWER_MAX {
            return Err(Error::TooLarge { max: ANSWER_MAX });
        }
    }
    let is_events = match first.trim_ascii_start().first() {
        Some(b'{' | b'[') => false,
        // The fields of an event, and comments.
        Some(b'd' | b'e' | b'i' | b'r' | b':') => true,
        Some(_) | None => says_events,
    };
    if is_events {
        let body = stream::iter([Ok(Bytes::from(first))]).chain(rest).boxed();
        return Ok(Opened::Events(event_stream::events(body, EVENT_MAX).boxed()));
    }
    Ok(Opened::Whole(outside::read_on(first, rest, ANSWER_MAX).await?))
}

fn media_type(response: &Response) -> String {
    let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok());
    kind.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// A value of JSON as the text that a variable holds: what is null is empty.
pub(super) fn as_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outside::Outside;

    #[tokio::test]
    async fn a_header_of_the_authors_is_sent_instead_of_ours() {
        let way = Outside::default().enter().await.unwrap();
        let call = || {
            let call = way.request(reqwest::Method::GET, "https://a.example/");
            call.unwrap().header("Accept", "ours").bearer_auth("ours")
        };
        let theirs = BTreeMap::from([("accept", "theirs"), ("AUTHORIZATION", "theirs")]);
        let theirs: BTreeMap<_, _> =
            theirs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let sent = with_headers(call(), theirs.iter()).unwrap().build().unwrap();
        for name in ["accept", "authorization"] {
            let values: Vec<_> = sent.headers().get_all(name).iter().collect();
            assert_eq!(values, ["theirs"], "{name}");
        }
        let broken = BTreeMap::from([("X-A".to_owned(), "a\nb".to_owned())]);
        assert!(matches!(with_headers(call(), broken.iter()), Err(Error::Malformed(_))));
    }
}
