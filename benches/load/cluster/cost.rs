//! What messages cost, over all processes: CPU time, Kafka records and bytes, CQL statements.

use std::{collections::BTreeMap, io, time::Instant};

use super::{nodes::Nodes, services::Services, topics::Topics};
use crate::{
    figures::{median, millis},
    server::{cpu_of_machine, own_cpu},
};

/// The topics that a message may go into.
const TOPICS: [&str; 3] = ["events", "replies", "applied"];

/// Sums since the processes began, or between two moments.
#[derive(Clone, Default)]
pub(crate) struct Cost {
    /// CPU seconds.
    pub(crate) nodes: f64,
    pub(crate) kafka: f64,
    pub(crate) cassandra: f64,
    /// In `events`, `replies` and `applied`.
    pub(crate) records: [f64; 3],
    /// As stored, once.
    pub(crate) bytes: [f64; 3],
    /// Executed, by their names; a batch is one.
    pub(crate) statements: BTreeMap<String, f64>,
    /// Commits of the views.
    pub(crate) commits: f64,
}

impl Cost {
    /// All sums as they are now.
    ///
    /// # Errors
    /// If a node or a broker does not answer.
    pub(crate) async fn now(
        nodes: &Nodes,
        services: &Services,
        topics: &Topics,
    ) -> io::Result<Self> {
        let counted = nodes.counted().await?;
        let statements = counted.iter().filter_map(|(name, count)| {
            let labels = name.strip_prefix("parlor_cql_seconds_count")?;
            Some((labels.split('"').nth(1)?.to_owned(), *count))
        });
        let [kafka, cassandra] = services.cpu();
        let mut cost = Self {
            nodes: nodes.cpu(),
            kafka,
            cassandra,
            statements: statements.collect(),
            commits: counted.get("parlor_projector_commit_seconds_count").copied().unwrap_or(0.0),
            ..Self::default()
        };
        for (index, which) in TOPICS.into_iter().enumerate() {
            cost.records[index] = topics.ends(which)?.iter().sum::<i64>() as f64;
            cost.bytes[index] = services.stored(&topics.topic(which)) as f64;
        }
        Ok(cost)
    }

    /// What has come since `before`, for each of so many messages.
    pub(crate) fn each(&self, before: &Self, messages: u64) -> Self {
        let messages = (messages as f64).max(1.0);
        let of = |now: f64, then: f64| (now - then) / messages;
        let pairs = |now: &[f64; 3], then: &[f64; 3]| {
            [of(now[0], then[0]), of(now[1], then[1]), of(now[2], then[2])]
        };
        let statements = self.statements.iter().map(|(name, count)| {
            let then = before.statements.get(name).copied().unwrap_or(0.0);
            (name.clone(), of(*count, then))
        });
        Self {
            nodes: of(self.nodes, before.nodes),
            kafka: of(self.kafka, before.kafka),
            cassandra: of(self.cassandra, before.cassandra),
            records: pairs(&self.records, &before.records),
            bytes: pairs(&self.bytes, &before.bytes),
            statements: statements.collect(),
            commits: of(self.commits, before.commits),
        }
    }

    /// All statements together.
    pub(crate) fn statements(&self) -> f64 {
        self.statements.values().sum()
    }
}

/// How busy everybody else kept the machine: what a rate is worth depends on it.
pub(crate) struct Others {
    began: Instant,
    machine: f64,
    ours: f64,
}

impl Others {
    /// From here on.
    pub(crate) fn since_now(nodes: &Nodes, services: &Services) -> Self {
        let (machine, ours) = (cpu_of_machine(), ours(nodes, services));
        Self { began: Instant::now(), machine, ours }
    }

    /// The cores that others took up to now, on average.
    pub(crate) fn cores(&self, nodes: &Nodes, services: &Services) -> f64 {
        let all = cpu_of_machine() - self.machine;
        let ours = ours(nodes, services) - self.ours;
        (all - ours).max(0.0) / self.began.elapsed().as_secs_f64().max(1e-9)
    }
}

fn ours(nodes: &Nodes, services: &Services) -> f64 {
    nodes.cpu() + services.cpu().iter().sum::<f64>() + own_cpu()
}

/// Prints how many of the machine's cores others took in each round.
pub(crate) fn print_others(cores: &[f64]) {
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    let most = cores.iter().copied().fold(0.0, f64::max);
    let middle = millis(median(cores.to_vec()));
    println!("others took {middle} of {all} cores meanwhile, at most {}", millis(most));
}
