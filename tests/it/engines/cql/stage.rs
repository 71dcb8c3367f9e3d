//! A keyspace in the shared store, and a partition's log that is folded into commits.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use parlor::domain::event::Event;
use parlor::domain::ids::AccountId;
use parlor::domain::seq::Seq;
use parlor::engine::Recorded;
use parlor::engine::cluster::cql::{Commit, ConversationRows, Cql, Settings, migrate};
use parlor::projection::totals::Totals;
use parlor::projection::{Folded, Key, SCHEMA, turns_due};
use tokio::sync::OnceCell;

use crate::harness::services::Services;

/// How to reach `keyspace` at `host`.
pub fn settings(host: &str, keyspace: &str) -> Settings {
    let (hosts, keyspace) = (vec![host.to_owned()], keyspace.to_owned());
    Settings {
        hosts,
        user: None,
        password: None,
        tls: false,
        ca: None,
        keyspace,
        replication: 1,
        schema: &SCHEMA,
        clock: parlor::app::clock::now,
    }
}

/// A keyspace's name that nobody else has.
pub fn fresh_name() -> String {
    format!("cql_{:08x}", rand::random::<u32>())
}

/// The keyspace that the tests share: keys are minted, so that they do not meet.
pub async fn shared() -> Settings {
    static KEYSPACE: OnceCell<Settings> = OnceCell::const_new();
    let made = KEYSPACE.get_or_init(|| async {
        let settings = settings(&Services::shared().await.cql, &fresh_name());
        migrate(&settings).await.expect("migrated");
        settings
    });
    made.await.clone()
}

/// A keyspace of one's own.
pub async fn open_own() -> Cql {
    let settings = settings(&Services::shared().await.cql, &fresh_name());
    migrate(&settings).await.expect("migrated");
    Cql::open(&settings).await.expect("opened")
}

pub async fn open() -> Cql {
    Cql::open(&shared().await).await.expect("opened")
}

/// One partition's log, as its owner folds it.
pub struct Partition {
    pub number: u32,
    pub end: Seq,
    states: HashMap<Key, Option<Folded>>,
    totals: BTreeMap<AccountId, Totals>,
}

impl Partition {
    /// An empty one, whose number nobody else has.
    pub fn new() -> Self {
        Self {
            number: rand::random::<u32>() >> 1,
            end: Seq::new(1 << 40),
            states: HashMap::new(),
            totals: BTreeMap::new(),
        }
    }

    /// Appends events and folds them.
    pub fn commit(&mut self, events: Vec<Event>) -> Commit {
        let mut commit = Commit { partition: self.number, ..Commit::default() };
        let mut rows = BTreeMap::new();
        let mut timelines = BTreeMap::<_, Vec<Recorded>>::new();
        let (mut conversations, mut contacts, mut counted) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for event in events {
            self.end = self.end.next();
            let seq = self.end;
            let Ok((_, changes)) = SCHEMA.project(self.number, seq, &event, &mut self.states);
            let account = event.account;
            conversations.extend(event.body.conversation().map(|id| (account, id)));
            contacts.extend(event.body.contact().map(|id| Key::contact(account, id)));
            if let Some(id) = event.body.conversation().filter(|_| changes.timeline) {
                let entry = Recorded { seq, event: Arc::new(event) };
                timelines.entry((account, id)).or_default().push(entry);
            }
            for change in changes.rows {
                rows.insert((change.table.name, change.key.clone()), change);
            }
            commit.kept.extend(changes.claim);
            if let Some(change) = changes.total {
                self.totals.entry(account).or_default().add(change);
                counted.insert(account);
            }
        }
        commit.rows = rows.into_values().collect();
        for key in conversations {
            let state = self.states[&Key::conversation(key.0, key.1)].as_ref();
            let Some(state) = state.and_then(|state| state.get().cloned()) else { continue };
            let events = timelines.remove(&key).unwrap_or_default();
            commit.conversations.push(ConversationRows { state, events });
        }
        let state = |key: &Key| SCHEMA.written(key, self.states[key].as_ref()?);
        commit.states.extend(contacts.iter().filter_map(state));
        let total = |account: &AccountId| (*account, self.totals[account], self.end);
        commit.totals.extend(counted.iter().map(total));
        commit
    }

    /// Appends events, folds them and writes what they make.
    pub async fn write(&mut self, cql: &Cql, events: Vec<Event>) -> Commit {
        let commit = self.commit(events);
        write(cql, &commit).await;
        commit
    }
}

/// The turns that a commit opens.
pub fn due(commit: &Commit) -> Vec<turns_due::Row> {
    let of_turns = commit.rows.iter().filter(|change| change.table == &turns_due::TABLE);
    let rows = of_turns.filter_map(|change| change.row.as_ref());
    rows.map(|row| serde_json::from_str(row.text(1).expect("a turn")).expect("JSON")).collect()
}

pub async fn write(cql: &Cql, commit: &Commit) {
    cql.write_before(commit).await.expect("written");
    cql.write(commit).await.expect("written");
}
