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

use futures_util::future::Either;
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
    let api = service.with(limit_body(MAX_JSON_BYTES, BODY_DEADLINE));
    Metered { app: app.clone(), api: Dressed::new(api, error::costume, allow) }
}

/// Finds the caller and counts the call against the account's limit, if it has one.
struct Metered<E> {
    app: Arc<App>,
    api: E,
}

impl<E: Endpoint<Output = Response>> Endpoint for Metered<E> {
    type Output = Response;

    // Not an `async fn`: that would keep the request beside the call that it goes to.
    fn call(&self, mut request: Request) -> impl Future<Output = Result<Response>> + Send {
        let Self { app, api } = self;
        let token = client::bearer(&request);
        let found = token.and_then(|token| app.accounts.by_key(KeyKind::Chataibot, token));
        let Some((tenant, key)) = found else {
            // A stranger's body is not waited for.
            request.take_body();
            return Either::Left(api.call(request));
        };
        let (account, limit) = (tenant.account.id, tenant.account.settings.limits.chataibot);
        Either::Right(in_flight::admitted(request, account, error::costume, move |mut request| {
            request.set_data(Account(tenant, key));
            let limit = limit.map(|limit| (format!("chataibot {key}"), limit));
            limited::counted(app, api, request, limit, error::costume)
        }))
    }
}
