//! The server as a release that is a type of event and a field older than this one: the feature
//! `older-release` takes them away. `tests/it/cluster/releases.rs` runs it beside the real one.

include!("../../src/main.rs");
