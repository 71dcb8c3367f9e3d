//! *Agent Chat*: asking an agent, and having the answer whole or as a stream.

use std::sync::Arc;
use std::time::Instant;

use poem::web::Data;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::{ApiResponse, OpenApi};

use super::Token;
use super::agent_key::chosen;
use super::audio;
use super::error::Failure;
use super::form::{AgentForm, Asked, Spoken};
use super::stream::{Place, Told, resumed, streamed};
use super::wire::{ChatOut, spelled, was_resolved};
use crate::app::accounts::Tenant;
use crate::app::manage_conversation::{self, Change};
use crate::app::outcome::{Outcome, await_outcome};
use crate::app::send_message::{Opening, SendMessage, Sent, To, send_message};
use crate::app::{App, read_conversation};
use crate::domain::message::Channel;
use crate::domain::{Error, Result};
use crate::surface::direct::Direct;
use crate::surface::event_stream::EventStream;
use crate::surface::key::IdempotencyKey;

pub(super) struct Agent;

#[derive(ApiResponse)]
enum Answered {
    /// The agent's answer.
    #[oai(status = 200)]
    Chat(Direct<ChatOut>),
}

#[derive(ApiResponse)]
enum Streamed {
    /// `start`, `transcribed_text` (for audio), `agent_text_chunk`s whose contents joined are the
    /// reply, `chunk`s for what is not text, then `end` or `error`. Each has
    /// `{"type","content","conversation_id",…}` as its data, and an id to resume with.
    #[oai(status = 200)]
    Stream(EventStream),
}

#[OpenApi]
impl Agent {
    /// Non-streaming chat
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
        let began = Instant::now();
        let (tenant, idempotency) = (token.tenant(), idempotency.given_to("aloochat")?);
        let (sent, _) = ask(&app, tenant, form, idempotency, false).await?;
        let account = &tenant.account;
        let outcome = match sent.outcome.clone() {
            Some(outcome) => outcome,
            None => await_outcome(&app, account.id, &sent).await?,
        };
        let state = read_conversation::conversation(&app, account.id, sent.conversation).await?;
        let was_resolved = was_resolved(account, &state, &outcome);
        let agent_response_text = match outcome {
            Outcome::Replied(reply) => reply.text.to_string(),
            Outcome::Queued => String::new(),
            Outcome::Unavailable => return Err(Failure::no_answer()),
        };
        Ok(Answered::Chat(Direct(ChatOut {
            conversation_id: spelled(sent.conversation),
            agent_response_text,
            response_time_ms: millis(began),
            was_resolved,
        })))
    }

    /// Streaming chat with SSE
    #[oai(path = "/agent/stream", method = "post", operation_id = "agent_stream")]
    async fn stream(
        &self,
        token: Token,
        app: Data<&Arc<App>>,
        /// The same key within 24 hours asks once and streams the same turn.
        #[oai(name = "Idempotency-Key")]
        idempotency: IdempotencyKey,
        form: AgentForm,
    ) -> std::result::Result<Streamed, Failure> {
        let began = Instant::now();
        let (tenant, idempotency) = (token.tenant(), idempotency.given_to("aloochat")?);
        let (sent, transcribed) = ask(&app, tenant, form, idempotency, true).await?;
        let told = Told { began, transcribed, place: Place::beginning(&sent) };
        Ok(Streamed::Stream(streamed(&app, tenant, sent, told).await?))
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
    ) -> std::result::Result<Streamed, Failure> {
        let place = match (last_event_id.0.filter(|id| !id.is_empty()), conversation_id.0) {
            (Some(id), _) => id.parse().map_err(|_| {
                Error::invalid("Last-Event-ID", "is not the id of an event of this stream")
            })?,
            (None, Some(id)) => {
                Place::before(id.parse().map_err(|_| Error::NotFound("conversation"))?)
            }
            (None, None) => {
                let problem = "is required where there is no Last-Event-ID";
                return Err(Error::invalid("conversation_id", problem).into());
            }
        };
        let message = message_id.0.parse().map_err(|_| Error::NotFound("message"))?;
        Ok(Streamed::Stream(resumed(&app, token.tenant(), message, place).await?))
    }
}

/// Sends what a form asks; also what was said, where it was spoken.
async fn ask(
    app: &Arc<App>,
    tenant: &Arc<Tenant>,
    form: AgentForm,
    idempotency_key: Option<(&'static str, String)>,
    streaming: bool,
) -> Result<(Sent, Option<String>)> {
    let Asked { agent, said, context, conversation, deployment } = Asked::read(form).await?;
    let account = &tenant.account;
    let bot = chosen(account, Some(agent.0), deployment.as_deref())?;
    let to = match conversation {
        None => To::New(Opening { bot, ..Opening::default() }),
        Some(id) => {
            let id = id.parse().map_err(|_| Error::NotFound("conversation"))?;
            let state = read_conversation::conversation(app, account.id, id).await?;
            // A conversation stays with the version it began with, unless told otherwise.
            let now = account.answering(state.bot);
            let is_told = deployment.is_some() || now.map(|now| now.bot_id) != Some(agent.0);
            if is_told && now != bot {
                let change = Change { bot, ..Change::default() };
                manage_conversation::change(app, account.id, id, change).await?;
            }
            To::Conversation(id)
        }
    };
    let (text, transcribed) = match said {
        Spoken::Text(text) => (text, None),
        Spoken::Audio(file) => {
            let text = audio::transcribed(app, file).await?;
            let transcribed = text.to_string();
            (text, Some(transcribed))
        }
    };
    let command = SendMessage {
        context,
        idempotency_key,
        streaming,
        ..SendMessage::new(to, text, Channel::Api)
    };
    Ok((send_message(app, tenant, command).await?, transcribed))
}

/// Milliseconds since then.
pub(super) fn millis(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}
