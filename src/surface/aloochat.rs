//! Aloo, `/api/v1/chat` with `x-api-token` (seed 004): conversations with AI agents, streamed.
//!
//! *Choices*, where the seed says nothing: an agent is a bot and a deployment one of its versions;
//! a conversation is made with 201; `agent_id`, `deployment_id` and `title` may be left out; `status`
//! is `active`, `escalated` or `resolved`; times have milliseconds; a turn that people will answer
//! has an empty `agent_response_text` unless the bot said something first; where the bot failed and
//! nobody can take over, the answer is 500, and `error` on a stream; so it is on a stream whose reply
//! broke off and goes to a person, since what was shown of it is not kept; a stream is resumed with
//! the `Last-Event-ID` it gave, or from its beginning with `conversation_id`; `response_time_ms` is
//! from the message to its answer as both are stored, the same whenever it is asked for; a
//! conversation that people answer is not made `active` (409): it would have to be taken from them.

mod agent;
mod agent_key;
mod audio;
mod conversations;
mod error;
mod form;
mod stream;
mod wire;

pub use agent_key::agent_key;

use std::sync::Arc;

use poem::http::Method;
use poem::{Endpoint, EndpointExt, Request, Response};
use poem_openapi::auth::ApiKey;
use poem_openapi::{OpenApi, OpenApiService, SecurityScheme, Tags};

use super::account_limits::Limit;
use super::allowed_methods::Table;
use super::refusals::{BODY_DEADLINE, Dressed, MAX_JSON_BYTES};
use super::server_key::{Account, Keyed};
use crate::app::App;
use crate::domain::Error;
use crate::domain::account::{KeyKind, Limits};
use crate::server::body::limit_body;

/// The header that carries the token.
pub(super) const TOKEN_HEADER: &str = "x-api-token";

/// Those that an account may set.
pub(super) static LIMITS: [Limit; 3] = [
    Limit::new("aloochat_manage", 100),
    Limit::new("aloochat_chat", 60),
    Limit::new("aloochat_stream", 30),
];

/// Your account's token; keep it on your server.
#[derive(SecurityScheme)]
#[oai(ty = "api_key", key_name = "x-api-token", key_in = "header", checker = "caller")]
struct Token(Account);

async fn caller(request: &Request, _: ApiKey) -> Option<Account> {
    Account::of(request)
}

/// The chapters of the document.
#[derive(Tags)]
enum Tag {
    /// Conversations and their histories.
    Conversations,
    /// Ask an agent, and have the answer whole or as a stream.
    Agents,
}

/// The service and its document.
pub fn service() -> OpenApiService<impl OpenApi, ()> {
    let apis = (conversations::Conversations, agent::Agent);
    OpenApiService::new(apis, "Aloo chat", env!("CARGO_PKG_VERSION"))
        .description(
            "Conversations with AI agents: manage them, chat, stream the reply as server-sent \
             events, in text and audio. Errors are `{\"error\",\"message\",\"statusCode\"}`. The \
             same path serves the chat widget for requests with a site key.",
        )
        .url_prefix("/api/v1/chat")
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
    // Forms have limits of their own: they may bring audio.
    let api = service.with(limit_body(MAX_JSON_BYTES, BODY_DEADLINE).except(form::is_form));
    Keyed {
        app: app.clone(),
        api: Dressed::new(api, error::costume, allow),
        kind: KeyKind::Aloochat,
        shown: |request| request.header(TOKEN_HEADER),
        limit: |request, settings, key| {
            let (class, limit) = class(request, &settings.limits);
            Some((format!("aloochat {class} {key}"), limit?))
        },
        stranger: Some("the x-api-token header is missing or not valid"),
        costume: error::costume,
    }
}

fn class(request: &Request, limits: &Limits) -> (&'static str, Option<u32>) {
    let [manage, chat, stream] = &LIMITS;
    let path = request.uri().path();
    if path.ends_with("/agent/chat") && request.method() == Method::POST {
        ("chat", chat.of(limits))
    } else if path.contains("/agent/stream") {
        ("stream", stream.of(limits))
    } else {
        ("manage", manage.of(limits))
    }
}
