//! The fold of a conversation, and with it the fencing rules.
//!
//! A conversation is with its bot or with people. Callers decide on views that may be a moment
//! old, and two nodes may race; the order of the log settles it here: a bot's reply that lands
//! after a person took over is discarded, and so is a second reply to the same turn. What is
//! discarded is shown to nobody.

use serde::{Deserialize, Serialize};

pub use keys::Keys;

use super::event::{
    Body, BotVersion, ConversationUpdated, Event, MessageInbound, MessageOutbound, Side,
};
use super::ids::{AccountId, ContactId, ConversationId, MessageId};
use super::language::Language;
use super::message::{Author, Channel};
use super::seq::Seq;
use super::text::{PersonName, Title};
use super::time::Timestamp;
use super::variables::Variables;

mod keys;

/// Whether the fold let an event change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Applied,
    Discarded(Why),
}

/// Why the fold discarded an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A replay: the state stands at or behind this event already.
    AlreadyApplied,
    /// What the event makes is there.
    AlreadyThere,
    /// What the event is about is not there.
    Unknown,
    /// A person took over before the bot's reply landed.
    PeopleTookOver,
    /// The turn is answered, stopped or was never asked.
    TurnIsClosed,
    /// An older turn is owed an answer first.
    OlderTurnIsOwed,
    /// The conversation was deleted.
    Deleted,
    /// Nothing would change.
    NoChange,
    /// Another message has its idempotency key.
    KeyIsUsed,
    /// Its sender looked for its idempotency key too long ago: it looks again.
    LookedTooLongAgo,
    /// The event is about something else.
    NotConcerned,
}

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Handling {
    Bot,
    /// Waiting for a person; `agent` is who is expected to take it.
    Escalated {
        agent: Option<PersonName>,
    },
    Assigned {
        agent: PersonName,
    },
}

/// An inbound message that the bot has yet to answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenTurn {
    pub message_id: MessageId,
    pub seq: Seq,
    pub at: Timestamp,
}

/// A thread of messages, as of `last_seq`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    pub id: ConversationId,
    pub account: AccountId,
    pub contact_id: ContactId,
    pub channel: Channel,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Title>,
    /// What answers it, whatever is deployed now; none where nothing was when it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot: Option<BotVersion>,
    /// What its bot knows, and the step of a flow that the next message answers.
    #[serde(default, skip_serializing_if = "Variables::is_empty")]
    pub variables: Variables,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// The message that may open it, where only one may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<MessageId>,
    pub handling: Handling,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resolved: bool,
    /// What is left of it is that it was.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// The language of the last inbound message.
    pub language: Option<Language>,
    pub message_count: u64,
    /// Turns the bot owes an answer, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<OpenTurn>,
    /// The turn the bot answered last, and those that were last stopped and discarded: what is
    /// written twice is shown once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_answered: Option<MessageId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_stopped: Option<MessageId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_discarded: Option<MessageId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_by_customer: Option<MessageId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_by_agent: Option<MessageId>,
    #[serde(default, skip_serializing_if = "Keys::is_empty")]
    pub keys: Keys,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub last_seq: Seq,
}

/// Where a conversation stands, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Bot,
    Escalated,
    Assigned,
    Resolved,
}

impl Conversation {
    /// The conversation that a `conversation.started` makes; none for any other event.
    pub fn started(seq: Seq, event: &Event) -> Option<Self> {
        let Body::ConversationStarted(data) = &event.body else { return None };
        Some(Self {
            id: data.conversation_id,
            account: event.account,
            contact_id: data.contact_id,
            channel: data.channel,
            title: data.title.clone(),
            bot: data.bot,
            variables: data.variables.clone(),
            position: None,
            opening: data.opening,
            handling: Handling::Bot,
            resolved: false,
            deleted: false,
            language: None,
            message_count: 0,
            turns: Vec::new(),
            last_answered: None,
            last_stopped: None,
            last_discarded: None,
            read_by_customer: None,
            read_by_agent: None,
            keys: Keys::default(),
            created_at: event.at,
            updated_at: event.at,
            last_seq: seq,
        })
    }

