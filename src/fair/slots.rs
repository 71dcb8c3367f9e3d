//! Slots that are waited for: each name's in its own line, and no longer than it says.

use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::{Limits, Room};

/// Why there is no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// None was free for too long, or too many wait already.
    Full,
    /// No more are given.
    Closed,
}

/// All slots.
#[derive(Debug)]
pub struct Slots<K: Copy + Eq + Hash> {
    pub limits: Limits,
    inner: Mutex<Inner<K>>,
}

#[derive(Debug)]
struct Inner<K> {
    room: Room<K, Waiter>,
    /// Tells those who wait apart.
    next: u64,
    closed: bool,
}

/// Who is told of a slot.
#[derive(Debug)]
struct Waiter {
    id: u64,
    /// None once no more slots are given.
    tell: Option<oneshot::Sender<()>>,
}

impl<K: Copy + Eq + Hash> Inner<K> {
    /// Gives slots to those who wait for what is free.
    fn settle(&mut self) {
        if self.closed {
            return;
        }
        while let Some(waiter) = self.room.admit() {
            // One that is gone gives its slot back when its seat is dropped.
            let _ = waiter.tell.map(|tell| tell.send(()));
        }
    }
}

impl<K: Copy + Eq + Hash> Slots<K> {
    pub fn new(limits: Limits) -> Arc<Self> {
        let inner = Inner { room: Room::new(limits), next: 0, closed: false };
        Arc::new(Self { limits, inner: Mutex::new(inner) })
    }

    /// A slot, where there is one at once.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn take_now(self: &Arc<Self>, name: K) -> Result<Slot<K>, Refused> {
        let mut inner = self.inner();
        if inner.closed {
            return Err(Refused::Closed);
        }
        if !inner.room.enter(name, Instant::now) {
            return Err(Refused::Full);
        }
        Ok(Slot { name, waits: None, slots: self.clone() })
    }

    /// A slot, waited for in the line of its name; dropping the future leaves the line.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn take(self: &Arc<Self>, name: K, patience: Duration) -> Result<Slot<K>, Refused> {
        if let Ok(slot) = self.take_now(name) {
            return Ok(slot);
        }
        let (mut slot, told) = self.join(name)?;
        match tokio::time::timeout(patience, told).await {
            Ok(Ok(())) => {
                slot.waits = None;
                Ok(slot)
            }
            Ok(Err(_)) => Err(Refused::Closed),
            Err(_) => Err(Refused::Full),
        }
    }

    /// Gives no more slots; who waits is told.
    pub fn close(&self) {
        let mut inner = self.inner();
        inner.closed = true;
        inner.room.iter_mut().for_each(|waiter| waiter.tell = None);
    }

    /// Whether nothing is held and nobody waits.
    pub fn is_empty(&self) -> bool {
        self.inner().room.is_empty()
    }

    /// A slot that is not given yet, and who tells when it is.
    fn join(self: &Arc<Self>, name: K) -> Result<(Slot<K>, oneshot::Receiver<()>), Refused> {
        let mut inner = self.inner();
        if inner.closed {
            return Err(Refused::Closed);
        }
        let (tell, told) = oneshot::channel();
        let id = inner.next;
        inner.next += 1;
        if !inner.room.join(name, Waiter { id, tell: Some(tell) }) {
            return Err(Refused::Full);
        }
        // One may have become free since there was none.
        inner.settle();
        drop(inner);
        Ok((Slot { name, waits: Some(id), slots: self.clone() }, told))
    }

    fn inner(&self) -> MutexGuard<'_, Inner<K>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A slot; it is free again when this is dropped.
#[derive(Debug)]
pub struct Slot<K: Copy + Eq + Hash> {
    name: K,
    /// It may not be given yet: who waits for it.
    waits: Option<u64>,
    slots: Arc<Slots<K>>,
}

impl<K: Copy + Eq + Hash> Drop for Slot<K> {
    fn drop(&mut self) {
        let mut inner = self.slots.inner();
        let waits = self.waits;
        if waits.is_some_and(|id| inner.room.give_up(self.name, |waiter| waiter.id == id)) {
            return;
        }
        inner.room.leave(self.name);
        inner.settle();
    }
}
