//! Request bodies that are read whole: within a size and within a time.
//!
//! poem's `Json` reads without a limit, and its `SizeLimit` trusts Content-Length and refuses
//! everything without one (411). Here the bytes themselves are counted; a declared length that is
//! too large is only refused sooner. Memory stays within the limit and one chunk.
//!
//! [`limit_body`] reads the body before the endpoint runs and puts the bytes in its place, mended
//! ([`super::json_text`]), so any extractor behind it works unchanged. A request without a body passes untouched. Uploads are
//! not for this: they are read as a stream, with limits of their own.

use std::{io, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{TryFutureExt, future::Either};
use http::StatusCode;
use http_body::Body as _;
use http_body_util::{BodyExt, combinators::BoxBody};
use poem::{Body, Endpoint, Middleware, Request, Result, error::ResponseError};
use tokio::time::timeout;

use super::json_text::mended_body;

/// How much of a body that is too large is read all the same, so that the refusal arrives, and for how long.
const REST: usize = 1024 * 1024;
const REST_TIME: Duration = Duration::from_secs(1);

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It is, or says it is, longer than the limit.
    TooLarge,
    /// It was not there in time.
    TooSlow,
    /// The client went away or broke the transfer's encoding.
    Broken,
}

impl std::fmt::Display for BodyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the request body is too large",
            Self::TooSlow => "the request body did not arrive in time",
            Self::Broken => "the request body could not be read",
        })
    }
}

impl std::error::Error for BodyError {}

impl ResponseError for BodyError {
    fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken => StatusCode::BAD_REQUEST,
        }
    }
}

/// Reads a body of at most `limit` bytes that is complete within `deadline`.
///
/// Fails with [`BodyError`]; what was read is gone then, and on cancel.
pub async fn read_limited(
    body: Body,
    limit: usize,
    deadline: Duration,
) -> std::result::Result<Bytes, BodyError> {
    let body = BoxBody::<Bytes, io::Error>::from(body);
    if usize::try_from(body.size_hint().lower()).is_ok_and(|least| least <= limit) {
        timeout(deadline, read(body, limit)).await.unwrap_or(Err(BodyError::TooSlow))
    } else {
        Err(BodyError::TooLarge)
    }
}

async fn read(
    mut body: BoxBody<Bytes, io::Error>,
    limit: usize,
) -> std::result::Result<Bytes, BodyError> {
    let mut whole = Bytes::new();
    let mut parts = BytesMut::new();
    while let Some(frame) = body.frame().await {
        // Trailers are nobody's business here.
        let Ok(chunk) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        if whole.len() + parts.len() + chunk.len() > limit {
            drop((whole, parts, chunk));
            let _ = timeout(REST_TIME, pass_over(&mut body)).await;
            return Err(BodyError::TooLarge);
        }
        if whole.is_empty() && parts.is_empty() {
            // Most bodies are one chunk, which need not be copied.
            whole = chunk;
            continue;
        }
        if parts.is_empty() {
            let rest = usize::try_from(body.size_hint().lower()).unwrap_or(0);
            parts.reserve((whole.len() + chunk.len() + rest).min(limit));
            parts.extend_from_slice(&std::mem::take(&mut whole));
        }
        parts.extend_from_slice(&chunk);
    }
    Ok(if parts.is_empty() { whole } else { parts.freeze() })
}

/// Reads on without keeping anything. A client that still writes when the connection is closed is told of
/// a broken pipe, and not why.
async fn pass_over(body: &mut BoxBody<Bytes, io::Error>) {
    let mut left = REST;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        if length > left {
            return;
        }
        left -= length;
    }
}

/// A middleware that lets bodies in only whole, within `limit` bytes and `deadline`.
pub fn limit_body(limit: usize, deadline: Duration) -> LimitBody {
    LimitBody { limit, deadline, except: |_| false }
}

/// The middleware made by [`limit_body`].
#[derive(Clone, Copy, Debug)]
pub struct LimitBody {
    limit: usize,
    deadline: Duration,
    except: fn(&Request) -> bool,
}

impl LimitBody {
    /// Leaves the bodies of some requests to the endpoint, which reads them as a stream.
    #[must_use]
    pub fn except(self, except: fn(&Request) -> bool) -> Self {
        Self { except, ..self }
    }
}

impl<E: Endpoint> Middleware<E> for LimitBody {
    type Output = LimitedBody<E>;

    fn transform(&self, inner: E) -> Self::Output {
        LimitedBody { inner, limits: *self }
    }
}

/// An endpoint behind [`limit_body`]; its refusals are errors that hold a [`BodyError`].
#[derive(Debug)]
pub struct LimitedBody<E> {
    inner: E,
    limits: LimitBody,
}

impl<E: Endpoint> Endpoint for LimitedBody<E> {
    type Output = E::Output;

    fn call(&self, mut request: Request) -> impl Future<Output = Result<Self::Output>> + Send {
        if (self.limits.except)(&request) {
            return Either::Left(self.inner.call(request));
        }
        let body = request.take_body();
        if body.is_empty() {
            return Either::Left(self.inner.call(request));
        }
        let reading = read_limited(body, self.limits.limit, self.limits.deadline);
        // Boxed, so that the reading takes no room in the call that follows it.
        Either::Right(Box::pin(reading).err_into().and_then(move |whole| {
            request.set_body(mended_body(whole));
            self.inner.call(request)
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    use bytes::Bytes;
    use futures_util::{StreamExt, stream};
    use poem::Body;

    use super::{BodyError, read_limited};

    const LONG: Duration = Duration::from_secs(60);

    fn chunks(of: &'static [&'static str]) -> Body {
        Body::from_bytes_stream(stream::iter(of).map(|s| Ok::<_, std::io::Error>(Bytes::from(*s))))
    }

    #[tokio::test]
    async fn a_body_of_many_chunks_is_joined() {
        let body = chunks(&["ab", "", "cd", "e"]);
        assert_eq!(read_limited(body, 5, LONG).await, Ok(Bytes::from("abcde")));
    }

    #[tokio::test]
    async fn one_byte_over_the_limit_is_too_large() {
        let body = chunks(&["ab", "cd", "e"]);
        assert_eq!(read_limited(body, 4, LONG).await, Err(BodyError::TooLarge));
        assert_eq!(read_limited("abcde".into(), 4, LONG).await, Err(BodyError::TooLarge));
    }

    #[tokio::test]
    async fn a_body_that_is_too_large_is_read_on_for_a_while_and_not_for_ever() {
        for (pieces, all) in [(1_000, true), (3_000, false)] {
            let taken = Arc::new(AtomicUsize::new(0));
            let count = taken.clone();
            let piece = move |_| {
                count.fetch_add(1, Ordering::Relaxed);
                Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 1_000]))
            };
            let body = Body::from_bytes_stream(stream::iter(0..pieces).map(piece));
            assert_eq!(read_limited(body, 9, LONG).await, Err(BodyError::TooLarge));
            assert_eq!(taken.load(Ordering::Relaxed) == pieces, all, "of {pieces}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_is_too_slow() {
        let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from("a"))]);
        let body = Body::from_bytes_stream(first.chain(stream::once(pending())));
        assert_eq!(read_limited(body, 9, LONG).await, Err(BodyError::TooSlow));
    }

    #[tokio::test]
    async fn a_body_that_breaks_is_broken() {
        let parts = [Ok(Bytes::from("a")), Err(std::io::Error::other("gone"))];
        let body = Body::from_bytes_stream(stream::iter(parts));
        assert_eq!(read_limited(body, 9, LONG).await, Err(BodyError::Broken));
    }
}
