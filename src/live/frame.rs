//! Frames: what a reader of the live feed receives, `{id, prev, type, at, data}`.
//!
//! The part that is the same for all readers (`type`, `at`, `data`) is rendered once; `id` and
//! `prev` are each reader's own. Readers who keep up stand at the same place, and so are given the very
//! bytes that were written for the first of them. `openapi/asyncapi.yaml` is generated from the types here.

mod kind;

pub use kind::Kind;

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;

use super::cursor::Cursor;
use crate::domain::attachment::Attachment;
use crate::domain::event::{Body, Event, FailureReason, Side};
use crate::domain::ids::{ContactId, ConversationId, MessageId};
use crate::domain::language::Language;
use crate::domain::message::{Author, Channel};
use crate::domain::seq::Seq;
use crate::domain::text::{MessageText, PersonName, Title};
use crate::domain::time::Timestamp;

/// One frame for one reader.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    pub id: Cursor,
    /// The `id` of the frame before: who checks it knows that nothing was missed.
    pub prev: Cursor,
    pub content: Arc<Content>,
}

/// The part of a frame that all readers share.
#[derive(Debug, Clone)]
pub struct Content {
    pub kind: Kind,
    /// `"type":…,"at":…,"data":…}`: what follows `id` and `prev`, with the closing brace.
    pub tail: Bytes,
    /// The reply that a `reply.started`, `.chunk` or `.restarted` is about.
    pub reply: Option<MessageId>,
    /// The text of a `reply.chunk`, for surfaces with a dress of their own.
    pub chunk: Option<Arc<str>>,
    /// A frame of it as a whole, in each dress.
    written: [OnceLock<Written>; DRESSES],
}

impl Content {
    /// The same, of a reply.
    pub fn about(self, reply: MessageId) -> Self {
        Self { reply: Some(reply), ..self }
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        let of = |content: &Self| (content.kind, content.tail.clone(), content.reply);
        of(self) == of(other) && self.chunk == other.chunk
    }
}

/// How a frame is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dress {
    Events,
    Socket,
}

/// As many as there are of [`Dress`].
const DRESSES: usize = 2;

/// A frame as it was written first.
#[derive(Debug, Clone)]
struct Written {
    id: Cursor,
    prev: Cursor,
    bytes: Bytes,
}

impl Frame {
    /// A `resume` at a place: nothing more comes by itself, and whoever follows on from there misses
    /// nothing.
    pub fn resume(place: Cursor, at: Timestamp) -> Self {
        Self { id: place, prev: place, content: content(Kind::Resume, at, &Resume {}).into() }
    }

    /// The frame in a dress, as `write` makes it of every frame alike: once for all readers at one place.
    pub fn written(&self, dress: Dress, write: impl Fn(&Self) -> Bytes) -> Bytes {
        let (id, prev) = (self.id, self.prev);
        let first = || Written { id, prev, bytes: write(self) };
        let first = self.content.written[dress as usize].get_or_init(first);
        if (first.id, first.prev) == (id, prev) { first.bytes.clone() } else { write(self) }
    }

    /// The frame as one line of JSON.
    pub fn to_json(&self) -> String {
        self.json(None)
    }

    /// As on a WebSocket, where one connection carries many conversations.
    pub fn to_json_for(&self, conversation: ConversationId) -> String {
        self.json(Some(conversation))
    }

    fn json(&self, conversation: Option<ConversationId>) -> String {
        let mut out = String::with_capacity(self.content.tail.len() + 160);
        out.push('{');
        if let Some(id) = conversation {
            let _ = write!(out, r#""conversation_id":"{id}","#);
        }
        let _ = write!(out, r#""id":"{}","prev":"{}","#, self.id, self.prev);
        out.push_str(std::str::from_utf8(&self.content.tail).unwrap_or("\"type\":\"\"}"));
        out
    }
}

/// `direction` of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Inbound,
    Outbound,
}

/// `message.inbound` and `message.outbound`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Message {
    pub message_id: MessageId,
    pub conversation_id: ConversationId,
    pub contact_id: ContactId,
    pub direction: Direction,
    pub author: Author,
    pub text: MessageText,
    pub language: Language,
    /// What the bot understood; only on a bot's message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// The message this answers; only outbound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<MessageId>,
    /// The reply was stopped here; only outbound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial: Option<bool>,
    /// Answers to choose from; only outbound.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<File>,
    pub created_at: Timestamp,
}

