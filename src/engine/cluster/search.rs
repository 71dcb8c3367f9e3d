//! Search over OpenSearch: an index of messages that trails the views by less than a second.
//!
//! One document is one message the fold applied, under an external version that is its `seq`, so
//! that indexing twice, late or out of order changes nothing. The [`Indexer`] is a follower
//! (`engine::feed`): the projector never waits for it. OpenSearch may be away for as long as it likes: nothing
//! is lost, memory stays bounded, and all but searching goes on.
//!
//! Why messages and not whole conversations: a conversation as one document is rewritten whole with
//! every message. The hits of one conversation are collapsed into one when searching.

mod batch;
mod client;
mod document;
mod format;
mod http;
mod indexer;

pub use self::client::{Indexed, OpenSearch, Settings};
pub use self::document::Document;
pub use self::http::{Access, Failure};
pub use self::indexer::Indexer;

#[cfg(test)]
pub(super) use self::document::tests;
