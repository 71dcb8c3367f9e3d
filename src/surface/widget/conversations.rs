//! The widget's configuration, and a visitor's conversation.

use std::sync::Arc;
use std::time::Duration;

use poem::web::Data;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::error::Failure;
use super::history::{self, Since};
use super::visitor::Key;
use super::wire::{ConfigOut, CreateIn, CreatedOut, MessageOut, ReplyIn, StatusOut, sentence};
use crate::app::App;
use crate::app::accounts::visitors::{self, Visitor};
use crate::app::conversations::{live_feed, read};
use crate::app::messages::send::{Opening, SendMessage, Sent, To, send_message};
use crate::app::turn::outcome::await_outcome;
use crate::domain::message::Channel;
use crate::domain::turn::Outcome;
use crate::domain::{Error, Result};
use crate::surface::fields::Moment;
use crate::surface::idempotency_key::IdempotencyKey;
use crate::surface::json_array::JsonArray;

pub(super) struct Conversations;

/// How long `conversation_token` opens the live feed.
const TOKEN_VALID: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long the first answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(ApiResponse)]
enum Configured {
    /// What the widget shows before any message.
    #[oai(status = 200)]
    Config(Json<ConfigOut>),
}

#[derive(ApiResponse)]
enum Begun {
    /// The conversation.
    #[oai(status = 201)]
    Created(Json<CreatedOut>),
}

#[derive(ApiResponse)]
enum Listed {
    /// All messages, oldest first, or those after a time.
    #[oai(status = 200)]
    Messages(JsonArray<MessageOut>),
}

#[derive(ApiResponse)]
enum Replied {
    /// The message is kept.
    #[oai(status = 201)]
    Kept(Json<StatusOut>),
}

type Answer<T> = std::result::Result<T, Failure>;

#[OpenApi(tag = "super::Tag::Conversations")]
impl Conversations {
    /// Get widget config
    ///
    /// Returns the chat widget configuration for the account.
    #[oai(path = "/config", method = "get", operation_id = "get_widget_config")]
    async fn get_config(&self, key: Key) -> Answer<Configured> {
        Ok(Configured::Config(Json(ConfigOut::new(&key.tenant().account))))
    }

    /// Create conversation
    ///
    /// Creates a new chat conversation with an initial message.
    #[oai(path = "/conversations", method = "post", operation_id = "create_widget_conversation")]
    async fn create(
        &self,
        key: Key,
        app: Data<&Arc<App>>,
        /// The same key within 24 hours creates one conversation and answers the same.
        #[oai(name = "Idempotency-Key")]
        idempotency: IdempotencyKey,
        /// `respond-async` does not wait for the answer (RFC 7240).
        #[oai(name = "Prefer")]
        prefer: Header<Option<String>>,
        body: Json<CreateIn>,
    ) -> Answer<Begun> {
        let tenant = key.tenant();
        let asked = body.0.checked(tenant.account.settings.require_details)?;
        let idempotency = idempotency.given_to("widget")?;
        if visitors::live(tenant, &asked.visitor_token).is_some() {
            return Err(Error::AlreadyExists("conversation").into());
        }
        let visitor = Visitor::of_token(tenant, &asked.visitor_token);
        let wants_now = prefer.0.is_some_and(|prefer| prefer.contains("respond-async"));
        let opening = Opening {
            conversation: Some(visitor.conversation),
            contact: Some(visitor.contact),
            ..Opening::default()
        };
        let command = SendMessage {
            contact: asked.contact,
            idempotency_key: idempotency,
            streaming: wants_now,
            ..SendMessage::new(To::New(opening), asked.text, Channel::Web)
        };
        let sent = send_message(&app, tenant, command).await?;
        let account = tenant.account.id;
        let auto_reply = if wants_now { None } else { answer_to(&app, account, &sent).await };
        let (conversation_token, _) =
            live_feed::sign_token(tenant, sent.conversation, Some(key.id()), TOKEN_VALID);
        Ok(Begun::Created(Json(CreatedOut { conversation_token, auto_reply })))
    }

    /// Get messages
    ///
    /// Returns all messages in a conversation, or only messages after a given timestamp.
    #[oai(
        path = "/conversations/:visitor_token/messages",
        method = "get",
        operation_id = "list_widget_messages"
    )]
    async fn list(
        &self,
        key: Key,
        app: Data<&Arc<App>>,
        /// Conversation identifier.
        visitor_token: Path<String>,
        /// ISO 8601 datetime: only messages after this time. A message's own `timestamp` names that
        /// very message.
        since: Query<Option<Moment<1, 64>>>,
    ) -> Answer<Listed> {
        let since = since.0.map(String::from);
        let since = since.map(|since| Since::parse(&since).ok_or_else(|| sentence(SINCE)));
        let since = since.transpose()?;
        let tenant = key.tenant();
        let account = tenant.account.id;
        let id = visitors::conversation_of(tenant, &visitor_token.0);
        let state = read::conversation(&app, account, id).await?;
        let contact = read::contact(&app, account, state.contact_id).await?;
        let brand = tenant.account.brand().to_owned();
        let pages = history::messages(&app, &state, contact, brand, since).await?;
        Ok(Listed::Messages(JsonArray::new(pages)))
    }

    /// Send reply
    ///
    /// Sends a reply to an existing conversation. Automatically reopens the conversation if it was
    /// closed.
    #[oai(
        path = "/conversations/:visitor_token/messages",
        method = "post",
        operation_id = "send_widget_reply"
    )]
    async fn reply(
        &self,
        key: Key,
        app: Data<&Arc<App>>,
        /// Conversation identifier.
        visitor_token: Path<String>,
        /// The same key within 24 hours sends the message once.
        #[oai(name = "Idempotency-Key")]
        idempotency: IdempotencyKey,
        body: Json<ReplyIn>,
    ) -> Answer<Replied> {
        let (text, contact) = body.0.checked()?;
        let idempotency = idempotency.given_to("widget")?;
        let id = visitors::conversation_of(key.tenant(), &visitor_token.0);
        let command = SendMessage {
            contact,
            idempotency_key: idempotency,
            streaming: true,
            ..SendMessage::new(To::Conversation(id), text, Channel::Web)
        };
        send_message(&app, key.tenant(), command).await?;
        Ok(Replied::Kept(Json(StatusOut::ok())))
    }
}

const SINCE: &str = "Since must be an ISO 8601 datetime";

/// What the first message is answered, where that does not take too long.
async fn answer_to(
    app: &Arc<App>,
    account: crate::domain::ids::AccountId,
    sent: &Sent,
) -> Option<String> {
    let outcome: Result<Outcome> = match sent.outcome.clone() {
        Some(outcome) => Ok(outcome),
        None => tokio::time::timeout(PATIENCE, await_outcome(app, account, sent)).await.ok()?,
    };
    match outcome {
        Ok(Outcome::Replied(reply)) => Some(reply.text.to_string()),
        Ok(Outcome::Queued | Outcome::Unavailable) | Err(_) => None,
    }
}
