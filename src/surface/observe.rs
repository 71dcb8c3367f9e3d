//! What every answer has: a request id, a place in the metrics, the headers that keep browsers
//! careful.

use std::time::{Duration, Instant};

use dashmap::DashMap;
use futures_util::TryFutureExt;
use metrics::{Counter, Histogram};
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{Endpoint, Request, Response, Result};
use poem_openapi::OperationId;
use tracing::{Instrument, Span};

/// The header that names a request, in and out.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id taken over from a caller.
const MAX_ID: usize = 128;

/// An endpoint whose requests are counted, timed and named.
pub(super) struct Observed<E> {
    inner: E,
    /// Looking a metric up by its labels costs more than counting: each is looked up once.
    /// Bounded: operations and classes of status are few.
    known: DashMap<(&'static str, &'static str), Measures>,
}

/// What is measured of an operation.
#[derive(Clone)]
struct Measures {
    requests: Counter,
    seconds: Histogram,
}

impl Measures {
    fn record(&self, took: Duration) {
        self.requests.increment(1);
        self.seconds.record(took);
    }
}

impl<E> Observed<E> {
    pub(super) fn new(inner: E) -> Self {
        Self { inner, known: DashMap::new() }
    }

    fn measures(&self, operation: &'static str, class: &'static str) -> Measures {
        let known = self.known.get(&(operation, class)).map(|measures| measures.clone());
        known.unwrap_or_else(|| {
            let measures = Measures {
                requests: metrics::counter!(
                    "parlor_http_requests_total", "operation" => operation, "status" => class
                ),
                seconds: metrics::histogram!(
                    "parlor_http_request_seconds", "operation" => operation
                ),
            };
            self.known.insert((operation, class), measures.clone());
            measures
        })
    }

    fn observed(
        &self,
        mut response: Response,
        began: Instant,
        id: HeaderValue,
        span: &Span,
    ) -> Response {
        let operation = response.data::<OperationId>().map_or("none", |operation| operation.0);
        let status = response.status();
        span.record("operation", operation).record("status", status.as_u16());
        let class = match status.as_u16() {
            100..=199 => "1xx",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        self.measures(operation, class).record(began.elapsed());
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(request.id = id.to_str().unwrap_or_default(), operation, %status, "answered with an error");
        }
        head(&mut response, id);
        response
    }
}

impl<E: Endpoint<Output = Response>> Endpoint for Observed<E> {
    type Output = Response;

    fn call(&self, request: Request) -> impl Future<Output = Result<Response>> + Send {
        let began = Instant::now();
        let id = id_of(&request);
        // The path may hold secrets, such as a visitor's token: only the operation is recorded.
        let span = tracing::debug_span!(
            "request",
            request.id = id.to_str().unwrap_or_default(),
            method = %request.method(),
            operation = tracing::field::Empty,
            status = tracing::field::Empty,
        );
        let answering = self.inner.call(request).instrument(span.clone());
        answering.map_ok(move |response| self.observed(response, began, id, &span))
    }
}

/// The name of a request: the caller's, or a new one.
pub(super) fn id_of(request: &Request) -> HeaderValue {
    given_id(request).unwrap_or_else(new_id)
}

/// Sets what every answer has.
pub(super) fn head(response: &mut Response, id: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

fn given_id(request: &Request) -> Option<HeaderValue> {
    let id = request.headers().get(&REQUEST_ID)?;
    let plain = |id: &str| !id.is_empty() && id.len() <= MAX_ID && id.bytes().all(|b| b > b' ');
    id.to_str().is_ok_and(plain).then(|| id.clone())
}

fn new_id() -> HeaderValue {
    let id = crate::app::clock::mint::<crate::domain::ids::MessageId>().to_string();
    HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("unknown"))
}
