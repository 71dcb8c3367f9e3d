//! The edge of the server, tried over real sockets with short limits.

mod crowd;
mod drain;
pub(crate) mod harness;
mod limits;
mod requests;
mod streams;
mod websockets;
