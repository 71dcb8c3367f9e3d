//! Requests that are answered before their body was read.
//!
//! What is left of the body stands where the next request would, so the server closes the
//! connection; whoever was refused is told. [`super::dress`] knows that of bodies that are read
//! before a handler runs; here it is seen by watching one that a handler reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use futures_util::{StreamExt, TryStreamExt, stream};
use poem::http::{HeaderValue, header};
use poem::{Body, Request, Response, Result};

/// Answers a request; a refusal that comes before the body's end says that the connection closes.
///
/// # Errors
/// As `answer`.
pub(super) async fn announced<F>(
    mut request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Result<Response>
where
    F: Future<Output = Result<Response>>,
{
    let length = request.header(header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
    // Of a body whose length is not known, only its end tells that all was read.
    let left = Arc::new(AtomicU64::new(length.unwrap_or(u64::MAX)));
    let (read, ended) = (left.clone(), left.clone());
    let body = request.take_body().into_bytes_stream().inspect_ok(move |chunk| {
        let less = |left: u64| Some(left.saturating_sub(chunk.len() as u64));
        read.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).ok();
    });
    let end = stream::poll_fn(move |_| {
        ended.store(0, Ordering::Relaxed);
        Poll::Ready(None)
    });
    request.set_body(Body::from_bytes_stream(body.chain(end)));
    let mut response = answer(request).await?;
    let refused = response.status().is_client_error() || response.status().is_server_error();
    if refused && left.load(Ordering::Relaxed) > 0 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}
