//! The demo's bot, changed, and deployed while the server is down.

use std::path::Path;

use serde_json::Value;

use crate::harness::Server;

/// The demo's bot, as it is deployed.
pub fn demo() -> Value {
    let demo = include_str!("../../../src/bot/faq/demo.json");
    let mut bot: Value = serde_json::from_str(demo).expect("JSON");
    bot["kind"] = "faq".into();
    bot
}

/// Deploys what `change` makes of the demo's bot.
pub async fn deploy(dir: &Path, change: impl FnOnce(&mut Value)) {
    let mut bot = demo();
    change(&mut bot);
    let file = dir.join("changed-bot.json");
    std::fs::write(&file, bot.to_string()).expect("written");
    let file = file.display().to_string();
    let (done, said) = Server::command(dir, &["bot", "deploy", "--file", &file]).await;
    assert!(done, "the bot is deployed: {said}");
}
