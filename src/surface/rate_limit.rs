//! Limits on calls, and the `RateLimit-*` headers, on answers and refusals alike.

use std::num::NonZeroU32;

use futures_util::future::Either;
use poem::http::{HeaderName, HeaderValue};
use poem::{Endpoint, Request, Response, Result};

use super::refusals::Costume;
use crate::app::App;
use crate::app::accounts::limits::{Allowance, Caller};
use crate::domain::Error;

/// Seconds after which it may be asked whether a limit of 0 is still one.
const CLOSED_S: u64 = 60;

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

/// Counts a call and lets it through, unless it is one too many; the caller is told what is left.
/// A `limit` is who is counted and the calls per minute: where these are 0, nothing is let through;
/// where there is none, nothing is counted.
pub(super) fn counted<E>(
    app: &App,
    api: &E,
    request: Request,
    limit: Option<(String, u32)>,
    costume: Costume,
) -> impl Future<Output = Result<Response>> + Send
where
    E: Endpoint<Output = Response>,
{
    let Some((caller, per_minute)) = limit else { return Either::Left(api.call(request)) };
    let caller = Caller(caller);
    // Boxed, so that it takes no room where nothing is counted.
    Either::Right(Box::pin(count(app, api, request, caller, per_minute, costume)))
}

async fn count<E>(
    app: &App,
    api: &E,
    request: Request,
    caller: Caller,
    per_minute: u32,
    costume: Costume,
) -> Result<Response>
where
    E: Endpoint<Output = Response>,
{
    let Some(per_minute) = NonZeroU32::new(per_minute) else {
        let mut response = costume(Error::RateLimited { retry_after_s: CLOSED_S });
        let reset_s = CLOSED_S;
        let nothing = Allowance { limit: 0, remaining: 0, reset_s, retry_after_s: Some(reset_s) };
        tell(&mut response, &nothing);
        return Ok(response);
    };
    let allowance = app.limits.check(&*app.engine, &caller, per_minute).await;
    let mut response = match allowance.retry_after_s {
        Some(retry_after_s) => costume(Error::RateLimited { retry_after_s }),
        None => api.call(request).await?,
    };
    tell(&mut response, &allowance);
    Ok(response)
}
