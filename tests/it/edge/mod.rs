//! The edge of the server, tried over real sockets with short limits.

mod crowd;
mod drain;
pub(crate) mod harness;
mod leftovers;
mod limits;
mod readers;
mod requests;
mod revoking;
mod streams;
mod uploads;
mod websockets;
