//! The bare loop: the same records and rows through the same drivers, by who writes them as they come.
//!
//! No HTTP, no fold, no reads, no batches: each message's two records are produced and awaited, then
//! each row is a statement of its own, all of one message at once. The statements are those of
//! `src/engine/cluster/cql/statements.rs`, the producer is set as in `kafka.rs` beside it.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, ClientContext,
    message::{Header, Message, OwnedHeaders},
    producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer},
};
use scylla::{
    client::{session::Session, session_builder::SessionBuilder},
    statement::prepared::PreparedStatement,
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::JoinSet,
};
use uuid::Uuid;

use super::{
    mould::{Mould, Record, rename},
    nodes::Nodes,
    services::Services,
    topics::Topics,
};
use crate::{
    drive::MOST,
    figures::{Latency, Measure},
    server::own_cpu,
};

/// Messages from one page of a conversation to the next: two events each, 50 a page.
const PAGE: i64 = 25;

/// The loop, with a runtime of its own: the clients' has one thread.
pub(crate) struct Bare {
    runtime: Option<Runtime>,
    drivers: Arc<Drivers>,
}

impl Drop for Bare {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

struct Drivers {
    producer: ThreadedProducer<Acknowledged>,
    topic: String,
    partitions: i32,
    session: Session,
    event: PreparedStatement,
    state: PreparedStatement,
    contact: PreparedStatement,
    total: PreparedStatement,
    page: PreparedStatement,
    mould: Mould,
}

impl Bare {
    /// Connects, and copies the last message of nodes that have one conversation; it writes into
    /// the topics and the keyspace of `name`.
    ///
    /// # Errors
    /// If Kafka or Cassandra refuses, or there is nothing to copy.
    pub(crate) async fn open(services: &Services, nodes: &Nodes, name: String) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().enable_all().worker_threads(2).build()?;
        let topics = Topics::open(services, &nodes.name)?;
        let (brokers, cql) = (services.kafka.clone(), services.cql.clone());
        let (partitions, from) = (services.partitions as i32, nodes.name.clone());
        let connecting = runtime.spawn(async move {
            let hosts: Vec<_> = cql.split(',').map(str::to_owned).collect();
            let session = SessionBuilder::new().known_nodes(&hosts).build().await;
            let session = session.map_err(io::Error::other)?;
            let mould = Mould::take(&topics, &session, &from).await?;
            Drivers::new(&brokers, partitions, session, &name, mould).await
        });
        let drivers = Arc::new(connecting.await.map_err(io::Error::other)??);
        Ok(Self { runtime: Some(runtime), drivers })
    }

    /// Writes messages from this many clients, each back to back, and measures.
    ///
    /// # Errors
    /// If a write fails: then the figures are worth nothing.
    pub(crate) async fn drive(&self, clients: usize, seconds: f64) -> io::Result<Measure> {
        let Some(runtime) = &self.runtime else { return Err(io::ErrorKind::Other.into()) };
        let drivers = self.drivers.clone();
        let driving = runtime.spawn(async move {
            let latency = Latency::new();
            let own = own_cpu();
            let began = Instant::now();
            let until = began + Duration::from_secs_f64(seconds);
            let mut tasks = JoinSet::new();
            for client in 0..clients {
                let (drivers, latency) = (drivers.clone(), latency.clone());
                tasks.spawn(async move { drivers.chat(client as i32, until, &latency).await });
            }
            for outcome in tasks.join_all().await {
                outcome?;
            }
            let (wall, cpu) = (began.elapsed(), own_cpu() - own);
            Ok(Measure { latency, failures: 0, wall, server_cpu: cpu, client_cpu: 0.0 })
        });
        driving.await.map_err(io::Error::other)?
    }
}

