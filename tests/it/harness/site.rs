//! Where the tests of the surfaces play: accounts of their own, and whoever serves them.
//!
//! A test of the surfaces stands once and runs on every engine:
//!
//! ```ignore
//! #[apply(both_engines)]
//! async fn a_message_is_answered(engine: Engine) {
//!     let site = Site::start(engine).await;
//! ```
//!
//! It is then called `a_message_is_answered::embedded` and `a_message_is_answered::clustered`.

#[cfg(feature = "cluster")]
mod clustered;
mod embedded;

use std::sync::Arc;

use async_trait::async_trait;
pub use macro_rules_attribute::apply;
use parlor::domain::event::Event;
use parlor::domain::ids::{BotId, Id};
use parlor::engine::Topic;
use serde_json::Value;

use super::{Client, Server};

/// What serves the accounts of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// One server of the embedded engine, with a data directory of its own.
    Embedded,
    /// Nodes of a cluster.
    #[cfg(feature = "cluster")]
    Clustered,
}

/// Makes one test for each engine of a test that takes an [`Engine`].
macro_rules! both_engines {
    ($(#[$attribute:meta])* async fn $name:ident($engine:ident: Engine $(,)?) $body:block) => {
        $(#[$attribute])*
        async fn $name($engine: Engine) $body

        mod $name {
            use $crate::harness::site::Engine;

            #[tokio::test]
            async fn embedded() {
                super::$name(Engine::Embedded).await;
            }

            #[cfg(feature = "cluster")]
            #[tokio::test]
            async fn clustered() {
                super::$name(Engine::Clustered).await;
            }
        }
    };
}
pub(crate) use both_engines;

/// Accounts, and who serves them.
pub struct Site {
    servers: Box<dyn Servers>,
    accounts: Vec<Account>,
}

/// A server, or nodes.
#[async_trait]
trait Servers: Send + Sync {
    /// A caller without a credential.
    fn stranger(&self) -> Client;

    /// One that serves; each time perhaps another.
    fn one(&self) -> &Server;

    /// An empty conversation of the account on the web, and a caller with its token.
    async fn conversation(&self, account: &Account) -> (String, Client);

    /// kill -9 of all, and a start.
    async fn crash(&mut self);

    /// A drain of all, and a start.
    async fn restart(&mut self);

    /// All events of the accounts in a log.
    async fn events(&mut self, accounts: &[Account], topic: Topic) -> Vec<Arc<Event>>;

    /// Runs `parlor` while they serve, and awaits that all know; gives what it printed.
    async fn run(&mut self, arguments: &[&str]) -> String;
}

/// What the accounts of a site are made of.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    names: &'a [&'a str],
    /// Of `parlor account create`.
    flags: &'a [&'a str],
    /// The bot that answers, where it is not the demo's.
    bot: Option<&'a Value>,
    /// Whether the test may break the servers.
    breakable: bool,
}

/// Its name is the one that the demo's way in looks for.
const ONE: Wanted<'static> = Wanted { names: &["Demo"], flags: &[], bot: None, breakable: false };

/// An account's credentials, as they are printed when it is made.
#[derive(Clone)]
struct Account {
    id: String,
    key: String,
    credentials: Value,
}

impl Account {
    fn read(credentials: Value) -> Self {
        let read = |name: &str| credentials[name].as_str().expect("a credential").to_owned();
        Self { id: read("account_id"), key: read("aerochat_api_key"), credentials }
    }

    /// A credential by its name in `credentials.json`.
    fn credential(&self, name: &str) -> &str {
        self.credentials[name].as_str().unwrap_or_else(|| panic!("no credential {name}"))
    }

    /// The bot that Aloo's agent is, and all answer with.
    fn default_bot(&self) -> String {
        let uuid = self.credential("aloochat_agent_key").split(':').nth(1).expect("a UUID");
        BotId::from_uuid(uuid.parse().expect("a UUID")).to_string()
    }
}

impl Site {
    /// With one account, as the demo's.
    pub async fn start(engine: Engine) -> Self {
        match engine {
            Engine::Embedded => embedded::demo().await,
            #[cfg(feature = "cluster")]
            Engine::Clustered => clustered::site(ONE).await,
        }
    }

    /// With one account, made as the demo's with these flags of `parlor account create`.
    pub async fn with_account(engine: Engine, flags: &[&str]) -> Self {
        Self::made(engine, Wanted { flags, ..ONE }).await
    }

    /// The same, which the test may break.
    pub async fn breakable(engine: Engine, flags: &[&str]) -> Self {
        Self::made(engine, Wanted { flags, breakable: true, ..ONE }).await
    }

    /// With accounts of these names.
    pub async fn with_accounts(engine: Engine, names: &[&str]) -> Self {
        Self::made(engine, Wanted { names, ..ONE }).await
    }

    /// With one account, which this bot answers for.
    pub async fn with_bot(engine: Engine, definition: &Value) -> Self {
        Self::made(engine, Wanted { bot: Some(definition), ..ONE }).await
    }

    async fn made(engine: Engine, wanted: Wanted<'_>) -> Self {
        match engine {
            Engine::Embedded => embedded::site(wanted).await,
            #[cfg(feature = "cluster")]
            Engine::Clustered => clustered::site(wanted).await,
        }
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
        self.stranger().with("X-AeroChat-API-Key", key)
    }

    /// A caller without a credential.
    pub fn stranger(&self) -> Client {
        self.servers.stranger()
    }

    /// One that serves, for what only it knows.
    pub fn one(&self) -> &Server {
        self.servers.one()
    }

    /// Where one listens; each time perhaps another.
    pub fn address(&self) -> &str {
        self.one().address()
    }

    /// An empty conversation of the first account on the web, and a caller with its token.
    pub async fn conversation(&self) -> (String, Client) {
        self.servers.conversation(&self.accounts[0]).await
    }

    /// kill -9 of all that serve, and a start.
    pub async fn crash(&mut self) {
        self.servers.crash().await;
    }

    /// A drain of all that serve, and a start.
    pub async fn restart(&mut self) {
        self.servers.restart().await;
    }

    /// All events of its accounts in a log.
    pub async fn events(&mut self, topic: Topic) -> Vec<Arc<Event>> {
        self.servers.events(&self.accounts, topic).await
    }

    /// Changes the first account's settings: JSON that is merged over them.
    pub async fn set(&mut self, settings: &str) {
        self.run(&["account", "set", "--settings", settings]).await;
    }

    /// Runs `parlor` about the first account, and awaits that all know; gives what it printed.
    pub async fn run(&mut self, arguments: &[&str]) -> String {
        let arguments = [arguments, &["--account", &self.accounts[0].id]].concat();
        self.servers.run(&arguments).await
    }
}
