//! What waits for the writer: a line for each account, served in turn.
//!
//! One account with many clients must not make the others wait: a batch takes one append of each
//! account after the other, and while several accounts write none has more than a part of it, so that
//! a commit stays short. In all lines together there are so many slots, and one account holds no more
//! than a quarter of them; who finds none waits for a while and is told.
//!
//! [`Lines`] is pure; [`Queue`] is the lines with those who wait at either end.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::ids::AccountId;
use crate::fair;
pub(super) use crate::fair::slots::Refused;
use crate::fair::slots::{Slot, Slots};

#[cfg(test)]
mod tests;

/// Appends that may wait, and how many of them may be one account's.
const SLOTS: usize = 4_096;
const SHARE: usize = SLOTS / 4;
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
    of: fair::Lines<AccountId, T>,
    /// When more than one account was last seen to wait.
    contended_at: Option<Instant>,
}

impl<T: Weight> Lines<T> {
    fn new() -> Self {
        Self { of: fair::Lines::default(), contended_at: None }
    }

    fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    fn join(&mut self, account: AccountId, item: T) {
        self.of.join(account, item);
    }

    /// The next batch: of each account in turn the one that has waited longest.
    fn take(&mut self, now: Instant) -> Vec<T> {
        if self.of.names() > 1 {
            self.contended_at = Some(now);
        }
        let contended = self.contended_at.is_some_and(|at| now.duration_since(at) < CONTENDED);
        let part = if contended { PART_EVENTS } else { BATCH_EVENTS };
        let (mut batch, mut events, mut bytes) = (Vec::new(), 0, 0);
        let mut taken: HashMap<AccountId, usize> = HashMap::new();
        // Those who have had their part come after all others in the next batch.
        let mut later = Vec::new();
        while events < BATCH_EVENTS && bytes < BATCH_BYTES {
            let Some(account) = self.of.turn() else { break };
            let Some(item) = self.of.take(account) else { continue };
            events += item.events();
            bytes += item.bytes();
            let of = taken.entry(account).or_default();
            *of += item.events();
            batch.push(item);
            if *of >= part {
                later.push(account);
            } else {
                self.of.back(account);
            }
        }
        later.into_iter().for_each(|account| self.of.back(account));
        batch
    }
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
    slots: Arc<Slots<AccountId>>,
}

/// Something in its slot.
struct Seated<T> {
    item: T,
    _slot: Slot<AccountId>,
}

impl<T: Weight> Weight for Seated<T> {
    fn events(&self) -> usize {
        self.item.events()
    }

    fn bytes(&self) -> usize {
        self.item.bytes()
    }
}

impl<T: Weight> Queue<T> {
    pub(super) fn new() -> Self {
        Self {
            inner: Mutex::new((Lines::new(), Phase::Open)),
            filled: Condvar::new(),
            slots: Slots::new(fair::Limits::of(SLOTS, Some(SHARE))),
        }
    }

    /// Puts something into its account's line, once there is a slot for it.
    pub(super) async fn offer(
        &self,
        account: AccountId,
        item: T,
        patience: Duration,
    ) -> Result<(), Refused> {
        let slot = self.slots.take(account, patience).await?;
        self.join(account, item, slot)
    }

    /// The same, where there is a slot at once.
    pub(super) fn offer_now(&self, account: AccountId, item: T) -> Result<(), Refused> {
        let slot = self.slots.take_now(account)?;
        self.join(account, item, slot)
    }

    fn join(&self, account: AccountId, item: T, slot: Slot<AccountId>) -> Result<(), Refused> {
        let mut inner = self.inner();
        if inner.1 != Phase::Open {
            return Err(Refused::Closed);
        }
        inner.0.join(account, Seated { item, _slot: slot });
        drop(inner);
        self.filled.notify_one();
        Ok(())
    }

    /// Waits for the next batch; none once it is closed and nothing waits. Their slots are free
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
        self.slots.close();
        self.filled.notify_all();
    }

    pub(super) fn phase(&self) -> Phase {
        self.inner().1
    }

    fn inner(&self) -> MutexGuard<'_, (Lines<Seated<T>>, Phase)> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
