//! Nodes of the real binary over real services, with a keyspace and topics of their own.

use serde_json::Value;

use super::Server;
use super::server::{Home, run};
use super::services::Services;
use super::wait::eventually;

mod tests;

/// A running cluster with one account; its nodes are killed when it is dropped.
pub struct Cluster {
    /// In the order of their start.
    pub nodes: Vec<Server>,
    /// The keyspace, and what the topics' names begin with.
    name: String,
    connection: Vec<String>,
    /// What the nodes are given besides.
    flags: Vec<String>,
    credentials: Value,
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
        connection.extend(["--partitions", "6", "--replication", "1", "--min-insync", "1"]);
        let connection = connection.into_iter().map(str::to_owned).collect();
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let (nodes_wanted, nodes, credentials) = (nodes, Vec::new(), Value::Null);
        let mut cluster = Self { nodes, name, connection, flags, credentials };
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

    /// Starts one node more; gives its number.
    pub async fn add_node(&mut self) -> usize {
        let node = self.launch().await;
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
        let connection: Vec<_> = self.connection.iter().map(String::as_str).collect();
        let output = run(&[arguments, &connection].concat()).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "parlor {}: {said}", arguments.join(" "));
        String::from_utf8(output.stdout).expect("UTF-8")
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
        let arguments = [&["account", "create", "--name", name], more].concat();
        serde_json::from_str(&self.command(&arguments).await).expect("credentials")
    }

    async fn launch(&self) -> Server {
        let mut arguments = [self.connection.clone(), self.flags.clone()].concat();
        arguments.push("--no-demo".to_owned());
        Server::launch(Home::Cluster(self.credentials.clone()), arguments).await
    }
}
