//! The live feed: every event of a conversation once, and every character of a reply once, in
//! order, from any cursor.
//!
//! `cursor` is a reader's place, `reader` the pure machine that turns stored events and live items
//! into frames, `hub` tells readers what happens now, `follow` joins the two without a gap.

pub mod cursor;
pub mod follow;
pub mod frame;
pub mod hub;
pub mod reader;
