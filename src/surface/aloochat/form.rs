//! What is asked of an agent: a form with a query or audio (seed 004, *Agent Chat*).

use std::time::Duration;

use poem::Request;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use serde::Deserialize;

use super::agent_key::AgentKey;
use super::audio::Recording;
use crate::domain::ids::AccountId;
use crate::domain::message::{Said, Side};
use crate::domain::text::{MESSAGE_MAX_CHARS, MessageText};
use crate::domain::{Error, Result};
use crate::server::json_text::mended;
use crate::surface::form_body::{Fields, FormBody, described, described_file, patterned};
use crate::surface::upload::Form;

/// What a form may have; the largest audio is 25 MiB.
const FORM: Form = Form {
    texts: &["agent_key", "query", "messages", "conversation_id", "deployment_id"],
    text_bytes: 256 << 10,
    files: &["audio"],
    file_bytes: 25 << 20,
    deadline: Duration::from_secs(120),
};
/// Messages told of before the turn, and their characters in all.
const CONTEXT_MAX: usize = 100;
const CONTEXT_MAX_CHARS: usize = 50_000;

/// As [`AgentKey`] is written.
const AGENT_KEY: &str =
    "^agent:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}:(voice|chat):[a-z0-9-]{1,64}$";

/// Whether a request brings a form, which is read as a stream.
pub(super) fn is_form(request: &Request) -> bool {
    let path = request.uri().path();
    path.ends_with("/agent/chat") || path.ends_with("/agent/stream")
}

/// The form's fields.
pub(super) struct AgentFields;

impl Fields for AgentFields {
    fn schema() -> MetaSchema {
        let mut schema = MetaSchema::new("object");
        schema.required = vec!["agent_key"];
        let only = |name| MetaSchema { required: vec![name], ..MetaSchema::ANY };
        schema.one_of = vec![
            MetaSchemaRef::Inline(Box::new(only("query"))),
            MetaSchemaRef::Inline(Box::new(only("audio"))),
        ];
        schema.properties = vec![
            ("agent_key", patterned("`agent:<uuid>:<voice|chat>:<region>`", AGENT_KEY)),
            ("query", patterned("The user's message; either this or `audio`.", r"\S")),
            ("audio", described_file("Speech: wav, mp3, ogg, webm or m4a, at most 25 MiB.")),
            (
                "messages",
                described(
                    "A JSON list of `{\"role\",\"content\"}`: what was said before, at most 100 \
                     messages and 50,000 characters.",
                ),
            ),
            ("conversation_id", described("Continues a conversation.")),
            ("deployment_id", described("A version of the agent.")),
        ];
        schema
    }
}

/// A form as it comes.
pub(super) type AgentForm = FormBody<AgentFields>;

/// A checked form.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) agent: AgentKey,
    pub(super) said: Spoken,
    pub(super) context: Vec<Said>,
    pub(super) conversation: Option<String>,
    pub(super) deployment: Option<String>,
    /// The form's texts as they were sent.
    sent: Vec<String>,
}

/// What the user says.
#[derive(Debug)]
pub(super) enum Spoken {
    Text(MessageText),
    Audio(Recording),
}

impl Asked {
    /// Reads and checks a form.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::TooLong`], [`Error::BodyTooLarge`], [`Error::BodyTooSlow`], and
    /// [`Error::RateLimited`] or [`Error::Unavailable`] when the audio cannot be kept while it is read.
    pub(super) async fn read(account: AccountId, form: AgentForm) -> Result<Self> {
        let mut form = form.read(account, FORM).await.map_err(told)?;
        let agent = form.text("agent_key").ok_or(Error::invalid("agent_key", "is required"))?;
        let agent = agent.parse().map_err(|_| Error::invalid("agent_key", "is malformed"))?;
        let audio = form.file.take();
        let said = match (form.text("query"), audio) {
            (Some(query), None) => Spoken::Text(text("query", query)?),
            (None, Some(audio)) if audio.size > 0 => Spoken::Audio(Recording::read(audio).await?),
            (None, Some(_)) => return Err(Error::invalid("audio", "must not be empty")),
            (Some(_), Some(_)) => {
                return Err(Error::invalid("query", "and audio cannot both be given"));
            }
            (None, None) => return Err(Error::invalid("query", "or audio is required")),
        };
        let context = form.text("messages").map_or(Ok(Vec::new()), context)?;
        let own = |name| form.text(name).map(str::to_owned);
        let (conversation, deployment) = (own("conversation_id"), own("deployment_id"));
        let sent = FORM.texts.iter().map(|name| form.text(name).unwrap_or_default().to_owned());
        let sent = sent.collect();
        Ok(Self { agent, said, context, conversation, deployment, sent })
    }

    /// What tells one form from another: what was sent, and nothing that it comes to.
    pub(super) fn fingerprint(&self) -> Vec<String> {
        let audio = match &self.said {
            Spoken::Text(_) => String::new(),
            Spoken::Audio(recording) => recording.sha256(),
        };
        ["ask".to_owned(), audio].into_iter().chain(self.sent.iter().cloned()).collect()
    }
}

/// Where a text breaks the limit of all texts, its own is told: it is the lower one.
fn told(error: Error) -> Error {
    match error {
        Error::TooLong { field: field @ "query", actual, .. } => {
            Error::TooLong { field, max: MESSAGE_MAX_CHARS, actual }
        }
        Error::TooLong { field: field @ "messages", actual, .. } => {
            Error::TooLong { field, max: CONTEXT_MAX_CHARS, actual }
        }
        other => other,
    }
}

/// What was said, as a message.
///
/// # Errors
/// [`Error::Invalid`] for one that says nothing, [`Error::TooLong`].
pub(super) fn text(field: &'static str, given: &str) -> Result<MessageText> {
    let actual = given.chars().count();
    if actual > MESSAGE_MAX_CHARS {
        return Err(Error::TooLong { field, max: MESSAGE_MAX_CHARS, actual });
    }
    given.parse().map_err(|fault| Error::invalid(field, format!("{fault}")))
}

#[derive(Deserialize)]
struct Before {
    role: String,
    content: String,
}

fn context(given: &str) -> Result<Vec<Said>> {
    let malformed = |problem| Error::invalid("messages", problem);
    let list: Vec<Before> = serde_json::from_slice(&mended(given.as_bytes()))
        .map_err(|_| malformed("must be a JSON list of objects with role and content"))?;
    if list.len() > CONTEXT_MAX {
        return Err(malformed("must have at most 100 messages"));
    }
    let actual: usize = list.iter().map(|message| message.content.chars().count()).sum();
    if actual > CONTEXT_MAX_CHARS {
        return Err(Error::TooLong { field: "messages", max: CONTEXT_MAX_CHARS, actual });
    }
    let said = list.into_iter().map(|message| {
        let by = match message.role.as_str() {
            "user" => Side::Customer,
            "assistant" | "agent" | "system" => Side::Business,
            _ => return Err(malformed("must have the roles user, assistant or system")),
        };
        Ok(Said { by, text: message.content })
    });
    said.collect()
}
