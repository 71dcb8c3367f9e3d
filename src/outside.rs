//! The guarded way out: calls to what accounts name, such as bots' upstreams and steps of flows.
//!
//! Accounts must not reach what only this machine can: addresses that are not public are refused
//! unless the setting `allow_networks` has them. What a name resolves to is judged at the moment of
//! connecting, so that a name that changes its mind gains nothing; a literal address is judged before,
//! since HTTP clients ask no resolver about one. Redirects are not followed and proxies not used.
//! Every answer is read up to a bound, which holds after its content coding is undone (`body`).
//! A call takes a file descriptor for as long as its answer lasts: there are so many calls at a time, and one
//! account has no more than its share of them ([`Way`]).

mod address;
pub mod body;
pub mod event_stream;
pub mod transcription;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, header::ACCEPT_ENCODING};
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Method, RequestBuilder, Response, Url, redirect};

use crate::domain::ids::AccountId;
use crate::fair::Limits;
use crate::fair::slots::{Slot, Slots};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// No call takes longer, whatever its own time limits say.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(300);
/// Connections that wait for the next call hold descriptors too: so long, and so many to one host.
const IDLE_CONNECTION: Duration = Duration::from_secs(15);
const IDLE_CONNECTIONS: usize = 32;
/// How long a call waits for its slot.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of a refusal's body is told.
const EXCERPT: usize = 300;

/// The way out; cheap to clone.
#[derive(Debug, Clone)]
pub struct Outside {
    http: Result<Client, Arc<str>>,
    allowed: Arc<[IpNet]>,
    /// Nobody is called; set once somebody was to be.
    sealed: Option<Arc<AtomicBool>>,
    /// Slots for calls; none where they are not counted.
    calls: Option<Arc<Slots<AccountId>>>,
    /// Whose calls these are.
    account: Option<AccountId>,
}

/// A call's slot among all: held from before it is sent until its answer is read.
#[derive(Debug)]
pub struct Way {
    outside: Outside,
    _slot: Option<Slot<AccountId>>,
}

/// Why a call has failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{0:?} is not a URL of http or https with a host")]
    Url(String),
    #[error(
        "{} no public address, and the setting allow_networks does not have it",
        whose_address(host, *address)
    )]
    Refused { host: String, address: IpAddr },
    /// Nothing was answered; the call may not even have arrived.
    #[error("no answer from {host}: {problem}")]
    Unreachable { host: String, problem: String },
    /// This way out leads nowhere, on purpose.
    #[error("nobody is called in this run")]
    Sealed,
    /// The account has its share of calls under way, or all are taken.
    #[error(
        "too many calls are under way; fewer at a time, or a higher max_calls_per_account, help"
    )]
    Busy,
    #[error("{0} took too long")]
    TimedOut(&'static str),
    /// The body is for whoever tries a bot out; it may repeat what people wrote, so no log has it.
    #[error("answered {status}")]
    Status { status: u16, body: String, retry_after: Option<Duration> },
    #[error("the answer is larger than {max} bytes")]
    TooLarge { max: usize },
    #[error("the answer broke off: {0}")]
    Broken(String),
    #[error("the answer is not understood: {0}")]
    Malformed(String),
}

/// The beginning of what is said of an address: with the name that led to it, where one did.
fn whose_address(host: &str, address: IpAddr) -> String {
    match host.trim_matches(['[', ']']).parse() == Ok(address) {
        true => format!("{address} is"),
        false => format!("{host} is at {address}, which is"),
    }
}

impl Error {
    /// Whether the same call may do better a moment later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Status { status, .. } => *status == 429 || (500..600).contains(status),
            Self::Url(_)
            | Self::Refused { .. }
            | Self::Sealed
            | Self::Busy
            | Self::TimedOut(_)
            | Self::TooLarge { .. }
            | Self::Broken(_)
            | Self::Malformed(_) => false,
        }
    }
}

impl Default for Outside {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Outside {
    /// The way to public addresses and those of `allowed`.
    pub fn new(allowed: Vec<IpNet>) -> Self {
        crate::tls::install();
        let allowed: Arc<[IpNet]> = allowed.into();
        let codings = (ACCEPT_ENCODING, HeaderValue::from_static(body::CODINGS));
        let client = || {
            Client::builder()
                .default_headers(HeaderMap::from_iter([codings.clone()]))
                .dns_resolver(Arc::new(Guard { allowed: allowed.clone() }))
                .redirect(redirect::Policy::none())
                .no_proxy()
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(TOTAL_TIMEOUT)
                .pool_idle_timeout(IDLE_CONNECTION)
                .pool_max_idle_per_host(IDLE_CONNECTIONS)
                .tcp_nodelay(true)
                .user_agent(concat!("parlor/", env!("CARGO_PKG_VERSION")))
        };
        let http = client().build().or_else(|error| {
            // Without the system's certificates https cannot be, and http still can.
            tracing::warn!(error = %causes(&error), "TLS upstreams cannot be verified");
            client().tls_certs_only([]).build()
        });
        let http = http.map_err(|error| causes(&error).into());
        Self { http, allowed, sealed: None, calls: None, account: None }
    }

