//! Conversations to put load on, made through the front door.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use tokio::task::JoinSet;

use crate::{
    client::{Connection, request},
    drive::refused,
    server::Server,
};

/// The path that takes a customer's message and answers with the bot's.
pub(crate) const MESSAGES: &str = "/bot/v1/conversations/messages";

const QUESTION: &str = "what are your opening hours?";

/// A conversation that the bot answers in.
pub(crate) struct Conversation {
    pub(crate) id: String,
    /// The request that goes on with it.
    pub(crate) post: Arc<[u8]>,
    /// The bytes of an answer.
    pub(crate) answer: usize,
}

/// A conversation as a visitor of the demo's page has it; its id.
///
/// # Errors
/// If there is none to be had.
pub(crate) async fn demo(caller: &mut Connection) -> io::Result<String> {
    let (status, demo) = caller.call(&request("POST", "/live/v1/demo", "", "")).await?;
    let demo: serde_json::Value = serde_json::from_slice(demo)?;
    let id = demo["conversation_id"].as_str().map(str::to_owned);
    id.ok_or_else(|| io::Error::other(format!("no conversation: {status}")))
}

/// Starts this many conversations, one after the other.
///
/// # Errors
/// If a post is refused, or is not answered by the bot.
pub(crate) async fn start(server: &Server, count: usize) -> io::Result<Vec<Conversation>> {
    start_keyed(server, count, "").await
}

/// The same; the posts that go on with them have `key` among their headers, which is [`KEYED`] or nothing.
///
/// # Errors
/// As [`start`].
///
/// [`KEYED`]: crate::client::KEYED
pub(crate) async fn start_keyed(
    server: &Server,
    count: usize,
    key: &str,
) -> io::Result<Vec<Conversation>> {
    let mut connection = Connection::open(server.address).await?;
    let credential = server.credential();
    let headers = format!("{credential}{key}");
    let mut conversations = Vec::with_capacity(count);
    for _ in 0..count {
        let one = start_one(&mut connection, &credential).await?;
        let post = request("POST", MESSAGES, &headers, &body(Some(&one.id))).into();
        conversations.push(Conversation { post, ..one });
    }
    Ok(conversations)
}

/// Starts this many conversations with a credential, one after the other.
///
/// # Errors
/// As [`start`].
pub(crate) async fn start_as(
    address: SocketAddr,
    credential: &str,
    count: usize,
) -> io::Result<Vec<Conversation>> {
    let mut connection = Connection::open(address).await?;
    let mut conversations = Vec::with_capacity(count);
    for _ in 0..count {
        conversations.push(start_one(&mut connection, credential).await?);
    }
    Ok(conversations)
}

/// The requests of so many conversations, which are started many at a time.
///
/// # Errors
/// As [`start`].
pub(crate) async fn start_many(
    address: SocketAddr,
    credential: &str,
    count: usize,
) -> io::Result<Vec<Arc<[u8]>>> {
    const AT_ONCE: usize = 32;
    let each = count.div_ceil(AT_ONCE);
    let starting = (0..AT_ONCE).map(|_| start_as(address, credential, each));
    let started = futures_util::future::try_join_all(starting).await?;
    Ok(started.into_iter().flatten().take(count).map(|one| one.post).collect())
}

/// Asks in a conversation until it holds this many messages, two a time.
///
/// # Errors
/// If a post is refused.
pub(crate) async fn fill_one(server: &Server, messages: usize) -> io::Result<String> {
    let mut connection = Connection::open(server.address).await?;
    let conversation = start_one(&mut connection, &server.credential()).await?;
    for _ in 1..messages / 2 {
        let (status, answer) = connection.call(&conversation.post).await?;
        if status != 200 {
            return Err(refused(status, answer));
        }
    }
    Ok(conversation.id)
}

/// The body of a post, into a conversation or into a new one.
pub(crate) fn body(conversation: Option<&str>) -> String {
    match conversation {
        Some(id) => format!(r#"{{"message":"{QUESTION}","conversation_id":"{id}"}}"#),
        None => format!(r#"{{"message":"{QUESTION}"}}"#),
    }
}

/// What a client was told is stored, for a look after a crash.
pub(crate) struct Witness {
    pub(crate) id: String,
    /// Posts answered in this conversation; each stored two messages.
    pub(crate) posts: u64,
}

/// Posts in a conversation before a client starts the next.
const LENGTH: u64 = 10;

/// Clients that post into ever new conversations until stopped, or until the server breaks.
pub(crate) struct Crowd {
    tasks: JoinSet<Option<Witness>>,
    posted: Arc<AtomicU64>,
    /// Tasks that have not ended.
    running: Arc<AtomicU64>,
}

impl Crowd {
    /// Sets them off; they end by themselves after `posts` posts or at `until`.
    pub(crate) fn start(server: &Server, clients: usize, posts: u64, until: Instant) -> Self {
        let posted = Arc::new(AtomicU64::new(0));
        let running = Arc::new(AtomicU64::new(clients as u64));
        let mut tasks = JoinSet::new();
        for _ in 0..clients {
            let (credential, address) = (server.credential(), server.address);
            let (posted, running) = (posted.clone(), running.clone());
            tasks.spawn(async move {
                let mut witness = None;
                // An error is the end that a killed server brings about.
                let _ = chat(address, &credential, &posted, posts, until, &mut witness).await;
                running.fetch_sub(1, Relaxed);
                witness
            });
        }
        Self { tasks, posted, running }
    }

    /// Posts answered so far.
    pub(crate) fn posted(&self) -> u64 {
        self.posted.load(Relaxed)
    }

    /// Whether all have ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.running.load(Relaxed) == 0
    }

    /// Waits until all have ended; what each was told last.
    pub(crate) async fn finish(self) -> Vec<Witness> {
        self.tasks.join_all().await.into_iter().flatten().collect()
    }
}

async fn chat(
    address: SocketAddr,
    credential: &str,
    posted: &AtomicU64,
    most: u64,
    until: Instant,
    witness: &mut Option<Witness>,
) -> io::Result<()> {
    let mut connection = Connection::open(address).await?;
    while posted.load(Relaxed) < most && Instant::now() < until {
        let conversation = start_one(&mut connection, credential).await?;
        posted.fetch_add(1, Relaxed);
        let current = witness.insert(Witness { id: conversation.id, posts: 1 });
        while current.posts < LENGTH && posted.load(Relaxed) < most {
            let (status, answer) = connection.call(&conversation.post).await?;
            if status != 200 {
                return Err(refused(status, answer));
            }
            current.posts += 1;
            posted.fetch_add(1, Relaxed);
        }
    }
    Ok(())
}

async fn start_one(connection: &mut Connection, credential: &str) -> io::Result<Conversation> {
    let start = request("POST", MESSAGES, credential, &body(None));
    let (status, bytes) = connection.call(&start).await?;
    if status != 200 {
        return Err(refused(status, bytes));
    }
    let answer: serde_json::Value = serde_json::from_slice(bytes)?;
    let Some(id) = answer["conversation_id"].as_str() else {
        return Err(io::Error::other("the answer names no conversation"));
    };
    if answer["reply"]["text"].as_str().is_none_or(str::is_empty) {
        return Err(io::Error::other(format!("the bot did not answer: {answer}")));
    }
    let post = request("POST", MESSAGES, credential, &body(Some(id))).into();
    Ok(Conversation { id: id.to_owned(), post, answer: bytes.len() })
}
