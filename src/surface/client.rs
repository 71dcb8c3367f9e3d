//! Where a request comes from: its address, and the page whose script sent it.
//!
//! No surface uses cookies, so a page may send whatever it likes; what an account allows is checked
//! when the request comes. Where pages call (the widget, the live surface), the CORS headers
//! therefore let every page read its answer, also that it was refused. The other surfaces'
//! credentials are secrets of a server, and no page's.

use std::future::ready;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::future::Either;
use percent_encoding::percent_decode_str;
use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoResponse, Request, Response};

use super::table;
use crate::app::App;
use crate::app::accounts::Tenant;
use crate::domain::{Error, Result};
use crate::server::slots::counted;
use crate::server::websocket::same_origin;

/// Headers that scripts may send, where they do not ask for any.
const ALLOWED: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Prefer, Range, X-Request-Id, \
     X-Site-Key, X-Visitor-Token",
);
/// Headers that scripts may read.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Accept-Ranges, Allow, Content-Disposition, Content-Length, Content-Range, ETag, \
     RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, X-Request-Id",
);
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST");
/// Seconds for which a browser need not ask again.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The address that a client is counted by; the router finds it once for each request.
#[derive(Clone, Copy)]
pub(super) struct Address(pub(super) Option<IpAddr>);

impl Address {
    /// That of a request that came through the router.
    pub(super) fn of(request: &Request) -> Option<IpAddr> {
        request.data::<Self>().and_then(|address| address.0)
    }
}

/// An endpoint whose requests bring the application and where they come from, and have a path that can
/// be read.
pub(super) struct Placed<E> {
    inner: E,
    app: Arc<App>,
    trusted_proxies: usize,
}

impl<E> Placed<E> {
    /// Behind so many proxies that append to `X-Forwarded-For`.
    pub(super) fn new(inner: E, app: Arc<App>, trusted_proxies: usize) -> Self {
        Self { inner, app, trusted_proxies }
    }
}

impl<E: Endpoint<Output = Response>> Endpoint for Placed<E> {
    type Output = Response;

    fn call(&self, mut request: Request) -> impl Future<Output = poem::Result<Response>> + Send {
        request.set_data(Address(address(&request, self.trusted_proxies)));
        request.set_data(self.app.clone());
        // What is no text names nothing, whichever parameter it stands for.
        if percent_decode_str(request.uri().path()).decode_utf8().is_err() {
            return Either::Left(ready(Ok(table::refusal(&request, Error::NotFound("path")))));
        }
        Either::Right(self.inner.call(request))
    }
}

/// The address that a client is [`counted`] by. Behind `trusted` proxies, the one the outermost of them
/// saw. What that proxy has written unreadably is nobody's address, and counts as the proxy's own.
pub(super) fn address(request: &Request, trusted: usize) -> Option<IpAddr> {
    seen_address(request, trusted).map(counted)
}

fn seen_address(request: &Request, trusted: usize) -> Option<IpAddr> {
    let peer = request.remote_addr().as_socket_addr().map(|address| address.ip());
    if trusted == 0 {
        return peer;
    }
    let forwarded = request.headers().get_all("x-forwarded-for").iter();
    let forwarded: Vec<_> = forwarded
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let seen = forwarded.len().checked_sub(trusted).and_then(|place| forwarded.get(place));
    seen.and_then(|part| read_address(part)).or(peer)
}

/// An address as proxies write it, with a port or without.
fn read_address(part: &str) -> Option<IpAddr> {
    let with_port = || Some(part.parse::<SocketAddr>().ok()?.ip());
    let in_brackets = || part.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    part.parse().ok().or_else(with_port).or_else(in_brackets)
}

/// What a request shows as `Authorization: Bearer …` (RFC 6750; the scheme in any case, RFC 9110).
pub(super) fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = request.header(header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim_start())
}

