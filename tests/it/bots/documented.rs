//! The examples of `docs/bots.md` are what the code takes and says.

use parlor::bot::Bot;
use parlor::domain::bot::Definition;
use serde_json::{Value, json};

use super::stage::Stage;
use crate::harness::upstream::{Answer, Piece, Upstream};

const PAGE: &str = include_str!("../../../docs/bots.md");

/// The example under a fence such as "```json flow".
fn example(fence: &str) -> &'static str {
    let (_, after) = PAGE.split_once(&format!("```{fence}\n")).expect("an example of that name");
    after.split_once("```").expect("an end").0
}

#[test]
fn the_definitions_can_be_deployed() {
    for kind in ["flow", "llm", "remote"] {
        let definition: Definition =
            serde_json::from_str(example(&format!("json {kind}"))).expect("a definition");
        Bot::compile(&definition).unwrap_or_else(|error| panic!("{kind}: {error}"));
    }
}

#[tokio::test]
async fn a_remote_answer_as_on_the_page_is_understood() {
    let whole: Value = serde_json::from_str(example("json remote-answer")).expect("JSON");
    let upstream = Upstream::start(move |number, _| match number {
        0 => Answer::json(200, &whole),
        // The blank line that ends the last event is not seen on a page.
        _ => Answer::events(vec![Piece::text(example("text remote-stream")), Piece::text("\n")]),
    })
    .await;
    let definition = json!({ "kind": "remote", "name": "Ours", "url": upstream.url("/parlor") });
    let stage = Stage::with_bot(&definition).await;
    let thread = stage.conversation().await;
    for _ in 0..2 {
        assert_eq!(thread.answer("Where is my order?").await, "It was sent on Monday.");
    }
    let request = upstream.request(0).await.json();
    let documented = example("http");
    for field in request.as_object().expect("an object").keys() {
        assert!(documented.contains(&format!("\"{field}\"")), "docs/bots.md lacks {field}");
    }
    for event in thread.events().await {
        if event["type"] == "message.outbound" {
            assert_eq!(event["data"]["buttons"], json!(["Thanks", "Talk to a person"]));
            assert_eq!(event["data"]["intent"], "order_status");
        }
    }
}
