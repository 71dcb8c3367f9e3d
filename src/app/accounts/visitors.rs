//! Visitors of the widget (seed 003): known by a token of their own making.
//!
//! A visitor's conversation and contact follow from the account and the token, so that two nodes
//! that are told of the same visitor at once speak of the same conversation, and the fold lets one
//! of them begin it. The token opens the conversation: it is a secret and stands nowhere in the log.

use super::Tenant;
use crate::domain::ids::{ContactId, ConversationId};

/// The longest token, in bytes.
pub const TOKEN_MAX: usize = 255;

/// A visitor as a token tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visitor {
    pub conversation: ConversationId,
    pub contact: ContactId,
}

impl Visitor {
    /// The visitor of an account who made this token.
    pub fn of_token(tenant: &Tenant, token: &str) -> Self {
        Self {
            conversation: tenant.derived("widget conversation", token),
            contact: tenant.derived("widget contact", token),
        }
    }
}

/// The conversation that a visitor's token opens. A live token opens its own, so that a
/// conversation which was begun elsewhere can be gone on with in the widget.
pub fn conversation_of(tenant: &Tenant, token: &str) -> ConversationId {
    live(tenant, token).unwrap_or_else(|| Visitor::of_token(tenant, token).conversation)
}

/// The conversation of a live token of this account; none for any other text.
pub fn live(tenant: &Tenant, token: &str) -> Option<ConversationId> {
    tenant.opened_by(token).map(|token| token.conversation)
}

/// The contact that a caller of an account knows by an id of its own (seed 002).
pub fn contact_of_external_id(tenant: &Tenant, external_id: &str) -> ContactId {
    tenant.derived("external contact", external_id)
}
