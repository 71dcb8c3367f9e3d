//! *Send visitor response*.

use serde_json::json;

use super::stage::{START, example, messages_of, says, system, text};
use crate::harness::site::{Engine, Site, apply, both_engines};

#[apply(both_engines)]
async fn what_the_visitor_says_is_kept_and_the_bot_goes_on_at_the_live_url(engine: Engine) {
    let site = Site::start(engine).await;
    let system = system(&site);
    let started = system.post(START, &example(&site, "visitor-7")).await.expect(200);
    let id = text(&started, "/conversation/id");
    let sent = system.post(&messages_of(id), &says("Talk to a person")).await.expect(200);
    assert_eq!(sent["ok"], true);
    assert_eq!(text(&sent, "/message_id").len(), 32);
    let url = text(&sent, "/live_url");
    let path = &url[url.find("/live/v1").expect("our own path")..];
    let mut feed = site.stranger().stream(path, None).await;
    loop {
        let event = feed.next().await;
        let is_answer = event.data["data"]["in_reply_to"] == sent["message_id"];
        if is_answer && event.name != "reply.started" {
            break;
        }
    }
}

#[apply(both_engines)]
async fn a_button_and_a_file_are_messages_too(engine: Engine) {
    let site = Site::start(engine).await;
    let system = system(&site);
    let started = system.post(START, &example(&site, "visitor-7")).await.expect(200);
    let path = messages_of(text(&started, "/conversation/id"));
    for (kind, body) in [("button", "Opening hours"), ("file", "https://files.example/a.pdf")] {
        let mut message = says(body);
        message["message"]["type"] = json!(kind);
        system.post(&path, &message).await.expect(200);
    }
    let mut no_url = says("a.pdf");
    no_url["message"]["type"] = json!("file");
    system.post(&path, &no_url).await.expect(400);
}

#[apply(both_engines)]
async fn a_conversation_of_another_account_is_not_there(engine: Engine) {
    let site = Site::with_accounts(engine, &["One", "Two"]).await;
    let bearer = |account| format!("Bearer {}", site.credential_of(account, "chataibot_token"));
    let one = site.stranger().with("Authorization", &bearer(0));
    let two = site.stranger().with("Authorization", &bearer(1));
    let started = one.post(START, &example(&site, "visitor-7")).await.expect(200);
    let path = messages_of(text(&started, "/conversation/id"));
    one.post(&path, &says("Hi")).await.expect(200);
    let refused = two.post(&path, &says("Hi")).await.expect(404);
    assert_eq!(refused["ok"], false);
    assert_eq!(refused["error"]["code"], "not_found");
    // Nor is a bot of another account's.
    two.post(START, &example(&site, "visitor-7")).await.expect(404);
}
