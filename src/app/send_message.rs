//! A customer sends a message.
//!
//! When nobody watches the conversation and its bot can answer at once, the message and its reply
//! are one append: one sync, and one thing the caller waits for. Otherwise the message is appended
//! first, and the turn is answered behind it, chunk by chunk.

use std::sync::Arc;

use super::idempotency::claim;
use super::outcome::{Outcome, outcome_of};
use super::turns::{OWED_MAX, Taken, Turns};
use super::{App, accounts::Tenant, clock, failed};
use crate::bot::{Answer, Bot, Turn};
use crate::domain::contact::{Contact, Details};
use crate::domain::conversation::{Conversation, Effect};
use crate::domain::event::{
    Body, BotVersion, ContactCreated, ContactUpdated, ConversationEscalated, ConversationReopened,
    ConversationStarted, Event, FailureReason, Idempotency, MessageInbound, MessageOutbound,
    ReplyFailed,
};
use crate::domain::ids::{AccountId, ContactId, ConversationId, EventId, Id, MessageId, StreamKey};
use crate::domain::language::{self, Language};
use crate::domain::message::{Author, Channel};
use crate::domain::seq::Seq;
use crate::domain::text::{MessageText, PersonName};
use crate::domain::time::Timestamp;
use crate::domain::{Error, Result};
use crate::live::cursor::Cursor;

/// What a caller wants said.
#[derive(Debug, Clone)]
pub struct SendMessage {
    /// None starts a conversation with a new contact.
    pub conversation: Option<ConversationId>,
    pub text: MessageText,
    pub contact: Details,
    /// Of a conversation that is started; others keep theirs.
    pub channel: Channel,
    /// The caller's `Idempotency-Key` and the surface it was given to.
    pub idempotency_key: Option<(&'static str, String)>,
    /// The caller wants to see the reply as it is made.
    pub streaming: bool,
}

/// What was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    pub conversation: ConversationId,
    pub contact: ContactId,
    pub message: MessageId,
    /// Where the message stands in the log.
    pub seq: Seq,
    pub language: Language,
    pub at: Timestamp,
    /// The place right after the message: following from here shows its whole turn.
    pub cursor: Cursor,
    /// How the turn ended, when that is known already.
    pub outcome: Option<Outcome>,
}

/// Sends a message.
///
/// # Errors
/// [`Error::NotFound`] for a conversation that is not this account's, [`Error::OutOfCredits`],
/// the idempotency errors, and [`Error::Unavailable`] when it cannot be kept now.
pub async fn send_message(app: &Arc<App>, tenant: &Tenant, command: SendMessage) -> Result<Sent> {
    let Some((surface, key)) = &command.idempotency_key else {
        return send(app, tenant, &command, None).await;
    };
    let conversation = command.conversation.map(|id| id.to_string()).unwrap_or_default();
    let details = &command.contact;
    let claim = claim(
        surface,
        key,
        &[
            &conversation,
            command.text.as_str(),
            details.name.as_ref().map_or("", PersonName::as_str),
            details.email.as_ref().map_or("", |email| email.as_str()),
            details.phone.as_ref().map_or("", |phone| phone.as_str()),
        ],
    );
    let account = tenant.account.id;
    let _pass = app.idempotency.enter(account, &claim.key).await?;
    match app.engine.claim(account, &claim.key).await.map_err(failed)? {
        Some(earlier) if clock::now().since(earlier.at) < crate::projection::claims::KEPT => {
            if earlier.request != claim.request {
                return Err(Error::IdempotencyMismatch);
            }
            return replay(app, tenant, earlier.conversation, earlier.message_id).await;
        }
        _ => {}
    }
    match send(app, tenant, &command, Some(claim.clone())).await {
        Err(Error::IdempotencyInFlight) => {
            // Claimed after all: an earlier try, of which nobody knew whether it was kept.
            let earlier = app.engine.claim(account, &claim.key).await.map_err(failed)?;
            let earlier = earlier.ok_or(Error::IdempotencyInFlight)?;
            replay(app, tenant, earlier.conversation, earlier.message_id).await
        }
        sent => sent,
    }
}

/// What an earlier request with the same key has led to.
async fn replay(
    app: &Arc<App>,
    tenant: &Tenant,
    conversation: ConversationId,
    message: MessageId,
) -> Result<Sent> {
    let account = tenant.account.id;
    let mut after = Seq::START;
    loop {
        let page = app.engine.timeline(account, conversation, after, 100).await.map_err(failed)?;
        for entry in &page {
            after = entry.seq;
            let Body::MessageInbound(data) = &entry.event.body else { continue };
            if data.message_id == message {
                let seq = entry.seq;
                let outcome = outcome_of(app, account, conversation, message, seq).await?;
                if outcome.is_none() {
                    Turns::call(app, account, conversation);
                }
                return Ok(Sent {
                    conversation,
                    contact: data.contact_id,
                    message,
                    seq,
                    language: data.language,
                    at: entry.event.at,
                    cursor: Cursor::at(seq),
                    outcome,
                });
            }
        }
        if page.is_empty() {
            return Err(Error::NotFound("conversation"));
        }
    }
}

