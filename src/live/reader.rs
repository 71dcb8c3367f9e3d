//! The pure machine behind every reader: stored events and live items in, frames out.
//!
//! It may be given things twice and in two ways (an event from the timeline and again from the
//! hub, a reply's text as a snapshot and again as chunks); it shows each once.

use std::collections::VecDeque;
use std::sync::Arc;

use super::cursor::{Cursor, InReply, Prefix, split_chars, tag};
use super::frame::{self, Content, Frame};
use crate::domain::conversation::Conversation;
use crate::domain::event::{Body, Event};
use crate::domain::ids::MessageId;
use crate::domain::message::Author;
use crate::domain::seq::Seq;
use crate::domain::time::Timestamp;
use crate::domain::turn::{self, Ending};

/// A reply under way: one attempt to answer one turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    pub id: MessageId,
    pub in_reply_to: MessageId,
    pub author: Author,
    /// Tells attempts of one reply apart; unique while the process runs.
    pub attempt: u64,
    pub began_at: Timestamp,
    /// Where the question stands.
    pub asked: Seq,
}

/// Something that happens now.
#[derive(Debug, Clone)]
pub enum Item {
    /// An applied event, rendered.
    Event { seq: Seq, event: Arc<Event>, content: Arc<Content> },
    /// A reply began.
    Began(Arc<Reply>),
    /// A piece of the text, and how many characters stand before it.
    Chunk { reply: Arc<Reply>, offset: u64, at: Timestamp, content: Arc<Content> },
    /// Nothing of it is kept.
    Ephemeral(Arc<Content>),
}

/// A reader's state.
#[derive(Debug)]
pub struct Reader {
    cursor: Cursor,
    /// The attempt whose text the cursor is known to agree with.
    attempt: Option<u64>,
    /// A new attempt and its text, while it is shorter than what the reader has seen.
    pending: Option<(u64, String)>,
    /// Replies whose end was read from the timeline: their chunks may still wait in the hub's
    /// queue. Bounded by what that queue can hold.
    ended: VecDeque<u64>,
    /// Questions before this are over: nothing is shown of a reply to one, whoever still makes it.
    over: Seq,
    /// A chunk was missing: the reader must resume from its cursor.
    lost: bool,
}

/// More than the replies that can be in one reader's queue.
const ENDED_KEPT: usize = 256;

impl Reader {
    pub fn new(cursor: Cursor) -> Self {
        Self {
            cursor,
            attempt: None,
            pending: None,
            ended: VecDeque::new(),
            over: Seq::START,
            lost: false,
        }
    }

    /// The same in a conversation that stood so when it was read.
    pub fn of(state: &Conversation, cursor: Cursor) -> Self {
        let over = state.turns.first().map_or_else(|| state.last_seq.next(), |turn| turn.seq);
        Self { over, ..Self::new(cursor) }
    }

    /// The place after the last frame.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Whether something is missing that only resuming from the cursor can bring back.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// An event from the timeline, in order.
    pub fn stored(&mut self, seq: Seq, event: &Event, out: &mut Vec<Frame>) {
        if seq <= self.cursor.seq {
            return;
        }
        self.note_end(seq, event);
        if let Some(content) = frame::of_event(seq, event) {
            self.event(seq, event, content.into(), out);
        }
    }

    /// The reply that was under way when the reader joined, and its text so far. It may have
    /// ended since, even before `cursor`: then its turn is not `owed` any more and it is not shown.
    pub fn join(
        &mut self,
        reply: &Reply,
        text: &str,
        owed: bool,
        at: Timestamp,
        out: &mut Vec<Frame>,
    ) {
        if !owed {
            self.remember_end(tag(reply.id));
            return;
        }
        self.began(reply, out);
        if !text.is_empty() {
            self.text(reply, 0, text, at, None, out);
        }
    }

    /// Something that happens now.
    pub fn live(&mut self, item: &Item, out: &mut Vec<Frame>) {
        match item {
            Item::Event { seq, event, content } => {
                // Its last chunks may come later, by another way.
                self.note_end(*seq, event);
                if *seq > self.cursor.seq {
                    self.event(*seq, event, content.clone(), out);
                }
            }
            Item::Began(reply) => self.began(reply, out),
            Item::Chunk { reply, offset, at, content } => {
                let text = content.chunk.as_deref().unwrap_or_default();
                self.text(reply, *offset, text, *at, Some(content), out);
            }
            Item::Ephemeral(content) => self.emit(self.cursor, content.clone(), out),
        }
    }

    fn note_end(&mut self, seq: Seq, event: &Event) {
        if let Some(ended) = ends(&event.body) {
            self.remember_end(ended);
        }
        if takes_over(&event.body) {
            self.over = self.over.max(seq);
        }
    }

    fn is_over(&self, reply: &Reply) -> bool {
        reply.asked < self.over || self.ended.contains(&tag(reply.id))
    }

    fn remember_end(&mut self, reply: u64) {
        if self.ended.len() == ENDED_KEPT {
            self.ended.pop_front();
        }
        self.ended.push_back(reply);
    }

