//! The embedded engine: one process, one directory, a log of segments and the views in fjall.
//!
//! One writer thread takes all waiting appends, writes them to the log as one batch and syncs once;
//! then it folds and projects them, gives the views what changes, without a sync, tells the observer
//! and wakes the callers. So nobody reads what is not durable, and what a crash takes from the views is
//! folded again from the log. Reads run on the caller's thread: they are bounded by a page and mostly
//! served from memory, and a hop to another thread costs more than they do.

mod background;
mod beside;
mod cache;
mod cells;
mod compare;
mod current;
pub mod directory;
mod expiry;
mod feed;
mod format;
mod fresh;
mod keys;
mod log;
mod logs;
mod places;
mod queue;
mod rebuild;
mod repair;
mod rows;
pub mod segments;
mod states;
mod store;
mod table;
mod upgrade;
mod views;
mod writer;

pub use compare::Difference;
pub use log::{Embedded, Options};
pub use rebuild::{rebuild, verify, verify_beside};
pub use repair::{Repaired, repair};
