//! The live surface's own words.

use poem_openapi::{Enum, Object};
use serde_json::Value;

use crate::app::messages::send::Sent;
use crate::domain::conversation::{Conversation, Status};
use crate::domain::error::Fault;
use crate::domain::text::{MESSAGE_MAX_CHARS, MessageText, PersonName};
use crate::domain::{Error, Result};
use crate::engine::Recorded;
use crate::live::cursor::Cursor;
use crate::live::frame::{Frame, Message};
use crate::live::hub::Snapshot;
use crate::surface::fields::{Field, Hex, Name, Number, Text, Words, parsed};

/// Where a conversation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase", rename = "ConversationStatus")]
pub(super) enum StatusOut {
    /// The bot answers.
    Bot,
    /// Waiting for a person.
    Escalated,
    /// A person answers.
    Assigned,
    /// Closed; the next message reopens it.
    Resolved,
}

impl From<Status> for StatusOut {
    fn from(status: Status) -> Self {
        match status {
            Status::Bot => Self::Bot,
            Status::Escalated => Self::Escalated,
            Status::Assigned => Self::Assigned,
            Status::Resolved => Self::Resolved,
        }
    }
}

/// A reply under way.
#[derive(Debug, Object)]
#[oai(rename = "ReplyUnderWay")]
pub(super) struct ReplyOut {
    reply_id: String,
    in_reply_to: String,
    /// The text so far.
    text: String,
}

/// A conversation, now or as it was.
#[derive(Debug, Object)]
#[oai(rename = "Conversation")]
pub(super) struct ConversationOut {
    conversation_id: String,
    contact_id: String,
    channel: String,
    status: StatusOut,
    message_count: u64,
    #[oai(nullable)]
    language: Option<String>,
    created_at: String,
    updated_at: String,
    /// The place after its last event: following from here shows what is new.
    cursor: String,
    /// Its last 50 messages, oldest first, as in the feed's frames.
    messages: Vec<Value>,
    #[oai(nullable)]
    reply: Option<ReplyOut>,
}

impl ConversationOut {
    pub(super) fn new(state: &Conversation, messages: &[Recorded], reply: Snapshot) -> Self {
        let shown = messages.iter().filter_map(|entry| Message::of_event(entry.seq, &entry.event));
        Self {
            conversation_id: state.id.to_string(),
            contact_id: state.contact_id.to_string(),
            channel: state.channel.to_string(),
            status: state.status().into(),
            message_count: state.message_count,
            language: state.language.map(|language| language.to_string()),
            created_at: state.created_at.to_string(),
            updated_at: state.updated_at.to_string(),
            cursor: Cursor::at(state.last_seq).to_string(),
            messages: shown
                .map(|message| serde_json::to_value(message).unwrap_or_default())
                .collect(),
            reply: reply.map(|(reply, text)| ReplyOut {
                reply_id: reply.id.to_string(),
                in_reply_to: reply.in_reply_to.to_string(),
                text,
            }),
        }
    }
}

/// A page of the feed.
#[derive(Debug, Object)]
#[oai(rename = "EventPage")]
pub(super) struct EventsOut {
    /// Frames, as on the stream.
    events: Vec<Value>,
    /// The place after them; give it as `after`.
    next: String,
}

impl EventsOut {
    pub(super) fn new(frames: &[Frame], next: Cursor) -> Self {
        let events = frames
            .iter()
            .map(|frame| serde_json::from_str(&frame.to_json()).unwrap_or_default())
            .collect();
        Self { events, next: next.to_string() }
    }
}

/// A message to send.
#[derive(Debug, Object)]
#[oai(rename = "LiveMessage")]
pub(super) struct MessageIn {
    /// Not blank, at most 10,000 characters.
    text: Field<Words<1, 10_000>>,
}

/// Checks a message's text.
pub(super) fn message_text(text: String) -> Result<MessageText> {
    let actual = text.chars().count();
    if actual > MESSAGE_MAX_CHARS {
        return Err(Error::TooLong { field: "text", max: MESSAGE_MAX_CHARS, actual });
    }
    let mut faults = Vec::new();
    parsed(Some(text), "text", &mut faults).ok_or(Error::Invalid(faults))
}

