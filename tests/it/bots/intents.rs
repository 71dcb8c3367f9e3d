//! The intent of a turn: named by a step of a flow or by a model, else told by the account's FAQ.

use serde_json::{Value, json};

use super::stage::Stage;
use crate::harness::upstream::{Answer, Piece, Upstream};

fn faq() -> Value {
    json!({ "kind": "faq", "name": "Desk", "default_language": "en",
        "intents": [
            { "name": "opening_hours", "examples": { "en": ["when do you open?", "opening hours"] },
                "answers": { "en": "At nine." } },
            { "name": "refund", "examples": { "en": ["I want my money back", "refund please"] },
                "answers": { "en": "Of course." } },
        ],
        "handover": { "phrases": { "en": ["talk to a human"] } },
        "fallback": { "en": "I do not know." } })
}

/// What each message in turn is answered with and taken to be about.
async fn intents(stage: &Stage, messages: &[&str]) -> Vec<(String, Value)> {
    let mut conversation: Option<String> = None;
    let mut told = Vec::new();
    for message in messages {
        let sent = stage.ask(conversation.as_deref(), message).await;
        let id = sent["conversation_id"].as_str().expect("an id");
        conversation = Some(id.to_owned());
        let text = sent["reply"]["text"].as_str().expect("a reply").to_owned();
        told.push((text, sent["intent"].clone()));
    }
    told
}

#[tokio::test]
async fn a_step_of_a_flow_names_the_intent_and_an_faq_does_where_none_is_named() {
    let flow = json!({ "kind": "flow", "name": "Desk", "start": "hi", "steps": {
        "hi": { "type": "say", "text": "Hi.", "next": "number" },
        "number": { "type": "ask", "text": "Which order?", "variable": "conversation.order",
            "intent": "order_status", "validation": { "type": "number" }, "next": "large" },
        "large": { "type": "branch", "else": "good", "conditions": [{
            "variable": "conversation.order", "is": "greater", "value": "100", "next": "old" }] },
        "old": { "type": "say", "text": "That is old.", "intent": "old_order", "next": "good" },
        "good": { "type": "end", "text": "It is on its way.", "intent": "never_the_first" },
    } });
    let stage = Stage::with_bot(&flow).await;
    let told = intents(&stage, &["hello", "what?", "7", "hello", "700"]).await;
    let told: Vec<_> = told.iter().map(|(_, intent)| intent.clone()).collect();
    let named = ["order_status", "order_status", "never_the_first", "order_status", "old_order"];
    assert_eq!(told, named, "the first step on the way, else the one that is answered");

    let flow = json!({ "kind": "flow", "name": "Desk", "start": "hi", "steps": {
        "hi": { "type": "end", "text": "Hm." } } });
    let mut stage = Stage::with_bot(&flow).await;
    stage.deploy_beside(&faq()).await;
    let told =
        intents(&stage, &["I want my money back", "quux frobnicates", "opening hours"]).await;
    let hm = |intent: Value| ("Hm.".to_owned(), intent);
    assert_eq!(told, [hm(json!("refund")), hm(Value::Null), hm(json!("opening_hours"))]);
}

