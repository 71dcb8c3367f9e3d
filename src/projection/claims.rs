//! `claims`: what an idempotency key was used for.
//!
//! The claim is a projection of what was made under it, an inbound message or an empty
//! conversation, so that both become durable together: after any crash either both are there or
//! neither is.

use serde::{Deserialize, Serialize};

use crate::domain::event::{Body, Event};
use crate::domain::ids::{AccountId, ContactId, ConversationId, Id, MessageId};
use crate::domain::time::Timestamp;

/// How long an idempotency key is remembered.
pub const KEPT: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// A used idempotency key; `key` and `request` are SHA-256 in hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub account: AccountId,
    pub key: String,
    pub request: String,
    pub conversation: ConversationId,
    pub contact: ContactId,
    /// What tells one claim of a key from another: the message, or the bits of the id of a
    /// conversation that began without one.
    pub message_id: MessageId,
    pub at: Timestamp,
}

/// A row for an inbound message that was sent with a key, and for a conversation that was begun
/// with one.
pub fn project(event: &Event) -> Option<Row> {
    let (claim, conversation, contact, message_id) = match &event.body {
        Body::MessageInbound(data) => {
            (&data.idempotency, data.conversation_id, data.contact_id, data.message_id)
        }
        Body::ConversationStarted(data) => {
            let bits = MessageId::from_uuid(data.conversation_id.uuid());
            (&data.idempotency, data.conversation_id, data.contact_id, bits)
        }
        _ => return None,
    };
    claim.as_ref().map(|claim| Row {
        account: event.account,
        key: claim.key.clone(),
        request: claim.request.clone(),
        conversation,
        contact,
        message_id,
        at: event.at,
    })
}
