//! Turns: answering what is owed, showing the answer as it is made, and how it ended.

pub mod answer;
pub(in crate::app) mod conclude;
pub mod feed;
mod gather;
pub mod outcome;
mod pace;
pub mod stop;
pub mod under_way;
