//! Who attacks: a thread with a runtime of its own, until it is dropped.

use std::{
    io,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use tokio_util::sync::CancellationToken;

/// What an attack has come to so far.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) answered: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) broken: AtomicU64,
    /// Connections that stand, where the attack waits for them.
    pub(crate) standing: AtomicU64,
}

impl Tally {
    /// Notes the status of an answer.
    pub(crate) fn note(&self, status: u16) {
        let of = if status < 300 { &self.answered } else { &self.refused };
        of.fetch_add(1, Relaxed);
    }

    /// Answers and refusals so far.
    pub(crate) fn counts(&self) -> [u64; 2] {
        [self.answered.load(Relaxed), self.refused.load(Relaxed)]
    }
}

/// A running attack.
pub(crate) struct Attacker {
    pub(crate) tally: Arc<Tally>,
    stop: CancellationToken,
    thread: Option<thread::JoinHandle<()>>,
}

impl Attacker {
    /// Begins what `work` does with the tally; it is dropped when the attacker is.
    ///
    /// # Errors
    /// If there can be no runtime.
    pub(crate) fn launch<F>(
        nice: i32,
        work: impl FnOnce(Arc<Tally>) -> F + Send + 'static,
    ) -> io::Result<Self>
    where
        F: Future<Output = ()> + 'static,
    {
        let (tally, stop) = (Arc::new(Tally::default()), CancellationToken::new());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (own, token) = (tally.clone(), stop.clone());
        let thread = thread::spawn(move || {
            // Of a thread alone, on Linux. A machine that refuses it is attacked harder.
            let _ = rustix::process::nice(nice);
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, async {
                let _ = token.run_until_cancelled(work(own)).await;
            });
        });
        Ok(Self { tally, stop, thread: Some(thread) })
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The address that the attack's n-th connection is from, `each` of them from one.
pub(crate) fn address(number: usize, each: usize) -> Ipv4Addr {
    let host = u8::try_from(2 + number / each.max(1)).unwrap_or(u8::MAX);
    Ipv4Addr::new(127, 0, 0, host)
}
