//! One turn, from the question to what ends it in the log.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::conclude::conclude;
use super::gather::Gather;
use super::outcome::outcome_of;
use super::pace::paced;
use super::under_way::Begun;
use crate::app::conversations::live_feed::whereabouts;
use crate::app::messages::send::{author_name, event_id};
use crate::app::{App, clock};
use crate::bot::{self, Background, Bot, BotAction, Turn, Wants};
use crate::domain::conversation::{Conversation, Effect, OpenTurn};
use crate::domain::event::{Body, Event, FailureReason, MessageInbound, Received, ReplyDiscarded};
use crate::domain::ids::{AccountId, ConversationId, StreamKey};
use crate::domain::message::{self, Author, Side};
use crate::domain::seq::Seq;
use crate::domain::turn::{Business, End, Outcome, Said};
use crate::engine::{self, Appended};
use crate::live::hub::{Beginning, Writer};
use crate::outside;

/// A bot may be silent for so long, and take so long in all.
const STEP_TIMEOUT: Duration = Duration::from_secs(30);
const TURN_TIMEOUT: Duration = Duration::from_secs(300);
/// How often a silent turn is told to be under way, so that no other node takes it over.
const ALIVE_EVERY: Duration = Duration::from_secs(5);

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
    let business = Business::of(&tenant.account);

    let bot = tenant.bot(state.bot).ok_or(FailureReason::NoBot);
    let bot = if begun.refused { Err(FailureReason::TooMany) } else { bot };
    let (bot, version) = match bot {
        Ok(bot) => bot,
        Err(reason) => {
            let (said, end) = (Said::default(), End::Failed(reason));
            let ends = conclude(app, account, asked, business, None, said, end).await?;
            return append(app, state, ends.bodies).await.map(drop);
        }
    };
    let background = background(app, state, asked, turn, bot.wants()).await?;
    let name = author_name(&bot, business.brand);
    let author = Author::Bot { name: name.clone() };
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
        person_available: business.agent.is_some(),
        background: &background,
    };
    let language = bot.language_for(&turn);
    let mut said = Said { by: Some((name, version)), language, ..Said::default() };
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
    let ends = conclude(app, account, asked, business, None, said, end).await?;
    let appended = append(app, state, ends.bodies).await?;
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
    mut steps: BoxStream<'_, Result<BotAction, bot::Error>>,
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
            Some(Some(Ok(BotAction::Intent(intent)))) => said.intent = Some(intent),
            Some(Some(Ok(BotAction::Text(text)))) => {
                typing.set(false);
                said.text.push_str(&text);
                typing.show(gather.piece(text, now));
            }
            Some(Some(Ok(BotAction::Typing(types)))) => {
                typing.show(gather.show(now));
                typing.set(types);
            }
            Some(Some(Ok(BotAction::Buttons(buttons)))) => said.buttons = buttons,
            Some(Some(Ok(BotAction::Variable { name, value }))) => {
                said.memory.variables.set(&name, &value);
            }
            Some(Some(Ok(BotAction::Position(position)))) => said.memory.position = Some(position),
            Some(Some(Ok(BotAction::HandOver))) => return End::HandedOver,
            Some(Some(Ok(BotAction::Resolve))) => return End::Resolved,
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
