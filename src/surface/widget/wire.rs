//! The widget's words (seed 003), and nothing else.

use std::collections::BTreeMap;

use poem_openapi::{Enum, Object};
use serde::Serialize;

use super::error::WHOLE;
use crate::app::accounts::visitors::TOKEN_MAX;
use crate::domain::account::{Account, ReplyTime, RequireDetails, Welcome};
use crate::domain::attachment::Attachment;
use crate::domain::contact::{Contact, Details};
use crate::domain::event::Body;
use crate::domain::message::Author;
use crate::domain::seq::Seq;
use crate::domain::text::{Email, MESSAGE_MAX_CHARS, MessageText, PersonName, TextFault};
use crate::domain::time::Timestamp;
use crate::domain::{Error, Result};
use crate::engine::Recorded;
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
    // Said at the type: beside a reference a description makes a schema that generators cannot read.
    require_details: RequireDetailsOut,
    /// First questions to offer.
    starters: Vec<String>,
    /// Greeting and first questions by language, for visitors who read another than `greeting`'s.
    translations: BTreeMap<String, WelcomeOut>,
    #[oai(skip_serializing_if_is_none)]
    reply_time: Option<ReplyTimeOut>,
}

/// When a visitor is asked for name and e-mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case", rename = "RequireDetails")]
pub(super) enum RequireDetailsOut {
    Before,
    AfterFirstAnswer,
    Never,
}

impl From<RequireDetails> for RequireDetailsOut {
    fn from(when: RequireDetails) -> Self {
        match when {
            RequireDetails::Before => Self::Before,
            RequireDetails::AfterFirstAnswer => Self::AfterFirstAnswer,
            RequireDetails::Never => Self::Never,
        }
    }
}

/// How soon an answer usually comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case", rename = "ReplyTime")]
pub(super) enum ReplyTimeOut {
    AtOnce,
    Minutes,
    Hours,
    Day,
}

impl From<ReplyTime> for ReplyTimeOut {
    fn from(time: ReplyTime) -> Self {
        match time {
            ReplyTime::AtOnce => Self::AtOnce,
            ReplyTime::Minutes => Self::Minutes,
            ReplyTime::Hours => Self::Hours,
            ReplyTime::Day => Self::Day,
        }
    }
}

/// What a visitor sees before any message, in one language.
#[derive(Debug, Object)]
#[oai(rename = "WidgetWelcome")]
pub(super) struct WelcomeOut {
    greeting: String,
    starters: Vec<String>,
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
            require_details: settings.require_details.into(),
            starters: settings.starters.clone(),
            translations: settings
                .translations
                .iter()
                .map(|(language, Welcome { greeting, starters })| {
                    let welcome =
                        WelcomeOut { greeting: greeting.clone(), starters: starters.clone() };
                    (language.to_string(), welcome)
                })
                .collect(),
            reply_time: settings.reply_time.map(Into::into),
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
    /// The visitor was not asked who they are: `name` and `email` may be left out, where the
    /// account's `require_details` is not `before`.
    anonymous: Field<Option<bool>>,
}

/// A checked request.
pub(super) struct Created {
    pub(super) contact: Details,
    pub(super) text: MessageText,
    pub(super) visitor_token: String,
}

impl CreateIn {
    /// Checks in the documented order, and names the first fault in the documented words.
    pub(super) fn checked(self, require: RequireDetails) -> Result<Created> {
        let may_be_nobody =
            matches!(self.anonymous, Field::Given(Some(true))) && require != RequireDetails::Before;
        let (name, email) = (self.name.text(), self.email.text());
        let required = || sentence("Name, email, message, and visitor_token are required");
        let (Some(message), Some(visitor_token)) = (self.message.text(), self.visitor_token.text())
        else {
            return Err(required());
        };
        if !may_be_nobody && (name.is_none() || email.is_none()) {
            return Err(required());
        }
        let email = email.map(|email| address(&email)).transpose()?;
        let text = message_text(&message)?;
        let name = name.map(|name| person(&name)).transpose()?;
        let actual = visitor_token.chars().count();
        if actual > TOKEN_MAX {
            return Err(Error::TooLong { field: "visitor_token", max: TOKEN_MAX, actual });
        }
        Ok(Created { contact: Details { name, email, phone: None }, text, visitor_token })
    }
}

fn address(text: &str) -> Result<Email> {
    text.parse().map_err(|_| sentence("Invalid email address"))
}

fn person(text: &str) -> Result<PersonName> {
    text.parse().map_err(|fault| match fault {
        TextFault::TooLong { max, actual } => Error::TooLong { field: "name", max, actual },
        other => sentence(&format!("Name {other}")),
    })
}

// Seed 003, *Send Reply*, parameters.
/// A visitor's next message.
#[derive(Debug, Object)]
#[oai(rename = "SendReply")]
pub(super) struct ReplyIn {
    /// Reply text, at most 10,000 characters.
    message: Field<Words<1, 10_000>>,
    /// Contact name, where it was not told before.
    name: Field<Option<Name<1, 200>>>,
    /// Email address, where it was not told before.
    email: Field<Option<Address<1, 254>>>,
}

impl ReplyIn {
    pub(super) fn checked(self) -> Result<(MessageText, Details)> {
        let message = self.message.text().ok_or_else(|| sentence("Message is required"))?;
        let email = optional(self.email).map(|email| address(&email)).transpose()?;
        let text = message_text(&message)?;
        let name = optional(self.name).map(|name| person(&name)).transpose()?;
        Ok((text, Details { name, email, phone: None }))
    }
}

fn optional<T: Into<String>>(field: Field<Option<T>>) -> Option<String> {
    match field {
        Field::Given(Some(text)) => Field::Given(text).text(),
        _ => None,
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
        let one = |(id, file): (u64, &Attachment)| Self {
            activity_id: seq.get(),
            id,
            filename: file.filename.clone(),
            size: file.size,
            mime_type: file.mime_type.clone(),
        };
        (1..).zip(files).map(one).collect()
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
        stamp: Timestamp,
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
