//! AeroChat's words (seed 000), and nothing else.

use poem_openapi::{Enum, Object};
use serde::Serialize;

use crate::app::messages::send::Sent;
use crate::domain::contact::{Contact, Details};
use crate::domain::error::Fault;
use crate::domain::text::{MESSAGE_MAX_CHARS, MessageText};
use crate::domain::turn::Outcome;
use crate::domain::{Error, Result};
use crate::surface::fields::{Address, Field, Name, PhoneNumber, Text, Words, parsed};

/// Who writes. All optional; real changes are merged into the contact.
#[derive(Debug, Object)]
#[oai(rename = "ContactIdentity")]
pub(super) struct ContactIn {
    name: Field<Option<Name<0, 200>>>,
    email: Field<Option<Address<0, 254>>>,
    phone: Field<Option<PhoneNumber<0, 40>>>,
}

// Seed 000, *Send a message*, request body.
/// A customer's message.
#[derive(Debug, Object)]
#[oai(rename = "SendMessage")]
pub(super) struct SendMessageIn {
    /// The customer's message: not blank, at most 10,000 characters.
    message: Field<Words<1, 10_000>>,
    /// Omit on the first message (one is minted & returned); pass it to continue the same
    /// conversation.
    conversation_id: Field<Option<Text<1, 64>>>,
    /// Optional identity to attach.
    contact: Field<Option<ContactIn>>,
}

/// A checked request.
pub(super) struct Asked {
    pub(super) text: MessageText,
    /// As it was written: a text that is no id is a conversation nobody has.
    pub(super) conversation: Option<String>,
    pub(super) contact: Details,
}

impl TryFrom<SendMessageIn> for Asked {
    type Error = Error;

    fn try_from(body: SendMessageIn) -> Result<Self> {
        let mut faults = Vec::new();
        let text = body.message.required("message", "a string", &mut faults).map(|text| text.0);
        if let Some(text) = &text
            && text.len() > MESSAGE_MAX_CHARS
        {
            let actual = text.chars().count();
            if actual > MESSAGE_MAX_CHARS {
                return Err(Error::TooLong { field: "message", max: MESSAGE_MAX_CHARS, actual });
            }
        }
        let text = parsed(text, "message", &mut faults);
        let conversation =
            body.conversation_id.optional("conversation_id", "a string", &mut faults);
        let conversation = conversation.flatten().map(|id| id.0);
        let contact = body.contact.optional("contact", "an object", &mut faults).flatten();
        let contact = contact.map_or_else(Details::default, |given| details(given, &mut faults));
        match text {
            Some(text) if faults.is_empty() => Ok(Self { text, conversation, contact }),
            _ => Err(Error::Invalid(faults)),
        }
    }
}

fn details(given: ContactIn, faults: &mut Vec<Fault>) -> Details {
    let name = said(given.name, "contact.name", 200, faults);
    let email = said(given.email, "contact.email", 254, faults);
    let phone = said(given.phone, "contact.phone", 40, faults);
    Details {
        name: parsed(name, "contact.name", faults),
        email: parsed(email, "contact.email", faults),
        phone: parsed(phone, "contact.phone", faults),
    }
}

/// An empty text says nothing about the contact; what it may have at most it may not exceed either.
fn said<T: Into<String>>(
    field: Field<Option<T>>,
    name: &'static str,
    max: usize,
    faults: &mut Vec<Fault>,
) -> Option<String> {
    let text: String = field.optional(name, "a string", faults).flatten()?.into();
    if !text.trim().is_empty() {
        return Some(text);
    }
    if text.chars().count() > max {
        faults.push(Fault { field: name, problem: format!("must have at most {max} characters") });
    }
    None
}

/// Result of a sent message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// The bot replied.
    Bot,
    /// A human will reply.
    QueuedForAgent,
    /// Nobody can reply now; the message is kept.
    Unavailable,
}

/// What the bot said.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Reply")]
pub(super) struct ReplyOut {
    text: String,
}

// Seed 000, *Send a message*, response.
/// What became of a message.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "SentMessage")]
pub(super) struct SentOut {
    conversation_id: String,
    contact_id: String,
    /// The customer's message.
    message_id: String,
    status: Status,
    /// Null unless `status` is `bot`.
    #[oai(nullable)]
    reply: Option<ReplyOut>,
    /// The classified purpose of the turn.
    #[oai(nullable)]
    intent: Option<String>,
    language: String,
    created_at: String,
}

