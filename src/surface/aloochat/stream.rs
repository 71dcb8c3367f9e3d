//! An agent's answer as server-sent events (seed 004, *SSE Event Types*).

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{BoxFuture, pending};
use futures_util::{StreamExt, stream};
use serde_json::{Map, Value, json};

use super::error::{BROKE_OFF, NO_ANSWER};
use super::wire::{response_time_ms, spelled, was_resolved};
use crate::app::App;
use crate::app::accounts::Tenant;
use crate::app::accounts::credentials::Ended;
use crate::app::conversations::readers::Seat;
use crate::app::conversations::{live_feed, read};
use crate::app::messages::send::Sent;
use crate::app::turn::feed::{FeedItem, TurnFeed};
use crate::app::turn::outcome::{TurnEnd, ending_of};
use crate::domain::event::MessageOutbound;
use crate::domain::ids::{ConversationId, MessageId};
use crate::domain::seq::Seq;
use crate::domain::turn::Outcome;
use crate::domain::{Error, Result};
use crate::live::cursor::Cursor;
use crate::live::frame::Kind;
use crate::surface::event_stream::{self, EventStream};

/// Where a reader of a stream stands; an event's id. Written `conversation/cursor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EventId {
    pub(super) conversation: ConversationId,
    /// None before the stream's first event.
    cursor: Option<Cursor>,
}

impl EventId {
    /// Before any stream of the conversation.
    pub(super) fn before(conversation: ConversationId) -> Self {
        Self { conversation, cursor: None }
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.conversation, self.cursor.unwrap_or_default())
    }
}

impl FromStr for EventId {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let (conversation, cursor) = text.split_once('/').ok_or(())?;
        let conversation = conversation.parse().map_err(|_| ())?;
        Ok(Self { conversation, cursor: Some(cursor.parse().map_err(|_| ())?) })
    }
}

/// A turn on its way to one reader.
struct Turn {
    tenant: Arc<Tenant>,
    feed: TurnFeed,
    conversation: String,
    message: MessageId,
    place: EventId,
    /// Some of the reply was shown: what ends the turn need not show it whole.
    shown: bool,
    over: bool,
    reader: Subscriber,
}

/// Who reads a stream: with a seat, until its token is revoked.
pub(super) struct Subscriber {
    pub(super) _seat: Seat,
    pub(super) ended: BoxFuture<'static, Ended>,
}

/// Streams the turn of a message that was just sent.
///
/// # Errors
/// As the engine's views.
pub(super) async fn streamed(
    app: &Arc<App>,
    tenant: &Arc<Tenant>,
    sent: Sent,
    reader: Subscriber,
) -> Result<EventStream> {
    Ok(Turn::open(app, tenant, sent, reader).await?.told(true, true))
}

/// Goes on with the stream of an earlier message.
///
/// # Errors
/// [`Error::NotFound`] for a conversation that is not this account's, and for a message that is not
/// among the last thousand of it; [`Error::UnknownCursor`] for a place that its log never reached.
pub(super) async fn resumed(
    app: &Arc<App>,
    tenant: &Arc<Tenant>,
    message: MessageId,
    place: EventId,
    reader: Subscriber,
) -> Result<EventStream> {
    let (account, id) = (tenant.account.id, place.conversation);
    let (state, _) = live_feed::reached(app, account, id, place.cursor).await?;
    let found = read::recent_message(app, &state, message).await?;
    let mut sent = Sent::of_recorded(&found).ok_or(Error::NotFound("message"))?;
    let seen = place.cursor.filter(|cursor| cursor.seq >= sent.seq);
    let ending = ending_of(app, account, id, message, sent.seq).await?;
    sent.cursor = seen.unwrap_or(sent.cursor);
    let until = sent.cursor.seq;
    let mut turn = Turn::open(app, tenant, sent, reader).await?;
    // Who has seen what ended the turn is told so again.
    if let Some(ending) = ending.filter(|ending| ending.seq().is_some_and(|seq| seq <= until)) {
        let mut opening = VecDeque::from([event_stream::opening()]);
        opening.extend(turn.ended(&ending));
        return Ok(turn.events(opening));
    }
    Ok(turn.told(place.cursor.is_none(), seen.is_none()))
}

impl Turn {
    /// The turn after `sent.cursor`.
    async fn open(
        app: &Arc<App>,
        tenant: &Arc<Tenant>,
        sent: Sent,
        reader: Subscriber,
    ) -> Result<Self> {
        let (id, message, cursor) = (sent.conversation, sent.message, sent.cursor);
        Ok(Self {
            tenant: tenant.clone(),
            feed: TurnFeed::open(app, tenant.account.id, sent).await?,
            conversation: spelled(id),
            message,
            place: EventId { conversation: id, cursor: Some(cursor) },
            shown: cursor.reply.is_some(),
            over: false,
            reader,
        })
    }

