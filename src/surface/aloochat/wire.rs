//! Aloo's words (seed 004), and nothing else.

use std::time::Duration;

use poem_openapi::{Enum, Object};
use serde::Serialize;

use super::agent_key::deployment_id_of;
use crate::app::messages::send::Sent;
use crate::app::turn::outcome::TurnEnd;
use crate::domain::account::Account;
use crate::domain::bot::Definition;
use crate::domain::conversation::{Conversation, Status};
use crate::domain::error::Fault;
use crate::domain::event::{Body, BotVersion, MessageOutbound};
use crate::domain::ids::{ConversationId, Id};
use crate::domain::text::Title;
use crate::domain::turn::Outcome;
use crate::domain::{Error, Result};
use crate::engine::Recorded;
use crate::surface::fields::{Field, Words, parsed};

/// The longest id, in characters.
const ID_MAX: usize = 64;

/// An agent's or a deployment's id, as it is sent.
type IdIn = Words<1, { ID_MAX as u64 }>;

/// *Create a New Conversation*, body.
#[derive(Debug, Object)]
#[oai(rename = "CreateConversation")]
pub(super) struct CreateIn {
    /// The bot's UUID; the account's default bot where it is left out.
    agent_id: Field<Option<IdIn>>,
    /// One of its versions; the deployed one where it is left out.
    deployment_id: Field<Option<IdIn>>,
    title: Field<Option<Words<1, 255>>>,
}

/// *Update a conversation*, body; what is absent stays.
#[derive(Debug, Object)]
#[oai(rename = "UpdateConversation")]
pub(super) struct UpdateIn {
    title: Field<Option<Words<1, 255>>>,
    /// The version that answers from now on.
    deployment_id: Field<Option<IdIn>>,
    status: Field<Option<StatusIn>>,
}

/// A checked body of either.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) agent_id: Option<String>,
    pub(super) deployment_id: Option<String>,
    pub(super) title: Option<Title>,
    pub(super) status: Option<StatusIn>,
}

impl TryFrom<CreateIn> for Asked {
    type Error = Error;

    fn try_from(body: CreateIn) -> Result<Self> {
        Self::new(Some(body.agent_id), body.deployment_id, body.title, None)
    }
}

impl TryFrom<UpdateIn> for Asked {
    type Error = Error;

    fn try_from(body: UpdateIn) -> Result<Self> {
        Self::new(None, body.deployment_id, body.title, Some(body.status))
    }
}

impl Asked {
    fn new(
        agent_id: Option<Field<Option<IdIn>>>,
        deployment_id: Field<Option<IdIn>>,
        title: Field<Option<Words<1, 255>>>,
        status: Option<Field<Option<StatusIn>>>,
    ) -> Result<Self> {
        let mut faults = Vec::new();
        let agent_id = agent_id.and_then(|field| id(field, "agent_id", &mut faults));
        let deployment_id = id(deployment_id, "deployment_id", &mut faults);
        let title = title.optional("title", "a string", &mut faults).flatten();
        let title = parsed(title.map(|title| title.0), "title", &mut faults);
        let status = status.and_then(|field| {
            field.optional("status", "active or resolved", &mut faults).flatten()
        });
        if !faults.is_empty() {
            return Err(Error::Invalid(faults));
        }
        Ok(Self { agent_id, deployment_id, title, status })
    }

    /// What tells one conversation that shall be created from another: what was sent.
    pub(super) fn fingerprint(&self) -> [&str; 4] {
        let title = self.title.as_ref().map_or("", Title::as_str);
        let (agent, deployment) = (self.agent_id.as_deref(), self.deployment_id.as_deref());
        ["create", agent.unwrap_or_default(), deployment.unwrap_or_default(), title]
    }
}

fn id(field: Field<Option<IdIn>>, name: &'static str, faults: &mut Vec<Fault>) -> Option<String> {
    let text = field.optional(name, "a string", faults).flatten()?.0;
    if text.trim().is_empty() || text.chars().count() > ID_MAX {
        faults.push(Fault { field: name, problem: format!("must have 1 to {ID_MAX} characters") });
    }
    Some(text)
}

/// Where a conversation may be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase", rename = "NewStatus")]
pub(super) enum StatusIn {
    /// The agent answers.
    Active,
    /// Closed.
    Resolved,
}

