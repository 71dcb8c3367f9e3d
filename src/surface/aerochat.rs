//! AeroChat, `/bot/v1` (seed 000): messages in, replies out, for another server.
//!
//! *Choices*, where the seed says nothing: `message_id` in the answer is the inbound message's;
//! times have whole seconds, as in all its examples; `page` starts at 1 and `limit` is 1 to 100;
//! unknown JSON fields are ignored; validation is 400 and names every faulty field in one
//! sentence; a stopped turn answers with its partial text; an empty `contact` changes nothing;
//! `Idempotency-Key` waits for the first request with the key and then answers as it did; another
//! body under the same key is 400; bodies over 256 KiB are 413 like messages that are too long.

mod contacts;
mod error;
mod history;
mod messages;
mod wire;

use std::sync::Arc;

use poem::{Endpoint, EndpointExt, Request, Response};
use poem_openapi::auth::ApiKey;
use poem_openapi::{OpenApi, OpenApiService, SecurityScheme, Tags};

use super::allowed_methods::Table;
use super::event_stream;
use super::refusals::{BODY_DEADLINE, Dressed, MAX_JSON_BYTES};
use super::server_key::{Account, Keyed};
use crate::app::App;
use crate::domain::Error;
use crate::domain::account::KeyKind;
use crate::server::body::limit_body;

/// The header that carries the key.
const KEY_HEADER: &str = "X-AeroChat-API-Key";

/// Your account's key; keep it on your server.
#[derive(SecurityScheme)]
#[oai(ty = "api_key", key_name = "X-AeroChat-API-Key", key_in = "header", checker = "caller")]
struct Key(Account);

async fn caller(request: &Request, _: ApiKey) -> Option<Account> {
    Account::of(request)
}

/// The chapters of the document.
#[derive(Tags)]
enum Tag {
    /// Say something, and read what was said.
    Messages,
    /// The people who chat with your bot.
    Contacts,
}

/// The service and its document.
pub fn service() -> OpenApiService<impl OpenApi, ()> {
    let apis = (messages::Messages, contacts::Contacts);
    OpenApiService::new(apis, "AeroChat", env!("CARGO_PKG_VERSION"))
        .description(
            "Drive conversations from your server: send a customer's message, get the bot's reply, \
             read contacts and histories. Errors are `{\"detail\":{\"type\",\"message\"}}`. The \
             same ids appear on the live surface and in events.",
        )
        .url_prefix("/bot/v1")
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
    let keyed = Keyed {
        app: app.clone(),
        api: Dressed::new(api, error::costume, allow),
        kind: KeyKind::Aerochat,
        shown: |request| request.header(KEY_HEADER),
        limit: |_, settings, key| Some((key.to_string(), settings.aerochat_per_minute?)),
        stranger: None,
        costume: error::costume,
    };
    event_stream::Led { inner: keyed, streams: |path| path == "/conversations/messages" }
}
