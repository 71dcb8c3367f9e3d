//! The events of one message, from what is known to what is appended.

use std::sync::Arc;

use super::super::outcome::{Outcome, outcome_of};
use super::super::turns::{Call, Taken, Turns};
use super::super::{App, accounts::Tenant, clock, failed, read_conversation};
use super::{SendMessage, Sent, Thread, To};
use crate::bot::{Answer, Background, Bot, Turn};
use crate::domain::attachment::{self, Attachment};
use crate::domain::contact::{Contact, Details};
use crate::domain::conversation::{Conversation, Effect};
use crate::domain::event::{
    Body, BotVersion, ContactCreated, ContactUpdated, ConversationEscalated, ConversationReopened,
    ConversationStarted, ConversationUpdated, Event, FailureReason, Idempotency, MessageInbound,
    MessageOutbound, Received, ReplyFailed,
};
use crate::domain::ids::{AccountId, ContactId, ConversationId, EventId, Id, MessageId, StreamKey};
use crate::domain::language::{self, Language};
use crate::domain::message::{Author, Channel};
use crate::domain::text::{MessageText, PersonName};
use crate::domain::time::Timestamp;
use crate::domain::variables::{Memory, Variables};
use crate::domain::{Error, Result};
use crate::live::cursor::Cursor;

/// The events of one message, as they grow.
pub(super) struct Draft {
    at: Timestamp,
    key: StreamKey,
    pub(super) account: AccountId,
    conversation: ConversationId,
    contact: ContactId,
    /// Where it is known without looking.
    contact_name: Option<PersonName>,
    channel: Channel,
    message: MessageId,
    language: Language,
    text: MessageText,
    attachments: Vec<Attachment>,
    spoken: bool,
    with_bot: bool,
    /// The message counts only if it is the conversation's first.
    opens: bool,
    /// The answer is streamed: somebody watches, or older turns must be answered first.
    streamed: bool,
    bot: Option<(Arc<Bot>, BotVersion)>,
    agent: Option<PersonName>,
    brand: String,
    auto_reply: String,
    previous: Option<Language>,
    events: Vec<Body>,
    /// Which of `events` is the message.
    inbound: usize,
    pub(super) outcome: Option<Outcome>,
}

impl Draft {
    pub(super) fn new(
        app: &App,
        tenant: &Tenant,
        command: &SendMessage,
        thread: Thread,
        idempotency: Option<Idempotency>,
    ) -> Self {
        let account = &tenant.account;
        let mut events = Vec::with_capacity(4);
        let message = clock::mint();
        let pinned = match (&thread.state, &command.to) {
            (Some(state), _) => command.bot.or(state.bot),
            (None, To::New(opening)) => opening.bot,
            (None, To::Conversation(_)) => None,
        };
        let bot = tenant.bot(pinned);
        let version = bot.as_ref().map(|(_, version)| *version);
        let (opens, contact_name) = match (&thread.state, &command.to) {
            (None, To::New(opening)) => {
                let name = start(&mut events, &thread, &command.contact);
                let opens = opening.conversation.is_some();
                events.push(Body::ConversationStarted(ConversationStarted {
                    conversation_id: thread.conversation,
                    contact_id: thread.contact,
                    channel: thread.channel,
                    title: opening.title.clone(),
                    bot: version,
                    variables: opening.variables.clone(),
                    opening: opens.then_some(message),
                    idempotency: None,
                }));
                (opens, Some(name))
            }
            _ => (false, go_on(&mut events, &thread, command)),
        };
        let previous = thread.state.as_ref().and_then(|state| state.language);
        let variables = match (&thread.state, &command.to) {
            (Some(state), _) => Some(&state.variables),
            (None, To::New(opening)) => Some(&opening.variables),
            (None, To::Conversation(_)) => None,
        };
        let default = variables.and_then(Variables::browser_language).unwrap_or_else(|| {
            bot.as_ref().map_or(Language::ENGLISH, |(bot, _)| bot.default_language())
        });
        // A file's name is in no language.
        let is_file = attachment::are_all(command.text.as_str(), &command.attachments);
        let language = if is_file {
            previous.unwrap_or(default)
        } else {
            language::detect(command.text.as_str(), previous, default)
        };
        let inbound = events.len();
        events.push(Body::MessageInbound(MessageInbound {
            message_id: message,
            conversation_id: thread.conversation,
            contact_id: thread.contact,
            channel: thread.channel,
            text: command.text.clone(),
            language,
            opens,
            context: command.context.clone(),
            attachments: command.attachments.clone(),
            spoken: command.spoken,
            idempotency,
        }));
        Self {
            at: clock::now(),
            key: StreamKey::Contact(thread.contact),
            account: account.id,
            conversation: thread.conversation,
            contact: thread.contact,
            contact_name,
            channel: thread.channel,
            message,
            language,
            text: command.text.clone(),
            attachments: command.attachments.clone(),
            spoken: command.spoken,
            with_bot: thread.state.as_ref().is_none_or(Conversation::is_with_bot),
            opens,
            streamed: command.streaming
                || thread.state.as_ref().is_some_and(|state| !state.turns.is_empty())
                || app.hub.has_readers(thread.conversation),
            bot,
            agent: account.available_agent().map(|agent| agent.name.clone()),
            brand: account.brand().to_owned(),
            auto_reply: if opens { account.auto_reply().to_owned() } else { String::new() },
            previous,
            events,
            inbound,
            outcome: None,
        }
    }

