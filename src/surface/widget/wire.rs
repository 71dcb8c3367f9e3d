//! The widget's words (seed 003), and nothing else.

use poem_openapi::{Enum, Object};
use serde::Serialize;

use super::error::WHOLE;
use super::history::Stamp;
use crate::app::visitors::TOKEN_MAX;
use crate::domain::account::Account;
use crate::domain::attachment::Attachment;
use crate::domain::contact::{Contact, Details};
use crate::domain::event::Body;
use crate::domain::message::Author;
use crate::domain::seq::Seq;
use crate::domain::text::{Email, MESSAGE_MAX_CHARS, MessageText, PersonName, TextFault};
use crate::domain::{Error, Result};
use crate::engine::Recorded;
use crate::live::frame::File;
use crate::surface::fields::{Address, Field, Name, Words};

/// How the widget looks; colours as in CSS.
#[derive(Debug, Object)]
#[oai(rename = "WidgetLook")]
pub(super) struct LookOut {
    #[oai(skip_serializing_if_is_none)]
    color: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    text_color: Option<String>,
}

// Seed 003, *Get Widget Config*.
/// What the widget shows before any message.
#[derive(Debug, Object)]
#[oai(rename = "WidgetConfig")]
pub(super) struct ConfigOut {
    greeting: String,
    brand: String,
    look: LookOut,
}

impl ConfigOut {
    pub(super) fn new(account: &Account) -> Self {
        let settings = &account.settings;
        Self {
            greeting: settings.greeting.clone(),
            brand: account.brand().to_owned(),
            look: LookOut {
                color: settings.look.color.clone(),
                text_color: settings.look.text_color.clone(),
            },
        }
    }
}

// Seed 003, *Create Conversation*, parameters.
/// A visitor, and the first message.
#[derive(Debug, Object)]
#[oai(rename = "CreateConversation")]
pub(super) struct CreateIn {
    /// Contact name.
    name: Field<Name<1, 200>>,
    /// Valid email address.
    email: Field<Address<1, 254>>,
    /// Initial message, at most 10,000 characters.
    message: Field<Words<1, 10_000>>,
    /// Unique visitor identifier, of the visitor's own making; a secret.
    visitor_token: Field<Words<1, 255>>,
}

/// A checked request.
pub(super) struct Created {
    pub(super) contact: Details,
    pub(super) text: MessageText,
    pub(super) visitor_token: String,
}

impl TryFrom<CreateIn> for Created {
    type Error = Error;

    /// Checks in the documented order, and names the first fault in the documented words.
    fn try_from(body: CreateIn) -> Result<Self> {
        let fields =
            [body.name.text(), body.email.text(), body.message.text(), body.visitor_token.text()];
        let [Some(name), Some(email), Some(message), Some(visitor_token)] = fields else {
            return Err(sentence("Name, email, message, and visitor_token are required"));
        };
        let email: Email = email.parse().map_err(|_| sentence("Invalid email address"))?;
        let text = message_text(&message)?;
        let name: PersonName = name.parse().map_err(|fault| match fault {
            TextFault::TooLong { max, actual } => Error::TooLong { field: "name", max, actual },
            other => sentence(&format!("Name {other}")),
        })?;
        let actual = visitor_token.chars().count();
        if actual > TOKEN_MAX {
            return Err(Error::TooLong { field: "visitor_token", max: TOKEN_MAX, actual });
        }
        let contact = Details { name: Some(name), email: Some(email), phone: None };
        Ok(Self { contact, text, visitor_token })
    }
}

// Seed 003, *Send Reply*, parameters.
/// A visitor's next message.
#[derive(Debug, Object)]
#[oai(rename = "SendReply")]
pub(super) struct ReplyIn {
    /// Reply text, at most 10,000 characters.
    message: Field<Words<1, 10_000>>,
}

impl TryFrom<ReplyIn> for MessageText {
    type Error = Error;

    fn try_from(body: ReplyIn) -> Result<Self> {
        message_text(&body.message.text().ok_or_else(|| sentence("Message is required"))?)
    }
}

impl<T: Into<String>> Field<T> {
    /// A text that says something.
    fn text(self) -> Option<String> {
        let Self::Given(text) = self else { return None };
        Some(text.into()).filter(|text: &String| !text.trim().is_empty())
    }
}

pub(super) fn message_text(text: &str) -> Result<MessageText> {
    text.parse().map_err(|fault| match fault {
        TextFault::TooLong { actual, .. } => {
            Error::TooLong { field: "message", max: MESSAGE_MAX_CHARS, actual }
        }
        TextFault::Empty | TextFault::Malformed(_) => sentence("Message is required"),
    })
}

/// A fault that is shown as it stands here.
pub(super) fn sentence(text: &str) -> Error {
    Error::invalid(WHOLE, text)
}

// Seed 003, *Create Conversation*, success.
/// The conversation that began.
#[derive(Debug, Object)]
#[oai(rename = "ConversationCreated")]
pub(super) struct CreatedOut {
    /// Opens the conversation's live feed, where it is called `current`.
    pub(super) conversation_token: String,
    /// What was answered; null while the answer is still being made: it comes on the live feed.
    #[oai(nullable)]
    pub(super) auto_reply: Option<String>,
}

// Seed 003, *Send Reply*, success.
/// The message is kept.
#[derive(Debug, Object)]
#[oai(rename = "Status")]
pub(super) struct StatusOut {
    status: String,
}

impl StatusOut {
    pub(super) fn ok() -> Self {
        Self { status: "ok".to_owned() }
    }
}

/// A file of a message; fetched with its two numbers.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Attachment")]
pub(super) struct AttachmentOut {
    activity_id: u64,
    id: u64,
    filename: String,
    /// Bytes.
    size: u64,
    mime_type: String,
}

impl AttachmentOut {
    pub(super) fn all(seq: Seq, files: &[Attachment]) -> Vec<Self> {
        let one = |File { activity_id, id, filename, size, mime_type }| Self {
            activity_id,
            id,
            filename,
            size,
            mime_type,
        };
        File::all(seq, files).into_iter().map(one).collect()
    }
}

/// Which way a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub(super) enum Direction {
    Inbound,
    Outbound,
}

// Seed 003, *Get Messages*, one of them.
/// One message of a conversation.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "WidgetMessage")]
pub(super) struct MessageOut {
    direction: Direction,
    body: String,
    timestamp: String,
    /// The contact's name, the agent's name, or the brand.
    author: String,
    #[oai(default, skip_serializing_if_is_empty)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<AttachmentOut>,
}

impl MessageOut {
    /// None for what is no message.
    pub(super) fn new(
        entry: &Recorded,
        stamp: Stamp,
        contact: &Contact,
        brand: &str,
    ) -> Option<Self> {
        let (direction, text, author, files) = match &entry.event.body {
            Body::MessageInbound(data) => {
                (Direction::Inbound, &data.text, contact.name.as_str(), &data.attachments)
            }
            Body::MessageOutbound(data) => {
                let author = match &data.author {
                    Author::Bot { .. } if !brand.is_empty() => brand,
                    Author::Bot { name } | Author::Agent { name } => name.as_str(),
                    Author::Customer => contact.name.as_str(),
                };
                (Direction::Outbound, &data.text, author, &data.attachments)
            }
            _ => return None,
        };
        Some(Self {
            direction,
            body: text.as_str().to_owned(),
            timestamp: stamp.to_string(),
            author: author.to_owned(),
            attachments: AttachmentOut::all(entry.seq, files),
        })
    }
}