    /// Folds one event in.
    pub fn apply(&mut self, seq: Seq, event: &Event) -> Effect {
        if seq <= self.last_seq {
            return Effect::Discarded(Why::AlreadyApplied);
        }
        let effect = match &event.body {
            _ if self.deleted => Effect::Discarded(Why::Deleted),
            Body::MessageInbound(data) => self.inbound(seq, event.at, data),
            Body::MessageOutbound(data) => self.outbound(data),
            Body::ConversationEscalated(data) => {
                self.escalate(data.in_reply_to, data.assigned_agent.clone())
            }
            Body::ConversationAssigned(data) => self.assign(data.agent.clone()),
            Body::ConversationResolved(_) => self.resolve(),
            Body::ConversationReopened(_) => self.reopen(),
            Body::ConversationRead(data) => self.read(data.reader, data.message_id),
            Body::ReplyStopped(data) => self.stop(data.in_reply_to),
            Body::ReplyDiscarded(data) => self.discard(data.in_reply_to),
            Body::ReplyFailed(data) => {
                if self.close(data.in_reply_to) {
                    Effect::Applied
                } else {
                    Effect::Discarded(Why::TurnIsClosed)
                }
            }
            Body::ConversationStarted(_) => Effect::Discarded(Why::AlreadyThere),
            Body::ConversationUpdated(data) => self.update(data),
            Body::ConversationDeleted(_) => self.delete(),
            _ => Effect::Discarded(Why::NotConcerned),
        };
        self.last_seq = seq;
        if effect == Effect::Applied {
            self.updated_at = self.updated_at.max(event.at);
        }
        effect
    }

    /// Where the conversation stands.
    pub fn status(&self) -> Status {
        match &self.handling {
            _ if self.resolved => Status::Resolved,
            Handling::Bot => Status::Bot,
            Handling::Escalated { .. } => Status::Escalated,
            Handling::Assigned { .. } => Status::Assigned,
        }
    }

    /// The person who has it, or to whom it was handed.
    pub fn agent(&self) -> Option<&PersonName> {
        match &self.handling {
            Handling::Bot => None,
            Handling::Escalated { agent } => agent.as_ref(),
            Handling::Assigned { agent } => Some(agent),
        }
    }

    /// Whether the bot answers what comes next.
    pub fn is_with_bot(&self) -> bool {
        self.handling == Handling::Bot || self.resolved
    }

    /// Whether the bot still owes this message an answer.
    pub fn owes(&self, message: MessageId) -> bool {
        self.turns.iter().any(|turn| turn.message_id == message)
    }

    fn inbound(&mut self, seq: Seq, at: Timestamp, data: &MessageInbound) -> Effect {
        if data.opens && self.opening != Some(data.message_id) {
            return Effect::Discarded(Why::AlreadyThere);
        }
        if let Some(asked) = &data.idempotency {
            if let Some(why) = self.keys.refuse(asked) {
                return Effect::Discarded(why);
            }
            self.keys.note(asked, seq, at);
        }
        if self.resolved {
            self.reopen();
        }
        self.message_count += 1;
        self.language = Some(data.language);
        if self.handling == Handling::Bot {
            self.turns.push(OpenTurn { message_id: data.message_id, seq, at });
        }
        Effect::Applied
    }

