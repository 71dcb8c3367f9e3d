//! AeroChat (seed 000, its REST half) through the front door, a file per thing the page promises.
//!
//! `shapes` knows what the documented answers look like; `transcripts` replays the page's own
//! examples. The operations covered are `send_message`, `get_contact` and `list_messages`.

mod bodies;
mod contacts;
mod credentials;
mod history;
mod idempotency;
mod identity;
mod limits;
mod methods;
mod replies;
mod shapes;
mod streaming;
mod transcripts;
mod turns;
mod validation;
