//! The views as a function of the log: the whole topic is read and folded here, and compared with
//! what the nodes have written.

use std::collections::{BTreeMap, HashMap};

use parlor::domain::conversation::{Conversation, Effect};
use parlor::domain::event::Body;
use parlor::domain::ids::{AccountId, ContactId, ConversationId, Id as _};
use parlor::domain::seq::Seq;
use parlor::engine::{Engine, Recorded, Topic};
use parlor::projection::{Folded as State, Key, SCHEMA, totals::Totals, turns_due};

/// Events read at once.
const PAGE: usize = 1_000;

/// What the log says.
#[derive(Default)]
pub struct Folded {
    states: HashMap<Key, Option<State>>,
    timelines: BTreeMap<(AccountId, ConversationId), Vec<Recorded>>,
    totals: BTreeMap<AccountId, Totals>,
    /// Inbound messages that stand, by their text.
    inbound: HashMap<String, usize>,
    pub events: usize,
}

impl Folded {
    /// Reads the log to its end.
    pub async fn read(engine: &dyn Engine) -> Self {
        let mut folded = Self::default();
        for partition in 0..engine.partitions(Topic::Events) {
            let mut after = Seq::START;
            loop {
                let page = engine.read(Topic::Events, partition, after, PAGE).await;
                let page = page.expect("the log can be read");
                let Some(last) = page.last() else { break };
                assert!(page.iter().all(|entry| entry.seq > after), "in order: {after}");
                after = last.seq;
                for entry in &page {
                    folded.fold(entry);
                }
            }
        }
        folded
    }

    fn fold(&mut self, entry: &Recorded) {
        let Recorded { seq, event } = entry;
        let Ok((effect, changes)) = SCHEMA.project(0, *seq, event, &mut self.states);
        self.events += 1;
        if let Body::MessageInbound(data) = &event.body
            && effect == Effect::Applied
        {
            *self.inbound.entry(data.text.as_str().to_owned()).or_default() += 1;
        }
        if let Some(id) = event.body.conversation().filter(|_| changes.timeline) {
            self.timelines.entry((event.account, id)).or_default().push(entry.clone());
        }
        if let Some(change) = changes.total {
            self.totals.entry(change.account).or_default().add(change);
        }
    }

    /// How often a message with this text stands in the log.
    pub fn inbound(&self, text: &str) -> usize {
        self.inbound.get(text).copied().unwrap_or_default()
    }

    pub fn totals(&self, account: AccountId) -> Totals {
        self.totals.get(&account).copied().unwrap_or_default()
    }

    /// Compares states, timelines and totals with the views.
    pub async fn equals_the_views(&self, engine: &dyn Engine) {
        for (key, state) in &self.states {
            let (account, id) = (&key.account, &ConversationId::from_uuid(key.id));
            let why = "the state is the fold of its events";
            if *key != Key::conversation(*account, *id) {
                let id = ContactId::from_uuid(key.id);
                let found = engine.contact(*account, id).await.expect("readable");
                assert_eq!(found.map(State::of), *state, "{id}: {why}");
                continue;
            }
            let found = engine.conversation(*account, *id).await.expect("readable");
            assert_eq!(found.map(State::of), *state, "{id}: {why}");
            let mut timeline = Vec::new();
            loop {
                let after = timeline.last().map_or(Seq::START, |entry: &Recorded| entry.seq);
                let page = engine.timeline(*account, *id, after, PAGE).await.expect("readable");
                if page.is_empty() {
                    break;
                }
                timeline.extend(page);
            }
            let expected = self.timelines.get(&(*account, *id)).cloned().unwrap_or_default();
            assert_eq!(timeline, expected, "the timeline of {id} is what the fold applied");
        }
        for (account, totals) in &self.totals {
            let found = engine.totals(*account).await.expect("readable");
            assert_eq!(found, *totals, "the totals of {account} are what the fold counted");
        }
        for partition in 0..engine.partitions(Topic::Events) {
            let due = turns_due::owed(engine, partition, Seq::START, PAGE).await.expect("readable");
            for row in due {
                let state = self.states.get(&Key::conversation(row.account, row.conversation));
                let state = state.and_then(|state| state.as_ref()?.get::<Conversation>());
                let state = state.expect("a conversation");
                assert!(state.owes(row.message_id), "due, but not owed: {row:?}");
            }
        }
    }
}