    pub(super) fn is_for_bot(&self) -> bool {
        self.with_bot
    }

    /// Adds the answer when it needs no waiting and nobody watches it being made. The share of the
    /// place that is returned must be held until the append is done: no worker may begin before.
    pub(super) async fn answer_at_once(&mut self, app: &Arc<App>) -> Result<Option<Taken>> {
        if !self.with_bot {
            self.outcome = Some(Outcome::Queued);
            return Ok(None);
        }
        let Some((bot, version)) = self.bot.clone() else {
            let outcome = self.nobody(app).await?;
            self.outcome = Some(outcome);
            return Ok(None);
        };
        if self.streamed {
            return Ok(None);
        }
        let Some(taken) = Turns::try_share(app, self.conversation) else { return Ok(None) };
        let attachments = std::mem::take(&mut self.attachments);
        let turn = Turn {
            text: self.text.as_str(),
            previous: self.previous,
            person_available: self.agent.is_some(),
            background: &Background { attachments, ..Background::default() },
        };
        let Some((language, answer)) = bot.answer_at_once(&turn) else { return Ok(None) };
        let Answer::Reply { intent, text, buttons } = answer else {
            let outcome = self.hand_over(app).await?;
            self.outcome = Some(outcome);
            return Ok(Some(taken));
        };
        let reply = MessageOutbound {
            language,
            intent: intent.map(str::to_owned),
            bot: Some(version),
            buttons: buttons.to_vec(),
            ..self.said(author_name(&bot, &self.brand), text.to_owned())
        };
        self.outcome = Some(self.reply(reply));
        Ok(Some(taken))
    }

    /// What is said in answer to the message.
    fn said(&self, name: String, text: String) -> MessageOutbound {
        MessageOutbound {
            message_id: self.message.reply(),
            conversation_id: self.conversation,
            contact_id: self.contact,
            channel: self.channel,
            author: Author::Bot { name },
            text: MessageText::from_bot(text),
            language: self.language,
            in_reply_to: Some(self.message),
            intent: None,
            bot: None,
            buttons: Vec::new(),
            attachments: Vec::new(),
            memory: Memory::default(),
            partial: false,
        }
    }

    fn reply(&mut self, reply: MessageOutbound) -> Outcome {
        self.events.push(Body::MessageOutbound(reply.clone()));
        Outcome::Replied(Box::new(reply))
    }

    /// Tells a visitor who begins a conversation that people will answer.
    fn reply_for_people(&mut self) -> Option<Outcome> {
        let text = std::mem::take(&mut self.auto_reply);
        (!text.is_empty()).then(|| self.reply(self.said(self.brand.clone(), text)))
    }

    async fn nobody(&mut self, app: &App) -> Result<Outcome> {
        if self.agent.is_some() {
            return self.hand_over(app).await;
        }
        if let Some(outcome) = self.reply_for_people() {
            return Ok(outcome);
        }
        self.events.push(Body::ReplyFailed(ReplyFailed {
            conversation_id: self.conversation,
            in_reply_to: self.message,
            reason: FailureReason::NoBot,
        }));
        Ok(Outcome::Unavailable)
    }

    async fn hand_over(&mut self, app: &App) -> Result<Outcome> {
        let contact_name = match self.contact_name.take() {
            Some(name) => name,
            None => {
                let name = read_conversation::contact_name(app, self.account, self.contact).await;
                name.map_err(failed)?
            }
        };
        let said = self.reply_for_people();
        self.events.push(Body::ConversationEscalated(ConversationEscalated {
            conversation_id: self.conversation,
            contact_id: self.contact,
            contact_name,
            in_reply_to: Some(self.message),
            trigger_message: Some(self.text.clone()),
            assigned_agent: self.agent.clone(),
        }));
        Ok(said.unwrap_or(Outcome::Queued))
    }

