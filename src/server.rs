//! What stands between the network and the endpoints: who may connect, how long anything may
//! take, and how everything ends.
//!
//! [`accept`] owns the listener and the drain, `connection` speaks HTTP on one connection, `wire`
//! keeps the clocks on one socket, [`slots`] counts connections, [`tasks`] is what every task of the server shares. [`body`]
//! bounds request bodies, `leftover` sees to what nobody has read of them, [`json_text`] mends them, [`sse`] writes event streams, [`websocket`] makes the upgrade and
//! [`socket`] is the conversation after it.

pub mod accept;
pub mod body;
mod connection;
pub mod json_text;
mod leftover;
pub mod seldom;
pub mod slots;
pub mod socket;
pub mod sse;
pub mod tasks;
pub mod websocket;
mod wire;
