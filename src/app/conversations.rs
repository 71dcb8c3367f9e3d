//! Conversations: listing, managing and reading them, following one as it goes on, and who does.

pub mod list;
pub mod live_feed;
pub mod manage;
pub mod read;
pub mod readers;