impl TryFrom<MessageIn> for MessageText {
    type Error = Error;

    fn try_from(body: MessageIn) -> Result<Self> {
        let mut faults = Vec::new();
        match body.text.required("text", "a string", &mut faults) {
            Some(text) => message_text(text.0),
            None => Err(Error::Invalid(faults)),
        }
    }
}

/// A message that is kept.
#[derive(Debug, Object)]
#[oai(rename = "LiveSent")]
pub(super) struct SentOut {
    message_id: String,
    conversation_id: String,
    /// The place right after the message: following from here shows its whole turn.
    cursor: String,
    created_at: String,
}

impl From<&Sent> for SentOut {
    fn from(sent: &Sent) -> Self {
        Self {
            message_id: sent.message.to_string(),
            conversation_id: sent.conversation.to_string(),
            cursor: sent.cursor.to_string(),
            created_at: sent.at.to_string(),
        }
    }
}

/// Whether there was a reply to stop.
#[derive(Debug, Object)]
#[oai(rename = "Stopped", skip_serializing_if_is_none)]
pub(super) struct StoppedOut {
    pub(super) stopped: bool,
    pub(super) reply_id: Option<String>,
}

/// Who gives a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, serde::Deserialize)]
#[oai(rename_all = "lowercase", rename = "SignalSide")]
#[serde(rename_all = "lowercase")]
pub(super) enum SideIn {
    Customer,
    Bot,
    Agent,
}

/// Whether somebody types.
#[derive(Debug, Object)]
#[oai(rename = "TypingSignal")]
pub(super) struct TypingIn {
    pub(super) typing: Field<bool>,
    /// Who does. A token speaks for the customer only; an account's key for whom it says, and for an
    /// agent where it does not.
    #[oai(rename = "as")]
    pub(super) side: Field<Option<SideIn>>,
    /// The agent's or the bot's name; where it is absent, the one who has the conversation.
    pub(super) name: Field<Option<Name<1, 200>>>,
}

/// Up to where somebody has read.
#[derive(Debug, Object)]
#[oai(rename = "ReadMark")]
pub(super) struct ReadIn {
    pub(super) message_id: Field<Hex<32, 32>>,
    /// Who has; as of `typing`.
    #[oai(rename = "as")]
    pub(super) side: Field<Option<SideIn>>,
    /// As of `typing`.
    pub(super) name: Field<Option<Name<1, 200>>>,
}

/// Reads who gives a signal, as far as it is said.
pub(super) fn named(
    side: Field<Option<SideIn>>,
    name: Field<Option<Name<1, 200>>>,
    faults: &mut Vec<Fault>,
) -> (Option<SideIn>, Option<PersonName>) {
    let side = side.optional("as", "customer, bot or agent", faults).flatten();
    let name = name.optional("name", "a string", faults).flatten();
    (side, parsed(name.map(|name| name.0), "name", faults))
}

/// A token to mint.
#[derive(Debug, Object)]
#[oai(rename = "TokenRequest")]
pub(super) struct TokenIn {
    /// The conversation it opens.
    pub(super) conversation_id: Field<Text<1, 64>>,
    /// Seconds until it expires, 60 to 86,400; 3,600 where it is not given.
    pub(super) expires_in: Field<Option<Number<60, 86_400>>>,
}

/// A token for a browser.
#[derive(Debug, Object)]
#[oai(rename = "LiveToken")]
pub(super) struct TokenOut {
    pub(super) token: String,
    pub(super) conversation_id: String,
    pub(super) expires_at: String,
}

/// A conversation of the demo, and the token that opens it.
#[derive(Debug, Object)]
#[oai(rename = "DemoConversation")]
pub(super) struct DemoOut {
    pub(super) conversation_id: String,
    pub(super) contact_id: String,
    pub(super) token: String,
    pub(super) expires_at: String,
    pub(super) brand: String,
    pub(super) greeting: String,
}
