//! The widget, `/api/v1/chat` with a site key (seed 003): what a page's visitors may do.
//!
//! *Choices*, where the seed says nothing: the times of a conversation's messages only grow, by a
//! millisecond at least, so that `since` loses nothing and repeats nothing; a message's
//! `activity_id` is its place in the log; malformed JSON is 400; an unlisted page gets 403 `Origin
//! not allowed`; with `Prefer: respond-async` (RFC 7240) a conversation is answered before its
//! bot is, and `auto_reply` is null, as it is when the bot takes longer than ten seconds; a live
//! token is taken as the visitor token of its conversation; `Idempotency-Key` as elsewhere; a visitor
//! who was not asked for name and e-mail is `anonymous`, and may tell them with a later reply.

mod conversations;
mod error;
mod files;
mod history;
mod limits;
mod visitor;
mod wire;

use std::sync::Arc;

use limits::Metered;
use poem::{Endpoint, EndpointExt, Response};
use poem_openapi::{OpenApi, OpenApiService, Tags};

pub(super) use visitor::shown as site_key;

use super::allowed_methods::Table;
use super::refusals::{BODY_DEADLINE, Dressed, MAX_JSON_BYTES};
use crate::app::App;
use crate::domain::Error;
use crate::server::body::limit_body;

/// The chapters of the document.
#[derive(Tags)]
enum Tag {
    /// A visitor's conversation.
    Conversations,
    /// Files that visitors send and get.
    Files,
}

/// The service and its document.
pub fn service() -> OpenApiService<impl OpenApi, ()> {
    let apis = (conversations::Conversations, files::Files);
    OpenApiService::new(apis, "Chat widget", env!("CARGO_PKG_VERSION"))
        .description(
            "Power the chat widget: a visitor's conversation, opened by the site key and a token of \
             the visitor's own making. Errors are `{\"error\": \"…\"}`. The same path serves Aloo's \
             API for requests with `x-api-token`.",
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
    // Uploads have limits of their own.
    let api = service.with(limit_body(MAX_JSON_BYTES, BODY_DEADLINE).except(files::is_upload));
    Metered { app: app.clone(), api: Dressed::new(api, error::costume, allow) }
}
