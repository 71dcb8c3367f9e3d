//! ChatAIBot's words (seed 002), and nothing else.

use std::collections::BTreeMap;

use poem_openapi::{Enum, Object};
use serde_json::Value;

use crate::domain::characters::is_blank;
use crate::domain::contact::{Contact, Details};
use crate::domain::error::Fault;
use crate::domain::text::{MESSAGE_MAX_CHARS, MessageText};
use crate::domain::variables::{COUNT_MAX, NAME_MAX, Variables};
use crate::domain::{Error, Result};
use crate::surface::fields::{Field, Scalar, Text, Words, parsed};

/// What kind of answer the visitor gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub(super) enum MessageType {
    Text,
    /// The label of a button.
    Button,
    /// The http(s) URL of a file: it answers a step that asks for one.
    File,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "UPPERCASE")]
pub(super) enum Sender {
    Visitor,
}

/// The one channel of this API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum ChannelName {
    #[oai(rename = "API")]
    Api,
}

/// What a message says.
#[derive(Debug, Object)]
pub(super) struct MessageData {
    /// The visitor's message: not blank, at most 10,000 characters.
    body: Field<Words<1, 10_000>>,
}

/// The visitor's message.
#[derive(Debug, Object)]
#[oai(rename = "Message")]
pub(super) struct MessageIn {
    data: Field<MessageData>,
    #[oai(rename = "type")]
    kind: Field<Option<MessageType>>,
}

/// What the bot may know: texts, numbers and booleans by name; null is an empty text. There may be 100
/// in all. A name has ASCII letters, digits, `_`, `-` and dots, and at most 80 bytes with its group
/// before it (`contact.plan`). A value is kept as text; what is longer than 1,000 characters is cut, so
/// that a long address of a page keeps no visitor from writing.
#[derive(Debug, Object)]
#[oai(rename = "Variables")]
pub(super) struct VariablesIn {
    /// `timezone`, `referrerUrl`, `browserLanguage` and others.
    system: Field<Option<BTreeMap<String, Scalar>>>,
    /// `name`, `email` and `phone` of the contact, and others.
    contact: Field<Option<BTreeMap<String, Scalar>>>,
    conversation: Field<Option<BTreeMap<String, Scalar>>>,
}

/// The visitor.
#[derive(Debug, Object)]
#[oai(rename = "From")]
pub(super) struct FromIn {
    /// Your own id of the visitor.
    user_external_id: Field<Words<1, 255>>,
    #[oai(rename = "type")]
    kind: Field<Option<Sender>>,
}

// Seed 002, *Start conversation*, body.
/// A visitor's first message, and the bot that answers.
#[derive(Debug, Object)]
#[oai(rename = "StartConversation")]
pub(super) struct StartIn {
    channel: Field<Option<ChannelName>>,
    message: Field<MessageIn>,
    variables: Field<Option<VariablesIn>>,
    /// Found on the trigger block: the bot's id, `bot_…`.
    bot_key: Field<Text<1, 64>>,
    from: Field<FromIn>,
}

/// The sender of a later message.
#[derive(Debug, Object)]
#[oai(rename = "User")]
pub(super) struct UserIn {
    #[oai(rename = "type")]
    kind: Field<Option<Sender>>,
}

// Seed 002, *Send visitor response*, body.
/// What the visitor answers.
#[derive(Debug, Object)]
#[oai(rename = "SendMessage")]
pub(super) struct SendIn {
    message: Field<MessageIn>,
    user: Field<Option<UserIn>>,
}

/// A checked start.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) text: MessageText,
    pub(super) contact: Details,
    pub(super) variables: Variables,
    pub(super) bot_key: String,
    pub(super) external_id: String,
}

impl TryFrom<StartIn> for Start {
    type Error = Error;

    fn try_from(body: StartIn) -> Result<Self> {
        let mut faults = Vec::new();
        body.channel.optional("channel", "API", &mut faults);
        let text = message(body.message, &mut faults)?;
        let (mut contact, mut variables) = (Details::default(), Variables::default());
        if let Some(given) =
            body.variables.optional("variables", "an object", &mut faults).flatten()
        {
            (contact, variables) = taken(given, &mut faults);
        }
        let bot_key = body.bot_key.required("bot_key", "a string", &mut faults);
        let from = body.from.required("from", "an object", &mut faults);
        let external_id = from.and_then(|from| {
            from.kind.optional("from.type", "VISITOR", &mut faults);
            from.user_external_id.required("from.user_external_id", "a string", &mut faults)
        });
        if let Some(Words(id)) = &external_id
            && (id.trim().is_empty() || id.chars().count() > 255)
        {
            let problem = "must have 1 to 255 characters".to_owned();
            faults.push(Fault { field: "from.user_external_id", problem });
        }
        match (text, bot_key, external_id) {
            (Some(text), Some(bot_key), Some(external_id)) if faults.is_empty() => {
                let (bot_key, external_id) = (bot_key.0, external_id.0);
                Ok(Self { text, contact, variables, bot_key, external_id })
            }
            _ => Err(Error::Invalid(faults)),
        }
    }
}

impl TryFrom<SendIn> for MessageText {
    type Error = Error;

