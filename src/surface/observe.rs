//! What every answer has: a request id, a place in the metrics, the headers that keep browsers
//! careful.

use std::time::Instant;

use poem::http::{HeaderName, HeaderValue, header};
use poem::{Endpoint, Request, Response, Result};
use poem_openapi::OperationId;
use tracing::Instrument;

/// The header that names a request, in and out.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id taken over from a caller.
const MAX_ID: usize = 128;

/// An endpoint whose requests are counted, timed and named.
pub(super) struct Observed<E> {
    inner: E,
}

impl<E> Observed<E> {
    pub(super) fn new(inner: E) -> Self {
        Self { inner }
    }
}

impl<E: Endpoint<Output = Response>> Endpoint for Observed<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let began = Instant::now();
        let id = given_id(&request).unwrap_or_else(new_id);
        // The path may hold secrets, such as a visitor's token: only the operation is recorded.
        let span = tracing::debug_span!(
            "request",
            request.id = id.to_str().unwrap_or_default(),
            method = %request.method(),
            operation = tracing::field::Empty,
            status = tracing::field::Empty,
        );
        let mut response = self.inner.call(request).instrument(span.clone()).await?;
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
        metrics::counter!("parlor_http_requests_total", "operation" => operation, "status" => class)
            .increment(1);
        metrics::histogram!("parlor_http_request_seconds", "operation" => operation)
            .record(began.elapsed());
        if status.is_server_error() {
            tracing::error!(request.id = id.to_str().unwrap_or_default(), operation, %status, "answered with an error");
        }
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, id);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        Ok(response)
    }
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
