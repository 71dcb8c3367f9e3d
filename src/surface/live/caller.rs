//! Who calls the live surface: a surface's key, or a live token for one conversation.

use std::net::IpAddr;
use std::sync::Arc;

use poem::Request;
use poem_openapi::SecurityScheme;
use poem_openapi::auth::{ApiKey, Bearer};

use super::wire::SideIn;
use crate::app::App;
use crate::app::accounts::credentials::Credential as Shown;
use crate::app::accounts::{Tenant, secret, visitors};
use crate::app::conversations::live_feed::Who;
use crate::app::conversations::readers::{ReadBy, Seat};
use crate::domain::account::KeyKind;
use crate::domain::ids::{ConversationId, KeyId};
use crate::domain::text::PersonName;
use crate::domain::{Error, Result};
use crate::surface::client::{self, Address};
use crate::surface::in_flight;
use crate::surface::visitor_limits::{Class, Visit};

/// What a conversation may be called by who can open only one.
const CURRENT: &str = "current";

/// A credential that was found good.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) tenant: Arc<Tenant>,
    /// The one conversation a token opens; none for an account's own key.
    pub(super) only: Option<ConversationId>,
    /// The digest of that token.
    token: Option<[u8; 32]>,
    /// What a visitor is counted by; none for an account's own key.
    visit: Option<Visit>,
    /// Where the call comes from.
    address: Option<IpAddr>,
    /// What was shown: when that ends, streams end with it.
    pub(super) credential: Shown,
}

/// Your account's key on AeroChat; only from your server.
#[derive(SecurityScheme)]
#[oai(ty = "api_key", key_name = "X-AeroChat-API-Key", key_in = "header", checker = "by_key")]
pub(super) struct AerochatKey(Caller);

/// A live token, from `POST /tokens` or as a widget's `conversation_token`; or your account's token
/// on ChatAIBot, only from your server.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", checker = "by_bearer")]
pub(super) struct LiveBearer(Caller);

/// A live token where headers cannot be set, as with `EventSource` and `WebSocket`.
#[derive(SecurityScheme)]
#[oai(ty = "api_key", key_name = "token", key_in = "query", checker = "by_key")]
pub(super) struct LiveQuery(Caller);

/// Your account's token on Aloo; only from your server.
#[derive(SecurityScheme)]
#[oai(ty = "api_key", key_name = "x-api-token", key_in = "header", checker = "by_key")]
pub(super) struct AlooToken(Caller);

/// A site key, with the visitor's token in `X-Visitor-Token` (or `visitor_token` in the query):
/// opens that visitor's own conversation.
#[derive(SecurityScheme)]
#[oai(ty = "api_key", key_name = "X-Site-Key", key_in = "header", checker = "by_key")]
pub(super) struct SiteKey(Caller);

/// Any of the credentials.
#[derive(SecurityScheme)]
pub(super) enum Credential {
    AerochatKey(AerochatKey),
    AlooToken(AlooToken),
    SiteKey(SiteKey),
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
            | Self::AlooToken(AlooToken(caller))
            | Self::SiteKey(SiteKey(caller))
            | Self::LiveBearer(LiveBearer(caller))
            | Self::LiveQuery(LiveQuery(caller)) => caller,
        }
    }
}

impl Caller {
    /// On whose behalf a signal is given: a token opens a conversation for its customer, an account's
    /// key speaks for the account unless it says otherwise.
    pub(super) fn speaks(&self, side: Option<SideIn>, name: Option<PersonName>) -> Result<Who> {
        let default = if self.only.is_some() { SideIn::Customer } else { SideIn::Agent };
        let side = side.unwrap_or(default);
        if self.only.is_some() && side != SideIn::Customer {
            return Err(Error::Forbidden("this credential speaks for the customer only"));
        }
        match side {
            SideIn::Customer if name.is_some() => {
                Err(Error::invalid("name", "is for a bot or an agent: contacts have their own"))
            }
            SideIn::Customer => Ok(Who::Customer),
            SideIn::Bot => Ok(Who::Bot(name)),
            SideIn::Agent => Ok(Who::Agent(name)),
        }
    }

