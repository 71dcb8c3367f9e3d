//! One server of the embedded engine, with a data directory of its own.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use parlor::domain::event::Event;
use parlor::domain::seq::Seq;
use parlor::engine::SCHEMA;
use parlor::engine::embedded::{Embedded, Options};
use parlor::engine::{Engine, EventLog, Observer, Recorded, Topic};
use tempfile::TempDir;

use super::{Account, Servers, Site, Wanted};
use crate::harness::server::PACED;
use crate::harness::{Client, Server};

struct One {
    server: Server,
    dir: TempDir,
}

/// The server makes the demo's account itself.
pub(super) async fn demo() -> Site {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let server = Server::open(dir.path(), &[]).await;
    let text = std::fs::read_to_string(dir.path().join("credentials.json"));
    let credentials = serde_json::from_str(&text.expect("credentials")).expect("JSON");
    let accounts = vec![Account::read(credentials)];
    Site { servers: Box::new(One { server, dir }), accounts }
}

/// A server of its own: the test may break it whatever it said.
pub(super) async fn site(wanted: Wanted<'_>) -> Site {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut accounts = Vec::new();
    for name in wanted.names {
        let create = ["account", "create", "--template", "demo", "--name", name];
        let create = [&create[..], wanted.flags].concat();
        let credentials = command(dir.path(), &create).await;
        accounts.push(Account::read(serde_json::from_str(&credentials).expect("JSON")));
    }
    if let Some(definition) = wanted.bot {
        let file = dir.path().join("bot.json");
        std::fs::write(&file, definition.to_string()).expect("written");
        let file = file.to_str().expect("a path in UTF-8");
        command(dir.path(), &["bot", "deploy", "--file", file]).await;
    }
    let flags = if wanted.bot.is_some() { &PACED[..] } else { &[] };
    let server = Server::open(dir.path(), flags).await;
    Site { servers: Box::new(One { server, dir }), accounts }
}

#[async_trait]
impl Servers for One {
    fn stranger(&self) -> Client {
        self.server.stranger()
    }

    fn one(&self) -> &Server {
        &self.server
    }

    async fn conversation(&self, _: &Account) -> (String, Client) {
        self.stranger().demo().await
    }

    async fn crash(&mut self) {
        self.server.kill().await;
        self.server.restart().await;
    }

    async fn restart(&mut self) {
        self.server.terminate().await;
        self.server.restart().await;
    }

    async fn events(&mut self, _: &[Account], topic: Topic) -> Vec<Arc<Event>> {
        self.server.terminate().await;
        let dir = self.dir.path().to_owned();
        let options = Options { dir, cache_bytes: 8 << 20, reserve_bytes: 0, schema: &SCHEMA };
        let engine = Embedded::open(&options, Arc::new(Nobody)).expect("the server has let go");
        let recorded = engine.read(topic, 0, Seq::START, 10_000).await.expect("readable");
        engine.close().await;
        drop(engine);
        self.server.restart().await;
        recorded.into_iter().map(|entry| entry.event).collect()
    }

    async fn run(&mut self, arguments: &[&str]) -> String {
        command(self.dir.path(), arguments).await
    }
}

async fn command(dir: &Path, arguments: &[&str]) -> String {
    let (done, said) = Server::command(dir, arguments).await;
    assert!(done, "parlor {}: {said}", arguments.join(" "));
    said
}

struct Nobody;

impl Observer for Nobody {
    fn committed(&self, _: &[Recorded]) {}
    fn interrupted(&self) {}
}
