//! Bots as data: what an account deploys and what the log keeps of it.

pub mod faq;
pub mod flow;
pub mod llm;
pub mod remote;
mod secrets;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A bot's definition; `kind` says which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Definition {
    Faq(faq::Definition),
    Flow(flow::Definition),
    Llm(llm::Definition),
    Remote(remote::Definition),
}

impl Definition {
    /// Its kind, as `kind` says it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Faq(_) => "faq",
            Self::Flow(_) => "flow",
            Self::Llm(_) => "llm",
            Self::Remote(_) => "remote",
        }
    }

    /// The name its bot goes by.
    pub fn name(&self) -> &str {
        match self {
            Self::Faq(definition) => &definition.name,
            Self::Flow(definition) => &definition.name,
            Self::Llm(definition) => &definition.name,
            Self::Remote(definition) => &definition.name,
        }
    }
}
