//! What waits for the writer: a line for each account, served in turn.
//!
//! One account with many clients must not make the others wait: a batch takes one append of each
//! account after the other, and while several accounts write none has more than a part of it, so that
//! a commit stays short. In all lines together there are so many places, and one account holds no more
//! than a quarter of them; who finds none waits for a while and is told.
//!
//! [`Lines`] is pure; [`Queue`] is the lines with those who wait at either end.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::domain::ids::AccountId;

#[cfg(test)]
mod tests;

/// Appends that may wait, and how many of them may be one account's.
const PLACES: usize = 4_096;
const SHARE: usize = PLACES / 4;
/// A batch ends at so many events or bytes, so that latency and memory stay bounded.
const BATCH_EVENTS: usize = 2_048;
const BATCH_BYTES: usize = 4 << 20;
/// Events that one account has in a batch while others write too.
const PART_EVENTS: usize = 64;
/// For so long others are taken to write after they did.
const CONTENDED: Duration = Duration::from_secs(1);

/// How much of a batch something takes.
pub(super) trait Weight {
    fn events(&self) -> usize;
    fn bytes(&self) -> usize;
}

/// The lines of all accounts that wait.
struct Lines<T> {
    of: HashMap<AccountId, VecDeque<T>>,
    /// The same accounts, in the order of their turns.
    turns: VecDeque<AccountId>,
    /// When more than one account was last seen to wait.
    contended_at: Option<Instant>,
}

impl<T: Weight> Lines<T> {
    fn new() -> Self {
        Self { of: HashMap::new(), turns: VecDeque::new(), contended_at: None }
    }

    fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    fn join(&mut self, account: AccountId, item: T) {
        let line = self.of.entry(account).or_default();
        if line.is_empty() {
            self.turns.push_back(account);
        }
        line.push_back(item);
    }

    /// The next batch: of each account in turn the one that has waited longest.
    fn take(&mut self, now: Instant) -> Vec<T> {
        if self.turns.len() > 1 {
            self.contended_at = Some(now);
        }
        let contended = self.contended_at.is_some_and(|at| now.duration_since(at) < CONTENDED);
        let part = if contended { PART_EVENTS } else { BATCH_EVENTS };
        let (mut batch, mut events, mut bytes) = (Vec::new(), 0, 0);
        let mut taken: HashMap<AccountId, usize> = HashMap::new();
        // Those who have had their part come after all others in the next batch.
        let mut later = VecDeque::new();
        while events < BATCH_EVENTS && bytes < BATCH_BYTES {
            let Some(account) = self.turns.pop_front() else { break };
            let Some(line) = self.of.get_mut(&account) else { continue };
            if let Some(item) = line.pop_front() {
                events += item.events();
                bytes += item.bytes();
                *taken.entry(account).or_default() += item.events();
                batch.push(item);
            }
            if line.is_empty() {
                self.of.remove(&account);
            } else if taken.get(&account).is_some_and(|taken| *taken >= part) {
                later.push_back(account);
            } else {
                self.turns.push_back(account);
            }
        }
        self.turns.append(&mut later);
        batch
    }
}

/// Why nothing was taken into the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// No place was free for too long.
    Full,
    /// It takes nothing any more.
    Closed,
}

/// Whether there is who takes and who gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    /// What waits is still taken.
    Closed,
    /// Nobody takes anything any more.
    Abandoned,
}

/// The lines, shared by those who append and the writer.
pub(super) struct Queue<T> {
    inner: Mutex<(Lines<Seated<T>>, Phase)>,
    /// Wakes the writer.
    filled: Condvar,
    places: Arc<Semaphore>,
    /// The places each account may still take. Made when one appends, and forgotten with its last.
    shares: Arc<DashMap<AccountId, Arc<Semaphore>>>,
}

/// Something in its place.
struct Seated<T> {
    item: T,
    _seat: Seat,
}

impl<T: Weight> Weight for Seated<T> {
    fn events(&self) -> usize {
        self.item.events()
    }

    fn bytes(&self) -> usize {
        self.item.bytes()
    }
}

