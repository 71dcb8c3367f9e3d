//! Turns of one conversation are answered one after another, however their messages come in.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::shapes::{SEND, assert_page, assert_sent, history_of, text};
use crate::harness::Client;
use crate::harness::site::{Engine, Site, apply, both_engines};

const QUESTIONS: [(&str, &str); 4] = [
    ("what are your opening hours?", "business_hours"),
    ("where is my order?", "order_status"),
    ("How can I pay?", "payment_methods"),
    ("How do I return an item?", "returns"),
];

/// The feed's frames of a conversation from its beginning.
async fn frames(client: &Client, conversation: &str) -> Vec<Value> {
    let path = format!("/live/v1/conversations/{conversation}/events?limit=500");
    let page = client.get(&path).await.expect(200);
    page["events"].as_array().expect("frames").clone()
}

/// Checks that the k-th reply answers the k-th question, after it.
fn assert_one_after_another(frames: &[Value]) {
    let ids = |kind: &str, field: &str| -> Vec<(usize, String)> {
        let of_kind = frames.iter().enumerate().filter(|(_, frame)| frame["type"] == kind);
        of_kind.map(|(place, frame)| (place, text(&frame["data"], field).to_owned())).collect()
    };
    let asked = ids("message.inbound", "message_id");
    let replied = ids("message.outbound", "in_reply_to");
    assert_eq!(asked.len(), replied.len(), "each question has one reply: {frames:#?}");
    for ((asked_at, question), (replied_at, answered)) in asked.iter().zip(&replied) {
        assert_eq!(question, answered, "replies come in the order of the questions");
        assert!(asked_at < replied_at, "a reply comes after its question");
    }
}

async fn ask_at_once(client: &Client, conversation: &str) {
    let asked = (0..12).map(|number| {
        let (question, intent) = QUESTIONS[number % QUESTIONS.len()];
        let body = json!({ "message": question, "conversation_id": conversation });
        async move { (client.post(SEND, &body).await, intent) }
    });
    for (answer, intent) in join_all(asked).await {
        let sent = assert_sent(answer.expect(200));
        assert_eq!(sent["intent"], intent, "everyone is told the answer to their own question");
    }
}

#[apply(both_engines)]
async fn messages_at_once_have_a_reply_each_in_their_order(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let first = client.say(None, "Hello").await;
    let conversation = text(&first, "conversation_id");
    ask_at_once(&client, conversation).await;
    let page = assert_page(client.get(&history_of(conversation)).await.expect(200));
    assert_eq!(page["paging"]["total"], 26);
    assert_one_after_another(&frames(&client, conversation).await);
}

#[apply(both_engines)]
async fn so_have_messages_that_a_reader_watches(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let first = client.say(None, "Hello").await;
    let conversation = text(&first, "conversation_id");
    let path = format!("/live/v1/conversations/{conversation}/stream");
    let _reader = client.stream(&path, None).await;
    ask_at_once(&client, conversation).await;
    assert_one_after_another(&frames(&client, conversation).await);
}

#[apply(both_engines)]
async fn after_a_hand_over_no_message_of_the_same_moment_gets_a_bots_reply(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let first = client.say(None, "Hello").await;
    let conversation = text(&first, "conversation_id");
    let bodies = ["I want to talk to a human", "where is my order?", "How can I pay?"]
        .map(|message| json!({ "message": message, "conversation_id": conversation }));
    let answers = join_all(bodies.iter().map(|body| client.post(SEND, body))).await;
    for answer in &answers {
        assert_sent(answer.expect(200));
    }
    assert_eq!(answers[0].json()["status"], "queued_for_agent");
    let frames = frames(&client, conversation).await;
    let kinds: Vec<_> = frames.iter().map(|frame| text(frame, "type")).collect();
    let handed_over = kinds.iter().position(|kind| *kind == "conversation.escalated");
    let handed_over = handed_over.expect("the conversation was handed over");
    assert!(!kinds[handed_over..].contains(&"message.outbound"), "the bot is silent: {kinds:?}");
    // Whoever was answered by the bot has its reply in the history.
    let replies = kinds.iter().filter(|kind| **kind == "message.outbound").count();
    let answered = answers.iter().filter(|answer| answer.json()["status"] == "bot").count();
    assert_eq!(replies, answered + 1, "the greeting and what was answered: {kinds:?}");
}
