//! *Send a message* and *Get a conversation's messages*.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use serde_json::json;

use super::Key;
use super::error::Failure;
use super::history::Written;
use super::wire::{Asked, MessagesOut, SendMessageIn, SentOut};
use crate::app::App;
use crate::app::accounts::Tenant;
use crate::app::conversations::read;
use crate::app::conversations::readers::{ReadBy, Seat};
use crate::app::messages::send::{Opening, SendMessage, Sent, To, send_message};
use crate::app::turn::feed::{FeedItem, TurnFeed};
use crate::app::turn::outcome::await_outcome;
use crate::domain::ids::AccountId;
use crate::domain::message::Channel;
use crate::domain::turn::Outcome;
use crate::domain::{Error, Result};
use crate::live::frame::Kind;
use crate::server::seldom::Seldom;
use crate::surface::client::Address;
use crate::surface::event_stream::{self, EventStream};
use crate::surface::fields::Number;
use crate::surface::idempotency_key::IdempotencyKey;
use crate::surface::json_answer::{Direct, DirectAs};

pub(super) struct Messages;

#[derive(ApiResponse)]
enum SentResponse {
    /// The message is kept; `status` says who answers.
    #[oai(status = 200)]
    Sent(Direct<SentOut>),
}

#[derive(ApiResponse)]
enum Streamed {
    /// `start`, then `chunk`s `{"text"}`, then `end` with the whole answer; every `id` resumes on
    /// the live surface.
    #[oai(status = 200)]
    Turn(EventStream),
}

#[derive(ApiResponse)]
enum Listed {
    /// One page of the history.
    #[oai(status = 200)]
    Messages(DirectAs<Written, MessagesOut>),
}

#[OpenApi(tag = "super::Tag::Messages")]
impl Messages {
    /// Send a message
    ///
    /// Sends a customer's message and answers with the bot's reply. With `Accept:
    /// text/event-stream` it answers as `/bot/v1/conversations/messages/stream` does.
    #[oai(path = "/conversations/messages", method = "post", operation_id = "send_message")]
    async fn send_message(
        &self,
        key: Key,
        app: Data<&Arc<App>>,
        /// The same key within 24 hours sends the message once and answers the same.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: IdempotencyKey,
        body: Json<SendMessageIn>,
    ) -> std::result::Result<SentResponse, Failure> {
        let asked = Asked::try_from(body.0)?;
        let sent = send(&app, key.0.tenant(), asked, idempotency_key, false).await?;
        let outcome = match sent.outcome.clone() {
            Some(outcome) => outcome,
            None => Box::pin(await_outcome(&app, key.0.tenant().account.id, &sent)).await?,
        };
        Ok(SentResponse::Sent(Direct(SentOut::new(&sent, outcome))))
    }

    /// Send a message and stream the reply
    ///
    /// The same message, answered with server-sent events: the reply as it is made.
    #[oai(
        path = "/conversations/messages/stream",
        method = "post",
        operation_id = "stream_message"
    )]
    async fn stream_message(
        &self,
        key: Key,
        app: Data<&Arc<App>>,
        /// The same key within 24 hours sends the message once and streams the same turn.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: IdempotencyKey,
        address: Data<&Address>,
        body: Json<SendMessageIn>,
    ) -> std::result::Result<Streamed, Failure> {
        let account = key.0.tenant().account.id;
        let asked = Asked::try_from(body.0)?;
        let conversation = asked.conversation.as_ref().and_then(|id| id.parse().ok());
        let by = ReadBy { account, token: None, address: address.0.0 };
        let seat = app.readers.seat(&by, conversation)?;
        let sent = send(&app, key.0.tenant(), asked, idempotency_key, true).await?;
        let turn = stream_turn(&app, account, sent, seat).await?;
        let turn = turn.take_until(Box::pin(Seldom::new(key.0.credential().ended(&app.accounts))));
        Ok(Streamed::Turn(EventStream::new(turn)))
    }

    /// Get a conversation's messages
    ///
    /// Oldest first, in pages.
    #[oai(
        path = "/conversations/:conversation_id/messages",
        method = "get",
        operation_id = "list_messages"
    )]
    async fn list_messages(
        &self,
        key: Key,
        app: Data<&Arc<App>>,
        /// `cv_…`
        conversation_id: Path<String>,
        /// From 1.
        page: Query<Option<Number<1, { u64::MAX }>>>,
        /// Messages per page, 1 to 100.
        limit: Query<Option<Number<1, 100>>>,
    ) -> std::result::Result<Listed, Failure> {
        let mut faults = Vec::new();
        let page = Number::read(page.0, "page", 1, &mut faults);
        let limit = Number::read(limit.0, "limit", 50, &mut faults);
        if !faults.is_empty() {
            return Err(Error::Invalid(faults).into());
        }
        let id = conversation_id.0.parse().map_err(|_| Error::NotFound("conversation"))?;
        let skip = (page - 1).saturating_mul(limit);
        let account = key.0.tenant().account.id;
        let size = usize::try_from(limit).unwrap_or(100);
        let found = read::messages(&app, account, id, skip, size).await?;
        let written = Written::new(found, page, limit);
        let room = written.bytes();
        Ok(Listed::Messages(DirectAs::new(written, room)))
    }
}