    /// A seat for a stream of a conversation.
    ///
    /// # Errors
    /// As [`Readers::seat`](crate::app::conversations::readers::Readers::seat).
    pub(super) fn seat(&self, app: &App, conversation: ConversationId) -> Result<Seat> {
        let (account, token, address) = (self.tenant.account.id, self.token, self.address);
        app.readers.seat(&ReadBy { account, token, address }, Some(conversation))
    }

    /// Under which name a visitor's call is counted and how often it may come; none for an account's
    /// own key.
    pub(super) fn counted(&self, class: Class) -> Option<(String, u32)> {
        let per_minute = class.per_minute(&self.tenant.account.settings.limits);
        Some((self.visit?.counted(class, self.address), per_minute))
    }

    /// The site key that a visitor shows.
    pub(super) fn site(&self) -> Option<KeyId> {
        match self.visit? {
            Visit::Site(key) => Some(key),
            Visit::Conversation(_) => None,
        }
    }

    /// The conversation that a path names, if this caller may know of it.
    pub(super) fn conversation(&self, id: &str) -> Result<ConversationId> {
        const UNKNOWN: Error = Error::NotFound("conversation");
        if id == CURRENT {
            return self.only.ok_or(UNKNOWN);
        }
        let id = id.parse().map_err(|_| UNKNOWN)?;
        match self.only {
            Some(only) if only != id => Err(UNKNOWN),
            _ => Ok(id),
        }
    }
}

/// Looks for a credential and keeps what it opens with the request.
///
/// # Errors
/// [`Error::Forbidden`] for a page that the account does not list, [`Error::RateLimited`] where the
/// account has its share of requests under way.
pub(super) async fn find(app: &App, request: &mut Request) -> Result<()> {
    match credential(app, request) {
        Some(caller) => {
            client::check_origin(request, &caller.tenant)?;
            in_flight::admit(request, caller.tenant.account.id).await?;
            request.set_data(caller);
        }
        // A stranger's body is not waited for.
        None => drop(request.take_body()),
    }
    Ok(())
}

fn credential(app: &App, request: &Request) -> Option<Caller> {
    let own = |kind, key: &str| {
        let (tenant, key) = app.accounts.by_key(kind, key)?;
        let (credential, address) = (Shown::of_key(&tenant, key), Address::of(request));
        Some(Caller { tenant, only: None, token: None, visit: None, address, credential })
    };
    if let Some(key) = request.header("X-AeroChat-API-Key") {
        return own(KeyKind::Aerochat, key);
    }
    if let Some(token) = request.header("x-api-token") {
        return own(KeyKind::Aloochat, token);
    }
    if let Some(visitor) = visitor(app, request) {
        return Some(visitor);
    }
    let bearer = client::bearer(request).map(str::to_owned);
    let token = bearer.or_else(|| client::query(request, "token"))?;
    if token.starts_with(KeyKind::Chataibot.prefix()) {
        return own(KeyKind::Chataibot, &token);
    }
    let digest = secret::sha256(&token);
    let (tenant, token) = app.accounts.by_token(&token)?;
    let credential = Shown::of_token(&tenant, token.key, token.expires_at);
    Some(Caller {
        tenant,
        only: Some(token.conversation),
        token: Some(digest),
        visit: Some(Visit::Conversation(token.conversation)),
        address: Address::of(request),
        credential,
    })
}

/// Who shows a site key and a visitor's token.
fn visitor(app: &App, request: &Request) -> Option<Caller> {
    let given = |header: &str, parameter| {
        let header = request.header(header).map(str::to_owned);
        header.or_else(|| client::query(request, parameter))
    };
    let (key, token) =
        (given("X-Site-Key", "site_key")?, given("X-Visitor-Token", "visitor_token")?);
    let (tenant, key) = app.accounts.by_key(KeyKind::Widget, &key)?;
    let only = Some(visitors::conversation_of(&tenant, &token));
    let credential = Shown::of_key(&tenant, key);
    Some(Caller {
        tenant,
        only,
        token: Some(secret::sha256(&token)),
        visit: Some(Visit::Site(key)),
        address: Address::of(request),
        credential,
    })
}
