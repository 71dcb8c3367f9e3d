//! How far the index is with one partition, and what is to be indexed next. Pure.
//!
//! Messages come twice: pushed by the projector into a bounded queue, and read from the backlog.
//! The queue holds every message after `queue_from` that the projector told of; what stands
//! between `indexed` and `queue_from` is a gap that only the backlog can fill. The queue may
//! be dropped at any time, which only widens the gap: that is how memory stays bounded and nothing
//! is lost.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::domain::seq::Seq;
use crate::domain::time::Timestamp;
use crate::engine::Recorded;

/// What a batch out of the queue holds at most.
const BATCH_MESSAGES: usize = 500;
const BATCH_BYTES: usize = 2 << 20;
/// What a queued message takes besides its text.
const MESSAGE_BYTES: usize = 512;

/// Bytes that the queues of all partitions may still take together.
#[derive(Debug)]
pub(super) struct Room(AtomicUsize);

impl Room {
    pub(super) fn new(bytes: usize) -> Self {
        Self(AtomicUsize::new(bytes))
    }

    fn take(&self, bytes: usize) -> bool {
        let less = |left: usize| left.checked_sub(bytes);
        self.0.try_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// One partition.
#[derive(Debug)]
pub(super) struct Progress {
    /// Everything up to here is in the index.
    indexed: Seq,
    /// Everything up to here is in the views, as far as the projector told.
    applied: Seq,
    queue: VecDeque<Recorded>,
    queue_from: Seq,
    /// What is pushed is queued; else it widens the gap.
    queueing: bool,
    room: Arc<Room>,
    /// When the oldest message that is not in the index was written, as far as is known.
    oldest: Option<Timestamp>,
}

/// What is to be done next.
#[derive(Debug, PartialEq)]
pub(super) enum Work {
    /// Nothing until something is pushed.
    Nothing,
    /// Index these, if any; then everything up to `up_to` is in the index.
    Batch { messages: Vec<Recorded>, up_to: Seq },
    /// Read what was applied after this from the backlog, and index that.
    Page { after: Seq },
}

impl Progress {
    /// A partition whose views stand at `applied`, and whose place in the index is not known yet.
    pub(super) fn new(applied: Seq, room: Arc<Room>, now: Timestamp) -> Self {
        Self {
            indexed: Seq::START,
            applied,
            queue: VecDeque::new(),
            queue_from: applied,
            queueing: false,
            room,
            oldest: (applied > Seq::START).then_some(now),
        }
    }

    /// The index holds everything up to here and perhaps no more, whatever was thought before.
    pub(super) fn begin(&mut self, indexed: Seq) {
        self.indexed = indexed;
        self.settle(None, false);
    }

    /// Everything up to here is in the index.
    pub(super) fn indexed(&self) -> Seq {
        self.indexed
    }

    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.oldest
    }

    /// The views stand at `up_to` now; `messages` are those that came with it.
    pub(super) fn push(&mut self, mut messages: Vec<Recorded>, up_to: Seq) {
        if up_to <= self.applied {
            return;
        }
        self.applied = up_to;
        // A page may have shown them before they were told of.
        self.queue_from = self.queue_from.max(self.indexed);
        messages.retain(|message| message.seq > self.indexed);
        self.oldest = self.oldest.or(messages.first().map(|message| message.event.at));
        if self.queueing && self.room.take(messages.iter().map(size).sum()) {
            self.queue.extend(messages);
            return;
        }
        self.drop_queue();
        self.queueing = false;
        self.queue_from = up_to;
    }

    /// Decides what to do next; the messages of a batch leave the queue.
    pub(super) fn next(&mut self) -> Work {
        if self.indexed < self.queue_from {
            return Work::Page { after: self.indexed };
        }
        // A page may have reached beyond what was queued since.
        self.queue_from = self.indexed;
        while self.queue.front().is_some_and(|message| message.seq <= self.indexed) {
            self.pop();
        }
        let (mut messages, mut bytes) = (Vec::new(), 0);
        while messages.len() < BATCH_MESSAGES
            && bytes < BATCH_BYTES
            && let Some(message) = self.pop()
        {
            bytes += size(&message);
            messages.push(message);
        }
        let up_to = match messages.last() {
            Some(last) if !self.queue.is_empty() => last.seq,
            _ => self.applied,
        };
        if up_to <= self.indexed {
            return Work::Nothing;
        }
        self.queue_from = up_to;
        Work::Batch { messages, up_to }
    }

    /// A page was read and begins with a message of this time.
    pub(super) fn found(&mut self, first: Option<Timestamp>) {
        self.oldest = first.or(self.oldest);
    }

    /// A batch or a page is in the index, up to here; `last` is when its last message was
    /// written. `near` says that the backlog's end is near: what is pushed from now on is queued.
    pub(super) fn advance(&mut self, up_to: Seq, last: Option<Timestamp>, near: bool) {
        self.indexed = self.indexed.max(up_to);
        self.settle(last, near);
    }

    fn settle(&mut self, last: Option<Timestamp>, near: bool) {
        // What is not queued moved `queue_from` along, so that the queue begins there.
        self.queueing |= near || self.indexed >= self.applied;
        self.oldest = if self.indexed < self.queue_from {
            last.or(self.oldest)
        } else {
            let waiting = self.queue.iter().find(|message| message.seq > self.indexed);
            waiting.map(|message| message.event.at)
        };
    }

    fn pop(&mut self) -> Option<Recorded> {
        let message = self.queue.pop_front()?;
        self.room.give_back(size(&message));
        Some(message)
    }

    fn drop_queue(&mut self) {
        while self.pop().is_some() {}
        self.queue.shrink_to_fit();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.drop_queue();
    }
}

fn size(message: &Recorded) -> usize {
    use crate::domain::event::Body;
    let text = match &message.event.body {
        Body::MessageInbound(data) => data.text.as_str(),
        Body::MessageOutbound(data) => data.text.as_str(),
        _ => "",
    };
    MESSAGE_BYTES + text.len()
}

#[cfg(test)]
mod tests;
