//! What a remote bot is made of: an HTTP endpoint of the account's own. `docs/bots.md` has the
//! protocol.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::flow::english;
use crate::domain::language::Language;

/// Defines a remote bot: who is asked, and how long is waited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RemoteDefinition")]
pub struct Definition {
    /// The name shown as the author of its messages.
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
    /// The language taken for a conversation's where it cannot be told.
    #[serde(default = "english")]
    pub default_language: Language,
    pub url: String,
    /// What calls are signed with, at least 16 characters; not shown again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 16, max = 200))]
    pub secret: Option<String>,
    /// More headers; their values are not shown again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// How many messages before the question are told.
    #[serde(default = "history")]
    #[schemars(range(max = 100))]
    pub history: usize,
    /// How often a call is repeated that failed before anything was answered.
    #[serde(default = "retries")]
    #[schemars(range(max = 5))]
    pub retries: usize,
    /// Until the answer begins, repetitions included.
    #[serde(default = "first_chunk_timeout_ms")]
    #[schemars(range(min = 100, max = 28_000))]
    pub first_chunk_timeout_ms: u64,
    /// Between two events of a streamed answer.
    #[serde(default = "idle_timeout_ms")]
    #[schemars(range(min = 100, max = 28_000))]
    pub idle_timeout_ms: u64,
    /// The whole answer.
    #[serde(default = "total_timeout_ms")]
    #[schemars(range(min = 100, max = 280_000))]
    pub total_timeout_ms: u64,
}

fn history() -> usize {
    20
}

fn retries() -> usize {
    2
}

fn first_chunk_timeout_ms() -> u64 {
    10_000
}

fn idle_timeout_ms() -> u64 {
    15_000
}

fn total_timeout_ms() -> u64 {
    120_000
}
