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

use std::future::ready;
use std::sync::Arc;

use futures_util::future::Either;
use poem::http::Method;
use poem::{Endpoint, EndpointExt, Request, Response, Result};
use poem_openapi::auth::ApiKey;
use poem_openapi::{OpenApi, OpenApiService, SecurityScheme, Tags};

use super::allow::Table;
use super::dress::{BODY_DEADLINE, Dressed, MAX_JSON_BYTES};
use super::{in_flight, limited};
use crate::app::App;
use crate::app::accounts::Tenant;
use crate::app::accounts::credentials::Credential;
use crate::domain::Error;
use crate::domain::account::{KeyKind, Limits};
use crate::domain::ids::KeyId;
use crate::server::body::limit_body;

/// The header that carries the token.
pub(super) const TOKEN_HEADER: &str = "x-api-token";

/// The documented requests per minute.
const MANAGE: u32 = 100;
const CHAT: u32 = 60;
const STREAM: u32 = 30;

/// Who calls: found before anything else is looked at.
#[derive(Clone)]
struct Account(Arc<Tenant>, KeyId);

/// Your account's token; keep it on your server.
#[derive(SecurityScheme)]
#[oai(ty = "api_key", key_name = "x-api-token", key_in = "header", checker = "caller")]
struct Token(Account);

async fn caller(request: &Request, _: ApiKey) -> Option<Account> {
    request.data::<Account>().cloned()
}

impl Token {
    fn tenant(&self) -> &Arc<Tenant> {
        &self.0.0
    }

    /// As what a stream that it opens ends with.
    fn credential(&self) -> Credential {
        Credential::of_key(&self.0.0, self.0.1)
    }
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
    Metered { app: app.clone(), api: Dressed::new(api, error::costume, allow) }
}

/// Finds the caller and counts the call, by what is asked for.
struct Metered<E> {
    app: Arc<App>,
    api: E,
}

impl<E: Endpoint<Output = Response>> Endpoint for Metered<E> {
    type Output = Response;

    // Not an `async fn`: that would keep the request beside the call that it goes to.
    fn call(&self, mut request: Request) -> impl Future<Output = Result<Response>> + Send {
        let Self { app, api } = self;
        let token = request.header(TOKEN_HEADER);
        let found = token.and_then(|token| app.accounts.by_key(KeyKind::Aloochat, token));
        let Some((tenant, key)) = found else {
            // A stranger's body is not waited for.
            request.take_body();
            let problem = "the x-api-token header is missing or not valid";
            return Either::Left(ready(Ok(error::costume(Error::Unauthorized(problem)))));
        };
        let account = tenant.account.id;
        Either::Right(in_flight::admitted(request, account, error::costume, move |mut request| {
            let (class, limit) = class(&request, &tenant.account.settings.limits);
            request.set_data(Account(tenant, key));
            let limit = (format!("aloochat {class} {key}"), limit);
            limited::counted(app, api, request, Some(limit), error::costume)
        }))
    }
}

fn class(request: &Request, limits: &Limits) -> (&'static str, u32) {
    let path = request.uri().path();
    if path.ends_with("/agent/chat") && request.method() == Method::POST {
        ("chat", limits.aloochat_chat.unwrap_or(CHAT))
    } else if path.contains("/agent/stream") {
        ("stream", limits.aloochat_stream.unwrap_or(STREAM))
    } else {
        ("manage", limits.aloochat_manage.unwrap_or(MANAGE))
    }
}
