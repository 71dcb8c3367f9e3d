//! Turns: what a bot owes for a customer's message, and what ends that.
//!
//! [`ending`] reads it from an event, [`conclusion`] writes the events that do it. Whoever asks how a
//! turn ended asks here.

mod conclusion;

pub use conclusion::{Business, Conclusion, End, Said, conclusion, names_contact};

use super::event::{Body, MessageOutbound};
use super::ids::MessageId;
use super::message::Author;

/// What became of a turn.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The bot replied (in part, when it was stopped).
    Replied(Box<MessageOutbound>),
    /// A person will reply.
    Queued,
    /// Nobody answers; the message is kept.
    Unavailable,
}

/// The turns that an event ends, where it counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ending<'a> {
    /// The turn of one message.
    One { message: MessageId, how: How<'a> },
    /// Every turn that is owed. `given` is the message whose bot gave the conversation to people.
    All { how: How<'a>, given: Option<MessageId> },
    /// None: the reply came when the turn of this message had ended.
    Late { message: MessageId },
}

/// How an event ends a turn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum How<'a> {
    Replied(&'a MessageOutbound),
    /// People have the conversation.
    People,
    Failed,
    /// A reader stopped it.
    Stopped,
    /// The conversation is resolved, or deleted.
    Closed,
}

impl How<'_> {
    /// Whether a reader stopped it, before or after something of the reply was shown.
    pub fn is_stopped(self) -> bool {
        match self {
            Self::Replied(reply) => reply.partial,
            Self::Stopped => true,
            Self::People | Self::Failed | Self::Closed => false,
        }
    }

    pub fn outcome(self) -> Outcome {
        match self {
            Self::Replied(reply) => Outcome::Replied(Box::new(reply.clone())),
            Self::People => Outcome::Queued,
            Self::Failed | Self::Stopped | Self::Closed => Outcome::Unavailable,
        }
    }
}

impl<'a> Ending<'a> {
    /// How it ends the turn of a message that stands before it; none where it does not.
    pub fn of(self, asked: MessageId) -> Option<How<'a>> {
        match self {
            Self::One { message, how } => (message == asked).then_some(how),
            Self::All { how, .. } => Some(how),
            Self::Late { .. } => None,
        }
    }

    /// Whether the bot gives the conversation to people in the turn of this message.
    pub fn gives_away(self, asked: MessageId) -> bool {
        matches!(self, Self::All { given, .. } if given == Some(asked))
    }

    /// The message whose reply is shown no further from here on, where it is one's alone.
    pub fn of_reply_to(self) -> Option<MessageId> {
        match self {
            Self::One { message, .. } | Self::Late { message } => Some(message),
            Self::All { given, .. } => given,
        }
    }
}

/// The turns that an event ends; none where it ends none.
pub fn ending(body: &Body) -> Option<Ending<'_>> {
    let all = |how, given| Some(Ending::All { how, given });
    match body {
        Body::MessageOutbound(data) => match &data.author {
            Author::Bot { .. } => {
                let how = How::Replied(data);
                data.in_reply_to.map(|message| Ending::One { message, how })
            }
            Author::Agent { .. } => all(How::People, None),
            Author::Customer => None,
        },
        Body::ConversationEscalated(data) => all(How::People, data.in_reply_to),
        Body::ConversationAssigned(_) => all(How::People, None),
        Body::ConversationResolved(_) | Body::ConversationDeleted(_) => all(How::Closed, None),
        Body::ReplyFailed(data) => {
            Some(Ending::One { message: data.in_reply_to, how: How::Failed })
        }
        Body::ReplyStopped(data) => {
            Some(Ending::One { message: data.in_reply_to, how: How::Stopped })
        }
        Body::ReplyDiscarded(data) => Some(Ending::Late { message: data.in_reply_to }),
        Body::MessageInbound(_)
        | Body::ConversationStarted(_)
        | Body::ConversationReopened(_)
        | Body::ConversationUpdated(_)
        | Body::ConversationRead(_)
        | Body::ContactCreated(_)
        | Body::ContactUpdated(_)
        | Body::AccountCreated(_)
        | Body::KeyIssued(_)
        | Body::KeyRevoked(_)
        | Body::SecretRotated(_)
        | Body::BotDrafted(_)
        | Body::BotDeployed(_)
        | Body::BotWithdrawn(_)
        | Body::AgentUpdated(_)
        | Body::SettingsChanged(_) => None,
    }
}

#[cfg(test)]
mod tests;
