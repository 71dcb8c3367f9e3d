//! What is left of a request's body once the request is answered (HTTP/1).
//!
//! It stands where the next request would. A proxy that sends another client's request on the same
//! connection would find it gone, or have the rest of a body taken for a request. So a small rest is read
//! to its end before the answer goes out; else the answer says that the connection closes. Whoever reads
//! the body need not know: it is taken back when the endpoint drops it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Version, header};
use http_body_util::{BodyExt, combinators::BoxBody};
use hyper::body::{Body as _, Frame, SizeHint};
use poem::{Request, Response};
use tokio::time::timeout;

/// How much of a body nobody wanted is read all the same, and for how long.
const SMALL: u64 = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(1);

type Inner = BoxBody<Bytes, io::Error>;
type Returned = Arc<Mutex<Option<Dropped>>>;

/// A body whose end the endpoint has not seen.
struct Dropped {
    body: Inner,
    /// Somebody has read of it.
    begun: bool,
}

/// A body's way back from the endpoint.
pub(super) struct Leftover {
    returned: Returned,
    /// The client sends the body only once somebody reads it (`Expect: 100-continue`).
    waits: bool,
}

impl Leftover {
    /// Watches the body of a request; none where no rest can do harm.
    pub(super) fn watch(request: &mut Request) -> Option<Self> {
        if request.version() > Version::HTTP_11 {
            return None;
        }
        let body = Inner::from(request.take_body());
        if body.is_end_stream() {
            request.set_body(body);
            return None;
        }
        let waits = request.headers().contains_key(header::EXPECT);
        let returned = Returned::default();
        let dropped = Some(Dropped { body, begun: false });
        request.set_body(BoxBody::new(Watched { dropped, returned: returned.clone() }));
        Some(Self { returned, waits })
    }

    /// Says that the connection closes.
    pub(super) fn abandon(self, response: &mut Response) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }

    /// Reads a small rest to its end, or says that the connection closes.
    pub(super) async fn settle(self, response: &mut Response) {
        let closes = HeaderValue::from_static("close");
        let says = response.headers().get(header::CONNECTION) == Some(&closes);
        // What was not given back is being read still, or was read to its end.
        let returned = self.returned.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Dropped { body, begun }) = returned.filter(|_| !says) else { return };
        let comes = begun || !self.waits;
        if !comes || timeout(PATIENCE, pass_over(body)).await != Ok(true) {
            response.headers_mut().insert(header::CONNECTION, closes);
        }
    }
}

/// Reads to the end without keeping anything; false where that is too far.
async fn pass_over(mut body: Inner) -> bool {
    let mut left = SMALL;
    if body.size_hint().lower() > left {
        return false;
    }
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        let length = frame.data_ref().map_or(0, Bytes::len) as u64;
        let Some(less) = left.checked_sub(length) else { return false };
        left = less;
    }
    true
}

/// A body that is given back when it is dropped before its end.
struct Watched {
    dropped: Option<Dropped>,
    returned: Returned,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let Some(dropped) = &mut self.dropped else { return Poll::Ready(None) };
        dropped.begun = true;
        let frame = ready!(Pin::new(&mut dropped.body).poll_frame(cx));
        if frame.is_none() {
            self.dropped = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.dropped.as_ref().is_none_or(|dropped| dropped.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let none = || SizeHint::with_exact(0);
        self.dropped.as_ref().map_or_else(none, |dropped| dropped.body.size_hint())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(dropped) = self.dropped.take().filter(|dropped| !dropped.body.is_end_stream()) {
            *self.returned.lock().unwrap_or_else(PoisonError::into_inner) = Some(dropped);
        }
    }
}
