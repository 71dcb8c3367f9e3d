//! Bots as data: what an account deploys and what the log keeps of it.

pub mod faq;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A bot's definition; `kind` says which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Definition {
    Faq(faq::Definition),
}
