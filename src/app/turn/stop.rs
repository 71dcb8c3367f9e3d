//! A reader stops the reply under way.

use std::time::Duration;

use super::outcome::await_ending;
use crate::app::App;
use crate::app::conversations::live_feed::whereabouts;
use crate::app::conversations::read;
use crate::domain::ids::{AccountId, ConversationId, MessageId};
use crate::domain::{Error, Result};

/// How long a stop may take to be in the log.
const WAIT: Duration = Duration::from_secs(5);

/// Stops the reply under way, from anywhere; says which reply that was, none when there is none, or
/// when it was finished first. What had been shown is kept as a partial message. That it was stopped
/// is in the log when this returns.
///
/// # Errors
/// [`Error::NotFound`] for a conversation that is not this account's, [`Error::Unavailable`] when
/// whoever makes the reply has not stopped in time.
pub async fn stop_reply(
    app: &App,
    account: AccountId,
    conversation: ConversationId,
) -> Result<Option<MessageId>> {
    let state = read::conversation(app, account, conversation).await?;
    let place = whereabouts(&state);
    let asked = app.turns.stop(conversation, |message| state.owes(message)).or_else(|| {
        // Whoever answers the oldest turn elsewhere hears of it.
        let oldest = state.turns.first()?.message_id;
        app.hub.stop_elsewhere(place, oldest).then_some(oldest)
    });
    let Some(turn) = state.turns.iter().find(|turn| Some(turn.message_id) == asked) else {
        return Ok(None);
    };
    let late = Err(Error::Unavailable("the reply has not stopped yet; try again"));
    let ending = await_ending(app, place, turn.message_id, turn.seq);
    let ending = tokio::time::timeout(WAIT, ending).await.unwrap_or(late)?;
    Ok(ending.stopped.then(|| turn.message_id.reply()))
}
