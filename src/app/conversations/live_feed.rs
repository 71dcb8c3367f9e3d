//! What callers do on the live feed besides sending: follow, type, read, mint tokens.

use std::sync::Arc;
use std::time::Duration;

use backon::{ConstantBuilder, Retryable as _};

use super::read;
use crate::app::accounts::Tenant;
use crate::app::accounts::secret::LiveToken;
use crate::app::messages::send::author_name;
use crate::app::{App, append, clock, failed};
use crate::domain::conversation::Conversation;
use crate::domain::event::{Body, ConversationRead, Side};
use crate::domain::ids::{AccountId, ConversationId, KeyId, MessageId, StreamKey};
use crate::domain::message::Author;
use crate::domain::text::PersonName;
use crate::domain::time::Timestamp;
use crate::domain::{Error, Result};
use crate::engine::relay::Whereabouts;
use crate::live::cursor::Cursor;
use crate::live::follow::{self, Follower};
use crate::live::frame::Frame;

/// How often views are looked at again that a cursor is ahead of, and how long after each other.
const LOOKS: usize = 10;
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Follows a conversation from a cursor; from now where there is none.
///
/// # Errors
/// [`Error::NotFound`] for a conversation that is not this account's, [`Error::UnknownCursor`] for
/// a cursor beyond its log.
pub async fn follow(
    app: &Arc<App>,
    account: AccountId,
    conversation: ConversationId,
    after: Option<Cursor>,
) -> Result<Follower> {
    let (state, cursor) = reached(app, account, conversation, after).await?;
    let (engine, place) = (app.engine.clone(), whereabouts(&state));
    Ok(Follower::new(engine, &app.hub, place, &state, cursor, clock::now))
}

/// A conversation with a cursor that its log has reached; its end where none is given. What is
/// beyond the log was given by another, such as the one before a restored backup: nothing would ever
/// come after it.
///
/// # Errors
/// As [`follow()`].
pub async fn reached(
    app: &App,
    account: AccountId,
    conversation: ConversationId,
    after: Option<Cursor>,
) -> Result<(Conversation, Cursor)> {
    let look = async || {
        let state = read::conversation(app, account, conversation).await?;
        let cursor = after.unwrap_or(Cursor::at(state.last_seq));
        if cursor.seq > state.last_seq {
            return Err(Error::UnknownCursor);
        }
        Ok((state, cursor))
    };
    // Two nodes may read two keyspaces while an operator switches: one is a moment behind the other.
    let looks = if app.engine.relay().is_some() { LOOKS } else { 0 };
    let again = ConstantBuilder::new().with_delay(LOOK_AGAIN).with_max_times(looks);
    look.retry(again).when(|error| *error == Error::UnknownCursor).await
}

/// Where a conversation is kept, for the hub.
pub fn whereabouts(state: &Conversation) -> Whereabouts {
    let key = StreamKey::Contact(state.contact_id);
    Whereabouts { account: state.account, conversation: state.id, key }
}

/// A page of a conversation's feed and the place after it.
///
/// # Errors
/// As [`follow()`].
pub async fn page(
    app: &Arc<App>,
    account: AccountId,
    conversation: ConversationId,
    after: Cursor,
    limit: usize,
) -> Result<(Vec<Frame>, Cursor)> {
    let (_, after) = reached(app, account, conversation, Some(after)).await?;
    let now = clock::now();
    follow::page(&*app.engine, &app.hub, account, conversation, after, limit, now)
        .await
        .map_err(failed)
}

/// The page of a conversation's feed that ends before `before`, oldest first.
///
/// # Errors
/// As [`follow()`].
pub async fn page_before(
    app: &Arc<App>,
    account: AccountId,
    conversation: ConversationId,
    before: Cursor,
    limit: usize,
) -> Result<Vec<Frame>> {
    let (_, before) = reached(app, account, conversation, Some(before)).await?;
    follow::page_before(&*app.engine, account, conversation, before, limit).await.map_err(failed)
}

/// Who gives a signal. One of the business may have a name of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    Customer,
    Bot(Option<PersonName>),
    Agent(Option<PersonName>),
}

impl Who {
    /// As readers are told of them: an agent without a name is the one who has the conversation, a bot
    /// the one that answers it, and both the brand where there is none.
    fn author(self, tenant: &Tenant, state: &Conversation) -> Author {
        let brand = || tenant.account.brand().to_owned();
        match self {
            Self::Customer => Author::Customer,
            Self::Bot(name) => {
                let answering = || {
                    let (bot, _) = tenant.bot(state.bot)?;
                    Some(author_name(&bot, tenant.account.brand()))
                };
                let name = name.map(|name| name.to_string()).or_else(answering);
                Author::Bot { name: name.unwrap_or_else(brand) }
            }
            Self::Agent(name) => {
                let name = name.or_else(|| state.agent().cloned());
                Author::Agent { name: name.map_or_else(brand, |name| name.to_string()) }
            }
        }
    }
}

/// Shows the conversation's other readers that somebody types, or no longer does.
///
/// # Errors
/// [`Error::NotFound`] for a conversation that is not this account's.
pub async fn typing(
    app: &App,
    tenant: &Tenant,
    conversation: ConversationId,
    who: Who,
    typing: bool,
) -> Result<()> {
    let state = read::conversation(app, tenant.account.id, conversation).await?;
    app.hub.typing(whereabouts(&state), who.author(tenant, &state), typing, clock::now());
    Ok(())
}

/// Records that somebody has read up to a message.
///
/// # Errors
/// [`Error::NotFound`] for a conversation that is not this account's, and for a message that is not
/// among the last thousand of it.
pub async fn read(
    app: &App,
    tenant: &Tenant,
    conversation: ConversationId,
    who: Who,
    message: MessageId,
) -> Result<()> {
    let account = tenant.account.id;
    let state = read::conversation(app, account, conversation).await?;
    let (reader, before) = match who {
        Who::Customer => (Side::Customer, state.read_by_customer),
        Who::Bot(_) | Who::Agent(_) => (Side::Agent, state.read_by_agent),
    };
    if before == Some(message) {
        return Ok(());
    }
    let mark = read::recent_message(app, &state, message).await?;
    if let Some(read) = before {
        let former = read::recent_message(app, &state, read);
        if former.await.is_ok_and(|former| former.seq >= mark.seq) {
            return Ok(());
        }
    }
    let by = Some(who.author(tenant, &state)).filter(|author| *author != Author::Customer);
    let body = Body::ConversationRead(ConversationRead {
        conversation_id: conversation,
        reader,
        message_id: message,
        by,
    });
    append(app, account, StreamKey::Contact(state.contact_id), vec![body]).await.map(drop)
}

/// A token for a browser: opens one conversation for a while, or until the key goes that it was made
/// with.
///
/// # Errors
/// [`Error::NotFound`] for a conversation that is not this account's.
pub async fn mint_token(
    app: &App,
    tenant: &Tenant,
    conversation: ConversationId,
    key: Option<KeyId>,
    valid_for: Duration,
) -> Result<(String, Timestamp)> {
    read::conversation(app, tenant.account.id, conversation).await?;
    Ok(sign_token(tenant, conversation, key, valid_for))
}

/// The same for a conversation that is known to be the account's.
pub fn sign_token(
    tenant: &Tenant,
    conversation: ConversationId,
    key: Option<KeyId>,
    valid_for: Duration,
) -> (String, Timestamp) {
    let account = tenant.account.id;
    let expires_at = clock::latest().plus(valid_for);
    let token = LiveToken { account, conversation, expires_at, key };
    (token.sign(&tenant.account.token_secret), expires_at)
}
