//! Variables of all three kinds feed the flow; language and time zone set its language and clock.

use serde_json::{Value, json};

use super::stage::{START, example, messages_of, says, system, text};
use crate::harness::feed::SseEvent;
use crate::harness::site::{Engine, Site, apply, both_engines};

fn flow() -> Value {
    json!({ "kind": "flow", "name": "Desk", "default_language": "en", "start": "tell", "steps": {
        "tell": { "type": "ask", "variable": "conversation.answer", "next": "done", "text": {
            "en": "{{contact.name}} {{contact.email}} {{contact.plan}} {{conversation.variable}} \
                   {{system.referrerUrl}} {{system.now}}",
            "de": "Hallo {{contact.name}}" } },
        "done": { "type": "end", "text": "{{conversation.answer}}, {{conversation.variable}}" } } })
}

async fn reply_at(site: &Site, answered: &Value) -> SseEvent {
    let url = text(answered, "/live_url");
    let path = &url[url.find("/live/v1").expect("our own path")..];
    let mut feed = site.stranger().stream(path, None).await;
    feed.until("message.outbound").await.pop().expect("the reply")
}

#[apply(both_engines)]
async fn a_flow_says_what_it_was_told(engine: Engine) {
    let site = Site::with_bot(engine, &flow()).await;
    let system = system(&site);
    let mut body = example(&site, "visitor-7");
    body["bot_key"] = json!(site.default_bot());
    body["variables"]["contact"]["plan"] = json!(7);
    let started = system.post(START, &body).await.expect(200);
    let reply = reply_at(&site, &started).await;
    let said = text(&reply.data, "/data/text");
    let told = "User Name example@domain.com 7 value https://chataibot.io ";
    let clock = said.strip_prefix(told).unwrap_or_else(|| panic!("{said}"));
    assert!(clock.contains("+05:30"), "the clock of Asia/Calcutta: {clock}");
    let answer = messages_of(text(&started, "/conversation/id"));
    let sent = system.post(&answer, &says("Blue")).await.expect(200);
    assert_eq!(text(&reply_at(&site, &sent).await.data, "/data/text"), "Blue, value");
}

#[apply(both_engines)]
async fn it_speaks_the_browsers_language(engine: Engine) {
    let site = Site::with_bot(engine, &flow()).await;
    let mut body = example(&site, "visitor-7");
    body["bot_key"] = json!(site.default_bot());
    body["variables"]["system"]["browserLanguage"] = json!("de-AT");
    let started = system(&site).post(START, &body).await.expect(200);
    let reply = reply_at(&site, &started).await;
    assert_eq!(text(&reply.data, "/data/text"), "Hallo User Name");
    assert_eq!(text(&reply.data, "/data/language"), "de", "whatever the visitor wrote in");
}

#[apply(both_engines)]
async fn a_message_that_tells_no_language_has_the_browsers(engine: Engine) {
    let site = Site::with_bot(engine, &flow()).await;
    let mut body = example(&site, "visitor-7");
    body["bot_key"] = json!(site.default_bot());
    body["variables"]["system"]["browserLanguage"] = json!("de-DE");
    body["message"]["data"]["body"] = json!("123");
    let started = system(&site).post(START, &body).await.expect(200);
    let url = text(&started, "/live_url");
    let path = &url[url.find("/live/v1").expect("our own path")..];
    let asked = site.stranger().stream(path, None).await.until("message.inbound").await;
    assert_eq!(text(&asked.last().expect("it").data, "/data/language"), "de");
}

#[apply(both_engines)]
async fn a_variable_that_is_refused_is_named_with_what_is_wrong(engine: Engine) {
    let site = Site::start(engine).await;
    let system = system(&site);
    let refused = async |conversation: Value| {
        let mut body = example(&site, "visitor-7");
        body["variables"]["conversation"] = conversation;
        let refused = system.post(START, &body).await.expect(400);
        text(&refused, "/error/message").to_owned()
    };
    for name in ["", "a b", &"x".repeat(80)] {
        let said = refused(json!({ name: "x" })).await;
        let told = format!("has {name:?}, which is no name");
        assert!(said.contains(&told) && said.contains("80 bytes"), "{said}");
    }
    // The example has three of the system's.
    let many = (0..120).map(|n| (format!("k{n:03}"), json!("x")));
    let said = refused(Value::Object(many.collect())).await;
    assert!(said.contains("has \"k097\", one too many: there may be 100"), "{said}");
    assert!(!said.contains("k098"), "it is told once: {said}");
}

#[apply(both_engines)]
async fn a_value_that_is_too_long_is_cut_and_null_is_an_empty_text(engine: Engine) {
    let definition = json!({ "kind": "flow", "name": "Desk", "start": "tell", "steps": {
        "tell": { "type": "end", "text": "{{conversation.none|none}} {{system.referrerUrl}}" } } });
    let site = Site::with_bot(engine, &definition).await;
    let mut body = example(&site, "visitor-7");
    body["bot_key"] = json!(site.default_bot());
    body["variables"]["conversation"] = json!({ "none": null });
    body["variables"]["system"]["referrerUrl"] = json!("u".repeat(1_001));
    let started = system(&site).post(START, &body).await.expect(200);
    let reply = reply_at(&site, &started).await;
    assert_eq!(text(&reply.data, "/data/text"), format!("none {}", "u".repeat(1_000)));
}

#[apply(both_engines)]
async fn a_file_answers_a_step_that_asks_for_one(engine: Engine) {
    let definition = json!({ "kind": "flow", "name": "Desk", "start": "ask", "steps": {
        "ask": { "type": "ask", "text": "The invoice?", "variable": "conversation.invoice",
            "validation": { "type": "file" }, "retry": "A file, please.", "next": "done" },
        "done": { "type": "end", "text": "Got {{conversation.invoice}}." } } });
    let site = Site::with_bot(engine, &definition).await;
    let system = system(&site);
    let mut body = example(&site, "visitor-7");
    body["bot_key"] = json!(site.default_bot());
    let started = system.post(START, &body).await.expect(200);
    reply_at(&site, &started).await;
    let path = messages_of(text(&started, "/conversation/id"));
    let sent = system.post(&path, &says("here it is")).await.expect(200);
    assert_eq!(text(&reply_at(&site, &sent).await.data, "/data/text"), "A file, please.");
    let mut file = says("https://files.example/a.pdf");
    file["message"]["type"] = json!("file");
    let sent = system.post(&path, &file).await.expect(200);
    let said = "Got https://files.example/a.pdf.";
    assert_eq!(text(&reply_at(&site, &sent).await.data, "/data/text"), said);
}
