//! Who calls the live surface: a surface's key, or a live token for one conversation.

use std::net::IpAddr;
use std::sync::Arc;

use poem::Request;
use poem::http::header;
use poem_openapi::SecurityScheme;
use poem_openapi::auth::{ApiKey, Bearer};

use crate::app::accounts::Tenant;
use crate::app::secret::LiveToken;
use crate::app::{App, clock};
use crate::domain::account::KeyKind;
use crate::domain::ids::ConversationId;
use crate::domain::{Error, Result};

/// A credential that was found good.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) tenant: Arc<Tenant>,
    /// The one conversation a token opens; none for an account's own key.
    pub(super) only: Option<ConversationId>,
    /// When a token ceases to open it, in the middle of a stream too.
    pub(super) expires_at: Option<crate::domain::time::Timestamp>,
}

/// Where a caller without a credential comes from.
#[derive(Clone, Copy)]
pub(super) struct Address(pub(super) Option<IpAddr>);

/// Your account's key on AeroChat; only from your server.
#[derive(SecurityScheme)]
#[oai(ty = "api_key", key_name = "X-AeroChat-API-Key", key_in = "header", checker = "by_key")]
pub(super) struct AerochatKey(Caller);

/// A live token, from `POST /tokens`.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", checker = "by_bearer")]
pub(super) struct LiveBearer(Caller);

/// A live token where headers cannot be set, as with `EventSource` and `WebSocket`.
#[derive(SecurityScheme)]
#[oai(ty = "api_key", key_name = "token", key_in = "query", checker = "by_key")]
pub(super) struct LiveQuery(Caller);

/// Any of the credentials.
#[derive(SecurityScheme)]
pub(super) enum Credential {
    AerochatKey(AerochatKey),
    LiveBearer(LiveBearer),
    LiveQuery(LiveQuery),
}

async fn by_key(request: &Request, _: ApiKey) -> Option<Caller> {
    request.data::<Caller>().cloned()
}

async fn by_bearer(request: &Request, _: Bearer) -> Option<Caller> {
    request.data::<Caller>().cloned()
}

impl Credential {
    pub(super) fn caller(&self) -> &Caller {
        match self {
            Self::AerochatKey(AerochatKey(caller))
            | Self::LiveBearer(LiveBearer(caller))
            | Self::LiveQuery(LiveQuery(caller)) => caller,
        }
    }
}

impl Caller {
    /// The conversation that a path names, if this caller may know of it.
    pub(super) fn conversation(&self, id: &str) -> Result<ConversationId> {
        const UNKNOWN: Error = Error::NotFound("conversation");
        let id = id.parse().map_err(|_| UNKNOWN)?;
        match self.only {
            Some(only) if only != id => Err(UNKNOWN),
            _ => Ok(id),
        }
    }
}

/// Looks for a credential and keeps what it opens with the request.
pub(super) fn find(app: &App, request: &mut Request, trusted_proxies: usize) {
    let address = Address(address(request, trusted_proxies));
    request.set_data(address);
    match credential(app, request) {
        Some(caller) => request.set_data(caller),
        // A stranger's body is not waited for.
        None => drop(request.take_body()),
    }
}

fn credential(app: &App, request: &Request) -> Option<Caller> {
    if let Some(key) = request.header("X-AeroChat-API-Key") {
        let (tenant, _) = app.accounts.by_key(KeyKind::Aerochat, key)?;
        return Some(Caller { tenant, only: None, expires_at: None });
    }
    let bearer = request.header(header::AUTHORIZATION);
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
    let query = request
        .uri()
        .query()
        .and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("token=")));
    let secret_of = |account| Some(app.accounts.get(account)?.account.signing_secret.clone());
    let token = LiveToken::verify(bearer.or(query)?, clock::now(), secret_of)?;
    Some(Caller {
        tenant: app.accounts.get(token.account)?,
        only: Some(token.conversation),
        expires_at: Some(token.expires_at),
    })
}

/// The address of the client: behind `trusted` proxies, the one the outermost of them saw.
fn address(request: &Request, trusted: usize) -> Option<IpAddr> {
    let peer = request.remote_addr().as_socket_addr().map(|address| address.ip());
    if trusted == 0 {
        return peer;
    }
    let forwarded = request.headers().get_all("x-forwarded-for").iter();
    let forwarded: Vec<_> = forwarded
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|part| part.trim().parse().ok())
        .collect();
    forwarded.len().checked_sub(trusted).and_then(|place| forwarded.get(place).copied()).or(peer)
}
