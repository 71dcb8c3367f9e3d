//! From an applied event to the document that is searched. Pure.

use serde::Serialize;

use crate::domain::event::Body;
use crate::domain::ids::{AccountId, ContactId, ConversationId, MessageId};
use crate::domain::language::Language;
use crate::domain::message::{Author, Channel};
use crate::domain::seq::Seq;
use crate::domain::text::MessageText;
use crate::domain::time::Timestamp;
use crate::engine::Recorded;

/// One message as the index keeps it; the field names are those of the index's mapping.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document {
    pub account: AccountId,
    pub conversation: ConversationId,
    pub contact: ContactId,
    pub message: MessageId,
    /// Who wrote it: `customer`, `bot` or `agent`.
    pub author: &'static str,
    pub channel: Channel,
    pub language: Language,
    pub at: Timestamp,
    /// Where the message stands in the log; also the document's version.
    pub seq: Seq,
    pub text: MessageText,
}

impl Document {
    /// The document of a message; none for any other event.
    pub fn of(recorded: &Recorded) -> Option<Self> {
        let event = &*recorded.event;
        let (account, at, seq) = (event.account, event.at, recorded.seq);
        match &event.body {
            Body::MessageInbound(data) => Some(Self {
                account,
                conversation: data.conversation_id,
                contact: data.contact_id,
                message: data.message_id,
                author: word(&Author::Customer),
                channel: data.channel,
                language: data.language,
                at,
                seq,
                text: data.text.clone(),
            }),
            Body::MessageOutbound(data) => Some(Self {
                account,
                conversation: data.conversation_id,
                contact: data.contact_id,
                message: data.message_id,
                author: word(&data.author),
                channel: data.channel,
                language: data.language,
                at,
                seq,
                text: data.text.clone(),
            }),
            _ => None,
        }
    }

    /// The document's name in the index. Two accounts may use the same ids.
    pub fn id(&self) -> String {
        format!("{}.{}.{}", self.account, self.conversation, self.message)
    }
}

fn word(author: &Author) -> &'static str {
    match author {
        Author::Customer => "customer",
        Author::Bot { .. } => "bot",
        Author::Agent { .. } => "agent",
    }
}

#[cfg(test)]
pub(in crate::engine::cluster) mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::event::{
        ConversationReopened, Event, MessageInbound, MessageOutbound, Received,
    };
    use crate::domain::ids::{EventId, Id, StreamKey};
    use crate::domain::variables::Memory;

    fn recorded(seq: u64, bits: u128, body: Body) -> Recorded {
        let event = Event {
            id: EventId::from_uuid(Uuid::from_u128(seq.into())),
            at: Timestamp::from_millis(seq.cast_signed()),
            account: AccountId::from_uuid(Uuid::from_u128(bits)),
            key: StreamKey::Contact(ContactId::from_uuid(Uuid::from_u128(bits))),
            body,
            received: Received::default(),
        };
        Recorded { seq: Seq::new(seq), event: Arc::new(event) }
    }

    /// A customer's message; its ids follow from `bits` and `seq`.
    pub(in crate::engine::cluster) fn inbound(seq: u64, bits: u128, text: &str) -> Recorded {
        let body = Body::MessageInbound(MessageInbound {
            message_id: MessageId::from_uuid(Uuid::from_u128(seq.into())),
            conversation_id: ConversationId::from_uuid(Uuid::from_u128(bits)),
            contact_id: ContactId::from_uuid(Uuid::from_u128(bits)),
            channel: Channel::Web,
            text: MessageText::from_bot(text.to_owned()),
            language: Language::ENGLISH,
            opens: false,
            context: Vec::new(),
            attachments: Vec::new(),
            spoken: false,
            idempotency: None,
        });
        recorded(seq, bits, body)
    }

    fn outbound(author: Author) -> Recorded {
        let body = Body::MessageOutbound(MessageOutbound {
            message_id: MessageId::from_uuid(Uuid::from_u128(2)),
            conversation_id: ConversationId::from_uuid(Uuid::from_u128(3)),
            contact_id: ContactId::from_uuid(Uuid::from_u128(4)),
            channel: Channel::Whatsapp,
            author,
            text: MessageText::from_bot("Bonjour".into()),
            language: Language::of("fr"),
            in_reply_to: None,
            intent: None,
            bot: None,
            buttons: Vec::new(),
            attachments: Vec::new(),
            memory: Memory::default(),
            partial: false,
        });
        recorded(5, 1, body)
    }

    #[test]
    fn a_document_says_what_its_message_said() {
        let document = Document::of(&outbound(Author::Agent { name: "Sarah".into() }));
        let written = serde_json::to_value(document.expect("a message")).expect("JSON");
        let expected = serde_json::json!({
            "account": "ac_1", "conversation": "cv_3", "contact": "ct_4",
            "message": "00000000000000000000000000000002", "author": "agent",
            "channel": "whatsapp", "language": "fr", "at": "1970-01-01T00:00:00.005Z",
            "seq": 5, "text": "Bonjour",
        });
        assert_eq!(written, expected);
    }

    #[test]
    fn both_directions_are_searched_and_nothing_else_is() {
        let authors = [
            inbound(1, 1, "Hello"),
            outbound(Author::Bot { name: "Acme".into() }),
            outbound(Author::Agent { name: "Sarah".into() }),
        ]
        .map(|event| Document::of(&event).map(|document| document.author));
        assert_eq!(authors, [Some("customer"), Some("bot"), Some("agent")]);
        let conversation_id = ConversationId::from_uuid(Uuid::from_u128(3));
        let other = Body::ConversationReopened(ConversationReopened { conversation_id });
        assert_eq!(Document::of(&recorded(1, 1, other)), None);
    }

    proptest! {
        #[test]
        fn a_document_is_named_after_account_conversation_and_message(
            one in (any::<u128>(), any::<u64>()),
            other in (any::<u128>(), any::<u64>()),
        ) {
            let id = |(bits, seq)| Document::of(&inbound(seq, bits, "x")).map(|found| found.id());
            prop_assert_eq!(id(one) == id(other), one == other);
        }

        #[test]
        fn any_text_is_kept_whole(text in any::<String>()) {
            let document = Document::of(&inbound(1, 1, &text)).expect("a message");
            let written = serde_json::to_value(&document).expect("JSON");
            prop_assert_eq!(written["text"].as_str(), Some(text.as_str()));
        }
    }
}
