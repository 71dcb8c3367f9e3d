//! The words every message carries: its channel and its author (AeroChat's *Concepts*).

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a conversation happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    Web,
    Whatsapp,
    Telegram,
    Facebook,
    Instagram,
    Email,
    Api,
}

impl Channel {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Whatsapp => "whatsapp",
            Self::Telegram => "telegram",
            Self::Facebook => "facebook",
            Self::Instagram => "instagram",
            Self::Email => "email",
            Self::Api => "api",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who sent a message. Customers are not named here; their contact is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Author {
    Customer,
    /// `name` is the brand.
    Bot {
        name: String,
    },
    /// `name` is the agent's display name.
    Agent {
        name: String,
    },
}

/// Something said in a conversation, as a bot is told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Said {
    pub by: Side,
    pub text: String,
}

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Customer,
    /// The bot, or a person on its side.
    Business,
}
