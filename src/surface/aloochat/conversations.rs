//! Conversation management and message history.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::Token;
use super::agent_key::{agent_id, chosen};
use super::error::Failure;
use super::wire::{
    Asked, ConversationOut, ConversationsOut, CreateIn, MessageOut, MessagesOut, StatusIn, UpdateIn,
};
use crate::app::App;
use crate::app::conversations::manage::{self, Change, NewConversation, start_once};
use crate::app::conversations::{list, read};
use crate::domain::ids::ConversationId;
use crate::domain::message::Channel;
use crate::domain::{Error, Result};
use crate::surface::fields::Number;
use crate::surface::idempotency_key::IdempotencyKey;
use crate::surface::json_answer::Direct;

pub(super) struct Conversations;

#[derive(ApiResponse)]
enum Created {
    /// The conversation.
    #[oai(status = 201)]
    Conversation(Direct<ConversationOut>),
}

#[derive(ApiResponse)]
enum Got {
    /// The conversation.
    #[oai(status = 200)]
    Conversation(Direct<ConversationOut>),
}

#[derive(ApiResponse)]
enum Listed {
    /// One page, newest first.
    #[oai(status = 200)]
    Conversations(Direct<ConversationsOut>),
}

#[derive(ApiResponse)]
enum History {
    /// One page, oldest first.
    #[oai(status = 200)]
    Messages(Direct<MessagesOut>),
}

#[derive(ApiResponse)]
enum Deleted {
    /// It is gone.
    #[oai(status = 204)]
    Gone,
}

type Answer<T> = std::result::Result<T, Failure>;

#[OpenApi(tag = "super::Tag::Conversations")]
impl Conversations {
    /// Create a new conversation
    ///
    /// It begins without a message; an agent is asked in it with its `conversation_id`.
    #[oai(path = "/conversations", method = "post", operation_id = "create_conversation")]
    async fn create(
        &self,
        token: Token,
        app: Data<&Arc<App>>,
        /// The same key within 24 hours creates once and answers with the same conversation.
        #[oai(name = "Idempotency-Key")]
        idempotency: IdempotencyKey,
        body: Json<CreateIn>,
    ) -> Answer<Created> {
        let (tenant, given) = (token.0.tenant(), idempotency.given_to("aloochat")?);
        let asked = Asked::try_from(body.0)?;
        let beginning = || {
            let agent = asked.agent_id.as_deref().map(agent_id).transpose()?;
            let bot = chosen(&tenant.account, agent, asked.deployment_id.as_deref())?;
            Ok(NewConversation { title: asked.title.clone(), bot })
        };
        let sent = asked.fingerprint();
        let begun = start_once(&app, tenant, Channel::Api, &given, &sent, beginning).await?;
        let id = begun.conversation;
        let state = read::conversation(&app, tenant.account.id, id).await?;
        Ok(Created::Conversation(Direct(ConversationOut::new(&tenant.account, &state))))
    }