#[tokio::test]
async fn a_model_names_the_intent_by_a_tool_before_with_or_without_its_answer() {
    let call = |arguments: &str| {
        json!({ "choices": [{ "delta": { "tool_calls": [{ "index": 0, "id": "c1",
            "function": { "name": "name_intent", "arguments": arguments } }] } }] })
    };
    let calls = move |intent: &str| {
        let arguments = json!({ "intent": intent }).to_string();
        let (begins, rest) = arguments.split_at(5);
        let rest = json!({ "choices": [{ "delta": { "tool_calls": [{ "index": 0,
            "function": { "arguments": rest } }] } }] });
        [Piece::chunk(&call(begins)), Piece::chunk(&rest)]
    };
    let upstream = Upstream::start(move |number, _| {
        let ends = |reason: &str| [Piece::finish(reason), Piece::done()];
        let pieces: Vec<_> = match number {
            // It waits to hear of it.
            0 => calls("order_status").into_iter().chain(ends("tool_calls")).collect(),
            1 => std::iter::once(Piece::delta("On its way.")).chain(ends("stop")).collect(),
            // It does not.
            2 => std::iter::once(Piece::delta("No."))
                .chain(calls("refund"))
                .chain(ends("tool_calls"))
                .collect(),
            // One that nobody has told it of; then none at all.
            3 => std::iter::once(Piece::delta("Hm."))
                .chain(calls("weather"))
                .chain(ends("stop"))
                .collect(),
            4 => std::iter::once(Piece::delta("At nine.")).chain(ends("stop")).collect(),
            // One that only ever names.
            _ => calls("refund").into_iter().chain(ends("tool_calls")).collect(),
        };
        Answer::events(pieces)
    })
    .await;
    let definition = json!({ "kind": "llm", "name": "Ada", "base_url": upstream.url("/v1"),
        "model": "tiny", "intents": { "order_status": "Where an order is.", "refund": "Money back." } });
    let mut stage = Stage::with_bot(&definition).await;
    stage.deploy_beside(&faq()).await;
    let asked = ["where is it?", "money", "quux frobnicates", "when do you open?"];
    let told = intents(&stage, &asked).await;
    let expected = [
        ("On its way.", json!("order_status")),
        ("No.", json!("refund")),
        ("Hm.", Value::Null),
        ("At nine.", json!("opening_hours")),
    ];
    assert_eq!(told, expected.map(|(text, intent)| (text.to_owned(), intent)));

    let first = upstream.request(0).await.json();
    let tool = &first["tools"][0]["function"];
    assert_eq!(tool["name"], "name_intent");
    let intent = &tool["parameters"]["properties"]["intent"];
    assert_eq!(intent["enum"], json!(["order_status", "refund"]));
    assert!(intent["description"].as_str().expect("words").contains("refund: Money back."));
    let second = upstream.request(1).await.json();
    let messages = second["messages"].as_array().expect("messages");
    let [asked, heard] = &messages[messages.len() - 2..] else { panic!("two more") };
    assert_eq!(asked["tool_calls"][0]["function"]["name"], "name_intent");
    assert_eq!((&heard["role"], &heard["tool_call_id"]), (&json!("tool"), &json!("c1")));

    let thread = stage.conversation().await;
    let frames = thread.turn("hello").await;
    assert_eq!(frames.last().map(|frame| frame.name.as_str()), Some("reply.failed"));
    assert_eq!(upstream.asked().len(), 7, "it is told once");
}

#[tokio::test]
async fn a_remote_bot_that_names_none_has_the_faqs() {
    let upstream = Upstream::start(|number, _| match number {
        0 => Answer::json(200, &json!({ "text": "Yes.", "intent": "theirs" })),
        _ => Answer::json(200, &json!({ "text": "Yes.", "intent": null })),
    })
    .await;
    let definition = json!({ "kind": "remote", "name": "Theirs", "url": upstream.url("/bot") });
    let mut stage = Stage::with_bot(&definition).await;
    stage.deploy_beside(&faq()).await;
    let told = intents(&stage, &["refund please", "refund please", "talk to a human"]).await;
    let told: Vec<_> = told.iter().map(|(_, intent)| intent.clone()).collect();
    assert_eq!(told, [json!("theirs"), json!("refund"), Value::Null]);
}

#[tokio::test]
async fn a_bot_can_show_that_it_types() {
    let upstream = Upstream::start(|number, _| {
        let end = "event: chunk\ndata: {\"text\":\"Well.\"}\n\nevent: end\ndata: {}\n\n";
        Answer::events(vec![
            Piece::text("event: typing\ndata: {\"typing\":true}\n\n"),
            // The second breaks off: it is not left typing.
            if number == 0 { Piece::text(end) } else { Piece::Cut },
        ])
    })
    .await;
    let definition = json!({ "kind": "remote", "name": "Theirs", "url": upstream.url("/bot") });
    let stage = Stage::with_bot(&definition).await;
    let thread = stage.conversation().await;
    for last in ["message.outbound", "reply.failed"] {
        let mut feed = thread.client.stream(&thread.path("/stream"), None).await;
        thread.send("hi").await;
        let frames = feed.until(last).await;
        let typed = frames.iter().filter(|frame| frame.name == "typing");
        let typed: Vec<_> = typed.map(|frame| frame.data["data"].clone()).collect();
        let author = json!({ "type": "bot", "name": "Theirs" });
        let said = |typing: bool| json!({ "author": author, "typing": typing });
        assert_eq!(typed, [said(true), said(false)], "{frames:#?}");
    }
}