    fn try_from(body: SendIn) -> Result<Self> {
        let mut faults = Vec::new();
        let text = message(body.message, &mut faults)?;
        if let Some(user) = body.user.optional("user", "an object", &mut faults).flatten() {
            user.kind.optional("user.type", "VISITOR", &mut faults);
        }
        text.filter(|_| faults.is_empty()).ok_or(Error::Invalid(faults))
    }
}

fn message(given: Field<MessageIn>, faults: &mut Vec<Fault>) -> Result<Option<MessageText>> {
    let Some(given) = given.required("message", "an object", faults) else { return Ok(None) };
    let kind = given.kind.optional("message.type", "text, button or file", faults).flatten();
    let data = given.data.required("message.data", "an object", faults);
    let text = data.and_then(|data| data.body.required("message.data.body", "a string", faults));
    let Some(Words(text)) = text else { return Ok(None) };
    let actual = text.chars().count();
    if actual > MESSAGE_MAX_CHARS {
        return Err(Error::TooLong { field: "message.data.body", max: MESSAGE_MAX_CHARS, actual });
    }
    if kind == Some(MessageType::File) && !is_url(&text) {
        let problem = "must be an http or https URL".to_owned();
        faults.push(Fault { field: "message.data.body", problem });
    }
    Ok(parsed(Some(text), "message.data.body", faults))
}

fn is_url(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// What the variables tell about the contact, and the others.
fn taken(given: VariablesIn, faults: &mut Vec<Fault>) -> (Details, Variables) {
    let groups = [
        ("variables.system", "system", given.system),
        ("variables.contact", "contact", given.contact),
        ("variables.conversation", "conversation", given.conversation),
    ];
    let mut variables = Variables::default();
    let mut own = [None, None, None];
    for (field, group, given) in groups {
        let given = given.optional(field, "an object", faults).flatten().unwrap_or_default();
        for (name, value) in given {
            let Some(value) = text(value) else {
                let problem = format!("has {name:?}, which must be a text, a number or a boolean");
                faults.push(Fault { field, problem });
                continue;
            };
            let place = ["name", "email", "phone"].iter().position(|own| *own == name);
            if let (Some(place), "contact") = (place, group) {
                own[place] = Some(value).filter(|value| !is_blank(value));
                continue;
            }
            let full = format!("{group}.{name}");
            if !Variables::is_name(&full) {
                let problem = format!(
                    "has {name:?}, which is no name: one has letters, digits, _, - and dots, and \
                     at most {NAME_MAX} bytes with {group}. before it"
                );
                faults.push(Fault { field, problem });
            } else if !variables.set(&full, &value) {
                let problem =
                    format!("has {name:?}, one too many: there may be {COUNT_MAX} in all");
                faults.push(Fault { field, problem });
                // All that follow are too many as well.
                break;
            }
        }
    }
    let [name, email, phone] = own;
    let contact = Details {
        name: parsed(name, "variables.contact.name", faults),
        email: parsed(email, "variables.contact.email", faults),
        phone: parsed(phone, "variables.contact.phone", faults),
    };
    (contact, variables)
}

/// A value as text; none for what has parts.
fn text(Scalar(value): Scalar) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// Who answers.
#[derive(Debug, Object)]
#[oai(rename = "Assignee")]
pub(super) struct AssigneeOut {
    /// The bot.
    pub(super) id: String,
    /// An address that stands for the bot; nothing can be sent there.
    pub(super) to: String,
}

/// The thread.
#[derive(Debug, Object)]
#[oai(rename = "Conversation")]
pub(super) struct ConversationOut {
    pub(super) id: String,
    /// UTC, as `2025-02-10 20:21:03.913000`.
    pub(super) created_at: String,
    pub(super) assignee: AssigneeOut,
}

/// The visitor.
#[derive(Debug, Object)]
#[oai(rename = "Contact")]
pub(super) struct ContactOut {
    name: String,
    #[oai(nullable)]
    email: Option<String>,
    #[oai(nullable)]
    phone: Option<String>,
    /// Your id of the visitor and the account's id.
    visitor_key: String,
}

impl ContactOut {
    pub(super) fn new(contact: &Contact, external_id: &str) -> Self {
        Self {
            name: contact.name.to_string(),
            email: contact.email.as_ref().map(ToString::to_string),
            phone: contact.phone.as_ref().map(ToString::to_string),
            visitor_key: format!("{external_id}_{}", contact.account),
        }
    }
}

// Seed 002, *Start conversation*, response.
/// The conversation that began.
#[derive(Debug, Object)]
#[oai(rename = "Started")]
pub(super) struct StartedOut {
    /// Always true.
    pub(super) ok: bool,
    pub(super) conversation: ConversationOut,
    pub(super) contact: ContactOut,
    /// The conversation's live feed (server-sent events) from its beginning, with a token for it.
    pub(super) live_url: String,
}

// Seed 002, *Send visitor response*, response.
/// The message is kept.
#[derive(Debug, Object)]
#[oai(rename = "Sent")]
pub(super) struct SentOut {
    /// Always true.
    pub(super) ok: bool,
    pub(super) message_id: String,
    /// The conversation's live feed (server-sent events) after this message, with a token for it.
    pub(super) live_url: String,
}
