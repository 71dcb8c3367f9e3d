//! What nodes tell each other about a conversation besides its events.
//!
//! Where there is one node there is nobody to tell: the embedded engine has no relay.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::domain::ids::{AccountId, ConversationId, MessageId, StreamKey};
use crate::domain::message::Author;
use crate::domain::seq::Seq;
use crate::domain::time::Timestamp;

/// A conversation and where it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whereabouts {
    pub account: AccountId,
    pub conversation: ConversationId,
    pub key: StreamKey,
}

/// A reply under way, as other nodes must know it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnderWay {
    pub reply_id: MessageId,
    pub in_reply_to: MessageId,
    pub author: Author,
    /// A later attempt at the same reply has a greater number, on whichever node.
    pub attempt: u64,
    pub began_at: Timestamp,
    /// Where the question stands.
    pub asked: Seq,
    /// What its maker had seen of the conversation: readers are told that first.
    pub after: Seq,
}

/// Something that is kept nowhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Signal {
    /// A reply began, or is `text` so far: the answer to [`Signal::Ask`]. All its chunks follow where it
    /// is `followed`; otherwise nobody has asked yet, and only the first will.
    SoFar { reply: UnderWay, text: String, followed: bool },
    /// A piece of a reply, and how many characters stand before it.
    Chunk { attempt: u64, offset: u64, at: Timestamp, text: String },
    /// An attempt is still under way, though nothing is said.
    Alive { attempt: u64, followed: bool },
    /// Its node has done with an attempt; what came of it is in the log, or is due again.
    Ended { attempt: u64 },
    /// Somebody types, or no longer does.
    Typing { author: Author, typing: bool, at: Timestamp },
    /// A reader wants the reply to stop.
    Stop { in_reply_to: MessageId },
    /// Somebody reads here: whoever makes a reply is asked for its text so far, and for its chunks
    /// from then on.
    Ask,
}

/// Tells other nodes, and hears from them for the hub of this one.
#[async_trait]
pub trait Relay: Send + Sync {
    /// From here on the [`super::Observer`] is told of the conversation: of its events after `after`, and
    /// of what other nodes signal. Each call needs an [`Relay::unwatch`].
    fn watch(&self, place: Whereabouts, after: Seq);

    /// No longer, once it is said as often as `watch` was.
    fn unwatch(&self, conversation: ConversationId);

    /// Tells the other nodes that watch the conversation.
    fn signal(&self, place: Whereabouts, signal: Signal);

    /// Returns when the observer has been told of the conversation's events up to `seq`, if it
    /// watches it.
    async fn shown(&self, place: Whereabouts, seq: Seq);

    /// Whether the node that makes a reply in this conversation was heard in the last while.
    fn heard_within(&self, conversation: ConversationId, time: Duration) -> bool;
}