async fn send(
    app: &Arc<App>,
    tenant: &Tenant,
    asked: Asked,
    idempotency_key: IdempotencyKey,
    streaming: bool,
) -> Result<Sent> {
    let idempotency_key = idempotency_key.given_to("aerochat")?;
    let to = match asked.conversation {
        Some(id) => To::Conversation(id.parse().map_err(|_| Error::NotFound("conversation"))?),
        None => To::New(Opening::default()),
    };
    let command = SendMessage {
        contact: asked.contact,
        idempotency_key,
        streaming,
        ..SendMessage::new(to, asked.text, Channel::Api)
    };
    send_message(app, tenant, command).await
}

/// `start`, `chunk`s and `end`, each with a cursor of the live surface as its id.
async fn stream_turn(
    app: &Arc<App>,
    account: AccountId,
    sent: Sent,
    seat: Seat,
) -> Result<impl Stream<Item = Bytes> + Send + 'static> {
    let start = json!({
        "conversation_id": sent.conversation,
        "contact_id": sent.contact,
        "message_id": sent.message,
    });
    let start = event_stream::event(&sent.cursor.to_string(), "start", &start.to_string());
    let feed = TurnFeed::open(app, account, sent).await?;
    let rest = stream::unfold((feed, false, seat), |(mut feed, mut shown, seat)| async move {
        let events = next_events(&mut feed, &mut shown).await?;
        Some((stream::iter(events), (feed, shown, seat)))
    });
    Ok(stream::iter([event_stream::opening(), start]).chain(rest.flatten()))
}

/// The next event; two where the reply was kept before any of it could be `shown`.
async fn next_events(feed: &mut TurnFeed, shown: &mut bool) -> Option<Vec<Bytes>> {
    loop {
        match feed.next().await? {
            FeedItem::Reply(frame) => {
                let id = frame.id.to_string();
                if frame.content.kind == Kind::ReplyRestarted {
                    return Some(vec![event_stream::event(&id, "restart", "{}")]);
                }
                if let Some(text) = &frame.content.chunk {
                    *shown = true;
                    let text = json!({ "text": text });
                    return Some(vec![event_stream::event(&id, "chunk", &text.to_string())]);
                }
            }
            FeedItem::Typing(_) => {}
            // This protocol has no way to ask its client back: a slow reader is followed on from
            // where it stands. Only a server that goes away ends the stream.
            FeedItem::Resume(frame) => {
                if !feed.go_on(frame.id).await {
                    let id = frame.id.to_string();
                    return Some(vec![event_stream::event(&id, "resume", "{}")]);
                }
            }
            FeedItem::Ended { frame, ending } => {
                let sent = feed.sent();
                let id = frame.map_or(sent.cursor, |frame| frame.id).to_string();
                let whole = match &ending.outcome {
                    Outcome::Replied(reply) if !*shown => {
                        let text = json!({ "text": reply.text });
                        let id = sent.cursor.to_string();
                        Some(event_stream::event(&id, "chunk", &text.to_string()))
                    }
                    _ => None,
                };
                let answer = Direct(SentOut::new(sent, ending.outcome)).to_text();
                let end = event_stream::event(&id, "end", &answer);
                return Some(whole.into_iter().chain([end]).collect());
            }
        }
    }
}
