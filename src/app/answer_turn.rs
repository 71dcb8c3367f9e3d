//! One turn, from the question to what ends it in the log.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::gather::Gather;
use super::live_feed::whereabouts;
use super::outcome::{Outcome, outcome_of};
use super::pace::paced;
use super::read_conversation::contact_name;
use super::send_message::{author_name, event_id};
use super::turns::Begun;
use super::{App, accounts::Tenant, clock};
use crate::bot::{self, Background, Bot, Step, Turn, Wants};
use crate::domain::conversation::{Conversation, Effect, OpenTurn};
use crate::domain::event::{
    Body, BotVersion, ConversationEscalated, ConversationResolved, ConversationUpdated, Event,
    FailureReason, MessageInbound, MessageOutbound, Received, ReplyDiscarded, ReplyFailed,
    ReplyStopped,
};
use crate::domain::ids::{AccountId, ConversationId, StreamKey};
use crate::domain::language::Language;
use crate::domain::message::{self, Author, Side};
use crate::domain::seq::Seq;
use crate::domain::text::{MessageText, PersonName};
use crate::domain::variables::Memory;
use crate::engine::{self, Appended};
use crate::live::hub::{Beginning, Writer};
use crate::outside;

/// A bot may be silent for so long, and take so long in all.
const STEP_TIMEOUT: Duration = Duration::from_secs(30);
const TURN_TIMEOUT: Duration = Duration::from_secs(300);
/// How often a silent turn is told to be under way, so that no other node takes it over.
const ALIVE_EVERY: Duration = Duration::from_secs(5);

/// How a bot's part of a turn ended.
enum End {
    Answered,
    HandedOver,
    Resolved,
    Stopped,
    Failed(FailureReason),
}

/// What there was to do in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oldest {
    Answered,
    /// It is another node's to answer.
    Anothers,
    /// Nothing is owed.
    None,
}

/// Answers the oldest turn that a conversation owes, unless `under_way`, which is given all that are
/// owed, says that it is another's.
///
/// # Errors
/// As the engine's: the turn stays due.
pub async fn answer_oldest(
    app: &Arc<App>,
    account: AccountId,
    id: ConversationId,
    under_way: impl FnOnce(&[OpenTurn]) -> Option<Begun>,
) -> engine::Result<Oldest> {
    let state = app.engine.conversation(account, id).await?;
    let Some(state) = state.filter(|state| !state.turns.is_empty()) else {
        return Ok(Oldest::None);
    };
    let turn = &state.turns[0];
    let Some(begun) = under_way(&state.turns) else { return Ok(Oldest::Anothers) };
    answer(app, &state, turn, &begun).await.map(|()| Oldest::Answered)
}