    pub(super) async fn append(
        &mut self,
        app: &Arc<App>,
        outcome: Option<Outcome>,
    ) -> Result<Sent> {
        let events = std::mem::take(&mut self.events);
        let events = events.into_iter().map(|body| Event {
            id: event_id(&body),
            at: self.at,
            account: self.account,
            key: self.key,
            body,
            received: Received::default(),
        });
        let appended = app.engine.append(events.collect()).await.map_err(failed)?;
        let inbound = appended.get(self.inbound).ok_or(Error::Internal)?;
        if inbound.effect != Effect::Applied {
            return Err(if self.opens {
                Error::AlreadyExists("conversation")
            } else {
                Error::NotFound("conversation")
            });
        }
        let seq = inbound.seq;
        // The fold may have seen what the views did not show yet: a person who took over, or an
        // older turn that is owed first.
        let stands = appended.iter().skip(self.inbound).all(|one| one.effect == Effect::Applied);
        let outcome = if stands || outcome.is_none() {
            outcome
        } else {
            let (account, id) = (self.account, self.conversation);
            let outcome = outcome_of(app, account, id, self.message, seq).await?;
            if outcome.is_none() {
                Turns::call(
                    app,
                    account,
                    id,
                    Call::Take { message: self.message, streamed: false },
                );
            }
            outcome
        };
        Ok(Sent {
            conversation: self.conversation,
            contact: self.contact,
            message: self.message,
            spoken: self.spoken.then(|| self.text.clone()),
            seq,
            language: self.language,
            at: self.at,
            cursor: Cursor::at(seq),
            outcome,
        })
    }
}

/// What a bot's messages are signed with: its own name, else the brand.
pub fn author_name(bot: &Bot, brand: &str) -> String {
    if bot.name().is_empty() { brand.to_owned() } else { bot.name().to_owned() }
}

/// A message's event is named after the message, so that effects done twice have one name.
pub fn event_id(body: &Body) -> EventId {
    match body {
        Body::MessageInbound(data) => EventId::from_uuid(data.message_id.uuid()),
        Body::MessageOutbound(data) => EventId::from_uuid(data.message_id.uuid()),
        _ => clock::mint(),
    }
}

/// A contact that is not known yet; what is told of one that is may be new.
fn start(events: &mut Vec<Body>, thread: &Thread, details: &Details) -> PersonName {
    if let Some(contact) = &thread.known {
        update(events, contact, details);
        return details.name.clone().unwrap_or_else(|| contact.name.clone());
    }
    let name = details.name.clone().unwrap_or_else(|| PersonName::guest(thread.contact));
    events.push(Body::ContactCreated(ContactCreated {
        contact_id: thread.contact,
        name: name.clone(),
        email: details.email.clone(),
        phone: details.phone.clone(),
        channel: thread.channel,
        source: thread.channel.as_str().to_owned(),
    }));
    name
}

fn go_on(events: &mut Vec<Body>, thread: &Thread, command: &SendMessage) -> Option<PersonName> {
    let details = &command.contact;
    if let Some(contact) = &thread.known {
        update(events, contact, details);
    }
    if let Some(state) = thread.state.as_ref().filter(|state| state.resolved) {
        events.push(Body::ConversationReopened(ConversationReopened { conversation_id: state.id }));
    }
    // With the message, so that a message that is refused changes nothing.
    if let Some(state) = &thread.state
        && command.bot.is_some_and(|bot| state.bot != Some(bot))
    {
        events.push(Body::ConversationUpdated(ConversationUpdated {
            conversation_id: state.id,
            title: None,
            bot: command.bot,
            variables: Variables::default(),
        }));
    }
    details.name.clone().or_else(|| thread.known.as_ref().map(|contact| contact.name.clone()))
}

fn update(events: &mut Vec<Body>, contact: &Contact, details: &Details) {
    let changed_fields = contact.changes(details);
    if changed_fields.is_empty() {
        return;
    }
    events.push(Body::ContactUpdated(ContactUpdated {
        contact_id: contact.id,
        changed_fields,
        name: details.name.clone().unwrap_or_else(|| contact.name.clone()),
        email: details.email.clone().or_else(|| contact.email.clone()),
        phone: details.phone.clone().or_else(|| contact.phone.clone()),
        channel: contact.channel,
    }));
}
