//! The ports to what keeps things: the log and the views, and their contracts.
//!
//! An engine is one [`EventLog`], one [`Views`] and one [`Search`] that belong together. Every
//! sentence of the contracts below is a test in `tests/it/engines/`, run on every engine.
//!
//! Why traits with boxed futures and not generics: the engine is chosen at start, one call per
//! message is nothing beside a sync, and generics would run through every signature above.

#[cfg(feature = "cluster")]
pub mod cluster;
pub mod embedded;
pub mod feed;
pub mod pauses;
pub mod relay;

use std::sync::Arc;

use async_trait::async_trait;

use feed::{Follower, Source};

use crate::domain::contact::Contact;
use crate::domain::conversation::{Conversation, Effect};
use crate::domain::event::Event;
use crate::domain::ids::{AccountId, ContactId, ConversationId};
use crate::domain::seq::Seq;
use crate::domain::time::Timestamp;
use crate::projection::{Damaged, Folded, Key, Places, Rows, claims, totals::Totals};

pub use crate::projection::SCHEMA;

/// Why an engine could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too much is waiting already; nothing was written.
    #[error("the log is overloaded")]
    Overloaded,
    /// Nothing is written now (disk full, log away); reads may go on. Nothing was written.
    #[error("the log takes no writes: {0}")]
    ReadOnly(String),
    /// It is not known whether the write happened: the answer never came.
    #[error("the outcome of a write is not known")]
    Unknown,
    /// The data directory is in use by another process.
    #[error("{0} is in use by another parlor process, such as a server: stop it first")]
    Locked(String),
    /// The data directory cannot be used as it is; the text says which, why, and what to do.
    #[error("{0}")]
    Unusable(String),
    /// The storage failed or holds what cannot be read.
    #[error("storage: {0}")]
    Storage(String),
}

/// The outcome of a call to an engine.
pub type Result<T> = std::result::Result<T, Error>;

/// The two logs: conversations' events, and administration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    Events,
    Accounts,
}

impl Topic {
    /// Where an event belongs.
    pub fn of(event: &Event) -> Self {
        if event.body.is_administrative() { Self::Accounts } else { Self::Events }
    }
}

/// An event at its place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    pub seq: Seq,
    pub event: Arc<Event>,
}

/// What became of an appended event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    pub seq: Seq,
    /// What the fold made of it, as far as this node knows.
    pub effect: Effect,
}

/// Is told of events once they are durable and in the views, in the order of the log. An engine
/// with a [`relay::Relay`] tells of all administration, again from its beginning when it is opened,
/// and of the conversations that are watched, of each in its order and not of contacts' own events.
pub trait Observer: Send + Sync {
    /// Events the fold applied, of one commit. Must not block.
    fn committed(&self, events: &[Recorded]);
    /// The engine was reopened: readers must fetch what they missed from the views.
    fn interrupted(&self);
    /// Another node says something about a conversation that is watched here. Must not block.
    fn signalled(&self, _conversation: ConversationId, _signal: relay::Signal) {}
}

/// The ordered, partitioned, durable record of events.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// How many partitions `topic` has; it does not change while the process runs.
    fn partitions(&self, topic: Topic) -> u32;

    /// Appends events of one stream key and topic, in this order, with none of this node's between
    /// them.
    ///
    /// Returns when they are durable and the views show them, one result each. On an error
    /// other than [`Error::Unknown`] nothing was written. Cancelling the future does not cancel the write.
    async fn append(&self, events: Vec<Event>) -> Result<Vec<Appended>>;

    /// Up to `limit` events of a partition after `after`, in order.
    async fn read(
        &self,
        topic: Topic,
        partition: u32,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Recorded>>;

    /// The last position of a partition, its last event's or a later one; [`Seq::START`] when it is
    /// empty.
    async fn end(&self, topic: Topic, partition: u32) -> Result<Seq>;
}

impl From<Damaged> for Error {
    fn from(damaged: Damaged) -> Self {
        Self::Storage(damaged.to_string())
    }
}

/// What answers queries: the tables of the schema, whose queries stand with them in `projection`, and
/// what is special. Every query names the account first.
#[async_trait]
pub trait Views: Rows<Error = Error> {
    /// The state of an aggregate's key, whichever the schema has.
    async fn state(&self, key: Key) -> Result<Option<Folded>>;

    /// A conversation of this account.
    async fn conversation(
        &self,
        account: AccountId,
        id: ConversationId,
    ) -> Result<Option<Conversation>>;

    /// A contact of this account.
    async fn contact(&self, account: AccountId, id: ContactId) -> Result<Option<Contact>>;