/// Where this request was sent to, as a URL without a path: by its `Host`, and by the scheme that a
/// proxy says it was sent with.
pub(super) fn own_origin(request: &Request) -> String {
    let https = request.header("x-forwarded-proto").is_some_and(|scheme| scheme.trim() == "https");
    let host = request.header(header::HOST).unwrap_or("localhost");
    format!("{}://{host}", if https { "https" } else { "http" })
}

/// The value of a parameter in the query, decoded.
pub(super) fn query(request: &Request, name: &str) -> Option<String> {
    let pairs: Vec<(String, String)> = request.params().unwrap_or_default();
    pairs.into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// Whether a page may call for this account; who sends no Origin is no page.
///
/// # Errors
/// [`Error::Forbidden`] where the account does not list the page's origin.
pub(super) fn check_origin(request: &Request, tenant: &Tenant) -> Result<()> {
    let origin = request.headers().get(header::ORIGIN);
    if origin.is_none_or(|origin| is_welcome(request, tenant, origin)) {
        return Ok(());
    }
    Err(Error::Forbidden("Origin not allowed"))
}

/// Whether an account lists an origin, or it is our own.
pub(super) fn is_welcome(request: &Request, tenant: &Tenant, origin: &HeaderValue) -> bool {
    let listed = |origin: &str| {
        let known = &tenant.account.settings.allowed_origins;
        known.iter().any(|known| known == "*" || known.eq_ignore_ascii_case(origin))
    };
    same_origin(request, origin) || origin.to_str().is_ok_and(listed)
}

/// Whether a page only asks whether it may send a request.
pub(super) fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ORIGIN)
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Answers pages: what they ask beforehand, and so that they may read what they are answered.
pub(super) async fn answer_pages<E>(api: &E, request: Request) -> poem::Result<Response>
where
    E: Endpoint<Output = Response>,
{
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response =
        if is_preflight(&request) { preflight(&request) } else { api.call(request).await? };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    Ok(response)
}

/// A page may send whatever headers it likes: monitoring adds its own to every request, no cookie is in
/// use here, and what a header says is judged when it comes.
fn preflight(request: &Request) -> Response {
    let asked = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS);
    let allowed = asked.filter(|asked| !asked.is_empty()).cloned().unwrap_or(ALLOWED);
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    headers.append(header::VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(forwarded: &str, trusted: usize) -> Option<IpAddr> {
        let request = Request::builder().header("x-forwarded-for", forwarded).finish();
        address(&request, trusted)
    }

    #[test]
    fn a_proxy_may_write_a_port_and_hides_nobody_by_what_cannot_be_read() {
        let at = |text: &str| text.parse::<IpAddr>().ok();
        assert_eq!(seen("9.9.9.1, 1.2.3.5", 1), at("1.2.3.5"));
        assert_eq!(seen("9.9.9.1, 1.2.3.5:4444", 1), at("1.2.3.5"));
        assert_eq!(seen("9.9.9.1, [2001:db8::1]:4444", 1), at("2001:db8::"));
        assert_eq!(seen("9.9.9.1, [2001:db8::1]", 1), at("2001:db8::"));
        assert_eq!(seen("9.9.9.1, 1.2.3.5, 10.0.0.1", 2), at("1.2.3.5"));
        for nobody in ["9.9.9.1, unknown", "9.9.9.1, ", "9.9.9.1, _hidden"] {
            assert_eq!(seen(nobody, 1), None, "what a client says of itself is not believed");
        }
        assert_eq!(seen("1.2.3.5", 0), None, "nobody is trusted");
    }

    #[test]
    fn one_client_has_one_address() {
        let at = |text: &str| text.parse::<IpAddr>().ok();
        for form in ["203.0.115.1", "::ffff:203.0.115.1", "[::ffff:203.0.115.1]:80"] {
            assert_eq!(seen(form, 1), at("203.0.115.1"), "{form}");
        }
        for one in ["2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:DB8:1:2::"] {
            assert_eq!(seen(one, 1), at("2001:db8:1:2::"), "{one}");
        }
        assert_ne!(seen("2001:db8:1:2::1", 1), seen("2001:db8:1:3::1", 1));
    }
}