    /// The same way for so many calls at a time.
    #[must_use]
    pub fn limited(self, limits: Limits) -> Self {
        Self { calls: Some(Slots::new(limits)), ..self }
    }

    /// How many calls there may be at a time, where they are counted.
    pub fn limits(&self) -> Option<Limits> {
        self.calls.as_ref().map(|calls| calls.limits)
    }

    /// The same way for the calls of an account, which are counted as its own.
    #[must_use]
    pub fn of(&self, account: AccountId) -> Self {
        Self { account: Some(account), ..self.clone() }
    }

    /// A way out that leads nowhere, and knows whether somebody wanted to take it.
    pub fn sealed() -> Self {
        let nowhere = "sealed".into();
        let (allowed, sealed) = (Arc::default(), Some(Arc::default()));
        Self { http: Err(nowhere), allowed, sealed, calls: None, account: None }
    }

    /// Whether somebody was to be called by a way out that is sealed.
    pub fn was_asked(&self) -> bool {
        self.sealed.as_ref().is_some_and(|asked| asked.load(Ordering::Relaxed))
    }

    /// Waits for a slot for a call, in the line of its account.
    ///
    /// # Errors
    /// [`Error::Busy`] where none is free for too long.
    pub async fn enter(&self) -> Result<Way, Error> {
        let counted = self.calls.as_ref().zip(self.account);
        let slot = match counted {
            Some((calls, account)) => Some(calls.take(account, PATIENCE).await.map_err(|_| {
                metrics::counter!("parlor_calls_refused_total").increment(1);
                Error::Busy
            })?),
            None => None,
        };
        Ok(Way { outside: self.clone(), _slot: slot })
    }

    fn request(&self, method: Method, url: &str) -> Result<RequestBuilder, Error> {
        if let Some(asked) = &self.sealed {
            asked.store(true, Ordering::Relaxed);
            return Err(Error::Sealed);
        }
        let url = checked(url)?;
        let host = url.host_str().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        if let Ok(address) = literal
            && !address::may_be_called(address, &self.allowed)
        {
            return Err(Error::Refused { host: host.to_owned(), address });
        }
        match &self.http {
            Ok(http) => Ok(http.request(method, url)),
            Err(problem) => {
                let (host, problem) = (host.to_owned(), problem.to_string());
                Err(Error::Unreachable { host, problem })
            }
        }
    }
}

impl Way {
    /// Begins a call, or repeats it.
    ///
    /// # Errors
    /// [`Error::Url`], or [`Error::Refused`] for a literal address that is not allowed.
    pub fn request(&self, method: Method, url: &str) -> Result<RequestBuilder, Error> {
        self.outside.request(method, url)
    }
}

/// Whether a text is a URL that can be called.
pub fn is_url(text: &str) -> bool {
    checked(text).is_ok()
}

fn checked(text: &str) -> Result<Url, Error> {
    let url = Url::parse(text).map_err(|_| Error::Url(text.to_owned()))?;
    let known = matches!(url.scheme(), "http" | "https") && url.host_str().is_some();
    if known { Ok(url) } else { Err(Error::Url(text.to_owned())) }
}

/// Sends a call and awaits the head of a good answer.
///
/// # Errors
/// As [`Error`]; any status but 2xx is one.
pub async fn send(request: RequestBuilder) -> Result<Response, Error> {
    let response = request.send().await.map_err(|error| not_sent(&error))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let retry_after = retry_after(response.headers());
    let body = match tokio::time::timeout(CONNECT_TIMEOUT, read(response, 16 * 1024)).await {
        Ok(Ok(body)) => String::from_utf8_lossy(&body).trim().chars().take(EXCERPT).collect(),
        Ok(Err(_)) | Err(_) => String::new(),
    };
    Err(Error::Status { status: status.as_u16(), body, retry_after })
}

/// How long an answer asks to be left alone: in seconds, or until a time (RFC 9110), which is
/// counted from the time that the answer has, so that clocks which differ do no harm.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let header = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let after = header("retry-after")?;
    if let Ok(seconds) = after.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let time = |text: &str| jiff::fmt::rfc2822::parse(text).ok().map(|time| time.timestamp());
    let span = time(after)?.duration_since(time(header("date")?)?);
    Some(Duration::try_from(span).unwrap_or_default())
}

