//! What a server promises when it ends badly: killed, its disk full, its last write torn, its
//! directory wanted by two, or told to go while it speaks.
//!
//! `kill` is the proof: `load` is what it puts on the server and `judge` what must be true after.

mod bots;
mod disk;
mod drain;
mod judge;
mod kill;
mod load;
mod story;
mod tmpfs;
mod torn;
