//! Bots: trying one before it answers anybody.

pub mod replay;