    fn event(&mut self, seq: Seq, event: &Event, content: Arc<Content>, out: &mut Vec<Frame>) {
        let mut reply = self.cursor.reply;
        if let Some(inside) = reply
            && ends(&event.body) == Some(inside.tag)
        {
            if let Body::MessageOutbound(data) = &event.body {
                self.finish(data.message_id, data.text.as_str(), event.at, out);
            }
            reply = None;
            self.pending = None;
        }
        self.emit(Cursor { seq, reply }, content, out);
    }

    /// Shows what of a finished reply the reader has not seen.
    fn finish(&mut self, reply: MessageId, text: &str, at: Timestamp, out: &mut Vec<Frame>) {
        let Some(inside) = self.cursor.reply else { return };
        match inside.seen.rest_of(text) {
            Some("") => {}
            Some(rest) => self.chunk(reply, rest, at, None, out),
            None => {
                self.restart(reply, at, out);
                self.chunk(reply, text, at, None, out);
            }
        }
    }

    fn began(&mut self, reply: &Reply, out: &mut Vec<Frame>) {
        let tag = tag(reply.id);
        if self.is_over(reply) || self.attempt == Some(reply.attempt) {
            return;
        }
        match self.cursor.reply {
            Some(inside) if inside.tag == tag && inside.seen.chars > 0 => {
                self.attempt = None;
                self.pending = Some((reply.attempt, String::new()));
            }
            inside => {
                self.attempt = Some(reply.attempt);
                self.pending = None;
                if inside.is_none_or(|inside| inside.tag != tag) {
                    let started = frame::ReplyStarted {
                        reply_id: reply.id,
                        in_reply_to: reply.in_reply_to,
                        author: reply.author.clone(),
                    };
                    let content =
                        frame::content(frame::Kind::ReplyStarted, reply.began_at, &started);
                    let content = content.about(reply.id);
                    let inside = Some(InReply { tag, seen: Prefix::empty() });
                    self.emit(Cursor { seq: self.cursor.seq, reply: inside }, content, out);
                }
            }
        }
    }

    fn text(
        &mut self,
        reply: &Reply,
        offset: u64,
        text: &str,
        at: Timestamp,
        content: Option<&Arc<Content>>,
        out: &mut Vec<Frame>,
    ) {
        if self.is_over(reply) {
            return;
        }
        if self.attempt != Some(reply.attempt)
            && self.pending.as_ref().is_none_or(|(attempt, _)| *attempt != reply.attempt)
        {
            self.began(reply, out);
        }
        let Some(inside) = self.cursor.reply else { return };
        if let Some((attempt, pending)) = &mut self.pending {
            let Some(new) = after(offset, text, pending.chars().count() as u64, &mut self.lost)
            else {
                return;
            };
            pending.push_str(new);
            if (pending.chars().count() as u64) < inside.seen.chars {
                return;
            }
            self.attempt = Some(*attempt);
            let whole = std::mem::take(pending);
            self.pending = None;
            self.finish(reply.id, &whole, at, out);
            return;
        }
        let Some(new) = after(offset, text, inside.seen.chars, &mut self.lost) else { return };
        if !new.is_empty() {
            let content = content.filter(|_| new.len() == text.len());
            self.chunk(reply.id, new, at, content, out);
        }
    }

    fn restart(&mut self, reply: MessageId, at: Timestamp, out: &mut Vec<Frame>) {
        let content = frame::content(
            frame::Kind::ReplyRestarted,
            at,
            &frame::ReplyRestarted { reply_id: reply },
        );
        let content = content.about(reply);
        let inside = Some(InReply { tag: tag(reply), seen: Prefix::empty() });
        self.emit(Cursor { seq: self.cursor.seq, reply: inside }, content, out);
    }

    fn chunk(
        &mut self,
        reply: MessageId,
        text: &str,
        at: Timestamp,
        content: Option<&Arc<Content>>,
        out: &mut Vec<Frame>,
    ) {
        let Some(inside) = self.cursor.reply else { return };
        let content = content
            .cloned()
            .unwrap_or_else(|| frame::of_chunk(reply, inside.seen.chars, text.into(), at).into());
        let seen = inside.seen.extended(text);
        let inside = Some(InReply { tag: inside.tag, seen });
        self.emit(Cursor { seq: self.cursor.seq, reply: inside }, content, out);
    }

    fn emit(&mut self, id: Cursor, content: impl Into<Arc<Content>>, out: &mut Vec<Frame>) {
        let prev = std::mem::replace(&mut self.cursor, id);
        out.push(Frame { id, prev, content: content.into() });
    }
}

/// What of `text`, which stands at `offset`, comes after the first `seen` characters; none and
/// `lost` when there is a hole between.
fn after<'a>(offset: u64, text: &'a str, seen: u64, lost: &mut bool) -> Option<&'a str> {
    let Some(skip) = seen.checked_sub(offset) else {
        *lost = true;
        return None;
    };
    Some(split_chars(text, skip).map_or("", |(_, new)| new))
}

/// The reply that an event ends, as it stands in cursors.
pub(super) fn ends(body: &Body) -> Option<u64> {
    turn::ending(body)?.of_reply_to().map(|message| tag(message.reply()))
}

/// Whether people have the conversation from this event on, or nobody: nothing of the bot's reply
/// under way is shown any more.
pub(super) fn takes_over(body: &Body) -> bool {
    matches!(turn::ending(body), Some(Ending::All { .. }))
}

#[cfg(test)]
mod tests;
