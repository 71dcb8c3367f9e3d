//! What answers: bots made ready from their definitions.
//!
//! A bot turns one inbound message into a stream of steps. It knows nothing of logs, readers or
//! accounts; `app::turn::answer` carries out what it says.

pub mod document;
pub mod drafts;
pub mod faq;
pub mod faults;
pub mod flow;
pub mod llm;
pub mod remote;
mod scope;
mod template;
mod upstream;

use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};

use crate::domain::attachment::{self, Attachment};
use crate::domain::bot::Definition;
use crate::domain::ids::{ConversationId, MessageId};
use crate::domain::language::Language;
use crate::domain::message::Said;
use crate::domain::time::Timestamp;
use crate::domain::variables::Variables;
use crate::outside::{self, Outside};
use faq::{Decision, Faq};
use faults::Faults;
use flow::Flow;
use llm::Llm;
use remote::Remote;

/// The longest name of an intent.
const INTENT_MAX_CHARS: usize = 64;

/// What a bot is asked.
#[derive(Debug, Clone)]
pub struct Turn<'a> {
    pub text: &'a str,
    /// The language of the conversation so far.
    pub previous: Option<Language>,
    /// Whether somebody could take over now.
    pub person_available: bool,
    /// What came before; empty for a bot that does not want it.
    pub background: &'a Background,
}

/// What a bot may know of a conversation besides the message.
#[derive(Debug, Clone, Default)]
pub struct Background {
    pub conversation: Option<ConversationId>,
    /// The message that is answered.
    pub message: Option<MessageId>,
    /// When it came.
    pub at: Option<Timestamp>,
    /// The conversation's, with `contact.name`, `contact.email` and `contact.phone` where they are
    /// known.
    pub variables: Variables,
    /// The step of a flow that this message answers; none where it begins the flow.
    pub position: Option<String>,
    /// What was said before this message, oldest first; the last of it where there is much.
    pub history: Vec<Said>,
    /// Files that came with the message.
    pub attachments: Vec<Attachment>,
}

/// How much of a conversation a bot wants to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// The message alone, with its files.
    Nothing,
    /// All of [`Background`] but the history.
    Variables,
    /// All of it, with so many messages of the history.
    History(usize),
}

/// One thing a bot does in a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BotAction {
    /// The purpose the bot saw; at most once.
    Intent(String),
    /// The bot types, or no longer does: a text is on its way.
    Typing(bool),
    /// The next piece of the reply.
    Text(String),
    /// Answers the customer may choose from; at most once, after the text they belong to.
    Buttons(Vec<String>),
    /// A variable has a new value.
    Variable { name: String, value: String },
    /// The step that the next message answers; where none is said, the flow is over.
    Position(String),
    /// People should answer; nothing follows.
    HandOver,
    /// The matter is settled: the conversation is closed after the reply; nothing follows.
    Resolve,
}

/// Why a bot broke off.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the upstream failed: {0}")]
    Upstream(#[from] outside::Error),
}

/// A bot that is ready to answer.
#[derive(Debug)]
pub enum Bot {
    Faq(Box<Faq>),
    Flow(Flow),
    Llm(Box<Llm>),
    Remote(Box<Remote>),
}

/// A whole answer that needs no waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<'a> {
    Reply { intent: Option<&'a str>, text: &'a str, buttons: &'a [String] },
    HandOver,
}

impl Bot {
    /// Makes a bot of its definition. One that is new has [`drafts::check`] to pass besides.
    ///
    /// # Errors
    /// When the definition breaks its bounds; the error names the places.
    pub fn compile(definition: &Definition) -> Result<Self, Faults> {
        match definition {
            Definition::Faq(definition) => Ok(Self::Faq(Box::new(Faq::compile(definition)?))),
            Definition::Flow(definition) => Ok(Self::Flow(Flow::compile(definition)?)),
            Definition::Llm(definition) => Ok(Self::Llm(Box::new(Llm::compile(definition)?))),
            Definition::Remote(definition) => {
                Ok(Self::Remote(Box::new(Remote::compile(definition)?)))
            }
        }
    }

