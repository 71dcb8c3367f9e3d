//! Live, `/live/v1`: ours, for what no seed defines. The feed over SSE, WebSocket and JSON; send,
//! stop, typing, read; tokens for browsers.
//!
//! *Choices*: errors are `{"error":{"type","message","fields"?}}`; a live token opens the
//! operations of its one conversation, also called `current`, and nothing else, and says
//! `not_found` for others; pages may use it that the account lists in `allowed_origins`; `send`
//! answers 201 when the message is kept and does not wait for the reply, which comes on the feed;
//! `stop` answers whether there was a reply to stop.

mod caller;
mod conversations;
mod error;
mod files;
mod limits;
mod messages;
mod signals;
mod socket;
mod streams;
mod tokens;
mod wire;

use std::sync::Arc;

use poem::{Endpoint, EndpointExt, Request, Response, Route};
use poem_openapi::{OpenApi, OpenApiService, Tags};

use super::allowed_methods::Table;
use super::refusals::{BODY_DEADLINE, Dressed, MAX_JSON_BYTES};
use super::{client, event_stream};
use crate::app::App;
use crate::server::body::limit_body;

/// The chapters of the document.
#[derive(Tags)]
enum Tag {
    /// Where a conversation stands, now or at a time.
    Conversations,
    /// What happens in a conversation, as a stream or as pages.
    Feed,
    /// Say something.
    Messages,
    /// Stop, typing, read.
    Signals,
    /// What a browser may hold.
    Tokens,
    /// Files of messages.
    Files,
}

/// The service and its document.
pub fn service() -> OpenApiService<impl OpenApi, ()> {
    let apis = (
        conversations::Conversations,
        streams::Streams,
        messages::Messages,
        signals::Signals,
        tokens::Tokens,
        files::Files,
    );
    OpenApiService::new(apis, "Live", env!("CARGO_PKG_VERSION"))
        .description(
            "The live feed of a conversation: every event once and every character of a reply \
             once, in order, resumable at any frame. The frames and the WebSocket at \
             `/live/v1/ws` are described in `asyncapi.yaml`.",
        )
        .url_prefix("/live/v1")
        .server("/")
}

/// A failure that comes before the surface is there, dressed as its own.
pub(super) fn refusal(error: crate::domain::Error) -> Response {
    error::costume(error)
}

/// The surface, dressed.
pub fn endpoint(app: &Arc<App>) -> impl Endpoint<Output = Response> + use<> {
    let service = service();
    let allow = Table::of_document(&service.spec());
    let routes = Route::new().at("/ws", poem::get(socket::open)).nest("/", service);
    let app = app.clone();
    let api = routes.with(limit_body(MAX_JSON_BYTES, BODY_DEADLINE)).map_to_response().around(
        move |api, mut request: Request| {
            event_stream::lead_to_stream(&mut request, |path| path.ends_with("/messages"));
            let app = app.clone();
            async move {
                match caller::find(&app, &mut request).await {
                    Ok(()) => limits::metered(&app, &api, request).await,
                    Err(error) => Ok(error::costume(error)),
                }
            }
        },
    );
    Dressed::new(api, error::costume, allow)
        .around(async |api, request: Request| client::answer_pages(&*api, request).await)
}

/// Names a result as poem-openapi's handlers need it.
type Answer<T> = std::result::Result<T, error::Failure>;
