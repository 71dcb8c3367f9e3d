//! The widget (seed 003) through the front door: the page's own examples, then what it promises.

mod creating;
mod limits;
mod messages;
mod origins;
mod replying;
mod stage;

use super::Site;
