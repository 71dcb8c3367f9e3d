//! The pure core: what the words of the design mean, without I/O, clock or HTTP.
//!
//! Events and the folds over them decide everything; this module imports nothing of ours.

pub mod account;
pub mod attachment;
pub mod bot;
pub mod characters;
pub mod contact;
pub mod conversation;
pub mod error;
pub mod event;
pub mod ids;
pub mod language;
pub mod message;
pub mod seq;
pub mod sound;
pub mod text;
pub mod time;
pub mod turn;
pub mod variables;

pub use error::{Error, Result};
