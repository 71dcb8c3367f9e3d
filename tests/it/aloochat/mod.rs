//! Aloo (seed 004) through the front door: the page's own examples, then what it promises.
//!
//! The operations covered are `create_conversation`, `list_conversations`, `get_aloo_conversation`,
//! `update_conversation`, `delete_conversation`, `list_aloo_messages`, `agent_chat`, `agent_stream` and
//! `resume_agent_stream`.

mod chatting;
mod managing;
mod refusals;
mod repeating;
mod stage;
mod streaming;
