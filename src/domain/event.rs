//! Events: what happened. Never refused, never changed, read for ever.
//!
//! The JSON of an event is `{"id","type","at","account","key","data"}`; `type` names the struct in
//! `data`. Names and meanings here are append-only: the oldest event must still be readable, and
//! `tests/it/documents/events.rs` holds the schemas against the checked-in ones. Optional fields may be added.

use schemars::JsonSchema;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

use super::attachment::Attachment;
use super::ids::{AccountId, BotId, ContactId, ConversationId, EventId, MessageId, StreamKey};
use super::language::Language;
use super::message::{Author, Channel, Said};
use super::seq::Seq;
use super::text::{Email, MessageText, PersonName, Phone, Title};
use super::time::Timestamp;
use super::variables::{Memory, Variables};

mod administration;
mod received;
mod replies;

pub use administration::{
    AccountCreated, AgentUpdated, BotDeployed, BotDrafted, BotWithdrawn, KeyIssued, KeyRevoked,
    SecretRotated, SettingsChanged,
};
pub use received::Received;
pub use replies::{FailureReason, ReplyDiscarded, ReplyFailed, ReplyStopped};

/// An event before or after it is in the log; its place there is its `Seq`.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub id: EventId,
    pub at: Timestamp,
    pub account: AccountId,
    pub key: StreamKey,
    pub body: Body,
    /// The `data` as it came, where the event was read from a log that others write too.
    pub received: Received,
}

macro_rules! bodies {
    ($($(#[$doc:meta])* $variant:ident($payload:ty) = $name:literal,)*) => {
        /// What happened, by type.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Body {
            $($(#[$doc])* $variant($payload),)*
        }

        impl Body {
            /// The names of all types, in the order in which releases have learnt them: what is new comes
            /// last. Nodes tell each other how many they know.
            pub const NAMES: &[&str] = &[$($name,)*];

            /// The event type's name, such as `message.inbound`.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)* }
            }

            /// The `data` of an event of type `name`; none for a type that is not known here.
            pub fn read(name: &str, data: &str) -> Option<serde_json::Result<Self>> {
                if cfg!(feature = "older-release") && !Self::known().contains(&name) {
                    return None;
                }
                match name {
                    $($name => Some(serde_json::from_str(data).map(Self::$variant)),)*
                    _ => None,
                }
            }

            /// The event's `data` alone, as JSON.
            ///
            /// # Errors
            /// As the serializer's; none of these types has any.
            pub fn data_json(&self) -> serde_json::Result<Vec<u8>> {
                match self { $(Self::$variant(data) => serde_json::to_vec(data),)* }
            }
        }

        impl Event {
            /// The name and the JSON Schema of the `data` of every event type.
            pub fn schemas() -> Vec<(&'static str, schemars::Schema)> {
                vec![$(($name, schemars::schema_for!($payload)),)*]
            }
        }

        impl Serialize for Event {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut out = serializer.serialize_struct("Event", 6)?;
                out.serialize_field("id", &self.id)?;
                out.serialize_field("type", self.body.name())?;
                out.serialize_field("at", &self.at)?;
                out.serialize_field("account", &self.account)?;
                out.serialize_field("key", &self.key)?;
                match (self.received.data(), &self.body) {
                    (Some(received), _) => out.serialize_field("data", received)?,
                    $((None, Body::$variant(data)) => out.serialize_field("data", data)?,)*
                }
                out.end()
            }
        }
    };
}

bodies! {
    ContactCreated(ContactCreated) = "contact.created",
    ContactUpdated(ContactUpdated) = "contact.updated",
    ConversationStarted(ConversationStarted) = "conversation.started",
    ConversationUpdated(ConversationUpdated) = "conversation.updated",
    ConversationEscalated(ConversationEscalated) = "conversation.escalated",
    ConversationAssigned(ConversationAssigned) = "conversation.assigned",
    ConversationResolved(ConversationResolved) = "conversation.resolved",
    ConversationReopened(ConversationReopened) = "conversation.reopened",
    ConversationDeleted(ConversationDeleted) = "conversation.deleted",
    MessageInbound(MessageInbound) = "message.inbound",
    MessageOutbound(MessageOutbound) = "message.outbound",
    ReplyStopped(ReplyStopped) = "reply.stopped",
    ReplyDiscarded(ReplyDiscarded) = "reply.discarded",
    ReplyFailed(ReplyFailed) = "reply.failed",
    AccountCreated(AccountCreated) = "account.created",
    KeyIssued(KeyIssued) = "key.issued",
    KeyRevoked(KeyRevoked) = "key.revoked",
    BotDrafted(BotDrafted) = "bot.drafted",
    BotDeployed(BotDeployed) = "bot.deployed",
    BotWithdrawn(BotWithdrawn) = "bot.withdrawn",
    AgentUpdated(AgentUpdated) = "agent.updated",
    SettingsChanged(SettingsChanged) = "settings.changed",
    ConversationRead(ConversationRead) = "conversation.read",
    SecretRotated(SecretRotated) = "secret.rotated",
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            id: EventId,
            #[serde(rename = "type", borrow)]
            name: std::borrow::Cow<'a, str>,
            at: Timestamp,
            account: AccountId,
            key: StreamKey,
            #[serde(borrow)]
            data: &'a RawValue,
        }
        let raw = Raw::deserialize(deserializer)?;
        let body = Body::read(&raw.name, raw.data.get())
            .ok_or_else(|| de::Error::custom(format_args!("unknown event type {}", raw.name)))?
            .map_err(de::Error::custom)?;
        let received = Received::default();
        Ok(Self { id: raw.id, at: raw.at, account: raw.account, key: raw.key, body, received })
    }
}

