//! A log on one machine: segments of records, in batches that hang together by a chain of hashes.
//!
//! | file | what |
//! |---|---|
//! | `00000001.seg` | a header, then batches; `frame.rs` has the bytes |
//! | `00000001.seal` | where the segment ends, its checksum, where each record begins |
//!
//! *Writing.* A batch is one write and one `fdatasync`, into room that was allocated ahead. When a
//! segment is full, the next one is made and synced, its name too, and then the full one is sealed. So
//! a seal says that there is a next segment.
//!
//! *A failed sync* says nothing about what the disk has, and a later sync that succeeds says nothing
//! either: the kernel may have dropped the bytes. So the segment ends with the last batch that was
//! synced, for ever, and the batch is written to a new segment, whose header says where the old one
//! ends.
//!
//! *Opening* looks at headers, seals and the last segment's batches. A batch that a crash cut short,
//! with nothing valid behind it, is cut. Everything else is refused, and nothing is written. The last
//! batch may never have been synced by the process that wrote it, so it is written again, to a new
//! segment, before anything is built on it.
//!
//! Papers: Pillai et al., "All File Systems Are Not Created Equal" (OSDI 2014); Rebello et al., "Can
//! Applications Recover from fsync Failures?" (ATC 2020).

mod append;
mod chain;
mod check;
pub mod disk;
mod frame;
mod open;
mod read;
mod scan;
mod seal;

pub use append::{AppendError, Appender};
pub use chain::Chain;
pub use check::{Checked, SalvageError, Salvaged, Unread, salvage, verify, verify_beside};
pub use frame::{MAX_BODY_BYTES, Position, Record};
pub use open::{Looked, OpenError, Opened, Refusal, look, open};
pub use read::{Kept, ReadError, SegmentReader};

/// How large things are.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// A segment takes no more batches beyond this.
    pub segment_bytes: u32,
    /// Room is allocated in steps of this.
    pub allocate_bytes: u32,
}

impl Sizes {
    /// Of events.
    pub const EVENTS: Self = Self { segment_bytes: 64 << 20, allocate_bytes: 4 << 20 };
    /// Of administration.
    pub const ADMINISTRATION: Self = Self { segment_bytes: 8 << 20, allocate_bytes: 256 << 10 };
}

fn segment_name(number: u32) -> String {
    format!("{number:08}.seg")
}

fn seal_name(number: u32) -> String {
    format!("{number:08}.seal")
}

#[cfg(test)]
mod tests;
