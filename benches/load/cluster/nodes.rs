//! Nodes of Parlor with a keyspace, topics and an account of their own.

use std::{
    collections::BTreeMap,
    io,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::services::Services;
use crate::{
    client::KEYED,
    conversations::{Conversation, start_keyed},
    server::{Process, Server, Setting},
};

/// Running nodes; they are killed when this is dropped.
pub(crate) struct Nodes {
    pub(crate) servers: Vec<Server>,
    /// The keyspace, and what the topics' names begin with.
    pub(crate) name: String,
    connection: Vec<String>,
    key: String,
    keyed: bool,
    home: TempDir,
}

impl Nodes {
    /// Makes topics, tables and an account, starts so many nodes, and waits until each has its
    /// share of the partitions.
    ///
    /// # Errors
    /// If anything of that fails; what the program said is part of the message.
    pub(crate) async fn start(
        setting: &Setting,
        services: &Services,
        count: usize,
    ) -> io::Result<Self> {
        let (name, connection) = prepare(setting, services)?;
        let create = ["account", "create", "--template", "demo", "--name", "Load"];
        let (account, _) = setting.run(&create, &connection)?;
        let account: serde_json::Value = serde_json::from_str(&account)?;
        let key = account["aerochat_api_key"].as_str();
        let key = key.ok_or_else(|| io::Error::other("the account has no key"))?.to_owned();
        let (servers, home) = (Vec::new(), setting.fresh()?);
        let keyed = services.keyed;
        let mut nodes = Self { servers, name, connection, key, keyed, home };
        for _ in 0..count {
            nodes.launch(setting)?;
        }
        nodes.settle(services.partitions).await?;
        Ok(nodes)
    }

    /// Starts one node.
    pub(crate) fn launch(&mut self, setting: &Setting) -> io::Result<()> {
        let log = self.home.path().join(format!("{}.log", self.servers.len()));
        let mut arguments = self.connection.clone();
        arguments.push("--no-demo".to_owned());
        self.servers.push(Server::node(setting, &arguments, &self.key, &log)?);
        Ok(())
    }

    /// The flags that say where everything is.
    pub(crate) fn connection(&self) -> &[String] {
        &self.connection
    }

    /// All nodes, as what answers.
    pub(crate) fn processes(&self) -> Vec<&Process> {
        self.servers.iter().map(|server| &**server).collect()
    }

    /// The CPU seconds of all nodes.
    pub(crate) fn cpu(&self) -> f64 {
        self.servers.iter().map(|server| server.cpu()).sum()
    }

    /// Starts conversations, over all nodes.
    pub(crate) async fn conversations(&self, count: usize) -> io::Result<Vec<Conversation>> {
        let key = if self.keyed { KEYED } else { "" };
        let mut started = Vec::with_capacity(count);
        for (index, server) in self.servers.iter().enumerate() {
            let share = (count + index) / self.servers.len();
            started.extend(start_keyed(server, share, key).await?);
        }
        Ok(started)
    }

    /// What the nodes have counted, all together, by the name of the metric with its labels.
    pub(crate) async fn counted(&self) -> io::Result<BTreeMap<String, f64>> {
        let mut sums = BTreeMap::new();
        for server in &self.servers {
            for (name, value) in server.counted().await? {
                *sums.entry(name).or_default() += value;
            }
        }
        Ok(sums)
    }

    /// Waits until every partition has one owner and no node has more than its share.
    async fn settle(&self, partitions: u32) -> io::Result<()> {
        let share = f64::from(partitions.div_ceil(self.servers.len() as u32));
        let until = Instant::now() + Duration::from_secs(60);
        let mut steady = 0;
        while steady < 5 {
            if Instant::now() > until {
                return Err(io::Error::other("the nodes do not share the partitions"));
            }
            let mut owned = Vec::new();
            for server in &self.servers {
                let of_one = Self::owned_by(server).await?;
                owned.push(of_one);
            }
            let shared = owned.iter().all(|count| *count <= share);
            let fits = shared && owned.iter().sum::<f64>() == f64::from(partitions);
            steady = if fits { steady + 1 } else { 0 };
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    async fn owned_by(server: &Server) -> io::Result<f64> {
        let counted = server.counted().await?;
        Ok(counted.get("parlor_projector_partitions_owned").copied().unwrap_or(0.0))
    }
}

/// Makes topics and tables under a new name; that name, and the flags that say where they are.
///
/// # Errors
/// If `parlor migrate` fails.
pub(crate) fn prepare(setting: &Setting, services: &Services) -> io::Result<(String, Vec<String>)> {
    let name = format!("load{:08x}", rand::random::<u32>());
    let copies = services.replication;
    let flags = [
        ("engine", "cluster".to_owned()),
        ("kafka", services.kafka.clone()),
        ("cql", services.cql.clone()),
        ("keyspace", name.clone()),
        ("topic-prefix", name.clone()),
        ("partitions", services.partitions.to_string()),
        ("replication", copies.to_string()),
        ("min-insync", copies.min(2).to_string()),
    ];
    let flags = flags.into_iter().flat_map(|(flag, value)| [format!("--{flag}"), value]);
    let options = services.kafka_options.iter().flat_map(|option| ["--kafka-option", option]);
    let connection: Vec<_> = flags.chain(options.map(str::to_owned)).collect();
    setting.run(&["migrate"], &connection)?;
    Ok((name, connection))
}
