//! ChatAIBot (seed 002) through the front door: the page's own examples, then what it promises.
//!
//! The operations covered are `start_conversation` and `send_visitor_response`.

mod refusals;
mod sending;
mod stage;
mod starting;
mod variables;
