//! What a server promises when it ends badly: killed, its disk full, its last write torn, its
//! directory wanted by two, or told to go while it speaks.
//!
//! `kill` is the proof: `load` is what it puts on the server and `judge` what must be true after.

pub mod bots;
mod damage;
mod disk;
pub mod doors;
mod drain;
mod failing_sync;
pub mod judge;
mod kill;
pub mod load;
mod reading;
mod rebuilding;
mod story;
mod tmpfs;
mod torn;
mod verifying;
