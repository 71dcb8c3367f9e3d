//! Brings what happens to many readers, a slice at a time.
//!
//! Whoever appends only leaves an item at its topic. One task tells the readers of it, and after each
//! slice lets others in, so that a conversation with thousands of readers holds up nobody: not the
//! writer's thread, and no request for longer than a slice takes. Topics take turns.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::topic::Topic;

/// Readers that are told before others are let in.
const SLICE: usize = 64;

/// The topics that have something to tell.
#[derive(Default)]
pub(super) struct FanOut {
    /// Each topic is in it once at most.
    due: Mutex<VecDeque<Arc<Topic>>>,
    woken: Notify,
    over: AtomicBool,
}

impl FanOut {
    /// Takes a topic that is not in line yet.
    pub(super) fn push(&self, topic: Arc<Topic>) {
        self.due.lock().unwrap_or_else(PoisonError::into_inner).push_back(topic);
        self.woken.notify_one();
    }

    /// Tells readers until the hub is gone.
    pub(super) async fn run(self: Arc<Self>) {
        while !self.over.load(Ordering::Acquire) {
            if self.slice() {
                tokio::task::yield_now().await;
            } else {
                self.woken.notified().await;
            }
        }
    }

    /// Tells one slice of readers; false when nothing was to tell.
    pub(super) fn slice(&self) -> bool {
        let mut told = 0;
        let mut found = false;
        while told < SLICE {
            let next = self.due.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(topic) = next else { break };
            found = true;
            // Who waits costs a little as well, where nobody reads.
            told += topic.tell(SLICE - told).max(1);
        }
        found
    }

    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Release);
        self.due.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.woken.notify_one();
    }
}
