//! An index of its own for each test, and views made of memory that search follows.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use parlor::app::clock;
use parlor::domain::ids::{AccountId, ConversationId, Id};
use parlor::domain::seq::Seq;
use parlor::engine::cluster::search::{Access, Document, Indexer, OpenSearch, Settings};
use parlor::engine::feed::{Applied, Checkpoints, Feed, Follower};
use parlor::engine::{Recorded, Result, Search};
use parlor::process::followers;
use parlor::projection::is_message;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

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

/// What was applied in one partition, and how far followers are, as an engine would supply them.
pub struct Views {
    applied: Mutex<BTreeMap<Seq, Recorded>>,
    checkpoints: Mutex<BTreeMap<String, Seq>>,
    /// After which places was read.
    reads: Mutex<Vec<Seq>>,
    owned: AtomicBool,
    news: watch::Sender<()>,
}

impl Default for Views {
    fn default() -> Self {
        Self {
            applied: Mutex::default(),
            checkpoints: Mutex::default(),
            reads: Mutex::default(),
            owned: AtomicBool::new(true),
            news: watch::Sender::new(()),
        }
    }
}

/// The partition that the tests follow.
pub const PARTITION: u32 = 7;

/// Search, following.
pub struct Following {
    drain: CancellationToken,
    task: JoinHandle<()>,
}

impl Following {
    pub async fn end(self) {
        self.drain.cancel();
        self.task.await.expect("it ends");
    }
}

impl Views {
    /// Applied events, into the views; nobody is told.
    pub fn keep(&self, applied: &[Recorded]) {
        let mut kept = self.applied.lock().expect("sound");
        kept.extend(applied.iter().map(|event| (event.seq, event.clone())));
    }

    /// A commit: into the views, then followers are told.
    pub fn commit(&self, applied: &[Recorded]) {
        self.keep(applied);
        self.news.send_replace(());
    }

    pub fn own(&self, owned: bool) {
        self.owned.store(owned, Ordering::Relaxed);
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

    /// After which places was read.
    pub fn reads(&self) -> Vec<Seq> {
        self.reads.lock().expect("sound").clone()
    }

    pub fn checkpoint(&self) -> Option<Seq> {
        self.checkpoints.lock().expect("sound").values().max().copied()
    }

    /// Search follows these views.
    pub fn followed(self: &Arc<Self>, stage: &Stage) -> Following {
        let indexer: Arc<dyn Follower> = Arc::new(Indexer::start(stage.search.clone()));
        let drain = CancellationToken::new();
        let run = followers::run(self.clone(), vec![indexer], clock::now, drain.clone());
        Following { drain, task: tokio::spawn(run) }
    }

    /// Waits until everything is in the index, and stored to be.
    pub async fn indexed(&self) {
        let end = self.end();
        let there = || async { self.checkpoint().is_some_and(|at| at >= end).then_some(()) };
        eventually("the index is up with the views", there).await;
    }
}

#[async_trait]
impl Feed for Views {
    fn owned(&self) -> Vec<u32> {
        self.owned.load(Ordering::Relaxed).then_some(PARTITION).into_iter().collect()
    }

    async fn applied(&self, _: u32, after: Seq, limit: usize) -> Result<Applied> {
        self.reads.lock().expect("sound").push(after);
        let end = self.end();
        let kept = self.applied.lock().expect("sound");
        let events: Vec<_> =
            kept.range(after.next()..).map(|(_, event)| event.clone()).take(limit).collect();
        let upto = events.last().filter(|_| events.len() == limit).map_or(end, |last| last.seq);
        Ok(Applied { events, upto })
    }

    fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }
}

#[async_trait]
impl Checkpoints for Views {
    async fn load(&self, follower: &str, _: u32) -> Result<Seq> {
        let checkpoints = self.checkpoints.lock().expect("sound");
        Ok(checkpoints.get(follower).copied().unwrap_or(Seq::START))
    }

    async fn store(&self, follower: &str, _: u32, seq: Seq) -> Result<()> {
        self.checkpoints.lock().expect("sound").insert(follower.to_owned(), seq);
        Ok(())
    }
}
