//! A definition tried on what was really asked, before it answers anybody.
//!
//! Recorded conversations are walked through, message by message: what the bot in question says is
//! set beside what was said. Nothing leaves the run: no event is appended, no message sent, and a
//! bot that wants to call somebody is stopped there and its conversation left out from that message
//! on, unless the caller lets it ask its upstream.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use serde::{Deserialize, Serialize};

use crate::app::conversations::list;
use crate::app::{App, failed};
use crate::bot::{Background, Bot, BotAction, Turn, Wants};
use crate::domain::bot::Definition;
use crate::domain::conversation::{Conversation, Effect};
use crate::domain::event::{Body, MessageInbound};
use crate::domain::ids::{AccountId, BotId, ConversationId, MessageId};
use crate::domain::language::Language;
use crate::domain::message::{Said, Side};
use crate::domain::seq::Seq;
use crate::domain::turn::{self, Ending, How};
use crate::domain::variables::Variables;
use crate::domain::{Error, Result};
use crate::engine::Recorded;
use crate::outside::Outside;

/// Events read of one conversation; what comes later is not replayed.
const EVENTS: usize = 1_000;
/// How long the bot may take for a turn.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);
/// Conversations listed at once, and looked through in all.
const PAGE: usize = 100;
const LISTED: usize = 10_000;
/// Reasons for breaking off that are told.
const FAILURES: usize = 10;

/// What a turn led to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub text: String,
    pub buttons: Vec<String>,
    pub handed_over: bool,
    /// The bot had nothing to say, or broke off.
    pub failed: bool,
}

/// A turn that would have gone otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    pub conversation: ConversationId,
    pub message: MessageId,
    pub asked: String,
    pub was: Answer,
    pub would_be: Answer,
}

/// What a replay has found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub conversations: usize,
    pub turns: usize,
    pub differences: Vec<Difference>,
    /// Conversations that were left out from some message on: the bot wanted to call somebody.
    pub left_out: Vec<ConversationId>,
    /// Why the bot broke off; each reason once, and no more than `FAILURES`.
    pub failures: BTreeSet<String>,
}

