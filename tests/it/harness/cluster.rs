//! Nodes of the real binary over real services, with a keyspace and topics of their own.

use std::collections::BTreeMap;
use std::process::Output;
use std::sync::Arc;

use parlor::domain::ids::AccountId;
use parlor::engine::SCHEMA;
use parlor::engine::cluster::{self as engine, Settings, cql, kafka};
use parlor::engine::{Engine, Observer, Recorded};
use serde_json::Value;
use tempfile::TempDir;

use super::server::{Home, run};
use super::services::Services;
use super::wait::eventually;
use super::{Client, Server};

mod tests;

/// Two for each of three nodes.
pub const PARTITIONS: u32 = 6;

/// A running cluster with one account; its nodes are killed when it is dropped.
pub struct Cluster {
    /// In the order of their start.
    pub nodes: Vec<Server>,
    /// The keyspace, and what the topics' names begin with.
    name: String,
    settings: Settings,
    connection: Vec<String>,
    /// What the nodes are given besides.
    flags: Vec<String>,
    credentials: Value,
    /// Where the attachments are, for all nodes.
    _files: TempDir,
}

impl Cluster {
    /// Makes topics, tables and an account, and starts so many nodes with these flags more.
    pub async fn start(services: &Services, nodes: usize, flags: &[&str]) -> Self {
        let name = format!("t{:08x}", rand::random::<u32>());
        let mut connection = vec!["--engine", "cluster"];
        connection.extend(["--kafka", &services.kafka, "--cql", &services.cql]);
        if !services.search.is_empty() {
            connection.extend(["--search", &services.search]);
        }
        connection.extend(["--keyspace", &name, "--topic-prefix", &name]);
        let partitions = PARTITIONS.to_string();
        connection.extend(["--partitions", &partitions]);
        connection.extend(["--replication", "1", "--min-insync", "1"]);
        let settings = settings(services, &name);
        let connection = connection.into_iter().map(str::to_owned).collect();
        let files = tempfile::tempdir().expect("a temporary directory");
        let shared = format!("file://{}", files.path().display());
        let flags = [&["--files", &shared], flags].concat();
        let flags = flags.into_iter().map(str::to_owned).collect();
        let (nodes_wanted, nodes, credentials) = (nodes, Vec::new(), Value::Null);
        let mut cluster =
            Self { nodes, name, settings, connection, flags, credentials, _files: files };
        cluster.command(&["migrate"]).await;
        cluster.credentials = cluster.account("Test", &[]).await;
        let starting = (0..nodes_wanted).map(|_| cluster.launch());
        cluster.nodes = futures_util::future::join_all(starting).await;
        cluster
    }

    pub fn node(&self, number: usize) -> &Server {
        &self.nodes[number]
    }

    /// To kill, terminate or restart it.
    pub fn node_mut(&mut self, number: usize) -> &mut Server {
        &mut self.nodes[number]
    }

    /// A caller of each node, with the first account's key.
    pub fn clients(&self) -> Vec<Client> {
        self.nodes.iter().map(Server::client).collect()
    }

    /// The first account.
    pub fn account_id(&self) -> AccountId {
        let id = self.credentials["account_id"].as_str().expect("an account");
        id.parse().expect("an account's id")
    }

    /// The engine as a node has it, in this process: it reads and appends, and owns no partition.
    pub async fn engine(&self) -> Arc<dyn Engine> {
        let engine = engine::Cluster::open(&self.settings, Arc::new(Nobody), false).await;
        Arc::new(engine.expect("the cluster opens"))
    }

    /// Starts one node more; gives its number.
    pub async fn add_node(&mut self) -> usize {
        let node = self.launch().await;
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// The same with a node of another release.
    pub async fn add_node_of(&mut self, binary: &str) -> usize {
        let node = Server::launch_of(binary, self.home(), self.arguments()).await;
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// The keyspace, and what the topics' names begin with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `parlor` with arguments and the connection's flags, which must go well; gives what it
    /// printed on standard output.
    pub async fn command(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "parlor {}: {said}", arguments.join(" "));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// The same where it may go wrong; gives all that it printed.
    pub async fn try_command(&self, arguments: &[&str]) -> (bool, String) {
        let output = self.run(arguments).await;
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        let connection: Vec<_> = self.connection.iter().map(String::as_str).collect();
        run(&[arguments, &connection].concat()).await
    }

    /// Makes another account, also while nodes run, and awaits that they all know it; gives its
    /// AeroChat key.
    pub async fn create_account(&self, name: &str, more: &[&str]) -> String {
        let credentials = self.account(name, more).await;
        let key = credentials["aerochat_api_key"].as_str().expect("a key");
        for node in self.nodes.iter().filter(|node| node.runs()) {
            let client = node.client_with(key);
            eventually("the node knows the account", async || {
                let answer = client.get("/bot/v1/contacts/none").await;
                (answer.status != 401).then_some(())
            })
            .await;
        }
        key.to_owned()
    }

    async fn account(&self, name: &str, more: &[&str]) -> Value {
        // The cluster outlives a test, and so do the accounts of others.
        let create = ["account", "create", "--template", "demo", "--same-name", "--name", name];
        let arguments = [&create[..], more].concat();
        serde_json::from_str(&self.command(&arguments).await).expect("credentials")
    }

    async fn launch(&self) -> Server {
        Server::launch(self.home(), self.arguments()).await
    }

    /// Begins to start one node more, at an address; it is not awaited. Gives its number.
    pub async fn begin_node(&mut self, address: &str) -> usize {
        self.begin_node_with(address, &[]).await
    }

    /// The same with other values of some of the connection's flags.
    pub async fn begin_node_with(&mut self, address: &str, other: &[(&str, &str)]) -> usize {
        let mut arguments = self.arguments();
        for (flag, value) in other {
            let place = arguments.iter().position(|known| known == flag).expect("a flag");
            (*value).clone_into(&mut arguments[place + 1]);
        }
        let node = Server::begin(address, self.home(), arguments).await;
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// As the engine of a node is set.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn home(&self) -> Home {
        Home::Cluster(self.credentials.clone())
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments = [self.connection.clone(), self.flags.clone()].concat();
        arguments.push("--no-demo".to_owned());
        arguments
    }
}

/// As the connection's flags say, without search.
pub fn settings(services: &Services, name: &str) -> Settings {
    let kafka = kafka::Settings {
        brokers: vec![services.kafka.clone()],
        options: BTreeMap::new(),
        prefix: name.to_owned(),
        partitions: PARTITIONS,
        replication: 1,
        min_insync: 1,
        generation: 1,
    };
    let cql = cql::Settings {
        hosts: vec![services.cql.clone()],
        user: None,
        password: None,
        tls: false,
        ca: None,
        keyspace: name.to_owned(),
        replication: 1,
        schema: &SCHEMA,
        clock: parlor::app::clock::now,
    };
    Settings { kafka, cql, search: None }
}

/// Is told of nothing that it wants to know.
pub struct Nobody;

impl Observer for Nobody {
    fn committed(&self, _: &[Recorded]) {}

    fn interrupted(&self) {}
}
