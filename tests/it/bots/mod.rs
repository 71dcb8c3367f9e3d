//! Bots that call out, against upstreams that speak their protocols: the real server in front, a real
//! connection behind.

mod answers;
mod documented;
mod drafts;
mod flow;
mod gather;
mod guard;
mod intents;
mod llm;
mod pace;
mod remote;
mod replay;
mod shares;
mod speech;
mod stage;
