//! Bots that call out, against upstreams that speak their protocols: the real server in front, a real
//! connection behind.

mod documented;
mod drafts;
mod flow;
mod guard;
mod llm;
mod remote;
mod replay;
mod speech;
mod stage;
