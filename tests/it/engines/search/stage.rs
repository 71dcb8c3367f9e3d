//! An index of its own for each test, and views made of memory that an indexer follows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use parlor::app::clock;
use parlor::domain::ids::{AccountId, ConversationId, Id};
use parlor::domain::seq::Seq;
use parlor::engine::cluster::search::{
    Access, Backlog, Checkpoints, Document, Indexer, OpenSearch, Ownership, Settings,
};
use parlor::engine::{Recorded, Result, Search};
use parlor::projection::is_message;
use serde_json::Value;

use crate::engines::samples::Thread;
use crate::harness::http::client;
use crate::harness::services::Services;
use crate::harness::wait::eventually;

/// An index and who talks to it.
pub struct Stage {
    pub search: OpenSearch,
    pub settings: Settings,
}

impl Stage {
    /// In the OpenSearch that the tests share; the index is there.
    pub async fn shared() -> Self {
        let stage = Self::at(&Services::shared().await.search);
        stage.search.ensure_index().await.expect("the index is made");
        stage
    }

    /// In any OpenSearch; the index is not made yet.
    pub fn at(url: &str) -> Self {
        let name = clock::mint::<ConversationId>().uuid().simple();
        let index = format!("test-{name}");
        let settings = Settings {
            url: url.to_owned(),
            access: Access::default(),
            index,
            shards: 2,
            replicas: 0,
        };
        let search = OpenSearch::new(settings.clone()).expect("fit settings");
        Self { search, settings }
    }

    /// Puts one message into the index.
    pub async fn put(&self, document: Document) {
        let indexed = self.search.index(vec![document]).await.expect("indexed");
        assert_eq!(indexed.refused, []);
    }

    /// What is found for `query` once the index has been refreshed.
    pub async fn found(&self, account: AccountId, query: &str) -> Vec<ConversationId> {
        self.post("_refresh", "").await;
        self.search.conversations(account, query, 50).await.expect("searched")
    }

    /// How many documents there are once the index has been refreshed.
    pub async fn count(&self) -> usize {
        self.post("_refresh", "").await;
        let counted = self.post("_count", "").await;
        counted["count"].as_u64().map_or(0, |count| usize::try_from(count).expect("small"))
    }

    async fn post(&self, what: &str, body: &str) -> Value {
        self.call(reqwest::Method::POST, &format!("/{what}"), body).await
    }

    /// Asks OpenSearch about the index itself, past what is tested.
    pub async fn call(&self, method: reqwest::Method, path: &str, body: &str) -> Value {
        let url = format!("{}/{}-1{path}", self.settings.url, self.settings.index);
        let request =
            client().build().expect("a client").request(method, url).body(body.to_owned());
        let answer = request.header("content-type", "application/json").send().await;
        match answer {
            Ok(answer) => answer.json().await.expect("JSON"),
            Err(_) => Value::Null,
        }
    }
}

/// A message at its place.
pub fn inbound(thread: &Thread, seq: u64, text: &str) -> Recorded {
    let (_, event) = thread.inbound(text);
    Recorded { seq: Seq::new(seq), event: Arc::new(event) }
}

pub fn document(thread: &Thread, seq: u64, text: &str) -> Document {
    Document::of(&inbound(thread, seq, text)).expect("a message has a document")
}

/// The views of one partition and the checkpoints of the index, as the engine would supply them.
#[derive(Default)]
pub struct Views {
    applied: Mutex<BTreeMap<Seq, Recorded>>,
    checkpoints: Mutex<BTreeMap<String, Seq>>,
    /// After which positions a page was asked for.
    pages: Mutex<Vec<Seq>>,
}

/// The partition that the tests follow.
pub const PARTITION: u32 = 7;

impl Views {
    /// Applied events, into the views; nobody is told.
    pub fn keep(&self, applied: &[Recorded]) {
        let mut kept = self.applied.lock().expect("sound");
        kept.extend(applied.iter().map(|event| (event.seq, event.clone())));
    }

    /// A commit: into the views, then the indexer is told.
    pub fn commit(&self, owner: &Ownership, applied: &[Recorded]) {
        self.keep(applied);
        owner.try_push(applied, self.end());
    }

    pub fn end(&self) -> Seq {
        let kept = self.applied.lock().expect("sound");
        kept.last_key_value().map_or(Seq::START, |(seq, _)| *seq)
    }

    /// How many messages there are.
    pub fn count(&self) -> usize {
        let kept = self.applied.lock().expect("sound");
        kept.values().filter(|event| is_message(&event.event)).count()
    }

    pub fn pages(&self) -> Vec<Seq> {
        self.pages.lock().expect("sound").clone()
    }

    pub fn checkpoint(&self) -> Option<Seq> {
        self.checkpoints.lock().expect("sound").values().max().copied()
    }

    /// An indexer of these views, and its partition.
    pub fn indexer(self: &Arc<Self>, stage: &Stage) -> (Indexer, Ownership) {
        let indexer = Indexer::start(stage.search.clone(), self.clone(), self.clone(), clock::now);
        let owner = indexer.own(PARTITION, self.end());
        (indexer, owner)
    }

    /// Waits until everything is in the index.
    pub async fn indexed(&self, indexer: &Indexer) {
        let end = self.end();
        let there = || async { (indexer.checkpoint(PARTITION) >= end).then_some(()) };
        eventually("the index is up with the views", there).await;
    }
}

#[async_trait]
impl Backlog for Views {
    async fn applied_messages(
        &self,
        _: u32,
        after: Seq,
        limit: usize,
    ) -> Result<(Vec<Recorded>, Seq)> {
        self.pages.lock().expect("sound").push(after);
        let end = self.end();
        let kept = self.applied.lock().expect("sound");
        let messages = kept.range(after.next()..).map(|(_, event)| event.clone());
        let messages = messages.filter(|event| is_message(&event.event));
        let page: Vec<_> = messages.take(limit).collect();
        let read_up_to = match page.last() {
            Some(last) if page.len() == limit => last.seq,
            _ => end,
        };
        Ok((page, read_up_to))
    }
}

#[async_trait]
impl Checkpoints for Views {
    async fn load(&self, index: &str, _: u32) -> Result<Seq> {
        let checkpoints = self.checkpoints.lock().expect("sound");
        Ok(checkpoints.get(index).copied().unwrap_or(Seq::START))
    }

    async fn store(&self, index: &str, _: u32, seq: Seq) -> Result<()> {
        self.checkpoints.lock().expect("sound").insert(index.to_owned(), seq);
        Ok(())
    }
}