/// A file that came with a message; how it is fetched is the surface's matter.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct File {
    /// The message it came with, as a number: its place in the log.
    #[serde(rename = "activity_id")]
    pub message: u64,
    /// Counted from 1 in its message.
    pub id: u64,
    pub filename: String,
    /// Bytes.
    pub size: u64,
    pub mime_type: String,
}

impl File {
    /// The files of the message at `seq`.
    pub fn all(seq: Seq, attachments: &[Attachment]) -> Vec<Self> {
        let one = |(id, file): (u64, &Attachment)| Self {
            message: seq.get(),
            id,
            filename: file.filename.clone(),
            size: file.size,
            mime_type: file.mime_type.clone(),
        };
        (1..).zip(attachments).map(one).collect()
    }
}

/// `conversation.updated`: what is absent stays.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Updated {
    pub conversation_id: ConversationId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Title>,
}

/// `conversation.started`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Started {
    pub conversation_id: ConversationId,
    pub contact_id: ContactId,
    pub channel: Channel,
}

/// A message's text alone.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Text {
    pub text: MessageText,
}

/// A person's display name alone.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Named {
    pub name: PersonName,
}

/// `conversation.escalated`: people answer from here on.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Escalated {
    pub conversation_id: ConversationId,
    /// The turn that ends here, when it was a bot that handed over.
    pub in_reply_to: Option<MessageId>,
    pub trigger_message: Option<Text>,
    pub assigned_agent: Option<Named>,
}

/// `conversation.assigned`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Assigned {
    pub conversation_id: ConversationId,
    pub agent: Named,
}

/// `conversation.resolved`, `conversation.reopened` and `conversation.deleted`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Thread {
    pub conversation_id: ConversationId,
}

/// `conversation.read`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Read {
    pub reader: Side,
    pub message_id: MessageId,
    /// Who of the business it was; absent for the customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Author>,
}

/// `reply.stopped` and `reply.discarded`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ReplyEnded {
    pub reply_id: MessageId,
    pub in_reply_to: MessageId,
}

/// `reply.failed`: nobody answers this turn.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ReplyFailed {
    pub in_reply_to: MessageId,
    pub reason: FailureReason,
}

/// `reply.started`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ReplyStarted {
    pub reply_id: MessageId,
    pub in_reply_to: MessageId,
    pub author: Author,
}

/// `reply.chunk`: `text` stands at `offset`, counted in Unicode characters.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ReplyChunk<'a> {
    pub reply_id: MessageId,
    pub offset: u64,
    pub text: &'a str,
}

/// `reply.restarted`: forget this reply's text; its chunks begin again at 0.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ReplyRestarted {
    pub reply_id: MessageId,
}

/// `typing`: somebody began or ceased to type. Ephemeral: its `id` is its `prev`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Typing {
    pub author: Author,
    pub typing: bool,
}

/// `resume`: reconnect with the last cursor; the stream ends here.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Resume {}

