//! Which conversations have a turn under way on this node.
//!
//! Turns of one conversation are answered one after another: whoever holds a conversation's place
//! here answers, and others queue behind. All is bounded: turns waiting per conversation, and
//! turns under way in all.

use std::collections::VecDeque;
use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::App;
use crate::domain::ids::{AccountId, ConversationId, MessageId};
use crate::domain::seq::Seq;

/// Turns that may wait in one conversation; what is beyond stays due and is found by takeover.
const WAITING: usize = 32;
/// Turns under way at once on this node.
const UNDER_WAY: usize = 16_384;

/// A turn to answer: the inbound message at `seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    pub account: AccountId,
    pub conversation: ConversationId,
    pub message_id: MessageId,
    pub seq: Seq,
}

/// The conversations whose turns this node answers now.
pub struct Turns {
    places: DashMap<ConversationId, Place>,
    under_way: Arc<Semaphore>,
    tasks: TaskTracker,
    /// Ends turns where they stand; they stay due.
    cut: CancellationToken,
}

#[derive(Default)]
struct Place {
    waiting: VecDeque<Pending>,
    /// The turn being answered and how to stop it.
    now: Option<(MessageId, Arc<Notify>)>,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            places: DashMap::new(),
            under_way: Arc::new(Semaphore::new(UNDER_WAY)),
            tasks: TaskTracker::new(),
            cut: CancellationToken::new(),
        }
    }
}

/// A conversation's place, taken without a queue; dropping it lets others go on.
pub struct Taken {
    app: Arc<App>,
    conversation: ConversationId,
}

impl Turns {
    /// Takes a conversation's place if it is free.
    pub fn try_take(app: &Arc<App>, conversation: ConversationId) -> Option<Taken> {
        match app.turns.places.entry(conversation) {
            Entry::Occupied(_) => None,
            Entry::Vacant(entry) => {
                entry.insert(Place::default());
                Some(Taken { app: app.clone(), conversation })
            }
        }
    }

    /// Whether one more turn may wait in a conversation.
    pub fn has_room(&self, conversation: ConversationId) -> bool {
        self.places.get(&conversation).is_none_or(|place| place.waiting.len() < WAITING)
    }

    /// Queues a turn, and starts answering if nobody does. A turn that finds no place stays due.
    pub fn enqueue(app: &Arc<App>, turn: Pending) {
        let start = match app.turns.places.entry(turn.conversation) {
            Entry::Occupied(mut entry) => {
                let place = entry.get_mut();
                let known = place.waiting.contains(&turn)
                    || place.now.as_ref().is_some_and(|(now, _)| *now == turn.message_id);
                if !known && place.waiting.len() < WAITING {
                    place.waiting.push_back(turn);
                }
                false
            }
            Entry::Vacant(entry) => {
                entry.insert(Place { waiting: [turn].into(), now: None });
                true
            }
        };
        if start {
            Self::work(app, turn.conversation);
        }
    }

    /// Asks the reply under way in a conversation to stop; says which turn that is.
    pub fn stop(&self, conversation: ConversationId) -> Option<MessageId> {
        let place = self.places.get(&conversation)?;
        let (message, stop) = place.now.as_ref()?;
        stop.notify_one();
        Some(*message)
    }

    /// Waits for the turns under way, and cuts those that are not done after `grace`.
    pub async fn drain(&self, grace: std::time::Duration) {
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_err() {
            self.cut.cancel();
            self.tasks.wait().await;
        }
    }

    /// Runs a task that is counted and awaited when draining.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.tasks.spawn(work)
    }

    fn work(app: &Arc<App>, conversation: ConversationId) {
        let app = app.clone();
        let cut = app.turns.cut.clone();
        let tasks = app.turns.tasks.clone();
        tasks.spawn(cut.run_until_cancelled_owned(async move {
            let Ok(_permit) = app.turns.under_way.clone().acquire_owned().await else { return };
            while let Some((turn, stop)) = app.turns.advance(conversation) {
                super::answer_turn::answer_turn(&app, turn, &stop).await;
            }
        }));
    }

    /// The next waiting turn; gives the place up when there is none.
    fn advance(&self, conversation: ConversationId) -> Option<(Pending, Arc<Notify>)> {
        let Entry::Occupied(mut entry) = self.places.entry(conversation) else { return None };
        let place = entry.get_mut();
        match place.waiting.pop_front() {
            Some(turn) => {
                let stop = Arc::new(Notify::new());
                place.now = Some((turn.message_id, stop.clone()));
                Some((turn, stop))
            }
            None => {
                entry.remove();
                None
            }
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let nobody_waits = self
            .app
            .turns
            .places
            .remove_if(&self.conversation, |_, place| place.waiting.is_empty());
        if nobody_waits.is_none() {
            Turns::work(&self.app, self.conversation);
        }
    }
}
