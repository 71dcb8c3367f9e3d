//! What every task of the server shares: it is counted, it is asked to end, and at last it is cut.
//!
//! Connections, HTTP/2 streams and upgraded WebSockets are all spawned through [`Tasks`], so that
//! a drain knows when nothing is left. Upgrades find it in their request's extensions (see
//! [`Tasks::of`]); no surface has to carry it about.

use std::any::Any;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper::rt::Executor;
use poem::Request;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::seldom::Seldom;

/// What an answer holds, as one of its extensions, until its last byte is taken or its caller is gone.
#[derive(Clone)]
pub struct UntilSent(pub Arc<dyn Any + Send + Sync>);

/// What an answer has among its extensions that refuses a request because there are too many.
///
/// Whoever comes again before it is time has its next refusal held back, longer each time: a caller that heeds
/// no `Retry-After` would have the server do nothing but refuse.
#[derive(Clone, Copy, Debug)]
pub struct Refused {
    /// The request's body is not all there.
    pub unread: bool,
    pub retry_after: Duration,
}

/// The tracker and the two signals of one server: `drain` asks, `cut` does not.
#[derive(Clone, Debug)]
pub struct Tasks {
    tracker: TaskTracker,
    drain: CancellationToken,
    cut: CancellationToken,
}

impl Tasks {
    /// Joins a tracker and the signal to drain; the signal to cut is made here.
    pub fn new(tracker: TaskTracker, drain: CancellationToken) -> Self {
        Self { tracker, drain, cut: CancellationToken::new() }
    }

    /// The tasks of the server that received this request, if it may be upgraded.
    pub fn of(request: &Request) -> Option<&Self> {
        request.extensions().get()
    }

    /// Spawns a counted task that is dropped where it stands when the grace of a drain ends.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let cut = Seldom::new(self.cut.clone().cancelled_owned());
        self.tracker.spawn(async move {
            tokio::select! {
                biased;
                () = work => {}
                () = cut => {}
            }
        });
    }

    /// Spawns a counted task that heeds [`Tasks::cut`] itself.
    pub(crate) fn spawn_heeding(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(work);
    }

    /// Cancelled when the server begins to drain.
    pub fn drain(&self) -> &CancellationToken {
        &self.drain
    }

    /// Cancelled when the grace of the drain is over.
    pub fn cut(&self) -> &CancellationToken {
        &self.cut
    }

    /// Everything that was spawned; closed and awaited by the drain.
    pub(crate) fn tracker(&self) -> &TaskTracker {
        &self.tracker
    }
}

/// Lets hyper spawn HTTP/2 streams as counted tasks; they end with their connection.
impl<F> Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, work: F) {
        self.spawn_heeding(work);
    }
}
