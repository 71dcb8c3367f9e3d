//! Aloo (seed 004) through the front door: the page's own examples, then what it promises.

mod chatting;
mod managing;
mod refusals;
mod stage;
mod streaming;

use super::Site;
