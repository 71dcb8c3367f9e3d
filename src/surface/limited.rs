//! The `RateLimit-*` headers, on answers and refusals alike.

use poem::Response;
use poem::http::{HeaderName, HeaderValue};

use crate::app::limits::Allowance;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// Tells the caller what it has left.
pub(super) fn tell(response: &mut Response, allowance: &Allowance) {
    let headers = response.headers_mut();
    headers.insert(LIMIT, HeaderValue::from(allowance.limit));
    headers.insert(REMAINING, HeaderValue::from(allowance.remaining));
    headers.insert(RESET, HeaderValue::from(allowance.reset_s));
}
