//! A page of messages, written straight from their events (seed 000, *Get a conversation's messages*).
//!
//! It reads as [`super::wire::MessagesOut`]. A page holds up to a hundred messages; making that type first
//! costs some seven allocations for each.

use serde::{Serialize, Serializer};

use super::wire::{AuthorType, DirectionOut, PagingOut};
use crate::app::conversations::read::Page;
use crate::domain::attachment::Attachment;
use crate::domain::event::Body;
use crate::domain::ids::MessageId;
use crate::domain::language::Language;
use crate::domain::message::Author;
use crate::domain::seq::Seq;
use crate::domain::time::Timestamp;
use crate::engine::Recorded;

/// Bytes of a usual message in JSON.
const MESSAGE_BYTES: usize = 320;

/// One page.
#[derive(Serialize)]
pub(super) struct Written {
    #[serde(serialize_with = "messages")]
    messages: Vec<Recorded>,
    paging: PagingOut,
}

impl Written {
    pub(super) fn new(found: Page, page: u64, limit: u64) -> Self {
        let Page { messages, total } = found;
        let has_more = page.saturating_mul(limit) < total;
        Self { messages, paging: PagingOut { page, limit, total, has_more } }
    }

    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        (self.messages.len() + 1) * MESSAGE_BYTES
    }
}

fn messages<S: Serializer>(entries: &[Recorded], out: S) -> Result<S::Ok, S::Error> {
    out.collect_seq(entries.iter().filter_map(message))
}

#[derive(Serialize)]
struct MessageLine<'a> {
    message_id: MessageId,
    direction: DirectionOut,
    author: AuthorLine<'a>,
    text: &'a str,
    attachments: Vec<AttachmentLine<'a>>,
    language: Language,
    #[serde(serialize_with = "seconds")]
    created_at: Timestamp,
}

#[derive(Serialize)]
struct AuthorLine<'a> {
    #[serde(rename = "type")]
    kind: AuthorType,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Serialize)]
struct AttachmentLine<'a> {
    id: String,
    filename: &'a str,
    size: u64,
    mime_type: &'a str,
}

fn seconds<S: Serializer>(at: &Timestamp, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&at.to_seconds_string())
}

/// The message that an event is; none for any other event.
fn message(entry: &Recorded) -> Option<MessageLine<'_>> {
    let created_at = entry.event.at;
    Some(match &entry.event.body {
        Body::MessageInbound(data) => MessageLine {
            message_id: data.message_id,
            direction: DirectionOut::Inbound,
            author: author(&Author::Customer),
            text: data.text.as_str(),
            attachments: attachments(entry.seq, &data.attachments),
            language: data.language,
            created_at,
        },
        Body::MessageOutbound(data) => MessageLine {
            message_id: data.message_id,
            direction: DirectionOut::Outbound,
            author: author(&data.author),
            text: data.text.as_str(),
            attachments: attachments(entry.seq, &data.attachments),
            language: data.language,
            created_at,
        },
        _ => return None,
    })
}

fn author(author: &Author) -> AuthorLine<'_> {
    match author {
        Author::Customer => AuthorLine { kind: AuthorType::Customer, name: None },
        Author::Bot { name } => AuthorLine { kind: AuthorType::Bot, name: Some(name) },
        Author::Agent { name } => AuthorLine { kind: AuthorType::Agent, name: Some(name) },
    }
}

/// Each by the id under which the live surface gives it out: the message's position and its number.
fn attachments(seq: Seq, files: &[Attachment]) -> Vec<AttachmentLine<'_>> {
    let lines = (1_u64..).zip(files).map(|(number, file)| AttachmentLine {
        id: format!("{}/{number}", seq.get()),
        filename: &file.filename,
        size: file.size,
        mime_type: &file.mime_type,
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use poem_openapi::types::ToJSON;

    use super::*;
    use crate::domain::conversation::tests::story::Story;
    use crate::surface::aerochat::wire::{AttachmentOut, AuthorOut, MessageOut, MessagesOut};

    #[test]
    fn it_reads_as_the_documents_describe() {
        let story = Story::numbered(7);
        let mut asked = story.inbound(1);
        if let Body::MessageInbound(data) = &mut asked.body {
            data.attachments = vec![Attachment {
                filename: "a.txt".into(),
                size: 1,
                mime_type: "text/plain".into(),
                sha256: "00".into(),
                charset: None,
                key: "k".into(),
            }];
        }
        let events =
            [story.started(), asked, story.reply(1, "hi", false), story.agent_says(2, "Ann")];
        let entry = |(seq, event)| Recorded { seq: Seq::new(seq), event: Arc::new(event) };
        let entries: Vec<_> = (1..).zip(events).map(entry).collect();
        let documented = |entry: &Recorded, direction, kind, name: Option<&str>, files| {
            let line = message(entry).expect("a message");
            MessageOut {
                message_id: line.message_id.to_string(),
                direction,
                author: AuthorOut { kind, name: name.map(str::to_owned) },
                text: line.text.to_owned(),
                attachments: files,
                language: "en".into(),
                created_at: entry.event.at.to_seconds_string(),
            }
        };
        let file = AttachmentOut {
            id: "2/1".into(),
            filename: "a.txt".into(),
            size: 1,
            mime_type: "text/plain".into(),
        };
        let (inbound, outbound) = (DirectionOut::Inbound, DirectionOut::Outbound);
        let name = |entry: &Recorded| match &entry.event.body {
            Body::MessageOutbound(data) => match &data.author {
                Author::Bot { name } | Author::Agent { name } => name.clone(),
                Author::Customer => String::new(),
            },
            _ => String::new(),
        };
        let (bot, agent) = (name(&entries[2]), name(&entries[3]));
        let list = MessagesOut {
            messages: vec![
                documented(&entries[1], inbound, AuthorType::Customer, None, vec![file]),
                documented(&entries[2], outbound, AuthorType::Bot, Some(&bot), Vec::new()),
                documented(&entries[3], outbound, AuthorType::Agent, Some(&agent), Vec::new()),
            ],
            paging: PagingOut { page: 1, limit: 3, total: 4, has_more: true },
        };
        assert!(agent.contains("Ann"), "{agent}");
        let written = Written::new(Page { messages: entries, total: 4 }, 1, 3);
        assert_eq!(serde_json::to_value(&written).ok(), list.to_json());
    }
}
