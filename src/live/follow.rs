//! Following a conversation: the timeline first, then what happens now, without a gap between.

use std::collections::VecDeque;
use std::sync::Arc;

use super::cursor::Cursor;
use super::frame::Frame;
use super::hub::{Hub, Snapshot, Subscription};
use super::reader::Reader;
use crate::domain::conversation::Conversation;
use crate::domain::ids::{AccountId, ConversationId};
use crate::domain::time::Timestamp;
use crate::engine::relay::Whereabouts;
use crate::engine::{self, Engine};

/// Events read from the timeline at once.
const PAGE: usize = 100;

/// One reader of one conversation.
pub struct Follower {
    engine: Arc<dyn Engine>,
    place: Whereabouts,
    subscription: Subscription,
    reader: Reader,
    /// Frames that are ready.
    ready: VecDeque<Frame>,
    phase: Phase,
    now: fn() -> Timestamp,
}

enum Phase {
    /// Reading the timeline; the reply under way comes after it.
    CatchingUp(Snapshot),
    Live,
    Ended,
}

impl Follower {
    /// Follows from after `cursor`. Subscribes at once: what happens from here on is not missed.
    /// `state` was read from the views.
    pub fn new(
        engine: Arc<dyn Engine>,
        hub: &Arc<Hub>,
        place: Whereabouts,
        state: &Conversation,
        cursor: Cursor,
        now: fn() -> Timestamp,
    ) -> Self {
        let (subscription, snapshot) = hub.subscribe(place, state.last_seq);
        Self {
            engine,
            place,
            subscription,
            reader: Reader::of(state, cursor),
            ready: VecDeque::new(),
            phase: Phase::CatchingUp(snapshot),
            now,
        }
    }

    /// The conversation that is followed.
    pub fn conversation(&self) -> ConversationId {
        self.place.conversation
    }

    /// The place after the last frame that was made.
    pub fn cursor(&self) -> Cursor {
        self.reader.cursor()
    }

    /// The next frame; none after a `resume`. Cancelling loses nothing.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Some(frame);
            }
            let mut out = Vec::new();
            match &mut self.phase {
                Phase::CatchingUp(_) => {
                    if let Err(error) = Box::pin(self.catch_up(&mut out)).await {
                        tracing::warn!(%error, conversation.id = %self.place.conversation, "a reader could not catch up");
                        self.end(&mut out);
                    }
                }
                Phase::Live => match self.subscription.next_item().await {
                    Some(item) => {
                        self.reader.live(&item, &mut out);
                        if self.reader.is_lost() {
                            self.end(&mut out);
                        }
                    }
                    None => self.end(&mut out),
                },
                Phase::Ended => return None,
            }
            self.ready = out.into();
        }
    }

    async fn catch_up(&mut self, out: &mut Vec<Frame>) -> engine::Result<()> {
        let after = self.reader.cursor().seq;
        let Whereabouts { account, conversation, .. } = self.place;
        // Whoever is shown an event must find what it led to: what the state does not have yet comes live.
        let state = self.engine.conversation(account, conversation).await?;
        let known = state.map_or(after, |state| state.last_seq);
        let page = self.engine.timeline(account, conversation, after, PAGE).await?;
        for entry in page.iter().take_while(|entry| entry.seq <= known) {
            self.reader.stored(entry.seq, &entry.event, out);
        }
        if page.len() < PAGE
            && let Phase::CatchingUp(snapshot) = std::mem::replace(&mut self.phase, Phase::Live)
            && let Some((reply, text)) = snapshot
        {
            let state = self.engine.conversation(account, conversation).await?;
            let owed = state.is_some_and(|state| state.owes(reply.in_reply_to));
            self.reader.join(&reply, &text, owed, (self.now)(), out);
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Frame>) {
        out.push(Frame::resume(self.reader.cursor(), (self.now)()));
        self.phase = Phase::Ended;
    }
}

/// The page of the feed that ends before `before`: up to `limit` frames of what is stored, oldest
/// first. The first names as its `prev` the event before it, or the beginning.
///
/// # Errors
/// As the engine's views.
pub async fn page_before(
    engine: &dyn Engine,
    account: AccountId,
    conversation: ConversationId,
    before: Cursor,
    limit: usize,
) -> engine::Result<Vec<Frame>> {
    // A place in a reply stands after its event, which is therefore part of what is before it.
    let end = if before.reply.is_some() { before.seq.next() } else { before.seq };
    // One more than is shown, which the first that is shown follows on.
    let found = engine.timeline_before(account, conversation, end, limit.saturating_add(1)).await?;
    let (start, shown) = match found.split_first() {
        Some((last, shown)) if found.len() > limit => (Cursor::at(last.seq), shown),
        _ => (Cursor::START, found.as_slice()),
    };
    let mut reader = Reader::new(start);
    let mut frames = Vec::new();
    for entry in shown {
        reader.stored(entry.seq, &entry.event, &mut frames);
    }
    Ok(frames)
}

/// A page of the feed: up to `limit` frames after `cursor`, and the place after them. At the
/// end of the timeline the text so far of a reply under way comes as well.
///
/// # Errors
/// As the engine's views.
pub async fn page(
    engine: &dyn Engine,
    hub: &Arc<Hub>,
    account: AccountId,
    conversation: ConversationId,
    cursor: Cursor,
    limit: usize,
    now: Timestamp,
) -> engine::Result<(Vec<Frame>, Cursor)> {
    let snapshot = hub.under_way(conversation);
    let mut reader = Reader::new(cursor);
    let mut frames = Vec::new();
    let entries = engine.timeline(account, conversation, cursor.seq, limit).await?;
    for entry in &entries {
        reader.stored(entry.seq, &entry.event, &mut frames);
    }
    if entries.len() < limit
        && let Some((reply, text)) = snapshot
    {
        let state = engine.conversation(account, conversation).await?;
        let owed = state.is_some_and(|state| state.owes(reply.in_reply_to));
        reader.join(&reply, &text, owed, now, &mut frames);
    }
    // One event can be two frames (the rest of a reply, then its message): the cut stays exact,
    // since every frame's id resumes right after it.
    frames.truncate(limit);
    let next = frames.last().map_or(cursor, |frame| frame.id);
    Ok((frames, next))
}
