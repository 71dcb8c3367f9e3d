//! The nodes that the proofs share which break nothing, and accounts of their own there.

use std::sync::Arc;

use parlor::domain::ids::AccountId;
use parlor::engine::Engine;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::harness::cluster::Cluster;
use crate::harness::server::PACED;
use crate::harness::services::{Service, Services};
use crate::harness::wait::eventually;
use crate::harness::{Client, setting};

pub const MESSAGES: &str = "/bot/v1/conversations/messages";
/// What the demo's bot answers at once.
pub const QUESTION: &str = "what are your opening hours?";

/// What services nodes need; search is not looked at here.
pub const NEEDED: [Service; 2] = [Service::Kafka, Service::Cassandra];

/// How often a proof tries: what its variable says, else its long or its short form.
pub fn times(variable: &str, short: u64, long: u64) -> u64 {
    let usual = if setting("PARLOR_LONG").is_some() { long } else { short };
    setting(variable).unwrap_or(usual)
}

/// Three nodes. Nobody may break them.
pub async fn shared() -> &'static Cluster {
    static SHARED: OnceCell<Cluster> = OnceCell::const_new();
    SHARED
        .get_or_init(|| async {
            Cluster::start(Services::shared().await, 3, &[LOG, PACED].concat()).await
        })
        .await
}

/// Warnings alone: these proofs make a lot of noise.
pub const LOG: [&str; 2] = ["--log", "parlor=warn"];

/// An account of a proof's own, and a caller of each node with its key.
pub struct Tenant {
    pub id: AccountId,
    pub clients: Vec<Client>,
}

impl Tenant {
    /// Makes one that all nodes know.
    pub async fn new(cluster: &Cluster, name: &str, more: &[&str]) -> Self {
        let tenant = Self::unknown(cluster, name, more).await;
        for client in &tenant.clients {
            eventually("the node knows the account", async || {
                (client.get("/bot/v1/contacts/none").await.status != 401).then_some(())
            })
            .await;
        }
        tenant
    }

    /// Makes one of which the nodes may have yet to hear.
    pub async fn unknown(cluster: &Cluster, name: &str, more: &[&str]) -> Self {
        // The cluster outlives a test, and so do the accounts of others.
        let create = ["account", "create", "--template", "demo", "--same-name", "--name", name];
        let arguments = [&create[..], more].concat();
        let made: Value =
            serde_json::from_str(&cluster.command(&arguments).await).expect("credentials");
        let text = |name: &str| made[name].as_str().expect("a credential").to_owned();
        let (id, key) = (text("account_id"), text("aerochat_api_key"));
        let clients = cluster.nodes.iter().map(|node| node.client_with(&key)).collect();
        Self { id: id.parse().expect("an id"), clients }
    }

    /// Deploys what `change` makes of the demo's bot, and awaits that every node answers with it.
    pub async fn deploy(&self, cluster: &Cluster, change: impl FnOnce(&mut Value)) {
        let mut bot = crate::crash::bots::demo();
        change(&mut bot);
        bot["name"] = "Changed".into();
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), bot.to_string()).expect("written");
        let (file, account) = (file.path().display().to_string(), self.id.to_string());
        cluster
            .command(&["bot", "deploy", "--accept", "--account", &account, "--file", &file])
            .await;
        for client in &self.clients {
            eventually("the new bot answers", async || {
                let id = client.say(None, QUESTION).await["conversation_id"].clone();
                let path = format!("/live/v1/conversations/{}", id.as_str().expect("an id"));
                let now = client.get(&path).await.expect(200);
                let author = &now["messages"].as_array().expect("messages")[1]["author"];
                (author["name"] == "Changed").then_some(())
            })
            .await;
        }
    }
}

/// The body of a message, in a conversation or in a new one.
pub fn message(conversation: Option<&str>, text: &str) -> Value {
    json!({ "message": text, "conversation_id": conversation })
}

/// The shared cluster's engine in this process.
pub async fn engine() -> Arc<dyn Engine> {
    shared().await.engine().await
}
