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
    for kind in ["faq", "flow", "llm", "remote"] {
        let definition: Definition =
            serde_json::from_str(example(&format!("json {kind}"))).expect("a definition");
        Bot::compile(&definition).unwrap_or_else(|error| panic!("{kind}: {error}"));
    }
}

#[tokio::test]
async fn the_faq_answers_in_both_of_its_languages() {
    let stage = Stage::with_bot(&serde_json::from_str(example("json faq")).expect("JSON")).await;
    let thread = stage.conversation().await;
    for (question, answer) in [
        ("When do you open on Monday?", "We are open from 9 am"),
        ("Wo bleibt mein Paket?", "Öffnen Sie"),
        ("Hi there", "Hello!"),
        ("Can I pay with PayPal?", "I do not know that."),
        ("I want to talk to a person", "Nobody is here right now."),
    ] {
        let said = thread.answer(question).await;
        assert!(said.starts_with(answer), "{question}: {said}");
    }
}

/// The names of a schema's properties.
fn properties<'a>(schema: &'a Value, place: &str) -> impl Iterator<Item = &'a String> {
    let all = schema.pointer(place).and_then(Value::as_object).expect("properties");
    all.keys()
}

#[test]
fn every_field_of_an_faq_has_a_row() {
    let schema: Value = serde_json::from_str(&parlor::surface::bot_schema()).expect("JSON");
    let (_, section) = PAGE.split_once("\n## faq\n").expect("a section");
    let (section, _) = section.split_once("\n## ").expect("another section");
    let whole = properties(&schema, "/oneOf/0/properties").filter(|name| *name != "kind");
    for name in whole.chain(properties(&schema, "/$defs/Intent/properties")) {
        let told = section.lines().filter(|line| line.starts_with("| `"));
        let told = told.filter(|line| {
            line.contains(&format!("`{name}")) || line.contains(&format!("\"{name}\""))
        });
        assert!(told.count() > 0, "docs/bots.md: the table of faq lacks {name}");
    }
    assert_eq!(schema.pointer("/oneOf/0/properties/kind/const"), Some(&json!("faq")));
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
