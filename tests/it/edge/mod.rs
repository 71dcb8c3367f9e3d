//! The edge of the server, tried over real sockets with short limits.

mod crowd;
mod drain;
mod harness;
mod leftovers;
mod limits;
mod readers;
mod revoking;
mod streams;
mod uploads;
mod websockets;
