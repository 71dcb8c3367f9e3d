//! Variables of all three kinds feed the flow; language and time zone set its language and clock.

use serde_json::{Value, json};

use super::Site;
use super::stage::{START, example, messages_of, says, system, text};
use crate::harness::feed::SseEvent;

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

#[tokio::test]
async fn a_flow_says_what_it_was_told() {
    let site = Site::with_bot(&flow()).await;
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

#[tokio::test]
async fn it_speaks_the_browsers_language() {
    let site = Site::with_bot(&flow()).await;
    let mut body = example(&site, "visitor-7");
    body["bot_key"] = json!(site.default_bot());
    body["variables"]["system"]["browserLanguage"] = json!("de-AT");
    let started = system(&site).post(START, &body).await.expect(200);
    let reply = reply_at(&site, &started).await;
    assert_eq!(text(&reply.data, "/data/text"), "Hallo User Name");
}
