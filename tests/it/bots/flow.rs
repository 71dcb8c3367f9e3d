//! Flow bots through the front door: what they remember, whom they call, and which version answers.

use serde_json::{Value, json};

use super::stage::Stage;
use crate::harness::upstream::{Answer, Upstream};

fn orders(upstream: &Upstream) -> Value {
    json!({
        "kind": "flow", "name": "Desk", "start": "ask",
        "steps": {
            "ask": { "type": "ask", "text": "Which order?", "variable": "conversation.order",
                "validation": { "type": "text", "pattern": "[A-Z]{2}[0-9]{3}" },
                "retry": "Such as AC123.", "max_retries": 1, "on_fail": "sorry", "next": "look" },
            "look": { "type": "http", "url": upstream.url("/orders/{{conversation.order}}?q={{system.message}}"),
                "headers": { "X-Key": "s3cret" },
                "save": { "conversation.state": "/order/0/state" }, "next": "more", "on_error": "sorry" },
            "more": { "type": "buttons", "text": "It is {{conversation.state}}. Another?",
                "options": [{ "label": "Yes", "next": "ask" }, { "label": "No", "next": "bye" }] },
            "sorry": { "type": "end", "text": "Sorry, I cannot look it up." },
            "bye": { "type": "end", "text": "Bye, {{conversation.order}}.", "resolve": true },
        }
    })
}

#[tokio::test]
async fn variables_and_the_place_last_from_turn_to_turn_and_over_a_crash() {
    let upstream =
        Upstream::start(|_, _| Answer::json(200, &json!({ "order": [{ "state": "on its way" }] })))
            .await;
    let mut stage = Stage::with_bot(&orders(&upstream)).await;
    let sent = stage.ask(None, "hi").await;
    assert_eq!(sent["reply"]["text"], "Which order?");
    let id = sent["conversation_id"].as_str().expect("an id");
    assert_eq!(stage.ask(Some(id), "the red one").await["reply"]["text"], "Such as AC123.");
    stage.server.kill().await;
    stage.server.restart().await;
    assert_eq!(stage.ask(Some(id), "AC123").await["reply"]["text"], "It is on its way. Another?");
    let request = upstream.request(0).await;
    assert_eq!(request.path, "/orders/AC123?q=AC123");
    assert_eq!(request.header("x-key"), "s3cret");
    assert_eq!(stage.ask(Some(id), "hm").await["reply"]["text"], "It is on its way. Another?");
    assert_eq!(stage.ask(Some(id), "no").await["reply"]["text"], "Bye, AC123.");
    assert_eq!(
        stage.ask(Some(id), "hi again").await["reply"]["text"],
        "Which order?",
        "it begins anew"
    );
}

#[tokio::test]
async fn too_many_answers_that_are_none_and_calls_that_fail_lead_elsewhere() {
    let upstream = Upstream::start(|number, _| match number {
        0 => Answer::json(500, &json!({})),
        1 => Answer::Whole { status: 200, headers: Vec::new(), body: "<html>".to_owned() },
        2 => Answer::Whole {
            status: 302,
            headers: vec![("location", "http://127.0.0.1:1/".to_owned())],
            body: String::new(),
        },
        _ => Answer::Whole { status: 200, headers: Vec::new(), body: "[1]".repeat(100_000) },
    })
    .await;
    let stage = Stage::with_bot(&orders(&upstream)).await;
    let sorry = "Sorry, I cannot look it up.";
    let sent = stage.ask(None, "hi").await;
    let id = sent["conversation_id"].as_str().expect("an id");
    stage.ask(Some(id), "no idea").await;
    assert_eq!(stage.ask(Some(id), "really").await["reply"]["text"], sorry);
    for _ in 0..4 {
        assert_eq!(stage.ask(Some(id), "hi").await["reply"]["text"], "Which order?");
        assert_eq!(stage.ask(Some(id), "AC123").await["reply"]["text"], sorry);
    }
    assert_eq!(upstream.asked().len(), 4, "no redirect was followed, nothing was repeated");
}

#[tokio::test]
async fn buttons_are_shown_with_the_message() {
    let upstream =
        Upstream::start(|_, _| Answer::json(200, &json!({ "order": [{ "state": "lost" }] }))).await;
    let stage = Stage::with_bot(&orders(&upstream)).await;
    let thread = stage.conversation().await;
    thread.turn("hi").await;
    let frames = thread.turn("AC123").await;
    let message = frames.iter().find(|frame| frame.name == "message.outbound").expect("one");
    assert_eq!(message.data["data"]["buttons"], json!(["Yes", "No"]));
}

#[tokio::test]
async fn a_conversation_stays_on_the_version_it_began_with() {
    let flow = |ask: &str, steps: Value| {
        let mut all = json!({
            "ask": { "type": "ask", "text": ask, "variable": "conversation.a", "next": "end" },
        });
        all.as_object_mut().expect("steps").extend(steps.as_object().expect("steps").clone());
        json!({ "kind": "flow", "name": "Desk", "start": "ask", "steps": all })
    };
    let first =
        flow("One?", json!({ "end": { "type": "end", "text": "One: {{conversation.a}}." } }));
    let second =
        flow("Two?", json!({ "end": { "type": "end", "text": "Two: {{conversation.a}}." } }));
    let mut stage = Stage::with_bot(&first).await;
    let sent = stage.ask(None, "hi").await;
    let old = sent["conversation_id"].as_str().expect("an id");
    stage.deploy(&second).await;
    assert_eq!(stage.ask(Some(old), "x").await["reply"]["text"], "One: x.");
    let sent = stage.ask(None, "hi").await;
    assert_eq!(sent["reply"]["text"], "Two?");
    let new = sent["conversation_id"].as_str().expect("an id");
    assert_eq!(stage.ask(Some(new), "y").await["reply"]["text"], "Two: y.");
    assert_eq!(stage.ask(Some(old), "again").await["reply"]["text"], "One?");
}