/// Where a conversation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase", rename = "ConversationStatus")]
#[serde(rename_all = "lowercase")]
pub(super) enum StatusOut {
    /// The agent answers.
    Active,
    /// People answer.
    Escalated,
    /// Closed; the next message makes it active again.
    Resolved,
}

impl From<Status> for StatusOut {
    fn from(status: Status) -> Self {
        match status {
            Status::Bot => Self::Active,
            Status::Escalated | Status::Assigned => Self::Escalated,
            Status::Resolved => Self::Resolved,
        }
    }
}

/// A conversation.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Conversation")]
pub(super) struct ConversationOut {
    id: String,
    #[oai(nullable)]
    agent_id: Option<String>,
    #[oai(nullable)]
    deployment_id: Option<String>,
    #[oai(nullable)]
    title: Option<String>,
    created_at: String,
    updated_at: String,
    status: StatusOut,
}

impl ConversationOut {
    pub(super) fn new(account: &Account, state: &Conversation) -> Self {
        let bot = account.answering(state.bot);
        Self {
            id: spelled(state.id),
            agent_id: bot.map(|bot| bot.bot_id.uuid().to_string()),
            deployment_id: bot.map(|bot| deployment_id_of(bot).to_string()),
            title: state.title.as_ref().map(ToString::to_string),
            created_at: state.created_at.to_string(),
            updated_at: state.updated_at.to_string(),
            status: state.status().into(),
        }
    }
}

/// A conversation's id in this surface's spelling.
pub(super) fn spelled(id: ConversationId) -> String {
    id.to_string().replacen("cv_", "conv_", 1)
}

/// *Get User Conversations*.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "ConversationList")]
pub(super) struct ConversationsOut {
    /// Newest first.
    pub(super) conversations: Vec<ConversationOut>,
    /// Give it as `cursor` for the next page; null on the last.
    #[oai(nullable)]
    pub(super) next_cursor: Option<String>,
}

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    User,
    Assistant,
}

/// A message.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Message")]
pub(super) struct MessageOut {
    id: String,
    role: Role,
    content: String,
    created_at: String,
}

impl MessageOut {
    /// None for what is no message.
    pub(super) fn new(entry: &Recorded) -> Option<Self> {
        let (id, role, text) = match &entry.event.body {
            Body::MessageInbound(data) => (data.message_id, Role::User, &data.text),
            Body::MessageOutbound(data) => (data.message_id, Role::Assistant, &data.text),
            _ => return None,
        };
        let (content, created_at) = (text.to_string(), entry.event.at.to_string());
        Some(Self { id: id.to_string(), role, content, created_at })
    }
}

/// *Message History*.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "MessageList")]
pub(super) struct MessagesOut {
    /// Oldest first.
    pub(super) messages: Vec<MessageOut>,
    /// Give it as `cursor` for the next page; null on the last.
    #[oai(nullable)]
    pub(super) next_cursor: Option<String>,
}

/// *Chat Response*.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "ChatResponse")]
pub(super) struct ChatOut {
    pub(super) conversation_id: String,
    pub(super) agent_response_text: String,
    /// From the message to what ended its turn, as they are stored; 0 where the two are one write,
    /// or where people have the conversation.
    pub(super) response_time_ms: u64,
    /// The agent answered, and neither handed over nor fell back.
    pub(super) was_resolved: bool,
}

/// Whether a turn was resolved: the bot answered, whole and of its own knowledge, and did not hand
/// over. What happened to the conversation later is not judged.
pub(super) fn was_resolved(account: &Account, ending: &TurnEnd) -> bool {
    let Outcome::Replied(reply) = &ending.outcome else { return false };
    !reply.partial && !ending.handed_over && !fell_back(account, reply)
}

/// Milliseconds from the message to what ended its turn, as they are stored: whoever asks again is
/// told the same.
pub(super) fn response_time_ms(sent: &Sent, ending: &TurnEnd) -> u64 {
    let took = ending.event.map_or(Duration::ZERO, |(_, at)| at.since(sent.at));
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

/// An FAQ's answer without an intent is its fallback; an answer without a bot is the account's.
fn fell_back(account: &Account, reply: &MessageOutbound) -> bool {
    let definition = |version: BotVersion| account.definition(version);
    match reply.bot.map(definition) {
        None => true,
        Some(Some(definition)) => {
            reply.intent.is_none() && matches!(**definition, Definition::Faq(_))
        }
        Some(None) => false,
    }
}