async fn answer(
    app: &Arc<App>,
    state: &Conversation,
    turn: &OpenTurn,
    begun: &Begun,
) -> engine::Result<()> {
    let (account, id, asked_at) = (state.account, state.id, turn.seq);
    let before = Seq::new(turn.seq.get().saturating_sub(1));
    let asked = app.engine.timeline(account, id, before, 1).await?;
    let asked = match asked.first().map(|entry| &entry.event.body) {
        Some(Body::MessageInbound(asked)) if asked.message_id == turn.message_id => asked,
        _ => {
            let problem = format!("the message of turn {} is not in its timeline", turn.seq);
            return Err(engine::Error::Storage(problem));
        }
    };
    let tenant = app.accounts.get(account);
    let tenant = tenant.ok_or_else(|| engine::Error::Storage(format!("no account {account}")))?;
    let agent = tenant.account.available_agent().map(|agent| agent.name.clone());

    let bot = tenant.bot(state.bot).ok_or(FailureReason::NoBot);
    let bot = if begun.refused { Err(FailureReason::TooMany) } else { bot };
    let (bot, version) = match bot {
        Ok(bot) => bot,
        Err(reason) => {
            let (said, end) = (Said::default(), End::Failed(reason));
            let events = conclude(app, state, asked, agent, &tenant, said, end).await?;
            return append(app, state, events).await.map(drop);
        }
    };
    let background = background(app, state, asked, turn, bot.wants()).await?;
    let author = Author::Bot { name: author_name(&bot, tenant.account.brand()) };
    let reply_id = asked.message_id.reply();
    let reply = Beginning {
        id: reply_id,
        in_reply_to: asked.message_id,
        asked: turn.seq,
        // The question, and how earlier turns have ended.
        after: state.last_seq,
        author: author.clone(),
        at: clock::now(),
        stop: begun.stop.clone(),
    };
    let writer = app.hub.begin(whereabouts(state), reply).await;
    let turn = Turn {
        text: asked.text.as_str(),
        previous: Some(asked.language),
        person_available: agent.is_some(),
        background: &background,
    };
    let language = bot.language_for(&turn);
    let mut said = Said { bot: Some((bot.clone(), version)), language, ..Said::default() };
    let pause = bot.pace().min(app.pace);
    let steps = bot.answer(&turn, &app.outside.of(account));
    let steps = paced(steps, pause, &writer, begun.streamed, || app.turns.is_waited_for(id));
    let mut typing = Typing { writer: &writer, author, now: false };
    let mut gather = Gather::new(app.gather);
    let whose = Whose { account: state.account, conversation: state.id, bot: bot.name() };
    let end = listen(steps, &whose, &begun.stop, &mut said, &mut typing, &mut gather).await;
    typing.show(gather.show(Instant::now()));
    drop(typing);
    if said.intent.is_none() && !matches!(*bot, Bot::Faq(_)) {
        said.intent = tenant.intent_of(asked.text.as_str(), asked.language);
    }
    let events = conclude(app, state, asked, agent, &tenant, said, end).await?;
    let appended = append(app, state, events).await?;
    if !matches!(appended.first().map(|first| first.effect), Some(Effect::Discarded(_))) {
        return Ok(());
    }
    // Overtaken by people, or written twice: only the first has to be told.
    let in_reply_to = asked.message_id;
    let ended = outcome_of(app, account, id, in_reply_to, asked_at).await;
    if matches!(ended, Ok(Some(Outcome::Queued | Outcome::Unavailable))) {
        let discarded = ReplyDiscarded { conversation_id: id, reply_id, in_reply_to };
        append(app, state, vec![Body::ReplyDiscarded(discarded)]).await?;
    }
    Ok(())
}

/// What a bot has said so far.
#[derive(Default)]
struct Said {
    /// Who says it; none where nobody can.
    bot: Option<(Arc<Bot>, BotVersion)>,
    /// What it is said in, where that is not the asker's.
    language: Option<Language>,
    text: String,
    intent: Option<String>,
    buttons: Vec<String>,
    memory: Memory,
}

/// What is shown of a reply, and whether the bot is shown to type; it is not, once its turn is over.
struct Typing<'a> {
    writer: &'a Writer,
    author: Author,
    now: bool,
}

impl Typing<'_> {
    fn show(&self, text: Option<String>) {
        if let Some(text) = text {
            self.writer.chunk(&text, clock::now());
        }
    }

    fn set(&mut self, now: bool) {
        if self.now != now {
            self.now = now;
            self.writer.typing(self.author.clone(), now, clock::now());
        }
    }
}

impl Drop for Typing<'_> {
    fn drop(&mut self) {
        self.set(false);
    }
}

/// What the bot wants to be told of the conversation.
async fn background(
    app: &App,
    state: &Conversation,
    asked: &MessageInbound,
    turn: &OpenTurn,
    wants: Wants,
) -> engine::Result<Background> {
    if wants == Wants::Nothing {
        let attachments = asked.attachments.clone();
        return Ok(Background { attachments, ..Background::default() });
    }
    let mut variables = state.variables.clone();
    if let Some(contact) = app.engine.contact(state.account, state.contact_id).await? {
        contact.tell(&mut variables);
    }
    let history = match wants {
        Wants::History(messages) => history(app, state, asked, turn.seq, messages).await?,
        Wants::Nothing | Wants::Variables => Vec::new(),
    };
    Ok(Background {
        conversation: Some(state.id),
        message: Some(asked.message_id),
        at: Some(turn.at),
        variables,
        position: state.position.clone(),
        history,
        attachments: asked.attachments.clone(),
    })
}