    /// Up to `limit` events of a conversation's timeline after `after`, oldest first.
    async fn timeline(
        &self,
        account: AccountId,
        conversation: ConversationId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Recorded>>;

    /// The last `limit` events of a conversation's timeline before `before`, oldest first. Costs no
    /// more deep in a conversation than at its end.
    async fn timeline_before(
        &self,
        account: AccountId,
        conversation: ConversationId,
        before: Seq,
        limit: usize,
    ) -> Result<Vec<Recorded>>;

    /// The messages of a conversation from the `skip`-th (counted from 0), oldest first, up to
    /// `limit`. Costs no more deep in a conversation than at its start.
    async fn messages(
        &self,
        account: AccountId,
        conversation: ConversationId,
        skip: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>>;

    /// What an idempotency key was used for; rows older than [`claims::KEPT`] may be gone.
    async fn claim(&self, account: AccountId, key: &str) -> Result<Option<claims::Row>>;

    /// What an account has used, over all partitions.
    async fn totals(&self, account: AccountId) -> Result<Totals>;

    /// Forgets claims that are older than [`claims::KEPT`] at `now`, and rows of tables that are kept no longer;
    /// says how many. None where they forget themselves in time.
    async fn expire(&self, now: Timestamp) -> Result<u64>;
}

/// How far search may trail the views while the index keeps up; [`Search::lag`] says whether it does.
pub const SEARCH_TRAILS: std::time::Duration = std::time::Duration::from_secs(1);

/// Full-text search over conversations. Its first reader is the Aimy surface.
///
/// It hangs off the views and may be away while all else goes on; it then fails and answers
/// nothing in part.
#[async_trait]
pub trait Search: Send + Sync {
    /// Conversations of this account in which a message matches, best first, each once, up to
    /// `limit`. The query is words in any language; nothing in it is syntax. A message is found
    /// [`SEARCH_TRAILS`] after it was applied, or later by what [`Search::lag`] says on the node
    /// that owns its partition.
    async fn conversations(
        &self,
        account: AccountId,
        query: &str,
        limit: usize,
    ) -> Result<Vec<ConversationId>>;

    /// How old the oldest applied message is that this node has yet to index; zero when none is.
    fn lag(&self) -> std::time::Duration;
}

/// Whether the engine can serve, for `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Writes are taken.
    pub writable: bool,
    /// Reads are answered.
    pub readable: bool,
    /// Why not, in words for the operator.
    pub detail: Option<String>,
}

/// What a caller has left of a quota that all nodes share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Calls that may be made now; fewer than were asked for when not all are left.
    pub granted: u32,
    /// Calls left after these.
    pub remaining: u32,
    /// When none was granted: how long until one is.
    pub retry_after: std::time::Duration,
}

/// Allowances per minute, counted over all nodes.
#[async_trait]
pub trait Quotas: Send + Sync {
    /// Takes up to `calls` of what `bucket` has left of `per_minute`.
    async fn take(
        &self,
        bucket: &str,
        calls: u32,
        per_minute: std::num::NonZeroU32,
    ) -> Result<Grant>;
}

/// What making the views anew came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// Events that were folded.
    pub events: u64,
    /// The first row that the views before had otherwise, in words for the operator.
    pub difference: Option<String>,
}

/// Views that are made anew from the log while they are served.
#[async_trait]
pub trait Rebuild: Send + Sync {
    /// Fills other views from the log, compares both as they are at one moment, and serves the others from
    /// then on. Dropping the future leaves everything as it was.
    ///
    /// # Errors
    /// [`Error::Overloaded`] while this is being done already; [`Error::Storage`] when there is no room;
    /// whatever else kept it from being done. The views are served as before then.
    async fn rebuild(&self) -> Result<Rebuilt>;
}

/// A log and its views, as one thing to hold.
#[async_trait]
pub trait Engine: EventLog + Views + Source + Places<Error = Error> {
    /// Whether the engine can serve now.
    fn health(&self) -> Health;

    /// How nodes tell each other what is not in the log; none where there is one node.
    fn relay(&self) -> Option<Arc<dyn relay::Relay>> {
        None
    }

    /// Full-text search; none where nothing is indexed.
    fn search(&self) -> Option<Arc<dyn Search>> {
        None
    }

    /// What follows the feed on the engine's own account.
    fn followers(&self) -> Vec<Arc<dyn Follower>> {
        Vec::new()
    }

    /// Allowances that all nodes share; none where there is one node.
    fn quotas(&self) -> Option<Arc<dyn Quotas>> {
        None
    }

    /// How the views are made anew while they are served; none where another process does it.
    fn rebuild(&self) -> Option<&dyn Rebuild> {
        None
    }

    /// Takes no more writes, finishes those that wait, and gives everything back.
    async fn close(&self);
}
