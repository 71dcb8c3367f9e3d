//! One conversation's events, spelled shortly: for the tests of what folds, projects and shows
//! them. Every event is a little later than the one before.

use std::cell::Cell;

use uuid::Uuid;

use crate::domain::event::{
    Body, ContactCreated, ContactField, ContactUpdated, ConversationAssigned, ConversationDeleted,
    ConversationEscalated, ConversationRead, ConversationReopened, ConversationResolved,
    ConversationStarted, Event, FailureReason, MessageInbound, MessageOutbound, Received,
    ReplyDiscarded, ReplyFailed, ReplyStopped, Side,
};
use crate::domain::ids::{AccountId, ContactId, ConversationId, EventId, Id, MessageId, StreamKey};
use crate::domain::language::Language;
use crate::domain::message::{Author, Channel};
use crate::domain::text::{MessageText, PersonName};
use crate::domain::time::Timestamp;
use crate::domain::variables::Memory;

/// Whose events they are.
pub(crate) struct Story {
    pub(crate) account: AccountId,
    pub(crate) contact: ContactId,
    pub(crate) id: ConversationId,
    ticks: Cell<u64>,
}

/// The id of the customer's message `number`.
pub(crate) fn message(number: u64) -> MessageId {
    MessageId::from_uuid(Uuid::from_u128(u128::from(number) + 1))
}

pub(crate) fn name(name: &str) -> PersonName {
    name.parse().expect("a name")
}

impl Story {
    pub(crate) fn numbered(number: u128) -> Self {
        Self {
            account: AccountId::from_uuid(Uuid::from_u128(number)),
            contact: ContactId::from_uuid(Uuid::from_u128(number)),
            id: ConversationId::from_uuid(Uuid::from_u128(number)),
            ticks: Cell::new(0),
        }
    }

    pub(crate) fn event(&self, body: Body) -> Event {
        let tick = self.ticks.get() + 1;
        self.ticks.set(tick);
        Event {
            id: EventId::from_uuid(Uuid::from_u128(u128::from(tick))),
            at: Timestamp::from_millis(1_750_000_000_000)
                .plus(std::time::Duration::from_secs(tick)),
            account: self.account,
            key: StreamKey::Contact(self.contact),
            body,
            received: Received::default(),
        }
    }

    pub(crate) fn created(&self) -> Event {
        self.event(Body::ContactCreated(ContactCreated {
            contact_id: self.contact,
            name: name("Jane"),
            email: None,
            phone: None,
            channel: Channel::Web,
            source: "web".into(),
        }))
    }

    /// All three values, and which of them are said to have changed.
    pub(crate) fn updated(
        &self,
        changed: &[ContactField],
        values: (&str, Option<&str>, Option<&str>),
    ) -> Event {
        self.event(Body::ContactUpdated(ContactUpdated {
            contact_id: self.contact,
            changed_fields: changed.to_vec(),
            name: name(values.0),
            email: values.1.map(|email| email.parse().expect("an email address")),
            phone: values.2.map(|phone| phone.parse().expect("a phone number")),
            channel: Channel::Web,
        }))
    }

    pub(crate) fn started(&self) -> Event {
        let (conversation_id, contact_id) = (self.id, self.contact);
        let channel = Channel::Web;
        let data = ConversationStarted::new(conversation_id, contact_id, channel);
        self.event(Body::ConversationStarted(data))
    }

    pub(crate) fn inbound(&self, number: u64) -> Event {
        self.event(Body::MessageInbound(MessageInbound {
            message_id: message(number),
            conversation_id: self.id,
            contact_id: self.contact,
            channel: Channel::Web,
            text: format!("question {number}").parse().expect("a text"),
            language: Language::ENGLISH,
            opens: false,
            context: Vec::new(),
            attachments: Vec::new(),
            spoken: false,
            idempotency: None,
        }))
    }

    /// The bot's reply to message `number`.
    pub(crate) fn reply(&self, number: u64, text: &str, partial: bool) -> Event {
        let author = Author::Bot { name: "Acme".into() };
        let id = message(number).reply();
        self.outbound(id, author, Some(message(number)), text, partial)
    }

    /// What a person says.
    pub(crate) fn agent_says(&self, number: u64, agent: &str) -> Event {
        let id = MessageId::from_uuid(Uuid::from_u128((7 << 64) + u128::from(number)));
        self.outbound(id, Author::Agent { name: agent.into() }, None, "I am here", false)
    }

    fn outbound(
        &self,
        message_id: MessageId,
        author: Author,
        in_reply_to: Option<MessageId>,
        text: &str,
        partial: bool,
    ) -> Event {
        self.event(Body::MessageOutbound(MessageOutbound {
            message_id,
            conversation_id: self.id,
            contact_id: self.contact,
            channel: Channel::Web,
            author,
            text: MessageText::from_bot(text.into()),
            language: Language::ENGLISH,
            in_reply_to,
            intent: None,
            bot: None,
            buttons: Vec::new(),
            attachments: Vec::new(),
            memory: Memory::default(),
            partial,
        }))
    }

    /// For the turn of message `turn` (by the bot), or without one (by a person).
    pub(crate) fn escalated(&self, turn: Option<u64>) -> Event {
        self.event(Body::ConversationEscalated(ConversationEscalated {
            conversation_id: self.id,
            contact_id: self.contact,
            contact_name: name("Jane"),
            in_reply_to: turn.map(message),
            trigger_message: None,
            assigned_agent: Some(name("Sarah")),
        }))
    }

    pub(crate) fn assigned(&self, agent: &str) -> Event {
        let data = ConversationAssigned { conversation_id: self.id, agent: name(agent) };
        self.event(Body::ConversationAssigned(data))
    }

    pub(crate) fn resolved(&self) -> Event {
        self.event(Body::ConversationResolved(ConversationResolved {
            conversation_id: self.id,
            contact_id: self.contact,
            contact_name: name("Jane"),
        }))
    }

    pub(crate) fn reopened(&self) -> Event {
        let data = ConversationReopened { conversation_id: self.id };
        self.event(Body::ConversationReopened(data))
    }

    pub(crate) fn deleted(&self) -> Event {
        let data = ConversationDeleted { conversation_id: self.id };
        self.event(Body::ConversationDeleted(data))
    }

    pub(crate) fn read(&self, number: u64) -> Event {
        self.event(Body::ConversationRead(ConversationRead {
            conversation_id: self.id,
            reader: Side::Customer,
            by: None,
            message_id: message(number),
        }))
    }

    pub(crate) fn stopped(&self, number: u64) -> Event {
        let (reply_id, in_reply_to) = (message(number).reply(), message(number));
        let data = ReplyStopped { conversation_id: self.id, reply_id, in_reply_to };
        self.event(Body::ReplyStopped(data))
    }

    pub(crate) fn discarded(&self, number: u64) -> Event {
        let (reply_id, in_reply_to) = (message(number).reply(), message(number));
        let data = ReplyDiscarded { conversation_id: self.id, reply_id, in_reply_to };
        self.event(Body::ReplyDiscarded(data))
    }

    pub(crate) fn failed(&self, number: u64) -> Event {
        self.event(Body::ReplyFailed(ReplyFailed {
            conversation_id: self.id,
            in_reply_to: message(number),
            reason: FailureReason::BotFailed,
        }))
    }
}
