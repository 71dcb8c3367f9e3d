//! An agent's answer as server-sent events (seed 004, *SSE Event Types*).

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::{Map, Value, json};

use super::agent::millis;
use super::error::NO_ANSWER;
use super::wire::{spelled, was_resolved};
use crate::app::accounts::Tenant;
use crate::app::outcome::{Ending, Outcome, ending_of};
use crate::app::send_message::Sent;
use crate::app::turn_feed::{Step, TurnFeed};
use crate::app::{App, read_conversation};
use crate::domain::ids::{ConversationId, MessageId};
use crate::domain::{Error, Result};
use crate::live::cursor::Cursor;
use crate::surface::event_stream::{self, EventStream};

/// Where a reader of a stream stands; an event's id. Written `conversation/cursor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    conversation: ConversationId,
    /// None before the stream's first event.
    cursor: Option<Cursor>,
}

impl Place {
    /// Right after the message.
    pub(super) fn beginning(sent: &Sent) -> Self {
        Self { conversation: sent.conversation, cursor: Some(sent.cursor) }
    }

    /// Before any stream of the conversation.
    pub(super) fn before(conversation: ConversationId) -> Self {
        Self { conversation, cursor: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.conversation, self.cursor.unwrap_or_default())
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let (conversation, cursor) = text.split_once('/').ok_or(())?;
        let conversation = conversation.parse().map_err(|_| ())?;
        Ok(Self { conversation, cursor: Some(cursor.parse().map_err(|_| ())?) })
    }
}

/// What a stream tells besides its turn.
#[derive(Debug)]
pub(super) struct Told {
    /// When the agent was asked, as far as this stream knows.
    pub(super) began: Instant,
    /// What was said, where it was spoken.
    pub(super) transcribed: Option<String>,
    pub(super) place: Place,
}

/// A turn on its way to one reader.
struct Turn {
    app: Arc<App>,
    tenant: Arc<Tenant>,
    feed: TurnFeed,
    began: Instant,
    conversation: String,
    message: MessageId,
    place: Place,
    /// Some of the reply was shown: what ends the turn need not show it whole.
    shown: bool,
    over: bool,
}

/// Streams the turn of a message that was just sent.
///
/// # Errors
/// As the engine's views.
pub(super) async fn streamed(
    app: &Arc<App>,
    tenant: &Arc<Tenant>,
    sent: Sent,
    told: Told,
) -> Result<EventStream> {
    let turn = Turn::open(app, tenant, sent, &told, false).await?;
    let message = json!({ "message_id": turn.message });
    let mut opening = VecDeque::from([event_stream::opening(), turn.event("start", "", message)]);
    if let Some(text) = &told.transcribed {
        opening.push_back(turn.event("transcribed_text", text, json!({})));
    }
    Ok(turn.events(opening))
}

/// Goes on with the stream of an earlier message.
///
/// # Errors
/// [`Error::NotFound`] for a conversation that is not this account's, and for a message that is not
/// among the last thousand of it.
pub(super) async fn resumed(
    app: &Arc<App>,
    tenant: &Arc<Tenant>,
    message: MessageId,
    place: Place,
) -> Result<EventStream> {
    let (account, id) = (tenant.account.id, place.conversation);
    let found = read_conversation::recent_message(app, account, id, message).await?;
    let mut sent = Sent::of_recorded(&found).ok_or(Error::NotFound("message"))?;
    let from_start = place.cursor.is_none();
    let seen = place.cursor.filter(|cursor| cursor.seq >= sent.seq).unwrap_or(sent.cursor);
    let ending = ending_of(app, account, id, message, sent.seq).await?;
    sent.cursor = seen;
    let place = Place { conversation: id, cursor: Some(seen) };
    let told = Told { began: Instant::now(), transcribed: None, place };
    let mut opening = VecDeque::from([event_stream::opening()]);
    // Who has seen what ended the turn is told so again.
    if let Some(Ending { outcome, seq: Some(seq) }) = ending
        && seq <= seen.seq
    {
        let mut turn = Turn::open(app, tenant, sent, &told, true).await?;
        opening.extend(turn.ended(outcome).await);
        return Ok(turn.events(opening));
    }
    let turn = Turn::open(app, tenant, sent, &told, seen.reply.is_some()).await?;
    if from_start {
        opening.push_back(turn.event("start", "", json!({ "message_id": turn.message })));
    }
    Ok(turn.events(opening))
}

impl Turn {
    async fn open(
        app: &Arc<App>,
        tenant: &Arc<Tenant>,
        sent: Sent,
        told: &Told,
        shown: bool,
    ) -> Result<Self> {
        let (conversation, message) = (spelled(sent.conversation), sent.message);
        Ok(Self {
            app: app.clone(),
            tenant: tenant.clone(),
            feed: TurnFeed::open(app, tenant.account.id, sent).await?,
            began: told.began,
            conversation,
            message,
            place: told.place,
            shown,
            over: false,
        })
    }

    /// The stream of what was told already and what comes.
    fn events(self, opening: VecDeque<Bytes>) -> EventStream {
        let turn = Box::new(self);
        let rest = stream::unfold(turn, |mut turn| async move {
            let events = turn.next().await?;
            Some((stream::iter(events), turn))
        });
        EventStream::new(stream::iter(opening).chain(rest.flatten()))
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
                Step::Reply(frame) => {
                    self.place.cursor = Some(frame.id);
                    if frame.content.name == "reply.restarted" {
                        // What was shown cannot be taken back in this protocol.
                        self.over = true;
                        let text = "The reply was started anew: read it whole from the history";
                        return Some(vec![self.event("error", text, json!({}))]);
                    }
                    if let Some(text) = frame.content.chunk {
                        self.shown = true;
                        return Some(vec![self.event("agent_text_chunk", &text, json!({}))]);
                    }
                }
                Step::Typing(_) => {}
                // A slow reader is followed on from where it stands; only a server that goes away
                // ends the stream.
                Step::Resume(frame) => {
                    self.place.cursor = Some(frame.id);
                    if !self.feed.go_on(frame.id).await {
                        self.over = true;
                        let text = "The server goes away: resume with the last event's id";
                        return Some(vec![self.event("error", text, json!({}))]);
                    }
                }
                Step::Ended { frame, outcome } => {
                    let before = self.place;
                    if let Some(frame) = frame {
                        self.place.cursor = Some(frame.id);
                    }
                    let after = std::mem::replace(&mut self.place, before);
                    let mut events = self.whole(&outcome);
                    self.place = after;
                    events.extend(self.ended(outcome).await);
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
    async fn ended(&mut self, outcome: Outcome) -> Vec<Bytes> {
        self.over = true;
        let mut events = Vec::new();
        if let Outcome::Replied(reply) = &outcome {
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
        }
        if outcome == Outcome::Unavailable {
            events.push(self.event("error", NO_ANSWER, json!({ "message_id": self.message })));
            return events;
        }
        let (account, id) = (&self.tenant.account, self.place.conversation);
        let state = read_conversation::conversation(&self.app, account.id, id).await;
        let resolved = state.is_ok_and(|state| was_resolved(account, &state, &outcome));
        let more = json!({
            "response_time_ms": millis(self.began),
            "was_resolved": resolved,
            "message_id": self.message,
        });
        events.push(self.event("end", "", more));
        events
    }
}