impl Body {
    /// How many types every release knows that does not say how many it knows.
    pub const KNOWN_TO_ALL: usize = 22;
    /// The release that knows so many types was the last whose fold does not mind idempotency keys. That it does
    /// counts as one type more.
    const BEFORE_KEYS: usize = 24;

    /// The types of this release; with `older-release` two fewer, to run beside this one in a test.
    pub fn known() -> &'static [&'static str] {
        &Self::NAMES[..Self::NAMES.len() - if cfg!(feature = "older-release") { 2 } else { 0 }]
    }

    /// How much this release knows, as nodes tell each other: types, and that the fold minds keys.
    pub fn knowledge() -> usize {
        let types = Self::known().len();
        types + usize::from(types >= Self::BEFORE_KEYS)
    }

    /// Whether the fold of a release that knows so much minds idempotency keys.
    pub fn are_keys_minded_by(knowledge: usize) -> bool {
        knowledge > Self::BEFORE_KEYS
    }

    /// Whether a release that knows so much knows this type.
    pub fn is_known_to(&self, knowledge: usize) -> bool {
        let types = knowledge - usize::from(Self::are_keys_minded_by(knowledge));
        Self::NAMES.iter().take(types).any(|known| *known == self.name())
    }

    /// Whether the event is administration (`parlor.accounts`) and not somebody's conversation.
    pub fn is_administrative(&self) -> bool {
        match self {
            Self::AccountCreated(_)
            | Self::KeyIssued(_)
            | Self::KeyRevoked(_)
            | Self::SecretRotated(_)
            | Self::BotDrafted(_)
            | Self::BotDeployed(_)
            | Self::BotWithdrawn(_)
            | Self::AgentUpdated(_)
            | Self::SettingsChanged(_) => true,
            Self::ContactCreated(_)
            | Self::ContactUpdated(_)
            | Self::ConversationStarted(_)
            | Self::ConversationUpdated(_)
            | Self::ConversationEscalated(_)
            | Self::ConversationAssigned(_)
            | Self::ConversationResolved(_)
            | Self::ConversationReopened(_)
            | Self::ConversationRead(_)
            | Self::ConversationDeleted(_)
            | Self::MessageInbound(_)
            | Self::MessageOutbound(_)
            | Self::ReplyStopped(_)
            | Self::ReplyDiscarded(_)
            | Self::ReplyFailed(_) => false,
        }
    }

    /// The idempotency key that a message was sent with.
    pub fn key_mut(&mut self) -> Option<&mut Idempotency> {
        match self {
            Self::MessageInbound(data) => data.idempotency.as_mut(),
            _ => None,
        }
    }

    /// The conversation whose timeline the event stands in, if any.
    pub fn conversation(&self) -> Option<ConversationId> {
        match self {
            Self::ConversationStarted(data) => Some(data.conversation_id),
            Self::ConversationUpdated(data) => Some(data.conversation_id),
            Self::ConversationEscalated(data) => Some(data.conversation_id),
            Self::ConversationAssigned(data) => Some(data.conversation_id),
            Self::ConversationResolved(data) => Some(data.conversation_id),
            Self::ConversationReopened(data) => Some(data.conversation_id),
            Self::ConversationRead(data) => Some(data.conversation_id),
            Self::ConversationDeleted(data) => Some(data.conversation_id),
            Self::MessageInbound(data) => Some(data.conversation_id),
            Self::MessageOutbound(data) => Some(data.conversation_id),
            Self::ReplyStopped(data) => Some(data.conversation_id),
            Self::ReplyDiscarded(data) => Some(data.conversation_id),
            Self::ReplyFailed(data) => Some(data.conversation_id),
            Self::ContactCreated(_)
            | Self::ContactUpdated(_)
            | Self::AccountCreated(_)
            | Self::KeyIssued(_)
            | Self::KeyRevoked(_)
            | Self::SecretRotated(_)
            | Self::BotDrafted(_)
            | Self::BotDeployed(_)
            | Self::BotWithdrawn(_)
            | Self::AgentUpdated(_)
            | Self::SettingsChanged(_) => None,
        }
    }

    /// The contact whose state the event may change, if any.
    pub fn contact(&self) -> Option<ContactId> {
        match self {
            Self::ContactCreated(data) => Some(data.contact_id),
            Self::ContactUpdated(data) => Some(data.contact_id),
            Self::MessageInbound(data) => Some(data.contact_id),
            _ => None,
        }
    }
}

