//! Sending on the live surface.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::Answer;
use super::caller::{Caller, Credential};
use super::wire::{MessageIn, SentOut};
use crate::app::App;
use crate::app::conversations::readers::Seat;
use crate::app::messages::send::{SendMessage, Sent, To, send_message};
use crate::app::turn::feed::{FeedItem, TurnFeed};
use crate::domain::Result;
use crate::domain::ids::ConversationId;
use crate::domain::message::Channel;
use crate::domain::text::MessageText;
use crate::server::seldom::Seldom;
use crate::surface::event_stream::{self, EventStream};
use crate::surface::idempotency_key::IdempotencyKey;

pub(super) struct Messages;

#[derive(ApiResponse)]
enum SentResponse {
    /// The message is kept; its answer comes on the feed.
    #[oai(status = 201)]
    Sent(Json<SentOut>),
}

#[derive(ApiResponse)]
enum Streamed {
    /// The message is kept: the frames of its turn, ending after what ends it.
    #[oai(status = 201)]
    Turn(EventStream),
}

#[OpenApi(tag = "super::Tag::Messages")]
impl Messages {
    /// Send a message
    ///
    /// The answer comes on the feed. With `Accept: text/event-stream` it answers as
    /// `…/messages/stream` does.
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
        body: Json<MessageIn>,
    ) -> Answer<SentResponse> {
        let caller = credential.caller();
        let id = caller.conversation(&id.0)?;
        let text = MessageText::try_from(body.0)?;
        let sent = send(&app, caller, id, text, idempotency_key.given_to("live")?).await?;
        Ok(SentResponse::Sent(Json(SentOut::from(&sent))))
    }

    /// Send a message and stream its turn
    ///
    /// The same message, answered with the frames of its own turn as server-sent events.
    #[oai(
        path = "/conversations/:id/messages/stream",
        method = "post",
        operation_id = "stream_live_message"
    )]
    async fn stream_live_message(
        &self,
        credential: Credential,
        app: Data<&Arc<App>>,
        id: Path<String>,
        /// The same key within 24 hours sends the message once and streams the same turn.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: IdempotencyKey,
        body: Json<MessageIn>,
    ) -> Answer<Streamed> {
        let caller = credential.caller();
        let id = caller.conversation(&id.0)?;
        let text = MessageText::try_from(body.0)?;
        let seat = caller.seat(&app, id)?;
        let sent = send(&app, caller, id, text, idempotency_key.given_to("live")?).await?;
        Ok(Streamed::Turn(EventStream::new(turn(&app, caller, sent, seat).await?)))
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

/// The frames of one turn: those of other replies are left out. They end with what the caller has shown.
async fn turn(
    app: &Arc<App>,
    caller: &Caller,
    sent: Sent,
    seat: Seat,
) -> Result<impl Stream<Item = Bytes> + Send + 'static + use<>> {
    let feed = TurnFeed::open(app, caller.tenant.account.id, sent).await?;
    let frames = stream::unfold((feed, seat), move |(mut feed, seat)| async move {
        let frame = match feed.next().await? {
            FeedItem::Reply(frame) | FeedItem::Typing(frame) | FeedItem::Resume(frame) => frame,
            FeedItem::Ended { frame, .. } => frame?,
        };
        Some((super::streams::event(&frame), (feed, seat)))
    });
    let frames = stream::iter([event_stream::opening()]).chain(frames);
    Ok(frames.take_until(Box::pin(Seldom::new(caller.credential.ended(&app.accounts)))))
}
