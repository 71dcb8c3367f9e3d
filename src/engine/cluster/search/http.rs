//! HTTP to OpenSearch: every request has a time-out, every failure one of four names.
//!
//! A user and password stand in the URL if there are any, which is therefore never logged. `https`
//! needs the feature `tls`: it brings a second stack of cryptography into the build.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::batch::Cause;
use crate::engine::Error;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Why OpenSearch did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It does not answer, or cannot do anything now.
    #[error("OpenSearch is away: {0}")]
    Away(String),
    /// It has too much to do.
    #[error("OpenSearch is too busy")]
    Busy,
    /// Our index is not there.
    #[error("the search index is missing")]
    NoIndex,
    /// It answers, and will not do it: its set-up or ours is wrong.
    #[error("OpenSearch refuses: {0}")]
    Refused(String),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Busy => Self::Overloaded,
            failure @ (Failure::Away(_) | Failure::NoIndex | Failure::Refused(_)) => {
                Self::Storage(failure.to_string())
            }
        }
    }
}

/// The outcome of a call to OpenSearch.
pub(super) type SearchResult<T> = Result<T, Failure>;

/// How to be let in.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// They win over those in the URL.
    pub user: Option<String>,
    pub password: Option<String>,
    /// Certificates (PEM) of who may vouch for an `https` server; the system's where there is none.
    pub ca: Option<PathBuf>,
}

/// Where OpenSearch is.
pub(super) struct Http {
    client: reqwest::Client,
    base: String,
}

impl Http {
    pub(super) fn new(url: &str, access: &Access) -> Result<Self, Error> {
        // The URL is not repeated: it may hold a password.
        let mut url = Url::parse(url)
            .map_err(|error| Error::Storage(format!("the setting search is no URL: {error}")))?;
        let speaks = matches!(url.scheme(), "http" | "https");
        if !speaks || url.query().is_some() || url.fragment().is_some() {
            let problem =
                "the setting search must be http:// or https:// and a host, without ? or #";
            return Err(Error::Storage(problem.into()));
        }
        if let Some(user) = &access.user {
            let cannot = |()| Error::Storage("the setting search takes no user".into());
            url.set_username(user).map_err(cannot)?;
            url.set_password(access.password.as_deref()).map_err(cannot)?;
        }
        crate::tls::install();
        let client = match &access.ca {
            Some(path) => {
                let named = |problem: String| {
                    Error::Storage(format!("the setting search_ca, {}: {problem}", path.display()))
                };
                let pem = std::fs::read(path).map_err(|error| named(error.to_string()))?;
                let found = reqwest::Certificate::from_pem_bundle(&pem);
                let found = found.map_err(|error| named(error.to_string()))?;
                if found.is_empty() {
                    return Err(named("there is no certificate in it".into()));
                }
                reqwest::Client::builder().tls_certs_only(found)
            }
            None => reqwest::Client::builder(),
        };
        let client = client
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| Error::Storage(error.to_string()))?;
        Ok(Self { client, base: url.as_str().trim_end_matches('/').to_owned() })
    }

    /// A request to a path under the base, which gives up after `timeout`.
    pub(super) fn request(
        &self,
        method: Method,
        path: &str,
        timeout: Duration,
    ) -> SearchResult<RequestBuilder> {
        let url = Url::parse(&format!("{}/{path}", self.base))
            .map_err(|error| Failure::Refused(error.to_string()))?;
        Ok(self.client.request(method, url).timeout(timeout))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    error: Cause,
}

/// Sends and reads: the one place that tells failures apart.
pub(super) async fn answer<T: DeserializeOwned>(request: RequestBuilder) -> SearchResult<T> {
    // Without the URL: it may hold a password.
    let away = |error: reqwest::Error| Failure::Away(describe(&error.without_url()));
    let response = request.send().await.map_err(away)?;
    let status = response.status();
    if status.is_success() {
        return response.json().await.map_err(away);
    }
    // A proxy in between answers with something else than JSON.
    let problem: Problem = response.json().await.unwrap_or_default();
    Err(match status {
        StatusCode::TOO_MANY_REQUESTS => Failure::Busy,
        StatusCode::NOT_FOUND => Failure::NoIndex,
        _ if status.is_server_error() || problem.error.kind == "cluster_block_exception" => {
            Failure::Away(format!("{status}, {}", problem.error))
        }
        _ if problem.error.kind.is_empty() => Failure::Refused(status.to_string()),
        _ => Failure::Refused(problem.error.to_string()),
    })
}

/// An error with its causes: reqwest's own words stop at "error sending request".
fn describe(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        words = format!("{words}: {cause}");
        next = cause.source();
    }
    words
}
