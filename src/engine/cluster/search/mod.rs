//! Search over OpenSearch: an index of messages that trails the views by less than a second.
//!
//! One document is one message the fold applied, under an external version that is its `seq`, so
//! that indexing twice, late or out of order changes nothing. The [`Indexer`] follows the
//! partitions this node owns: the projector hands over what it has committed and never waits; what
//! does not fit, or cannot be sent, is read again from the [`Backlog`]. OpenSearch may be away for
//! as long as it likes: nothing is lost, memory stays bounded, and all but searching goes on.
//!
//! Why messages and not whole conversations: a conversation as one document is rewritten whole with
//! every message. The hits of one conversation are collapsed into one when searching.

mod batch;
mod client;
mod document;
mod follower;
mod format;
mod http;
mod indexer;
mod progress;

pub use self::client::{Indexed, OpenSearch, Settings};
pub use self::document::Document;
pub use self::http::{Access, Failure};
pub use self::indexer::{Backlog, Checkpoints, Indexer, Ownership};
