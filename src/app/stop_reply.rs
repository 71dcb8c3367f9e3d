//! A reader stops the reply under way.

use std::time::Duration;

use super::live_feed::whereabouts;
use super::outcome::await_ending;
use super::{App, failed, read_conversation};
use crate::domain::event::Body;
use crate::domain::ids::{AccountId, ConversationId, MessageId};
use crate::domain::seq::Seq;
use crate::domain::{Error, Result};

/// How long a stop may take to be in the log.
const WAIT: Duration = Duration::from_secs(5);
/// Events read at once.
const PAGE: usize = 50;

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
    let state = read_conversation::conversation(app, account, conversation).await?;
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
    tokio::time::timeout(WAIT, ending).await.unwrap_or(late)?;
    let stopped = is_stopped(app, account, conversation, turn.message_id, turn.seq).await?;
    Ok(stopped.then(|| turn.message_id.reply()))
}

/// Whether the reply to a message that stands at `seq` was stopped.
async fn is_stopped(
    app: &App,
    account: AccountId,
    conversation: ConversationId,
    message: MessageId,
    seq: Seq,
) -> Result<bool> {
    let mut after = seq;
    loop {
        let page = app.engine.timeline(account, conversation, after, PAGE).await.map_err(failed)?;
        for entry in &page {
            after = entry.seq;
            match &entry.event.body {
                // Its end comes right after it.
                Body::MessageOutbound(data) if data.in_reply_to == Some(message) => {
                    return Ok(data.partial);
                }
                Body::ReplyStopped(data) if data.in_reply_to == message => return Ok(true),
                _ => {}
            }
        }
        if page.len() < PAGE {
            return Ok(false);
        }
    }
}
