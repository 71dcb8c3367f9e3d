//! What an FAQ bot is made of: the document that people edit and deploy.
//!
//! Plain data with a JSON schema; unknown fields are refused, because a misspelt field would
//! otherwise silently do nothing. What the types cannot say is checked in `bounds` when a
//! definition is compiled.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::language::Language;

/// Defines an FAQ bot: what it is asked, what it answers, and when it calls a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The name shown as the author of its messages, such as the company's.
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
    /// The language of an answer when the asker's is unknown or has no answer. Every intent and
    /// the fallback must be written in it.
    pub default_language: Language,
    /// The pause between the pieces of a streamed reply, in milliseconds; 0 streams without one.
    #[serde(default)]
    #[schemars(range(max = 1000))]
    pub pace_ms: u64,
    /// What it can be asked.
    #[schemars(length(min = 1, max = 200))]
    pub intents: Vec<Intent>,
    /// How people ask for a person.
    #[serde(default)]
    pub handover: Handover,
    /// What it says when it does not know and hands nothing over, by language; also when somebody
    /// asks for a person and none is available.
    pub fallback: BTreeMap<Language, String>,
    /// What it does about a message that it does not know an answer to.
    #[serde(default, skip_serializing_if = "Unknown::is_default")]
    pub unknown: Unknown,
    /// What it offers to ask, as buttons under the fallback and under the answers of intents with
    /// `choices`, by language. Each must have an answer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub choices: BTreeMap<Language, Vec<String>>,
    /// What it says to a message that is a file alone, by language; without it, such a message is
    /// not known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<Language, String>,
}

/// What becomes of a message without an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "FaqUnknown")]
pub enum Unknown {
    /// A person takes over where one is available; else the bot says the fallback.
    #[default]
    HandOver,
    /// The bot says the fallback, whoever is available; people come only when they are asked for.
    Say,
}

impl Unknown {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// One thing that people ask, in their words, and what it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// A short name, unique in the bot, that reports and webhooks show: `order_status`.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Marks greetings, thanks and the like, which give way to any other intent in a message.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub small_talk: bool,
    /// Phrases as people write them, by language; 8 to 20 for a language match well.
    pub examples: BTreeMap<Language, Vec<String>>,
    /// The answer, by language.
    pub answers: BTreeMap<Language, String>,
    /// Offers the bot's choices under the answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub choices: bool,
}

/// How people ask to talk to a person rather than the bot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Handover {
    /// Phrases by language. One of several words is also found inside a longer message; one with
    /// a single telling word ("agent please") only as a whole sentence.
    #[serde(default)]
    pub phrases: BTreeMap<Language, Vec<String>>,
    /// What the bot says when a person is asked for and none is available, by language; the
    /// fallback where it is absent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unavailable: BTreeMap<Language, String>,
}
