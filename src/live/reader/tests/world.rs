//! A conversation as it may go: events, replies in pieces, crashes; with the real hub between it
//! and its readers.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::FutureExt as _;
use proptest::prelude::*;

use super::client::Client;
use crate::domain::conversation::tests::story::{Story, message};
use crate::domain::conversation::{Conversation, Effect, OpenTurn};
use crate::domain::event::Event;
use crate::domain::ids::{MessageId, StreamKey};
use crate::domain::message::Author;
use crate::domain::seq::Seq;
use crate::domain::time::Timestamp;
use crate::engine::relay::Whereabouts;
use crate::engine::{Observer, Recorded};
use crate::live::cursor::Cursor;
use crate::live::hub::{Beginning, Hub, Snapshot, Subscription, Writer};
use crate::live::reader::Reader;

pub(super) const NOW: Timestamp = Timestamp::from_millis(1_750_000_000_000);

/// What can happen next.
#[derive(Debug, Clone)]
pub(super) enum Action {
    Inbound,
    Read,
    Typing,
    Assign,
    Resolve,
    /// Somebody is about to answer the oldest open turn, as it is now.
    Decide,
    /// The turn that was decided on is answered, else the oldest; `same` repeats the text of an earlier attempt.
    Begin {
        text: String,
        same: bool,
    },
    Chunk(usize),
    Finish,
    Stop,
    Fail,
    HandOver,
    /// The reply ends nowhere: its turn stays due.
    Abandon,
    /// The process dies and another begins.
    Crash,
    /// The hub hears of what is durable and visible already.
    Tell,
    /// A client takes up to so many frames, reading pages of this size to catch up.
    Take {
        client: usize,
        frames: usize,
        page: usize,
    },
    Cut(usize),
}

pub(super) const CLIENTS: usize = 3;

pub(super) fn text() -> impl Strategy<Value = String> {
    "[aé漢🙂 ]{1,24}"
}

pub(super) fn action() -> impl Strategy<Value = Action> {
    let take = (0..CLIENTS, 1..6usize, 1..5usize).prop_map(|(client, frames, page)| Action::Take {
        client,
        frames,
        page,
    });
    prop_oneof![
        6 => Just(Action::Inbound),
        1 => Just(Action::Read),
        1 => Just(Action::Typing),
        1 => Just(Action::Assign),
        2 => Just(Action::Resolve),
        3 => Just(Action::Decide),
        8 => (text(), prop::bool::weighted(0.6)).prop_map(|(text, same)| Action::Begin { text, same }),
        16 => (1..7usize).prop_map(Action::Chunk),
        4 => Just(Action::Finish),
        2 => Just(Action::Stop),
        1 => Just(Action::Fail),
        1 => Just(Action::HandOver),
        2 => Just(Action::Abandon),
        2 => Just(Action::Crash),
        6 => Just(Action::Tell),
        30 => take,
        6 => (0..CLIENTS).prop_map(Action::Cut),
    ]
}

struct Writing {
    writer: Writer,
    turn: u64,
    text: Vec<char>,
    shown: usize,
}

/// What is known of a reply over all its attempts.
#[derive(Default)]
struct Attempts {
    text: String,
    most_shown: usize,
    /// A reader may have seen something that is not the beginning of what came later.
    changed: bool,
}

pub(super) struct World {
    story: Story,
    hub: Arc<Hub>,
    /// What the timeline shows.
    pub(super) log: Vec<Recorded>,
    /// How many of those the hub was told.
    told: usize,
    state: Option<Conversation>,
    messages: u64,
    seq: u64,
    /// The turn that somebody is about to answer.
    decided: Option<OpenTurn>,
    writing: Option<Writing>,
    /// A reply whose end is durable, until the hub is told; and whether it was discarded.
    ending: Option<(Writing, bool)>,
    replies: HashMap<MessageId, Attempts>,
}

impl World {
    pub(super) fn new() -> Self {
        let story = Story::numbered(1);
        let started = story.started();
        let mut world = Self {
            story,
            hub: Arc::default(),
            log: Vec::new(),
            told: 0,
            state: None,
            messages: 0,
            seq: 0,
            decided: None,
            writing: None,
            ending: None,
            replies: HashMap::new(),
        };
        world.commit(started);
        world.tell();
        world
    }

    /// Durable and in the views; the hub is not told yet.
    fn commit(&mut self, event: Event) -> Effect {
        // Positions grow and are not contiguous.
        self.seq += 1 + self.seq % 3;
        let seq = Seq::new(self.seq);
        let effect = match &mut self.state {
            Some(state) => state.apply(seq, &event),
            none => {
                *none = Conversation::started(seq, &event);
                Effect::Applied
            }
        };
        if effect == Effect::Applied {
            self.log.push(Recorded { seq, event: Arc::new(event) });
        }
        effect
    }

    pub(super) fn tell(&mut self) {
        self.hub.committed(&self.log[self.told..]);
        self.told = self.log.len();
        let Some((ended, discarded)) = self.ending.take() else { return };
        if discarded {
            self.commit(self.story.discarded(ended.turn));
            self.tell();
        }
    }

    /// What waits in the hub reaches the readers.
    pub(super) fn tell_readers(&self) {
        self.hub.tell_all();
    }

    /// As `live::follow` begins.
    pub(super) fn follow(&self, cursor: Cursor) -> (Reader, Subscription, Snapshot) {
        let reader = Reader::of(self.state.as_ref().expect("it began"), cursor);
        let (subscription, snapshot) = self.hub.subscribe(self.place(), Seq::START);
        (reader, subscription, snapshot)
    }

