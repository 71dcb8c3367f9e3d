//! The embedded engine: one process, one directory, one fjall database.
//!
//! One writer thread takes all waiting appends, folds and projects them, commits log, views and
//! checkpoint as one atomic batch and syncs once; then it tells the observer and wakes the
//! callers. fjall puts a batch into its tables only after the journal is synced, so nobody reads
//! what is not durable. Reads run on the caller's thread: they are bounded by a page and mostly
//! served from memory, and a hop to another thread costs more than they do.

pub mod directory;
mod format;
mod keys;
mod log;
mod queue;
mod rebuild;
mod states;
mod store;
mod views;
mod writer;

pub use log::{Embedded, Options};
pub use rebuild::{Difference, rebuild, verify};
