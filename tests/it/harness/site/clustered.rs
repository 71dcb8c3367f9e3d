//! Nodes of a cluster, which the tests of this process share unless they break them. Every request
//! goes to another node.
//!
//! Accounts are made by an application in this process, a node that serves nobody.

use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use futures_util::future::join_all;
use parlor::app::App;
use parlor::app::accounts::{administration, demo};
use parlor::app::conversations::manage::{self, NewConversation};
use parlor::config::{Config, EngineKind};
use parlor::domain::account::KeyKind;
use parlor::domain::bot::Definition;
use parlor::domain::event::Event;
use parlor::domain::ids::AccountId;
use parlor::domain::message::Channel;
use parlor::domain::seq::Seq;
use parlor::engine::Topic;
use parlor::role::{credentials, serve};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use super::{Account, Servers, Site, Wanted};
use crate::harness::cluster::{Cluster, PARTITIONS};
use crate::harness::server::PACED;
use crate::harness::services::Services;
use crate::harness::wait::{eventually, within};
use crate::harness::{Client, Server};

/// Whoever serves may be any of so many.
const NODES: usize = 3;

/// The nodes that serve the accounts of one site.
struct Many {
    ground: Ground,
    /// Calls so far: the next goes to the next node.
    calls: AtomicUsize,
}

/// Nodes, and the application that administers them.
struct Nodes {
    cluster: Cluster,
    app: Arc<App>,
    /// An account whose new keys tell what the nodes have heard.
    herald: AccountId,
}

enum Ground {
    Shared(&'static Nodes),
    Own(Box<Nodes>),
}

impl Deref for Ground {
    type Target = Nodes;

    fn deref(&self) -> &Nodes {
        match self {
            Self::Shared(nodes) => nodes,
            Self::Own(nodes) => nodes,
        }
    }
}

/// On the nodes that all share, or on its own where the test may break them.
pub(super) async fn site(wanted: Wanted<'_>) -> Site {
    let ground = if wanted.breakable {
        Ground::Own(Box::new(Nodes::start().await))
    } else {
        Nodes::shared().await
    };
    let mut accounts = Vec::new();
    for name in wanted.names {
        accounts.push(ground.account(name, wanted.flags, wanted.bot).await);
    }
    static SITES: AtomicUsize = AtomicUsize::new(0);
    let calls = AtomicUsize::new(SITES.fetch_add(1, Ordering::Relaxed));
    ground.all_know().await;
    Site { servers: Box::new(Many { ground, calls }), accounts }
}

impl Many {
    fn own(&mut self) -> &mut Nodes {
        match &mut self.ground {
            Ground::Own(nodes) => nodes,
            Ground::Shared(_) => panic!("take Site::breakable to break it"),
        }
    }
}

#[async_trait]
impl Servers for Many {
    fn stranger(&self) -> Client {
        let base = |node: &Server| format!("http://{}", node.address());
        let mut bases: Vec<_> = self.ground.cluster.nodes.iter().map(base).collect();
        let first = self.calls.fetch_add(1, Ordering::Relaxed) % bases.len();
        bases.rotate_left(first);
        Client::over(bases)
    }

    fn one(&self) -> &Server {
        let nodes = &self.ground.cluster.nodes;
        &nodes[self.calls.fetch_add(1, Ordering::Relaxed) % nodes.len()]
    }

    async fn conversation(&self, account: &Account) -> (String, Client) {
        let id: AccountId = account.id.parse().expect("an account's id");
        let begun = self.ground.run(move |app| async move {
            let tenant = app.accounts.get(id).expect("the account");
            manage::start(&app, &tenant, Channel::Web, NewConversation::default()).await
        });
        let conversation = begun.await.expect("begun").conversation;
        let body = json!({ "conversation_id": conversation.to_string() });
        let client = self.stranger().with("X-AeroChat-API-Key", &account.key);
        let minted = client.post("/live/v1/tokens", &body).await.expect(201);
        let bearer = format!("Bearer {}", minted["token"].as_str().expect("a token"));
        (conversation.to_string(), self.stranger().with("Authorization", &bearer))
    }

    async fn crash(&mut self) {
        let nodes = self.own();
        for node in &mut nodes.cluster.nodes {
            node.kill().await;
        }
        join_all(nodes.cluster.nodes.iter_mut().map(Server::restart)).await;
    }

