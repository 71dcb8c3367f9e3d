//! A reader stops the reply under way.

use super::live_feed::whereabouts;
use super::{App, failed};
use crate::domain::ids::{AccountId, ConversationId, MessageId};
use crate::domain::{Error, Result};

/// Stops the reply under way, from anywhere; says which reply that was, none when there is none.
/// What had been shown is kept as a partial message.
///
/// # Errors
/// [`Error::NotFound`] for a conversation that is not this account's.
pub async fn stop_reply(
    app: &App,
    account: AccountId,
    conversation: ConversationId,
) -> Result<Option<MessageId>> {
    let state = app.engine.conversation(account, conversation).await.map_err(failed)?;
    let state = state.ok_or(Error::NotFound("conversation"))?;
    let stopped = app.turns.stop(conversation, |message| state.owes(message)).or_else(|| {
        // Whoever answers the oldest turn elsewhere hears of it.
        let oldest = state.turns.first()?.message_id;
        app.hub.stop_elsewhere(whereabouts(&state), oldest).then_some(oldest)
    });
    Ok(stopped.map(MessageId::reply))
}