    fn place(&self) -> Whereabouts {
        let Story { account, contact, id, .. } = self.story;
        Whereabouts { account, conversation: id, key: StreamKey::Contact(contact) }
    }

    /// Whether a reply's text is not what a reader may have seen of it earlier.
    pub(super) fn has_changed(&self, reply: MessageId) -> bool {
        self.replies.get(&reply).is_some_and(|reply| reply.changed)
    }

    pub(super) fn owes(&self, turn: MessageId) -> bool {
        self.state.as_ref().is_some_and(|state| state.owes(turn))
    }

    pub(super) fn act(&mut self, action: &Action, clients: &mut [Client]) {
        match action {
            Action::Inbound => {
                self.messages += 1;
                self.commit(self.story.inbound(self.messages));
            }
            Action::Read => drop(self.commit(self.story.read(self.messages))),
            Action::Typing => {
                self.hub.typing(self.place(), Author::Customer, true, NOW);
            }
            Action::Assign => drop(self.commit(self.story.assigned("Sarah"))),
            Action::Resolve => drop(self.commit(self.story.resolved())),
            Action::Decide => self.decide(),
            Action::Begin { text, same } => self.begin(text, *same),
            Action::Chunk(chars) => self.chunk(*chars),
            Action::Finish => self.finish(),
            Action::Stop => self.stop(),
            Action::Fail => self.conclude(|story, turn| story.failed(turn)),
            Action::HandOver => self.conclude(|story, turn| story.escalated(Some(turn))),
            Action::Abandon => self.writing = None,
            Action::Crash => {
                (self.writing, self.ending) = (None, None);
                self.hub = Arc::default();
                self.told = self.log.len();
                clients.iter_mut().for_each(Client::cut);
            }
            Action::Tell => self.tell(),
            Action::Take { client, frames, page } => {
                // Often the readers are told only later, after others have joined.
                if page % 2 == 0 {
                    self.tell_readers();
                }
                clients[*client].take(self, *frames, *page);
            }
            Action::Cut(client) => clients[*client].cut(),
        }
    }

    /// Whoever makes a reply reads the state first, and much may happen before it begins.
    fn decide(&mut self) {
        let owed = || self.state.as_ref().and_then(|state| state.turns.first()).cloned();
        self.decided = self.decided.take().or_else(owed);
    }

    fn begin(&mut self, text: &str, same: bool) {
        if self.writing.is_some() {
            return;
        }
        if self.ending.is_some() {
            self.tell();
        }
        self.decide();
        let Some(due) = self.decided.take() else { return };
        let asked = due.message_id;
        let turn = (1..=self.messages).find(|turn| message(*turn) == asked).expect("it was asked");
        let attempts = self.replies.entry(asked.reply()).or_default();
        if attempts.text.is_empty() || !same {
            attempts.changed |= !attempts.text.is_empty() && attempts.text != text;
            attempts.text = text.to_owned();
        }
        let text = attempts.text.chars().collect();
        let author = Author::Bot { name: "Acme".into() };
        let reply = Beginning {
            id: asked.reply(),
            in_reply_to: asked,
            asked: due.seq,
            after: due.seq,
            author,
            at: NOW,
            stop: Arc::default(),
        };
        let begun = self.hub.begin(self.place(), reply).now_or_never();
        let writer = begun.expect("there are no other nodes to wait for");
        self.writing = Some(Writing { writer, turn, text, shown: 0 });
    }

    fn chunk(&mut self, chars: usize) {
        let Some(writing) = &mut self.writing else { return };
        let end = (writing.shown + chars).min(writing.text.len());
        let piece: String = writing.text[writing.shown..end].iter().collect();
        writing.writer.chunk(&piece, NOW);
        writing.shown = end;
        let attempts = self.replies.entry(message(writing.turn).reply()).or_default();
        attempts.most_shown = attempts.most_shown.max(end);
    }

    fn finish(&mut self) {
        self.chunk(usize::MAX / 2);
        self.conclude(|_, _| None);
    }

    fn stop(&mut self) {
        self.conclude(|story, turn| story.stopped(turn));
    }

    /// Ends the reply under way as `app::turn::answer` does: what was said, if it stands, then
    /// what `end` gives.
    fn conclude<E: Into<Option<Event>>>(&mut self, end: impl FnOnce(&Story, u64) -> E) {
        let Some(writing) = self.writing.take() else { return };
        let turn = writing.turn;
        let end = end(&self.story, turn).into();
        let said: String = writing.text[..writing.shown].iter().collect();
        let stopped = end.as_ref().is_some_and(|end| end.body.name() == "reply.stopped");
        let mut effects = Vec::new();
        if !said.is_empty() && (end.is_none() || stopped) {
            let attempts = self.replies.entry(message(turn).reply()).or_default();
            attempts.changed |= attempts.most_shown > writing.shown;
            effects.push(self.commit(self.story.reply(turn, &said, stopped)));
        }
        if let Some(end) = end {
            effects.push(self.commit(end));
        }
        let answered = self.state.as_ref().and_then(|state| state.last_answered);
        let discarded = matches!(effects.first(), Some(Effect::Discarded(_)));
        self.ending = Some((writing, discarded && answered != Some(message(turn))));
    }

    /// The reply under way and what of it was shown.
    pub(super) fn under_way(&self) -> Option<(MessageId, String)> {
        let (reply, text) = self.hub.under_way(self.story.id)?;
        self.owes(reply.in_reply_to).then_some((reply.id, text))
    }
}
