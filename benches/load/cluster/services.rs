//! Kafka and Cassandra for a measurement: those that are named, or one of each, started by
//! `tests/services/services.sh hold` and ended with us, however we end.

use std::{
    fs,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::Place;
use crate::server::cpu_of_process;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/services/services.sh");

/// Running services and where they are.
pub(crate) struct Services {
    pub(crate) kafka: String,
    pub(crate) cql: String,
    pub(crate) partitions: u32,
    pub(crate) replication: u32,
    /// For the nodes.
    pub(crate) kafka_options: Vec<String>,
    /// Whether messages are sent under an `Idempotency-Key`, as callers are told to.
    pub(crate) keyed: bool,
    held: Option<Held>,
}

/// Services of our own: the script that runs them.
struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        // The end of its input is what ends it, and the services with it.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl Services {
    /// Those that are named, or one Kafka and one Cassandra with their full just-in-time compilers.
    ///
    /// # Errors
    /// If they do not start; the script gives up after two minutes.
    pub(crate) fn start(named: &Place) -> io::Result<Self> {
        let (partitions, kafka_options) = (named.partitions, named.kafka_options.clone());
        let keyed = !named.without_keys;
        if let (Some(kafka), Some(cql)) = (&named.kafka, &named.cql) {
            let (kafka, cql) = (kafka.clone(), cql.clone());
            let (replication, held) = (named.replication, None);
            return Ok(Self { kafka, cql, partitions, replication, kafka_options, keyed, held });
        }
        let mut script = Command::new(SCRIPT)
            .args(["hold", "kafka", "cassandra"])
            .env("SVC_STEADY", "1")
            .env("SVC_JIT", "-XX:+TieredCompilation")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(stdout) = script.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let held = Some(Held(script));
        let found: serde_json::Value = serde_json::from_str(&line).map_err(|_| {
            io::Error::other(format!("no Kafka and Cassandra to measure against: {line}"))
        })?;
        let at = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
        let (kafka, cql, replication) = (at("kafka"), at("cql"), 1);
        Ok(Self { kafka, cql, partitions, replication, kafka_options, keyed, held })
    }

    /// The CPU seconds of Kafka and of Cassandra so far; nothing of services that are not ours.
    pub(crate) fn cpu(&self) -> [f64; 2] {
        ["kafka.Kafka", "CassandraDaemon"]
            .map(|class| self.process(class).map_or(0.0, |(pid, _)| cpu_of_process(pid)))
    }

    /// The bytes of a topic's records as they are on the broker's disk; 0 where it is not ours.
    pub(crate) fn stored(&self, topic: &str) -> u64 {
        let Some((_, directory)) = self.process("kafka.Kafka") else { return 0 };
        let of_topic = |name: &str| {
            let partition = name.strip_prefix(topic).and_then(|rest| rest.strip_prefix('-'));
            partition.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let found = fs::read_dir(directory.join("data")).into_iter().flatten().flatten();
        let partitions = found.filter(|entry| of_topic(&entry.file_name().to_string_lossy()));
        partitions.map(|entry| segments(&entry.path())).sum()
    }

    /// The process of our script's that runs a Java class, and its directory.
    fn process(&self, class: &str) -> Option<(u32, PathBuf)> {
        let script = self.held.as_ref()?.0.id();
        let children = fs::read_to_string(format!("/proc/{script}/task/{script}/children")).ok()?;
        children.split_whitespace().find_map(|pid| {
            let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
            let runs = line.split('\0').any(|word| word.ends_with(class));
            let temporary = line.split('\0').find_map(|one| one.strip_prefix(TEMPORARY))?;
            let directory = Path::new(temporary).parent()?.to_owned();
            runs.then_some((pid.parse().ok()?, directory))
        })
    }
}

/// Names a service's own directory: that above it.
const TEMPORARY: &str = "-Djava.io.tmpdir=";

fn segments(partition: &Path) -> u64 {
    let files = fs::read_dir(partition).into_iter().flatten().flatten();
    let logs = files.filter(|entry| entry.path().extension().is_some_and(|end| end == "log"));
    logs.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}
