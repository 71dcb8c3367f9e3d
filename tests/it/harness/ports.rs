//! Ports for servers that are stopped and started again at the same place.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that the kernel gives to outgoing connections (from 32768), and below those of the
/// services (from 20000): while a server is down, nobody else gets its port.
const FIRST: u16 = 10_000;
const COUNT: u16 = 9_000;

/// `127.0.0.1:port`; no other test of this run gets the same soon.
pub fn address() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Another run on this machine begins elsewhere.
    let begin = u16::try_from(std::process::id() % u32::from(COUNT)).expect("below COUNT");
    for _ in 0..COUNT {
        let place = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let address = format!("127.0.0.1:{}", FIRST + place);
        if TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
    panic!("no port is free from {FIRST} on");
}
