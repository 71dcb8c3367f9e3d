//! The one integration test binary: the real server through its front door, the engines against
//! their contract, and what is written beside the code against the code.

#![allow(unreachable_pub, reason = "a test binary has no outside")]

mod administration;
mod aerochat;
mod aloochat;
mod analytics;
mod bots;
mod chataibot;
#[cfg(feature = "cluster")]
mod cluster;
mod crash;
mod demo;
mod documents;
mod edge;
mod engines;
mod files;
mod harness;
mod layers;
mod live;
mod named_paths;
mod smoke;
mod surfaces;
mod tenants;
mod turns;
mod widget;