    /// The stream, from its start or from what was understood of speech where that is to be told.
    fn told(mut self, start: bool, transcribed: bool) -> EventStream {
        let mut opening = VecDeque::from([event_stream::opening()]);
        if start {
            let place = self.place;
            // Before the message: what was understood is told after it.
            let before = Seq::new(self.feed.sent().seq.get().saturating_sub(1));
            self.place.cursor = Some(Cursor::at(before));
            opening.push_back(self.event("start", "", json!({ "message_id": self.message })));
            self.place = place;
        }
        if let Some(text) = self.feed.sent().spoken.as_ref().filter(|_| transcribed) {
            opening.push_back(self.event("transcribed_text", text.as_str(), json!({})));
        }
        self.events(opening)
    }

    /// The stream of what was told already and what comes.
    fn events(mut self, opening: VecDeque<Bytes>) -> EventStream {
        let ended = std::mem::replace(&mut self.reader.ended, Box::pin(pending()));
        let turn = Box::new(self);
        let rest = stream::unfold(turn, |mut turn| async move {
            let events = turn.next().await?;
            Some((stream::iter(events), turn))
        });
        EventStream::new(stream::iter(opening).chain(rest.flatten()).take_until(ended))
    }

    fn event(&self, kind: &str, content: &str, more: Value) -> Bytes {
        let mut data = Map::new();
        data.insert("type".to_owned(), kind.into());
        data.insert("content".to_owned(), content.into());
        data.insert("conversation_id".to_owned(), self.conversation.as_str().into());
        if let Value::Object(more) = more {
            data.extend(more);
        }
        event_stream::event(&self.place.to_string(), kind, &Value::Object(data).to_string())
    }

    /// What comes next; none after the end.
    async fn next(&mut self) -> Option<Vec<Bytes>> {
        loop {
            if self.over {
                return None;
            }
            match self.feed.next().await? {
                FeedItem::Reply(frame) => {
                    self.place.cursor = Some(frame.id);
                    if frame.content.kind == Kind::ReplyRestarted {
                        // What was shown cannot be taken back in this protocol.
                        self.over = true;
                        let text = "The reply was started anew: read it whole from the history";
                        return Some(vec![self.event("error", text, json!({}))]);
                    }
                    if let Some(text) = &frame.content.chunk {
                        self.shown = true;
                        return Some(vec![self.event("agent_text_chunk", text, json!({}))]);
                    }
                }
                FeedItem::Typing(_) => {}
                // A slow reader is followed on from where it stands; only a server that goes away
                // ends the stream.
                FeedItem::Resume(frame) => {
                    self.place.cursor = Some(frame.id);
                    if !self.feed.go_on(frame.id).await {
                        self.over = true;
                        let text = "The server goes away: resume with the last event's id";
                        return Some(vec![self.event("error", text, json!({}))]);
                    }
                }
                FeedItem::Ended { frame, ending } => {
                    // What ended the turn may stand behind the event that made us look. Who was shown
                    // what is not kept stays within it, to be told so whenever it comes back.
                    if !(self.shown && ending.outcome == Outcome::Queued) {
                        let seen = frame.map(|frame| frame.id);
                        let ended = ending.seq().map(Cursor::at);
                        let last = [seen, ended].into_iter().flatten().max_by_key(|at| at.seq);
                        self.place.cursor = last.or(self.place.cursor);
                    }
                    let mut events = self.whole(&ending.outcome);
                    events.extend(self.ended(&ending));
                    return Some(events);
                }
            }
        }
    }

    /// The reply, where none of it could be shown before it was kept.
    fn whole(&mut self, outcome: &Outcome) -> Vec<Bytes> {
        match outcome {
            Outcome::Replied(reply) if !self.shown => {
                self.shown = true;
                vec![self.event("agent_text_chunk", reply.text.as_str(), json!({}))]
            }
            _ => Vec::new(),
        }
    }

    /// What is not text, and the end.
    fn ended(&mut self, ending: &TurnEnd) -> Vec<Bytes> {
        self.over = true;
        let error = |text| vec![self.event("error", text, json!({ "message_id": self.message }))];
        let mut events = match &ending.outcome {
            Outcome::Replied(reply) => self.besides(reply),
            Outcome::Queued if self.shown => return error(BROKE_OFF),
            Outcome::Queued => Vec::new(),
            Outcome::Unavailable => return error(NO_ANSWER),
        };
        let more = json!({
            "response_time_ms": response_time_ms(self.feed.sent(), ending),
            "was_resolved": was_resolved(&self.tenant.account, ending),
            "message_id": self.message,
        });
        events.push(self.event("end", "", more));
        events
    }

    /// What is not text in a reply.
    fn besides(&self, reply: &MessageOutbound) -> Vec<Bytes> {
        let mut events = Vec::new();
        if let Some(intent) = &reply.intent {
            events.push(self.event("chunk", intent, json!({ "kind": "intent" })));
        }
        for (name, value) in reply.memory.variables.iter() {
            let more = json!({ "kind": "variable", "name": name });
            events.push(self.event("chunk", value, more));
        }
        if !reply.buttons.is_empty() {
            let more = json!({ "kind": "buttons", "buttons": reply.buttons });
            events.push(self.event("chunk", &reply.buttons.join(", "), more));
        }
        events
    }
}
