//! Conversations as things to manage: start one without a message, change, delete.

use super::read;
use crate::app::accounts::Tenant;
use crate::app::messages::idempotency::{Given, Goes, Unused, awaited, once};
use crate::app::{App, append, clock, failed};
use crate::domain::conversation::{Conversation, Effect};
use crate::domain::event::{
    Body, BotVersion, ContactCreated, ConversationDeleted, ConversationReopened,
    ConversationResolved, ConversationStarted, ConversationUpdated,
};
use crate::domain::ids::{AccountId, ContactId, ConversationId, StreamKey};
use crate::domain::message::Channel;
use crate::domain::text::{PersonName, Title};
use crate::domain::variables::Variables;
use crate::domain::{Error, Result};
use crate::projection::claims;

/// A conversation that was begun without a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    pub conversation: ConversationId,
    pub contact: ContactId,
}

/// How an empty conversation begins.
#[derive(Debug, Clone, Default)]
pub struct NewConversation {
    pub title: Option<Title>,
    /// What answers it; the account's default where none is named.
    pub bot: Option<BotVersion>,
}

/// Starts an empty conversation with a new contact.
///
/// # Errors
/// [`Error::Unavailable`] when it cannot be kept now.
pub async fn start(
    app: &App,
    tenant: &Tenant,
    channel: Channel,
    beginning: NewConversation,
) -> Result<Started> {
    begin(app, tenant, channel, beginning, None).await
}

/// [`Error::AlreadyExists`] where another request with its key was first.
async fn begin(
    app: &App,
    tenant: &Tenant,
    channel: Channel,
    beginning: NewConversation,
    unused: Option<Unused>,
) -> Result<Started> {
    let NewConversation { title, bot } = beginning;
    let begins = unused.as_ref().and_then(|unused| unused.begins);
    let (conversation_id, contact_id) = begins.unwrap_or_else(|| (clock::mint(), clock::mint()));
    let idempotency = unused.map(|unused| unused.claim);
    let bodies = vec![
        Body::ContactCreated(ContactCreated {
            contact_id,
            name: PersonName::guest(contact_id),
            email: None,
            phone: None,
            channel,
            source: channel.as_str().to_owned(),
        }),
        Body::ConversationStarted(ConversationStarted {
            conversation_id,
            contact_id,
            channel,
            title,
            bot: tenant.account.answering(bot),
            variables: Variables::default(),
            opening: None,
            idempotency,
        }),
    ];
    let appended = append(app, tenant.account.id, StreamKey::Contact(contact_id), bodies).await?;
    if appended.last().is_none_or(|start| start.effect != Effect::Applied) {
        return Err(Error::AlreadyExists("conversation"));
    }
    Ok(Started { conversation: conversation_id, contact: contact_id })
}

/// Starts an empty conversation, unless a request with this key did before. How it begins is only
/// found out where none did; `asked` is what tells requests apart.
///
/// # Errors
/// As [`start`] and `beginning`, and the idempotency errors.
pub async fn start_once(
    app: &App,
    tenant: &Tenant,
    channel: Channel,
    given: &Given,
    asked: &[&str],
    beginning: impl FnOnce() -> Result<NewConversation>,
) -> Result<Started> {
    let account = tenant.account.id;
    let first = |unused| async { begin(app, tenant, channel, beginning()?, unused).await };
    let again = |earlier: claims::Row| {
        let (conversation, contact) = (earlier.conversation, earlier.contact);
        awaited(move || async move {
            let state = app.engine.conversation(account, conversation).await.map_err(failed)?;
            state.ok_or(Error::IdempotencyInFlight)?;
            Ok(Started { conversation, contact })
        })
    };
    let goes = Goes::Begins { conversation: None, contact: None };
    once(app, tenant, given, goes, asked, first, again).await
}

/// What shall change about a conversation; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    pub title: Option<Title>,
    /// What answers from now on; a flow begins anew.
    pub bot: Option<BotVersion>,
    /// Closes it, or opens it again.
    pub resolved: Option<bool>,
}

/// Changes a conversation; says how it is now.
///
/// # Errors
/// [`Error::NotFound`] for a conversation that is not this account's; [`Error::Conflict`] where
/// people answer and it shall be open: that would be no change, and not what was asked.
pub async fn change(
    app: &App,
    account: AccountId,
    id: ConversationId,
    change: Change,
) -> Result<Conversation> {
    let state = read::conversation(app, account, id).await?;
    if change.resolved == Some(false) && !state.is_with_bot() {
        return Err(Error::Conflict(
            "status cannot be active while people answer: resolve the conversation first",
        ));
    }
    let mut bodies = Vec::new();
    if change.title.is_some() || change.bot.is_some() {
        bodies.push(Body::ConversationUpdated(ConversationUpdated {
            conversation_id: id,
            title: change.title,
            bot: change.bot,
            variables: Variables::default(),
        }));
    }
    match change.resolved {
        Some(true) if !state.resolved => {
            let name = read::contact_name(app, account, state.contact_id).await;
            bodies.push(Body::ConversationResolved(ConversationResolved {
                conversation_id: id,
                contact_id: state.contact_id,
                contact_name: name.map_err(failed)?,
            }));
        }
        Some(false) if state.resolved => {
            bodies.push(Body::ConversationReopened(ConversationReopened { conversation_id: id }));
        }
        _ => {}
    }
    if bodies.is_empty() {
        return Ok(state);
    }
    append(app, account, StreamKey::Contact(state.contact_id), bodies).await?;
    read::conversation(app, account, id).await
}

/// Deletes a conversation for good, and the files that came with its messages.
///
/// # Errors
/// [`Error::NotFound`] for a conversation that is not this account's, or no longer.
pub async fn delete(app: &App, account: AccountId, id: ConversationId) -> Result<()> {
    let state = read::conversation(app, account, id).await?;
    let deleted = Body::ConversationDeleted(ConversationDeleted { conversation_id: id });
    append(app, account, StreamKey::Contact(state.contact_id), vec![deleted]).await?;
    // Nobody can ask for its files any more: what is left of them harms nobody but the disk.
    if let Some(files) = &app.files
        && let Err(error) = files.forget(account, id).await
    {
        tracing::warn!(%error, conversation = %id, "its files are not deleted");
    }
    Ok(())
}
