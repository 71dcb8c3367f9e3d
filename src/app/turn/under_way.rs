//! Which conversations have a turn under way on this node.
//!
//! Turns of one conversation are answered one after another, oldest first: whoever holds a
//! conversation's slot answers what its state says is owed, until nothing is. So nothing has to
//! be queued here, and a turn whose answer could not be kept is tried again before later ones.
//!
//! Messages that are appended with their answers share a slot: whatever their order in the log, each
//! has its reply right behind it. So senders to one conversation do not wait for each other.
//!
//! So many turns are under way at a time, and of one account no more than its share: one whose bot drips
//! must not keep the others' replies from beginning. What finds no slot waits a while in its account's
//! line, and is told then that there are too many: its turn fails. Turns that are taken over wait for
//! nothing here: without a slot they stay due, and are taken over later.
//!
//! Where there are other nodes, each answers the turns it has taken: those whose messages it
//! appended, and those it was given because nobody was heard to answer them.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::{Oldest, answer_oldest};
use crate::app::App;
use crate::domain::conversation::OpenTurn;
use crate::domain::ids::{AccountId, ConversationId, MessageId};
use crate::fair::Limits;
use crate::fair::slots::{self, Slots};

/// Turns one conversation may owe before more messages are refused.
pub const OWED_MAX: usize = 32;
/// Turns under way at once on this node, where nothing else is said.
pub const UNDER_WAY: usize = 16_384;
/// How long a turn waits for a slot.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait before trying again where a turn could not be ended.
const PAUSE: Duration = Duration::from_secs(1);
/// How long to wait for another node to end the oldest turn before looking again.
const OTHERS_PAUSE: Duration = Duration::from_millis(100);

/// The conversations whose turns this node answers now.
pub struct Turns {
    slots: DashMap<ConversationId, Answering>,
    under_way: Arc<Slots<AccountId>>,
    /// Of these, turns that were taken over.
    taken_over: Arc<Slots<AccountId>>,
    tasks: TaskTracker,
    /// Ends turns where they stand; they stay due.
    cut: CancellationToken,
}

/// What is known of a conversation that is being answered.
#[derive(Default)]
struct Answering {
    /// Appends of messages with their answers that share the slot; none while a worker has it.
    appends: usize,
    /// The account, once somebody asked for an answer while the slot was taken.
    called: Option<AccountId>,
    /// The turn being answered and how to stop it.
    now: Option<(MessageId, Arc<Notify>)>,
    /// Somebody waits for a turn behind that one.
    waited_for: bool,
    /// The turns this node has taken; at most as many as one conversation may owe.
    taken: Vec<Own>,
}

/// A turn that this node has taken.
struct Own {
    message: MessageId,
    /// Who asked sees the reply being made.
    streamed: bool,
}

impl Answering {
    fn own(&self, message: MessageId) -> Option<&Own> {
        self.taken.iter().find(|own| own.message == message)
    }

    /// Notes that this node answers the turn of a message.
    fn take(&mut self, message: MessageId, streamed: bool) {
        if self.own(message).is_none() {
            // The worker may have found the turn before it was called.
            self.waited_for |= self.now.as_ref().is_none_or(|(now, _)| *now != message);
            self.taken.truncate(OWED_MAX - 1);
            self.taken.insert(0, Own { message, streamed });
        }
    }
}

/// A turn that is begun.
pub struct Begun {
    /// Is notified when somebody wants the reply to stop.
    pub stop: Arc<Notify>,
    /// Who asked sees the reply being made.
    pub streamed: bool,
    /// Its account has too many under way: it is not answered.
    pub refused: bool,
}

/// What is asked for where a conversation owes answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// This node answers the turn of this message; `streamed` is whether who asked sees it being made.
    Take { message: MessageId, streamed: bool },
    /// Some node does: this one, if it has taken the turn.
    See,
}