/// Reads an answer's body, of at most `max` bytes when it is decoded.
///
/// # Errors
/// [`Error::TooLarge`], [`Error::Broken`].
pub async fn read(response: Response, max: usize) -> Result<Vec<u8>, Error> {
    if response.content_length().is_some_and(|length| length > max as u64) {
        return Err(Error::TooLarge { max });
    }
    read_on(Vec::new(), body::of(response), max).await
}

/// Reads the rest of a body that has begun with `read`, of at most `max` bytes in all.
///
/// # Errors
/// As [`read`].
pub async fn read_on(
    mut read: Vec<u8>,
    mut rest: body::Body,
    max: usize,
) -> Result<Vec<u8>, Error> {
    while let Some(piece) = rest.next().await {
        let piece = piece?;
        if read.len() + piece.len() > max {
            return Err(Error::TooLarge { max });
        }
        read.extend_from_slice(&piece);
    }
    Ok(read)
}

fn broken(error: &reqwest::Error) -> Error {
    if error.is_timeout() { Error::TimedOut("the answer") } else { Error::Broken(causes(error)) }
}

fn not_sent(error: &reqwest::Error) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if let Some(refused) = one.downcast_ref::<Error>() {
            return refused.clone();
        }
        cause = one.source();
    }
    if error.is_timeout() && !error.is_connect() {
        return Error::TimedOut("the answer");
    }
    let host = error.url().and_then(|url| url.host_str()).unwrap_or("the host").to_owned();
    Error::Unreachable { host, problem: causes(error) }
}

/// An error with what led to it, without the URL: that may hold secrets.
fn causes(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

/// Resolves names, and keeps to itself what must not be called.
#[derive(Debug)]
struct Guard {
    allowed: Arc<[IpNet]>,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.allowed.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let first = found.first().map(SocketAddr::ip);
            let kept: Vec<_> = found
                .into_iter()
                .filter(|found| address::may_be_called(found.ip(), &allowed))
                .collect();
            match (kept.is_empty(), first) {
                (true, Some(address)) => Err(Error::Refused { host, address }.into()),
                _ => Ok(Box::new(kept.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(outside: &Outside, url: &str) -> Option<IpAddr> {
        match outside.request(Method::GET, url) {
            Err(Error::Refused { address, .. }) => Some(address),
            Err(error) => panic!("{url}: {error}"),
            Ok(_) => None,
        }
    }

    #[test]
    fn a_literal_address_is_judged_in_every_spelling() {
        let outside = Outside::default();
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.0.0.1:80/",
            "http://[::1]:9000/x",
            "http://[::ffff:127.0.0.1]/",
            "http://169.254.169.254/latest/meta-data",
            "https://10.1.2.3/",
        ] {
            assert!(refused(&outside, url).is_some(), "{url}");
        }
        assert_eq!(refused(&outside, "https://1.1.1.1/"), None);
        let home = Outside::new(vec!["127.0.0.0/8".parse().unwrap()]);
        assert_eq!(refused(&home, "http://[::ffff:127.0.0.1]/"), None);
        assert!(refused(&home, "http://[::1]/").is_some());
    }

    #[test]
    fn a_pause_is_told_in_seconds_or_by_the_time_it_ends() {
        let date = ("date", "Sat, 21 Nov 2026 12:00:00 GMT");
        for (headers, seconds) in [
            (&[("retry-after", " 3 ")][..], Some(3)),
            (&[("retry-after", "Sat, 21 Nov 2026 12:00:05 GMT"), date], Some(5)),
            (&[("retry-after", "Sat, 21 Nov 2026 11:59:00 GMT"), date], Some(0)),
            (&[("retry-after", "Sat, 21 Nov 2026 12:00:05 GMT")], None),
            (&[("retry-after", "soon"), date], None),
            (&[("retry-after", "-1"), date], None),
            (&[date], None),
        ] {
            let map = headers.iter().map(|(name, value)| {
                (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
            });
            let told = retry_after(&map.collect()).map(|after| after.as_secs());
            assert_eq!(told, seconds, "{headers:?}");
        }
    }

    #[test]
    fn only_http_is_spoken() {
        for url in ["", "x", "ftp://example.com/", "file:///etc/passwd", "http://", "/v1"] {
            let refused = Outside::default().request(Method::GET, url).map(drop);
            assert_eq!(refused, Err(Error::Url(url.to_owned())));
        }
    }

    #[tokio::test]
    async fn a_name_is_judged_by_what_it_resolves_to() {
        let call = Outside::default().request(Method::GET, "http://localhost:9/").unwrap();
        let error = send(call).await.expect_err("refused");
        assert!(
            matches!(&error, Error::Refused { host, address } if host == "localhost" && address.is_loopback()),
            "{error}"
        );
        assert!(error.to_string().contains("allow_networks"), "{error}");
    }
}
