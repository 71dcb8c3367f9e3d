//! The binary as its operator meets it: commands while a server runs, the data directory, what is said
//! when something is wrong, and the README's commands.

mod commands;
mod control;
mod directory;
mod help;
mod problems;
mod readme;
