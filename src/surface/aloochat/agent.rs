//! *Agent Chat*: asking an agent, and having the answer whole or as a stream.

use std::net::IpAddr;
use std::sync::Arc;

use poem::Request;
use poem::http::HeaderValue;
use poem::web::Data;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::{ApiResponse, OpenApi};

use super::Token;
use super::agent_key::chosen;
use super::error::Failure;
use super::form::{AgentForm, Asked, Spoken};
use super::stream::{EventId, Subscriber, resumed, streamed};
use super::wire::{ChatOut, response_time_ms, spelled, was_resolved};
use crate::app::App;
use crate::app::accounts::Tenant;
use crate::app::conversations::read;
use crate::app::conversations::readers::ReadBy;
use crate::app::messages::idempotency::{Given, Goes};
use crate::app::messages::send::{Opening, SendMessage, Sent, To, send_once};
use crate::app::turn::outcome::{await_outcome, ending_of};
use crate::domain::account::Account;
use crate::domain::event::BotVersion;
use crate::domain::ids::ConversationId;
use crate::domain::message::Channel;
use crate::domain::turn::Outcome;
use crate::domain::{Error, Result};
use crate::server::seldom::Seldom;
use crate::surface::client::Address;
use crate::surface::event_stream::EventStream;
use crate::surface::idempotency_key::IdempotencyKey;
use crate::surface::json_answer::Direct;

pub(super) struct Agent;

/// The header with which a stream is gone on with.
const LAST_EVENT_ID: &str = "Last-Event-ID";

#[derive(ApiResponse)]
enum Answered {
    /// The agent's answer.
    #[oai(status = 200)]
    Chat(Direct<ChatOut>),
}

#[derive(ApiResponse)]
enum Streamed {
    /// Server-sent events; each has an id to resume with, and as its data a JSON object with `type`
    /// (the event's name), `content` (a string) and `conversation_id`. In this order:
    ///
    /// - `start`, with `message_id`: the user's message.
    /// - `transcribed_text`, for audio: `content` is what was understood.
    /// - `agent_text_chunk`s, whose `content`s joined are the reply.
    /// - `chunk`s for what is not text, with `kind`: `intent` (`content` is its name), `variable`
    ///   (`content` is the value, `name` its name) or `buttons` (`buttons` is the list of their
    ///   labels).
    /// - `end`, with `response_time_ms` (from the message to its answer), `was_resolved` (the agent
    ///   answered, and neither handed over nor fell back) and `message_id`; or `error`, whose
    ///   `content` is for people: the agent could not answer, or the reply broke off and its chunks
    ///   count for nothing (both with `message_id`), or the stream has to be resumed.
    #[oai(status = 200)]
    Stream(EventStream),
}

#[OpenApi(tag = "super::Tag::Agents")]
impl Agent {
    /// Non-streaming chat
    ///
    /// Asks an agent and waits for the whole answer. Without `conversation_id` a conversation begins.
    #[oai(path = "/agent/chat", method = "post", operation_id = "agent_chat")]
    async fn chat(
        &self,
        token: Token,
        app: Data<&Arc<App>>,
        /// The same key within 24 hours asks once and answers the same.
        #[oai(name = "Idempotency-Key")]
        idempotency: IdempotencyKey,
        form: AgentForm,
    ) -> std::result::Result<Answered, Failure> {
        let (tenant, given) = (token.0.tenant(), idempotency.given_to("aloochat")?);
        let sent = ask(&app, tenant, form, &given, false).await?;
        let account = tenant.account.id;
        if sent.outcome.is_none() {
            await_outcome(&app, account, &sent).await?;
        }
        let Sent { conversation, message, seq, .. } = sent;
        let ending = ending_of(&app, account, conversation, message, seq).await?;
        let ending = ending.ok_or(Error::Internal)?;
        let was_resolved = was_resolved(&tenant.account, &ending);
        let response_time_ms = response_time_ms(&sent, &ending);
        let agent_response_text = match ending.outcome {
            Outcome::Replied(reply) => reply.text.to_string(),
            Outcome::Queued => String::new(),
            Outcome::Unavailable => return Err(Failure::no_answer()),
        };
        Ok(Answered::Chat(Direct(ChatOut {
            conversation_id: spelled(conversation),
            agent_response_text,
            response_time_ms,
            was_resolved,
        })))
    }

    /// Streaming chat with SSE
    ///
    /// Asks an agent and streams the answer as it is made.
    #[oai(path = "/agent/stream", method = "post", operation_id = "agent_stream")]
    async fn stream(
        &self,
        token: Token,
        app: Data<&Arc<App>>,
        /// The same key within 24 hours asks once and streams the same turn.
        #[oai(name = "Idempotency-Key")]
        idempotency: IdempotencyKey,
        address: Data<&Address>,
        form: AgentForm,
    ) -> std::result::Result<Streamed, Failure> {
        let (tenant, given) = (token.0.tenant(), idempotency.given_to("aloochat")?);
        // Which conversation is meant stands in the form, which is not read for who has no seat.
        let reader = reader(&app, &token, address.0.0, None)?;
        let sent = ask(&app, tenant, form, &given, true).await?;
        Ok(Streamed::Stream(streamed(&app, tenant, sent, reader).await?))
    }

