//! `claims`: what an idempotency key was used for.
//!
//! The claim is a projection of the inbound message itself, so message and claim become durable
//! together: after any crash either both are there or neither is.

use serde::{Deserialize, Serialize};

use crate::domain::event::{Body, Event};
use crate::domain::ids::{AccountId, ContactId, ConversationId, MessageId};
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
    pub message_id: MessageId,
    pub at: Timestamp,
}

/// A row for an inbound message that was sent with a key.
pub fn project(event: &Event) -> Option<Row> {
    let Body::MessageInbound(data) = &event.body else { return None };
    data.idempotency.as_ref().map(|claim| Row {
        account: event.account,
        key: claim.key.clone(),
        request: claim.request.clone(),
        conversation: data.conversation_id,
        contact: data.contact_id,
        message_id: data.message_id,
        at: event.at,
    })
}
