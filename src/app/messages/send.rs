//! A customer sends a message.
//!
//! When nobody watches the conversation and its bot can answer at once, the message and its reply
//! are one append: one sync, and one thing the caller waits for. Otherwise the message is appended
//! first, and the turn is answered behind it, chunk by chunk.

use std::sync::Arc;

use draft::Draft;

use super::idempotency::{Given, Goes, Unused, awaited, once};
use crate::app::accounts::Tenant;
use crate::app::conversations::read;
use crate::app::turn::outcome::outcome_of;
use crate::app::turn::under_way::{Call, OWED_MAX, Turns};
use crate::app::{App, clock, failed};
use crate::domain::attachment::Attachment;
use crate::domain::contact::{Contact, Details};
use crate::domain::conversation::Conversation;
use crate::domain::event::{Body, BotVersion};
use crate::domain::ids::{AccountId, ContactId, ConversationId, MessageId};
use crate::domain::language::Language;
use crate::domain::message::{Channel, Said};
use crate::domain::seq::Seq;
use crate::domain::text::{MessageText, PersonName, Title};
use crate::domain::time::Timestamp;
use crate::domain::turn::{Business, Outcome};
use crate::domain::variables::Variables;
use crate::domain::{Error, Result};
use crate::engine::Recorded;
use crate::live::cursor::Cursor;
use crate::projection::claims;

mod draft;

pub use draft::{author_name, event_id};

/// What a caller wants said.
#[derive(Debug, Clone)]
pub struct SendMessage {
    pub to: To,
    /// What answers from this message on, in a conversation that something else answers now.
    pub bot: Option<BotVersion>,
    pub text: MessageText,
    /// The text is what was understood of speech.
    pub spoken: bool,
    pub contact: Details,
    /// Of a conversation that is started; others keep theirs.
    pub channel: Channel,
    /// What was said elsewhere before, for the bot.
    pub context: Vec<Said>,
    pub attachments: Vec<Attachment>,
    /// The caller's `Idempotency-Key` and the surface it was given to.
    pub idempotency_key: Given,
    /// The caller wants to see the reply as it is made.
    pub streaming: bool,
}

impl SendMessage {
    /// A message and nothing besides, whose reply is wanted whole.
    pub fn new(to: To, text: MessageText, channel: Channel) -> Self {
        Self {
            to,
            bot: None,
            text,
            spoken: false,
            contact: Details::default(),
            channel,
            context: Vec::new(),
            attachments: Vec::new(),
            idempotency_key: None,
            streaming: false,
        }
    }
}

/// Where a message goes.
#[derive(Debug, Clone)]
pub enum To {
    Conversation(ConversationId),
    /// One that this message begins.
    New(Opening),
}

/// How a conversation begins.
#[derive(Debug, Clone, Default)]
pub struct Opening {
    /// Its id where that follows from a name given outside: a second conversation of that name is
    /// refused, even when both are begun at once.
    pub conversation: Option<ConversationId>,
    /// The contact where that follows from a name given outside: it may be there already.
    pub contact: Option<ContactId>,
    pub title: Option<Title>,
    /// What answers; the account's default where none is named.
    pub bot: Option<BotVersion>,
    pub variables: Variables,
}

/// What was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    pub conversation: ConversationId,
    pub contact: ContactId,
    pub message: MessageId,
    /// What was understood, where the message was spoken.
    pub spoken: Option<MessageText>,
    /// Where the message stands in the log.
    pub seq: Seq,
    pub language: Language,
    pub at: Timestamp,
    /// The place right after the message: following from here shows its whole turn.
    pub cursor: Cursor,
    /// How the turn ended, when that is known already.
    pub outcome: Option<Outcome>,
}

impl Sent {
    /// The message that an event is, without its outcome; none for any other event.
    pub fn of_recorded(entry: &Recorded) -> Option<Self> {
        let Body::MessageInbound(data) = &entry.event.body else { return None };
        Some(Self {
            conversation: data.conversation_id,
            contact: data.contact_id,
            message: data.message_id,
            spoken: data.spoken.then(|| data.text.clone()),
            seq: entry.seq,
            language: data.language,
            at: entry.event.at,
            cursor: Cursor::at(entry.seq),
            outcome: None,
        })
    }
}