    fn outbound(&mut self, data: &MessageOutbound) -> Effect {
        match &data.author {
            Author::Bot { .. } => {
                if self.handling != Handling::Bot {
                    return Effect::Discarded(Why::PeopleTookOver);
                }
                let Some(turn) = data.in_reply_to.filter(|turn| self.owes(*turn)) else {
                    return Effect::Discarded(Why::TurnIsClosed);
                };
                if self.turns.first().is_some_and(|oldest| oldest.message_id != turn) {
                    return Effect::Discarded(Why::OlderTurnIsOwed);
                }
                self.close(turn);
                self.last_answered = data.in_reply_to;
                self.variables.merge(&data.memory.variables);
                self.position.clone_from(&data.memory.position);
            }
            Author::Agent { name } => {
                if let Ok(agent) = name.parse() {
                    self.handling = Handling::Assigned { agent };
                }
                self.resolved = false;
                self.turns.clear();
            }
            Author::Customer => return Effect::Discarded(Why::NotConcerned),
        }
        self.message_count += 1;
        Effect::Applied
    }

    /// A hand-over for a turn (by its bot) is fenced like a reply, and may follow what the bot said
    /// in that turn; one without a turn (by a person) counts unless people have the conversation.
    fn escalate(&mut self, turn: Option<MessageId>, agent: Option<PersonName>) -> Effect {
        if self.handling != Handling::Bot {
            return Effect::Discarded(Why::PeopleTookOver);
        }
        if turn.is_some_and(|message| !self.owes(message) && turn != self.last_answered) {
            return Effect::Discarded(Why::TurnIsClosed);
        }
        self.handling = Handling::Escalated { agent };
        self.turns.clear();
        Effect::Applied
    }

    fn assign(&mut self, agent: PersonName) -> Effect {
        let handling = Handling::Assigned { agent };
        if self.handling == handling && !self.resolved {
            return Effect::Discarded(Why::NoChange);
        }
        self.handling = handling;
        self.resolved = false;
        self.turns.clear();
        Effect::Applied
    }

    /// A stop ends an open turn, or comes right after the part that had been shown.
    fn stop(&mut self, message: MessageId) -> Effect {
        let turn = Some(message);
        if !self.close(message) && (self.last_answered != turn || self.last_stopped == turn) {
            return Effect::Discarded(Why::TurnIsClosed);
        }
        self.last_stopped = turn;
        Effect::Applied
    }

    fn discard(&mut self, message: MessageId) -> Effect {
        if self.last_discarded == Some(message) || self.owes(message) {
            return Effect::Discarded(Why::NoChange);
        }
        self.last_discarded = Some(message);
        Effect::Applied
    }

    fn resolve(&mut self) -> Effect {
        if self.resolved {
            return Effect::Discarded(Why::NoChange);
        }
        self.resolved = true;
        self.turns.clear();
        Effect::Applied
    }

    fn reopen(&mut self) -> Effect {
        if !self.resolved {
            return Effect::Discarded(Why::NoChange);
        }
        self.resolved = false;
        self.handling = Handling::Bot;
        self.position = None;
        Effect::Applied
    }

    fn update(&mut self, data: &ConversationUpdated) -> Effect {
        let before = (self.title.clone(), self.bot, self.variables.clone());
        if let Some(title) = &data.title {
            self.title = Some(title.clone());
        }
        if data.bot.is_some() && data.bot != self.bot {
            self.bot = data.bot;
            self.position = None;
        }
        self.variables.merge(&data.variables);
        if before == (self.title.clone(), self.bot, self.variables.clone()) {
            return Effect::Discarded(Why::NoChange);
        }
        Effect::Applied
    }

    fn delete(&mut self) -> Effect {
        self.deleted = true;
        self.turns.clear();
        self.title = None;
        self.variables = Variables::default();
        self.position = None;
        Effect::Applied
    }

    fn read(&mut self, reader: Side, message: MessageId) -> Effect {
        let place = match reader {
            Side::Customer => &mut self.read_by_customer,
            Side::Agent => &mut self.read_by_agent,
        };
        if *place == Some(message) {
            return Effect::Discarded(Why::NoChange);
        }
        *place = Some(message);
        Effect::Applied
    }

    fn close(&mut self, message: MessageId) -> bool {
        let before = self.turns.len();
        self.turns.retain(|turn| turn.message_id != message);
        self.turns.len() != before
    }
}

#[cfg(test)]
pub(crate) mod tests;
