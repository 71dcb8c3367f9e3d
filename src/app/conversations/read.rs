//! Reading what is stored: contacts, conversations, their messages, and how they once were.

use crate::app::{App, failed};
use crate::domain::contact::Contact;
use crate::domain::conversation::Conversation;
use crate::domain::event::Body;
use crate::domain::ids::{AccountId, ContactId, ConversationId, MessageId};
use crate::domain::seq::Seq;
use crate::domain::text::PersonName;
use crate::domain::time::Timestamp;
use crate::domain::{Error, Result};
use crate::engine::{self, Recorded};
use crate::projection::is_message;
pub use crate::projection::pages::BLOCK;

/// A conversation of this account.
///
/// # Errors
/// [`Error::NotFound`] when there is none, or none any more.
pub async fn conversation(
    app: &App,
    account: AccountId,
    id: ConversationId,
) -> Result<Conversation> {
    let state = app.engine.conversation(account, id).await.map_err(failed)?;
    state.filter(|state| !state.deleted).ok_or(Error::NotFound("conversation"))
}

/// A contact of this account.
///
/// # Errors
/// [`Error::NotFound`] when there is none.
pub async fn contact(app: &App, account: AccountId, id: ContactId) -> Result<Contact> {
    let contact = app.engine.contact(account, id).await.map_err(failed)?;
    contact.ok_or(Error::NotFound("contact"))
}

/// What a contact is called: a guest's name where there is no such contact.
///
/// # Errors
/// As the engine's views.
pub async fn contact_name(
    app: &App,
    account: AccountId,
    id: ContactId,
) -> engine::Result<PersonName> {
    let contact = app.engine.contact(account, id).await?;
    Ok(contact.map_or_else(|| PersonName::guest(id), |contact| contact.name))
}

/// One page of a conversation's messages, oldest first.
#[derive(Debug)]
pub struct Page {
    pub messages: Vec<Recorded>,
    /// Messages in the whole conversation.
    pub total: u64,
}

/// The messages of a conversation from the `skip`-th (counted from 0), up to `limit`.
///
/// # Errors
/// [`Error::NotFound`] for a conversation that is not this account's.
pub async fn messages(
    app: &App,
    account: AccountId,
    id: ConversationId,
    skip: u64,
    limit: usize,
) -> Result<Page> {
    let total = conversation(app, account, id).await?.message_count;
    if skip >= total {
        return Ok(Page { messages: Vec::new(), total });
    }
    let messages = app.engine.messages(account, id, skip, limit).await.map_err(failed)?;
    Ok(Page { messages, total })
}

/// Messages that are looked through for one; from the end, a block at a time.
const RECENT: u64 = 1_000;

/// A message among the last thousand of a conversation.
///
/// # Errors
/// [`Error::NotFound`] for any other message.
pub async fn recent_message(
    app: &App,
    state: &Conversation,
    message: MessageId,
) -> Result<Recorded> {
    let (account, id) = (state.account, state.id);
    let mut end = state.message_count;
    let first = end.saturating_sub(RECENT);
    while end > first {
        let begin = (end - 1) / BLOCK * BLOCK;
        let size = usize::try_from(end - begin).unwrap_or_default();
        let block = app.engine.messages(account, id, begin, size).await.map_err(failed)?;
        let is_it = |entry: &Recorded| match &entry.event.body {
            Body::MessageInbound(data) => data.message_id == message,
            Body::MessageOutbound(data) => data.message_id == message,
            _ => false,
        };
        if let Some(found) = block.into_iter().find(is_it) {
            return Ok(found);
        }
        end = begin;
    }
    Err(Error::NotFound("message"))
}

/// A moment in a conversation's past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// After the event at this position.
    Seq(Seq),
    /// After everything that happened until this time.
    Time(Timestamp),
}

/// A conversation as it was, with its last messages.
#[derive(Debug)]
pub struct Then {
    pub state: Conversation,
    /// The last of its messages, oldest first.
    pub messages: Vec<Recorded>,
}

/// Events folded at once.
const PAGE: usize = 500;

/// The conversation as it was at a moment, with up to `last` messages: its timeline folded anew.
///
/// # Errors
/// [`Error::NotFound`] for a conversation that is not this account's or had not begun.
pub async fn as_of(
    app: &App,
    account: AccountId,
    id: ConversationId,
    moment: Moment,
    last: usize,
) -> Result<Then> {
    conversation(app, account, id).await?;
    let mut state: Option<Conversation> = None;
    let mut messages = std::collections::VecDeque::new();
    let mut after = Seq::START;
    'pages: loop {
        let page = app.engine.timeline(account, id, after, PAGE).await.map_err(failed)?;
        for entry in &page {
            let over = match moment {
                Moment::Seq(seq) => entry.seq > seq,
                Moment::Time(at) => entry.event.at > at,
            };
            if over {
                break 'pages;
            }
            after = entry.seq;
            match &mut state {
                Some(state) => drop(state.apply(entry.seq, &entry.event)),
                None => state = Conversation::started(entry.seq, &entry.event),
            }
            if is_message(&entry.event) {
                if messages.len() == last {
                    messages.pop_front();
                }
                messages.push_back(entry.clone());
            }
        }
        if page.len() < PAGE {
            break;
        }
    }
    let state = state.ok_or(Error::NotFound("conversation"))?;
    Ok(Then { state, messages: messages.into() })
}
