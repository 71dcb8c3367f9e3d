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

use futures_util::future::Either;
use poem::{Endpoint, EndpointExt, Request, Response, Result};
use poem_openapi::auth::ApiKey;
use poem_openapi::{OpenApi, OpenApiService, SecurityScheme, Tags};

use super::allow::Table;
use super::dress::{BODY_DEADLINE, Dressed, MAX_JSON_BYTES};
use super::{event_stream, in_flight, limited};
use crate::app::App;
use crate::app::accounts::Tenant;
use crate::app::accounts::credentials::Credential;
use crate::domain::Error;
use crate::domain::account::KeyKind;
use crate::domain::ids::KeyId;
use crate::server::body::limit_body;

/// The header that carries the key.
const KEY_HEADER: &str = "X-AeroChat-API-Key";

/// Who calls: found before anything else is looked at.
#[derive(Clone)]
struct Account(Arc<Tenant>, KeyId);

/// Your account's key; keep it on your server.
#[derive(SecurityScheme)]
#[oai(ty = "api_key", key_name = "X-AeroChat-API-Key", key_in = "header", checker = "caller")]
struct Key(Account);

async fn caller(request: &Request, _: ApiKey) -> Option<Account> {
    request.data::<Account>().cloned()
}

impl Key {
    fn tenant(&self) -> &Tenant {
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
        event_stream::lead_to_stream(&mut request, |path| path == "/conversations/messages");
        let key = request.headers().get(KEY_HEADER).and_then(|key| key.to_str().ok());
        let found = key.and_then(|key| app.accounts.by_key(KeyKind::Aerochat, key));
        let Some((tenant, key)) = found else {
            // A stranger's body is not waited for.
            request.take_body();
            return Either::Left(api.call(request));
        };
        let (account, limit) = (tenant.account.id, tenant.account.settings.aerochat_per_minute);
        Either::Right(in_flight::admitted(request, account, error::costume, move |mut request| {
            request.set_data(Account(tenant, key));
            let limit = limit.map(|limit| (key.to_string(), limit));
            limited::counted(app, api, request, limit, error::costume)
        }))
    }
}
