//! What the tests share: the real server on a free port with its own data directory, clients that
//! speak as real ones do, and waiting for conditions.

pub mod feed;
pub mod http;
pub mod server;
pub mod socket;
pub mod wait;

pub use http::Client;
pub use server::Server;