/// Replays the last conversations of an account, or of one of its bots, with a definition. `outside`
/// is where the bot may ask; none keeps it from asking anybody.
///
/// # Errors
/// [`Error::Invalid`] for a definition that does not compile, and those of the views.
pub async fn replay(
    app: &App,
    account: AccountId,
    definition: &Definition,
    conversations: usize,
    of_bot: Option<BotId>,
    outside: Option<&Outside>,
) -> Result<Report> {
    let person_available =
        app.accounts.get(account).is_some_and(|it| it.account.available_agent().is_some());
    let bot = Bot::compile(definition)
        .map_err(|faults| Error::invalid("definition", format!("is not valid: {faults}")))?;
    let mut report = Report::default();
    let (mut after, mut listed) = (None, 0);
    while report.conversations < conversations && listed < LISTED {
        let page = list::list(app, account, after, PAGE).await?;
        listed += page.conversations.len();
        let is_its = |state: &&Conversation| {
            of_bot.is_none_or(|bot| state.bot.is_some_and(|pinned| pinned.bot_id == bot))
        };
        let left = conversations - report.conversations;
        for state in page.conversations.iter().filter(is_its).take(left) {
            report.conversations += 1;
            let events = app.engine.timeline(account, state.id, Seq::START, EVENTS).await;
            let contact = app.engine.contact(account, state.contact_id).await.map_err(failed)?;
            let sealed = Outside::sealed();
            let mut run = Run {
                bot: &bot,
                outside: outside.unwrap_or(&sealed),
                person_available,
                known: Variables::default(),
                background: Background::default(),
                state: None,
            };
            if let Some(contact) = contact {
                contact.tell(&mut run.known);
            }
            run.walk(&events.map_err(failed)?, &mut report).await;
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(report)
}

/// One conversation on its way.
struct Run<'a> {
    bot: &'a Bot,
    outside: &'a Outside,
    person_available: bool,
    /// What is known of the contact.
    known: Variables,
    /// As the bot in question would have left it; the history is what was really said.
    background: Background,
    state: Option<Conversation>,
}

impl Run<'_> {
    async fn walk(&mut self, events: &[Recorded], report: &mut Report) {
        for entry in events {
            let asked = match &entry.event.body {
                Body::MessageInbound(asked) => Some(asked),
                _ => None,
            };
            let before = self.state.clone();
            let for_bot = before.as_ref().is_some_and(Conversation::is_with_bot);
            if before.as_ref().is_some_and(|state| state.resolved) {
                self.background.position = None;
            }
            if let Some(asked) = asked.filter(|_| for_bot) {
                let previous = before.and_then(|state| state.language);
                let would_be = self.answer(entry, asked, previous, &mut report.failures).await;
                let Some(would_be) = would_be else {
                    report.left_out.push(asked.conversation_id);
                    return;
                };
                report.turns += 1;
                if let Some(was) = recorded(events, asked.message_id)
                    && was != would_be
                {
                    report.differences.push(Difference {
                        conversation: asked.conversation_id,
                        message: asked.message_id,
                        asked: asked.text.to_string(),
                        was,
                        would_be,
                    });
                }
            }
            self.take(entry);
        }
    }

    /// What the bot in question says; none where it wanted to call somebody and may not.
    async fn answer(
        &mut self,
        entry: &Recorded,
        asked: &MessageInbound,
        previous: Option<Language>,
        failures: &mut BTreeSet<String>,
    ) -> Option<Answer> {
        let mut background = self.background.clone();
        background.conversation = Some(asked.conversation_id);
        background.message = Some(asked.message_id);
        background.at = Some(entry.event.at);
        background.attachments.clone_from(&asked.attachments);
        background.variables.merge(&self.known);
        background.history.extend(asked.context.iter().cloned());
        let history = match self.bot.wants() {
            Wants::History(messages) => messages,
            Wants::Nothing | Wants::Variables => 0,
        };
        background.history.drain(..background.history.len().saturating_sub(history));
        let turn = Turn {
            text: asked.text.as_str(),
            previous: Some(previous.unwrap_or(asked.language)),
            person_available: self.person_available,
            background: &background,
        };
        let (mut answer, mut position) = (Answer::default(), None);
        let mut failure = None;
        let mut steps = self.bot.answer(&turn, self.outside);
        let listening = async {
            while let Some(step) = steps.next().await {
                match step {
                    Ok(BotAction::Text(text)) => answer.text.push_str(&text),
                    Ok(BotAction::Buttons(buttons)) => answer.buttons = buttons,
                    Ok(BotAction::Variable { name, value }) => {
                        self.background.variables.set(&name, &value);
                    }
                    Ok(BotAction::Position(step)) => position = Some(step),
                    Ok(BotAction::HandOver) => answer.handed_over = true,
                    Ok(BotAction::Intent(_) | BotAction::Typing(_) | BotAction::Resolve) => {}
                    Err(error) => failure = Some(error.to_string()),
                }
            }
        };
        if tokio::time::timeout(PATIENCE, listening).await.is_err() {
            failure = Some("it took too long".to_owned());
        }
        if self.outside.was_asked() {
            return None;
        }
        answer.failed = failure.is_some();
        if failures.len() < FAILURES {
            failures.extend(failure);
        }
        self.background.position = position;
        Some(answer.settled(self.person_available))
    }

    /// Folds what really happened in.
    fn take(&mut self, entry: &Recorded) {
        let effect = match &mut self.state {
            Some(state) => state.apply(entry.seq, &entry.event),
            None => {
                self.state = Conversation::started(entry.seq, &entry.event);
                Effect::Applied
            }
        };
        if effect != Effect::Applied {
            return;
        }
        let (by, text) = match &entry.event.body {
            Body::ConversationStarted(data) => {
                return self.background.variables.merge(&data.variables);
            }
            Body::MessageInbound(data) => (Side::Customer, &data.text),
            Body::MessageOutbound(data) => (Side::Business, &data.text),
            _ => return,
        };
        self.background.history.push(Said { by, text: text.to_string() });
    }
}

impl Answer {
    /// A bot without an answer hands over where a person is there.
    fn settled(mut self, person_available: bool) -> Self {
        if self.failed || (self.text.is_empty() && !self.handed_over) {
            let failed = !person_available;
            self = Self { handed_over: person_available, failed, ..Self::default() };
        }
        self
    }
}

/// What the turn of a message really led to; none where that says nothing of the bot: a reader
/// stopped it, or people came first.
fn recorded(events: &[Recorded], message: MessageId) -> Option<Answer> {
    let mut answer = Answer::default();
    for entry in events {
        let Some(ending) = turn::ending(&entry.event.body) else { continue };
        answer.handed_over |= ending.gives_away(message);
        let Ending::One { message: answered, how } = ending else { continue };
        if answered != message {
            continue;
        }
        match how {
            How::Replied(data) if data.bot.is_some() => {
                answer.text = data.text.to_string();
                answer.buttons.clone_from(&data.buttons);
            }
            How::Failed => answer.failed = true,
            How::Stopped => return None,
            How::Replied(_) | How::People | How::Closed => {}
        }
    }
    (answer != Answer::default()).then_some(answer)
}
