//! The limits below HTTP: the disk's sync, and the same rows written without a server.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use rustix::fs::{FallocateFlags, fallocate};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use crate::{
    drive::MOST,
    figures::{Latency, Measure},
    server::own_cpu,
};

/// Appends 4 KiB and syncs it, one after the other, for this long: the latency of a sync.
pub(crate) fn syncs(directory: &Path, seconds: f64) -> io::Result<Latency> {
    let path = directory.join("syncs");
    let mut file = File::create(&path)?;
    let block = [0xa5; 4096];
    let latency = Latency::new();
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    let mut now = Instant::now();
    while now < until && latency.count() < MOST {
        file.write_all(&block)?;
        file.sync_data()?;
        latency.record(now.elapsed());
        now = Instant::now();
    }
    std::fs::remove_file(path)?;
    Ok(latency)
}

/// What was written to a log: batches, and the bytes of all of them.
#[derive(Clone, Copy)]
pub(crate) struct Batches {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
}

/// Appends as many bytes in as many batches to an empty file, which has room for them, and syncs each;
/// how many seconds that takes.
///
/// # Errors
/// If the disk refuses.
pub(crate) fn appends(directory: &Path, batches: Batches) -> io::Result<f64> {
    let path = directory.join("appends");
    let mut file = File::create(&path)?;
    fallocate(&file, FallocateFlags::empty(), 0, batches.bytes.max(1))?;
    file.sync_all()?;
    let size = usize::try_from(batches.bytes / batches.count.max(1)).map_err(io::Error::other)?;
    let batch = vec![0xa5; size];
    let began = Instant::now();
    for _ in 0..batches.count {
        file.write_all(&batch)?;
        file.sync_data()?;
    }
    let took = began.elapsed();
    std::fs::remove_file(path)?;
    Ok(took.as_secs_f64())
}

/// The rows of a post, written by one thread that syncs once per batch; no HTTP, no bot, no reads.
pub(crate) struct Writer {
    posts: mpsc::Sender<Post>,
    thread: Option<thread::JoinHandle<io::Result<()>>>,
}

/// A client's post, and whom to tell when it is durable.
struct Post {
    client: u64,
    done: oneshot::Sender<()>,
}

/// The most posts that go into one batch.
const BATCH: usize = 1_024;

impl Writer {
    /// Opens a database in a fresh directory and starts the thread.
    pub(crate) fn start(directory: &Path) -> io::Result<Self> {
        let mut tables = Tables::open(directory).map_err(io::Error::other)?;
        let (posts, mut queue) = mpsc::channel::<Post>(BATCH * 4);
        let thread = thread::spawn(move || {
            let mut batch = Vec::with_capacity(BATCH);
            while let Some(post) = queue.blocking_recv() {
                batch.push(post);
                while batch.len() < BATCH
                    && let Ok(post) = queue.try_recv()
                {
                    batch.push(post);
                }
                tables.write(&batch).map_err(io::Error::other)?;
                for post in batch.drain(..) {
                    // A client that has left does not need to know.
                    let _ = post.done.send(());
                }
            }
            Ok(())
        });
        Ok(Self { posts, thread: Some(thread) })
    }

    /// Posts from this many clients, each back to back, and measures.
    pub(crate) async fn drive(&self, clients: usize, seconds: f64) -> Measure {
        let latency = Latency::new();
        let own = own_cpu();
        let began = Instant::now();
        let until = began + Duration::from_secs_f64(seconds);
        let mut tasks = JoinSet::new();
        for client in 0..clients as u64 {
            let (posts, latency) = (self.posts.clone(), latency.clone());
            tasks.spawn(async move {
                let mut now = Instant::now();
                while now < until && latency.count() < MOST {
                    let (done, durable) = oneshot::channel();
                    if posts.send(Post { client, done }).await.is_err() || durable.await.is_err() {
                        return;
                    }
                    latency.record(now.elapsed());
                    now = Instant::now();
                }
            });
        }
        while tasks.join_next().await.is_some() {}
        let cpu = own_cpu() - own;
        // Clients and writer are one process here; all of it counts as the server's.
        let wall = began.elapsed();
        Measure { latency, failures: 0, wall, server_cpu: cpu, client_cpu: 0.0 }
    }

    /// Ends the thread.
    ///
    /// # Errors
    /// If the writer failed: then the figures are worth nothing.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let thread = self.thread.take();
        drop(self);
        match thread.map(thread::JoinHandle::join) {
            Some(Ok(outcome)) => outcome,
            _ => Err(io::Error::other("the writer of the bare loop panicked")),
        }
    }
}

/// The tables a post writes to, each a keyspace of its own.
struct Tables {
    database: Database,
    log: Keyspace,
    timeline: Keyspace,
    conversations: Keyspace,
    contacts: Keyspace,
    checkpoints: Keyspace,
    /// The number of the next log row.
    next: u64,
    text: Text,
}

impl Tables {
    fn open(directory: &Path) -> fjall::Result<Self> {
        let database = Database::builder(directory).open()?;
        let table = |name| database.keyspace(name, KeyspaceCreateOptions::default);
        Ok(Self {
            log: table("log")?,
            timeline: table("timeline")?,
            conversations: table("conversations")?,
            contacts: table("contacts")?,
            checkpoints: table("checkpoints")?,
            database,
            next: 0,
            text: Text::new(),
        })
    }

    /// Two events and their rows in the views for each post, one checkpoint, one sync.
    fn write(&mut self, posts: &[Post]) -> fjall::Result<()> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        for post in posts {
            for _ in 0..2 {
                let key = self.next.to_be_bytes();
                self.next += 1;
                batch.insert(&self.log, key, self.text.row(450));
                batch.insert(&self.timeline, pair(post.client, self.next), self.text.row(450));
            }
            batch.insert(&self.conversations, pair(1, post.client), self.text.row(350));
            batch.insert(&self.contacts, pair(2, post.client), self.text.row(300));
        }
        batch.insert(&self.checkpoints, *b"views", self.next.to_be_bytes());
        batch.commit()
    }
}

/// Values to write: JSON, half of it words that repeat, half of it ids that do not.
struct Text {
    bytes: Vec<u8>,
    at: usize,
}

impl Text {
    /// Made beforehand, so that the loop spends its time on writing.
    fn new() -> Self {
        let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
        let mut bytes = Vec::new();
        while bytes.len() < 4 << 20 {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            bytes.extend_from_slice(format!("\"conversation_id\":\"{noise:016x}\",").as_bytes());
        }
        Self { bytes, at: 0 }
    }

    /// The next row of this size.
    fn row(&mut self, size: usize) -> &[u8] {
        if self.at + size > self.bytes.len() {
            self.at = 0;
        }
        self.at += size;
        &self.bytes[self.at - size..self.at]
    }
}

fn pair(first: u64, second: u64) -> [u8; 16] {
    ((u128::from(first) << 64) | u128::from(second)).to_be_bytes()
}
