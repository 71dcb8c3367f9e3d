//! What the pure core costs per message: `cargo bench --bench core`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use parlor::bot::faq::{self, Faq};
use parlor::domain::event::{
    Body, ContactCreated, ConversationStarted, Event, MessageInbound, MessageOutbound, Received,
};
use parlor::domain::ids::{ContactId, EventId, Id, MessageId, StreamKey};
use parlor::domain::language::{self, Language};
use parlor::domain::message::{Author, Channel};
use parlor::domain::seq::Seq;
use parlor::domain::text::{MessageText, PersonName};
use parlor::domain::time::Timestamp;
use parlor::domain::variables;
use parlor::live::cursor::{Cursor, InReply, Prefix};
use parlor::projection::aggregate::CONVERSATION;
use parlor::projection::{Folded, Key, SCHEMA, States};
use uuid::Uuid;

const QUESTION: &str = "what are your opening hours?";
const ANSWER: &str = "We're open 9am-5pm on weekdays. We're closed on weekends.";

/// A conversation of one contact, in memory.
#[derive(Default)]
struct Memory {
    conversation: Option<Folded>,
    contact: Option<Folded>,
}

impl States for Memory {
    type Error = std::convert::Infallible;

    fn state(&mut self, key: Key) -> Result<&mut Option<Folded>, Self::Error> {
        let is_conversation = key.aggregate == CONVERSATION.number;
        Ok(if is_conversation { &mut self.conversation } else { &mut self.contact })
    }
}

fn id<I: Id>(number: u128) -> I {
    I::from_uuid(Uuid::from_u128(number))
}

fn event(number: u128, body: Body) -> Event {
    Event {
        id: id::<EventId>(number),
        at: Timestamp::from_millis(1_780_000_000_000),
        account: id(1),
        key: StreamKey::Contact(id(2)),
        body,
        received: Received::default(),
    }
}

fn question(number: u128) -> Event {
    event(
        number,
        Body::MessageInbound(MessageInbound {
            message_id: id(number),
            conversation_id: id(3),
            contact_id: id(2),
            channel: Channel::Api,
            text: QUESTION.parse().expect("a message"),
            language: Language::ENGLISH,
            opens: false,
            context: Vec::new(),
            attachments: Vec::new(),
            spoken: false,
            idempotency: None,
        }),
    )
}

fn answer(number: u128) -> Event {
    let asked: MessageId = id(number);
    event(
        number + 1,
        Body::MessageOutbound(MessageOutbound {
            message_id: asked.reply(),
            conversation_id: id(3),
            contact_id: id(2),
            channel: Channel::Api,
            author: Author::Bot { name: "Acme Support".into() },
            text: MessageText::from_bot(ANSWER.into()),
            language: Language::ENGLISH,
            in_reply_to: Some(asked),
            intent: Some("business_hours".into()),
            bot: None,
            buttons: Vec::new(),
            attachments: Vec::new(),
            memory: variables::Memory::default(),
            partial: false,
        }),
    )
}

/// A conversation that has begun, and the next free position.
fn begun() -> (Memory, u64) {
    let mut memory = Memory::default();
    let contact: ContactId = id(2);
    let beginnings = [
        Body::ContactCreated(ContactCreated {
            contact_id: contact,
            name: PersonName::guest(contact),
            email: None,
            phone: None,
            channel: Channel::Api,
            source: "api".into(),
        }),
        Body::ConversationStarted(ConversationStarted::new(id(3), contact, Channel::Api)),
    ];
    let mut seq = 1;
    for body in beginnings {
        let Ok(_) = SCHEMA.project(0, Seq::new(seq), &event(seq.into(), body), &mut memory);
        seq += 1;
    }
    (memory, seq)
}

fn folds(c: &mut Criterion) {
    c.bench_function("fold and project a question and its answer", |b| {
        let (mut memory, mut seq) = begun();
        let (asked, answered) = (question(1_000), answer(1_000));
        b.iter(|| {
            let Ok(first) = SCHEMA.project(0, Seq::new(seq), black_box(&asked), &mut memory);
            let Ok(second) =
                SCHEMA.project(0, Seq::new(seq + 1), black_box(&answered), &mut memory);
            seq += 2;
            (first, second)
        });
    });
    c.bench_function("write an event as JSON", |b| {
        let answered = answer(1_000);
        b.iter(|| serde_json::to_vec(black_box(&answered)));
    });
    c.bench_function("read an event from JSON", |b| {
        let json = serde_json::to_vec(&answer(1_000)).expect("JSON");
        b.iter(|| serde_json::from_slice::<Event>(black_box(&json)));
    });
    c.bench_function("write a conversation's state as JSON", |b| {
        let (memory, _) = begun();
        b.iter(|| black_box(&memory.conversation).as_ref().map(Folded::json));
    });
}

fn cursors(c: &mut Criterion) {
    let seen = Prefix::empty().extended(ANSWER);
    let cursor = Cursor { seq: Seq::new(123_456), reply: Some(InReply { tag: 0xFEED, seen }) };
    c.bench_function("write a cursor inside a reply", |b| b.iter(|| black_box(cursor).to_string()));
    let text = cursor.to_string();
    c.bench_function("read a cursor inside a reply", |b| {
        b.iter(|| black_box(&text).parse::<Cursor>());
    });
    c.bench_function("find the rest of a reply after a cursor", |b| {
        b.iter(|| black_box(&seen).rest_of(black_box(ANSWER)).map(str::len));
    });
}

fn intents(c: &mut Criterion) {
    let faq = Faq::compile(&faq::demo()).expect("the demo compiles");
    for text in [QUESTION, "where is my order?", "¿cuál es su horario?", "write me a poem"] {
        c.bench_function(&format!("answer {text:?}"), |b| {
            b.iter(|| faq.answer(black_box(text), None));
        });
    }
    c.bench_function("detect a language", |b| {
        b.iter(|| language::detect(black_box(QUESTION), None, Language::ENGLISH));
    });
}

criterion_group!(benches, folds, cursors, intents);
criterion_main!(benches);