#[tokio::test]
async fn a_flow_that_is_stopped_waits_where_its_texts_would_have_led() {
    let definition = json!({ "kind": "flow", "name": "Desk", "start": "hi", "pace_ms": 1000, "steps": {
        "hi": { "type": "say", "text": "One thing, and another, and one more, and so on.", "next": "ask" },
        "ask": { "type": "ask", "text": "Well?", "variable": "conversation.a", "next": "end" },
        "end": { "type": "end", "text": "So: {{conversation.a}}." } } });
    let stage = Stage::with_bot(&definition).await;
    let thread = stage.conversation().await;
    let mut feed = thread.client.stream(&thread.path("/stream"), None).await;
    thread.send("hello").await;
    feed.until("reply.chunk").await;
    thread.client.post(&thread.path("/stop"), &Value::Null).await.expect(200);
    feed.until("reply.stopped").await;
    assert_eq!(thread.answer("yes").await, "So: yes.");
}

#[tokio::test]
async fn a_flow_hands_over_with_what_it_said() {
    let definition = json!({ "kind": "flow", "name": "Desk", "start": "hi", "steps": {
        "hi": { "type": "set", "variable": "conversation.a", "value": "b", "next": "person" },
        "person": { "type": "hand_over", "text": "One moment." } } });
    let stage = Stage::with_person(&definition).await;
    let thread = stage.conversation().await;
    thread.turn("hi").await;
    let said = thread.event("message.outbound").await;
    assert_eq!(said["data"]["text"], "One moment.");
    thread.event("conversation.escalated").await;
}

#[tokio::test]
async fn a_flow_that_is_wrong_is_refused_with_all_that_is() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let server = crate::harness::Server::command(dir.path(), &["account", "create", "--name", "x"]);
    assert!(server.await.0);
    let file = dir.path().join("bot.json");
    let definition = json!({ "kind": "flow", "name": "Desk", "start": "hi", "steps": {
        "hi": { "type": "say", "text": "", "next": "nowhere" }, "lost": { "type": "end" } } });
    std::fs::write(&file, definition.to_string()).expect("written");
    let file = file.to_str().expect("a path in UTF-8");
    let deploy = ["bot", "deploy", "--file", file];
    let (done, said) = crate::harness::Server::command(dir.path(), &deploy).await;
    assert!(!done);
    for problem in [
        "steps.hi.next: there is no step \"nowhere\"",
        "steps.hi.text: is empty",
        "steps.lost: no way leads here",
        "steps.lost: says nothing",
    ] {
        assert!(said.contains(problem), "{problem}: {said}");
    }
}

#[tokio::test]
async fn an_answer_moves_no_call_to_another_path() {
    let upstream = Upstream::start(|_, _| Answer::json(200, &json!({}))).await;
    let definition = json!({ "kind": "flow", "name": "Desk", "start": "ask", "steps": {
        "ask": { "type": "ask", "text": "Who?", "variable": "conversation.id", "next": "call" },
        "call": { "type": "http", "method": "DELETE", "headers": { "X-Key": "s3cret" },
            "url": upstream.url("/api/users/{{conversation.id}}/cart"),
            "next": "done", "on_error": "sorry" },
        "done": { "type": "end", "text": "Done." },
        "sorry": { "type": "end", "text": "Sorry." } } });
    let stage = Stage::with_bot(&definition).await;
    let thread = stage.conversation().await;
    for (answer, said) in [("..", "Sorry."), (".", "Sorry."), ("7/..", "Done.")] {
        assert_eq!(thread.answer("hi").await, "Who?");
        assert_eq!(thread.answer(answer).await, said, "{answer}");
    }
    let asked = upstream.asked();
    let paths: Vec<_> = asked.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, ["/api/users/7%2F../cart"]);
}

#[tokio::test]
async fn an_empty_answer_is_a_good_one_and_a_header_of_the_authors_stands_instead_of_ours() {
    let upstream = Upstream::start(|_, _| Answer::Whole {
        status: 204,
        headers: Vec::new(),
        body: String::new(),
    })
    .await;
    let definition = json!({ "kind": "flow", "name": "Desk", "start": "old", "steps": {
        "old": { "type": "set", "variable": "conversation.state", "value": "old", "next": "call" },
        "call": { "type": "http", "url": upstream.url("/state"),
            "headers": { "accept": "application/vnd.shop+json" },
            "save": { "conversation.state": "/state" }, "next": "done", "on_error": "sorry" },
        "done": { "type": "end", "text": "[{{conversation.state}}]" },
        "sorry": { "type": "end", "text": "Sorry." } } });
    let stage = Stage::with_bot(&definition).await;
    assert_eq!(stage.conversation().await.answer("hi").await, "[]");
    assert_eq!(upstream.request(0).await.header("accept"), "application/vnd.shop+json");
}

#[tokio::test]
async fn a_bot_that_says_nothing_is_logged() {
    let definition = json!({ "kind": "flow", "name": "Desk", "start": "end", "steps": {
        "end": { "type": "end", "text": "{{conversation.none}}" } } });
    let stage = Stage::with_bot(&definition).await;
    let frames = stage.conversation().await.turn("hi").await;
    assert_eq!(frames.last().expect("an end").name, "reply.failed");
    stage.server.says(&["a bot said nothing"]).await;
}