    async fn restart(&mut self) {
        let nodes = self.own();
        join_all(nodes.cluster.nodes.iter_mut().map(Server::terminate)).await;
        join_all(nodes.cluster.nodes.iter_mut().map(Server::restart)).await;
    }

    async fn events(&mut self, accounts: &[Account], topic: Topic) -> Vec<Arc<Event>> {
        let accounts = accounts.to_vec();
        let read = self.ground.run(move |app| async move {
            let mut all = Vec::new();
            for partition in 0..app.engine.partitions(topic) {
                let page = app.engine.read(topic, partition, Seq::START, 1_000_000).await;
                all.extend(page.expect("readable").into_iter().map(|entry| entry.event));
            }
            let is_ours = |event: &Arc<Event>| {
                accounts.iter().any(|account| account.id == event.account.to_string())
            };
            all.retain(is_ours);
            all
        });
        read.await
    }

    async fn run(&mut self, arguments: &[&str]) -> String {
        let printed = self.ground.cluster.command(arguments).await;
        self.ground.all_know().await;
        printed
    }
}

impl Nodes {
    async fn shared() -> Ground {
        static SHARED: OnceCell<Nodes> = OnceCell::const_new();
        Ground::Shared(SHARED.get_or_init(Self::start).await)
    }

    async fn start() -> Self {
        let services = Services::shared().await;
        let cluster = Cluster::start(services, NODES, &PACED).await;
        let config = Config {
            engine: EngineKind::Cluster,
            kafka: vec![services.kafka.clone()],
            cql: vec![services.cql.clone()],
            keyspace: cluster.name().to_owned(),
            topic_prefix: cluster.name().to_owned(),
            partitions: PARTITIONS,
            replication: 1,
            min_insync: 1,
            ..Config::default()
        };
        let opened = runtime()
            .spawn(async move { serve::open(&config, false, Arc::new(|_: &str| {})).await });
        let app = opened.await.expect("no panic").expect("the cluster opens");
        let herald = cluster.account_id();
        Self { cluster, app, herald }
    }

    /// Does something with the application, which outlives the test's runtime.
    async fn run<T, F>(&self, act: impl FnOnce(Arc<App>) -> F) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let work = runtime().spawn(act(self.app.clone()));
        within("the application", work).await.expect("no panic")
    }

    async fn account(&self, name: &str, flags: &[&str], bot: Option<&Value>) -> Account {
        let mut new = demo::account(name).expect("the demo's account");
        let mut flags = flags.iter();
        while let Some(flag) = flags.next() {
            let mut number = || flags.next().expect("a value").parse().expect("a number");
            match *flag {
                "--credits" => new.settings.credits = Some(number()),
                "--aerochat-per-minute" => {
                    new.settings.aerochat_per_minute = u32::try_from(number()).ok();
                }
                "--no-agent" => new.agent = None,
                "--no-bot" => new.bots.clear(),
                other => panic!("a site knows no {other}"),
            }
        }
        for bot in &mut new.bots {
            // The nodes are one for all: these show what is made, and soon.
            match bot {
                Definition::Faq(definition) => definition.pace_ms = definition.pace_ms.min(30),
                Definition::Flow(definition) => definition.pace_ms = definition.pace_ms.min(30),
                Definition::Llm(_) | Definition::Remote(_) => {}
            }
        }
        if let Some(definition) = bot {
            new.bots = vec![serde_json::from_value(definition.clone()).expect("a bot")];
        }
        let made = self.run(|app| async move {
            administration::create_account(&app, new).await.expect("made")
        });
        Account::read(credentials::as_json(&made.await))
    }

    /// Awaits that every node knows what was administered: it knows a key that was issued after.
    async fn all_know(&self) {
        let herald = self.herald;
        let issued = self.run(move |app| async move {
            let kind = KeyKind::Aerochat;
            administration::issue_key(&app, herald, kind, "").await.expect("issued")
        });
        let (_, key) = issued.await;
        for node in &self.cluster.nodes {
            let client = node.client_with(&key);
            let heard = async || {
                let answer = client.get("/bot/v1/contacts/none").await;
                (answer.status != 401).then_some(())
            };
            eventually("the node knows the account", heard).await;
        }
    }
}

/// Outlives every test's.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2).enable_all().build().expect("a runtime")
    })
}
