//! Events as the use cases make them.

use parlor::app::clock;
use parlor::domain::account::Settings;
use parlor::domain::event::{
    AccountCreated, Body, ContactCreated, ConversationAssigned, ConversationDeleted,
    ConversationEscalated, ConversationRead, ConversationResolved, ConversationStarted, Event,
    Idempotency, MessageInbound, MessageOutbound, Received, SettingsChanged, Side,
};
use parlor::domain::ids::{AccountId, ContactId, ConversationId, MessageId, StreamKey};
use parlor::domain::language::Language;
use parlor::domain::message::{Author, Channel};
use parlor::domain::seq::Seq;
use parlor::domain::text::MessageText;
use parlor::domain::variables::Memory;
use parlor::engine::relay::Whereabouts;
use parlor::engine::{Engine, Recorded};

/// One contact's conversation.
#[derive(Clone)]
pub struct Thread {
    pub account: AccountId,
    pub contact: ContactId,
    pub id: ConversationId,
}

impl Thread {
    pub fn new() -> Self {
        Self { account: clock::mint(), contact: clock::mint(), id: clock::mint() }
    }

    pub fn event(&self, body: Body) -> Event {
        let (account, key) = (self.account, self.key());
        let received = Received::default();
        Event { id: clock::mint(), at: clock::now(), account, key, body, received }
    }

    /// The contact and the conversation.
    pub fn begin(&self) -> Vec<Event> {
        let (contact_id, conversation_id) = (self.contact, self.id);
        let channel = Channel::Web;
        vec![
            self.event(Body::ContactCreated(ContactCreated {
                contact_id,
                name: "Jane".parse().expect("a name"),
                email: None,
                phone: None,
                channel,
                source: "web".into(),
            })),
            self.event(Body::ConversationStarted(ConversationStarted::new(
                conversation_id,
                contact_id,
                channel,
            ))),
        ]
    }

    /// A new thread, begun in an engine, whose observer is told of it.
    pub async fn begun(engine: &dyn Engine) -> Self {
        let thread = Self::new();
        thread.watch(engine);
        engine.append(thread.begin()).await.expect("appended");
        thread
    }

    /// Where nodes tell each other only of what is watched: watches this conversation.
    pub fn watch(&self, engine: &dyn Engine) {
        if let Some(relay) = engine.relay() {
            relay.watch(self.whereabouts(), Seq::START);
        }
    }

    pub fn whereabouts(&self) -> Whereabouts {
        Whereabouts { account: self.account, conversation: self.id, key: self.key() }
    }

    /// What the conversation's events are ordered by.
    pub fn key(&self) -> StreamKey {
        StreamKey::Contact(self.contact)
    }

    pub fn inbound(&self, text: &str) -> (MessageId, Event) {
        let message_id = clock::mint();
        let body = Body::MessageInbound(MessageInbound {
            message_id,
            conversation_id: self.id,
            contact_id: self.contact,
            channel: Channel::Web,
            text: text.parse().expect("a text"),
            language: Language::ENGLISH,
            opens: false,
            context: Vec::new(),
            attachments: Vec::new(),
            spoken: false,
            idempotency: None,
        });
        (message_id, self.event(body))
    }

    pub fn inbound_with_key(&self, key: &str) -> (MessageId, Event) {
        self.keyed(asked(key, None))
    }

    /// Whose sender has looked for the key up to an event.
    pub fn inbound_having_seen(&self, key: &str, seen: Seq) -> (MessageId, Event) {
        self.keyed(asked(key, Some(seen)))
    }

    fn keyed(&self, asked: Idempotency) -> (MessageId, Event) {
        let (message, mut event) = self.inbound("once");
        if let Body::MessageInbound(data) = &mut event.body {
            data.idempotency = Some(asked);
        }
        (message, event)
    }

    pub fn reply(&self, message: MessageId, text: &str) -> Event {
        let author = Author::Bot { name: "Acme".into() };
        self.outbound(message.reply(), author, Some(message), text)
    }

    /// What a person says; they have the conversation from here on.
    pub fn agent_says(&self, text: &str) -> Event {
        self.outbound(clock::mint(), Author::Agent { name: "Sarah".into() }, None, text)
    }

    fn outbound(
        &self,
        message_id: MessageId,
        author: Author,
        in_reply_to: Option<MessageId>,
        text: &str,
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
            partial: false,
        }))
    }

    pub fn assigned(&self) -> Event {
        let agent = "Sarah".parse().expect("a name");
        let data = ConversationAssigned { conversation_id: self.id, agent };
        self.event(Body::ConversationAssigned(data))
    }

    pub fn escalated(&self, message: MessageId) -> Event {
        self.event(Body::ConversationEscalated(ConversationEscalated {
            conversation_id: self.id,
            contact_id: self.contact,
            contact_name: "Jane".parse().expect("a name"),
            in_reply_to: Some(message),
            trigger_message: None,
            assigned_agent: None,
        }))
    }

    pub fn resolved(&self) -> Event {
        self.event(Body::ConversationResolved(ConversationResolved {
            conversation_id: self.id,
            contact_id: self.contact,
            contact_name: "Jane".parse().expect("a name"),
        }))
    }

    pub fn deleted(&self) -> Event {
        self.event(Body::ConversationDeleted(ConversationDeleted { conversation_id: self.id }))
    }

    pub fn read(&self, message_id: MessageId) -> Event {
        let (conversation_id, reader) = (self.id, Side::Customer);
        let data = ConversationRead { conversation_id, reader, message_id, by: None };
        self.event(Body::ConversationRead(data))
    }

    /// Administration of this thread's account.
    pub fn administration(&self) -> Vec<Event> {
        let bodies = [
            Body::AccountCreated(AccountCreated {
                name: "Acme".into(),
                signing_secret: "secret".into(),
                settings: Settings::default(),
            }),
            Body::SettingsChanged(SettingsChanged { settings: Settings::default() }),
        ];
        let key = StreamKey::Account(self.account);
        bodies.into_iter().map(|body| Event { key, ..self.event(body) }).collect()
    }
}

/// The events alone.
pub fn events(recorded: &[Recorded]) -> Vec<Event> {
    recorded.iter().map(|entry| (*entry.event).clone()).collect()
}

fn asked(key: &str, seen: Option<Seq>) -> Idempotency {
    Idempotency { key: key.into(), request: "asked".into(), seen }
}
