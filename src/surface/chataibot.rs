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

use poem::{Endpoint, EndpointExt, Request, Response};
use poem_openapi::auth::Bearer;
use poem_openapi::{OpenApi, OpenApiService, SecurityScheme, Tags};

use super::account_limits::Limit;
use super::allowed_methods::Table;
use super::client;
use super::refusals::{BODY_DEADLINE, Dressed, MAX_JSON_BYTES};
use super::server_key::{Account, Keyed};
use crate::app::App;
use crate::domain::Error;
use crate::domain::account::KeyKind;
use crate::server::body::limit_body;

/// Your account's token; keep it on your server.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", checker = "caller")]
struct Token(Account);

async fn caller(request: &Request, _: Bearer) -> Option<Account> {
    Account::of(request)
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

/// Those that an account may set.
pub(super) static LIMITS: [Limit; 1] = [Limit { name: "chataibot", default: None }];

/// A failure that comes before the surface is there, dressed as its own.
pub(super) fn refusal(error: Error) -> Response {
    error::costume(error)
}

/// The surface, dressed.
pub fn endpoint(app: &Arc<App>) -> impl Endpoint<Output = Response> + use<> {
    let service = service();
    let allow = Table::of_document(&service.spec());
    let api = service.with(limit_body(MAX_JSON_BYTES, BODY_DEADLINE));
    Keyed {
        app: app.clone(),
        api: Dressed::new(api, error::costume, allow),
        kind: KeyKind::Chataibot,
        shown: client::bearer,
        limit: |_, settings, key| {
            let [all] = &LIMITS;
            Some((format!("chataibot {key}"), all.of(&settings.limits)?))
        },
        stranger: None,
        costume: error::costume,
    }
}