/// Renders what all readers share.
pub fn content<T: Serialize>(kind: Kind, at: Timestamp, data: &T) -> Content {
    let name = kind.name();
    let mut tail = Vec::with_capacity(256);
    tail.extend_from_slice(format!(r#""type":"{name}","at":"{at}","data":"#).as_bytes());
    if serde_json::to_writer(&mut tail, data).is_err() {
        tail.extend_from_slice(b"null");
    }
    tail.push(b'}');
    Content { kind, tail: tail.into(), reply: None, chunk: None, written: Default::default() }
}

/// The frame of a piece of a reply.
pub fn of_chunk(reply_id: MessageId, offset: u64, text: Arc<str>, at: Timestamp) -> Content {
    let data = ReplyChunk { reply_id, offset, text: &text };
    let rendered = content(Kind::ReplyChunk, at, &data);
    Content { chunk: Some(text), ..rendered.about(reply_id) }
}

/// The frame of an event of a conversation; none for events that no conversation shows.
pub fn of_event(seq: Seq, event: &Event) -> Option<Content> {
    let at = event.at;
    let message = |kind| Message::of_event(seq, event).map(|data| content(kind, at, &data));
    let thread = |kind, conversation_id| content(kind, at, &Thread { conversation_id });
    Some(match &event.body {
        Body::MessageInbound(_) => message(Kind::MessageInbound)?,
        Body::MessageOutbound(_) => message(Kind::MessageOutbound)?,
        Body::ConversationStarted(data) => {
            let (conversation_id, contact_id) = (data.conversation_id, data.contact_id);
            let data = Started { conversation_id, contact_id, channel: data.channel };
            content(Kind::ConversationStarted, at, &data)
        }
        Body::ConversationEscalated(data) => content(
            Kind::ConversationEscalated,
            at,
            &Escalated {
                conversation_id: data.conversation_id,
                in_reply_to: data.in_reply_to,
                trigger_message: data.trigger_message.clone().map(|text| Text { text }),
                assigned_agent: data.assigned_agent.clone().map(|name| Named { name }),
            },
        ),
        Body::ConversationAssigned(data) => {
            let agent = Named { name: data.agent.clone() };
            let data = Assigned { conversation_id: data.conversation_id, agent };
            content(Kind::ConversationAssigned, at, &data)
        }
        Body::ConversationResolved(data) => {
            thread(Kind::ConversationResolved, data.conversation_id)
        }
        Body::ConversationReopened(data) => {
            thread(Kind::ConversationReopened, data.conversation_id)
        }
        Body::ConversationUpdated(data) => {
            let (conversation_id, title) = (data.conversation_id, data.title.clone());
            content(Kind::ConversationUpdated, at, &Updated { conversation_id, title })
        }
        Body::ConversationDeleted(data) => thread(Kind::ConversationDeleted, data.conversation_id),
        Body::ConversationRead(data) => {
            let (reader, message_id, by) = (data.reader, data.message_id, data.by.clone());
            content(Kind::ConversationRead, at, &Read { reader, message_id, by })
        }
        Body::ReplyStopped(data) => {
            let (reply_id, in_reply_to) = (data.reply_id, data.in_reply_to);
            content(Kind::ReplyStopped, at, &ReplyEnded { reply_id, in_reply_to })
        }
        Body::ReplyDiscarded(data) => {
            let (reply_id, in_reply_to) = (data.reply_id, data.in_reply_to);
            content(Kind::ReplyDiscarded, at, &ReplyEnded { reply_id, in_reply_to })
        }
        Body::ReplyFailed(data) => {
            let (in_reply_to, reason) = (data.in_reply_to, data.reason);
            content(Kind::ReplyFailed, at, &ReplyFailed { in_reply_to, reason })
        }
        Body::ContactCreated(_)
        | Body::ContactUpdated(_)
        | Body::AccountCreated(_)
        | Body::KeyIssued(_)
        | Body::KeyRevoked(_)
        | Body::SecretRotated(_)
        | Body::BotDrafted(_)
        | Body::BotDeployed(_)
        | Body::BotWithdrawn(_)
        | Body::AgentUpdated(_)
        | Body::SettingsChanged(_) => return None,
    })
}

impl Message {
    /// The message that the event at `seq` is; none for any other event.
    pub fn of_event(seq: Seq, event: &Event) -> Option<Self> {
        match &event.body {
            Body::MessageInbound(data) => Some(Self {
                message_id: data.message_id,
                conversation_id: data.conversation_id,
                contact_id: data.contact_id,
                direction: Direction::Inbound,
                author: Author::Customer,
                text: data.text.clone(),
                language: data.language,
                intent: None,
                in_reply_to: None,
                partial: None,
                buttons: Vec::new(),
                attachments: File::all(seq, &data.attachments),
                created_at: event.at,
            }),
            Body::MessageOutbound(data) => Some(Self {
                message_id: data.message_id,
                conversation_id: data.conversation_id,
                contact_id: data.contact_id,
                direction: Direction::Outbound,
                author: data.author.clone(),
                text: data.text.clone(),
                language: data.language,
                intent: data.intent.clone(),
                in_reply_to: data.in_reply_to,
                partial: Some(data.partial),
                buttons: data.buttons.clone(),
                attachments: File::all(seq, &data.attachments),
                created_at: event.at,
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn readers_at_one_place_share_what_was_written_and_others_get_their_own() {
        let at = |id: u64, prev: u64, content: &Arc<Content>| Frame {
            id: Cursor::at(Seq::new(id)),
            prev: Cursor::at(Seq::new(prev)),
            content: content.clone(),
        };
        let content = Arc::new(content(Kind::Resume, Timestamp::from_millis(0), &Resume {}));
        let times = Cell::new(0);
        let written = |frame: &Frame, dress| {
            frame.written(dress, |frame| {
                times.set(times.get() + 1);
                frame.to_json().into()
            })
        };
        let first = at(7, 6, &content);
        for frame in [&first, &first.clone(), &at(7, 6, &content), &at(7, 5, &content)] {
            for dress in [Dress::Events, Dress::Socket] {
                assert_eq!(written(frame, dress), frame.to_json());
            }
        }
        assert_eq!(times.get(), 4, "twice for those at one place, twice for the other");
    }
}
