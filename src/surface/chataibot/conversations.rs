//! *Start conversation* and *Send visitor response*.

use std::sync::Arc;
use std::time::Duration;

use poem::Request;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::Token;
use super::error::Failure;
use super::wire::{
    AssigneeOut, ContactOut, ConversationOut, SendIn, SentOut, Start, StartIn, StartedOut,
};
use crate::app::App;
use crate::app::accounts::visitors;
use crate::app::conversations::{live_feed, read};
use crate::app::messages::send::{Opening, SendMessage, To, send_message};
use crate::domain::Error;
use crate::domain::ids::{BotId, ConversationId};
use crate::domain::message::Channel;
use crate::domain::text::MessageText;
use crate::live::cursor::Cursor;
use crate::surface::client;
use crate::surface::idempotency_key::IdempotencyKey;

pub(super) struct Conversations;

/// How long a `live_url` opens its feed.
const LIVE_URL_VALID: Duration = Duration::from_secs(24 * 60 * 60);
/// A top-level domain that nobody can have (RFC 2606).
const NOWHERE: &str = "bots.invalid";

#[derive(ApiResponse)]
enum Begun {
    /// The conversation; what the bot says comes on the live feed.
    #[oai(status = 200)]
    Started(Json<StartedOut>),
}

#[derive(ApiResponse)]
enum Taken {
    /// The message is kept; what the bot says comes on the live feed.
    #[oai(status = 200)]
    Sent(Json<SentOut>),
}

#[OpenApi(tag = "super::Tag::Conversations")]
impl Conversations {
    /// Start conversation
    ///
    /// Initiates a chat session with a visitor, by the visitor's first message.
    #[oai(path = "/conversations", method = "post", operation_id = "start_conversation")]
    async fn start(
        &self,
        request: &Request,
        token: Token,
        app: Data<&Arc<App>>,
        /// The same key within 24 hours starts one conversation and answers the same.
        #[oai(name = "Idempotency-Key")]
        idempotency: IdempotencyKey,
        body: Json<StartIn>,
    ) -> std::result::Result<Begun, Failure> {
        let tenant = token.0.tenant();
        let asked = Start::try_from(body.0)?;
        let idempotency = idempotency.given_to("chataibot")?;
        let bot: Option<BotId> = asked.bot_key.parse().ok();
        let bot = bot.and_then(|bot| tenant.account.deployed(bot));
        let bot = bot.ok_or(Error::NotFound("deployed bot with this bot_key"))?;
        let contact = visitors::contact_of_external_id(tenant, &asked.external_id);
        let opening = Opening {
            contact: Some(contact),
            bot: Some(bot),
            variables: asked.variables,
            ..Opening::default()
        };
        let command = SendMessage {
            contact: asked.contact,
            idempotency_key: idempotency,
            streaming: true,
            ..SendMessage::new(To::New(opening), asked.text, Channel::Api)
        };
        let sent = send_message(&app, tenant, command).await?;
        let account = tenant.account.id;
        let contact = read::contact(&app, account, sent.contact).await?;
        let live_url = live_url(request, &token, sent.conversation, Cursor::START);
        Ok(Begun::Started(Json(StartedOut {
            ok: true,
            conversation: ConversationOut {
                id: sent.conversation.to_string(),
                // It began with this message.
                created_at: sent.at.to_spaced_string(),
                assignee: AssigneeOut {
                    id: bot.bot_id.to_string(),
                    to: format!("{}@{NOWHERE}", bot.bot_id),
                },
            },
            contact: ContactOut::new(&contact, &asked.external_id),
            live_url,
        })))
    }

    /// Send visitor response
    ///
    /// Sends what the visitor says; the bot goes to the next step of its flow.
    #[oai(
        path = "/conversation/:conversation_id/messages",
        method = "post",
        operation_id = "send_visitor_response"
    )]
    async fn send(
        &self,
        request: &Request,
        token: Token,
        app: Data<&Arc<App>>,
        /// `cv_…`
        conversation_id: Path<String>,
        /// The same key within 24 hours sends the message once.
        #[oai(name = "Idempotency-Key")]
        idempotency: IdempotencyKey,
        body: Json<SendIn>,
    ) -> std::result::Result<Taken, Failure> {
        let tenant = token.0.tenant();
        let text = MessageText::try_from(body.0)?;
        let idempotency = idempotency.given_to("chataibot")?;
        let id = conversation_id.0.parse().map_err(|_| Error::NotFound("conversation"))?;
        let command = SendMessage {
            idempotency_key: idempotency,
            streaming: true,
            ..SendMessage::new(To::Conversation(id), text, Channel::Api)
        };
        let sent = send_message(&app, tenant, command).await?;
        let live_url = live_url(request, &token, id, sent.cursor);
        let message_id = sent.message.to_string();
        Ok(Taken::Sent(Json(SentOut { ok: true, message_id, live_url })))
    }
}

/// Where the conversation can be followed from a place on.
fn live_url(request: &Request, token: &Token, id: ConversationId, after: Cursor) -> String {
    let (token, _) =
        live_feed::sign_token(token.0.tenant(), id, Some(token.0.key()), LIVE_URL_VALID);
    let origin = client::own_origin(request);
    format!("{origin}/live/v1/conversations/{id}/stream?after={after}&token={token}")
}
