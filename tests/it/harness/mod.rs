//! What the tests share: the real server on a free port with its own data directory, nodes over real
//! services, clients that speak as real ones do, and waiting for conditions.

#[cfg(feature = "cluster")]
pub mod cluster;
pub mod feed;
pub mod http;
mod ports;
pub mod process;
#[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "what only nodes need"))]
pub mod server;
#[cfg(feature = "cluster")]
pub mod services;
pub mod site;
pub mod socket;
pub mod upstream;
pub mod wait;

mod setting;

pub use http::Client;
pub use server::Server;
pub use setting::setting;