/// What is known before deciding.
struct Thread {
    conversation: ConversationId,
    contact: ContactId,
    channel: Channel,
    /// None in a conversation that this message starts.
    state: Option<Conversation>,
    /// Read only when the caller tells about the contact.
    known: Option<Contact>,
}

async fn thread(app: &App, tenant: &Tenant, command: &SendMessage) -> Result<Thread> {
    let Some(id) = command.conversation else {
        let (conversation, contact) = (clock::mint(), clock::mint());
        let channel = command.channel;
        return Ok(Thread { conversation, contact, channel, state: None, known: None });
    };
    let account = tenant.account.id;
    let state = app.engine.conversation(account, id).await.map_err(failed)?;
    let state = state.ok_or(Error::NotFound("conversation"))?;
    let known = if command.contact == Details::default() {
        None
    } else {
        app.engine.contact(account, state.contact_id).await.map_err(failed)?
    };
    Ok(Thread {
        conversation: id,
        contact: state.contact_id,
        channel: state.channel,
        state: Some(state),
        known,
    })
}

async fn send(
    app: &Arc<App>,
    tenant: &Tenant,
    command: &SendMessage,
    idempotency: Option<Idempotency>,
) -> Result<Sent> {
    let thread = thread(app, tenant, command).await?;
    if thread.state.as_ref().is_some_and(|state| state.turns.len() >= OWED_MAX) {
        return Err(Error::RateLimited { retry_after_s: 1 });
    }
    let credits = tenant.account.settings.credits;
    let credit = app.limits.take_credit(&*app.engine, tenant.account.id, credits).await?;

    let mut draft = Draft::new(app, tenant, command, thread, idempotency);
    let taken = match draft.answer_at_once(app).await {
        Ok(taken) => taken,
        Err(error) => {
            credit.refund();
            return Err(error);
        }
    };
    let outcome = draft.outcome.take();
    let sent = if outcome.is_none() && draft.is_for_bot() {
        // The turn must be started even if the caller goes away while the message is being kept.
        let later = app.clone();
        let joined = app.turns.spawn(async move {
            let sent = draft.append(&later, None).await?;
            Turns::call(&later, draft.account, sent.conversation);
            Ok(sent)
        });
        joined.await.map_err(|_| Error::Internal)?
    } else {
        draft.append(app, outcome).await
    };
    drop(taken);
    match &sent {
        // Nothing was written: the credit was not used. Where that is not known, it counts.
        Err(Error::Unavailable(_)) => credit.refund(),
        _ => drop(credit),
    }
    sent
}

/// The events of one message, as they grow.
struct Draft {
    at: Timestamp,
    key: StreamKey,
    account: AccountId,
    conversation: ConversationId,
    contact: ContactId,
    /// Where it is known without looking.
    contact_name: Option<PersonName>,
    channel: Channel,
    message: MessageId,
    language: Language,
    text: MessageText,
    with_bot: bool,
    /// The answer is streamed: somebody watches, or older turns must be answered first.
    streamed: bool,
    bot: Option<(Arc<Bot>, BotVersion)>,
    agent: Option<PersonName>,
    brand: String,
    previous: Option<Language>,
    events: Vec<Body>,
    /// Which of `events` is the message.
    inbound: usize,
    outcome: Option<Outcome>,
}