    /// Resume a stream
    ///
    /// Goes on with the stream of a message after the event of `Last-Event-ID`; from its beginning
    /// where only the conversation is named.
    #[oai(path = "/agent/stream/:message_id", method = "get", operation_id = "resume_agent_stream")]
    async fn resume(
        &self,
        token: Token,
        app: Data<&Arc<App>>,
        /// The user's message, as `start` and `end` name it.
        message_id: Path<String>,
        /// The last event's id.
        #[oai(name = "Last-Event-ID")]
        last_event_id: Header<Option<String>>,
        /// Where there is no event's id: the message's conversation.
        conversation_id: Query<Option<String>>,
        request: &Request,
    ) -> std::result::Result<Streamed, Failure> {
        // What is no text is not taken for none: whoever sends it has seen a part of the stream.
        let is_text = |id: &HeaderValue| id.to_str().is_ok();
        if !request.headers().get(LAST_EVENT_ID).is_none_or(is_text) {
            return Err(not_a_place().into());
        }
        let place = match (last_event_id.0.filter(|id| !id.is_empty()), conversation_id.0) {
            (Some(id), _) => id.parse().map_err(|()| not_a_place())?,
            (None, Some(id)) => {
                EventId::before(id.parse().map_err(|_| Error::NotFound("conversation"))?)
            }
            (None, None) => {
                let problem = "is required where there is no Last-Event-ID";
                return Err(Error::invalid("conversation_id", problem).into());
            }
        };
        let message = message_id.0.parse().map_err(|_| Error::NotFound("message"))?;
        let reader = reader(&app, &token, Address::of(request), Some(place.conversation))?;
        Ok(Streamed::Stream(resumed(&app, token.0.tenant(), message, place, reader).await?))
    }
}

/// A seat for a stream, until the token is revoked.
fn reader(
    app: &App,
    token: &Token,
    address: Option<IpAddr>,
    conversation: Option<ConversationId>,
) -> Result<Subscriber> {
    let by = ReadBy { account: token.0.tenant().account.id, token: None, address };
    let seat = app.readers.seat(&by, conversation)?;
    Ok(Subscriber {
        _seat: seat,
        ended: Box::pin(Seldom::new(token.0.credential().ended(&app.accounts))),
    })
}

fn not_a_place() -> Error {
    Error::invalid(LAST_EVENT_ID, "is not the id of an event of this stream")
}

/// Sends what a form asks.
async fn ask(
    app: &Arc<App>,
    tenant: &Arc<Tenant>,
    form: AgentForm,
    given: &Given,
    streaming: bool,
) -> Result<Sent> {
    let asked = Asked::read(tenant.account.id, form).await?;
    let sent = asked.fingerprint();
    let sent: Vec<_> = sent.iter().map(String::as_str).collect();
    let goes = match asked.conversation.as_deref().map(str::parse) {
        Some(Ok(id)) => Goes::Into(id),
        // What is no id is no conversation's, and refused as such.
        Some(Err(_)) | None => Goes::Begins { conversation: None, contact: None },
    };
    let message = message(app, &tenant.account, asked, streaming);
    send_once(app, tenant, given, goes, &sent, message).await
}

/// What a form comes to.
async fn message(
    app: &Arc<App>,
    account: &Account,
    asked: Asked,
    streaming: bool,
) -> Result<SendMessage> {
    let (to, bot) = destination(app, account, &asked).await?;
    let (text, spoken) = match asked.said {
        Spoken::Text(text) => (text, false),
        Spoken::Audio(recording) => (recording.transcribed(app, account.id).await?, true),
    };
    let context = asked.context;
    Ok(SendMessage { bot, spoken, context, streaming, ..SendMessage::new(to, text, Channel::Api) })
}

/// Where a message goes, and what answers from it on where that is not what answers now.
async fn destination(
    app: &App,
    account: &Account,
    asked: &Asked,
) -> Result<(To, Option<BotVersion>)> {
    let wanted = || chosen(account, Some(asked.agent.0), asked.deployment.as_deref());
    let Some(id) = &asked.conversation else {
        return Ok((To::New(Opening { bot: wanted()?, ..Opening::default() }), None));
    };
    let id = id.parse().map_err(|_| Error::NotFound("conversation"))?;
    let state = read::conversation(app, account.id, id).await?;
    // A conversation stays with the version it began with, in service or not, unless told otherwise.
    let now = account.answering(state.bot);
    if asked.deployment.is_none() && now.is_some_and(|now| now.bot_id == asked.agent.0) {
        return Ok((To::Conversation(id), None));
    }
    let bot = wanted()?.filter(|wanted| now != Some(*wanted));
    Ok((To::Conversation(id), bot))
}