/// What came of taking a turn over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenOver {
    /// Nobody here answered what the conversation owes; now somebody does.
    Begun,
    /// Its conversation is being answered here: its turn comes.
    UnderWay,
    /// Its account has no slot for it. It stays due.
    NoPlace,
}

/// A share of a conversation's slot, taken for one append; dropping it lets others go on.
pub struct Taken {
    app: Arc<App>,
    conversation: ConversationId,
}

impl Turns {
    /// Turns of which so many may be under way at once on this node. No more are taken over at a time than
    /// may call out.
    pub fn new(limits: Limits, calls: Option<Limits>) -> Self {
        Self {
            slots: DashMap::new(),
            under_way: Slots::new(limits),
            taken_over: Slots::new(calls.map_or(limits, |calls| calls.least(limits))),
            tasks: TaskTracker::new(),
            cut: CancellationToken::new(),
        }
    }

    /// Takes a share of a conversation's slot, unless a worker has it or waits for it.
    pub fn try_share(app: &Arc<App>, conversation: ConversationId) -> Option<Taken> {
        match app.turns.slots.entry(conversation) {
            Entry::Occupied(mut entry) => {
                let slot = entry.get_mut();
                if slot.appends == 0 || slot.called.is_some() {
                    return None;
                }
                slot.appends += 1;
            }
            Entry::Vacant(entry) => {
                entry.insert(Answering { appends: 1, ..Answering::default() });
            }
        }
        Some(Taken { app: app.clone(), conversation })
    }

    /// Sees to it that what a conversation owes is answered; says whether nobody here did before.
    pub fn call(
        app: &Arc<App>,
        account: AccountId,
        conversation: ConversationId,
        call: Call,
    ) -> bool {
        let (mut slot, free) = match app.turns.slots.entry(conversation) {
            Entry::Occupied(mut entry) => {
                entry.get_mut().called = Some(account);
                (entry.into_ref(), false)
            }
            Entry::Vacant(entry) => (entry.insert(Answering::default()), true),
        };
        if let Call::Take { message, streamed } = call {
            slot.take(message, streamed);
        }
        drop(slot);
        if free {
            Self::work(app, account, conversation, None);
        }
        free
    }

    /// Sees to it that the turn of a message is answered which nobody answers, if there is a slot for it
    /// now.
    pub fn take_over(
        app: &Arc<App>,
        account: AccountId,
        conversation: ConversationId,
        message: MessageId,
    ) -> TakenOver {
        let given = match app.turns.slots.entry(conversation) {
            Entry::Occupied(mut entry) => {
                let slot = entry.get_mut();
                slot.called = Some(account);
                slot.take(message, false);
                return TakenOver::UnderWay;
            }
            Entry::Vacant(entry) => {
                let both = [&app.turns.taken_over, &app.turns.under_way];
                let [Ok(one), Ok(other)] = both.map(|slots| slots.take_now(account)) else {
                    return TakenOver::NoPlace;
                };
                let given = [one, other];
                entry.insert(Answering::default()).take(message, false);
                given
            }
        };
        Self::work(app, account, conversation, Some(given));
        TakenOver::Begun
    }

    /// Asks the reply under way in a conversation to stop, if its turn is still `owed`; says which
    /// turn that is.
    pub fn stop(
        &self,
        conversation: ConversationId,
        owed: impl FnOnce(MessageId) -> bool,
    ) -> Option<MessageId> {
        let slot = self.slots.get(&conversation)?;
        let (message, stop) = slot.now.as_ref().filter(|(message, _)| owed(*message))?;
        stop.notify_one();
        Some(*message)
    }

    /// Whether somebody waits for a turn behind the one being answered.
    pub fn is_waited_for(&self, conversation: ConversationId) -> bool {
        self.slots.get(&conversation).is_some_and(|slot| slot.waited_for)
    }

