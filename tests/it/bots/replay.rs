//! A draft is tried on recorded conversations before it goes live, and nothing leaves the run.

use serde_json::{Value, json};

use crate::harness::Server;
use crate::harness::upstream::{Answer, Upstream};

/// A desk that asks for a name; `hello` is what it says then.
fn desk(hello: &str) -> Value {
    json!({ "kind": "flow", "name": "Desk", "start": "who", "steps": {
        "who": { "type": "ask", "text": "Who are you?", "variable": "conversation.name",
                 "next": "hello" },
        "hello": { "type": "end", "text": hello } } })
}

struct Shop {
    server: Server,
}

impl Shop {
    /// With a deployed bot and one recorded conversation of two turns.
    async fn with(definition: &Value) -> Self {
        let mut shop =
            Self { server: Server::start_with(&["--allow-network", "127.0.0.0/8"]).await };
        let (done, said) = shop.parlor(&["bot", "deploy"], definition).await;
        assert!(done, "{said}");
        let client = shop.server.client();
        let first = client.say(None, "Hi").await;
        let id = first["conversation_id"].as_str().expect("an id");
        client.say(Some(id), "Ada").await;
        shop
    }

    /// Runs `parlor` with a definition in a file, while the server runs or while nobody serves.
    async fn parlor(&mut self, arguments: &[&str], definition: &Value) -> (bool, String) {
        self.server.terminate().await;
        let file = self.server.dir().join("bot.json");
        std::fs::write(&file, definition.to_string()).expect("written");
        let file = file.to_str().expect("UTF-8").to_owned();
        let arguments = [arguments, &["--file", &file]].concat();
        let outcome = Server::command(self.server.dir(), &arguments).await;
        self.server.restart().await;
        outcome
    }
}

#[tokio::test]
async fn what_would_be_different_is_shown_and_must_be_accepted() {
    let mut shop = Shop::with(&desk("Hello {{conversation.name}}.")).await;
    let changed = desk("Welcome, {{conversation.name}}!");
    let (done, said) = shop.parlor(&["bot", "deploy"], &changed).await;
    assert!(!done, "{said}");
    for told in ["\"Ada\"", "- \"Hello Ada.\"", "+ \"Welcome, Ada!\"", "2 turns of 1", "--accept"] {
        assert!(said.contains(told), "{told}: {said}");
    }
    let answered = shop.server.client().say(None, "Hi").await;
    assert_eq!(answered["reply"]["text"], "Who are you?", "the old one answers");
    let (done, said) = shop.parlor(&["bot", "deploy", "--accept"], &changed).await;
    assert!(done && said.contains("version 3 answers now"), "{said}");
    let (done, said) = shop.parlor(&["bot", "replay"], &changed).await;
    assert!(done && said.contains("+ \"Welcome, Ada!\""), "the record stays: {said}");
}

#[tokio::test]
async fn what_answers_the_same_goes_live() {
    let mut shop = Shop::with(&desk("Hello {{conversation.name}}.")).await;
    let (done, said) =
        shop.parlor(&["bot", "deploy"], &desk("Hello {{conversation.name|you}}.")).await;
    assert!(done, "{said}");
    assert!(said.contains("2 turns of 1 conversations replayed: 0 would be"), "{said}");
}

#[tokio::test]
async fn nobody_is_called() {
    let upstream = Upstream::start(|_, _| Answer::json(200, &json!({ "hours": "9 to 5" }))).await;
    let calling = |text: &str| {
        json!({ "kind": "flow", "name": "Desk", "start": "call", "steps": {
            "call": { "type": "http", "method": "GET", "url": upstream.url("/hours"),
                      "save": { "conversation.hours": "/hours" }, "next": "say",
                      "on_error": "say" },
            "say": { "type": "end", "text": text } } })
    };
    let mut shop = Shop::with(&calling("Open {{conversation.hours}}.")).await;
    assert_eq!(upstream.asked().len(), 2);
    let changed = calling("We are open {{conversation.hours}}.");
    let (done, said) = shop.parlor(&["bot", "replay", "--ask-upstream"], &changed).await;
    assert!(done, "{said}");
    assert!(
        said.contains("0 turns of 1 conversations")
            && said.contains("1 conversations were left out"),
        "{said}"
    );
    assert_eq!(upstream.asked().len(), 2, "the run called nobody");
    let remote = json!({ "kind": "remote", "name": "Desk", "url": upstream.url("/answer") });
    let (done, said) = shop.parlor(&["bot", "replay", "--ask-upstream"], &remote).await;
    assert!(done && said.contains("1 conversations were left out"), "{said}");
    assert_eq!(upstream.asked().len(), 2, "nor did a remote bot's");
}

#[tokio::test]
async fn a_model_is_asked_where_that_is_allowed_and_says_why_it_failed() {
    let upstream = Upstream::start(|number, _| match number {
        0 => Answer::completion(&["Who are you?"]),
        _ => Answer::json(401, &json!({ "error": "no" })),
    })
    .await;
    let mut shop = Shop::with(&desk("Hello {{conversation.name}}.")).await;
    let model = json!({ "kind": "llm", "name": "Ada", "base_url": upstream.url("/v1"),
        "model": "tiny" });
    let ask = ["bot", "replay", "--ask-upstream"];
    let (done, said) = shop.parlor(&ask, &model).await;
    assert!(done && said.contains("the bot failed: ") && said.contains("allow_networks"), "{said}");
    assert!(upstream.asked().is_empty());
    let allowed = [&ask[..], &["--allow-network", "127.0.0.0/8"]].concat();
    let (done, said) = shop.parlor(&allowed, &model).await;
    assert!(done && said.contains("the bot failed: ") && said.contains("401"), "{said}");
    assert!(said.contains("2 turns of 1"), "{said}");
    assert_eq!(upstream.asked().len(), 2);
}
