//! Conversations as things to manage: start one without a message, change, delete.

use super::accounts::Tenant;
use super::{App, append, clock, failed, read_conversation};
use crate::domain::Result;
use crate::domain::conversation::Conversation;
use crate::domain::event::{
    Body, BotVersion, ContactCreated, ConversationDeleted, ConversationReopened,
    ConversationResolved, ConversationStarted, ConversationUpdated,
};
use crate::domain::ids::{AccountId, ContactId, ConversationId, StreamKey};
use crate::domain::message::Channel;
use crate::domain::text::{PersonName, Title};
use crate::domain::variables::Variables;

/// A conversation that was begun without a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    pub conversation: ConversationId,
    pub contact: ContactId,
}

/// Starts an empty conversation with a new contact; `bot` answers it, or the account's default.
///
/// # Errors
/// [`crate::domain::Error::Unavailable`] when it cannot be kept now.
pub async fn start(
    app: &App,
    tenant: &Tenant,
    channel: Channel,
    title: Option<Title>,
    bot: Option<BotVersion>,
) -> Result<Started> {
    let (conversation_id, contact_id) = (clock::mint(), clock::mint());
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
        }),
    ];
    append(app, tenant.account.id, StreamKey::Contact(contact_id), bodies).await?;
    Ok(Started { conversation: conversation_id, contact: contact_id })
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
/// [`crate::domain::Error::NotFound`] for a conversation that is not this account's.
pub async fn change(
    app: &App,
    account: AccountId,
    id: ConversationId,
    change: Change,
) -> Result<Conversation> {
    let state = read_conversation::conversation(app, account, id).await?;
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
            let name = read_conversation::contact_name(app, account, state.contact_id).await;
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
    read_conversation::conversation(app, account, id).await
}

/// Deletes a conversation for good, and the files that came with its messages.
///
/// # Errors
/// [`crate::domain::Error::NotFound`] for a conversation that is not this account's, or no longer.
pub async fn delete(app: &App, account: AccountId, id: ConversationId) -> Result<()> {
    let state = read_conversation::conversation(app, account, id).await?;
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
