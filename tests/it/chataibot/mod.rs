//! ChatAIBot (seed 002) through the front door: the page's own examples, then what it promises.

mod refusals;
mod sending;
mod stage;
mod starting;

use super::Site;
