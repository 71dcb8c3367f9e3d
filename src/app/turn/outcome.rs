//! What became of a turn, read from the conversation's timeline.
//!
//! It is a function of the log: whoever asks, whenever, on whichever node, gets the same answer.

use std::time::Duration;

use crate::app::messages::send::Sent;
use crate::app::{App, failed};
use crate::domain::ids::{AccountId, ConversationId, MessageId, StreamKey};
use crate::domain::seq::Seq;
use crate::domain::time::Timestamp;
use crate::domain::turn::{self, Outcome};
use crate::domain::{Error, Result};
use crate::engine::Recorded;
use crate::engine::relay::Whereabouts;
use crate::live::reader::Item;

/// Events read at once.
const PAGE: usize = 50;
/// How long a caller waits for a turn; longer than a bot may take.
const WAIT: Duration = Duration::from_secs(90);
/// How often a caller that waits looks whether the log takes writes, and how many times in all it may not:
/// no answer comes then.
const LOOK_AT_LOG: Duration = Duration::from_secs(1);
const LOG_AWAY: u32 = 5;
/// How long to wait before looking again where the hub does not tell.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How a turn ended, and by which event.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnEnd {
    pub outcome: Outcome,
    /// Where the event stands and when it was; none where nothing after the message says it: people
    /// had the conversation already.
    pub event: Option<(Seq, Timestamp)>,
    /// Its bot gave the turn to people, after what it said in it.
    pub handed_over: bool,
    /// Somebody stopped it, before or after something of the reply was shown.
    pub stopped: bool,
}

impl TurnEnd {
    /// Where the event that says it stands.
    pub fn seq(&self) -> Option<Seq> {
        self.event.map(|(seq, _)| seq)
    }
}

/// How the turn of `message`, which stands at `seq`, ended; none while it is owed.
///
/// # Errors
/// As the engine's views.
pub async fn ending_of(
    app: &App,
    account: AccountId,
    conversation: ConversationId,
    message: MessageId,
    seq: Seq,
) -> Result<Option<TurnEnd>> {
    // First the state, then the timeline: what closed the turn is there when it is looked for.
    let state = app.engine.conversation(account, conversation).await.map_err(failed)?;
    let state = state.ok_or(Error::NotFound("conversation"))?;
    if state.owes(message) {
        return Ok(None);
    }
    let mut after = seq;
    loop {
        let page = app.engine.timeline(account, conversation, after, PAGE).await.map_err(failed)?;
        for (place, entry) in page.iter().enumerate() {
            after = entry.seq;
            let Some(how) = turn::ending(&entry.event.body).and_then(|ending| ending.of(message))
            else {
                continue;
            };
            let gives_away = |entry: &Recorded| {
                turn::ending(&entry.event.body).is_some_and(|ending| ending.gives_away(message))
            };
            let mut handed_over = page[place..].iter().any(gives_away);
            // They are appended together, so it stands right behind the reply.
            if !handed_over && place + 1 == PAGE {
                let next = app.engine.timeline(account, conversation, after, PAGE).await;
                handed_over = next.map_err(failed)?.iter().any(gives_away);
            }
            let event = Some((entry.seq, entry.event.at));
            let (outcome, stopped) = (how.outcome(), how.is_stopped());
            return Ok(Some(TurnEnd { outcome, event, handed_over, stopped }));
        }
        if page.len() < PAGE {
            let outcome = if state.is_with_bot() { Outcome::Unavailable } else { Outcome::Queued };
            let (event, handed_over, stopped) = (None, false, false);
            return Ok(Some(TurnEnd { outcome, event, handed_over, stopped }));
        }
    }
}

/// The outcome alone.
///
/// # Errors
/// As the engine's views.
pub async fn outcome_of(
    app: &App,
    account: AccountId,
    conversation: ConversationId,
    message: MessageId,
    seq: Seq,
) -> Result<Option<Outcome>> {
    let ending = ending_of(app, account, conversation, message, seq).await?;
    Ok(ending.map(|ending| ending.outcome))
}

/// Waits until the turn has ended.
///
/// # Errors
/// [`Error::Unavailable`] when it takes too long, or when the log takes no writes for some seconds; the
/// message is kept and will be answered.
pub async fn await_outcome(app: &App, account: AccountId, sent: &Sent) -> Result<Outcome> {
    let Sent { conversation, contact, message, seq, .. } = *sent;
    let place = Whereabouts { account, conversation, key: StreamKey::Contact(contact) };
    let ending = tokio::time::timeout(WAIT, await_ending(app, place, message, seq));
    let ending = tokio::select! {
        biased;
        ending = ending => ending.unwrap_or(Err(Error::Unavailable(
            "the message is kept, but its answer is taking too long",
        ))),
        () = log_is_away(app) => Err(Error::Unavailable(
            "the message is kept and will be answered, but no answer can be kept now",
        )),
    };
    ending.map(|ending| ending.outcome)
}

/// Returns once the log has been seen to take no writes a few times.
async fn log_is_away(app: &App) {
    let mut away = 0;
    while away < LOG_AWAY {
        tokio::time::sleep(LOOK_AT_LOG).await;
        away += u32::from(!app.engine.health().writable);
    }
}

/// The same for the turn of a message that stands at `seq`, however long it takes.
///
/// # Errors
/// As the engine's views.
pub async fn await_ending(
    app: &App,
    place: Whereabouts,
    message: MessageId,
    seq: Seq,
) -> Result<TurnEnd> {
    let Whereabouts { account, conversation, .. } = place;
    loop {
        let mut subscription = app.hub.wait(place, seq);
        if let Some(ending) = ending_of(app, account, conversation, message, seq).await? {
            return Ok(ending);
        }
        while let Some(item) = subscription.next_item().await {
            if matches!(*item, Item::Event { .. })
                && let Some(ending) = ending_of(app, account, conversation, message, seq).await?
            {
                return Ok(ending);
            }
        }
        // Too slow, or the server drains: looked at again after a moment, not at once.
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
