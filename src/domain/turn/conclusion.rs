//! The events that end a turn, from what was said in it and how it ended.

use super::Outcome;
use crate::domain::account::Account;
use crate::domain::event::{
    Body, BotVersion, ConversationEscalated, ConversationResolved, ConversationUpdated,
    FailureReason, MessageInbound, MessageOutbound, ReplyFailed, ReplyStopped,
};
use crate::domain::language::Language;
use crate::domain::message::Author;
use crate::domain::text::{MessageText, PersonName};
use crate::domain::variables::Memory;

/// How a bot's part of a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Answered,
    HandedOver,
    Resolved,
    Stopped,
    Failed(FailureReason),
}

/// What a bot has said in a turn.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Said {
    /// The name that signs it, and the bot; none where no bot could say anything.
    pub by: Option<(String, BotVersion)>,
    /// What it is said in, where that is not the asker's.
    pub language: Option<Language>,
    pub text: String,
    pub intent: Option<String>,
    pub buttons: Vec<String>,
    pub memory: Memory,
}

/// Whom the customer wrote to.
#[derive(Debug, Clone, Default)]
pub struct Business<'a> {
    pub brand: &'a str,
    /// What a visitor who begins a conversation is told where no bot answers; may be empty.
    pub auto_reply: &'a str,
    /// The person who can take over now.
    pub agent: Option<PersonName>,
}

impl<'a> Business<'a> {
    /// As an account is now.
    pub fn of(account: &'a Account) -> Self {
        let agent = account.available_agent().map(|agent| agent.name.clone());
        Self { brand: account.brand(), auto_reply: account.auto_reply(), agent }
    }
}

/// What ends a turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Conclusion {
    /// In the order in which they are appended, together.
    pub bodies: Vec<Body>,
    /// What becomes of the turn, where all of them count.
    pub outcome: Outcome,
}

/// Whether the events that end a turn name the contact.
pub fn names_contact(end: End, business: &Business<'_>) -> bool {
    match end {
        End::HandedOver | End::Resolved => true,
        End::Failed(_) => business.agent.is_some(),
        End::Answered | End::Stopped => false,
    }
}

/// Ends the turn of the message that was `asked`. Without a `contact_name` the contact is named as a
/// guest is.
pub fn conclusion(
    asked: &MessageInbound,
    business: Business<'_>,
    contact_name: Option<PersonName>,
    said: Said,
    end: End,
) -> Conclusion {
    let mut bodies = Vec::with_capacity(2);
    let Business { brand, auto_reply, agent } = business;
    let is_failure = matches!(end, End::Failed(_));
    let auto_reply = if asked.opens { auto_reply } else { "" };
    let mut outcome = Outcome::Unavailable;
    let reply = if !said.text.is_empty() && !is_failure {
        Some(outbound(asked, brand, said, end == End::Stopped))
    } else if matches!(end, End::HandedOver | End::Failed(_)) && !auto_reply.is_empty() {
        let (text, memory) = (auto_reply.to_owned(), said.memory);
        Some(outbound(asked, brand, Said { text, memory, ..Said::default() }, false))
    } else {
        if !said.memory.variables.is_empty() && !is_failure {
            bodies.push(Body::ConversationUpdated(ConversationUpdated {
                conversation_id: asked.conversation_id,
                title: None,
                bot: None,
                variables: said.memory.variables,
            }));
        }
        None
    };
    let is_answered = reply.is_some();
    if let Some(reply) = reply {
        outcome = Outcome::Replied(Box::new(reply.clone()));
        bodies.push(Body::MessageOutbound(reply));
    }
    let contact_name = || contact_name.unwrap_or_else(|| PersonName::guest(asked.contact_id));
    match end {
        End::Answered => {}
        End::Stopped => bodies.push(Body::ReplyStopped(ReplyStopped {
            conversation_id: asked.conversation_id,
            reply_id: asked.message_id.reply(),
            in_reply_to: asked.message_id,
        })),
        End::Failed(_) if agent.is_none() && is_answered => {}
        End::Failed(reason) if agent.is_none() => bodies.push(Body::ReplyFailed(ReplyFailed {
            conversation_id: asked.conversation_id,
            in_reply_to: asked.message_id,
            reason,
        })),
        End::HandedOver | End::Failed(_) => {
            if !is_answered {
                outcome = Outcome::Queued;
            }
            bodies.push(Body::ConversationEscalated(ConversationEscalated {
                conversation_id: asked.conversation_id,
                contact_id: asked.contact_id,
                contact_name: contact_name(),
                in_reply_to: Some(asked.message_id),
                trigger_message: Some(asked.text.clone()),
                assigned_agent: agent,
            }));
        }
        End::Resolved => bodies.push(Body::ConversationResolved(ConversationResolved {
            conversation_id: asked.conversation_id,
            contact_id: asked.contact_id,
            contact_name: contact_name(),
        })),
    }
    Conclusion { bodies, outcome }
}

/// What was said in a turn, as a message.
fn outbound(asked: &MessageInbound, brand: &str, said: Said, partial: bool) -> MessageOutbound {
    let (name, bot) =
        said.by.map_or_else(|| (brand.to_owned(), None), |(name, bot)| (name, Some(bot)));
    MessageOutbound {
        message_id: asked.message_id.reply(),
        conversation_id: asked.conversation_id,
        contact_id: asked.contact_id,
        channel: asked.channel,
        author: Author::Bot { name },
        text: MessageText::from_bot(said.text),
        language: said.language.unwrap_or(asked.language),
        in_reply_to: Some(asked.message_id),
        intent: said.intent,
        bot,
        buttons: said.buttons,
        attachments: Vec::new(),
        memory: said.memory,
        partial,
    }
}
