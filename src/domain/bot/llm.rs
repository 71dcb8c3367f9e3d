//! What an llm bot is made of: a model behind any server that has OpenAI's `/chat/completions`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::flow::english;
use crate::domain::language::Language;

/// Defines an llm bot: which model answers, and what it is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LlmDefinition")]
pub struct Definition {
    /// The name shown as the author of its messages.
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
    /// The language taken for a conversation's where it cannot be told.
    #[serde(default = "english")]
    pub default_language: Language,
    /// What `/chat/completions` is under: `https://api.openai.com/v1`.
    pub base_url: String,
    #[schemars(length(min = 1, max = 200))]
    pub model: String,
    /// Sent as `Authorization: Bearer …`; not shown again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    /// More headers; their values are not shown again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// What the model is told before the conversation; a template: `{{contact.name|the customer}}`.
    #[serde(default)]
    #[schemars(length(max = 20000))]
    pub system_prompt: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2))]
    pub temperature: Option<f64>,
    /// The longest answer, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_tokens: Option<u32>,
    /// How much of the conversation before is told, in tokens as estimated: a token for four letters
    /// of ASCII or one other character, and four for each message. The latest messages are kept.
    #[serde(default = "history_tokens")]
    #[schemars(range(max = 200_000))]
    pub history_tokens: usize,
    /// Whether the model may hand over to a person, where one is available.
    #[serde(default = "yes")]
    pub hand_over: bool,
    /// What a turn may be about, by the names that the model gives it, each with what it means; 50 at
    /// most. Where it names none, the account's FAQ bots tell the intent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(length(max = 50))]
    pub intents: BTreeMap<String, String>,
    /// How often a call is repeated that failed before anything was said.
    #[serde(default = "retries")]
    #[schemars(range(max = 5))]
    pub retries: usize,
    /// Until the first piece of the answer, repetitions included.
    #[serde(default = "first_chunk_timeout_ms")]
    #[schemars(range(min = 100, max = 28_000))]
    pub first_chunk_timeout_ms: u64,
    /// Between two pieces.
    #[serde(default = "idle_timeout_ms")]
    #[schemars(range(min = 100, max = 28_000))]
    pub idle_timeout_ms: u64,
    /// The whole answer.
    #[serde(default = "total_timeout_ms")]
    #[schemars(range(min = 100, max = 280_000))]
    pub total_timeout_ms: u64,
}

fn history_tokens() -> usize {
    3_000
}

fn yes() -> bool {
    true
}

fn retries() -> usize {
    2
}

fn first_chunk_timeout_ms() -> u64 {
    20_000
}

fn idle_timeout_ms() -> u64 {
    15_000
}

fn total_timeout_ms() -> u64 {
    120_000
}