impl Drivers {
    async fn new(
        brokers: &str,
        partitions: i32,
        session: Session,
        name: &str,
        mould: Mould,
    ) -> io::Result<Self> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("socket.nagle.disable", "true")
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("compression.type", "lz4")
            .set("linger.ms", "0")
            .create_with_context(Acknowledged)
            .map_err(io::Error::other)?;
        let prepare = async |text: &str| {
            let text = text.replace("ks.", &format!("{name}."));
            let mut prepared = session.prepare(text).await.map_err(io::Error::other)?;
            prepared.set_is_idempotent(true);
            Ok::<_, io::Error>(prepared)
        };
        Ok(Self {
            producer,
            topic: format!("{name}.events"),
            partitions,
            event: prepare("INSERT INTO ks.timeline (account, conversation, seq, type, event) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?").await?,
            state: prepare("UPDATE ks.timeline USING TIMESTAMP ? SET state = ? WHERE account = ? AND conversation = ?").await?,
            contact: prepare("INSERT INTO ks.contacts (account, contact, state) VALUES (?, ?, ?) USING TIMESTAMP ?").await?,
            total: prepare("INSERT INTO ks.totals (account, log_partition, inbound, outbound, seq) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?").await?,
            page: prepare("INSERT INTO ks.pages (account, conversation, block, seq) VALUES (?, ?, ?, ?) USING TIMESTAMP ?").await?,
            session,
            mould,
        })
    }

    /// One client: message after message in a conversation of its own.
    async fn chat(&self, client: i32, until: Instant, latency: &Latency) -> io::Result<()> {
        let ids = Ids { account: Uuid::from_u128(1), conversation: random(), contact: random() };
        let partition = client % self.partitions;
        let mut now = Instant::now();
        let mut count = 0;
        while now < until && latency.count() < MOST {
            self.message(&ids, partition, count).await?;
            count += 1;
            latency.record(now.elapsed());
            now = Instant::now();
        }
        Ok(())
    }

    async fn message(&self, ids: &Ids, partition: i32, count: i64) -> io::Result<()> {
        let id = random().simple().to_string();
        let id: [u8; 32] = id.as_bytes().try_into().map_err(io::Error::other)?;
        let [inbound, outbound] = &self.mould.records;
        let (asked, answered) =
            (self.produce(partition, inbound, &id)?, self.produce(partition, outbound, &id)?);
        let (asked, answered) = (seq(asked).await?, seq(answered).await?);
        let [(of_inbound, inbound), (of_outbound, outbound)] = &self.mould.events;
        let (account, conversation) = (ids.account, ids.conversation);
        let event = |seq, name, text: &str| {
            let mut text = text.to_owned().into_bytes();
            rename(&mut text, &id);
            let text = String::from_utf8_lossy(&text).into_owned();
            (account, conversation, seq, name, text, seq)
        };
        let first = event(asked, of_inbound, inbound);
        let second = event(answered, of_outbound, outbound);
        let state = (answered, &self.mould.conversation, account, conversation);
        let contact = (account, ids.contact, &self.mould.contact, asked);
        let total = (account, partition, count, count, answered, answered);
        let run = async |statement, values| self.run(statement, values).await;
        let written = tokio::try_join!(
            self.run(&self.event, first),
            self.run(&self.event, second),
            self.run(&self.state, state),
            self.run(&self.contact, contact),
            self.run(&self.total, total),
            async {
                if count % PAGE > 0 {
                    return Ok(());
                }
                run(&self.page, (account, conversation, count / PAGE, asked, asked)).await
            },
        );
        written.map(drop)
    }

    async fn run(
        &self,
        statement: &PreparedStatement,
        values: impl scylla::serialize::row::SerializeRow,
    ) -> io::Result<()> {
        let done = self.session.execute_unpaged(statement, values).await;
        done.map(drop).map_err(io::Error::other)
    }

    fn produce(
        &self,
        partition: i32,
        record: &Record,
        id: &[u8; 32],
    ) -> io::Result<oneshot::Receiver<Option<i64>>> {
        let (acknowledged, offset) = oneshot::channel();
        let mut value = record.value.clone();
        rename(&mut value, id);
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in &record.headers {
            headers = headers.insert(Header { key, value: Some(value) });
        }
        let record = BaseRecord::with_opaque_to(&self.topic, Box::new(acknowledged))
            .partition(partition)
            .key(&record.key)
            .payload(&value)
            .headers(headers);
        self.producer.send(record).map_err(|(error, _)| io::Error::other(error))?;
        Ok(offset)
    }
}

struct Ids {
    account: Uuid,
    conversation: Uuid,
    contact: Uuid,
}

/// The place of a record in the log, as the views have it, once the brokers have it.
async fn seq(offset: oneshot::Receiver<Option<i64>>) -> io::Result<i64> {
    let offset = offset.await.ok().flatten();
    let offset = offset.ok_or_else(|| io::Error::other("a record was not acknowledged"))?;
    Ok((1 << 40) | offset)
}

fn random() -> Uuid {
    Uuid::from_u128(rand::random())
}

/// Hears from the brokers where each record is.
struct Acknowledged;

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = Box<oneshot::Sender<Option<i64>>>;

    fn delivery(&self, result: &DeliveryResult<'_>, acknowledged: Self::DeliveryOpaque) {
        let offset = result.as_ref().ok().map(|message| message.offset());
        // Who waits may have given up.
        let _ = acknowledged.send(offset);
    }
}
