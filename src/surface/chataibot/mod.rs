//! ChatAIBot, `/api/v1/conversations` and `/api/v1/conversation/{id}/messages` (seed 002): a bot's
//! flow behind somebody else's own widget.
//!
//! *Choices*, where the seed says nothing: the reply comes on the live feed, at `live_url`, which
//! carries a token for a day; all faulty fields are named in one sentence; `channel`, `from.type`
//! and `user.type` may be left out; variables are texts, numbers or booleans, and are kept as text,
//! the first 1,000 characters of it; null is an empty text;
//! `contact.name`, `contact.email` and `contact.phone` are the contact's own and change it; a
//! `file` is an http(s) URL; a message that is too long is 413.

mod conversations;
mod error;
mod wire;

use std::sync::Arc;

use poem::{Endpoint, EndpointExt, Request, Response, Result};
use poem_openapi::auth::Bearer;
use poem_openapi::{OpenApi, OpenApiService, SecurityScheme, Tags};

use super::allow::Table;
use super::dress::{BODY_DEADLINE, Dressed, MAX_JSON_BYTES};
use super::{client, in_flight, limited};
use crate::app::App;
use crate::app::accounts::Tenant;
use crate::domain::Error;
use crate::domain::account::KeyKind;
use crate::domain::ids::KeyId;
use crate::server::body::limit_body;

/// Who calls: found before anything else is looked at.
#[derive(Clone)]
struct Account(Arc<Tenant>, KeyId);

/// Your account's token; keep it on your server.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", checker = "caller")]
struct Token(Account);

async fn caller(request: &Request, _: Bearer) -> Option<Account> {
    request.data::<Account>().cloned()
}

impl Token {
    fn tenant(&self) -> &Tenant {
        &self.0.0
    }

    /// The token's id.
    fn id(&self) -> KeyId {
        self.0.1
    }
}

/// The chapters of the document.
#[derive(Tags)]
enum Tag {
    /// A conversation with a deployed bot.
    Conversations,
}

/// The service and its document.
pub fn service() -> OpenApiService<impl OpenApi, ()> {
    OpenApiService::new(conversations::Conversations, "ChatAIBot", env!("CARGO_PKG_VERSION"))
        .description(
            "Use the chatbot logic with your own chat widget: start a conversation with a deployed \
             bot, send what the visitor answers. What the bot says comes on the live feed. Errors \
             are `{\"ok\":false,\"error\":{\"code\",\"message\"}}`.",
        )
        .url_prefix("/api/v1")
        .server("/")
}

/// A failure that comes before the surface is there, dressed as its own.
pub(super) fn refusal(error: Error) -> Response {
    error::costume(error)
}

/// The surface, dressed.
pub fn endpoint(app: &Arc<App>) -> impl Endpoint<Output = Response> + use<> {
    let service = service();
    let allow = Table::of_document(&service.spec());
    let app = app.clone();
    let api = service.with(limit_body(MAX_JSON_BYTES, BODY_DEADLINE));
    let dressed = Dressed::new(api, error::costume, allow);
    dressed.around(move |api, request| {
        let app = app.clone();
        async move { metered(&app, &api, request).await }
    })
}

/// Finds the caller and counts the call against the account's limit, if it has one.
async fn metered<E>(app: &App, api: &E, mut request: Request) -> Result<Response>
where
    E: Endpoint<Output = Response>,
{
    let found =
        client::bearer(&request).and_then(|token| app.accounts.by_key(KeyKind::Chataibot, token));
    let Some((tenant, key)) = found else {
        // A stranger's body is not waited for.
        request.take_body();
        return api.call(request).await;
    };
    let limit = tenant.account.settings.limits.chataibot;
    if let Err(refused) = in_flight::admit(&mut request, tenant.account.id).await {
        return Ok(error::costume(refused));
    }
    request.set_data(Account(tenant, key));
    let Some(limit) = limit else { return api.call(request).await };
    let caller = format!("chataibot {key}");
    limited::counted(app, api, request, caller, limit, error::costume).await
}
