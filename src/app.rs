//! The use cases. A surface parses, calls one function here, and renders what comes back.

pub mod accounts;
pub mod bots;
pub mod clock;
pub mod conversations;
pub mod messages;
pub mod shares;
pub mod turn;

use std::sync::Arc;
use std::time::Duration;

use crate::domain::Error;
use crate::domain::event::{Body, Event, Received};
use crate::domain::ids::{AccountId, ConversationId, StreamKey};
use crate::engine::relay::Signal;
use crate::engine::{self, Engine, Observer, Recorded};
use crate::fair;
use crate::files::Files;
use crate::live::hub::Hub;
use crate::outside::Outside;
use crate::outside::transcription::Transcriber;

/// Everything the use cases share; one per process.
pub struct App {
    pub engine: Arc<dyn Engine>,
    pub hub: Arc<Hub>,
    pub accounts: Arc<accounts::Accounts>,
    pub limits: accounts::limits::Limits,
    pub turns: turn::under_way::Turns,
    pub idempotency: messages::idempotency::InFlight,
    pub outside: Outside,
    /// The times of messages as clients that keep milliseconds tell them apart.
    pub stamps: messages::stamps::Stamps,
    /// Who writes down what is said in recordings; none where nobody does.
    pub transcriber: Option<Transcriber>,
    /// Where attachments are; none where the operator has not said.
    pub files: Option<Arc<Files>>,
    /// The longest pause between two pieces of a reply that is shown as it is made.
    pub pace: Duration,
    /// How long a piece of a reply may wait for the next one.
    pub gather: Duration,
    /// Who reads at the moment.
    pub readers: Arc<conversations::readers::Readers>,
    /// Whose files are coming at the moment.
    pub uploads: Arc<messages::uploads::Uploads>,
}

/// What an application has besides its engine.
pub struct Equipment {
    pub outside: Outside,
    pub transcriber: Option<Transcriber>,
    pub files: Option<Arc<Files>>,
    pub pace: Duration,
    pub gather: Duration,
    pub readers: conversations::readers::Caps,
    /// Turns under way at a time.
    pub turns: fair::Limits,
}

impl Default for Equipment {
    fn default() -> Self {
        Self {
            outside: Outside::default(),
            transcriber: None,
            files: None,
            pace: Duration::ZERO,
            gather: Duration::ZERO,
            readers: conversations::readers::Caps::default(),
            turns: fair::Limits::of(turn::under_way::UNDER_WAY, None),
        }
    }
}

/// Tells the accounts and the hub what is durable, in that order.
pub struct Watchers {
    pub accounts: Arc<accounts::Accounts>,
    pub hub: Arc<Hub>,
}

impl Observer for Watchers {
    fn committed(&self, events: &[Recorded]) {
        self.accounts.committed(events);
        self.hub.committed(events);
    }

    fn interrupted(&self) {
        self.accounts.interrupted();
        self.hub.interrupted();
    }

    fn signalled(&self, conversation: ConversationId, signal: Signal) {
        self.hub.signalled(conversation, signal);
    }
}

impl App {
    /// Opens the application over an engine whose observer is [`Watchers`] of the same `accounts`
    /// and `hub`.
    ///
    /// # Errors
    /// As the engine's log.
    pub async fn open(
        engine: Arc<dyn Engine>,
        accounts: Arc<accounts::Accounts>,
        hub: Arc<Hub>,
        equipment: Equipment,
    ) -> engine::Result<Arc<Self>> {
        accounts.load(&*engine).await?;
        tokio::spawn(hub.fan_out());
        let Equipment { outside, transcriber, files, pace, gather, readers, turns } = equipment;
        if let Some(relay) = engine.relay() {
            hub.connect(relay);
        }
        Ok(Arc::new(Self {
            engine,
            hub,
            accounts,
            limits: accounts::limits::Limits::default(),
            turns: turn::under_way::Turns::new(turns, outside.limits()),
            idempotency: messages::idempotency::InFlight::default(),
            outside,
            stamps: messages::stamps::Stamps::default(),
            transcriber,
            files,
            pace,
            gather,
            readers: Arc::new(conversations::readers::Readers::new(readers)),
            uploads: Arc::default(),
        }))
    }
}

/// What a caller may know of an engine's failure; the failure itself is logged here, once.
pub fn failed(error: engine::Error) -> Error {
    match error {
        engine::Error::Overloaded => Error::Unavailable("too busy to take this now; try again"),
        engine::Error::ReadOnly(detail) => {
            tracing::debug!(detail, "a write was refused");
            Error::Unavailable("writes are not possible at the moment; try again later")
        }
        engine::Error::Unknown => {
            tracing::error!("the outcome of a write is not known");
            Error::Unavailable(
                "it is not known whether this was kept; try again with the same Idempotency-Key",
            )
        }
        error @ (engine::Error::Locked(_)
        | engine::Error::Unusable(_)
        | engine::Error::Storage(_)) => {
            tracing::error!(%error, "the engine failed");
            Error::Internal
        }
    }
}

/// Appends what happened just now, under one stream key.
async fn append(
    app: &App,
    account: AccountId,
    key: StreamKey,
    bodies: Vec<Body>,
) -> crate::domain::Result<Vec<engine::Appended>> {
    let at = clock::now();
    let events = bodies.into_iter().map(|body| Event {
        id: clock::mint(),
        at,
        account,
        key,
        body,
        received: Received::default(),
    });
    app.engine.append(events.collect()).await.map_err(failed)
}
