//! How turns end without a message.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::ids::{ConversationId, MessageId};

/// A reader stopped the reply; what had been shown stands before as a partial message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplyStopped {
    pub conversation_id: ConversationId,
    pub reply_id: MessageId,
    pub in_reply_to: MessageId,
}

/// A bot's reply came after people took over, or after another reply to the same turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplyDiscarded {
    pub conversation_id: ConversationId,
    pub reply_id: MessageId,
    pub in_reply_to: MessageId,
}

/// Nobody answers this turn: the bot failed or there is none, and no person can take over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplyFailed {
    pub conversation_id: ConversationId,
    pub in_reply_to: MessageId,
    pub reason: FailureReason,
}

/// Why a turn has no answer. A reason of a later release is read as `bot_failed`: that the turn has ended
/// matters more than why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// No bot is deployed.
    NoBot,
    /// The bot took longer than a turn may.
    TimedOut,
    /// The account has too many turns, or too many calls of bots, under way.
    TooMany,
    /// The bot gave an error or nothing.
    #[serde(other)]
    BotFailed,
}
