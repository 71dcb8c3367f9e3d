//! The FAQ bot: intents given as example phrases and answers, matched offline.
//!
//! A [`Definition`] is data that people edit; [`Faq::compile`] checks it and builds the index a
//! question is looked up in. Everything here is pure: no I/O, no clock, no randomness, so the same
//! question has the same answer on every node. A question goes `words` (normalise, split) →
//! `handover` (does someone ask for a person?) → `index` (score the clauses against the examples,
//! by words) and `learned` (judge them by letter sequences) → `matcher` (choose, or admit not to
//! know); the reply is then streamed in [`pieces()`].
//!
//! An embedding model was refused: it answers in milliseconds rather than microseconds, weighs more
//! than the rest of the program and cannot say why it answered.

mod bounds;
mod demo;
mod grams;
mod handover;
mod index;
mod learned;
mod likeness;
mod matcher;
mod pieces;
mod stop_words;
mod vocabulary;
mod words;

#[cfg(test)]
mod evaluation;

pub use crate::domain::bot::faq::{Definition, Handover, Intent, Unknown};

pub use self::{
    demo::demo,
    matcher::{Answer, Decision, Faq},
    pieces::pieces,
};
