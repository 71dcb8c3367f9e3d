//! What callers do on the live feed besides sending: follow, type, read, mint tokens.

use std::sync::Arc;
use std::time::Duration;

use super::accounts::Tenant;
use super::secret::LiveToken;
use super::{App, append, clock, failed, read_conversation};
use crate::domain::Result;
use crate::domain::conversation::Conversation;
use crate::domain::event::{Body, ConversationRead, Reader};
use crate::domain::ids::{AccountId, ConversationId, MessageId, StreamKey};
use crate::domain::message::Author;
use crate::domain::time::Timestamp;
use crate::engine::relay::Whereabouts;
use crate::live::cursor::Cursor;
use crate::live::follow::{self, Follower};
use crate::live::frame::Frame;

/// Follows a conversation from a cursor; from now where there is none.
///
/// # Errors
/// [`crate::domain::Error::NotFound`] for a conversation that is not this account's.
pub async fn follow(
    app: &Arc<App>,
    account: AccountId,
    conversation: ConversationId,
    after: Option<Cursor>,
) -> Result<Follower> {
    let state = read_conversation::conversation(app, account, conversation).await?;
    let cursor = after.unwrap_or(Cursor::at(state.last_seq));
    let (engine, place) = (app.engine.clone(), whereabouts(&state));
    Ok(Follower::new(engine, &app.hub, place, &state, cursor, clock::now))
}

/// Where a conversation is kept, for the hub.
pub fn whereabouts(state: &Conversation) -> Whereabouts {
    let key = StreamKey::Contact(state.contact_id);
    Whereabouts { account: state.account, conversation: state.id, key }
}

/// A page of a conversation's feed and the place after it.
///
/// # Errors
/// [`crate::domain::Error::NotFound`] for a conversation that is not this account's.
pub async fn page(
    app: &Arc<App>,
    account: AccountId,
    conversation: ConversationId,
    after: Cursor,
    limit: usize,
) -> Result<(Vec<Frame>, Cursor)> {
    read_conversation::conversation(app, account, conversation).await?;
    let now = clock::now();
    follow::page(&*app.engine, &app.hub, account, conversation, after, limit, now)
        .await
        .map_err(failed)
}

/// The page of a conversation's feed that ends before `before`, oldest first.
///
/// # Errors
/// [`crate::domain::Error::NotFound`] for a conversation that is not this account's.
pub async fn page_before(
    app: &Arc<App>,
    account: AccountId,
    conversation: ConversationId,
    before: Cursor,
    limit: usize,
) -> Result<Vec<Frame>> {
    read_conversation::conversation(app, account, conversation).await?;
    follow::page_before(&*app.engine, account, conversation, before, limit).await.map_err(failed)
}

/// Shows the conversation's other readers that the customer types, or no longer does.
///
/// # Errors
/// [`crate::domain::Error::NotFound`] for a conversation that is not this account's.
pub async fn typing(
    app: &App,
    account: AccountId,
    conversation: ConversationId,
    typing: bool,
) -> Result<()> {
    let state = read_conversation::conversation(app, account, conversation).await?;
    app.hub.typing(whereabouts(&state), Author::Customer, typing, clock::now());
    Ok(())
}

/// Records that the customer has read up to a message.
///
/// # Errors
/// [`crate::domain::Error::NotFound`] for a conversation that is not this account's, and for a message that is not
/// among the last thousand of it.
pub async fn read(
    app: &App,
    account: AccountId,
    conversation: ConversationId,
    message: MessageId,
) -> Result<()> {
    let state = read_conversation::conversation(app, account, conversation).await?;
    if state.read_by_customer == Some(message) {
        return Ok(());
    }
    let mark = read_conversation::recent_message(app, &state, message).await?;
    if let Some(read) = state.read_by_customer {
        let former = read_conversation::recent_message(app, &state, read);
        if former.await.is_ok_and(|former| former.seq >= mark.seq) {
            return Ok(());
        }
    }
    let body = Body::ConversationRead(ConversationRead {
        conversation_id: conversation,
        reader: Reader::Customer,
        message_id: message,
    });
    append(app, account, StreamKey::Contact(state.contact_id), vec![body]).await
}

/// A token for a browser: opens one conversation for a while.
///
/// # Errors
/// [`crate::domain::Error::NotFound`] for a conversation that is not this account's.
pub async fn mint_token(
    app: &App,
    tenant: &Tenant,
    conversation: ConversationId,
    valid_for: Duration,
) -> Result<(String, Timestamp)> {
    read_conversation::conversation(app, tenant.account.id, conversation).await?;
    Ok(sign_token(tenant, conversation, valid_for))
}

/// The same for a conversation that is known to be the account's.
pub fn sign_token(
    tenant: &Tenant,
    conversation: ConversationId,
    valid_for: Duration,
) -> (String, Timestamp) {
    let account = tenant.account.id;
    let expires_at = clock::now().plus(valid_for);
    let token = LiveToken { account, conversation, expires_at };
    (token.sign(&tenant.account.signing_secret), expires_at)
}
