//! The events of one message, from what is known to what is appended.

use std::sync::Arc;

use super::{SendMessage, Sent, Thread, To};
use crate::app::accounts::Tenant;
use crate::app::turn::conclude::conclude;
use crate::app::turn::outcome::outcome_of;
use crate::app::turn::under_way::{Call, Taken, Turns};
use crate::app::{App, clock, failed};
use crate::bot::{Answer, Background, Bot, Turn};
use crate::domain::attachment;
use crate::domain::contact::{Contact, Details};
use crate::domain::conversation::{Conversation, Effect, Why};
use crate::domain::event::{
    Body, BotVersion, ContactCreated, ContactUpdated, ConversationReopened, ConversationStarted,
    ConversationUpdated, Event, FailureReason, Idempotency, MessageInbound, Received,
};
use crate::domain::ids::{AccountId, EventId, Id, StreamKey};
use crate::domain::language::{self, Language};
use crate::domain::text::PersonName;
use crate::domain::time::Timestamp;
use crate::domain::turn::{Business, End, Outcome, Said};
use crate::domain::variables::Variables;
use crate::domain::{Error, Result};
use crate::live::cursor::Cursor;

/// The events of one message, as they grow.
pub(super) struct Draft {
    at: Timestamp,
    key: StreamKey,
    pub(super) account: AccountId,
    /// Where it is known without looking.
    contact_name: Option<PersonName>,
    with_bot: bool,
    /// The answer is streamed: somebody watches, or older turns must be answered first.
    streamed: bool,
    bot: Option<(Arc<Bot>, BotVersion)>,
    previous: Option<Language>,
    /// What must stand before the message.
    before: Vec<Body>,
    asked: MessageInbound,
    /// What ends its turn.
    after: Vec<Body>,
    pub(super) outcome: Option<Outcome>,
}

impl Draft {
    pub(super) fn new(
        app: &App,
        tenant: &Tenant,
        command: &SendMessage,
        thread: Thread,
        idempotency: Option<Idempotency>,
    ) -> Box<Self> {
        let mut before = Vec::with_capacity(4);
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
                let name = start(&mut before, &thread, &command.contact);
                let opens = thread.contested;
                before.push(Body::ConversationStarted(ConversationStarted {
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
            _ => (false, go_on(&mut before, &thread, command)),
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
        let asked = MessageInbound {
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
        };
        // Boxed, as it goes through several hands.
        Box::new(Self {
            at: clock::now(),
            key: StreamKey::Contact(thread.contact),
            account: tenant.account.id,
            contact_name,
            with_bot: thread.state.as_ref().is_none_or(Conversation::is_with_bot),
            streamed: command.streaming
                || thread.state.as_ref().is_some_and(|state| !state.turns.is_empty())
                || app.hub.has_readers(thread.conversation),
            bot,
            previous,
            before,
            asked,
            after: Vec::new(),
            outcome: None,
        })
    }

    pub(super) fn is_for_bot(&self) -> bool {
        self.with_bot
    }

    /// Adds the answer when it needs no waiting and nobody watches it being made. The share of the
    /// place that is returned must be held until the append is done: no worker may begin before.
    pub(super) async fn answer_at_once(
        &mut self,
        app: &Arc<App>,
        business: Business<'_>,
    ) -> Result<Option<Taken>> {
        if !self.with_bot {
            self.outcome = Some(Outcome::Queued);
            return Ok(None);
        }
        let Some((bot, version)) = self.bot.clone() else {
            let end = End::Failed(FailureReason::NoBot);
            self.conclude(app, business, Said::default(), end).await?;
            return Ok(None);
        };
        if self.streamed {
            return Ok(None);
        }
        let conversation = self.asked.conversation_id;
        let Some(taken) = Turns::try_share(app, conversation) else { return Ok(None) };
        let attachments = self.asked.attachments.clone();
        let turn = Turn {
            text: self.asked.text.as_str(),
            previous: self.previous,
            person_available: business.agent.is_some(),
            background: &Background { attachments, ..Background::default() },
        };
        let Some((language, answer)) = bot.answer_at_once(&turn) else { return Ok(None) };
        let (said, end) = match answer {
            Answer::Reply { intent, text, buttons } => {
                let said = Said {
                    by: Some((author_name(&bot, business.brand), version)),
                    language: Some(language),
                    text: text.to_owned(),
                    intent: intent.map(str::to_owned),
                    buttons: buttons.to_vec(),
                    ..Said::default()
                };
                (said, End::Answered)
            }
            Answer::HandOver => (Said::default(), End::HandedOver),
        };
        self.conclude(app, business, said, end).await?;
        Ok(Some(taken))
    }

    /// Ends the turn before anything of it is kept.
    async fn conclude(
        &mut self,
        app: &App,
        business: Business<'_>,
        said: Said,
        end: End,
    ) -> Result<()> {
        let known = self.contact_name.take();
        let ends = conclude(app, self.account, &self.asked, business, known, said, end);
        let ends = ends.await.map_err(failed)?;
        self.after = ends.bodies;
        self.outcome = Some(ends.outcome);
        Ok(())
    }

    pub(super) async fn append(
        mut self: Box<Self>,
        app: &Arc<App>,
        outcome: Option<Outcome>,
    ) -> Result<Sent> {
        let MessageInbound {
            message_id: message,
            conversation_id: conversation,
            contact_id: contact,
            language,
            opens,
            ..
        } = self.asked;
        let has_key = self.asked.idempotency.is_some();
        let spoken = self.asked.spoken.then(|| self.asked.text.clone());
        let mut bodies = self.before;
        let place = bodies.len();
        bodies.push(Body::MessageInbound(self.asked));
        bodies.append(&mut self.after);
        let events = bodies.into_iter().map(|body| Event {
            id: event_id(&body),
            at: self.at,
            account: self.account,
            key: self.key,
            body,
            received: Received::default(),
        });
        let appended = app.engine.append(events.collect()).await.map_err(failed)?;
        let inbound = appended.get(place).ok_or(Error::Internal)?;
        match inbound.effect {
            Effect::Applied => {}
            Effect::Discarded(Why::KeyIsUsed | Why::LookedTooLongAgo) => {
                return Err(Error::IdempotencyInFlight);
            }
            // All that is known is that it does not stand; its key may be why.
            Effect::Discarded(Why::AlreadyApplied) if has_key => {
                return Err(Error::IdempotencyInFlight);
            }
            Effect::Discarded(_) if opens => return Err(Error::AlreadyExists("conversation")),
            Effect::Discarded(_) => return Err(Error::NotFound("conversation")),
        }
        let seq = inbound.seq;
        // The fold may have seen what the views did not show yet: a person who took over, or an
        // older turn that is owed first.
        let stands = appended.iter().skip(place).all(|one| one.effect == Effect::Applied);
        let outcome = if stands || outcome.is_none() {
            outcome
        } else {
            let outcome = outcome_of(app, self.account, conversation, message, seq).await?;
            if outcome.is_none() {
                let call = Call::Take { message, streamed: false };
                Turns::call(app, self.account, conversation, call);
            }
            outcome
        };
        let (at, cursor) = (self.at, Cursor::at(seq));
        Ok(Sent { conversation, contact, message, spoken, seq, language, at, cursor, outcome })
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