impl Draft {
    fn new(
        app: &App,
        tenant: &Tenant,
        command: &SendMessage,
        thread: Thread,
        idempotency: Option<Idempotency>,
    ) -> Self {
        let account = &tenant.account;
        let mut events = Vec::with_capacity(4);
        let contact_name = match &thread.state {
            None => Some(start(&mut events, &thread, command)),
            Some(state) => go_on(&mut events, state, thread.known.as_ref(), command),
        };
        let previous = thread.state.as_ref().and_then(|state| state.language);
        let bot = tenant.bot().map(|(bot, deployment)| (bot, deployment.version));
        let default = bot.as_ref().map_or(Language::ENGLISH, |(bot, _)| bot.default_language());
        let language = language::detect(command.text.as_str(), previous, default);
        let message = clock::mint();
        let inbound = events.len();
        events.push(Body::MessageInbound(MessageInbound {
            message_id: message,
            conversation_id: thread.conversation,
            contact_id: thread.contact,
            channel: thread.channel,
            text: command.text.clone(),
            language,
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
            with_bot: thread.state.as_ref().is_none_or(Conversation::is_with_bot),
            streamed: command.streaming
                || thread.state.as_ref().is_some_and(|state| !state.turns.is_empty())
                || app.hub.has_readers(thread.conversation),
            bot,
            agent: account.available_agent().map(|agent| agent.name.clone()),
            brand: account.settings.brand.clone(),
            previous,
            events,
            inbound,
            outcome: None,
        }
    }

    fn is_for_bot(&self) -> bool {
        self.with_bot
    }

    /// Adds the answer when it needs no waiting and nobody watches it being made. The place that
    /// is returned must be held until the append is done: turns are answered one after another.
    async fn answer_at_once(&mut self, app: &Arc<App>) -> Result<Option<Taken>> {
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
        let Some(taken) = Turns::try_take(app, self.conversation) else { return Ok(None) };
        let turn = Turn {
            text: self.text.as_str(),
            previous: self.previous,
            person_available: self.agent.is_some(),
        };
        let Some((language, answer)) = bot.answer_at_once(&turn) else { return Ok(None) };
        let Answer::Reply { intent, text } = answer else {
            let outcome = self.hand_over(app).await?;
            self.outcome = Some(outcome);
            return Ok(Some(taken));
        };
        let reply = MessageOutbound {
            message_id: self.message.reply(),
            conversation_id: self.conversation,
            contact_id: self.contact,
            channel: self.channel,
            author: Author::Bot { name: author_name(&bot, &self.brand) },
            text: MessageText::from_bot(text.to_owned()),
            language,
            in_reply_to: Some(self.message),
            intent: intent.map(str::to_owned),
            bot: Some(version),
            partial: false,
        };
        self.events.push(Body::MessageOutbound(reply.clone()));
        self.outcome = Some(Outcome::Replied(Box::new(reply)));
        Ok(Some(taken))
    }

    async fn nobody(&mut self, app: &App) -> Result<Outcome> {
        if self.agent.is_some() {
            return self.hand_over(app).await;
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
                let contact = app.engine.contact(self.account, self.contact).await;
                let contact = contact.map_err(failed)?;
                contact.map_or_else(|| PersonName::guest(self.contact), |contact| contact.name)
            }
        };
        self.events.push(Body::ConversationEscalated(ConversationEscalated {
            conversation_id: self.conversation,
            contact_id: self.contact,
            contact_name,
            in_reply_to: Some(self.message),
            trigger_message: Some(self.text.clone()),
            assigned_agent: self.agent.clone(),
        }));
        Ok(Outcome::Queued)
    }

    async fn append(&mut self, app: &Arc<App>, outcome: Option<Outcome>) -> Result<Sent> {
        let events = std::mem::take(&mut self.events);
        let events = events.into_iter().map(|body| Event {
            id: event_id(&body),
            at: self.at,
            account: self.account,
            key: self.key,
            body,
        });
        let appended = app.engine.append(events.collect()).await.map_err(failed)?;
        let inbound = appended.get(self.inbound).ok_or(Error::Internal)?;
        if inbound.effect != Effect::Applied {
            return Err(Error::NotFound("conversation"));
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
                Turns::call(app, account, id);
            }
            outcome
        };
        Ok(Sent {
            conversation: self.conversation,
            contact: self.contact,
            message: self.message,
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

fn start(events: &mut Vec<Body>, thread: &Thread, command: &SendMessage) -> PersonName {
    let details = &command.contact;
    let name = details.name.clone().unwrap_or_else(|| PersonName::guest(thread.contact));
    events.push(Body::ContactCreated(ContactCreated {
        contact_id: thread.contact,
        name: name.clone(),
        email: details.email.clone(),
        phone: details.phone.clone(),
        channel: thread.channel,
        source: thread.channel.as_str().to_owned(),
    }));
    events.push(Body::ConversationStarted(ConversationStarted {
        conversation_id: thread.conversation,
        contact_id: thread.contact,
        channel: thread.channel,
    }));
    name
}

fn go_on(
    events: &mut Vec<Body>,
    state: &Conversation,
    known: Option<&Contact>,
    command: &SendMessage,
) -> Option<PersonName> {
    let details = &command.contact;
    if let Some(contact) = known {
        let changed_fields = contact.changes(details);
        if !changed_fields.is_empty() {
            events.push(Body::ContactUpdated(ContactUpdated {
                contact_id: contact.id,
                changed_fields,
                name: details.name.clone().unwrap_or_else(|| contact.name.clone()),
                email: details.email.clone().or_else(|| contact.email.clone()),
                phone: details.phone.clone().or_else(|| contact.phone.clone()),
                channel: contact.channel,
            }));
        }
    }
    if state.resolved {
        events.push(Body::ConversationReopened(ConversationReopened { conversation_id: state.id }));
    }
    details.name.clone().or_else(|| known.map(|contact| contact.name.clone()))
}