    /// Waits for the turns under way, and cuts those that are not done after `grace`.
    pub async fn drain(&self, grace: Duration) {
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

    /// Answers what a conversation owes, in the slots that were `given` or in one that is waited for.
    fn work(
        app: &Arc<App>,
        account: AccountId,
        conversation: ConversationId,
        given: Option<[slots::Slot<AccountId>; 2]>,
    ) {
        let app = app.clone();
        let cut = app.turns.cut.clone();
        let tasks = app.turns.tasks.clone();
        tasks.spawn(cut.run_until_cancelled_owned(async move {
            let mut working = Working { app: app.clone(), conversation, left: false };
            let under_way = &app.turns.under_way;
            let (_taken_over, mut slot) = match given {
                Some([taken_over, slot]) => (Some(taken_over), Ok(slot)),
                None => (None, under_way.take(account, PATIENCE).await),
            };
            let mut last = None;
            loop {
                // Those behind a turn that was refused have waited as long.
                slot = slot.or_else(|_| under_way.take_now(account));
                let (mut now, mut ours) = (None, false);
                let begin = |owed: &[OpenTurn]| {
                    now = owed.first().map(|turn| turn.message_id);
                    ours = app.turns.has_taken(&app, conversation, owed);
                    app.turns.begin(&app, conversation, owed, slot.is_err())
                };
                match answer_oldest(&app, account, conversation, begin).await {
                    Ok(Oldest::Answered) if now != last => last = now,
                    Ok(Oldest::Answered) => tokio::time::sleep(PAUSE).await,
                    Ok(Oldest::Anothers) if ours => tokio::time::sleep(OTHERS_PAUSE).await,
                    Ok(Oldest::Anothers | Oldest::None) => {
                        if app.turns.leave(conversation).is_none() {
                            working.left = true;
                            return;
                        }
                    }
                    Err(error) => {
                        tracing::error!(%error, conversation.id = %conversation, "a turn stays due");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        }));
    }

    /// Whether one of these turns is this node's to answer.
    fn has_taken(&self, app: &App, conversation: ConversationId, owed: &[OpenTurn]) -> bool {
        app.engine.relay().is_none()
            || self
                .slots
                .get(&conversation)
                .is_some_and(|slot| owed.iter().any(|turn| slot.own(turn.message_id).is_some()))
    }

    /// Begins the oldest of the turns that are owed; none when another node has taken it.
    fn begin(
        &self,
        app: &App,
        conversation: ConversationId,
        owed: &[OpenTurn],
        refused: bool,
    ) -> Option<Begun> {
        let message = owed.first()?.message_id;
        let stop = Arc::new(Notify::new());
        let mut slot = self.slots.get_mut(&conversation)?;
        let own = slot.own(message);
        if app.engine.relay().is_some() && own.is_none() {
            return None;
        }
        let streamed = own.is_some_and(|own| own.streamed);
        slot.now = Some((message, stop.clone()));
        // Whoever called before has a turn among them, or had one.
        slot.waited_for = owed.len() > 1;
        if refused {
            metrics::counter!("parlor_turns_refused_total").increment(1);
            tracing::debug!(conversation.id = %conversation, "too many turns are under way");
        }
        Some(Begun { stop, streamed, refused })
    }

    /// Gives a share or the whole of a slot up, unless somebody has called meanwhile: then for which account.
    fn leave(&self, conversation: ConversationId) -> Option<AccountId> {
        let Entry::Occupied(mut entry) = self.slots.entry(conversation) else { return None };
        let slot = entry.get_mut();
        slot.appends = slot.appends.saturating_sub(1);
        if slot.appends > 0 {
            return None;
        }
        slot.now = None;
        let called = slot.called.take();
        if called.is_none() {
            entry.remove();
        }
        called
    }
}

/// A worker's hold on a slot: should the worker break off, takeover must find the slot free.
struct Working {
    app: Arc<App>,
    conversation: ConversationId,
    left: bool,
}

impl Drop for Working {
    fn drop(&mut self) {
        if !self.left {
            self.app.turns.slots.remove(&self.conversation);
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(account) = self.app.turns.leave(self.conversation) {
            Turns::work(&self.app, account, self.conversation, None);
        }
    }
}
