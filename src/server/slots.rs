//! Who may hold connections: so many in all, and of one address no more than its share.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::Ipv6Net;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The address that a client is counted by: one written as IPv6 that is IPv4 is that, and of any
/// other IPv6 the first 64 bits, since a household or a server has all of the rest.
pub fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Net::new_assert(address, 64).network()),
        address => address,
    }
}

/// All slots for connections.
pub(super) struct Slots {
    free: Arc<Semaphore>,
    /// How many one address may hold.
    share: usize,
    held: Mutex<HashMap<IpAddr, usize>>,
}

impl Slots {
    pub(super) fn new(all: usize, share: usize) -> Arc<Self> {
        let free = Arc::new(Semaphore::new(all.min(Semaphore::MAX_PERMITS)));
        Arc::new(Self { free, share, held: Mutex::default() })
    }

    /// Waits until a slot is free.
    pub(super) async fn free(&self) -> Option<OwnedSemaphorePermit> {
        self.free.clone().acquire_owned().await.ok()
    }

    /// A free slot, where there is one now.
    pub(super) fn free_now(&self) -> Option<OwnedSemaphorePermit> {
        self.free.clone().try_acquire_owned().ok()
    }

    /// Gives a free slot to a peer, unless its address has its share already.
    pub(super) fn give(self: &Arc<Self>, free: OwnedSemaphorePermit, peer: IpAddr) -> Option<Slot> {
        let address = counted(peer);
        let mut all = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let held = all.get(&address).copied().unwrap_or_default();
        if held >= self.share {
            return None;
        }
        all.insert(address, held + 1);
        Some(Slot { address, slots: self.clone(), _permit: free })
    }
}

/// A connection's slot; it is free again when this is dropped.
pub(super) struct Slot {
    address: IpAddr,
    slots: Arc<Slots>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut all = self.slots.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = all.get_mut(&self.address) {
            *held -= 1;
            if *held == 0 {
                all.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_address_has_its_share_and_gets_it_back() {
        let slots = Slots::new(10, 2);
        let take = |peer: &str| {
            let free = slots.free_now().expect("a free slot");
            slots.give(free, address(peer))
        };
        let (first, second) = (take("203.0.113.1"), take("::ffff:203.0.113.1"));
        assert!(first.is_some() && second.is_some());
        assert!(take("203.0.113.1").is_none(), "both were of one address");
        let other = take("203.0.113.2");
        assert!(other.is_some(), "another address has its own");
        assert_eq!(slots.free.available_permits(), 7, "who is refused holds no slot");
        drop(first);
        assert!(take("203.0.113.1").is_some());
        drop((second, other));
        assert_eq!(slots.held.lock().expect("no poison").len(), 0, "nothing is kept of who left");
        let (one, two) = (take("2001:db8::1"), take("2001:db8::2"));
        assert!(one.is_some() && two.is_some());
        assert!(take("2001:db8::3").is_none(), "of IPv6 a /64 is one");
        assert!(take("2001:db8:0:1::1").is_some());
    }
}
