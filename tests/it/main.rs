//! The one integration test binary: the real server through its front door, the engines against
//! their contract, and what is written beside the code against the code.

#![allow(unreachable_pub, reason = "a test binary has no outside")]

mod aerochat;
mod analytics;
mod crash;
mod documents;
mod edge;
mod engines;
mod harness;
mod layers;
mod live;
mod smoke;
mod tenants;