/// The last messages before the question, oldest first, and what its sender told of before.
async fn history(
    app: &App,
    state: &Conversation,
    asked: &MessageInbound,
    question: Seq,
    messages: usize,
) -> engine::Result<Vec<message::Said>> {
    let wanted = messages + state.turns.len();
    let skip = state.message_count.saturating_sub(wanted as u64);
    let found = app.engine.messages(state.account, state.id, skip, wanted).await?;
    let before = found.iter().filter(|entry| entry.seq < question);
    let said = before.filter_map(|entry| {
        let (by, text) = match &entry.event.body {
            Body::MessageInbound(data) => (Side::Customer, &data.text),
            Body::MessageOutbound(data) => (Side::Business, &data.text),
            _ => return None,
        };
        Some(message::Said { by, text: text.as_str().to_owned() })
    });
    let mut all: Vec<_> = said.chain(asked.context.iter().cloned()).collect();
    all.drain(..all.len().saturating_sub(messages));
    Ok(all)
}

/// Whose reply it is, as the log names it where it fails.
struct Whose<'a> {
    account: AccountId,
    conversation: ConversationId,
    bot: &'a str,
}

/// Takes a bot's steps until it is done, stopped or too slow.
async fn listen(
    mut steps: BoxStream<'_, Result<Step, bot::Error>>,
    whose: &Whose<'_>,
    stop: &Notify,
    said: &mut Said,
    typing: &mut Typing<'_>,
    gather: &mut Gather,
) -> End {
    let Whose { account, conversation, bot } = *whose;
    let writer = typing.writer;
    let finish = Instant::now() + TURN_TIMEOUT;
    let mut alive = tokio::time::interval(ALIVE_EVERY);
    alive.reset();
    // Waited for all the time: a timer that is put off costs less than one that is made anew.
    let mut stopped = pin!(stop.notified());
    let mut patience = pin!(sleep_until((Instant::now() + STEP_TIMEOUT).min(finish)));
    loop {
        let latest = gather.latest();
        let step = tokio::select! {
            biased;
            () = stopped.as_mut() => return End::Stopped,
            _ = alive.tick() => {
                writer.alive();
                continue;
            }
            step = steps.next() => Some(step),
            () = patience.as_mut() => None,
            () = sleep_until(latest.unwrap_or(finish)), if latest.is_some() => {
                typing.show(gather.show(Instant::now()));
                continue;
            }
        };
        let now = Instant::now();
        patience.as_mut().reset((now + STEP_TIMEOUT).min(finish));
        match step {
            Some(Some(Ok(Step::Intent(intent)))) => said.intent = Some(intent),
            Some(Some(Ok(Step::Text(text)))) => {
                typing.set(false);
                said.text.push_str(&text);
                typing.show(gather.piece(text, now));
            }
            Some(Some(Ok(Step::Typing(types)))) => {
                typing.show(gather.show(now));
                typing.set(types);
            }
            Some(Some(Ok(Step::Buttons(buttons)))) => said.buttons = buttons,
            Some(Some(Ok(Step::Variable { name, value }))) => {
                said.memory.variables.set(&name, &value);
            }
            Some(Some(Ok(Step::Position(position)))) => said.memory.position = Some(position),
            Some(Some(Ok(Step::HandOver))) => return End::HandedOver,
            Some(Some(Ok(Step::Resolve))) => return End::Resolved,
            Some(Some(Err(error))) => {
                tracing::warn!(%account, %conversation, bot, %error, "a bot failed");
                let bot::Error::Upstream(error) = error;
                return End::Failed(match error {
                    outside::Error::Busy => FailureReason::TooMany,
                    _ => FailureReason::BotFailed,
                });
            }
            Some(None) if said.text.is_empty() => {
                tracing::warn!(%account, %conversation, bot, "a bot said nothing");
                return End::Failed(FailureReason::BotFailed);
            }
            Some(None) => return End::Answered,
            None => {
                tracing::warn!(%account, %conversation, bot, "a bot took too long");
                return End::Failed(FailureReason::TimedOut);
            }
        }
    }
}