/// A place, or the wait for one: giving up tidies as leaving does.
struct Seat {
    account: AccountId,
    shares: Arc<DashMap<AccountId, Arc<Semaphore>>>,
    share: Option<Arc<Semaphore>>,
    permits: Option<[OwnedSemaphorePermit; 2]>,
}

impl Seat {
    fn take_now(&mut self, places: &Arc<Semaphore>) -> bool {
        let share = self.share.clone().and_then(|share| share.try_acquire_owned().ok());
        let permits = share.zip(places.clone().try_acquire_owned().ok());
        self.permits = permits.map(|(share, place)| [share, place]);
        self.permits.is_some()
    }

    async fn take(&mut self, places: &Arc<Semaphore>) -> Result<(), AcquireError> {
        if let Some(share) = self.share.clone() {
            let share = share.acquire_owned().await?;
            self.permits = Some([share, places.clone().acquire_owned().await?]);
        }
        Ok(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.permits.take();
        self.share.take();
        // The map's own reference is the last one when nobody waits.
        self.shares.remove_if(&self.account, |_, share| Arc::strong_count(share) == 1);
    }
}

impl<T: Weight> Queue<T> {
    pub(super) fn new() -> Self {
        Self {
            inner: Mutex::new((Lines::new(), Phase::Open)),
            filled: Condvar::new(),
            places: Arc::new(Semaphore::new(PLACES)),
            shares: Arc::default(),
        }
    }

    /// Puts something into its account's line, once there is a place for it.
    pub(super) async fn offer(
        &self,
        account: AccountId,
        item: T,
        patience: Duration,
    ) -> Result<(), Refused> {
        let mut seat = self.seat(account);
        if !seat.take_now(&self.places) {
            let taking = tokio::time::timeout(patience, seat.take(&self.places)).await;
            taking.map_err(|_| Refused::Full)?.map_err(|_| Refused::Closed)?;
        }
        self.join(account, item, seat)
    }

    /// The same, where there is a place at once.
    pub(super) fn offer_now(&self, account: AccountId, item: T) -> Result<(), Refused> {
        let mut seat = self.seat(account);
        if !seat.take_now(&self.places) {
            return Err(Refused::Full);
        }
        self.join(account, item, seat)
    }

    /// A seat that is not taken yet.
    fn seat(&self, account: AccountId) -> Seat {
        let share = self.shares.entry(account).or_insert_with(|| Arc::new(Semaphore::new(SHARE)));
        let share = Some(share.clone());
        Seat { account, shares: self.shares.clone(), share, permits: None }
    }

    fn join(&self, account: AccountId, item: T, seat: Seat) -> Result<(), Refused> {
        let mut inner = self.inner();
        if inner.1 != Phase::Open {
            return Err(Refused::Closed);
        }
        inner.0.join(account, Seated { item, _seat: seat });
        drop(inner);
        self.filled.notify_one();
        Ok(())
    }

    /// Waits for the next batch; none once it is closed and nothing waits. Their places are free
    /// again.
    pub(super) fn take(&self) -> Option<Vec<T>> {
        let idle = |inner: &mut (Lines<_>, Phase)| inner.0.is_empty() && inner.1 == Phase::Open;
        let inner = self.filled.wait_while(self.inner(), idle);
        let mut inner = inner.unwrap_or_else(PoisonError::into_inner);
        let batch = inner.0.take(Instant::now());
        drop(inner);
        (!batch.is_empty()).then(|| batch.into_iter().map(|seated| seated.item).collect())
    }

    /// Takes nothing any more; what waits is still taken.
    pub(super) fn close(&self) {
        self.end(Phase::Closed);
    }

    /// The same, and lets go of what waits: its taker is gone.
    pub(super) fn abandon(&self) {
        self.end(Phase::Abandoned);
        let left = std::mem::replace(&mut self.inner().0, Lines::new());
        drop(left);
    }

    fn end(&self, phase: Phase) {
        let mut inner = self.inner();
        if inner.1 != Phase::Abandoned {
            inner.1 = phase;
        }
        drop(inner);
        self.places.close();
        self.filled.notify_all();
    }

    pub(super) fn phase(&self) -> Phase {
        self.inner().1
    }

    fn inner(&self) -> MutexGuard<'_, (Lines<Seated<T>>, Phase)> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