    /// The language it answers in when it cannot tell the asker's.
    pub fn default_language(&self) -> Language {
        match self {
            Self::Faq(faq) => faq.default_language(),
            Self::Flow(flow) => flow.default_language(),
            Self::Llm(llm) => llm.default_language(),
            Self::Remote(remote) => remote.default_language(),
        }
    }

    /// The language it answers a turn in, where it does not follow the asker's.
    pub fn language_for(&self, turn: &Turn<'_>) -> Option<Language> {
        match self {
            Self::Flow(flow) => Some(flow.language_for(turn)),
            Self::Faq(_) | Self::Llm(_) | Self::Remote(_) => None,
        }
    }

    /// How much of the conversation it wants to be told in a [`Turn`].
    pub fn wants(&self) -> Wants {
        match self {
            Self::Faq(_) => Wants::Nothing,
            Self::Flow(_) => Wants::Variables,
            Self::Llm(llm) => llm.wants(),
            Self::Remote(remote) => remote.wants(),
        }
    }

    /// The name its messages carry.
    pub fn name(&self) -> &str {
        match self {
            Self::Faq(faq) => faq.name(),
            Self::Flow(flow) => flow.name(),
            Self::Llm(llm) => llm.name(),
            Self::Remote(remote) => remote.name(),
        }
    }

    /// The answer, when the bot can give it at once; `None` for bots that must wait for others.
    pub fn answer_at_once(&self, turn: &Turn<'_>) -> Option<(Language, Answer<'_>)> {
        match self {
            Self::Faq(faq) => Some(answer_of(faq, turn)),
            Self::Flow(_) | Self::Llm(_) | Self::Remote(_) => None,
        }
    }

    /// The pause between the pieces of a reply that is shown as it is made.
    pub fn pace(&self) -> Duration {
        match self {
            Self::Faq(faq) => Duration::from_millis(faq.pace_ms()),
            Self::Flow(flow) => flow.pace(),
            Self::Llm(_) | Self::Remote(_) => Duration::ZERO,
        }
    }

    /// The answer as it is streamed: in natural pieces, as fast as they come.
    pub fn answer(
        &self,
        turn: &Turn<'_>,
        outside: &Outside,
    ) -> BoxStream<'static, Result<BotAction, Error>> {
        match self {
            Self::Faq(faq) => {
                let (_, answer) = answer_of(faq, turn);
                let steps: Vec<_> = match answer {
                    Answer::HandOver => vec![BotAction::HandOver],
                    Answer::Reply { intent, text, buttons } => {
                        let intent = intent.map(|intent| BotAction::Intent(intent.to_owned()));
                        let pieces =
                            faq::pieces(text).map(|piece| BotAction::Text(piece.to_owned()));
                        let offered = (!buttons.is_empty()).then(|| buttons.to_vec());
                        let buttons = offered.map(BotAction::Buttons);
                        intent.into_iter().chain(pieces).chain(buttons).collect()
                    }
                };
                stream::iter(steps.into_iter().map(Ok)).boxed()
            }
            Self::Flow(flow) => flow.answer(turn, outside),
            Self::Llm(llm) => llm.answer(turn, outside),
            Self::Remote(remote) => remote.answer(turn, outside),
        }
    }
}

fn answer_of<'a>(faq: &'a Faq, turn: &Turn<'_>) -> (Language, Answer<'a>) {
    let said =
        |language, text| Answer::Reply { intent: None, text, buttons: faq.choices(language) };
    if attachment::are_all(turn.text, &turn.background.attachments) {
        let language = turn.previous.unwrap_or(faq.default_language());
        return match faq.files(language) {
            Some(text) => (language, said(language, text)),
            None if turn.person_available && faq.hands_over_unknown() => {
                (language, Answer::HandOver)
            }
            None => (language, said(language, faq.fallback(language))),
        };
    }
    let answer = faq.answer(turn.text, turn.previous);
    let language = answer.language;
    let said = match answer.outcome {
        Decision::Reply { intent, text, choices } => {
            Answer::Reply { intent: Some(intent), text, buttons: choices }
        }
        Decision::HandOver if turn.person_available => Answer::HandOver,
        Decision::HandOver => said(language, faq.unavailable(language)),
        Decision::Unknown if turn.person_available && faq.hands_over_unknown() => Answer::HandOver,
        Decision::Unknown => said(language, faq.fallback(language)),
    };
    (language, said)
}
