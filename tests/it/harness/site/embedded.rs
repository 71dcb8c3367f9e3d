//! One server of the embedded engine, with a data directory of its own.

use std::path::Path;
use std::sync::Arc;

use parlor::domain::event::Event;
use parlor::domain::seq::Seq;
use parlor::engine::SCHEMA;
use parlor::engine::embedded::{Embedded, Options};
use parlor::engine::{Engine, EventLog, Observer, Recorded, Topic};
use serde_json::Value;
use tempfile::TempDir;

use super::Account;
use crate::harness::server::PACED;
use crate::harness::{Client, Server};

/// A server with accounts.
pub struct Site {
    server: Server,
    accounts: Vec<Account>,
    dir: TempDir,
}

impl Site {
    /// With one account, as the demo's.
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let server = Server::open(dir.path(), &[]).await;
        let text = std::fs::read_to_string(dir.path().join("credentials.json"));
        let credentials = serde_json::from_str(&text.expect("credentials")).expect("JSON");
        Self { server, accounts: vec![Account::read(credentials)], dir }
    }

    /// With one account, made as the demo's with these flags of `parlor account create`.
    pub async fn with_account(flags: &[&str]) -> Self {
        Self::made(&["Demo"], flags, None).await
    }

    /// The same, which the test may break.
    pub async fn breakable(flags: &[&str]) -> Self {
        Self::with_account(flags).await
    }

    /// With accounts of these names.
    pub async fn with_accounts(names: &[&str]) -> Self {
        Self::made(names, &[], None).await
    }

    /// With one account, which this bot answers for.
    pub async fn with_bot(definition: &Value) -> Self {
        Self::made(&["Demo"], &[], Some(definition)).await
    }

    async fn made(names: &[&str], flags: &[&str], bot: Option<&Value>) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut accounts = Vec::new();
        for name in names {
            let create = ["account", "create", "--template", "demo", "--name", name];
            let create = [&create[..], flags].concat();
            let credentials = command(dir.path(), &create).await;
            accounts.push(Account::read(serde_json::from_str(&credentials).expect("JSON")));
        }
        if let Some(definition) = bot {
            let file = dir.path().join("bot.json");
            std::fs::write(&file, definition.to_string()).expect("written");
            let file = file.to_str().expect("a path in UTF-8");
            command(dir.path(), &["bot", "deploy", "--file", file]).await;
        }
        let flags = if bot.is_some() { &PACED[..] } else { &[] };
        Self { server: Server::open(dir.path(), flags).await, accounts, dir }
    }

    /// The key of the first account.
    pub fn key(&self) -> &str {
        self.key_of(0)
    }

    pub fn key_of(&self, account: usize) -> &str {
        &self.accounts[account].key
    }

    /// A credential of the first account by its name in `credentials.json`.
    pub fn credential(&self, name: &str) -> &str {
        self.credential_of(0, name)
    }

    pub fn credential_of(&self, account: usize, name: &str) -> &str {
        self.accounts[account].credential(name)
    }

    /// The bot that answers for the first account where none is named.
    pub fn default_bot(&self) -> String {
        self.accounts[0].default_bot()
    }

    /// A caller with the first account's key.
    pub fn client(&self) -> Client {
        self.client_with(self.key())
    }

    pub fn client_with(&self, key: &str) -> Client {
        self.server.client_with(key)
    }

    /// A caller without a credential.
    pub fn stranger(&self) -> Client {
        self.server.stranger()
    }

    /// One that serves, for what only it knows.
    pub fn one(&self) -> &Server {
        &self.server
    }

    /// Where one listens; each time perhaps another.
    pub fn address(&self) -> &str {
        self.server.address()
    }

    /// An empty conversation of the first account on the web, and a caller with its token.
    pub async fn conversation(&self) -> (String, Client) {
        self.stranger().demo().await
    }

    /// kill -9 and a start.
    pub async fn crash(&mut self) {
        self.server.kill().await;
        self.server.restart().await;
    }

    /// A drain and a start.
    pub async fn restart(&mut self) {
        self.server.terminate().await;
        self.server.restart().await;
    }

    /// All events of its accounts in a log.
    pub async fn events(&mut self, topic: Topic) -> Vec<Arc<Event>> {
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

    /// Changes the first account's settings: JSON that is merged over them.
    pub async fn set(&mut self, settings: &str) {
        self.run(&["account", "set", "--settings", settings]).await;
    }

    /// Runs `parlor` about the first account while the server runs; gives what it printed.
    pub async fn run(&mut self, arguments: &[&str]) -> String {
        let arguments = [arguments, &["--account", &self.accounts[0].id]].concat();
        command(self.dir.path(), &arguments).await
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