/// Sends a message.
///
/// # Errors
/// [`Error::NotFound`] for a conversation that is not this account's, [`Error::AlreadyExists`] for
/// one that was begun before under its name, [`Error::OutOfCredits`], the idempotency errors, and
/// [`Error::Unavailable`] when it cannot be kept now.
pub async fn send_message(
    app: &Arc<App>,
    tenant: &Tenant,
    mut command: SendMessage,
) -> Result<Sent> {
    let given = command.idempotency_key.take();
    if given.is_none() {
        return send(app, tenant, &command, None).await;
    }
    let details = &command.contact;
    let (goes, conversation, opening) = asked_of(&command.to);
    let mut asked = vec![
        conversation.as_str(),
        command.text.as_str(),
        details.name.as_ref().map_or("", PersonName::as_str),
        details.email.as_ref().map_or("", |email| email.as_str()),
        details.phone.as_ref().map_or("", |phone| phone.as_str()),
    ];
    asked.extend(opening.iter().map(String::as_str));
    asked.extend(command.context.iter().map(|said| said.text.as_str()));
    asked.extend(command.attachments.iter().map(|file| file.sha256.as_str()));
    let first = |unused| send(app, tenant, &command, unused);
    // Boxed, so that it takes no room where there is no key.
    Box::pin(once(app, tenant, &given, goes, &asked, first, again(app, tenant))).await
}

/// Sends the message that a request comes to. With a key, what it comes to is only found out where
/// no request did before; `asked` is what tells requests apart, and the message needs no key.
///
/// # Errors
/// As [`send_message`], and those of `command`.
pub async fn send_once(
    app: &Arc<App>,
    tenant: &Tenant,
    given: &Given,
    goes: Goes,
    asked: &[&str],
    command: impl Future<Output = Result<SendMessage>>,
) -> Result<Sent> {
    let first = |unused: Option<Unused>| async {
        let command = command.await?;
        // That may have taken long: the conversation is read again.
        let unused = unused.map(|unused| Unused { state: None, ..unused });
        send(app, tenant, &command, unused).await
    };
    once(app, tenant, given, goes, asked, first, again(app, tenant)).await
}

/// Answers as the request was answered that used a key first.
fn again<'a>(
    app: &'a Arc<App>,
    tenant: &'a Tenant,
) -> impl FnOnce(claims::Row) -> futures_util::future::BoxFuture<'a, Result<Sent>> {
    move |earlier| {
        let (conversation, message) = (earlier.conversation, earlier.message_id);
        Box::pin(awaited(move || replay(app, tenant, conversation, message)))
    }
}

/// What tells one request from another in where it goes: the conversation, and how it begins.
fn asked_of(to: &To) -> (Goes, String, Vec<String>) {
    let opening = match to {
        To::Conversation(id) => return (Goes::Into(*id), id.to_string(), Vec::new()),
        To::New(opening) => opening,
    };
    let (conversation, contact) = (opening.conversation, opening.contact);
    let begins = opening
        .title
        .iter()
        .map(ToString::to_string)
        .chain(opening.contact.iter().map(ToString::to_string))
        .chain(opening.bot.iter().map(|bot| format!("{} {}", bot.bot_id, bot.version)))
        .chain(opening.variables.iter().map(|(name, value)| format!("{name}={value}")));
    let named = conversation.map(|id| id.to_string()).unwrap_or_default();
    (Goes::Begins { conversation, contact }, named, begins.collect())
}

