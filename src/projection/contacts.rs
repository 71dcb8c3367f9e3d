//! `contacts`: the fold of a contact's events, whole; an inbound message moves `last_seen`.

use super::aggregate::{Aggregate, Folded};
use super::table::{Kind, Table, column};
use crate::domain::contact::Contact;
use crate::domain::ids::Id as _;

/// Looked up by its key alone.
pub static TABLE: Table = Table {
    name: "contacts",
    number: 2,
    question: "who is one contact?",
    read_by: &["app/bots/replay", "app/conversations/read", "app/messages/send", "app/turn/answer"],
    fed_by: &["contact.created", "contact.updated", "message.inbound"],
    partition: &[column("account", Kind::Account), column("contact", Kind::Contact)],
    order: &[],
    row: &[column("state", Kind::Text)],
    newest_first: false,
    queue: false,
    forgets: None,
    kept: None,
    outside: false,
};

pub static AGGREGATE: Aggregate = Aggregate {
    number: TABLE.number,
    name: TABLE.name,
    table: Some(&TABLE),
    of: |body| body.contact().map(|id| id.uuid()),
    begin: Folded::begin::<Contact>,
    read: Folded::read::<Contact>,
};