    /// Get user conversations
    ///
    /// Newest first, those begun on other surfaces too.
    #[oai(path = "/conversations", method = "get", operation_id = "list_conversations")]
    async fn list(
        &self,
        token: Token,
        app: Data<&Arc<App>>,
        /// Conversations per page, 1 to 100; 20 where it is not given.
        limit: Query<Option<Number<1, 100>>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<Listed> {
        let tenant = token.0.tenant();
        let limit = size(limit.0)?;
        let malformed = || Error::invalid("cursor", "is not a cursor of this list");
        let before = cursor.0.map(|cursor| cursor.parse().map_err(|_| malformed())).transpose()?;
        let page = list::list(&app, tenant.account.id, before, limit).await?;
        let shown = page.conversations.iter();
        Ok(Listed::Conversations(Direct(ConversationsOut {
            conversations: shown.map(|one| ConversationOut::new(&tenant.account, one)).collect(),
            next_cursor: page.next.map(|cursor| cursor.to_string()),
        })))
    }

    /// Get a conversation
    ///
    /// Where it stands: its agent, its title, how many messages it has.
    #[oai(
        path = "/conversations/:conversation_id",
        method = "get",
        operation_id = "get_aloo_conversation"
    )]
    async fn get(
        &self,
        token: Token,
        app: Data<&Arc<App>>,
        /// `conv_…`
        conversation_id: Path<String>,
    ) -> Answer<Got> {
        let account = &token.0.tenant().account;
        let id = id(&conversation_id.0)?;
        let state = read::conversation(&app, account.id, id).await?;
        Ok(Got::Conversation(Direct(ConversationOut::new(account, &state))))
    }

    /// Update a conversation
    ///
    /// Its title, the version that answers it, or whether it is closed. One that people answer is not
    /// made `active` (400): it is resolved first.
    #[oai(
        path = "/conversations/:conversation_id",
        method = "patch",
        operation_id = "update_conversation"
    )]
    async fn update(
        &self,
        token: Token,
        app: Data<&Arc<App>>,
        /// `conv_…`
        conversation_id: Path<String>,
        body: Json<UpdateIn>,
    ) -> Answer<Got> {
        let account = &token.0.tenant().account;
        let id = id(&conversation_id.0)?;
        let asked = Asked::try_from(body.0)?;
        let change = Change {
            title: asked.title,
            bot: chosen(account, None, asked.deployment_id.as_deref())?,
            resolved: asked.status.map(|status| status == StatusIn::Resolved),
        };
        let state = manage::change(&app, account.id, id, change).await?;
        Ok(Got::Conversation(Direct(ConversationOut::new(account, &state))))
    }

    /// Delete a conversation
    ///
    /// For good, on every surface.
    #[oai(
        path = "/conversations/:conversation_id",
        method = "delete",
        operation_id = "delete_conversation"
    )]
    async fn delete(
        &self,
        token: Token,
        app: Data<&Arc<App>>,
        /// `conv_…`
        conversation_id: Path<String>,
    ) -> Answer<Deleted> {
        let id = id(&conversation_id.0)?;
        manage::delete(&app, token.0.tenant().account.id, id).await?;
        Ok(Deleted::Gone)
    }

    /// Message history
    ///
    /// What was said, oldest first, in pages.
    #[oai(
        path = "/conversations/:conversation_id/messages",
        method = "get",
        operation_id = "list_aloo_messages"
    )]
    async fn messages(
        &self,
        token: Token,
        app: Data<&Arc<App>>,
        /// `conv_…`
        conversation_id: Path<String>,
        /// Messages per page, 1 to 100; 20 where it is not given.
        limit: Query<Option<Number<1, 100>>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<History> {
        let account = token.0.tenant().account.id;
        let id = id(&conversation_id.0)?;
        let limit = size(limit.0)?;
        let malformed = |_| Error::invalid("cursor", "is not a cursor of this list");
        let skip = cursor.0.map_or(Ok(0), |cursor| cursor.parse::<u64>().map_err(malformed))?;
        let page = read::messages(&app, account, id, skip, limit).await?;
        let next = skip.saturating_add(page.messages.len() as u64);
        Ok(History::Messages(Direct(MessagesOut {
            messages: page.messages.iter().filter_map(MessageOut::new).collect(),
            next_cursor: (next < page.total).then(|| next.to_string()),
        })))
    }
}

fn id(text: &str) -> Result<ConversationId> {
    text.parse().map_err(|_| Error::NotFound("conversation"))
}

fn size(limit: Option<Number<1, 100>>) -> Result<usize> {
    let mut faults = Vec::new();
    let limit = Number::read(limit, "limit", 20, &mut faults);
    if !faults.is_empty() {
        return Err(Error::Invalid(faults));
    }
    Ok(usize::try_from(limit).unwrap_or(100))
}