/// The events that end a turn.
async fn conclude(
    app: &App,
    state: &Conversation,
    asked: &MessageInbound,
    agent: Option<PersonName>,
    tenant: &Tenant,
    said: Said,
    end: End,
) -> engine::Result<Vec<Body>> {
    let is_failure = matches!(end, End::Failed(_));
    let mut events = Vec::new();
    let people = agent.is_some() || !is_failure;
    let auto_reply = if asked.opens { tenant.account.auto_reply() } else { "" };
    if !said.text.is_empty() && !is_failure {
        events.push(Body::MessageOutbound(outbound(state, asked, tenant, said, &end)));
    } else if matches!(end, End::HandedOver | End::Failed(_)) && !auto_reply.is_empty() {
        let said = Said { text: auto_reply.to_owned(), memory: said.memory, ..Said::default() };
        events.push(Body::MessageOutbound(outbound(state, asked, tenant, said, &End::Answered)));
        if !people {
            return Ok(events);
        }
    } else if !said.memory.variables.is_empty() && !is_failure {
        events.push(Body::ConversationUpdated(ConversationUpdated {
            conversation_id: state.id,
            title: None,
            bot: None,
            variables: said.memory.variables,
        }));
    }
    let contact_name = || contact_name(app, state.account, state.contact_id);
    match end {
        End::Answered => {}
        End::Stopped => events.push(Body::ReplyStopped(ReplyStopped {
            conversation_id: state.id,
            reply_id: asked.message_id.reply(),
            in_reply_to: asked.message_id,
        })),
        End::Failed(reason) if agent.is_none() => events.push(Body::ReplyFailed(ReplyFailed {
            conversation_id: state.id,
            in_reply_to: asked.message_id,
            reason,
        })),
        End::HandedOver | End::Failed(_) => {
            events.push(Body::ConversationEscalated(ConversationEscalated {
                conversation_id: state.id,
                contact_id: state.contact_id,
                contact_name: contact_name().await?,
                in_reply_to: Some(asked.message_id),
                trigger_message: Some(asked.text.clone()),
                assigned_agent: agent,
            }));
        }
        End::Resolved => events.push(Body::ConversationResolved(ConversationResolved {
            conversation_id: state.id,
            contact_id: state.contact_id,
            contact_name: contact_name().await?,
        })),
    }
    Ok(events)
}

/// What was said in a turn, as a message.
fn outbound(
    state: &Conversation,
    asked: &MessageInbound,
    tenant: &Tenant,
    said: Said,
    end: &End,
) -> MessageOutbound {
    let brand = tenant.account.brand();
    let name =
        said.bot.as_ref().map_or_else(|| brand.to_owned(), |(bot, _)| author_name(bot, brand));
    MessageOutbound {
        message_id: asked.message_id.reply(),
        conversation_id: state.id,
        contact_id: state.contact_id,
        channel: state.channel,
        author: Author::Bot { name },
        text: MessageText::from_bot(said.text),
        language: said.language.unwrap_or(asked.language),
        in_reply_to: Some(asked.message_id),
        intent: said.intent,
        bot: said.bot.map(|(_, version)| version),
        buttons: said.buttons,
        attachments: Vec::new(),
        memory: said.memory,
        partial: matches!(end, End::Stopped),
    }
}

/// Appends what ends a turn; while the log is away, again and again with a back-off. Doing it
/// twice is harmless: the fold keeps one reply for a turn.
async fn append(
    app: &App,
    state: &Conversation,
    bodies: Vec<Body>,
) -> engine::Result<Vec<Appended>> {
    let at = clock::now();
    let events: Vec<_> = bodies
        .into_iter()
        .map(|body| Event {
            id: event_id(&body),
            at,
            account: state.account,
            key: StreamKey::Contact(state.contact_id),
            body,
            received: Received::default(),
        })
        .collect();
    let backoff = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(20)
        .with_jitter();
    (|| app.engine.append(events.clone()))
        .retry(backoff)
        .when(|error| !matches!(error, engine::Error::Storage(_) | engine::Error::Locked(_)))
        .await
}