/// What an earlier request with the same key has led to.
async fn replay(
    app: &Arc<App>,
    tenant: &Tenant,
    conversation: ConversationId,
    message: MessageId,
) -> Result<Sent> {
    let account = tenant.account.id;
    let state = app.engine.conversation(account, conversation).await.map_err(failed)?;
    if state.is_some_and(|state| state.deleted) {
        return Err(Error::NotFound("conversation"));
    }
    let mut after = Seq::START;
    loop {
        let page = app.engine.timeline(account, conversation, after, 100).await.map_err(failed)?;
        for entry in &page {
            after = entry.seq;
            let Some(sent) = Sent::of_recorded(entry).filter(|sent| sent.message == message) else {
                continue;
            };
            let outcome = outcome_of(app, account, conversation, message, sent.seq).await?;
            if outcome.is_none() {
                Turns::call(app, account, conversation, Call::See);
            }
            return Ok(Sent { outcome, ..sent });
        }
        if page.is_empty() {
            return Err(Error::IdempotencyInFlight);
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
    /// Another may begin it at the same moment, under the same id.
    contested: bool,
    /// Read only when the caller tells about the contact, or when it may be there already.
    known: Option<Contact>,
}

async fn thread(
    app: &App,
    tenant: &Tenant,
    command: &SendMessage,
    unused: Option<&mut Unused>,
) -> Result<Thread> {
    let account = tenant.account.id;
    let (state, begins) = match unused {
        Some(unused) => (unused.state.take(), unused.begins),
        None => (None, None),
    };
    let id = match &command.to {
        To::Conversation(id) => *id,
        To::New(opening) => {
            return new_thread(app, account, opening, begins, command.channel).await;
        }
    };
    let state = match state.filter(|state| !state.deleted) {
        Some(state) => state,
        None => read::conversation(app, account, id).await?,
    };
    let known = if command.contact == Details::default() {
        None
    } else {
        app.engine.contact(account, state.contact_id).await.map_err(failed)?
    };
    Ok(Thread {
        conversation: id,
        contact: state.contact_id,
        channel: state.channel,
        contested: false,
        state: Some(state),
        known,
    })
}

async fn new_thread(
    app: &App,
    account: AccountId,
    opening: &Opening,
    begins: Option<(ConversationId, ContactId)>,
    channel: Channel,
) -> Result<Thread> {
    if let Some(id) = opening.conversation
        && app.engine.conversation(account, id).await.map_err(failed)?.is_some()
    {
        return Err(Error::AlreadyExists("conversation"));
    }
    let known = match opening.contact {
        Some(id) => app.engine.contact(account, id).await.map_err(failed)?,
        None => None,
    };
    let (conversation, contact) = begins.unwrap_or_else(|| {
        let conversation = opening.conversation.unwrap_or_else(clock::mint);
        (conversation, opening.contact.unwrap_or_else(clock::mint))
    });
    Ok(Thread {
        conversation,
        contact,
        channel,
        contested: opening.conversation.is_some() || begins.is_some(),
        state: None,
        known,
    })
}

async fn send(
    app: &Arc<App>,
    tenant: &Tenant,
    command: &SendMessage,
    mut unused: Option<Unused>,
) -> Result<Sent> {
    let thread = thread(app, tenant, command, unused.as_mut()).await?;
    let idempotency = unused.map(|unused| unused.claim);
    if thread.state.as_ref().is_some_and(|state| state.turns.len() >= OWED_MAX) {
        return Err(Error::RateLimited { retry_after_s: 1 });
    }
    let credits = tenant.account.settings.credits;
    let credit = app.limits.take_credit(&*app.engine, tenant.account.id, credits).await?;

    let mut draft = Draft::new(app, tenant, command, thread, idempotency);
    let taken = match draft.answer_at_once(app, Business::of(&tenant.account)).await {
        Ok(taken) => taken,
        Err(error) => {
            credit.refund();
            return Err(error);
        }
    };
    let outcome = draft.outcome.take();
    let sent = if outcome.is_none() && draft.is_for_bot() {
        // The turn must be started even if the caller goes away while the message is being kept.
        let (later, account, streamed) = (app.clone(), draft.account, command.streaming);
        let joined = app.turns.spawn(async move {
            let sent = draft.append(&later, None).await?;
            let call = Call::Take { message: sent.message, streamed };
            Turns::call(&later, account, sent.conversation, call);
            Ok(sent)
        });
        joined.await.map_err(|_| Error::Internal)?
    } else {
        draft.append(app, outcome).await
    };
    drop(taken);
    match &sent {
        Ok(_) => drop(credit),
        // Nothing was written, or the fold discarded it. Should it have been kept, after a write of unknown
        // outcome, the totals in the log set it right at the next start.
        Err(_) => credit.refund(),
    }
    sent
}
