//! Sending on the live surface.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use poem::web::Data;
use poem_openapi::param::{Header, Path};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi, ResponseContent};

use super::Answer;
use super::caller::{Caller, Credential};
use super::streams::end_of;
use super::wire::{MessageIn, SentOut};
use crate::app::App;
use crate::app::send_message::{SendMessage, Sent, To, send_message};
use crate::app::turn_feed::{Step, TurnFeed};
use crate::domain::Result;
use crate::domain::ids::ConversationId;
use crate::domain::message::Channel;
use crate::domain::text::MessageText;
use crate::surface::event_stream::{self, EventStream};
use crate::surface::key::IdempotencyKey;

pub(super) struct Messages;

#[derive(ResponseContent)]
enum SentContent {
    Json(Json<SentOut>),
    /// The frames of the message's turn, ending after what ends it.
    Stream(EventStream),
}

#[derive(ApiResponse)]
enum SentResponse {
    /// The message is kept; its answer comes on the feed.
    #[oai(status = 201)]
    Sent(SentContent),
}

#[OpenApi]
impl Messages {
    /// Send a message
    ///
    /// The answer comes on the feed; with `Accept: text/event-stream` the turn's own frames are
    /// the response.
    #[oai(
        path = "/conversations/:id/messages",
        method = "post",
        operation_id = "send_live_message"
    )]
    async fn send_live_message(
        &self,
        credential: Credential,
        app: Data<&Arc<App>>,
        id: Path<String>,
        /// The same key within 24 hours sends the message once.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: IdempotencyKey,
        /// `application/json` (the default) or `text/event-stream`.
        #[oai(name = "Accept")]
        accept: Header<Option<String>>,
        body: Json<MessageIn>,
    ) -> Answer<SentResponse> {
        let caller = credential.caller();
        let id = caller.conversation(&id.0)?;
        let text = MessageText::try_from(body.0)?;
        let sent = send(&app, caller, id, text, idempotency_key.given_to("live")?).await?;
        let content = if event_stream::is_wanted(accept.0.as_deref()) {
            SentContent::Stream(EventStream::new(turn(&app, caller, sent).await?))
        } else {
            SentContent::Json(Json(SentOut::from(&sent)))
        };
        Ok(SentResponse::Sent(content))
    }
}

/// Sends a message to a conversation that exists; its reply is streamed to whoever follows.
pub(super) async fn send(
    app: &Arc<App>,
    caller: &Caller,
    conversation: ConversationId,
    text: MessageText,
    idempotency_key: Option<(&'static str, String)>,
) -> Result<Sent> {
    let command = SendMessage {
        idempotency_key,
        streaming: true,
        ..SendMessage::new(To::Conversation(conversation), text, Channel::Web)
    };
    send_message(app, &caller.tenant, command).await
}

/// The frames of one turn: those of other replies are left out. They end with the caller's token.
async fn turn(
    app: &Arc<App>,
    caller: &Caller,
    sent: Sent,
) -> Result<impl Stream<Item = Bytes> + Send + 'static + use<>> {
    let feed = TurnFeed::open(app, caller.tenant.account.id, sent).await?;
    let end = end_of(caller);
    let frames = stream::unfold(feed, move |mut feed| async move {
        let step = tokio::time::timeout_at(end, feed.next()).await.ok().flatten()?;
        let frame = match step {
            Step::Reply(frame) | Step::Typing(frame) | Step::Resume(frame) => frame,
            Step::Ended { frame, .. } => frame?,
        };
        let (id, name) = (frame.id.to_string(), frame.content.name);
        Some((event_stream::event(&id, name, &frame.to_json()), feed))
    });
    Ok(stream::iter([event_stream::opening()]).chain(frames))
}