impl SentOut {
    pub(super) fn new(sent: &Sent, outcome: Outcome) -> Self {
        let (status, reply, intent) = match outcome {
            Outcome::Replied(reply) => {
                let text = reply.text.as_str().to_owned();
                (Status::Bot, Some(ReplyOut { text }), reply.intent)
            }
            Outcome::Queued => (Status::QueuedForAgent, None, None),
            Outcome::Unavailable => (Status::Unavailable, None, None),
        };
        Self {
            conversation_id: sent.conversation.to_string(),
            contact_id: sent.contact.to_string(),
            message_id: sent.message.to_string(),
            status,
            reply,
            intent,
            language: sent.language.to_string(),
            created_at: sent.at.to_seconds_string(),
        }
    }
}

// Seed 000, *Get a contact*.
/// A person who chats with your bot.
#[derive(Debug, Object)]
#[oai(rename = "Contact")]
pub(super) struct ContactOut {
    contact_id: String,
    name: String,
    #[oai(nullable)]
    email: Option<String>,
    #[oai(nullable)]
    phone: Option<String>,
    channel: String,
    created_at: String,
    last_seen: String,
}

impl From<Contact> for ContactOut {
    fn from(contact: Contact) -> Self {
        Self {
            contact_id: contact.id.to_string(),
            name: contact.name.to_string(),
            email: contact.email.map(|email| email.to_string()),
            phone: contact.phone.map(|phone| phone.to_string()),
            channel: contact.channel.to_string(),
            created_at: contact.created_at.to_seconds_string(),
            last_seen: contact.last_seen.to_seconds_string(),
        }
    }
}

/// Who sent a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub(super) enum AuthorType {
    Customer,
    Bot,
    Agent,
}

/// Who sent a message; no internal ids or emails are exposed.
#[derive(Debug, Object)]
#[oai(rename = "Author", skip_serializing_if_is_none)]
pub(super) struct AuthorOut {
    #[oai(rename = "type")]
    pub(super) kind: AuthorType,
    /// The brand or the agent; absent for customers.
    pub(super) name: Option<String>,
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub(super) enum DirectionOut {
    Inbound,
    Outbound,
}

/// A file of a message.
#[derive(Debug, Object)]
#[oai(rename = "Attachment")]
pub(super) struct AttachmentOut {
    /// Under `/live/v1/conversations/{conversation_id}/files/` it is fetched by this.
    pub(super) id: String,
    pub(super) filename: String,
    pub(super) size: u64,
    pub(super) mime_type: String,
}

// Seed 000, *Get a conversation's messages*: each message.
/// One message of a conversation.
#[derive(Debug, Object)]
#[oai(rename = "Message")]
pub(super) struct MessageOut {
    pub(super) message_id: String,
    pub(super) direction: DirectionOut,
    pub(super) author: AuthorOut,
    pub(super) text: String,
    pub(super) attachments: Vec<AttachmentOut>,
    pub(super) language: String,
    pub(super) created_at: String,
}

/// Where a page stands in its list.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Paging")]
pub(super) struct PagingOut {
    pub(super) page: u64,
    pub(super) limit: u64,
    pub(super) total: u64,
    pub(super) has_more: bool,
}

// Seed 000, *Get a conversation's messages*.
/// Messages, oldest first.
#[derive(Debug, Object)]
#[oai(rename = "MessageList")]
pub(super) struct MessagesOut {
    pub(super) messages: Vec<MessageOut>,
    pub(super) paging: PagingOut,
}

#[cfg(test)]
mod tests {
    use poem_openapi::types::ToJSON;

    use super::*;

    #[test]
    fn what_is_sent_is_what_the_documents_describe() {
        for (status, reply) in [
            (Status::Bot, Some(ReplyOut { text: "hi".into() })),
            (Status::QueuedForAgent, None),
            (Status::Unavailable, None),
        ] {
            let sent = SentOut {
                conversation_id: "cv_1".into(),
                contact_id: "ct_1".into(),
                message_id: "00".into(),
                status,
                reply,
                intent: None,
                language: "en".into(),
                created_at: "2026-06-16T10:00:00Z".into(),
            };
            assert_eq!(serde_json::to_value(&sent).ok(), sent.to_json());
        }
    }
}