/// A contact's field that can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ContactField {
    Name,
    Email,
    Phone,
}

/// A new contact appeared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContactCreated {
    pub contact_id: ContactId,
    pub name: PersonName,
    pub email: Option<Email>,
    pub phone: Option<Phone>,
    pub channel: Channel,
    /// Where the contact came from; the channel's name unless something better is known.
    pub source: String,
}

/// A contact's name, email or phone changed; the values are those after the change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContactUpdated {
    pub contact_id: ContactId,
    /// Exactly what changed; never empty.
    pub changed_fields: Vec<ContactField>,
    pub name: PersonName,
    pub email: Option<Email>,
    pub phone: Option<Phone>,
    pub channel: Channel,
}

/// A thread began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConversationStarted {
    pub conversation_id: ConversationId,
    pub contact_id: ContactId,
    pub channel: Channel,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Title>,
    /// What answers it from now on, whatever is deployed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot: Option<BotVersion>,
    /// What its bot may know from the start.
    #[serde(default, skip_serializing_if = "Variables::is_empty")]
    pub variables: Variables,
    /// The one message that may open it, where several callers may try at once: its `opens` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<MessageId>,
    /// Set when the caller began it without a message and gave an `Idempotency-Key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Idempotency>,
}

impl ConversationStarted {
    /// One that says nothing more than that it began.
    pub fn new(conversation_id: ConversationId, contact_id: ContactId, channel: Channel) -> Self {
        Self {
            conversation_id,
            contact_id,
            channel,
            title: None,
            bot: None,
            variables: Variables::default(),
            opening: None,
            idempotency: None,
        }
    }
}

/// Something about a thread changed; what is absent stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConversationUpdated {
    pub conversation_id: ConversationId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Title>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot: Option<BotVersion>,
    /// Those that changed.
    #[serde(default, skip_serializing_if = "Variables::is_empty")]
    pub variables: Variables,
}

/// A thread is gone for good: nobody reads it any more, and nothing can be added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConversationDeleted {
    pub conversation_id: ConversationId,
}

/// A conversation was handed to people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConversationEscalated {
    pub conversation_id: ConversationId,
    pub contact_id: ContactId,
    pub contact_name: PersonName,
    /// The inbound message that caused it; the bot's turn for it ends here.
    pub in_reply_to: Option<MessageId>,
    pub trigger_message: Option<MessageText>,
    pub assigned_agent: Option<PersonName>,
}

/// An agent took the conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConversationAssigned {
    pub conversation_id: ConversationId,
    pub agent: PersonName,
}

/// A conversation was closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConversationResolved {
    pub conversation_id: ConversationId,
    pub contact_id: ContactId,
    pub contact_name: PersonName,
}

/// A closed conversation goes on, with its bot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConversationReopened {
    pub conversation_id: ConversationId,
}

/// Somebody has read the conversation up to and including a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConversationRead {
    pub conversation_id: ConversationId,
    pub reader: Side,
    pub message_id: MessageId,
    /// Who of the business it was; absent for the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Author>,
}

/// Which side of a conversation has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Reader")]
pub enum Side {
    Customer,
    Agent,
}

/// A customer sent a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MessageInbound {
    pub message_id: MessageId,
    pub conversation_id: ConversationId,
    pub contact_id: ContactId,
    pub channel: Channel,
    pub text: MessageText,
    pub language: Language,
    /// The message counts only as the first of its conversation, named in its `opening`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub opens: bool,
    /// What was said elsewhere before, as its sender tells it; for the bot's ears only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<Said>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// It was spoken: the text is what was understood.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spoken: bool,
    /// Set when the caller gave an `Idempotency-Key`: the fold of this event claims it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Idempotency>,
}

/// The claim of an idempotency key; neither the key nor the request can be read back from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Idempotency {
    /// SHA-256 of surface and key, hex.
    pub key: String,
    /// SHA-256 of what was asked for, hex; another request under the same key is refused.
    pub request: String,
    /// Of a message in a conversation: up to which of its events the key was looked for. Where it was used in a
    /// later one, the fold discards the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seq>,
}

/// The bot or an agent answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MessageOutbound {
    pub message_id: MessageId,
    pub conversation_id: ConversationId,
    pub contact_id: ContactId,
    pub channel: Channel,
    pub author: Author,
    pub text: MessageText,
    pub language: Language,
    /// The inbound message that this answers; always set for a bot.
    pub in_reply_to: Option<MessageId>,
    /// The purpose the bot saw in the turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "older-release", serde(skip))]
    pub intent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot: Option<BotVersion>,
    /// Answers that the customer may choose from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// What the bot wants remembered from here on.
    #[serde(default, skip_serializing_if = "Memory::is_empty")]
    pub memory: Memory,
    /// The reply was stopped: the text is what had been shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
}

/// Which version of which bot answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct BotVersion {
    pub bot_id: BotId,
    pub version: u32,
}
